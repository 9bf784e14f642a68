-- Columns as EspoCRM makes them of its published entity definitions (Modules/Crm/Resources/metadata/entityDefs).
-- KEY stands for an automatic number, QUOTE for the engine's quote of names.
CREATE TABLE QUOTEuserQUOTE (id varchar(17) NOT NULL PRIMARY KEY, user_name varchar(50), deleted boolean DEFAULT false);
CREATE TABLE account (
    id varchar(17) NOT NULL PRIMARY KEY, name varchar(249), deleted boolean DEFAULT false, website varchar(255), type varchar(255),
    industry varchar(255), sic_code varchar(40), description text, created_at timestamp NULL DEFAULT NULL, modified_at timestamp NULL DEFAULT NULL
);
CREATE TABLE contact (
    id varchar(17) NOT NULL PRIMARY KEY, deleted boolean DEFAULT false, salutation_name varchar(255), first_name varchar(100), last_name varchar(100),
    description text, do_not_call boolean NOT NULL DEFAULT false, address_street varchar(255), address_city varchar(100), address_state varchar(100),
    address_country varchar(100), address_postal_code varchar(40), middle_name varchar(100), account_id varchar(17), campaign_id varchar(17),
    created_at timestamp NULL DEFAULT NULL, modified_at timestamp NULL DEFAULT NULL, created_by_id varchar(17), modified_by_id varchar(17), assigned_user_id varchar(17)
);
CREATE TABLE account_contact (id KEY, account_id varchar(17), contact_id varchar(17), role varchar(100), is_inactive boolean DEFAULT false, deleted boolean DEFAULT false, UNIQUE (account_id, contact_id));
CREATE TABLE email_address (id varchar(17) NOT NULL PRIMARY KEY, name varchar(255), deleted boolean DEFAULT false, lower varchar(255), invalid boolean NOT NULL DEFAULT false, opt_out boolean NOT NULL DEFAULT false);
CREATE TABLE entity_email_address (
    id KEY, entity_id varchar(17), email_address_id varchar(17), entity_type varchar(100), QUOTEprimaryQUOTE boolean DEFAULT false, deleted boolean DEFAULT false,
    UNIQUE (entity_id, email_address_id, entity_type)
);
CREATE TABLE phone_number (id varchar(17) NOT NULL PRIMARY KEY, name varchar(36), deleted boolean DEFAULT false, type varchar(255), QUOTEnumericQUOTE varchar(36), invalid boolean NOT NULL DEFAULT false, opt_out boolean NOT NULL DEFAULT false);
CREATE TABLE entity_phone_number (
    id KEY, entity_id varchar(17), phone_number_id varchar(17), entity_type varchar(100), QUOTEprimaryQUOTE boolean DEFAULT false, deleted boolean DEFAULT false,
    UNIQUE (entity_id, phone_number_id, entity_type)
);
