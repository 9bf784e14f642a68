# SPDX-License-Identifier: GPL-3.0-or-later
"""The search index: what addressbook-query can look at, without parsing cards. Imported by items, cards and server.

Objects with neighbouring ids share a row in each part, so that a search reads few rows and finds its text in memory, at
the speed of a memory scan and alike on every engine. A write changes the rows of its object in the transaction that
stores it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from radicale_bcm.books.schema import METADATA, card, card_search, item, item_search
from radicale_bcm.books.search_query import (
    PARTS,
    PROPERTY,
    VALUE,
    Needle,
    Properties,
    Query,
    code_of,
    encoded,
    name_of,
    part_of,
)
from radicale_bcm.contacts.card import split_categories
from radicale_bcm.contacts.lines import Line, is_usual, parse
from radicale_bcm.contacts.searched import name_of as property_of
from radicale_bcm.contacts.searched import searchable, searchable_of
from radicale_bcm.database.prepared import Prepared

SIZE = 64
"""Objects in a row."""
_ENTRY, _ODD = b"\x1d", b"\x1c"
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CONTROLS_IN_TEXT = re.compile(_CONTROLS.pattern.decode())
# What is longer is found by looking at the card itself.
_LONGEST = 32_000
_BYTES = 8  # more than a character can become in lower case and UTF-8
_ROWS = 200
_BATCH = 512
INDEXED = frozenset({"VCARD", "VLIST"})
CATEGORIES = "categories"


class Hit(NamedTuple):
    """An object that can match; `sure` if the index decided that it does."""

    id: int
    sure: bool


_Entry = Mapping[str, bytes]
"""The parts of an object's entry, by their names; what it has nothing in is left out."""


def _key(number: int) -> bytes:
    return _ENTRY + str(number).encode() + PROPERTY


@lru_cache(maxsize=1024)
def _place_of(name: str) -> tuple[str, bytes]:
    """The part of an entry that has a property, and what stands before each of its values."""
    return part_of(name), code_of(name) + VALUE


def _entry(number: int, properties: Sequence[tuple[str, Sequence[str]]] | None) -> _Entry:
    key = _key(number)
    unknown = dict.fromkeys(PARTS, key + _ODD)
    # Each object is in the first part.
    parts: dict[str, list[bytes]] = {PARTS[0]: []}
    told: list[bytes] = []
    for name, values in properties or ():
        for value in values or ("",):
            data = encoded(value)
            told.append(data)
            part, start = _place_of(name)
            parts.setdefault(part, []).append(start + data + PROPERTY)
    everything = b"".join(told)
    if properties is None or len(everything) > _LONGEST or _CONTROLS.search(everything):
        return unknown
    return {part: key + b"".join(pieces) for part, pieces in parts.items()}


# ---------------------------------------------------------------- writing


def put_items(conn: Connection, collection_id: int, texts: Mapping[int, tuple[str, str]]) -> None:
    """Index items by their ids: component name and text. Calendars have no index."""
    made = {
        number: _entry(number, searchable(text) if name == "VCARD" else None)
        for number, (name, text) in texts.items()
        if name in INDEXED
    }
    _store(conn, item_search, collection_id, made)


def drop_item(conn: Connection, collection_id: int, item_id: int) -> None:
    """Forget an item; harmless if it is not indexed."""
    _store(conn, item_search, collection_id, {item_id: {}})


def put_cards(conn: Connection, origin_id: int, texts: Mapping[int, tuple[str, str]]) -> None:
    """Index business cards by their ids: text and the record's own categories."""
    made: dict[int, _Entry] = {}
    for number, (text, categories) in texts.items():
        properties = searchable(text)
        if properties is not None:
            properties += _own(categories)
        made[number] = _entry(number, properties)
    _store(conn, card_search, origin_id, made)


def _own(categories: str) -> list[tuple[str, list[str]]]:
    return [(CATEGORIES, split_categories(categories))] if categories else []


def change_item(conn: Connection, collection_id: int, item_id: int, old: tuple[str, str], new: tuple[str, str]) -> None:
    """Index an item anew that is indexed already, given with component name and text as it was and as it is."""
    anew = _told_anew(old[1], new[1]) if old[0] == new[0] == "VCARD" else None
    if anew is None:
        put_items(conn, collection_id, {item_id: new})
    else:
        _store_parts(conn, item_search, collection_id, item_id, anew)


def change_card(conn: Connection, origin_id: int, card_id: int, old: tuple[str, str], new: tuple[str, str]) -> None:
    """The same of a business card, given with text and the record's own categories."""
    anew = _told_anew(old[0], new[0])
    if anew is None or old[1] != new[1]:
        put_cards(conn, origin_id, {card_id: new})
        return
    if part_of(CATEGORIES) in anew:
        anew[part_of(CATEGORIES)] += _own(new[1])
    _store_parts(conn, card_search, origin_id, card_id, anew)


_Properties = list[tuple[str, list[str]]]


def _told_anew(old: str, new: str) -> dict[str, _Properties] | None:
    """The properties of a card in those parts that are not what they were; None if all has to be told."""
    if not (_is_plain(old) and _is_plain(new)):
        return None
    before, now = _by_part(old), _by_part(new)
    changed = [part for part in PARTS if not _are_equal(before.get(part, []), now.get(part, []))]
    return {part: searchable_of(now.get(part, ())) or [] for part in changed}


def _are_equal(some: list[Line], others: list[Line]) -> bool:
    return some == others or [line.raw for line in some] == [line.raw for line in others]


def _is_plain(text: str) -> bool:
    """Whether there is nothing in a card that the index cannot tell."""
    return len(text) < _LONGEST // _BYTES and is_usual(text) and not _CONTROLS_IN_TEXT.search(text)


def _by_part(text: str) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in parse(text):
        name = property_of(line)
        if name:
            found.setdefault(part_of(name), []).append(line)
    return found


def _store_parts(conn: Connection, table: Table, owner: int, object_id: int, anew: Mapping[str, _Properties]) -> None:
    properties = [each for several in anew.values() for each in several]
    if anew:
        _store(conn, table, owner, {object_id: _entry(object_id, properties)}, [PARTS.index(part) for part in anew])


def drop_card(conn: Connection, origin_id: int, card_id: int) -> None:
    """Forget a business card."""
    drop_cards(conn, origin_id, [card_id])


def drop_cards(conn: Connection, origin_id: int, card_ids: Iterable[int]) -> None:
    """Forget business cards."""
    _store(conn, card_search, origin_id, {each: {} for each in card_ids})


_AT_OWNER: Any = bindparam("at_owner")
_AT_PARTS: Any = bindparam("at_parts", expanding=True)
_AT_NUMBERS: Any = bindparam("at_numbers", expanding=True)
_TABLES = (item_search, card_search)
# Made once: every PUT uses them.
_ROWS_OF = {
    each.name: Prepared(
        select(each.c.part, each.c.number, each.c.entries).where(
            each.c.owner == _AT_OWNER, each.c.part.in_(_AT_PARTS), each.c.number.in_(_AT_NUMBERS)
        ),
        "at_parts",
        "at_numbers",
    )
    for each in _TABLES
}
_CHANGE = {
    each.name: Prepared(
        update(each)
        .where(each.c.owner == _AT_OWNER, each.c.part == bindparam("at_part"), each.c.number == bindparam("at_number"))
        .values(entries=bindparam("new_entries"))
    )
    for each in _TABLES
}
_ADD = {each.name: insert(each) for each in _TABLES}
_ALL_PARTS = tuple(range(len(PARTS)))


def _store(
    conn: Connection, table: Table, owner: int, entries: Mapping[int, _Entry], parts: Sequence[int] = _ALL_PARTS
) -> None:
    """Let these parts of the rows have these entries instead of those that the same objects had."""
    changed: dict[int, dict[int, _Entry]] = {}
    for object_id, entry in entries.items():
        changed.setdefault(object_id // SIZE, {})[object_id] = entry
    for some in _pieces(sorted(changed)):
        rows = _ROWS_OF[table.name].all(conn, {"at_owner": owner, "at_parts": parts, "at_numbers": some})
        stored = {(part, number): text for part, number, text in rows}
        fresh = []
        for part, number in product(parts, some):
            before = stored.get((part, number))
            text = before or b""
            for object_id, entry in changed[number].items():
                text = _spliced(text, object_id, entry.get(PARTS[part], b""))
            if before is not None and text != before:
                values = {"at_owner": owner, "at_part": part, "at_number": number, "new_entries": text}
                _CHANGE[table.name].run(conn, values)
            elif before is None and text:
                fresh.append({"owner": owner, "part": part, "number": number, "entries": text})
        if fresh:
            conn.execute(_ADD[table.name], fresh)


def _spliced(row: bytes, object_id: int, entry: bytes) -> bytes:
    """The row with this entry instead of the one that the object had."""
    start = row.find(_key(object_id))
    if start < 0:
        return row + entry
    end = row.find(_ENTRY, start + 1)
    return row[:start] + entry + (row[end:] if end >= 0 else b"")


def rebuild(conn: Connection) -> None:
    """Index everything anew: for migrations, and for repairs."""
    for table in _TABLES:
        conn.execute(delete(table))
    last = 0
    items = select(item.c.id, item.c.collection_id, item.c.name, item.c.text).where(item.c.name.in_(INDEXED))
    while rows := conn.execute(items.where(item.c.id > last).order_by(item.c.id).limit(_BATCH)).all():
        for owner in {row[1] for row in rows}:
            put_items(conn, owner, {row[0]: (row[2], row[3]) for row in rows if row[1] == owner})
        last = rows[-1][0]
    last = 0
    cards = select(card.c.id, card.c.origin_id, card.c.text, card.c.categories).where(card.c.text != "")
    while rows := conn.execute(cards.where(card.c.id > last).order_by(card.c.id).limit(_BATCH)).all():
        for owner in {row[1] for row in rows}:
            put_cards(conn, owner, {row[0]: (row[2], row[3]) for row in rows if row[1] == owner})
        last = rows[-1][0]


# ---------------------------------------------------------------- reading


def find_items(conn: Connection, collection_id: int, query: Query) -> Iterator[Hit]:
    """The items of a collection that can match: never less than those that do."""
    return _find(conn, item_search, collection_id, query, {})


def find_cards(conn: Connection, origin_id: int, query: Query, category: str, unknown: Iterable[int]) -> Iterator[Hit]:
    """The business cards of an origin that can match, whether a folder shows them or not.

    `category` is added to each card when it is served; `unknown` are cards that are served otherwise than indexed.
    """
    left_out = set(unknown)
    added = {CATEGORIES: [encoded(category)]} if category else {}
    for hit in _find(conn, card_search, origin_id, query, added):
        if hit.id not in left_out:
            yield hit
    for number in left_out:
        yield Hit(number, sure=False)


@lru_cache(maxsize=64)
def _scan(table: str, needles: int) -> Prepared:
    """A part of the rows of an owner, of those that have any of so many needles; without needles of all."""
    read = METADATA.tables[table]
    query = select(read.c.number, read.c.entries).where(read.c.owner == _AT_OWNER, read.c.part == bindparam("at_part"))
    if needles:
        query = query.where(or_(*(_contains(read.c.entries, f"needle_{at}") for at in range(needles))))
    return Prepared(query)


_Row = dict[str, bytes]


def _find(conn: Connection, table: Table, owner: int, query: Query, added: Properties) -> Iterator[Hit]:
    needles = query.needles(added)
    wanted = {part_of(name) for name in query.names()}
    rows = _all(conn, table, owner, wanted) if needles is None else _with(conn, table, owner, wanted, needles)
    for numbers, row in rows:
        for number in numbers:
            bodies = [_body(text, number) for text in row.values()]
            holds = None if _ODD in bodies else query.holds(_properties(bodies, added))
            if holds is not False:
                yield Hit(number, sure=bool(holds))


def _all(conn: Connection, table: Table, owner: int, wanted: set[str]) -> Iterator[tuple[list[int], _Row]]:
    """The parts of all rows, with the objects that are in them."""
    everywhere = PARTS[0]
    pages = _scan(table.name, 0).each(conn, {"at_owner": owner, "at_part": PARTS.index(everywhere)})
    while page := list(islice(pages, _ROWS)):
        rows: dict[int, _Row] = {number: {everywhere: text} for number, text in page}
        _complete(conn, table, owner, rows, wanted - {everywhere})
        for row in rows.values():
            yield [int(piece.partition(PROPERTY)[0]) for piece in row[everywhere].split(_ENTRY)[1:]], row


def _with(
    conn: Connection, table: Table, owner: int, wanted: set[str], needles: Sequence[Needle]
) -> Iterator[tuple[set[int], _Row]]:
    """The parts of those rows that have one of the needles, with the objects that have it."""
    sought: dict[str, set[bytes]] = {}
    for each in needles:
        # Also what the index knows nothing of.
        sought.setdefault(each.part, {_ODD}).add(each.data)
    hits: dict[int, set[int]] = {}
    rows: dict[int, _Row] = {}
    for part, several in sought.items():
        # What need not be sent from another process is not.
        there = {f"needle_{at}": data for at, data in enumerate(several) if conn.dialect.name != "sqlite"}
        values = {"at_owner": owner, "at_part": PARTS.index(part), **there}
        for number, text in _scan(table.name, len(there)).each(conn, values):
            found = {each for data in several if data in text for each in _having(text, data)}
            if found:
                hits.setdefault(number, set()).update(found)
                rows.setdefault(number, {})[part] = text
    _complete(conn, table, owner, rows, wanted)
    for number, row in rows.items():
        yield hits[number], row


def _complete(conn: Connection, table: Table, owner: int, rows: dict[int, _Row], wanted: Iterable[str]) -> None:
    """Read those of the wanted parts that rows lack."""
    for part in wanted:
        for some in _pieces([number for number, row in rows.items() if part not in row]):
            values = {"at_owner": owner, "at_parts": [PARTS.index(part)], "at_numbers": some}
            for _, number, text in _ROWS_OF[table.name].all(conn, values):
                rows[number][part] = text


def _pieces(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _ROWS):
        yield numbers[start : start + _ROWS]


def _having(text: bytes, data: bytes) -> Iterator[int]:
    """The objects whose entries have these bytes."""
    found = text.find(data)
    while found >= 0:
        start = text.rfind(_ENTRY, 0, found + 1)
        yield int(text[start + 1 : text.index(PROPERTY, start)])
        end = text.find(_ENTRY, found)
        found = text.find(data, end) if end >= 0 else -1


def _body(text: bytes, number: int) -> bytes:
    """The properties of an object in a part of a row; empty if it has none there."""
    key = _key(number)
    start = text.find(key)
    if start < 0:
        return b""
    end = text.find(_ENTRY, start + 1)
    return text[start + len(key) : end if end >= 0 else None]


def _properties(bodies: Iterable[bytes], added: Properties) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for body in bodies:
        for piece in body[:-1].split(PROPERTY) if body else ():
            code, _, value = piece.partition(VALUE)
            found.setdefault(name_of(code), []).append(value)
    for name, values in added.items():
        own = found.setdefault(name, [])
        own.extend(value for value in values if value not in own)
    return found


def _contains(column: ColumnElement[bytes], needle: str) -> ColumnElement[bool]:
    return _Position(column, bindparam(needle, type_=LargeBinary)) > 0


class _Position(FunctionElement[int]):
    """Where bytes stand in others, from 1; 0 if nowhere."""

    type = Integer()
    inherit_cache = True


@compiles(_Position, "mysql")
@compiles(_Position, "mariadb")
def _position_on_mariadb(element: _Position, compiler: Any, **options: Any) -> str:
    column, needle = element.clauses
    return f"LOCATE({compiler.process(needle, **options)}, {compiler.process(column, **options)})"


@compiles(_Position, "postgresql")
def _position_on_postgresql(element: _Position, compiler: Any, **options: Any) -> str:
    column, needle = element.clauses
    return f"POSITION({compiler.process(needle, **options)} IN {compiler.process(column, **options)})"
