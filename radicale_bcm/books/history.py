# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed which field from what to what, when and from where. Imported by sync and cli.

Rows are written in the transaction of the change itself; nothing ever changes or deletes one.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select

from radicale_bcm.books.schema import history


class Actor(NamedTuple):
    """Who does something, and through what: a principal's client, a command, or another program in the database."""

    name: str
    client: str
    source: str  # dav, command, database


DATABASE = Actor("", "", "database")


class Entry(NamedTuple):
    """A change. `changes` maps a field to its old and new value; `note` holds what was refused and what lost."""

    id: int
    at: datetime
    revision: int
    actor: str
    client: str
    source: str
    action: str
    origin_id: int | None
    record_id: str | None
    path: str
    href: str
    label: str
    changes: dict[str, tuple[str, str]]
    note: dict[str, Any]


class Subject(NamedTuple):
    """What was changed: a record, or an item at a path and href."""

    label: str
    origin_id: int | None = None
    record_id: str | None = None
    path: str = ""
    href: str = ""


_INSERT = insert(history)
_COLUMNS = select(*(history.c[name] for name in Entry._fields))


def write(  # noqa: PLR0913
    conn: Connection,
    revision: int,
    at: datetime,
    actor: Actor,
    action: str,
    subject: Subject,
    changes: Mapping[str, tuple[str, str]],
    note: Mapping[str, Any] | None = None,
) -> None:
    """Record a change in the transaction that makes it."""
    conn.execute(_INSERT, row(revision, at, actor, action, subject, changes, note))


def row(  # noqa: PLR0913
    revision: int,
    at: datetime,
    actor: Actor,
    action: str,
    subject: Subject,
    changes: Mapping[str, tuple[str, str]],
    note: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The row of a change, for writing many at once."""
    return {
        "at": at,
        "revision": revision,
        "actor": actor.name[:255],
        "client": actor.client[:255],
        "source": actor.source,
        "action": action,
        "origin_id": subject.origin_id,
        "record_id": subject.record_id,
        "path": subject.path,
        "href": subject.href,
        "label": subject.label[:255],
        "changes": json.dumps(dict(changes), ensure_ascii=False, sort_keys=True),
        "note": json.dumps(dict(note or {}), ensure_ascii=False, sort_keys=True),
    }


def write_many(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """Record many changes."""
    if rows:
        conn.execute(_INSERT, rows)


def entries(
    conn: Connection,
    *,
    record: tuple[int, str] | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    limit: int = 1000,
) -> list[Entry]:
    """Changes, latest first: of a record (origin, id), by a principal, since a time."""
    found = _COLUMNS.order_by(history.c.id.desc()).limit(limit)
    if record is not None:
        found = found.where(history.c.origin_id == record[0], history.c.record_id == record[1])
    if actor is not None:
        found = found.where(history.c.actor == actor)
    if since is not None:
        found = found.where(history.c.at >= since)
    return [_made(tuple(each)) for each in conn.execute(found)]


def _made(values: tuple[Any, ...]) -> Entry:
    entry = Entry._make(values)
    changes = {name: (old, new) for name, (old, new) in json.loads(values[-2]).items()}
    return entry._replace(changes=changes, note=json.loads(values[-1]))


def count(conn: Connection, actor: str, actions: Sequence[str], since: datetime) -> int:
    """How many records an actor's client did one of these things to since a time."""
    found = select(func.count()).where(
        history.c.actor == actor,
        history.c.at >= since,
        history.c.action.in_(actions),
        history.c.source == "dav",
        history.c.record_id.is_not(None),
    )
    return int(conn.execute(found).scalar_one())
