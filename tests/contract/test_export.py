# SPDX-License-Identifier: GPL-3.0-or-later
"""Export, then import into an empty database: the same records and cards, property by property, on every engine."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from radicale_bcm.books import cards as stored
from radicale_bcm.books import collections
from radicale_bcm.books.history import Actor
from radicale_bcm.contacts import combine
from radicale_bcm.contacts.lines import parse
from radicale_bcm.sync import records, setup
from radicale_bcm.sync.errors import Invalid, NotThere
from radicale_bcm.sync.exporting import Export
from radicale_bcm.sync.importing import Import
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.site import open_site
from tests.dav import card, line

ACTOR = Actor("tester", "test", "command")
_REPOSITORY = Path(__file__).resolve().parents[2]
# Cards of real programs: those of the repository, and a larger collection where it lies beside the checkout.
CORPORA = [_REPOSITORY / "tests" / "corpus" / "cards", _REPOSITORY.parent / "shared" / "vcards"]
FULL = card(
    "full-1", "Dr. Nick Brigandi", "EMAIL;TYPE=WORK:nick@example.com", "EMAIL:two@example.com",
    "EMAIL:three@example.com", "EMAIL;TYPE=X-4TH:four@example.com", "ORG:Contoso;Sales;Room 5;Desk 3",
    "item1.TEL:+1 425 555 0100", "item1.X-ABLabel:Hotline", "PHOTO;ENCODING=b;TYPE=JPEG:" + "QUJD" * 100,
    "X-ODD;X-P=1:a\\,b", "NOTE:one\\ntwo; three", "BDAY:someday", "CATEGORIES:Friends,Golf", f"TITLE:{'x' * 300}",
    "ADR;TYPE=WORK:PO 1;;1 Main St;Redmond;WA;98052;USA",
)  # fmt: skip


@pytest.fixture
def new_site(new_database_url):
    opened = []

    def make():
        opened.append(open_site(Options(new_database_url("state"), new_database_url("business")), create=True))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def exported(site, file_format="vcard", source="database", **options):
    return "".join(Export(site, ACTOR, source, **options).pieces(file_format))


def brought_in(site, folder, text, name="export.vcf", **options):
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    work = Import(site, ACTOR, **options)
    work.run([str(path)])
    assert not work.outcome.refused
    return work.outcome


def contents(site):
    """uid -> type, fields, and the lines of the card without what tells one database from another."""
    with site.business(site.origin()).reader() as source:
        found = {each.id: each for each in source.iterate()}
    with site.read() as conn:
        shown = stored.of_records(conn, site.origin().id, list(found))
    own = ("REV", "X-BCM-ID", "X-BCM-VERSION")
    return {
        each.uid: (
            each.type,
            each.fields,
            [one.raw for one in parse(shown[each.id].text) if one.name not in own],
            shown[each.id].categories,
            shown[each.id].kept_values,
        )
        for each in found.values()
    }


def add_type(site):
    with site.write(ACTOR) as unit:
        records.add_type(unit, "supplier", "business-contact", {"payment_days": "number", "vip": "yesno"})


def test_everything_that_a_card_says_comes_back(new_site, tmp_path):
    first, second = new_site(), new_site()
    add_type(first)
    add_type(second)
    brought_in(first, tmp_path, FULL)
    with first.write(ACTOR) as unit:
        gaps = {"email2": "gap@example.com", "home_phone2": "2"}
        records.add(unit, {"name": "Ann", "rating": "4", "owner": "bob", **gaps})
        records.add(unit, {"name": "Sue", "payment_days": "30", "vip": "true", "active": "false"}, "supplier")
        records.add(unit, {"company": "Only a company"})
        deleted = records.add(unit, {"name": "Gone"})
        records.delete(unit, deleted.id)
    text = exported(first)
    assert text.count("BEGIN:VCARD\r\n") == 4
    assert "X-BCM-ID" not in text
    assert len(brought_in(second, tmp_path, text).skipped) == 0
    assert contents(second) == contents(first)
    assert len(brought_in(second, tmp_path, text).skipped) == 4, "and nothing comes in twice"


def test_csv_has_every_field_and_comes_back(new_site, tmp_path):
    first, second = new_site(), new_site()
    with first.write(ACTOR) as unit:
        records.add(unit, {"name": 'Ann "A" Lee', "note": "one\ntwo, three", "rating": "4", "birthday": "--02-29"})
        records.add(unit, {"given_name": "Łukasz", "family_name": "李", "email": "l@example.com", "category": "A,B"})
    text = exported(first, "csv")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header[:2] == ["uid", "type"]
    assert {"name", "given_name", "email3", "rating", "note"} <= set(header)
    assert len(rows) == 2
    brought_in(second, tmp_path, text, "export.csv")
    expected, found = ({uid: each[1] for uid, each in contents(site).items()} for site in (first, second))
    assert found == expected


def test_a_folder_is_exported_as_its_clients_see_it(new_site, tmp_path):
    site = new_site()
    brought_in(site, tmp_path, FULL, to="/alice/Private")
    assert exported(site, source="/alice/Private") == FULL
    assert exported(site, source="alice/Private/") == FULL
    with site.write(ACTOR) as unit:
        records.add(unit, {"name": "Ann", "email": "ann@example.com"})
        setup.start(unit, "alice", Choice(folder="Private"))
    both = exported(site, source="/alice/Private")
    assert both.startswith(FULL)
    assert line(both[len(FULL) :], "X-BCM-KIND") == "business-contact"
    assert "CATEGORIES:Business\r\n" in both
    header, *rows = csv.reader(io.StringIO(exported(site, "csv", "/alice/Private"), newline=""))
    assert [row[header.index("email")] for row in rows] == ["nick@example.com", "ann@example.com"]


def test_filters_choose_and_wrong_places_are_refused(new_site):
    site = new_site()
    with site.write(ACTOR) as unit:
        collections.create(unit.conn, "alice", {}, unit.revision, unit.at)
        for name in ("Ann", "Bo"):
            records.add(unit, {"name": name})
    assert exported(site, filters=["name=Bo"]).count("BEGIN:VCARD") == 1
    for place in ("/nobody/nothing", "/alice", "nonsense"):
        with pytest.raises((NotThere, Invalid)):
            exported(site, source=place)


def corpus():
    """The texts of all cards that lie beside the tests, as an importer reads them."""
    return sorted(path for folder in CORPORA if folder.is_dir() for path in folder.rglob("*.vcf"))


@pytest.mark.slow
def test_cards_of_real_programs_come_back_property_by_property(new_site, tmp_path):
    paths = corpus()
    if not paths:
        pytest.skip("no cards of real programs lie beside the checkout")
    first, second = new_site(), new_site()
    work = Import(first, ACTOR)
    work.run([str(path) for path in paths])
    assert work.outcome.imported > 100
    brought_in(second, tmp_path, exported(first))
    expected, found = contents(first), contents(second)
    assert found.keys() == expected.keys()
    wrong = {uid for uid in expected if found[uid] != expected[uid]}
    assert not wrong, [_difference(expected[uid], found[uid]) for uid in sorted(wrong)[:5]]


def _difference(one, other):
    fields = {name for name in {**one[1], **other[1]} if one[1].get(name) != other[1].get(name)}
    lost, gained = Counter(one[2]) - Counter(other[2]), Counter(other[2]) - Counter(one[2])
    return {name: (one[1].get(name), other[1].get(name)) for name in fields}, lost, gained, one[3:], other[3:]


def test_a_card_of_a_file_says_the_same_as_the_card_it_came_from(new_site, tmp_path):
    """What is left out of the file is the server's alone."""
    site = new_site()
    brought_in(site, tmp_path, FULL)
    with site.read() as conn:
        (shown,) = stored.iterate(conn, site.origin().id)
    assert combine.unmapped_alike(shown.text, exported(site).replace("CATEGORIES:Friends,Golf\r\n", ""))
