# SPDX-License-Identifier: GPL-3.0-or-later
"""The group card of a sync folder: which it is and when it changed. Imported by view only; reads only.

It is no row of its own: its text is made from what the folder shows when somebody asks for it, and its ETag from the
revision at which that changed.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Connection, bindparam, func, or_, select

from radicale_bcm.books.collections import Collection
from radicale_bcm.books.membership import Epoch
from radicale_bcm.books.schema import audience, epoch, item
from radicale_bcm.database.prepared import Prepared

_NAMESPACE = UUID("5f1c6f0a-6f3f-4a58-9c43-7d2b1f2f9f0e")
_NAMELESS = "Business contacts"
_LATEST = Prepared(
    select(func.max(audience.c.membered)).where(audience.c.id.in_(bindparam("audiences", expanding=True))), "audiences"
)
_CLOSED = Prepared(select(func.max(epoch.c.closed)).where(epoch.c.collection_id == bindparam("collection_id")))
_TAKEN = Prepared(
    select(item.c.id).where(
        item.c.collection_id == bindparam("collection_id"),
        or_(item.c.href == bindparam("href"), item.c.uid == bindparam("uid")),
    )
)


class Group(NamedTuple):
    """A group card; the ETag with quotes."""

    href: str
    uid: str
    etag: str
    revision: int
    name: str


def identity(collection: Collection) -> tuple[str, str]:
    """The href and UID that the group card of a folder has, whenever it has one."""
    uid = str(uuid5(_NAMESPACE, f"{collection.id}/{collection.path}"))
    return f"{uid}.vcf", uid


def find(conn: Connection, collection: Collection, epochs: Sequence[Epoch]) -> Group | None:
    """The group card of a folder that shows these epochs; None if it has none, or if an item has taken its place."""
    grouped = [each for each in epochs if each.grouped is not None]
    if not grouped:
        return None
    href, uid = identity(collection)
    if is_taken(conn, collection):
        return None
    (latest,) = _LATEST.one(conn, {"audiences": [each.audience_id for each in epochs]})
    # Also when the folder stopped showing another database beside this one.
    (closed,) = _CLOSED.one(conn, {"collection_id": collection.id})
    revision = max(latest, closed or 0, *(each.grouped or 0 for each in grouped), *(each.opened for each in epochs))
    name = next((each.category for each in grouped if each.category), _NAMELESS)
    etag = sha256(f"{uid} {revision}".encode()).hexdigest()
    return Group(href, uid, f'"group-{etag}"', revision, name)


def is_taken(conn: Connection, collection: Collection) -> bool:
    """Whether an item has the place of the group card: a phone may have put it there while there was none."""
    href, uid = identity(collection)
    return _TAKEN.first(conn, {"collection_id": collection.id, "href": href, "uid": uid}) is not None
