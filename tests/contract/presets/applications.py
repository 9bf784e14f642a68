# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of the applications that have a preset: their tables with generated rows, and what their contacts are."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import MetaData
from sqlalchemy.pool import NullPool

LONG_AGO = datetime(2024, 1, 1, 12, 0, 0)  # noqa: DTZ001 - as these applications keep times
COMPANIES = ("Contoso", "Fabrikam, Inc.", "Société Générale; Ltd", "Adatum")
CITIES = ("Seattle", "Redmond", "Zürich")

Dump = dict[tuple[str, Any], dict[str, Any]]
"""(table, key) -> row"""


class Change(NamedTuple):
    """A cell that differs."""

    table: str
    column: str
    before: Any
    after: Any


class Application:
    """A database with the tables of an application."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        driver = url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:")
        self.engine = sqlalchemy.create_engine(driver, poolclass=NullPool)
        text = (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
        on_postgresql = url.startswith("postgresql")
        text = text.replace("QUOTE", '"' if on_postgresql else "`")
        number = "bigserial PRIMARY KEY" if on_postgresql else "bigint AUTO_INCREMENT PRIMARY KEY"
        text = text.replace("id KEY", f"id {number}")
        if not on_postgresql and name == "espocrm":
            text = text.replace(");\n", ") CHARACTER SET utf8mb4;\n")
        lines = "\n".join(line for line in text.split("\n") if not line.startswith("--"))
        with self.engine.begin() as conn:
            for statement in lines.split(";\n"):
                if statement.strip():
                    conn.exec_driver_sql(statement)
        self.metadata = MetaData()
        self.metadata.reflect(self.engine, resolve_fks=False)

    def add(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Insert rows that all have the same columns."""
        if rows:
            with self.engine.begin() as conn:
                conn.execute(self.metadata.tables[table].insert(), rows)

    def run(self, statement: str) -> None:
        """What the application itself does."""
        with self.engine.begin() as conn:
            conn.exec_driver_sql(statement)

    def dump(self) -> Dump:
        """Every row of every table."""
        found: Dump = {}
        with self.engine.connect() as conn:
            for table in self.metadata.sorted_tables:
                for row in conn.execute(table.select()):
                    key = tuple(row._mapping[column.name] for column in table.primary_key)
                    found[table.name, key[0] if len(key) == 1 else key] = dict(row._mapping)
        return found

    def tables(self) -> dict[str, list[str]]:
        """The columns of each table that is there now."""
        inspector = sqlalchemy.inspect(self.engine)
        return {name: [each["name"] for each in inspector.get_columns(name)] for name in inspector.get_table_names()}


def differences(before: Dump, after: Dump) -> tuple[list[Change], list[tuple[str, dict[str, Any]]], list[str]]:
    """The cells that changed, the rows that came, and the tables of rows that went."""
    changes = [
        Change(where[0], column, row[column], after[where][column])
        for where, row in before.items()
        if where in after
        for column in row
        if row[column] != after[where][column]
    ]
    added = [(where[0], row) for where, row in after.items() if where not in before]
    return changes, added, [where[0] for where in before if where not in after]


Expected = dict[str, dict[str, str]]
"""record id -> fields"""


def _person(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "given": f"Zoë {number}",
        "family": f"O'Fämily; {number}",
        "title": chance.choice(("Buyer", "CEO, acting", "")),
        "street": f"{number} Main Street",
        "street2": "Door 2" if number % 3 == 0 else "",
        "city": CITIES[number % 3],
        "zip": f"{98000 + number}",
        "phone": f"+1 425 555 {number:04}",
        "mobile": f"+41 79 {number:07}" if number % 2 else "",
        "mail": f"Person.{number}@Example.com",
        "note": "First line\nsecond < line & more" if number % 4 == 0 else "",
        "company": chance.choice((*COMPANIES, "")),
        "deleted": number % 10 == 9,
        "at": LONG_AGO + timedelta(seconds=number),
    }


def _shown(fields: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value}


def odoo(app: Application, count: int) -> Expected:
    """Companies, addresses and persons in one table; states, countries, tags."""
    app.add("res_country", [{"id": 1, "name": {"en_US": "United States", "de_DE": "USA"}, "code": "US"},
                            {"id": 2, "name": {"en_US": "Switzerland"}, "code": "CH"}])  # fmt: skip
    app.add("res_country_state", [{"id": 1, "country_id": 1, "name": "Washington", "code": "WA"}])
    app.add("res_users", [{"id": 2, "login": "admin"}])
    app.add("res_partner_category", [{"id": 1, "name": {"en_US": "Gold"}}, {"id": 2, "name": {"en_US": "Press, TV"}}])
    companies = {name: 1000 + number for number, name in enumerate(COMPANIES)}
    common = {"active": True, "type": "contact", "write_date": LONG_AGO, "create_date": LONG_AGO}
    app.add("res_partner", [{"id": key, "name": name, "complete_name": name, "is_company": True, **common}
                            for name, key in companies.items()])  # fmt: skip
    app.add("res_partner", [{"id": 1500, "name": None, "parent_id": 1000, "street": "1 Dock", "is_company": False,
                             "active": True, "type": "delivery", "write_date": LONG_AGO}])  # fmt: skip
    chance, rows, tags, expected = random.Random(1), [], [], {}
    for number in range(count):
        one, key = _person(number, chance), 2000 + number
        swiss = one["city"] == "Zürich"
        name = f"{one['given']} {one['family']}"
        html = "<p>First line<br>second &lt; line &amp; <b>more</b></p>" if one["note"] else None
        rows.append(
            {
                "id": key, "name": name, "complete_name": name, "parent_id": companies.get(one["company"]),
                "is_company": False, "type": "contact", "active": not one["deleted"], "function": one["title"] or None,
                "street": one["street"], "street2": one["street2"] or None, "zip": one["zip"], "city": one["city"],
                "state_id": None if swiss else 1, "country_id": 2 if swiss else 1, "email": one["mail"],
                "email_normalized": one["mail"].lower(), "phone": one["phone"], "comment": html, "user_id": 2,
                "color": number % 12, "create_date": one["at"], "write_date": one["at"], "write_uid": 2,
            }
        )  # fmt: skip
        if number % 5 == 0:
            tags += [{"partner_id": key, "category_id": 1}, {"partner_id": key, "category_id": 2}]
        if not one["deleted"]:
            expected[str(key)] = _shown(
                {
                    "name": name, "company": one["company"], "job_title": one["title"],
                    "business_street": "\n".join(filter(None, (one["street"], one["street2"]))),
                    "business_postal_code": one["zip"], "business_city": one["city"],
                    "business_region": "" if swiss else "Washington",
                    "business_country": "Switzerland" if swiss else "United States",
                    "email": one["mail"], "business_phone": one["phone"], "note": one["note"], "owner": "admin",
                    "category": "Gold,Press\\, TV" if number % 5 == 0 else "",
                }
            )  # fmt: skip
    app.add("res_partner", rows)
    app.add("res_partner_res_partner_category_rel", tags)
    for table in ("res_partner", "res_country", "res_country_state", "res_users", "res_partner_category"):
        app.run(f"SELECT setval('{table}_id_seq', 100000)")
    return expected


def dolibarr(app: Application, count: int) -> Expected:
    """Contacts with companies, code tables and tags."""
    app.add("llx_c_country", [{"rowid": 11, "code": "US", "code_iso": "USA", "label": "United States"},
                              {"rowid": 6, "code": "CH", "code_iso": "CHE", "label": "Switzerland"}])  # fmt: skip
    app.add("llx_c_departements", [{"rowid": 1, "code_departement": "WA", "nom": "Washington"}])
    app.add("llx_c_civility", [{"rowid": 1, "code": "MME", "label": "Mrs."}, {"rowid": 2, "code": "MR", "label": "M."}])
    companies = {name: 1 + number for number, name in enumerate(COMPANIES)}
    at = {"tms": LONG_AGO, "datec": LONG_AGO}
    app.add("llx_societe", [{"rowid": key, "nom": name, **at} for name, key in companies.items()])
    app.add("llx_categorie", [{"rowid": 1, "label": "Gold", "type": 4}])
    chance, rows, tags, expected = random.Random(2), [], [], {}
    for number in range(count):
        one, key = _person(number, chance), 10 + number
        swiss, private = one["city"] == "Zürich", number % 10 == 8
        rows.append(
            {
                "rowid": key, "datec": one["at"], "tms": one["at"], "entity": 1,
                "fk_soc": companies.get(one["company"]),
                "civility": "MME" if number % 2 else None, "lastname": one["family"], "firstname": one["given"],
                "address": "\n".join(filter(None, (one["street"], one["street2"]))), "zip": one["zip"],
                "town": one["city"], "fk_departement": None if swiss else 1, "fk_pays": 6 if swiss else 11,
                "birthday": "1980-05-17" if number % 6 == 0 else None, "poste": one["title"], "phone": one["phone"],
                "phone_mobile": one["mobile"], "email": one["mail"], "no_email": number % 7 == 0,
                "priv": private, "note_public": one["note"], "note_private": "secret", "socialnetworks": "{}",
                "statut": 0 if one["deleted"] else 1, "fk_user_creat": 5, "fk_user_modif": 5,
            }
        )  # fmt: skip
        if number % 5 == 0:
            tags.append({"fk_categorie": 1, "fk_socpeople": key})
        if not one["deleted"] and not private:
            expected[str(key)] = _shown(
                {
                    "prefix": "Mrs." if number % 2 else "", "given_name": one["given"], "family_name": one["family"],
                    "company": one["company"], "job_title": one["title"],
                    "business_street": "\n".join(filter(None, (one["street"], one["street2"]))),
                    "business_postal_code": one["zip"], "business_city": one["city"],
                    "business_region": "" if swiss else "Washington",
                    "business_country": "Switzerland" if swiss else "United States",
                    "birthday": "1980-05-17" if number % 6 == 0 else "", "business_phone": one["phone"],
                    "mobile_phone": one["mobile"], "email": one["mail"], "note": one["note"],
                    "do_not_email": "true" if number % 7 == 0 else "false",
                    "category": "Gold" if number % 5 == 0 else "",
                }
            )  # fmt: skip
    rows.append(rows[0] | {"rowid": 999_999, "entity": 2, "firstname": "Other", "lastname": "Entity"})
    app.add("llx_socpeople", rows)
    app.add("llx_categorie_contact", tags)
    return expected


def suitecrm(app: Application, count: int) -> Expected:
    """Contacts whose addresses and accounts are behind links, some of them deleted on one of three levels."""
    app.add("users", [{"id": "1", "user_name": "admin"}])
    companies = {name: f"account-{number}" for number, name in enumerate(COMPANIES)}
    at = {"date_modified": LONG_AGO, "deleted": 0}
    app.add("accounts", [{"id": key, "name": name, **at} for name, key in companies.items()])
    chance, expected = random.Random(3), {}
    contacts, links, mails, mail_links = [], [], [], []
    for number in range(count):
        one, key = _person(number, chance), f"contact-{number}"
        contacts.append(
            {
                "id": key, "date_entered": one["at"], "date_modified": one["at"], "created_by": "1",
                "modified_user_id": "1", "description": one["note"] or None, "deleted": one["deleted"],
                "assigned_user_id": "1", "salutation": "Mrs." if number % 2 else None, "first_name": one["given"],
                "last_name": one["family"], "title": one["title"] or None, "do_not_call": number % 7 == 0,
                "phone_work": one["phone"], "phone_mobile": one["mobile"] or None,
                "primary_address_street": "\n".join(filter(None, (one["street"], one["street2"]))),
                "primary_address_city": one["city"], "primary_address_postalcode": one["zip"],
                "birthdate": "1980-05-17" if number % 6 == 0 else None, "lead_source": "Web Site",
            }
        )  # fmt: skip
        if one["company"]:
            links.append({"id": f"ac-{number}", "contact_id": key, "account_id": companies[one["company"]],
                          "date_modified": one["at"], "deleted": 0})  # fmt: skip
        # The second address first, the former one deleted, and one that belongs to an account.
        for slot, (mail, primary, gone) in enumerate(
            ((f"second.{number}@example.com", 0, 0), (one["mail"], 1, 0), (f"former.{number}@example.com", 0, 1))
        ):
            row = f"mail-{number}-{slot}"
            mails.append({"id": row, "email_address": mail, "email_address_caps": mail.upper(), "deleted": 0,
                          "date_created": one["at"], "date_modified": one["at"]})  # fmt: skip
            mail_links.append({"id": f"link-{number}-{slot}", "email_address_id": row, "bean_id": key,
                               "bean_module": "Contacts", "primary_address": primary, "date_created": one["at"],
                               "date_modified": one["at"], "deleted": gone})  # fmt: skip
        if not one["deleted"]:
            expected[key] = _shown(
                {
                    "prefix": "Mrs." if number % 2 else "", "given_name": one["given"], "family_name": one["family"],
                    "company": one["company"], "job_title": one["title"], "business_city": one["city"],
                    "business_street": "\n".join(filter(None, (one["street"], one["street2"]))),
                    "business_postal_code": one["zip"], "birthday": "1980-05-17" if number % 6 == 0 else "",
                    "business_phone": one["phone"], "mobile_phone": one["mobile"], "email": one["mail"],
                    "email2": f"second.{number}@example.com", "note": one["note"], "owner": "admin",
                    "do_not_call": "true" if number % 7 == 0 else "false", "lead_source": "Web Site",
                }
            )  # fmt: skip
    app.add("contacts", contacts)
    app.add("accounts_contacts", links)
    app.add("email_addresses", mails)
    app.add("email_addr_bean_rel", mail_links)
    # An account has the first contact's address as well.
    app.add("email_addr_bean_rel", [{"id": "shared", "email_address_id": "mail-0-1", "bean_id": "account-0",
                                     "bean_module": "Accounts", "primary_address": 1, "deleted": 0}])  # fmt: skip
    return expected


def espocrm(app: Application, count: int) -> Expected:
    """Contacts with e-mail addresses and phones behind links, and the columns that repeat them."""
    app.add("user", [{"id": "1", "user_name": "admin"}])
    companies = {name: f"account{number}" for number, name in enumerate(COMPANIES)}
    at = {"modified_at": LONG_AGO, "deleted": False}
    app.add("account", [{"id": key, "name": name, **at} for name, key in companies.items()])
    chance, expected = random.Random(4), {}
    contacts, mails, mail_links, phones, phone_links = [], [], [], [], []
    for number in range(count):
        one, key = _person(number, chance), f"c{number:06}"
        contacts.append(
            {
                "id": key, "deleted": one["deleted"], "salutation_name": "Mrs." if number % 2 else None,
                "first_name": one["given"], "last_name": one["family"], "description": one["note"] or None,
                "do_not_call": number % 7 == 0, "address_street": one["street"], "address_city": one["city"],
                "address_postal_code": one["zip"], "account_id": companies.get(one["company"]),
                "created_at": one["at"], "modified_at": one["at"], "assigned_user_id": "1",
            }
        )  # fmt: skip
        mails.append({"id": f"m{number}", "name": one["mail"], "lower": one["mail"].lower(), "deleted": False})
        mail_links.append({"entity_id": key, "email_address_id": f"m{number}", "entity_type": "Contact",
                           "primary": True, "deleted": False})  # fmt: skip
        numbers = [("Office", one["phone"]), *([("Mobile", one["mobile"])] if one["mobile"] else [])]
        for slot, (kind, phone) in enumerate(numbers):
            row = f"p{number}{slot}x"
            digits = "".join(filter(str.isdigit, phone))
            phones.append({"id": row, "name": phone, "type": kind, "numeric": digits, "deleted": False})
            phone_links.append({"entity_id": key, "phone_number_id": row, "entity_type": "Contact",
                                "primary": slot == 0, "deleted": False})  # fmt: skip
        if not one["deleted"]:
            expected[key] = _shown(
                {
                    "prefix": "Mrs." if number % 2 else "", "given_name": one["given"], "family_name": one["family"],
                    "company": one["company"], "business_street": one["street"], "business_city": one["city"],
                    "business_postal_code": one["zip"], "business_phone": one["phone"], "mobile_phone": one["mobile"],
                    "email": one["mail"], "note": one["note"], "owner": "admin",
                    "do_not_call": "true" if number % 7 == 0 else "false",
                }
            )  # fmt: skip
    app.add("contact", contacts)
    accounts = [(each["account_id"], each["id"]) for each in contacts if each["account_id"]]
    app.add("account_contact", [{"account_id": account, "contact_id": key, "role": "Buyer", "deleted": False}
                                for account, key in accounts])  # fmt: skip
    app.add("email_address", mails)
    app.add("entity_email_address", mail_links)
    app.add("phone_number", phones)
    app.add("entity_phone_number", phone_links)
    # A lead has the first contact's address and phone as well.
    lead = {"entity_id": "lead", "entity_type": "Lead", "primary": True}
    app.add("entity_email_address", [lead | {"email_address_id": "m0"}])
    app.add("entity_phone_number", [lead | {"phone_number_id": "p00x"}])
    return expected


FILLERS: dict[str, Callable[[Application, int], Expected]] = {
    "odoo": odoo, "dolibarr": dolibarr, "suitecrm": suitecrm, "espocrm": espocrm,
}  # fmt: skip
