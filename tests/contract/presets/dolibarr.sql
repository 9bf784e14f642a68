-- Columns as Dolibarr publishes them (htdocs/install/mysql/tables/llx_socpeople.sql and neighbours); MariaDB.
CREATE TABLE llx_c_country (rowid integer PRIMARY KEY, code varchar(2) NOT NULL, code_iso varchar(3), label varchar(128) NOT NULL, active tinyint DEFAULT 1 NOT NULL) ENGINE=innodb;
CREATE TABLE llx_c_departements (rowid integer AUTO_INCREMENT PRIMARY KEY, code_departement varchar(6) NOT NULL, fk_region integer, nom varchar(50), active tinyint DEFAULT 1 NOT NULL) ENGINE=innodb;
CREATE TABLE llx_c_civility (rowid integer AUTO_INCREMENT PRIMARY KEY, code varchar(6) NOT NULL, label varchar(128), active tinyint DEFAULT 1 NOT NULL) ENGINE=innodb;
CREATE TABLE llx_societe (
    rowid integer AUTO_INCREMENT PRIMARY KEY,
    nom varchar(128),
    name_alias varchar(128) NULL,
    entity integer DEFAULT 1 NOT NULL,
    status tinyint DEFAULT 1,
    code_client varchar(24),
    tms timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    datec datetime,
    address varchar(255), zip varchar(25), town varchar(50),
    phone varchar(30), phone_mobile varchar(30), fax varchar(30), url varchar(255), email varchar(128),
    client tinyint DEFAULT 0, fournisseur tinyint DEFAULT 0, tva_intra varchar(20)
) ENGINE=innodb DEFAULT CHARSET=utf8mb4;
CREATE TABLE llx_socpeople (
    rowid integer AUTO_INCREMENT PRIMARY KEY,
    datec datetime,
    tms timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    fk_soc integer,
    entity integer DEFAULT 1 NOT NULL,
    ref_ext varchar(255),
    name_alias varchar(255),
    civility varchar(6),
    lastname varchar(50),
    firstname varchar(50),
    address varchar(255),
    zip varchar(25),
    town varchar(255),
    fk_departement integer,
    fk_pays integer DEFAULT 0,
    birthday date,
    poste varchar(255),
    phone varchar(30), phone_perso varchar(30), phone_mobile varchar(30), fax varchar(30),
    email varchar(255),
    socialnetworks text DEFAULT NULL,
    photo varchar(255),
    no_email smallint NOT NULL DEFAULT 0,
    priv smallint NOT NULL DEFAULT 0,
    fk_user_creat integer DEFAULT 0,
    fk_user_modif integer,
    note_private text, note_public text,
    default_lang varchar(6),
    canvas varchar(32),
    import_key varchar(14),
    statut tinyint DEFAULT 1 NOT NULL,
    CONSTRAINT fk_socpeople_fk_soc FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid)
) ENGINE=innodb DEFAULT CHARSET=utf8mb4;
CREATE TABLE llx_categorie (rowid integer AUTO_INCREMENT PRIMARY KEY, label varchar(180) NOT NULL, type integer DEFAULT 1 NOT NULL) ENGINE=innodb DEFAULT CHARSET=utf8mb4;
CREATE TABLE llx_categorie_contact (fk_categorie integer NOT NULL, fk_socpeople integer NOT NULL, import_key varchar(14), PRIMARY KEY (fk_categorie, fk_socpeople)) ENGINE=innodb;
