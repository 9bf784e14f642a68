# SPDX-License-Identifier: GPL-3.0-or-later
"""Random addressbook-queries: the index gives exactly the answer of Radicale's own filter."""

import os
import random
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from radicale.app.report import test_filter as radicale_matches
from radicale.storage import BaseCollection, BaseStorage
from radicale.xmlutils import make_clark

from radicale_bcm.books import indexing, matching, view
from radicale_bcm.books.history import Actor
from radicale_bcm.cli.sample import contacts
from radicale_bcm.cli.sample_private import plain_contacts
from radicale_bcm.contacts.lines import split_cards
from radicale_bcm.contacts.vcard import parse_for_search
from radicale_bcm.server import searching
from radicale_bcm.server.collection import Collection
from radicale_bcm.sync import records, setup, site
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.setup import Choice
from tests.conftest import ENGINES
from tests.in_process import collection_at, items_of, opened, props

LONG = os.environ.get("BCM_LONG") == "1"
ROUNDS = 2000 if LONG else 300
CORPUS = Path(__file__).parent.parent / "corpus" / "cards"
ODD = [
    "FN:ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ\r\nN:ΣΟΦΟΣ;ΟΔΥΣΣΕΥΣ;;;",
    "FN:İstanbul Straße\r\nNOTE:a\\nb\\, c\\; d\r\nORG:Ärzte;Süd,Ost;;",
    "FN:x\r\nNICKNAME:Joe,Joey\r\nEMAIL;TYPE=work;X-A=b:Joe@Example.COM\r\nTEL;TYPE=cell:+49 (30) 123-45",
    "FN:y\r\nCATEGORIES:Friends,Business\r\nCATEGORIES:\r\nX-CUSTOM_Name:v\r\nitem1.URL:https\\://example.com/a;b",
    "FN:\r\nADR;TYPE=home:;;1 Main St,Flat 2;Springfield;IL;12345;USA\r\nADR:;;;;;;\r\nGEO:1;2",
    "FN:z\r\nX-DATA;ENCODING=b:AAAA\r\nPHOTO;ENCODING=b:AAAA\r\nKEY:abc\r\nORG:",
    "FN:control \x1f\x1d\x1c here\r\nTITLE:\x80",
    "FN:%_'\"<&>\\\\\r\nBDAY:--05-17\r\nTEL:tel\r\nEMAIL:fn",
    "FN:long\r\nNOTE:" + "long " * 9000,
]
NAMES = ["FN", "N", "NICKNAME", "ORG", "EMAIL", "TEL", "TITLE", "NOTE", "ADR", "URL", "UID", "CATEGORIES", "PHOTO"]
NAMES += ["X-CUSTOM-NAME", "X-CUSTOM_NAME", "BDAY", "GEO", "REV", "X-DATA", "X-NONE", "X-BCM-KIND", "", "email", "Fn"]
NAMES += ["KIND", "MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"]
WAYS = ["equals", "contains", "starts-with", "ends-with"]
PARAMS = ["TYPE", "type", "X-A", "PREF"]


def _card(body: str, number: int) -> str:
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:odd-{number}\r\n{body}\r\nEND:VCARD\r\n"


def _corpus() -> Iterator[str]:
    for file in sorted(CORPUS.glob("*")):
        for text, _ in split_cards(file.read_text("utf-8", errors="replace")):
            if len(text) < 5000:
                yield text


@pytest.fixture(scope="module", params=ENGINES)
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseStorage]:
    """Alice's sync folder: business cards with all markers, plain contacts, renamed cards; and a book of odd cards."""
    markers = "property, category, group, link, photo-badge"
    settings = {"bcm_marker": markers, "bcm_public_url": "https://contacts.example.com"}
    folder = tmp_path_factory.mktemp("search")
    if request.param != "sqlite":
        # There the database looks for the bytes itself.
        settings["bcm_state_url"] = request.getfixturevalue(request.param).new_database()
        settings["bcm_database_url"] = f"sqlite:///{folder / 'business.db'}"
        site.open_site(Options(settings["bcm_state_url"], settings["bcm_database_url"]), create=True).close()
    with opened(folder, **settings) as made:
        with made.acquire_lock("w", "alice"):
            made.create_collection("/alice/")
            odd = [_card(body, number) for number, body in enumerate(ODD)]
            others = list(_corpus())[:60] + plain_contacts(40, seed=2)
            made.create_collection("/alice/odd/", items_of(odd + others), props("book"))
            plain = items_of(plain_contacts(30))
            made.create_collection("/alice/both/", plain, props("book"))
        with made.site.write(Actor("test", "test", "command")) as unit:
            for number, each in enumerate(contacts(60)):
                # The first has the UID of a plain contact, so this folder shows it under another.
                records.add(unit, each.fields, uid=plain[0].uid if number == 0 else None)
            setup.start(unit, "alice", Choice(folder="both", category="Kunden, Größe", filters=["city=<>Paris"]))
        yield made


class _Queries:
    """Makes queries whose texts come, whole or in part, from what the cards hold."""

    def __init__(self, seed: int, texts: list[str]) -> None:
        self.random = random.Random(seed)
        self.values = [""]
        for text in texts:
            for lines in parse_for_search(text).contents.values():
                for line in lines:
                    values = line.value if isinstance(line.value, list) else [line.value]
                    self.values.extend(str(value)[:200] for value in values)

    def text(self) -> str:
        value = self.random.choice(self.values)
        if self.random.random() < 0.7 and value:
            start = self.random.randrange(len(value))
            value = value[start : start + self.random.choice([1, 2, 3, 5, 8])]
        change = self.random.choice([str, str, str.lower, str.upper, str.swapcase, str.title])
        # What XML cannot carry comes in no request.
        return "".join(char for char in change(value) if char >= " " and not "\ud800" <= char <= "\udfff")

    def text_match(self) -> ET.Element:
        element = ET.Element(make_clark("CR:text-match"))
        element.text = self.text()
        if self.random.random() < 0.8:
            element.set("match-type", self.random.choice(WAYS))
        if self.random.random() < 0.5:
            element.set("collation", self.random.choice(["i;unicode-casemap", "i;ascii-casemap", "i;octet"]))
        if self.random.random() < 0.2:
            element.set("negate-condition", self.random.choice(["yes", "no"]))
        return element

    def param_filter(self) -> ET.Element:
        element = ET.Element(make_clark("CR:param-filter"), name=self.random.choice(PARAMS))
        if self.random.random() < 0.3:
            element.append(ET.Element(make_clark("CR:is-not-defined")))
        elif self.random.random() < 0.6:
            match = self.text_match()
            match.text = self.random.choice(["work", "home", "b", "1"])
            element.append(match)
        return element

    def prop_filter(self) -> ET.Element:
        element = ET.Element(make_clark("CR:prop-filter"), name=self.random.choice(NAMES))
        if self.random.random() < 0.1:
            element.append(ET.Element(make_clark("CR:is-not-defined")))
            return element
        if self.random.random() < 0.4:
            element.set("test", self.random.choice(["anyof", "allof"]))
        for _ in range(self.random.choice([0, 1, 1, 1, 1, 2, 3])):
            element.append(self.param_filter() if self.random.random() < 0.12 else self.text_match())
        return element

    def filter(self) -> ET.Element:
        element = ET.Element(make_clark("CR:filter"))
        if self.random.random() < 0.6:
            element.set("test", self.random.choice(["anyof", "allof"]))
        for _ in range(self.random.choice([0, 1, 1, 1, 2, 2, 3, 4])):
            element.append(self.prop_filter())
        return element

    def filters(self) -> list[ET.Element]:
        return [self.filter() for _ in range(self.random.choice([1, 1, 1, 1, 2]))]


@pytest.mark.parametrize("path", ["/alice/both/", "/alice/odd/"])
def test_random_queries_are_answered_as_radicale_does(storage: BaseStorage, path: str) -> None:
    """Neither more nor less, and what the index is sure of is right."""
    with storage.acquire_lock("r", "alice"):
        collection = collection_at(storage, path)
        everything = [item for item, _ in BaseCollection.get_filtered(collection, [])]
        assert len(everything) > 45
        queries = _Queries(1, [item.serialize() for item in everything])
        narrowed = hits = 0
        rounds = ROUNDS // 2 if LONG or storage.site.state.engine.dialect.name == "sqlite" else ROUNDS // 6
        for _ in range(rounds):
            filters = queries.filters()

            def holds(item: object, filters: list[ET.Element] = filters) -> bool:
                # Without any condition Radicale looks at no card.
                return not any(map(len, filters)) or all(
                    radicale_matches("VADDRESSBOOK", item, each) for each in filters
                )

            wanted = {item.href for item in everything if holds(item)}
            found = [(item, sure) for item, sure in collection.get_filtered(filters)]
            asked = [ET.tostring(each, encoding="unicode") for each in filters]
            assert len({item.href for item, _ in found}) == len(found), asked
            assert {item.href for item, sure in found if sure} <= wanted, asked
            assert {item.href for item, sure in found if sure or holds(item)} == wanted, asked
            narrowed += len(found) < len(everything)
            hits += bool(wanted)
        assert narrowed > rounds / 2, "the index narrows next to nothing"
        assert hits > rounds / 5, "the queries find next to nothing"


def test_what_radicale_refuses_is_left_to_it(storage: BaseStorage) -> None:
    """A filter that makes no sense is an error of Radicale's, not an empty answer."""
    refused = ET.fromstring(
        '<CR:filter xmlns:CR="urn:ietf:params:xml:ns:carddav"><CR:prop-filter name="FN">'
        '<CR:text-match match-type="sounds-like">x</CR:text-match></CR:prop-filter></CR:filter>'
    )
    assert searching.query_of([refused]) is None
    with storage.acquire_lock("r", "alice"):
        found = list(collection_at(storage, "/alice/odd/").get_filtered([refused]))
    assert found
    assert not any(sure for _, sure in found)


def _find(storage: BaseStorage, text: str) -> set[str]:
    query = searching.query_of([_simple("FN", text)])
    assert query is not None
    with storage.acquire_lock("r", "alice"):
        collection = collection_at(storage, "/alice/odd/")
        assert isinstance(collection, Collection)
        with storage.snapshot() as conn:
            found = matching.matching(conn, view.open_folder(conn, collection.row), query)
            return {each.resource.href for each in found or () if each.sure}


def _simple(name: str, text: str) -> ET.Element:
    found = ET.Element(make_clark("CR:filter"))
    prop = ET.SubElement(found, make_clark("CR:prop-filter"), name=name)
    ET.SubElement(prop, make_clark("CR:text-match")).text = text
    return found


def test_the_index_follows_every_write(storage: BaseStorage) -> None:
    """PUT, change, move, DELETE; and an index that is built anew says the same."""
    (first,) = items_of([_card("FN:Zaphod", 100)])
    (second,) = items_of([_card("FN:Trillian", 100)])
    with storage.acquire_lock("w", "alice"):
        collection_at(storage, "/alice/odd/").upload("100.vcf", first)
    assert _find(storage, "zaphod") == {"100.vcf"}
    with storage.acquire_lock("w", "alice"):
        collection_at(storage, "/alice/odd/").upload("100.vcf", second)
    assert _find(storage, "zaphod") == set()
    assert _find(storage, "TRILL") == {"100.vcf"}
    with storage.acquire_lock("w", "alice"):
        collection = collection_at(storage, "/alice/odd/")
        item = next(iter(storage.discover("/alice/odd/100.vcf")))
        storage.move(item, collection, "101.vcf")
    assert _find(storage, "trillian") == {"101.vcf"}
    with storage.site.write(Actor("test", "test", "command")) as unit:
        indexing.rebuild(unit.conn)
    assert _find(storage, "trillian") == {"101.vcf"}
    with storage.acquire_lock("w", "alice"):
        collection_at(storage, "/alice/odd/").delete("101.vcf")
    assert _find(storage, "trillian") == set()


def test_comparing_answers_logs_a_difference(storage: BaseStorage, caplog: pytest.LogCaptureFixture) -> None:
    """`bcm_compare_answers` notices an index that went wrong, and the answer is Radicale's."""
    with storage.site.write(Actor("test", "test", "command")) as unit:
        (collection_id,) = unit.conn.exec_driver_sql("SELECT id FROM collection WHERE path = 'alice/odd'").one()
        (number,) = unit.conn.exec_driver_sql("SELECT id FROM item WHERE uid = 'odd-2'").one()
        indexing.drop_item(unit.conn, collection_id, number)
    storage.compares_answers = True
    try:
        with storage.acquire_lock("r", "alice"):
            found = list(collection_at(storage, "/alice/odd/").get_filtered([_simple("NICKNAME", "joey")]))
    finally:
        storage.compares_answers = False
    assert any("less" in record.getMessage() for record in caplog.records)
    assert "odd-2" in {item.uid for item, _ in found}
    with storage.site.write(Actor("test", "test", "command")) as unit:
        indexing.rebuild(unit.conn)
