# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches the index (`indexing`): what addressbook-query can look at, without parsing cards. Imported by books and
server.

A search reads few rows and finds its text in memory, at the speed of a memory scan and alike on every engine.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, LargeBinary, Table, bindparam, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from radicale_bcm.books.indexing import CATEGORIES, ENTRY, ODD, ROWS, ROWS_OF, key_of, pieces
from radicale_bcm.books.schema import METADATA, card_search, item_search
from radicale_bcm.books.search_query import (
    PARTS,
    PROPERTY,
    VALUE,
    Needle,
    Properties,
    Query,
    encoded,
    name_of,
    part_of,
)
from radicale_bcm.database.prepared import Asked, Prepared, together

_AT_OWNER: Any = bindparam("at_owner")


class Hit(NamedTuple):
    """An object that can match; `sure` if the index decided that it does."""

    id: int
    sure: bool


class Place(NamedTuple):
    """Where to search: the rows of an owner in an index. `added` are properties that each entry has besides its own;
    `unknown` are objects that are served otherwise than indexed."""

    table: Table
    owner: int
    added: Properties
    unknown: frozenset[int] = frozenset()


def items_of(collection_id: int) -> Place:
    """The items of a collection."""
    return Place(item_search, collection_id, {})


def cards_of(origin_id: int, category: str, unknown: Iterable[int]) -> Place:
    """The business cards of an origin, whether a folder shows them or not. `category` is added to each when it is
    served."""
    added = {CATEGORIES: [encoded(category)]} if category else {}
    return Place(card_search, origin_id, added, frozenset(unknown))


def find(conn: Connection, place: Place, query: Query) -> Iterator[Hit]:
    """What can match in a place: never less than what does."""
    needles = query.needles(place.added)
    return _find(conn, place, query, None if needles is None else _scanned(conn, _scans(conn, place, needles)))


def find_everywhere(conn: Connection, places: Sequence[Place], query: Query) -> list[list[Hit]]:
    """The same in several places, in few round trips."""
    needles = [query.needles(place.added) for place in places]
    if conn.dialect.name == "sqlite" or None in needles:
        return [list(find(conn, place, query)) for place in places]
    scans = [list(_scans(conn, place, each or ())) for place, each in zip(places, needles, strict=True)]
    answers = iter(together(conn, *(each.asked for several in scans for each in several)))
    done = [[(each.part, each.needles, next(answers)) for each in several] for several in scans]
    return [list(_find(conn, place, query, each)) for place, each in zip(places, done, strict=True)]


@lru_cache(maxsize=64)
def _scan(table: str, needles: int) -> Prepared:
    """A part of the rows of an owner, of those that have any of so many needles; without needles of all."""
    read = METADATA.tables[table]
    query = select(read.c.number, read.c.entries).where(read.c.owner == _AT_OWNER, read.c.part == bindparam("at_part"))
    if needles:
        query = query.where(or_(*(_contains(read.c.entries, f"needle_{at}") for at in range(needles))))
    return Prepared(query)


_Row = dict[str, bytes]
_Scanned = tuple[str, set[bytes], Iterable[tuple[int, bytes]]]
"""A part, the needles that were sought in it, and the rows that have one: their numbers and texts."""


class _Scan(NamedTuple):
    """What is sought in a part of the rows of a place, and what to ask the database for it."""

    part: str
    needles: set[bytes]
    asked: Asked


def _scans(conn: Connection, place: Place, needles: Iterable[Needle]) -> Iterator[_Scan]:
    sought: dict[str, set[bytes]] = {}
    for each in needles:
        # Also what the index knows nothing of.
        sought.setdefault(each.part, {ODD}).add(each.data)
    for part, several in sought.items():
        # What need not be sent from another process is not.
        there = {f"needle_{at}": data for at, data in enumerate(several) if conn.dialect.name != "sqlite"}
        values = {"at_owner": place.owner, "at_part": PARTS.index(part), **there}
        yield _Scan(part, several, (_scan(place.table.name, len(there)), values))


def _scanned(conn: Connection, scans: Iterable[_Scan]) -> Iterator[_Scanned]:
    """Run scans one by one, with rows that are read one by one where the driver reads them so."""
    for part, needles, (statement, values) in scans:
        yield part, needles, statement.each(conn, values)


def _find(conn: Connection, place: Place, query: Query, scanned: Iterable[_Scanned] | None) -> Iterator[Hit]:
    wanted, added = {part_of(name) for name in query.names()}, place.added
    table, owner = place.table, place.owner
    rows = _all(conn, table, owner, wanted) if scanned is None else _with(conn, table, owner, wanted, scanned)
    for numbers, row in rows:
        for number in numbers - place.unknown if place.unknown else numbers:
            bodies = [_body(text, number) for text in row.values()]
            holds = None if ODD in bodies else query.holds(_properties(bodies, added))
            if holds is not False:
                yield Hit(number, sure=bool(holds))
    for number in place.unknown:
        yield Hit(number, sure=False)


def _all(conn: Connection, table: Table, owner: int, wanted: set[str]) -> Iterator[tuple[set[int], _Row]]:
    """The parts of all rows, with the objects that are in them."""
    everywhere = PARTS[0]
    pages = _scan(table.name, 0).each(conn, {"at_owner": owner, "at_part": PARTS.index(everywhere)})
    while page := list(islice(pages, ROWS)):
        rows: dict[int, _Row] = {number: {everywhere: text} for number, text in page}
        _complete(conn, table, owner, rows, wanted - {everywhere})
        for row in rows.values():
            yield {int(piece.partition(PROPERTY)[0]) for piece in row[everywhere].split(ENTRY)[1:]}, row


def _with(
    conn: Connection, table: Table, owner: int, wanted: set[str], scanned: Iterable[_Scanned]
) -> Iterator[tuple[set[int], _Row]]:
    """The parts of those rows that have one of the needles, with the objects that have it."""
    hits: dict[int, set[int]] = {}
    rows: dict[int, _Row] = {}
    for part, needles, texts in scanned:
        for number, text in texts:
            found = {each for data in needles if data in text for each in _having(text, data)}
            if found:
                hits.setdefault(number, set()).update(found)
                rows.setdefault(number, {})[part] = text
    _complete(conn, table, owner, rows, wanted)
    for number, row in rows.items():
        yield hits[number], row


def _complete(conn: Connection, table: Table, owner: int, rows: dict[int, _Row], wanted: Iterable[str]) -> None:
    """Read those of the wanted parts that rows lack."""
    for part in wanted:
        for some in pieces([number for number, row in rows.items() if part not in row]):
            values = {"at_owner": owner, "at_parts": [PARTS.index(part)], "at_numbers": some}
            for _, number, text in ROWS_OF[table.name].all(conn, values):
                rows[number][part] = text


def _having(text: bytes, data: bytes) -> Iterator[int]:
    """The objects whose entries have these bytes."""
    found = text.find(data)
    while found >= 0:
        start = text.rfind(ENTRY, 0, found + 1)
        yield int(text[start + 1 : text.index(PROPERTY, start)])
        end = text.find(ENTRY, found)
        found = text.find(data, end) if end >= 0 else -1


def _body(text: bytes, number: int) -> bytes:
    """The properties of an object in a part of a row; empty if it has none there."""
    key = key_of(number)
    start = text.find(key)
    if start < 0:
        return b""
    end = text.find(ENTRY, start + 1)
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
