# SPDX-License-Identifier: GPL-3.0-or-later
"""Mapping files: what they may say, clear errors, live reload; tables of other kinds than the presets have."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from radicale_bcm.business import transforms
from radicale_bcm.business.contract import NotAllowed, RecordMissing, StaleRecord, Unfit
from radicale_bcm.business.mapped import MappedDatabase
from radicale_bcm.business.mapping import Times
from radicale_bcm.business.mapping_file import InvalidMapping, preset_names, read, read_file
from radicale_bcm.database.errors import Unavailable, WrongSchema
from radicale_bcm.sync import databases, feed_mapped, pull
from radicale_bcm.sync.errors import Conflict, Invalid
from radicale_bcm.sync.feed_mapped import MappedFeed
from tests.contract.world import ADMIN, World

# Unix times, a type column with a table of its own, names in one column, and no flag: a row that is gone is deleted.
TABLES = """
CREATE TABLE people (nr INTEGER PRIMARY KEY, fullname TEXT NOT NULL, org INTEGER, born TEXT, vip INTEGER,
                     changed INTEGER, photo BLOB, remark TEXT);
CREATE TABLE orgs (nr INTEGER PRIMARY KEY, title TEXT, changed INTEGER);
CREATE TABLE numbers (nr INTEGER PRIMARY KEY, person INTEGER, kind TEXT, number VARCHAR(20), main INTEGER DEFAULT 0);
INSERT INTO orgs VALUES (1, 'Contoso', 1000);
INSERT INTO people VALUES (1, 'Nick Brigandi', 1, '1980-05-17', 1, 1000, x'00ff', NULL);
INSERT INTO people VALUES (2, 'Andrea Dunker', NULL, NULL, 0, 1001, NULL, 'Hello');
INSERT INTO numbers VALUES (1, 1, 'w', '+1 100', 1), (2, 1, 'w', '+1 101', 0), (3, 1, 'm', '+1 200', 0);
INSERT INTO numbers VALUES (4, 1, 'x', 'unknown kind', 0), (5, 2, 'm', '+1 300', 1);
"""
MAPPING = """
name = "people"
table = "people"
key = "nr"
write = "sql"
scan = 0
[modified]
columns = "changed"
unit = "unix"
overlap = 5
[update]
changed = "@now_unix"
[insert]
changed = "@now_unix"
[fields]
name = "fullname"
birthday = "born"
do_not_call = "vip"
note = "remark"
[lookups.company]
column = "org"
table = "orgs"
key = "nr"
text = "title"
unknown = "create"
insert = { changed = "@now_unix" }
modified = "changed"
[rows.phones]
table = "numbers"
key = "nr"
own = "person"
value = "number"
type = "kind"
primary = "main"
order = "nr"
fields = { w = ["business_phone", "business_phone2"], m = "mobile_phone" }
"""
NICK = {
    "name": "Nick Brigandi", "company": "Contoso", "birthday": "1980-05-17", "do_not_call": "true",
    "business_phone": "+1 100", "business_phone2": "+1 101", "mobile_phone": "+1 200",
}  # fmt: skip


class People:
    """The database and its mapping file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "people.db"
        self.file = folder / "people.toml"
        self.file.write_text(MAPPING)
        self.sql(TABLES)
        self.url = f"sqlite:///{self.path}"

    def sql(self, script: str) -> None:
        with closing(sqlite3.connect(self.path)) as conn:
            conn.executescript(script)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as conn:
            return conn.execute(query).fetchall()

    def open(self) -> MappedDatabase:
        return MappedDatabase(self.url, str(self.file))


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def test_all_presets_can_be_read():
    assert preset_names() == ["dolibarr", "espocrm", "odoo", "suitecrm"]
    for name in preset_names():
        found = read_file(name)
        assert found.name == name
        assert found.field_names >= {"email", "company", "business_city", "note"}
        assert bool(found.writable) == (name != "odoo")


def test_the_examples_can_be_read():
    folder = Path(__file__).parents[2] / "config" / "mapping"
    found = {each.stem: read_file(each) for each in folder.glob("*.toml")}
    assert found.keys() == {"example", "own"}
    assert found["example"].table == "dol_socpeople"
    assert found["own"].fields["business_street"].columns == ("street", "street_2")


def test_a_preset_is_changed_by_what_a_file_says_on_top():
    text = 'preset = "dolibarr"\nprefix = "abc_"\nwhere = {entity = 2}\n[fields]\nnote = "note_private"\nemail = false'
    found = read(text, "x")
    assert found.table == "abc_socpeople"
    assert found.lookups["company"].table == "abc_societe"
    assert found.where == {"entity": 2, "priv": 0}
    assert found.fields["note"].columns == ("note_private",)
    assert "email" not in found.field_names
    assert found.fingerprint != read('preset = "dolibarr"', "x").fingerprint


@pytest.mark.parametrize(
    ("old", "new", "place", "reason"),
    [
        ('table = "people"', "", "table", "is missing"),
        ('name = "fullname"', 'nmae = "fullname"', "fields.nmae", "is name meant"),
        ('write = "sql"', 'write = "yes"', "write", "sql, read_only"),
        ('key = "nr"\nwrite', 'kye = "nr"\nwrite', "kye", "is key meant"),
        ('unit = "unix"', 'unit = "days"', "modified.unit", "datetime, unix"),
        ("overlap = 5", 'time_zone = "Mars/City"', "modified.time_zone", "no time zone"),
        ('note = "remark"', 'note = {column = "remark", transform = "rot13"}', "fields.note", "html"),
        ('note = "remark"', "note = 5", "fields.note", "a table is needed"),
        ('changed = "@now_unix"\n[fields]', 'changed = "@tomorrow"\n[fields]', "insert.changed", "@now"),
        ('own = "person"', "", "rows.phones", "own"),
        ('m = "mobile_phone"', 'm = "name"', "fields.name", "more than one place"),
        ('m = "mobile_phone"', 'm = "mobil_phone"', "rows.phones.fields", "is mobile_phone meant"),
        ('type = "kind"', "", "rows.phones", "type"),
        ('unknown = "create"', 'unknown = "guess"', "lookups.company.unknown", "create, refuse, keep"),
        ("scan = 0", 'preset = "sap"', "preset", "odoo"),
        ("scan = 0", 'scan = "often"', "scan", "a number"),
        ("[fields]", "[fields", "", ""),
        ('name = "people"', "name = '\x01'", "", ""),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(old: str, new: str, place: str, reason: str):
    assert old in MAPPING
    with pytest.raises(InvalidMapping) as told:
        read(MAPPING.replace(old, new, 1), "my.toml")
    assert told.value.place == place
    assert reason in str(told.value)
    assert "my.toml" in str(told.value)


def test_a_table_or_column_that_is_not_there_is_told(people: People):
    for old, new, reason in (
        ('text = "title"', 'text = "headline"', "table orgs has no column headline"),
        ('table = "numbers"', 'table = "phones"', "there is no table phones"),
        ('note = "remark"', 'note = "remark; DROP TABLE people"', "no column remark; DROP TABLE people"),
    ):
        people.file.write_text(MAPPING.replace(old, new))
        with pytest.raises(WrongSchema, match=reason), people.open().reader():
            pass
    assert len(people.rows("SELECT * FROM people")) == 2


def test_records_are_read_and_written(people: People):
    database = people.open()
    with database.reader() as source:
        assert source.get("1").fields == NICK
        assert source.get("2").fields == {"name": "Andrea Dunker", "do_not_call": "false", "note": "Hello",
                                          "mobile_phone": "+1 300"}  # fmt: skip
        assert source.get("1").modified_at == datetime.fromtimestamp(1000, UTC)
        assert source.get_by_uid(source.get("2").uid).id == "2"
        assert [source.get(each) for each in ("3", "01", "x", "", "1 OR 1=1", "9" * 30)] == [None] * 6
        assert list(source.find_ids()) == ["1", "2"]
        assert not list(source.list_deleted())
    with database.writer() as source:
        before = source.get("1", lock=True)
        after = source.update("1", {"business_phone": "", "company": "Fabrikam", "birthday": ""}, before.version)
        assert after.version != before.version
        assert after.fields == {**{k: v for k, v in NICK.items() if k not in ("birthday", "business_phone2")},
                                "company": "Fabrikam", "business_phone": "+1 101"}  # fmt: skip
        with pytest.raises(StaleRecord):
            source.update("1", {"note": "x"}, before.version)
        with pytest.raises(RecordMissing):
            source.update("7", {"note": "x"}, "")
        assert source.refusals(
            {"birthday": "--05-17", "mobile_phone": "1" * 21, "hobby": "Chess", "note": "x", "do_not_call": "maybe"}
        ).keys() == {"mobile_phone", "hobby", "do_not_call"}
        with pytest.raises(Unfit):
            source.insert({"name": "X", "hobby": "Chess"})
        made = source.insert({"name": "Zoe", "mobile_phone": "+1 9", "do_not_call": "true"})
        assert (made.id, made.fields) == ("3", {"name": "Zoe", "mobile_phone": "+1 9", "do_not_call": "true"})
        with pytest.raises(NotAllowed):
            source.soft_delete("1")
        with pytest.raises(NotAllowed):
            source.purge("1")
    database.close()
    # The kind that the mapping does not name, and the binary column, are as they were; the primary flag moved on.
    assert people.rows("SELECT nr, person, kind, number, main FROM numbers WHERE person = 1") == [
        (2, 1, "w", "+1 101", 1), (3, 1, "m", "+1 200", 0), (4, 1, "x", "unknown kind", 0)
    ]  # fmt: skip
    assert people.rows("SELECT photo FROM people WHERE nr = 1") == [(b"\x00\xff",)]
    assert people.rows("SELECT title FROM orgs ORDER BY nr") == [("Contoso",), ("Fabrikam",)]


def test_journal_mode_and_tables_of_a_foreign_file_stay_as_they_are(people: People):
    before = people.rows("PRAGMA journal_mode"), people.rows("SELECT sql FROM sqlite_master")
    with people.open().writer() as source:
        source.insert({"name": "X"})
    assert (people.rows("PRAGMA journal_mode"), people.rows("SELECT sql FROM sqlite_master")) == before


@pytest.fixture
def world(people: People, tmp_path: Path) -> World:
    made = World(f"sqlite:///{tmp_path}/state.db", f"sqlite:///{tmp_path}/main.db", people.url)
    made.hire("alice")
    databases.add(made.site, ADMIN, "people", people.url, people.file)
    made.switch("people", "remove")
    return made


def _look(world: World) -> pull.Counts:
    world.site.feed()._next = 0.0
    return pull.pull_all(world.site)


def test_an_edited_mapping_is_used_when_it_is_valid(world: World, people: People):
    assert len(world.folder()) == 2
    people.file.write_text(MAPPING.replace('note = "remark"', 'job_title = "remark"'))
    assert _look(world).changed == 1
    assert sum("TITLE:Hello" in each.text for each in world.folder().values()) == 1
    people.file.write_text("nonsense")
    people.sql("UPDATE people SET remark = 'Still', changed = 2000000000 WHERE nr = 2")
    assert _look(world).changed == 1
    assert sum("TITLE:Still" in each.text for each in world.folder().values()) == 1
    people.file.unlink()
    assert _look(world) == pull.Counts()
    # A restart has nothing to go on with, and serves what is there.
    world.site.close()
    world.restart()
    assert len(world.folder()) == 2
    with pytest.raises(Unavailable):
        _look(world)
    people.file.write_text(MAPPING)
    assert _look(world).changed == 1


def test_changes_and_missing_rows_of_a_table_with_unix_times(world: World, people: People):
    now = int(datetime.now(UTC).timestamp())
    people.sql(f"UPDATE people SET fullname = 'Renamed', changed = {now} WHERE nr = 1")
    assert _look(world).changed == 1
    people.sql(f"INSERT INTO people (fullname, changed) VALUES ('Fresh', {now - 3})")
    assert _look(world).added == 1
    # Without a time of change nobody sees it but the daily comparison.
    people.sql("UPDATE numbers SET number = '+1 999' WHERE nr = 5")
    assert _look(world) == pull.Counts()
    assert pull.compare_all(world.site).changed == 1
    people.sql("DELETE FROM people WHERE nr = 2")
    assert _look(world).removed == 1
    world.sound()


def test_what_one_thread_finds_is_not_taken_off_by_another_before_it_is_complete(world, people, monkeypatch):
    """All threads of a server share the feed of a mapped database"""
    now = int(datetime.now(UTC).timestamp())
    people.sql(f"UPDATE people SET remark = 'New', changed = {now} + nr")
    feed = world.site.feed()
    monkeypatch.setattr(feed_mapped, "_CHUNK", 1)
    compare, looks = MappedFeed._compare, []

    def meanwhile(self, *args):
        looks.append(args[-1])
        feed._next = 0.0
        if feed.has_pending():
            feed.acknowledge([each.seq for each in feed.pending(100)])
        return compare(self, *args)

    monkeypatch.setattr(MappedFeed, "_compare", meanwhile)
    feed._next = 0.0
    assert feed.has_pending()
    assert looks == [["1"], ["2"]], "one looks at a time"
    assert {each.record_id for each in feed.pending(100)} == {"1", "2"}


def test_mistakes_at_add(world: World, people: People, tmp_path: Path):
    (tmp_path / "bad.toml").write_text("table = 5")
    for file in (tmp_path / "bad.toml", tmp_path / "none.toml", Path("suitecrm")):
        with pytest.raises(Invalid):
            databases.add(world.site, ADMIN, "other", people.url, file)
    with pytest.raises(Conflict):
        databases.add(world.site, ADMIN, "again", people.url, people.file)
    with pytest.raises(Conflict, match="mapping"):
        databases.add(world.site, ADMIN, "native", people.url, None)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One<br>two</p><p>three</p>", "One\ntwo\nthree"),
        ("<p><b>Bold</b> and <i>more</i></p>", "Bold and more"),
        ("plain", "plain"),
        ("a &lt; b &amp; c", "a < b & c"),
        ("<script>alert(1)</script><p>x</p>", "x"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<p><br></p>", ""),
        ("<p>broken <b", "broken <b"),
    ],
)
def test_html_becomes_text(html: str, text: str):
    assert transforms.text_of_html(html) == text


@pytest.mark.parametrize("text", ["One", "One\ntwo", "a < b & c > d", "  two  blanks", "\n\nx"])
def test_text_goes_to_html_and_back(text: str):
    again = transforms.text_of_html(transforms.html_of_text(text))
    assert again == "\n".join(" ".join(line.split()) for line in text.split("\n")).strip("\n")


def test_moments():
    utc, paris = Times(("x",)), Times(("x",), time_zone="Europe/Paris")
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    assert transforms.moment(datetime(2024, 7, 1, 12), utc) == noon  # noqa: DTZ001
    assert transforms.moment("2024-07-01 14:00:00", paris) == noon
    assert transforms.moment(1719835200, utc) == noon
    assert transforms.moment("never", utc) is None
    assert transforms.moment(None, utc) is None
    assert transforms.made("@now", paris, noon) == datetime(2024, 7, 1, 14)  # noqa: DTZ001
    assert len(transforms.made("@hex17", None, noon)) == 17
