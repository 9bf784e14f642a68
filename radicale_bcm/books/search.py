# SPDX-License-Identifier: GPL-3.0-or-later
"""The search index: what addressbook-query can look at, without parsing cards. Imported by items, cards and server.

Objects with neighbouring ids share a row, so that a search reads few rows and finds its text in memory, at the speed
of a memory scan and alike on every engine. A write changes the row of its object in the transaction that stores it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
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
from radicale_bcm.contacts.searched import searchable
from radicale_bcm.database.prepared import Prepared

SIZE = 64
"""Objects in a row."""
_ENTRY, _ODD = b"\x1d", b"\x1c"
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# What is longer is found by looking at the card itself.
_LONGEST = 32_000
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
        own = split_categories(categories) if categories else []
        if properties is not None and own:
            properties.append((CATEGORIES, own))
        made[number] = _entry(number, properties)
    _store(conn, card_search, origin_id, made)


def drop_card(conn: Connection, origin_id: int, card_id: int) -> None:
    """Forget a business card."""
    drop_cards(conn, origin_id, [card_id])


def drop_cards(conn: Connection, origin_id: int, card_ids: Iterable[int]) -> None:
    """Forget business cards."""
    _store(conn, card_search, origin_id, {each: {} for each in card_ids})


_AT_OWNER: Any = bindparam("at_owner")
_AT_NUMBERS: Any = bindparam("at_numbers", expanding=True)
_TABLES = (item_search, card_search)
# Made once: every PUT uses them.
_CHANGE = {
    each.name: Prepared(
        update(each)
        .where(each.c.owner == _AT_OWNER, each.c.number == bindparam("at_number"))
        .values({part: bindparam(part) for part in PARTS})
    )
    for each in _TABLES
}
_ADD = {each.name: insert(each) for each in _TABLES}


@lru_cache(maxsize=256)
def _rows_of(table: str, parts: tuple[str, ...]) -> Prepared:
    """These parts of some rows of an owner."""
    read = METADATA.tables[table]
    query = select(read.c.number, *(read.c[part] for part in parts))
    return Prepared(query.where(read.c.owner == _AT_OWNER, read.c.number.in_(_AT_NUMBERS)), "at_numbers")


def _store(conn: Connection, table: Table, owner: int, entries: Mapping[int, _Entry]) -> None:
    changed: dict[int, dict[int, _Entry]] = {}
    for object_id, entry in entries.items():
        changed.setdefault(object_id // SIZE, {})[object_id] = entry
    for part in _pieces(sorted(changed)):
        rows = _rows_of(table.name, PARTS).all(conn, {"at_owner": owner, "at_numbers": part})
        stored = {row[0]: dict(zip(PARTS, row[1:], strict=True)) for row in rows}
        fresh, again = [], []
        for number in part:
            texts = stored.get(number, dict.fromkeys(PARTS, b""))
            for object_id, entry in changed[number].items():
                texts = {name: _spliced(text, object_id, entry.get(name, b"")) for name, text in texts.items()}
            if number in stored:
                again.append({"at_owner": owner, "at_number": number, **texts})
            elif texts[PARTS[0]]:
                fresh.append({"owner": owner, "number": number, **texts})
        for row in again:
            _CHANGE[table.name].run(conn, row)
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


@lru_cache(maxsize=256)
def _scan(table: str, parts: tuple[str, ...], needles: tuple[str, ...]) -> Prepared:
    """The parts of the rows of an owner that have any of the needles, each of which is named by the part it is for;
    without needles all rows."""
    read = METADATA.tables[table]
    query = select(read.c.number, *(read.c[part] for part in parts)).where(read.c.owner == _AT_OWNER)
    if needles:
        query = query.where(or_(*(_contains(read.c[part], f"needle_{at}") for at, part in enumerate(needles))))
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
    parts = sorted(wanted | {PARTS[0]})
    for _, *texts in _scan(table.name, tuple(parts), ()).each(conn, {"at_owner": owner}):
        row = dict(zip(parts, texts, strict=True))
        yield [int(piece.partition(PROPERTY)[0]) for piece in row[PARTS[0]].split(_ENTRY)[1:]], row


def _with(
    conn: Connection, table: Table, owner: int, wanted: set[str], needles: Sequence[Needle]
) -> Iterator[tuple[set[int], _Row]]:
    """The parts of those rows that have one of the needles, with the objects that have it."""
    sought: dict[str, set[bytes]] = {}
    for each in needles:
        # Also what the index knows nothing of.
        sought.setdefault(each.part, {_ODD}).add(each.data)
    if not sought:
        return  # nothing can match, and there is no "any of nothing" in SQL
    # What need not be sent from another process is not.
    here = [(part, data) for part, several in sought.items() for data in several if conn.dialect.name != "sqlite"]
    scan = _scan(table.name, tuple(sought), tuple(part for part, _ in here))
    values = {f"needle_{at}": data for at, (_, data) in enumerate(here)}
    missing = tuple(sorted(wanted - sought.keys()))
    found: dict[int, tuple[set[int], _Row]] = {}
    for number, *texts in scan.each(conn, {"at_owner": owner, **values}):
        hits = {
            each
            for text, several in zip(texts, sought.values(), strict=True)
            for data in several
            if data in text
            for each in _having(text, data)
        }
        if hits:
            found[number] = hits, dict(zip(sought, texts, strict=True))
    for part in _pieces(list(found)) if missing else ():
        for number, *texts in _rows_of(table.name, missing).all(conn, {"at_owner": owner, "at_numbers": part}):
            found[number][1].update(zip(missing, texts, strict=True))
    yield from found.values()


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
