# SPDX-License-Identifier: GPL-3.0-or-later
"""Items: address object and calendar object resources that belong to no business record, and their tombstones.

Imported by sync and server. Every function works in the caller's transaction and commits nothing; a change and its
trace for sync-tokens are one function.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, null, select, union_all, update

from radicale_bcm.books import collections, indexing
from radicale_bcm.books.schema import HREF_LENGTH, UID_LENGTH, item, tombstone, trash
from radicale_bcm.database.prepared import Asked, Prepared


class Item(NamedTuple):
    """A stored item; etag without quotes; time range in POSIX seconds as Radicale's `Item.time_range`."""

    id: int
    href: str
    uid: str
    name: str
    component: str
    time_start: int
    time_end: int
    text: str
    etag: str
    created_revision: int
    revision: int
    modified: datetime


class NewItem(NamedTuple):
    """What a caller knows of an item that it stores."""

    href: str
    uid: str
    name: str
    component: str
    time_start: int
    time_end: int
    text: str


_COLUMNS = tuple(item.c[name] for name in Item._fields)
_ALL = select(*_COLUMNS).where(item.c.collection_id == bindparam("collection_id"))
_ONE = Prepared(_ALL.where(item.c.href == bindparam("href")))
_SOME = _ALL.where(item.c.href.in_(bindparam("hrefs", expanding=True)))
_MANY = Prepared(_SOME, "hrefs")
_TEXTS = Prepared(_SOME.with_only_columns(item.c.href, item.c.etag, item.c.text), "hrefs")
_HAS_UID = Prepared(
    select(item.c.href).where(item.c.collection_id == bindparam("collection_id"), item.c.uid == bindparam("uid"))
)
# Below SQLite's and every driver's limit of bound parameters.
CHUNK = 500
# By href: the index of that order is there.
_NEXT = Prepared(_ALL.where(item.c.href > bindparam("last")).order_by(item.c.href).limit(CHUNK))
_BY_IDS = Prepared(_ALL.where(item.c.id.in_(bindparam("ids", expanding=True))), "ids")
_CHANGED = item.c.collection_id == bindparam("collection_id"), item.c.revision > bindparam("since")
_REMOVED = tombstone.c.collection_id == bindparam("collection_id"), tombstone.c.deleted_revision > bindparam("since")
_REMOVED_ONLY = Prepared(select(tombstone.c.href).where(*_REMOVED))
_CHANGED_ONLY = Prepared(select(item.c.href).where(*_CHANGED))
FEW = 20
"""So many changed items are told of with their texts."""
_FIRST = select(item.c.href, item.c.etag, item.c.text).where(*_CHANGED).order_by(item.c.revision).limit(FEW + 1)
_TOLD = Prepared(
    union_all(select(_FIRST.subquery()), select(tombstone.c.href, null(), null()).where(*_REMOVED)),
)


def text_etag(text: str, salt: str = "") -> str:
    """The ETag, without quotes, of a text that is served as it is."""
    return sha256((text + salt).encode("utf-8", "surrogatepass")).hexdigest()


def fits(href: str, uid: str) -> bool:
    """Whether both can be stored: their length is limited."""
    return 0 < len(href) <= HREF_LENGTH and len(uid) <= UID_LENGTH


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Pieces that are short enough for an IN list."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def get(conn: Connection, collection_id: int, href: str) -> Item | None:
    """The item at an href."""
    row = _ONE.first(conn, {"collection_id": collection_id, "href": href})
    return Item._make(row) if row else None


def asking(collection_id: int, href: str) -> Asked:
    """What to ask for the item at an href; the row is one, for `Item`."""
    return _ONE, {"collection_id": collection_id, "href": href}


def get_many(conn: Connection, collection_id: int, hrefs: Iterable[str]) -> Iterator[Item]:
    """The items that exist among the hrefs."""
    for part in chunks(list(hrefs)):
        yield from map(Item._make, _MANY.all(conn, {"collection_id": collection_id, "hrefs": part}))


def texts(conn: Connection, collection_id: int, hrefs: Sequence[str]) -> list[tuple[str, str, str]]:
    """Href, ETag without quotes and text of the items that exist among not too many hrefs."""
    return _TEXTS.all(conn, {"collection_id": collection_id, "hrefs": hrefs})


def asking_ids(collection_id: int, ids: Sequence[int]) -> Asked:
    """What to ask for the items of the collection with not too many ids; the rows are for `Item`."""
    return _BY_IDS, {"collection_id": collection_id, "ids": ids}


def by_ids(conn: Connection, collection_id: int, ids: Iterable[int]) -> Iterator[Item]:
    """The items of the collection with these ids."""
    for part in chunks(list(ids)):
        statement, values = asking_ids(collection_id, part)
        yield from map(Item._make, statement.all(conn, values))


def between(conn: Connection, collection_id: int, component: str | None, start: int, end: int) -> Iterator[Item]:
    """The items whose time range meets that from `start` to `end` (POSIX seconds), of a component or of all."""
    found = select(item.c.id).where(
        item.c.collection_id == collection_id, item.c.time_start < end, item.c.time_end > start
    )
    if component is not None:
        found = found.where(item.c.component == component)
    yield from by_ids(conn, collection_id, conn.execute(found.order_by(item.c.id)).scalars().all())


def get_all(conn: Connection, collection_id: int) -> Iterator[Item]:
    """All items of a collection, in pieces: other statements may run between two of them."""
    last = ""
    while rows := _NEXT.all(conn, {"collection_id": collection_id, "last": last}):
        yield from map(Item._make, rows)
        last = rows[-1][1]


def find_uid(conn: Connection, collection_id: int, uid: str) -> str | None:
    """The href that has this UID."""
    return next(iter(_HAS_UID.column(conn, {"collection_id": collection_id, "uid": uid})), None)


def count(conn: Connection, collection_id: int) -> int:
    """How many items there are."""
    counted = select(func.count()).select_from(item).where(item.c.collection_id == collection_id)
    return int(conn.execute(counted).scalar_one())


_UPDATE = Prepared(update(item).where(item.c.id == bindparam("item_id")))
_INSERT = insert(item)


def put(conn: Connection, collection_id: int, new: NewItem, revision: int, at: datetime) -> Item:
    """Insert the item or replace the one at its href, and record the change for sync-tokens."""
    return put_over(conn, collection_id, get(conn, collection_id, new.href), new, revision, at)


def put_over(conn: Connection, collection_id: int, old: Item | None, new: NewItem, revision: int, at: datetime) -> Item:
    """The same for a caller that knows what is at the href now."""
    values = new._asdict() | {"etag": text_etag(new.text), "revision": revision, "modified": at}
    if old:
        # Not what stays: its indexes would be written, too.
        changed = {name: value for name, value in values.items() if getattr(old, name) != value}
        _UPDATE.run(conn, changed | {"item_id": old.id})
        stored = old._replace(**values)
    else:
        values |= {"collection_id": collection_id, "created_revision": revision}
        created = conn.execute(_INSERT, values).inserted_primary_key
        assert created is not None
        del values["collection_id"]
        stored = Item(id=created[0], **values)
    if old:
        indexing.change_item(conn, collection_id, stored.id, (old.name, old.text), (new.name, new.text))
    else:
        indexing.put_items(conn, collection_id, {stored.id: (new.name, new.text)})
    collections.touch(conn, collection_id, revision, at)
    return stored


def put_many(conn: Connection, collection_id: int, new: Iterable[NewItem], revision: int, at: datetime) -> int:
    """Insert items at hrefs that are free, in bulk. Returns how many."""
    total = 0
    batch: list[dict[str, Any]] = []
    extra = {"collection_id": collection_id, "created_revision": revision, "revision": revision, "modified": at}
    for each in new:
        batch.append(each._asdict() | extra | {"etag": text_etag(each.text)})
        if len(batch) == CHUNK:
            _insert_many(conn, collection_id, batch)
            total += len(batch)
            batch = []
    if batch:
        _insert_many(conn, collection_id, batch)
    collections.touch(conn, collection_id, revision, at)
    return total + len(batch)


def _insert_many(conn: Connection, collection_id: int, batch: list[dict[str, Any]]) -> None:
    conn.execute(_INSERT, batch)
    texts = {each["href"]: (each["name"], each["text"]) for each in batch if each["name"] in indexing.INDEXED}
    if texts:
        ids = select(item.c.id, item.c.href).where(item.c.collection_id == collection_id, item.c.href.in_(texts))
        indexing.put_items(conn, collection_id, {number: texts[href] for number, href in conn.execute(ids)})


def remove(conn: Connection, collection_id: int, old: Item, revision: int, at: datetime) -> None:
    """Delete an item and leave its tombstone."""
    conn.execute(delete(item).where(item.c.id == old.id))
    indexing.drop_item(conn, collection_id, old.id)
    conn.execute(
        insert(tombstone),
        {
            "collection_id": collection_id,
            "href": old.href,
            "created_revision": old.created_revision,
            "deleted_revision": revision,
        },
    )
    collections.touch(conn, collection_id, revision, at)


def touch(conn: Connection, collection_id: int, href: str, revision: int, at: datetime) -> bool:
    """Report an unchanged item as changed, with another ETag: what a refused write has to be followed by."""
    old = get(conn, collection_id, href)
    if not old:
        return False
    values = {"etag": text_etag(old.text, str(revision)), "revision": revision, "modified": at}
    _UPDATE.run(conn, values | {"item_id": old.id})
    collections.touch(conn, collection_id, revision, at)
    return True


class Told(NamedTuple):
    """Hrefs of items that were stored after a revision, and what `removed_since` says; of a few of the first, by href,
    ETag without quotes and text."""

    changed: set[str]
    removed: set[str]
    texts: dict[str, tuple[str, str]]


def telling(collection_id: int, since: int) -> Asked:
    """What to ask for `told`: about the time after a revision."""
    return _TOLD, {"collection_id": collection_id, "since": since}


def told(conn: Connection, collection_id: int, since: int, rows: Iterable[Sequence[Any]]) -> Told:
    """What happened after a revision, from the answer to `telling`."""
    removed, texts = set[str](), dict[str, tuple[str, str]]()
    for href, etag, text in rows:
        if etag is None:
            removed.add(href)
        else:
            texts[href] = etag, text
    if len(texts) <= FEW:
        return Told(set(texts), removed, texts)
    everything = _CHANGED_ONLY.column(conn, {"collection_id": collection_id, "since": since})
    return Told(set(everything), removed, texts)


def removed_since(conn: Connection, collection_id: int, since: int) -> set[str]:
    """Hrefs that were deleted after a revision, also those that were created after it; they may exist again.

    A client can know a member that its token does not: it may have asked for it by PROPFIND or multiget.
    """
    return set(_REMOVED_ONLY.column(conn, {"collection_id": collection_id, "since": since}))


class Trashed(NamedTuple):
    """A plain contact in Deleted Items."""

    id: int
    path: str
    href: str
    uid: str
    label: str
    text: str
    deleted_at: datetime
    deleted_by: str


def keep_in_trash(conn: Connection, path: str, old: Item, label: str, at: datetime, by: str) -> int:
    """Keep a deleted plain contact, restorable until purged. Returns its number there."""
    kept = conn.execute(
        insert(trash),
        {
            "path": path,
            "href": old.href,
            "uid": old.uid,
            "label": label[:255],
            "text": old.text,
            "deleted_at": at,
            "deleted_by": by,
        },
    ).inserted_primary_key
    assert kept is not None
    return int(kept[0])


def trashed(conn: Connection, ids: Sequence[int] | None = None) -> list[Trashed]:
    """Plain contacts in Deleted Items, latest first; all or those with the ids."""
    rows = select(*(trash.c[name] for name in Trashed._fields)).order_by(trash.c.id.desc())
    if ids is not None:
        rows = rows.where(trash.c.id.in_(ids))
    return [Trashed._make(row) for row in conn.execute(rows)]


def drop_from_trash(conn: Connection, trashed_id: int) -> None:
    """Forget a plain contact for good, or because it was restored."""
    conn.execute(delete(trash).where(trash.c.id == trashed_id))
