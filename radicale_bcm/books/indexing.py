# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the search index. Imported by the other modules of books.

What an object has in a part of the index is its entry there: its number, then its properties with their values. Objects
with neighbouring ids share a row in each part. A write changes the rows of its object in the transaction that stores
it; an edit changes only the parts in which it says something else.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, select, update

from radicale_bcm.books.schema import card, card_search, item, item_search
from radicale_bcm.books.search_query import PARTS, PROPERTY, UNTOLD, VALUE, code_of, encoded, part_of
from radicale_bcm.contacts.card import split_categories
from radicale_bcm.contacts.heads import usual_head_of
from radicale_bcm.contacts.lines import FRAME, Line, usual_line
from radicale_bcm.contacts.searched import property_of, searchable, searchable_of
from radicale_bcm.database.prepared import Prepared

SIZE = 64
"""Objects in a row."""
ENTRY, ODD = b"\x1d", b"\x1c"
"""What each entry begins with; and what stands in one of an object that the index cannot tell."""
ROWS = 200
"""As many rows are read at once."""
INDEXED = frozenset({"VCARD", "VLIST"})
CATEGORIES = "categories"

_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# What is longer is found by looking at the card itself.
_LONGEST = 32_000
_BYTES = 8  # more than a character can become in lower case and UTF-8
_BATCH = 512
_EVERYWHERE = PARTS[0]  # where each object has an entry

_Entry = Mapping[str, bytes]
"""The entries of an object by their parts; what it has nothing in is left out."""
_Properties = list[tuple[str, list[str]]]


def key_of(number: int) -> bytes:
    """What the entry of an object begins with."""
    return ENTRY + str(number).encode() + PROPERTY


def pieces(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    """The numbers of rows, as many at a time as are read at once."""
    return (numbers[start : start + ROWS] for start in range(0, len(numbers), ROWS))


@lru_cache(maxsize=1024)
def _place_of(name: str) -> tuple[str, bytes]:
    """The part of an entry that has a property, and what stands before each of its values."""
    return part_of(name), code_of(name) + VALUE


def _entry(number: int, properties: _Properties | None) -> _Entry:
    found = None if properties is None else _told(number, properties)
    return dict.fromkeys(PARTS, key_of(number) + ODD) if found is None else found


def _told(number: int, properties: _Properties) -> _Entry | None:
    """The entries of an object with these properties; None if there is something in them that cannot be told."""
    key = key_of(number)
    parts: dict[str, list[bytes]] = {_EVERYWHERE: []}
    everything: list[bytes] = []
    for name, values in properties:
        if name in UNTOLD:
            continue
        part, start = _place_of(name)
        for value in values or ("",):
            data = encoded(value)
            everything.append(data)
            parts.setdefault(part, []).append(start + data + PROPERTY)
    text = b"".join(everything)
    if len(text) > _LONGEST or _CONTROLS.search(text):
        return None
    return {part: key + b"".join(several) for part, several in parts.items()}


def put_items(conn: Connection, collection_id: int, texts: Mapping[int, tuple[str, str]]) -> None:
    """Index items by their ids: component name and text. Calendars have no index."""
    made = {
        number: _entry(number, searchable(text) if name == "VCARD" else None)
        for number, (name, text) in texts.items()
        if name in INDEXED
    }
    _store(conn, item_search, collection_id, made)


def change_item(conn: Connection, collection_id: int, item_id: int, old: tuple[str, str], new: tuple[str, str]) -> None:
    """Index an item anew that is indexed already, given with component name and text as it was and as it is."""
    anew = _told_anew(old[1], new[1]) if old[0] == new[0] == "VCARD" else None
    if anew is None or not _store_parts(conn, item_search, collection_id, item_id, anew):
        put_items(conn, collection_id, {item_id: new})


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


def _own(categories: str) -> _Properties:
    return [(CATEGORIES, split_categories(categories))] if categories else []


def change_card(conn: Connection, origin_id: int, card_id: int, old: tuple[str, str], new: tuple[str, str]) -> None:
    """Index a business card anew that is indexed already, given with text and the record's own categories."""
    anew = _told_anew(old[0], new[0]) if old[1] == new[1] else None
    if anew and part_of(CATEGORIES) in anew:
        anew[part_of(CATEGORIES)] += _own(new[1])
    if anew is None or not _store_parts(conn, card_search, origin_id, card_id, anew):
        put_cards(conn, origin_id, {card_id: new})


def drop_card(conn: Connection, origin_id: int, card_id: int) -> None:
    """Forget a business card."""
    drop_cards(conn, origin_id, [card_id])


def drop_cards(conn: Connection, origin_id: int, card_ids: Iterable[int]) -> None:
    """Forget business cards."""
    _store(conn, card_search, origin_id, {each: {} for each in card_ids})


# ---------------------------------------------------------------- what an edit changes


def _told_anew(old: str, new: str) -> dict[str, _Properties] | None:
    """The properties of a card in those parts that are not what they were; None if it takes the whole card to tell."""
    before, now = _plain_lines(old), _plain_lines(new)
    if before is None or now is None:
        return None
    both = set(before).intersection(now)
    parts = {_part_at(each) for lines in (before, now) for each in lines if each not in both}
    then, still = ([each for each in lines if each in both] for lines in (before, now))
    if then != still:
        # Some have changed places: it matters where they are among those of their part.
        then_by_part, still_by_part = _by_part(then), _by_part(still)
        parts.update(part for part, lines in then_by_part.items() if lines != still_by_part.get(part))
    if None in parts:
        return None
    found: dict[str | None, list[Line]] = {part: [] for part in parts if part != _NO_PART}
    for text in now:
        part = _part_at(text)
        if part in found:
            line = usual_line(text.replace("\n ", "").replace("\n\t", ""))
            if line is None:
                return None
            found[part].append(line)
        elif part is None:
            return None
    told = {part: searchable_of(lines) for part, lines in found.items()}
    return None if None in told.values() else told  # type: ignore[return-value]


def _plain_lines(text: str) -> list[str] | None:
    """The lines between BEGIN and END, with LF in folds; None if they have to be looked at more closely."""
    lines = text.replace("\r\n ", "\n ").replace("\r\n\t", "\n\t").split("\r\n")
    has_frame = lines[0] == "BEGIN:VCARD" and lines[-2:] == ["END:VCARD", ""]
    has_ends = text.count("\n") == text.count("\r") == text.count("\r\n")
    return lines[1:-2] if has_frame and has_ends and len(text) < _LONGEST // _BYTES else None


def _by_part(lines: Iterable[str]) -> dict[str | None, list[str]]:
    found: dict[str | None, list[str]] = {}
    for each in lines:
        found.setdefault(_part_at(each), []).append(each)
    return found


_NO_PART = ""


def _part_at(text: str) -> str | None:
    """The part that has the property of a line; _NO_PART for one that is not told, and None where that cannot be said
    of a single line."""
    before, colon, _ = text.partition(":")
    return _part_after(before) if colon else None


@lru_cache(maxsize=1024)
def _part_after(before: str) -> str | None:
    head = usual_head_of(before)
    if head is None or head.quoted_printable or head.name in FRAME:
        return None
    name = property_of(head.name)
    return _NO_PART if name in UNTOLD else part_of(name)


def _store_parts(conn: Connection, table: Table, owner: int, object_id: int, anew: Mapping[str, _Properties]) -> bool:
    """Let an object have these properties in these parts. False, and nothing is done, if something stands in the way:
    it is not in there, or it has something that cannot be told."""
    if not anew:
        return True
    entry = _told(object_id, [each for several in anew.values() for each in several])
    if entry is None:
        return False
    key, row = key_of(object_id), {"at_owner": owner, "at_number": object_id // SIZE}
    several = []
    for part in anew:
        text = next(iter(_ENTRIES[table.name].column(conn, row | {"at_part": PARTS.index(part)})), b"")
        start = text.find(key) + len(key)
        if start < len(key) or text.startswith(ODD, start):
            return False
        several.append((part, _spliced(text, object_id, entry.get(part, b""))))
    for part, text in several:
        _CHANGE[table.name].run(conn, row | {"at_part": PARTS.index(part), "new_entries": text})
    return True


# ---------------------------------------------------------------- rows

_AT_OWNER: Any = bindparam("at_owner")
_TABLES = (item_search, card_search)
# Made once: every PUT uses them.
ROWS_OF = {
    each.name: Prepared(
        select(each.c.part, each.c.number, each.c.entries).where(
            each.c.owner == _AT_OWNER,
            each.c.part.in_(bindparam("at_parts", expanding=True)),
            each.c.number.in_(bindparam("at_numbers", expanding=True)),
        ),
        "at_parts",
        "at_numbers",
    )
    for each in _TABLES
}
"""By the table: some parts of some rows of an owner."""


def _at(table: Table) -> Any:
    one = table.c.part == bindparam("at_part"), table.c.number == bindparam("at_number")
    return and_(table.c.owner == _AT_OWNER, *one)


_ENTRIES = {each.name: Prepared(select(each.c.entries).where(_at(each))) for each in _TABLES}
_CHANGE = {
    each.name: Prepared(update(each).where(_at(each)).values(entries=bindparam("new_entries"))) for each in _TABLES
}
_ADD = {each.name: insert(each) for each in _TABLES}


def _store(conn: Connection, table: Table, owner: int, entries: Mapping[int, _Entry]) -> None:
    """Let the rows have these entries instead of those that the same objects had."""
    changed: dict[int, dict[int, _Entry]] = {}
    for object_id, entry in entries.items():
        changed.setdefault(object_id // SIZE, {})[object_id] = entry
    parts = range(len(PARTS))
    for some in pieces(sorted(changed)):
        rows = ROWS_OF[table.name].all(conn, {"at_owner": owner, "at_parts": parts, "at_numbers": some})
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
    start = row.find(key_of(object_id))
    if start < 0:
        return row + entry
    end = row.find(ENTRY, start + 1)
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
