-- Columns as SuiteCRM publishes them (modules/Contacts/vardefs.php, include/SugarObjects/templates/person/vardefs.php); MariaDB.
CREATE TABLE users (id char(36) PRIMARY KEY, user_name varchar(60), deleted bool DEFAULT 0) CHARACTER SET utf8 COLLATE utf8_general_ci;
CREATE TABLE accounts (
    id char(36) NOT NULL PRIMARY KEY, name varchar(150), date_entered datetime, date_modified datetime,
    modified_user_id char(36), created_by char(36), description text, deleted bool DEFAULT 0,
    account_type varchar(50), industry varchar(50), phone_office varchar(100), website varchar(255), KEY idx_accnt_name_del (name, deleted)
) CHARACTER SET utf8 COLLATE utf8_general_ci;
CREATE TABLE contacts (
    id char(36) NOT NULL PRIMARY KEY,
    date_entered datetime, date_modified datetime, modified_user_id char(36), created_by char(36),
    description text, deleted bool DEFAULT 0, assigned_user_id char(36),
    salutation varchar(255), first_name varchar(100), last_name varchar(100), title varchar(100), photo varchar(255), department varchar(255),
    do_not_call bool DEFAULT 0,
    phone_home varchar(100), phone_mobile varchar(100), phone_work varchar(100), phone_other varchar(100), phone_fax varchar(100),
    lawful_basis text, date_reviewed date, lawful_basis_source varchar(100),
    primary_address_street varchar(150), primary_address_city varchar(100), primary_address_state varchar(100),
    primary_address_postalcode varchar(20), primary_address_country varchar(255),
    alt_address_street varchar(150), alt_address_city varchar(100), alt_address_state varchar(100),
    alt_address_postalcode varchar(20), alt_address_country varchar(255),
    assistant varchar(75), assistant_phone varchar(100), lead_source varchar(255), reports_to_id char(36), birthdate date, campaign_id char(36),
    KEY idx_cont_last_first (last_name, first_name, deleted)
) CHARACTER SET utf8 COLLATE utf8_general_ci;
CREATE TABLE accounts_contacts (
    id varchar(36) NOT NULL PRIMARY KEY, contact_id varchar(36), account_id varchar(36), date_modified datetime, deleted bool NOT NULL DEFAULT 0,
    KEY idx_account_contact (account_id, contact_id)
) CHARACTER SET utf8 COLLATE utf8_general_ci;
CREATE TABLE email_addresses (
    id char(36) NOT NULL PRIMARY KEY, email_address varchar(255), email_address_caps varchar(255), invalid_email bool DEFAULT 0,
    opt_out bool DEFAULT 0, confirm_opt_in varchar(255) DEFAULT 'not-opt-in', date_created datetime, date_modified datetime, deleted bool DEFAULT 0,
    KEY idx_ea_caps_opt_out_invalid (email_address_caps, opt_out, invalid_email)
) CHARACTER SET utf8 COLLATE utf8_general_ci;
CREATE TABLE email_addr_bean_rel (
    id char(36) NOT NULL PRIMARY KEY, email_address_id char(36) NOT NULL, bean_id char(36) NOT NULL, bean_module varchar(100),
    primary_address bool DEFAULT 0, reply_to_address bool DEFAULT 0, date_created datetime, date_modified datetime, deleted bool DEFAULT 0,
    KEY idx_bean_id (bean_id, bean_module)
) CHARACTER SET utf8 COLLATE utf8_general_ci;
