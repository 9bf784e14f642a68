-- Columns as Odoo publishes them (odoo/addons/base/models/res_partner.py); PostgreSQL.
CREATE TABLE res_country (id serial PRIMARY KEY, name jsonb NOT NULL, code varchar(2));
CREATE TABLE res_country_state (id serial PRIMARY KEY, country_id integer REFERENCES res_country, name varchar NOT NULL, code varchar NOT NULL);
CREATE TABLE res_users (id serial PRIMARY KEY, login varchar NOT NULL, active boolean DEFAULT true);
CREATE TABLE res_partner (
    id serial PRIMARY KEY,
    company_id integer,
    create_date timestamp without time zone,
    name varchar,
    complete_name varchar,
    parent_id integer REFERENCES res_partner ON DELETE SET NULL,
    commercial_partner_id integer,
    ref varchar,
    lang varchar,
    tz varchar,
    vat varchar,
    company_registry varchar,
    website varchar,
    function varchar,
    type varchar,
    street varchar,
    street2 varchar,
    zip varchar,
    city varchar,
    state_id integer REFERENCES res_country_state,
    country_id integer REFERENCES res_country,
    email varchar,
    email_normalized varchar,
    phone varchar,
    phone_sanitized varchar,
    company_name varchar,
    barcode jsonb,
    comment text,
    active boolean,
    is_company boolean,
    user_id integer REFERENCES res_users,
    color integer,
    create_uid integer,
    write_uid integer,
    write_date timestamp without time zone,
    CONSTRAINT res_partner_check_name CHECK ((type = 'contact' AND name IS NOT NULL) OR type <> 'contact')
);
CREATE TABLE res_partner_category (id serial PRIMARY KEY, name jsonb NOT NULL, color integer);
CREATE TABLE res_partner_res_partner_category_rel (
    category_id integer NOT NULL REFERENCES res_partner_category ON DELETE CASCADE,
    partner_id integer NOT NULL REFERENCES res_partner ON DELETE CASCADE,
    PRIMARY KEY (category_id, partner_id)
);
