# SPDX-License-Identifier: GPL-3.0-or-later
"""The same operations on our storage, on every engine, and on Radicale's own, the oracle: they agree."""

import os
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from radicale.app.report import test_filter as radicale_matches
from radicale.item import Item
from radicale.storage import BaseCollection, BaseStorage, ComponentNotFoundError
from radicale.xmlutils import make_clark

from radicale_bcm.sync import site
from radicale_bcm.sync.options import Options
from tests.in_process import collection_at, items_of, opened, props, texts_of

ROUNDS = 8 if os.environ.get("BCM_LONG") == "1" else 1
STEPS = 120


def card(uid: str, name: str = "Nick") -> str:
    return (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:;{name};;;\r\n"
        f"EMAIL;TYPE=INTERNET:{name.lower()}@example.com\r\nEND:VCARD\r\n"
    )


def event(uid: str, day: int = 1, kind: str = "VEVENT", more: str = "") -> str:
    return (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:{kind}\r\nUID:{uid}\r\n"
        f"DTSTAMP:20260101T000000Z\r\nDTSTART:202601{day:02}T100000Z\r\nSUMMARY:Day {day}\r\n{more}"
        f"END:{kind}\r\nEND:VCALENDAR\r\n"
    )


Seen = Any
Do = Callable[[BaseStorage], Seen]


class Pair:
    """Both storages. `do` runs an operation on each under a lock and compares what comes of it."""

    def __init__(self, ours: BaseStorage, theirs: BaseStorage) -> None:
        self.both = (ours, theirs)
        self.tokens: list[dict[str, str]] = []

    def do(self, operation: Do, mode: str = "w") -> Seen:
        """Run it on both; a ValueError is an outcome like any other."""
        outcomes = []
        for storage in self.both:
            with storage.acquire_lock(mode, "alice"):
                try:
                    outcomes.append(operation(storage))
                except ComponentNotFoundError:
                    outcomes.append("not found")
                except ValueError:
                    outcomes.append("refused")
        ours, theirs = outcomes
        assert ours == theirs
        return ours

    def look(self, operation: Do) -> Seen:
        """The same, reading."""
        return self.do(operation, "r")


@pytest.fixture
def pair(tmp_path: Path, new_database_url: Callable[[], str], engine_name: str) -> Iterator[Pair]:
    """Both storages, empty."""
    settings = {}
    if engine_name != "sqlite":
        settings = {
            "bcm_state_url": new_database_url("state"),
            "bcm_database_url": f"sqlite:///{tmp_path / 'business.db'}",
        }
        site.open_site(Options(settings["bcm_state_url"], settings["bcm_database_url"]), create=True).close()
    with opened(tmp_path / "ours", **settings) as ours, opened(tmp_path / "theirs", "multifilesystem") as theirs:
        yield Pair(ours, theirs)


# ---------------------------------------------------------------- operations


def create(path: str, properties: dict[str, Any] | None = None, texts: list[str] | None = None) -> Do:
    def operation(storage: BaseStorage) -> Seen:
        items = None if texts is None else items_of(texts)
        collection, replaced, new = storage.create_collection(path, items, properties)
        return collection.path, {href: item.serialize() for href, item in replaced.items()}, sorted(new)

    return operation


def upload(path: str, href: str, text: str) -> Do:
    def operation(storage: BaseStorage) -> Seen:
        (item,) = items_of([text])
        new, old = collection_at(storage, path).upload(href, item)
        return seen_item(new), seen_item(old) if old else None

    return operation


def delete(path: str, href: str | None = None) -> Do:
    return lambda storage: collection_at(storage, path).delete(href)


def move(path: str, target: str, href: str) -> Do:
    def operation(storage: BaseStorage) -> Seen:
        item = next(iter(storage.discover(path)))
        assert isinstance(item, Item)
        storage.move(item, collection_at(storage, target), href)

    return operation


def set_meta(path: str, properties: dict[str, Any]) -> Do:
    return lambda storage: collection_at(storage, path).set_meta(properties)


def seen_item(item: Item) -> Seen:
    return item.href, item.uid, item.name, item.component_name, item.etag, item.time_range, item.serialize()


def seen(thing: Any) -> Seen:
    """Everything that Radicale can ask of a collection or item."""
    if isinstance(thing, Item):
        return seen_item(thing)
    assert re.fullmatch(r'"[^"]+"', thing.etag)
    return {
        "path": thing.path,
        "owner": thing.owner,
        "principal": thing.is_principal,
        "tag": thing.tag,
        "meta": dict(thing.get_meta()),
        "one": thing.get_meta("D:displayname"),
        "items": sorted(map(seen_item, thing.get_all())),
        "modified": bool(re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", thing.last_modified)),
        # The document of a calendar names the parts in the order of its files.
        "document": sorted(thing.serialize().split("\r\n")) if thing.tag else "",
    }


def discovered(path: str, depth: str = "0") -> Do:
    def operation(storage: BaseStorage) -> Seen:
        found = [seen(each) for each in storage.discover(path, depth)]
        # The root is a folder of files there and need not be anything here.
        return found[:1], sorted(found[1:], key=str)

    return operation


# ---------------------------------------------------------------- told one by one


def test_collections_are_created_once_with_their_parents(pair: Pair) -> None:
    pair.do(create("/alice/"))
    pair.do(create("/alice/book/", props("book", **{"D:displayname": "Ü"})))
    pair.do(create("/alice/"))
    pair.do(create("/x/y/z/", props("calendar")))
    paths = ("/alice/", "/alice/book/", "/alice/book", "/x/", "/x/y/", "/x/y/z/")
    for path in (*paths, "/none/", "/alice/none", "/x/y/z/a.ics"):
        pair.look(discovered(path))
        pair.look(discovered(path, "1"))


def test_the_root_is_there_from_the_beginning(pair: Pair) -> None:
    pair.look(lambda storage: [each.path for each in storage.discover("/", "0")])
    pair.do(create("/alice/"))
    pair.do(create("/bob/calendar/", props("calendar")))
    pair.look(lambda storage: sorted(each.path for each in storage.discover("/", "1")))


def test_predefined_collections_of_a_principal(pair: Pair) -> None:
    """What Radicale does at a person's first login."""
    book = {"D:displayname": "Personal", "tag": "VADDRESSBOOK"}
    predefined = {"def-addressbook": book, "tasks": {"tag": "VCALENDAR"}}
    pair.do(create("/alice/"))
    for name, properties in predefined.items():
        pair.do(create(f"/alice/{name}", properties))
    pair.look(discovered("/alice/", "1"))


def test_items_come_back_as_they_were_put(pair: Pair) -> None:
    pair.do(create("/a/book/", props("book")))
    pair.do(upload("/a/book/", "1.vcf", card("one")))
    pair.do(upload("/a/book/", "ü & %2F x", card("two", "Ünï")))
    pair.do(upload("/a/book/", "1.vcf", card("one", "Changed")))
    pair.do(upload("/a/book/", "1.vcf", card("one", "Changed")))
    pair.do(upload("/a/book/", "1.VCF", card("three")))
    for path in ("/a/book/", "/a/book/1.vcf", "/a/book/1.VCF", "/a/book/ü & %2F x", "/a/book/none.vcf"):
        pair.look(discovered(path))
    pair.look(discovered("/a/book/", "1"))


@pytest.mark.parametrize("hrefs", [[], ["1.vcf"], ["none"], ["2.vcf", "1.vcf", "none", "1.vcf"], ["a/b", "..", "."]])
def test_several_items_at_once(pair: Pair, hrefs: list[str]) -> None:
    pair.do(create("/a/book/", props("book")))
    for number in (1, 2, 3):
        pair.do(upload("/a/book/", f"{number}.vcf", card(f"uid{number}")))
    pair.look(
        lambda storage: {
            href: seen_item(item) if item else None
            for href, item in collection_at(storage, "/a/book/").get_multi(iter(hrefs))
        }
    )


def test_uids_are_found(pair: Pair) -> None:
    pair.do(create("/a/book/", props("book"), [card("one"), card("TWO")]))
    for uid in ("one", "two", "TWO", "", "none", "%", "o_e"):
        pair.look(lambda storage, uid=uid: collection_at(storage, "/a/book/").has_uid(uid))


def test_deleting(pair: Pair) -> None:
    pair.do(create("/a/book/", props("book"), [card("one"), card("two")]))
    pair.do(create("/a/calendar/", props("calendar"), [event("e")]))
    assert pair.do(delete("/a/book/", "none.vcf")) == "not found"
    pair.do(delete("/a/book/", "one.vcf"))
    assert pair.do(delete("/a/book/", "one.vcf")) == "not found"
    pair.look(discovered("/a/book/", "1"))
    pair.do(delete("/a/calendar/"))
    pair.look(discovered("/a/calendar/"))
    pair.do(delete("/a/"))
    pair.look(discovered("/a/book/"))
    pair.look(discovered("/a/"))


def test_moving(pair: Pair) -> None:
    pair.do(create("/a/one/", props("book"), [card("x"), card("y")]))
    pair.do(create("/a/two/", props("book"), [card("z")]))
    pair.do(move("/a/one/x.vcf", "/a/one/", "renamed.vcf"))
    pair.do(move("/a/one/y.vcf", "/a/two/", "y.vcf"))
    pair.do(move("/a/one/renamed.vcf", "/a/two/", "z.vcf"))
    for path in ("/a/one/", "/a/two/"):
        pair.look(discovered(path, "1"))


def test_replacing_a_collection(pair: Pair) -> None:
    pair.do(create("/a/book/", props("book", **{"D:displayname": "Old"}), [card("one"), card("two")]))
    pair.do(create("/a/book/", props("book"), [card("two", "New"), card("three")]))
    pair.look(discovered("/a/book/", "1"))
    pair.do(create("/a/book/", props("calendar"), [event("e")]))
    pair.look(discovered("/a/book/", "1"))
    pair.do(create("/a/book/", {"D:displayname": "A folder"}, [card("ignored")]))
    pair.look(discovered("/a/book/", "1"))


def test_whole_uploads_name_their_items_alike(pair: Pair) -> None:
    """Hrefs are made of UIDs where these can be names."""
    uids = ["plain", "ends.vcf", "Ünï", "with space", "a:b", "x" * 200, "%41", "dup", "same.VCF"]
    pair.do(create("/a/book/", props("book"), [card(uid) for uid in uids]))
    pair.do(create("/a/calendar/", props("calendar"), [event(uid) for uid in uids]))
    pair.look(discovered("/a/calendar/", "1"))


def test_properties(pair: Pair) -> None:
    pair.do(create("/a/"))
    pair.do(create("/a/book/", props("book")))
    for properties in ({"D:displayname": "Ü\n<&>", "tag": "VADDRESSBOOK", "CR:x": ""}, {"tag": "VADDRESSBOOK"}, {}):
        pair.do(set_meta("/a/book/", properties))
        pair.look(discovered("/a/book/"))
    pair.do(set_meta("/a/", {"D:displayname": "Alice"}))
    pair.look(discovered("/a/"))


def _time_filter(component: str, start: str, end: str) -> ET.Element:
    found = ET.Element(make_clark("C:filter"))
    calendar = ET.SubElement(found, make_clark("C:comp-filter"), name="VCALENDAR")
    inner = ET.SubElement(calendar, make_clark("C:comp-filter"), name=component)
    if start or end:
        attributes = {name: value for name, value in (("start", start), ("end", end)) if value}
        ET.SubElement(inner, make_clark("C:time-range"), attributes)
    return found


def test_time_ranges(pair: Pair) -> None:
    """calendar-query: what is found, and what needs no second look."""
    rules = ["RRULE:FREQ=DAILY;COUNT=3\r\n", "RRULE:FREQ=WEEKLY\r\n", "DURATION:PT1H\r\n", ""]
    texts = [event(f"e{day}", day, more=rules[day % 4]) for day in range(1, 28, 3)]
    texts += [event(f"t{day}", day, "VTODO") for day in (5, 15)] + [event("j", 9, "VJOURNAL")]
    pair.do(create("/a/calendar/", props("calendar"), texts))
    times = ["", "20260105T100000Z", "20260110T000000Z", "20260131T235959Z", "20300101T000000Z"]
    for component in ("VEVENT", "VTODO", "VJOURNAL"):
        for start in times:
            for end in times:
                asked = _time_filter(component, start, end)
                pair.look(lambda storage, asked=asked: _filtered(collection_at(storage, "/a/calendar/"), asked))


def _filtered(collection: BaseCollection, asked: ET.Element) -> Seen:
    return sorted((str(item.href), sure) for item, sure in collection.get_filtered([asked]))


def test_searches(pair: Pair) -> None:
    """addressbook-query: the same cards, on every engine."""
    names = ["Nick", "NICOLE", "Zoë", "O'Neill", "100%", "under_score", "back\\slash"]
    pair.do(create("/a/book/", props("book"), [card(f"u{number}", name) for number, name in enumerate(names)]))
    for text in ("nic", "ZOË", "'", "%", "_", "\\", "x", "@example"):
        for way in ("equals", "contains", "starts-with", "ends-with"):
            for name in ("FN", "EMAIL", "UID", "NICKNAME"):
                asked = ET.Element(make_clark("CR:filter"))
                prop = ET.SubElement(asked, make_clark("CR:prop-filter"), name=name)
                ET.SubElement(prop, make_clark("CR:text-match"), {"match-type": way}).text = text
                pair.look(
                    lambda storage, asked=asked: sorted(
                        str(item.href)
                        for item, sure in collection_at(storage, "/a/book/").get_filtered([asked])
                        if sure or radicale_matches("VADDRESSBOOK", item, asked)
                    )
                )


# ---------------------------------------------------------------- sync-tokens


def synced(path: str, token: Callable[[BaseStorage], str]) -> Do:
    """hrefs that are told since a token, and whether there are still such items."""

    def operation(storage: BaseStorage) -> Seen:
        collection = collection_at(storage, path)
        _, hrefs = collection.sync(token(storage))
        return {href: item is not None for href, item in collection.get_multi(list(hrefs))}

    return operation


def test_tokens_tell_what_changed_since(pair: Pair) -> None:
    pair.do(create("/a/book/", props("book"), [card("kept"), card("edited"), card("deleted"), card("moved")]))
    pair.do(create("/a/other/", props("book")))
    tokens = _tokens(pair, "/a/book/")
    pair.look(synced("/a/book/", tokens.__getitem__))
    pair.do(upload("/a/book/", "edited.vcf", card("edited", "New")))
    pair.do(upload("/a/book/", "kept.vcf", card("kept")))
    pair.do(upload("/a/book/", "fresh.vcf", card("fresh")))
    pair.do(delete("/a/book/", "deleted.vcf"))
    pair.do(move("/a/book/moved.vcf", "/a/other/", "moved.vcf"))
    told = pair.look(synced("/a/book/", tokens.__getitem__))
    assert told == {"edited.vcf": True, "fresh.vcf": True, "deleted.vcf": False, "moved.vcf": False}
    later = _tokens(pair, "/a/book/")
    assert pair.look(synced("/a/book/", later.__getitem__)) == {}
    pair.do(upload("/a/book/", "deleted.vcf", card("deleted", "Again")))
    assert pair.look(synced("/a/book/", later.__getitem__)) == {"deleted.vcf": True}
    pair.look(synced("/a/book/", tokens.__getitem__))


def test_tokens_that_nobody_issued_are_refused(pair: Pair) -> None:
    pair.do(create("/a/book/", props("book"), [card("one")]))
    for token in ("x", "http://radicale.org/ns/sync/", "http://radicale.org/ns/sync/" + "0" * 64, "data:,1"):
        assert pair.look(synced("/a/book/", lambda _, token=token: token)) == "refused"


def test_tokens_of_a_collection_that_was_deleted_are_refused(pair: Pair) -> None:
    pair.do(create("/a/book/", props("book"), [card("one")]))
    tokens = _tokens(pair, "/a/book/")
    pair.do(delete("/a/book/"))
    pair.do(create("/a/book/", props("book"), [card("two")]))
    assert pair.look(synced("/a/book/", tokens.__getitem__)) == "refused"


def _tokens(pair: Pair, path: str) -> dict[BaseStorage, str]:
    found = {}
    for storage in pair.both:
        with storage.acquire_lock("r", "alice"):
            found[storage] = collection_at(storage, path).sync()[0]
    return found


# ---------------------------------------------------------------- random histories


class _History:
    """Random operations on a few collections, each followed by a look at everything and at old tokens."""

    paths = ("/a/book/", "/a/cal/", "/b/c/deep/")

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.random = random.Random(seed)
        self.compared = 0
        self.kinds = {"/a/book/": "book", "/a/cal/": "calendar", "/b/c/deep/": "book"}
        self.tokens: dict[str, list[dict[BaseStorage, str]]] = {path: [] for path in self.paths}
        for path in self.paths:
            pair.do(create(path, props(self.kinds[path])))

    def text(self, path: str, name: str) -> str:
        number = self.random.randrange(1, 28)
        return card(name, f"Name{number}") if self.kinds[path] == "book" else event(name, number)

    def step(self) -> None:
        path = self.random.choice(self.paths)
        name = f"n{self.random.randrange(8)}"
        choice = self.random.random()
        if choice < 0.45:
            self.pair.do(upload(path, name, self.text(path, name)))
        elif choice < 0.65:
            self.pair.do(delete(path, name))
        elif choice < 0.8:
            self.move(path, name)
        elif choice < 0.88:
            properties = props(self.kinds[path], **{"D:displayname": str(self.random.randrange(5))})
            self.pair.do(set_meta(path, properties))
        elif choice < 0.92:
            texts = [self.text(path, f"n{number}") for number in self.random.sample(range(8), 3)]
            # Tokens from before a replacement go on here, and are refused there.
            self.tokens[path].clear()
            self.pair.do(create(path, props(self.kinds[path]), texts))
        elif choice < 0.95:
            self.tokens[path].clear()
            self.pair.do(delete(path))
            self.pair.do(create(path, props(self.kinds[path])))
        else:
            self.tokens[path].append(_tokens(self.pair, path))

    def move(self, path: str, name: str) -> None:
        target = self.random.choice([other for other in self.paths if self.kinds[other] == self.kinds[path]])
        with self.pair.both[0].acquire_lock("r"):
            there = name in texts_of(collection_at(self.pair.both[0], path))
        to_name = f"n{self.random.randrange(8)}"
        if there and (path, name) != (target, to_name):
            self.pair.do(move(path + name, target, to_name))

    def look(self) -> None:
        for path in self.paths:
            self.pair.look(discovered(path, "1"))
            for tokens in self.tokens[path]:
                self.compared += 1
                self.pair.look(synced(path, tokens.__getitem__))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_random_histories(pair: Pair, seed: int) -> None:
    history = _History(pair, seed)
    for _ in range(STEPS):
        history.step()
        if history.random.random() < 0.3:
            history.look()
    history.look()
    assert history.compared > 3
