# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections of every kind: principals, address books, calendars and the folders between them.

Imported by sync and server. A path has no leading and no trailing slash; the root is the empty path and always exists.
Every function works in the caller's transaction and commits nothing.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    true,
    union_all,
    update,
)

from radicale_bcm.books.schema import HREF_LENGTH, PATH_LENGTH, collection, setup
from radicale_bcm.database.prepared import Prepared


class Collection(NamedTuple):
    """A row of the table; `props` is Radicale's own JSON object of properties, `tag` its key of that name."""

    id: int
    path: str
    tag: str
    props: dict[str, str]
    created_revision: int
    revision: int
    modified: datetime


_COLUMNS = (
    collection.c.id,
    collection.c.path,
    collection.c.tag,
    collection.c.props,
    collection.c.created_revision,
    collection.c.revision,
    collection.c.modified,
)
_HERE = select(*_COLUMNS).where(collection.c.path == bindparam("path"))
_BY_PATH = Prepared(_HERE)
_BY_PATHS = Prepared(select(*_COLUMNS).where(collection.c.path.in_(bindparam("paths", expanding=True))), "paths")
_BY_ID = Prepared(select(*_COLUMNS).where(collection.c.id == bindparam("id")))
_BELOW = select(*_COLUMNS).where(collection.c.parent == bindparam("path"))
_CHILDREN = Prepared(_BELOW.order_by(collection.c.path))
_AND_BELOW = Prepared(union_all(_HERE, _BELOW))


def parent_of(path: str) -> str:
    """The path of the collection that contains this one or this item."""
    return path.rpartition("/")[0]


def fits(path: str) -> bool:
    """Whether the path can be stored: its length and that of each of its names is limited."""
    return len(path) <= PATH_LENGTH and all(0 < len(name) <= HREF_LENGTH for name in path.split("/"))


def _made(row: Any) -> Collection:
    return Collection(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5], row[6])


def get(conn: Connection, path: str) -> Collection | None:
    """The collection at a path. The root is never stored: ask is_root first."""
    row = _BY_PATH.first(conn, {"path": path})
    return _made(row) if row else None


def some(conn: Connection, paths: Sequence[str]) -> dict[str, Collection]:
    """Those that exist at a few paths."""
    return {row[1]: _made(row) for row in _BY_PATHS.all(conn, {"paths": paths})}


def by_id(conn: Connection, collection_id: int) -> Collection | None:
    """The collection with this number."""
    row = _BY_ID.first(conn, {"id": collection_id})
    return _made(row) if row else None


def without_children(conn: Connection, path: str) -> Collection | None:
    """The collection at a path, if there is none below it."""
    rows = _AND_BELOW.all(conn, {"path": path})
    return _made(rows[0]) if len(rows) == 1 and rows[0][1] == path else None


def children(conn: Connection, path: str) -> list[Collection]:
    """The collections directly below a path, by name."""
    return [_made(row) for row in _CHILDREN.all(conn, {"path": path}) if row[1]]


def all_paths(conn: Connection) -> list[tuple[int, str, str]]:
    """Number, path and tag of every collection."""
    found = select(collection.c.id, collection.c.path, collection.c.tag).order_by(collection.c.path)
    return [(row[0], row[1], row[2]) for row in conn.execute(found)]


def create(conn: Connection, path: str, props: Mapping[str, str], revision: int, at: datetime) -> Collection:
    """Insert a collection at a free path; missing parents are created as plain folders."""
    parent = parent_of(path)
    if parent and get(conn, parent) is None:
        create(conn, parent, {}, revision, at)
    values = {
        "path": path,
        "parent": parent,
        "tag": props.get("tag", ""),
        "props": json.dumps(dict(props), sort_keys=True, ensure_ascii=False),
        "created_revision": revision,
        "revision": revision,
        "modified": at,
    }
    created = conn.execute(insert(collection), values).inserted_primary_key
    assert created is not None
    return Collection(created[0], path, str(values["tag"]), dict(props), revision, revision, at)


def set_props(conn: Connection, collection_id: int, props: Mapping[str, str], revision: int, at: datetime) -> None:
    """Replace all properties."""
    conn.execute(
        update(collection).where(collection.c.id == collection_id),
        {
            "tag": props.get("tag", ""),
            "props": json.dumps(dict(props), sort_keys=True, ensure_ascii=False),
            "revision": revision,
            "modified": at,
        },
    )


_TOUCH = Prepared(
    update(collection)
    .where(collection.c.id == bindparam("target"))
    .values(revision=bindparam("new_revision"), modified=bindparam("new_modified"))
)


def touch(conn: Connection, collection_id: int, revision: int, at: datetime) -> None:
    """Something in the collection changed at this revision."""
    _TOUCH.run(conn, {"target": collection_id, "new_revision": revision, "new_modified": at})


def _inside(path: str) -> ColumnElement[bool]:
    """At or below a path. '0' follows '/' in every binary collation: no LIKE, nothing to escape."""
    if not path:
        return true()
    return or_(collection.c.path == path, and_(collection.c.path >= f"{path}/", collection.c.path < f"{path}0"))


def delete_tree(conn: Connection, path: str) -> None:
    """Delete a collection, all below it and their items. Tokens of a new collection at that path start anew.

    Set-ups that were stopped forget that it was theirs.
    """
    gone = select(collection.c.id).where(_inside(path)).scalar_subquery()
    conn.execute(update(setup).where(setup.c.collection_id.in_(gone)).values(collection_id=None))
    conn.execute(delete(collection).where(_inside(path)))


def sync_folders_in(conn: Connection, path: str) -> list[str]:
    """Paths of enabled sync folders at or below a path."""
    found = (
        select(collection.c.path)
        .join(setup, setup.c.collection_id == collection.c.id)
        .where(setup.c.enabled.is_(True), _inside(path))
    )
    return list(conn.execute(found).scalars())
