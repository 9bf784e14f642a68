# SPDX-License-Identifier: GPL-3.0-or-later
"""The presets on tables as their applications publish them: cards come out right, edits and deletes go back in the
application's own way, and nothing else in those tables changes. BCM_ROWS sets how many contacts there are."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from radicale_bcm.books import view
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.sync import databases, pull, records, trash
from radicale_bcm.sync.errors import Forbidden, Invalid
from tests import templates
from tests.contract.presets.applications import FILLERS, Application, Change, Expected, differences
from tests.contract.world import ADMIN, World

ROWS = int(os.environ.get("BCM_ROWS", "30"))

APPLICATIONS = [
    ("odoo", "postgresql"), ("dolibarr", "mariadb"), ("suitecrm", "mariadb"), ("espocrm", "mariadb"),
    ("espocrm", "postgresql"),
]  # fmt: skip


class Crm:
    """An application's database, shown in alice's folder."""

    def __init__(self, world: World, app: Application, expected: Expected) -> None:
        self.world = world
        self.app = app
        self.expected = expected

    def card(self, record_id: str) -> tuple[str, str]:
        """href and text."""
        found = [each for each in self.world.folder().values() if f"\r\nX-BCM-ID:{record_id}\r\n" in each.text]
        assert len(found) == 1
        return found[0].href, found[0].text

    def edit(self, record_id: str, old: str, new: str) -> list[Change]:
        """A phone edits a card. What changed in the tables, without the application's own time of change."""
        href, _ = self.card(record_id)
        before = self.app.dump()
        self.world.edit(href, old, new)
        changes, added, gone = differences(before, self.app.dump())
        assert gone == []
        self.added = added
        return [each for each in changes if not _is_time(each.column)]

    def fields(self, record_id: str) -> dict[str, str]:
        with self.world.site.business(self.world.site.origin()).reader() as source:
            found = source.get(record_id)
        assert found is not None
        return found.fields

    def look(self) -> None:
        """Look at once, without waiting for the next time."""
        feed = self.world.site.feed()
        feed._next = feed._next_scan = 0.0
        pull.pull_all(self.world.site)


def _is_time(column: str) -> bool:
    return column in {"tms", "date_modified", "modified_at", "write_date", "fk_user_modif", "modified_user_id"}


def _made(app: Application, expected: Expected, tmp_path: Path, mapping: str) -> Crm:
    state = templates.copy_sqlite("state", tmp_path / "state.db")
    world = World(state, templates.copy_sqlite("business", tmp_path / "main.db"), app.url)
    world.hire("alice")
    databases.add(world.site, ADMIN, "crm", app.url, Path(mapping))
    world.switch("crm", "remove")
    return Crm(world, app, expected)


@pytest.fixture(params=APPLICATIONS, ids=["-".join(each) for each in APPLICATIONS])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    """Each application in turn; Odoo may be written, too."""
    name, engine = request.param
    app = Application(name, request.getfixturevalue(engine).new_database())
    expected = FILLERS[name](app, ROWS)
    file = tmp_path / "mapping.toml"
    file.write_text(f'preset = "{name}"\nwrite = "sql"\n')
    made = _made(app, expected, tmp_path, str(file))
    yield made
    made.world.site.close()
    app.engine.dispose()


pytestmark = pytest.mark.servers


def test_cards_come_out_right_and_nothing_is_written(crm: Crm):
    tables, before = crm.app.tables(), crm.app.dump()
    with crm.world.site.business(crm.world.site.origin()).reader() as source:
        found = {each.id: each.fields for each in source.iterate()}
        assert source.count() == len(found)
    assert found == crm.expected
    folder = crm.world.folder()
    assert len(folder) == len(crm.expected)
    for each in folder.values():
        record_id = each.text.partition("X-BCM-ID:")[2].partition("\r\n")[0]
        wanted = crm.expected[record_id]
        shown = codec.read(each.text)
        for name, value in wanted.items():
            if BY_NAME[name].direction == "both" and name != "category":
                assert shown[name] == value, name
        categories = next((line for line in each.text.split("\r\n") if line.startswith("CATEGORIES:")), "")
        assert categories == "CATEGORIES:" + ",".join(filter(None, (wanted.get("category"), "Business")))
    crm.look()
    crm.world.sound()
    assert (crm.app.tables(), crm.app.dump()) == (tables, before)
    # No change is seen where there is none, and what was looked at costs nothing.
    assert not crm.world.site.feed().has_pending()


MAIN = {"odoo": "res_partner", "dolibarr": "llx_socpeople", "suitecrm": "contacts", "espocrm": "contact"}
TITLE = {"odoo": "function", "dolibarr": "poste", "suitecrm": "title"}
CITY = {"odoo": "city", "dolibarr": "town", "suitecrm": "primary_address_city", "espocrm": "address_city"}
IDS = {"odoo": "200{}", "dolibarr": "1{}", "suitecrm": "contact-{}", "espocrm": "c00000{}"}


def test_an_edit_of_a_column_changes_that_column(crm: Crm):
    name = crm.app.name
    assert crm.edit(IDS[name].format(1), ";Redmond;", ";Bellevue 🎈;" if name != "suitecrm" else ";Bellevué;") == [
        Change(MAIN[name], CITY[name], "Redmond", "Bellevue 🎈" if name != "suitecrm" else "Bellevué")
    ]
    assert crm.added == []
    assert crm.fields(IDS[name].format(1))["business_city"].startswith("Bellevu")
    # An edit that changes nothing writes nothing.
    before = crm.app.dump()
    crm.world.edit(crm.card(IDS[name].format(1))[0], "BEGIN:VCARD", "BEGIN:VCARD")
    assert crm.app.dump() == before
    if name == "suitecrm":  # whose tables cannot hold it: MariaDB's utf8 has three bytes
        assert crm.edit(IDS[name].format(1), ";Bellevué;", ";Bellevue 🎈;") == []
        assert ";Bellevue 🎈;" in crm.card(IDS[name].format(1))[1]
    crm.world.sound()


def test_what_does_not_fit_stays_in_the_card(crm: Crm):
    name = crm.app.name
    record_id = IDS[name].format(2)
    long = "x" * 300
    number = "+1 425 555 0002"
    _, text = crm.card(record_id)
    assert number in text
    changes = crm.edit(record_id, f"TEL;TYPE=work,voice:{number}", f"TEL;TYPE=work,voice:{long}\r\nX-OWN:kept")
    if name == "odoo":  # whose columns have no limit
        assert changes == [Change("res_partner", "phone", number, long)]
    else:
        assert changes == []
        assert crm.fields(record_id)["business_phone"] == number
    href, text = crm.card(record_id)
    assert codec.read(text)["business_phone"] == long
    assert "\r\nX-OWN:kept\r\n" in text
    # Other fields of such an edit are written.
    city = crm.expected[record_id]["business_city"]
    assert crm.edit(record_id, f";{city};", ";Elsewhere;") == [Change(MAIN[name], CITY[name], city, "Elsewhere")]
    assert codec.read(crm.card(record_id)[1])["business_phone"] == long
    del href


def test_names_of_companies_and_countries_are_looked_up(crm: Crm):
    name = crm.app.name
    record_id, company = next(
        (key, fields["company"]) for key, fields in crm.expected.items() if fields.get("company") == "Contoso"
    )
    changes = crm.edit(record_id, "ORG:Contoso", "ORG:Adatum")
    if name == "suitecrm":
        assert changes == [Change("accounts_contacts", "deleted", 0, 1)]
        ((table, row),) = crm.added
        assert table == "accounts_contacts"
        assert (row["contact_id"], row["account_id"], row["deleted"]) == (record_id, "account-3", 0)
        # And back: the link that was marked is used again.
        assert (
            crm.edit(record_id, "ORG:Adatum", "ORG:Contoso")
            == [Change("accounts_contacts", "deleted", 1, 0), Change("accounts_contacts", "deleted", 0, 1)]
            or crm.added == []
        )
    else:
        column = {"odoo": "parent_id", "dolibarr": "fk_soc", "espocrm": "account_id"}[name]
        assert [(each.table, each.column) for each in changes] == [(MAIN[name], column)]
        # EspoCRM links the account as well, and leaves the former one linked.
        linked = [("account_contact", changes[0].after, record_id, False)] if name == "espocrm" else []
        assert [
            (table, row["account_id"], row["contact_id"], bool(row["deleted"])) for table, row in crm.added
        ] == linked
        changes = crm.edit(record_id, "ORG:Adatum", "ORG:Contoso")
        assert [(each.table, each.column) for each in changes] == [(MAIN[name], column)]
        assert crm.added == []
        if name == "espocrm":
            # Without an account, that link is marked, and with it again, used again.
            gone = Change("account_contact", "deleted", False, True)
            changes = crm.edit(record_id, "ORG:Contoso\r\n", "")
            assert [each for each in changes if each.table != MAIN[name]] == [gone]
            changes = crm.edit(record_id, "\r\nEND:VCARD", "\r\nORG:Contoso\r\nEND:VCARD")
            assert [each for each in changes if each.table != MAIN[name]] == [gone._replace(before=True, after=False)]
            assert crm.added == []
    assert crm.fields(record_id)["company"] == company
    # A company that is none is not made; the card keeps it.
    assert crm.edit(record_id, "ORG:Contoso", "ORG:Nobody Ltd") == []
    assert crm.added == []
    assert "ORG:Nobody Ltd" in crm.card(record_id)[1]
    if name in {"odoo", "dolibarr"}:
        swiss = next(key for key, fields in crm.expected.items() if fields["business_country"] == "Switzerland")
        column = {"odoo": "country_id", "dolibarr": "fk_pays"}[name]
        (change,) = crm.edit(swiss, ";Switzerland", ";us")
        assert (change.column, change.after) == (column, {"odoo": 1, "dolibarr": 11}[name])
        assert crm.fields(swiss)["business_country"] == "United States"


@pytest.mark.parametrize("crm", APPLICATIONS[2:], indirect=True, ids=["-".join(each) for each in APPLICATIONS[2:]])
def test_addresses_and_phones_behind_links(crm: Crm):
    suite = crm.app.name == "suitecrm"
    rows, link = ("email_addresses", "email_addr_bean_rel") if suite else ("email_address", "entity_email_address")
    value, caps = ("email_address", "email_address_caps") if suite else ("name", "lower")
    primary = "primary_address" if suite else "primary"
    own, upper = ("bean_id", str.upper) if suite else ("entity_id", str.lower)
    first = IDS[crm.app.name].format(0)
    before = crm.app.dump()

    # A new address: a new row with its shadow, a new link that is the primary one, and the former link marked. The
    # address itself, which somebody else has as well, is left alone.
    changes = crm.edit(first, "Person.0@Example.com", "Neu.Ö@Example.org")
    assert changes == [Change(link, "deleted", 0, 1)] or changes == [Change(link, "deleted", False, True)]
    added = dict(crm.added)
    assert added.keys() == {rows, link}
    assert added[rows][value] == "Neu.Ö@Example.org"
    assert added[rows][caps] == upper("Neu.Ö@Example.org")
    assert not added[rows]["deleted"]
    assert (added[link][own], bool(added[link][primary]), bool(added[link]["deleted"])) == (first, True, False)
    assert crm.fields(first)["email"] == "Neu.Ö@Example.org"
    assert crm.fields(first).get("email2") == ("second.0@example.com" if suite else None)

    # An address that the application has already is linked, whatever its case, and not doubled.
    other = IDS[crm.app.name].format(1)
    crm.edit(first, "Neu.Ö@Example.org", "person.1@EXAMPLE.com")
    assert [table for table, _ in crm.added] == [link]
    assert crm.fields(first)["email"] == crm.fields(other)["email"] == "Person.1@Example.com"

    # Without the primary one, the next becomes it; without any, there is none.
    changes = crm.edit(first, "EMAIL;TYPE=internet,pref:Person.1@Example.com\r\n", "")
    assert sum(each.column == primary and bool(each.after) for each in changes) == (1 if suite else 0)
    assert crm.added == []
    assert crm.fields(first).get("email") == ("second.0@example.com" if suite else None)

    # A former address comes back: its link is unmarked, because there may be only one.
    crm.edit(first, "\r\nEND:VCARD", "\r\nEMAIL;TYPE=internet:Person.0@Example.com\r\nEND:VCARD")
    assert crm.added == []
    assert "Person.0@Example.com" in crm.fields(first).values()

    # The other owner's rows are as they were.
    now = crm.app.dump()
    others = {where for where, row in before.items() if row.get(own) not in (None, first) and where[0] == link}
    assert {where: now[where] for where in others} == {where: before[where] for where in others}
    assert now[rows, "mail-0-1" if suite else "m0"] == before[rows, "mail-0-1" if suite else "m0"]
    crm.world.sound()

    if not suite:
        changes = crm.edit(first, "TEL;TYPE=work,voice:+1 425 555 0000", "TEL;TYPE=work,voice:+1 (206) 555-0199")
        assert [(each.table, each.column) for each in changes] == [("entity_phone_number", "deleted")]
        added = dict(crm.added)
        assert (added["phone_number"]["type"], added["phone_number"]["numeric"]) == ("Office", "12065550199")
        assert added["entity_phone_number"]["primary"]
        crm.edit(first, "\r\nEND:VCARD", "\r\nTEL;TYPE=cell:+41 79 1\r\nEND:VCARD")
        added = dict(crm.added)
        assert added["phone_number"]["type"] == "Mobile"
        assert not added["entity_phone_number"]["primary"]
        assert crm.fields(first)["mobile_phone"] == "+41 79 1"


@pytest.mark.parametrize("crm", APPLICATIONS[2:], indirect=True, ids=["-".join(each) for each in APPLICATIONS[2:]])
def test_addresses_that_come_together_stay_in_their_order(crm: Crm):
    """Their links are of one second, and have random keys in SuiteCRM."""
    record_id = IDS[crm.app.name].format(1)
    for number in range(6):
        there = "".join(f"EMAIL;TYPE=internet:{name}{number - 1}@example.org\r\n" for name in ("b", "a"))
        lines = "".join(f"EMAIL;TYPE=internet:{name}{number}@example.org\r\n" for name in ("b", "a"))
        _, text = crm.card(record_id)
        if number:
            crm.edit(record_id, there, lines)
        else:
            second = "EMAIL;TYPE=internet:second.1@example.com\r\n"
            old = second if second in text else "END:VCARD"
            crm.edit(record_id, old, lines if old == second else f"{lines}END:VCARD")
        found = crm.fields(record_id)
        assert (found["email2"], found["email3"]) == (f"b{number}@example.org", f"a{number}@example.org")


def test_deleting_and_restoring_is_a_flag(crm: Crm):
    name = crm.app.name
    record_id = IDS[name].format(3)
    href, text = crm.card(record_id)
    before = crm.app.dump()
    crm.world.delete(href)
    changes, added, gone = differences(before, crm.app.dump())
    flag = {"odoo": "active", "dolibarr": "statut"}.get(name, "deleted")
    (change,) = [each for each in changes if not _is_time(each.column)]
    assert (change.table, change.column, bool(change.after)) == (MAIN[name], flag, flag == "deleted")
    assert (added, gone) == ([], [])
    assert href not in crm.world.folder()
    # No column of these applications says who did it.
    crm.app.run(_deleted_by_the_application(name, IDS[name].format(4)))
    crm.look()
    with crm.world.site.write(ADMIN) as unit:
        by = {each.id: each.deleted_by for each in trash.listed(unit)}
        assert (by[record_id], by[IDS[name].format(4)]) == ("alice", "")
        assert [each.id for each in trash.restore_of(unit, "alice", None).restored] == [record_id]
    crm.look()
    assert crm.card(record_id) == (href, text) or crm.card(record_id)[0] == href
    left = [each for each in differences(before, crm.app.dump())[0] if not _is_time(each.column)]
    assert [(each.table, each.column) for each in left] == [(MAIN[name], flag)], "the application's own"
    crm.world.sound()


def _deleted_by_the_application(name: str, record_id: str) -> str:
    flag = {"odoo": "active = false", "dolibarr": "statut = 0", "suitecrm": "deleted = 1"}.get(name, "deleted = true")
    time = {"odoo": "write_date", "dolibarr": "tms", "suitecrm": "date_modified"}.get(name, "modified_at")
    key = "rowid" if name == "dolibarr" else "id"
    return f"UPDATE {MAIN[name]} SET {flag}, {time} = CURRENT_TIMESTAMP WHERE {key} = '{record_id}'"


def test_a_new_contact_is_a_row_as_the_application_makes_it(crm: Crm):
    name = crm.app.name
    before = crm.app.dump()
    fields = {"email": "new@example.com", "company": "Contoso", "business_phone": "+1 1"}
    fields |= {"name": "Zoë New"} if name == "odoo" else {"given_name": "Zoë", "family_name": "New"}
    with crm.world.site.write(ADMIN) as unit:
        made = records.add(unit, fields)
        with pytest.raises(Invalid):
            records.add(unit, {"family_name": "X", "hobby": "Chess"})
    changes, added, gone = differences(before, crm.app.dump())
    assert (changes, gone) == ([], [])
    row = next(row for table, row in added if table == MAIN[name] and str(next(iter(row.values()))) == made.id)
    constants: dict[str, dict[str, Any]] = {
        "odoo": {"is_company": False, "type": "contact", "active": True, "complete_name": "Zoë New"},
        "dolibarr": {"entity": 1, "priv": 0, "statut": 1, "fk_user_creat": 1},
        "suitecrm": {"deleted": 0, "created_by": "1", "modified_user_id": "1"},
        "espocrm": {"deleted": False},
    }
    assert {column: row[column] for column in constants[name]} == constants[name]
    expected_tables = {
        "suitecrm": {"contacts", "accounts_contacts", "email_addresses", "email_addr_bean_rel"},
        "espocrm": {
            "contact",
            "account_contact",
            "email_address",
            "entity_email_address",
            "phone_number",
            "entity_phone_number",
        },
    }
    assert {table for table, _ in added} == expected_tables.get(name, {MAIN[name]})
    assert {key: value for key, value in crm.fields(made.id).items() if key in fields} == fields
    assert crm.card(made.id)
    crm.world.sound()


CHANGES = {
    "odoo": "UPDATE res_partner SET city = 'Moved', write_date = now() at time zone 'utc' WHERE id = 2002",
    "dolibarr": "UPDATE llx_socpeople SET town = 'Moved' WHERE rowid = 12",
    "suitecrm": "UPDATE contacts SET primary_address_city = 'Moved', date_modified = {now} WHERE id = 'contact-2'",
    "espocrm": "UPDATE contact SET address_city = 'Moved', modified_at = {now} WHERE id = 'c000002'",
}
RENAMED = {
    "odoo": "UPDATE res_partner SET name = 'Renamed', write_date = now() at time zone 'utc' WHERE id = 1000",
    "dolibarr": "UPDATE llx_societe SET nom = 'Renamed' WHERE rowid = 1",
    "suitecrm": "UPDATE accounts SET name = 'Renamed', date_modified = utc_timestamp() WHERE id = 'account-0'",
    "espocrm": "UPDATE account SET name = 'Renamed', modified_at = {now} WHERE id = 'account0'",
}
REMOVED = {
    "odoo": "DELETE FROM res_partner WHERE id = 2004",
    "dolibarr": "DELETE FROM llx_socpeople WHERE rowid = 14",
    "suitecrm": "DELETE FROM contacts WHERE id = 'contact-4'",
    "espocrm": "DELETE FROM contact WHERE id = 'c000004'",
}


def test_changes_of_the_application_are_seen(crm: Crm):
    """By the time of change of the row and of what it points to, and rows that are gone by their missing key."""
    name, world = crm.app.name, crm.world
    now = "utc_timestamp()" if crm.app.url.startswith("mariadb") else "now() at time zone 'utc'"
    moved, href = IDS[name].format(2), crm.card(IDS[name].format(2))[0]
    world.site.feed()._next_scan = time.monotonic() + 1000
    world.site.feed()._next = 0.0
    crm.app.run(CHANGES[name].format(now=now))
    assert pull.pull_all(world.site).changed == 1
    assert ";Moved;" in world.folder()[href].text
    of_contoso = [key for key, fields in crm.expected.items() if fields.get("company") == "Contoso"]
    crm.app.run(RENAMED[name].format(now=now))
    world.site.feed()._next = 0.0
    assert pull.pull_all(world.site).changed == len(of_contoso)
    assert all("ORG:Renamed" in crm.card(each)[1] for each in of_contoso)
    gone = crm.card(IDS[name].format(4))[0]
    crm.app.run(REMOVED[name])
    world.site.feed()._next = 0.0
    assert pull.pull_all(world.site).removed == 0
    crm.look()
    assert gone not in world.folder()
    assert len(world.folder()) == len(crm.expected) - 1
    # Edits of ours are no changes of theirs.
    crm.edit(moved, ";Moved;", ";Back;")
    world.site.feed()._next = 0.0
    assert not world.site.feed().has_pending()
    world.sound()


def test_an_emptied_table_is_an_error_here_too(crm: Crm):
    if crm.app.name == "odoo":
        crm.app.run("TRUNCATE res_partner CASCADE")
    else:
        crm.app.run(f"DELETE FROM {MAIN[crm.app.name]}")
    before = crm.world.folder()
    feed = crm.world.site.feed()
    feed._next = feed._next_scan = 0.0
    counts = pull.pull_all(crm.world.site)
    assert (counts.removed, counts.refused) == (0, len(crm.expected))
    assert crm.world.folder() == before


def test_filters_find_the_same_with_and_without_sql(crm: Crm):
    world = crm.world
    for filters, passes in (
        (["city=Redmond"], lambda fields: fields.get("business_city") == "Redmond"),
        (["company=Contoso|Adatum"], lambda fields: fields.get("company") in ("Contoso", "Adatum")),
        (["email=@person.1*"], lambda fields: fields.get("email", "").lower().startswith("person.1")),
        (["phone=*0003"], lambda fields: any(v.endswith("0003") for k, v in fields.items() if k.endswith("phone"))),
    ):
        with world.site.write(ADMIN) as unit:
            found = {each.id for each in records.listed(world.site, unit.records(), filters)}
        assert found == {key for key, fields in crm.expected.items() if passes(fields)}, filters
    world.hire("bob", filters=["city=Redmond"])
    redmond = [key for key, fields in crm.expected.items() if fields["business_city"] == "Redmond"]
    assert len(world.folder("bob")) == len(redmond)


def test_a_read_only_mapping_writes_nothing(postgresql, tmp_path: Path):
    """Odoo's preset as it ships."""
    app = Application("odoo", postgresql.new_database())
    crm = _made(app, FILLERS["odoo"](app, 20), tmp_path, "odoo")
    href, _ = crm.card("2001")
    before = app.dump()
    with pytest.raises(Forbidden):
        crm.world.edit(href, ";Redmond;", ";Bellevue;")
    with pytest.raises(Forbidden):
        crm.world.delete(href)
    assert app.dump() == before
    assert href in crm.world.folder()
    crm.world.site.close()
    app.engine.dispose()


def test_the_application_was_upgraded_meanwhile(crm: Crm):
    """A column that the mapping does not name comes, and one that it names goes: the second is an error state."""
    name = crm.app.name
    crm.app.run(f"ALTER TABLE {MAIN[name]} ADD COLUMN another integer")
    crm.look()
    before = crm.world.folder()
    crm.app.run(f"ALTER TABLE {MAIN[name]} DROP COLUMN {CITY[name]}")
    with pytest.raises((databases.WrongSchema, DBAPIError)):
        crm.look()
    with pytest.raises(databases.WrongSchema, match=CITY[name]):
        pull.compare_all(crm.world.site)
    assert crm.world.folder() == before


def test_import_from_our_own_database_and_back(postgresql, mariadb, tmp_path: Path):
    """Kept UIDs and addresses: a phone sees no delete, although the application has no column for UIDs."""
    for number, (name, server) in enumerate((("suitecrm", mariadb), ("odoo", postgresql))):
        folder = tmp_path / str(number)
        folder.mkdir()
        app = Application(name, server.new_database())
        expected = FILLERS[name](app, 10)
        world = World(f"sqlite:///{folder}/state.db", f"sqlite:///{folder}/main.db", app.url)
        world.hire("alice")
        with world.site.write(ADMIN) as unit:
            for each in range(5):
                more = {"hobby": "Chess", "home_phone2": "+1 2"} if each else {}
                more |= {"given_name": f"G{each}", "family_name": f"F{each}", "email": f"g{each}@x.y"}
                records.add(unit, more)
        file = folder / "m.toml"
        file.write_text(f'preset = "{name}"\nwrite = "sql"\n')
        databases.add(world.site, ADMIN, "crm", app.url, file)
        before, revision = world.folder(), world.revision()
        assert world.switch("crm", "import").imported == 5
        after = world.folder()
        assert before.keys() <= after.keys()
        assert {href: after[href].uid for href in before} == {href: each.uid for href, each in before.items()}
        assert len(after) == 5 + len(expected)
        assert world.delta(revision)[1] == set()
        shown = codec.read(next(each.text for href, each in after.items() if href in before and "g3@" in each.text))
        assert (shown["given_name"], shown["family_name"], shown["home_phone2"]) == ("G3", "F3", "+1 2")
        world.sound()
        world.switch("main", "remove")
        assert world.folder().keys() == before.keys()
        assert world.switch("crm", "import").imported == 0
        assert len(world.folder()) == 5 + len(expected)
        world.site.close()
        app.engine.dispose()


def test_the_folder_needs_no_business_database(crm: Crm):
    with crm.world.site.read() as conn:
        assert list(view.resources(conn, crm.world._open(conn, "alice")))
