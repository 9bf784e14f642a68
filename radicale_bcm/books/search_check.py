# SPDX-License-Identifier: GPL-3.0-or-later
"""The search index against the texts that it is made of. Imported by sync.verify.

What should stand in a row is computed by the index's own code in a database in memory, from the texts of the objects
whose ids share that row.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, StaticPool, Table, create_engine, delete, select

from radicale_bcm.books import indexing
from radicale_bcm.books.schema import card, card_search, item, item_search
from radicale_bcm.contacts.lines import NotAVCard

_PAGE = 32


class Stale(NamedTuple):
    """A row of the index that is not what its objects say; `cards` tells whose index it is."""

    cards: bool
    owner: int
    number: int


def stale_rows(conn: Connection) -> Iterator[Stale]:
    """The rows that have to be made anew."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        for cards, table in ((False, item_search), (True, card_search)):
            table.create(engine)
            for owner in sorted(_owners(conn, cards=cards, table=table)):
                yield from _of_owner(conn, engine, table, owner, cards=cards)
    finally:
        engine.dispose()


def _owners(conn: Connection, *, cards: bool, table: Table) -> set[int]:
    owner = card.c.origin_id if cards else item.c.collection_id
    found = set(conn.execute(select(owner).distinct()).scalars())
    return found | set(conn.execute(select(table.c.owner).distinct()).scalars())


def _of_owner(conn: Connection, engine: Engine, table: Table, owner: int, *, cards: bool) -> Iterator[Stale]:
    ids = select(card.c.id).where(card.c.origin_id == owner) if cards else select(item.c.id)
    if not cards:
        ids = ids.where(item.c.collection_id == owner, item.c.name.in_(indexing.INDEXED))
    numbers = {each // indexing.SIZE for each in conn.execute(ids).scalars()}
    numbers |= set(conn.execute(select(table.c.number).where(table.c.owner == owner)).scalars())
    wanted = sorted(numbers)
    for start in range(0, len(wanted), _PAGE):
        part = wanted[start : start + _PAGE]
        stored = _rows(conn, table, owner, part)
        with engine.begin() as memory:
            for number in list(part):
                try:
                    _fill(memory, owner, _texts(conn, owner, number, cards=cards), cards=cards)
                except NotAVCard:  # told elsewhere; nobody can say what its row should be
                    part.remove(number)
            expected = _rows(memory, table, owner, part)
            memory.execute(delete(table))
        for number in part:
            if stored.get(number, _NOTHING) != expected.get(number, _NOTHING):
                yield Stale(cards, owner, number)


_Entries = dict[int, frozenset[bytes]]
_NOTHING: _Entries = {}


def _rows(conn: Connection, table: Table, owner: int, numbers: list[int]) -> dict[int, _Entries]:
    """The entries of each row by their parts, without those that are empty; their order means nothing."""
    found = select(table.c.number, table.c.part, table.c.entries)
    rows: dict[int, _Entries] = {}
    for number, part, text in conn.execute(found.where(table.c.owner == owner, table.c.number.in_(numbers))):
        entries = frozenset(filter(None, bytes(text).split(indexing.ENTRY)))
        if entries:
            rows.setdefault(number, {})[part] = entries
    return rows


def _texts(conn: Connection, owner: int, number: int, *, cards: bool) -> dict[int, tuple[str, str]]:
    first, last = number * indexing.SIZE, (number + 1) * indexing.SIZE - 1
    if cards:
        found: Any = select(card.c.id, card.c.text, card.c.categories).where(
            card.c.origin_id == owner, card.c.id.between(first, last), card.c.text != ""
        )
    else:
        found = select(item.c.id, item.c.name, item.c.text).where(
            item.c.collection_id == owner, item.c.id.between(first, last)
        )
    return {row[0]: (row[1], row[2]) for row in conn.execute(found)}


def _fill(conn: Connection, owner: int, texts: dict[int, tuple[str, str]], *, cards: bool) -> None:
    if texts and cards:
        indexing.put_cards(conn, owner, texts)
    elif texts:
        indexing.put_items(conn, owner, texts)


def rebuild(conn: Connection, stale: Stale) -> None:
    """Make a row anew."""
    table = card_search if stale.cards else item_search
    conn.execute(delete(table).where(table.c.owner == stale.owner, table.c.number == stale.number))
    _fill(conn, stale.owner, _texts(conn, stale.owner, stale.number, cards=stale.cards), cards=stale.cards)
