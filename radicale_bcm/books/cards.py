# SPDX-License-Identifier: GPL-3.0-or-later
"""Business cards: the projection of business records, one row for each record however many folders show it.

Imported by sync. Every function works in the caller's transaction and commits nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from radicale_bcm.books import indexing
from radicale_bcm.books.items import CHUNK, chunks
from radicale_bcm.books.schema import alias, card, card_version
from radicale_bcm.database.prepared import Prepared


class Card(NamedTuple):
    """A stored business card. `text` has no CATEGORIES line; `kept` holds values that did not fit their column, each
    with the record's value at that time; `hidden` those fields of the record that no card shows."""

    id: int
    origin_id: int
    record_id: str
    record_version: str
    uid: str
    href: str
    label: str
    text: str
    categories: str
    etag: str
    version: int
    kept: str
    gone: bool
    revision: int
    modified: datetime
    hidden: str | None = None

    @property
    def kept_values(self) -> dict[str, tuple[str, str]]:
        """field -> (value that the card keeps, value of the record when it was refused)."""
        if self.kept in ("{}", ""):
            return {}
        return {name: (kept, then) for name, (kept, then) in json.loads(self.kept).items()}

    @property
    def hidden_fields(self) -> dict[str, str] | None:
        """The record's fields that no card shows, as they were when it was rendered; None if that is not known."""
        if self.hidden in (None, "{}"):
            return None if self.hidden is None else {}
        return dict(json.loads(self.hidden))


COLUMNS = tuple(card.c[name] for name in Card._fields)
"""The columns of a card, in the order of its fields."""

_ALL = select(*COLUMNS)
_BY_ID = Prepared(_ALL.where(card.c.id == bindparam("id")))
_BY_RECORD = Prepared(
    _ALL.where(card.c.origin_id == bindparam("origin_id"), card.c.record_id == bindparam("record_id"))
)
# In the order of an index that is there.
_NEXT = Prepared(
    _ALL.where(card.c.origin_id == bindparam("origin_id"), card.c.record_id > bindparam("last"))
    .order_by(card.c.record_id)
    .limit(CHUNK)
)
_INSERT = insert(card)
_UPDATE = Prepared(update(card).where(card.c.id == bindparam("card_id")))
_INSERT_VERSION = insert(card_version)
_ARCHIVE = Prepared(_INSERT_VERSION.inline())
_INDEXED = frozenset({"text", "categories"})


def get(conn: Connection, card_id: int) -> Card | None:
    """The card with this number."""
    row = _BY_ID.first(conn, {"id": card_id})
    return Card._make(row) if row else None


def of_record(conn: Connection, origin_id: int, record_id: str) -> Card | None:
    """The card of a record."""
    row = _BY_RECORD.first(conn, {"origin_id": origin_id, "record_id": record_id})
    return Card._make(row) if row else None


def of_records(conn: Connection, origin_id: int, record_ids: Iterable[str]) -> dict[str, Card]:
    """The cards of several records, by record id."""
    found: dict[str, Card] = {}
    for part in chunks(list(record_ids)):
        rows = conn.execute(_ALL.where(card.c.origin_id == origin_id, card.c.record_id.in_(part)))
        found.update((row.record_id, Card._make(row)) for row in rows)
    return found


def iterate(conn: Connection, origin_id: int) -> Iterator[Card]:
    """All cards of an origin, in pieces."""
    last = ""
    while rows := _NEXT.all(conn, {"origin_id": origin_id, "last": last}):
        yield from map(Card._make, rows)
        last = rows[-1][2]


_TAKEN = select(card.c.id).where((card.c.uid == bindparam("uid")) | (card.c.href == bindparam("href"))).limit(1)


def uid_taken(conn: Connection, uid: str, href: str) -> bool:
    """Whether a card has this UID or href already."""
    return conn.execute(_TAKEN, {"uid": uid, "href": href}).first() is not None


def taken(conn: Connection, wanted: Iterable[tuple[str, str]]) -> set[str]:
    """Those of the UIDs and hrefs that cards have already."""
    found: set[str] = set()
    for part in chunks(list(wanted)):
        for column, values in zip((card.c.uid, card.c.href), zip(*part, strict=True), strict=True):
            found.update(conn.execute(select(column).where(column.in_(values))).scalars())
    return found


def add(conn: Connection, values: Mapping[str, Any]) -> Card:
    """Insert a card; `values` holds all fields but the id."""
    created = conn.execute(_INSERT, dict(values)).inserted_primary_key
    assert created is not None
    added = Card(id=created[0], **values)
    indexing.put_cards(conn, added.origin_id, {added.id: (added.text, added.categories)})
    return added


def add_many(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """Insert cards in bulk; each row holds all fields but the id."""
    for part in chunks(rows):
        conn.execute(_INSERT, list(part))
        for origin_id in {each["origin_id"] for each in part}:
            texts = {
                each["record_id"]: (each["text"], each["categories"]) for each in part if each["origin_id"] == origin_id
            }
            ids = select(card.c.id, card.c.record_id).where(card.c.origin_id == origin_id, card.c.record_id.in_(texts))
            indexing.put_cards(conn, origin_id, {number: texts[record_id] for number, record_id in conn.execute(ids)})


def change(conn: Connection, old: Card, values: Mapping[str, Any]) -> Card:
    """Change the given fields of a card, given as it is now. Returns it as it is then."""
    _UPDATE.run(conn, dict(values) | {"card_id": old.id})
    new = old._replace(**values)
    if not _INDEXED.isdisjoint(values):
        indexing.change_card(conn, new.origin_id, new.id, (old.text, old.categories), (new.text, new.categories))
    return new


def archive(conn: Connection, card_id: int, version: int, text: bytes) -> None:
    """Keep the text of a version as the base of later merges."""
    _ARCHIVE.run(conn, {"card_id": card_id, "version": version, "text": text})


def archive_many(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """Keep texts in bulk: card_id, version, text."""
    for part in chunks(rows):
        conn.execute(_INSERT_VERSION, list(part))


def archived(conn: Connection, card_id: int, version: int) -> bytes | None:
    """The kept text of a version."""
    found = select(card_version.c.text).where(card_version.c.card_id == card_id, card_version.c.version == version)
    return conn.execute(found).scalar_one_or_none()


def archived_latest(conn: Connection, card_id: int, limit: int) -> list[tuple[int, bytes]]:
    """The latest kept texts, newest first."""
    found = (
        select(card_version.c.version, card_version.c.text)
        .where(card_version.c.card_id == card_id)
        .order_by(card_version.c.version.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in conn.execute(found)]


def archived_among(conn: Connection, versions: Iterable[tuple[int, int]]) -> set[int]:
    """The ids of those cards of which this version is kept."""
    wanted = dict(versions)
    found: set[int] = set()
    for part in chunks(list(wanted)):
        rows = select(card_version.c.card_id, card_version.c.version).where(card_version.c.card_id.in_(part))
        found.update(number for number, version in conn.execute(rows) if wanted[number] == version)
    return found


def highest_version(conn: Connection, card_id: int, least: int) -> int:
    """The highest version of a card that is kept, or `least` if that is higher."""
    kept = select(func.max(card_version.c.version)).where(card_version.c.card_id == card_id)
    return max(conn.execute(kept).scalar_one() or 0, least)


def forget(conn: Connection, card_id: int) -> None:
    """Delete a card with its versions and memberships."""
    origin_id = conn.execute(select(card.c.origin_id).where(card.c.id == card_id)).scalar_one_or_none()
    if origin_id is not None:
        conn.execute(delete(card).where(card.c.id == card_id))
        indexing.drop_card(conn, origin_id, card_id)


def blank(conn: Connection, card_id: int) -> None:
    """Take everything out of a card of a purged record but that it stood at its href."""
    origin_id = conn.execute(select(card.c.origin_id).where(card.c.id == card_id)).scalar_one()
    nothing = {"label": "", "text": "", "categories": "", "etag": "", "kept": "{}", "hidden": None, "gone": True}
    _UPDATE.run(conn, nothing | {"card_id": card_id})
    conn.execute(delete(card_version).where(card_version.c.card_id == card_id))
    indexing.drop_card(conn, origin_id, card_id)


def set_alias(conn: Connection, collection_id: int, card_id: int, href: str, uid: str, revision: int) -> None:
    """Show a card at another href or UID in one folder, from this revision on."""
    key = {"collection_id": collection_id, "card_id": card_id}
    conn.execute(delete(alias).where(alias.c.collection_id == collection_id, alias.c.card_id == card_id))
    conn.execute(insert(alias), key | {"href": href, "uid": uid, "revision": revision})


def ids_by_record(conn: Connection, origin_id: int) -> dict[str, int]:
    """The numbers of the cards that can be shown, by record id."""
    found = select(card.c.record_id, card.c.id).where(card.c.origin_id == origin_id, card.c.gone.is_(False))
    return {row[0]: row[1] for row in conn.execute(found)}
