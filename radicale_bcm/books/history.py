# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed which field from what to what, when and from where. Imported by sync and cli.

Rows are written in the transaction of the change itself. Nothing ever deletes one; only a purge takes the values out
of those of its contact, so that who did something, and when, stays.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from radicale_bcm.books.items import chunks
from radicale_bcm.books.schema import history
from radicale_bcm.database.prepared import Prepared


class Actor(NamedTuple):
    """Who does something, and through what: a principal's client, a command, or another program in the database.

    `run` names one run of a command, whose changes can be undone together.
    """

    name: str
    client: str
    source: str  # dav, command, database
    run: str = ""


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
    """What was changed: a record, or an item at a path (of its collection) and href."""

    label: str
    origin_id: int | None = None
    record_id: str | None = None
    path: str = ""
    href: str = ""


# Made once: json.dumps makes one for each call.
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
_INSERT = insert(history)
_WRITE = Prepared(_INSERT.inline())
_COLUMNS = select(*(history.c[name] for name in Entry._fields))


def write(
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
    _WRITE.run(conn, row(revision, at, actor, action, subject, changes, note))


def row(
    revision: int,
    at: datetime,
    actor: Actor,
    action: str,
    subject: Subject,
    changes: Mapping[str, tuple[str, str]],
    note: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The row of a change, for writing many at once."""
    said = dict(note or {}) | ({"run": actor.run} if actor.run else {})
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
        "changes": _json(dict(changes)),
        "note": _json(said) if said else "{}",
    }


def write_many(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """Record many changes."""
    if rows:
        conn.execute(_INSERT, rows)


def entries(
    conn: Connection,
    *,
    record: tuple[int, str] | None = None,
    place: tuple[str, str] | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    action: str | None = None,
    limit: int | None = 1000,
) -> list[Entry]:
    """Changes, latest first: of a record (origin, id), at a place (path, href; "" is the folder), by a principal, since
    a time, of a kind."""
    found = _COLUMNS.order_by(history.c.id.desc()).limit(limit)
    if record is not None:
        found = found.where(history.c.origin_id == record[0], history.c.record_id == record[1])
    if place is not None:
        found = found.where(history.c.path == place[0])
        found = found.where(history.c.href == place[1]) if place[1] else found
    if actor is not None:
        found = found.where(history.c.actor == actor)
    if since is not None:
        found = found.where(history.c.at >= since)
    if action is not None:
        found = found.where(history.c.action == action)
    return [_made(tuple(each)) for each in conn.execute(found)]


def by_ids(conn: Connection, ids: Sequence[int]) -> list[Entry]:
    """The changes with these numbers that exist, latest first."""
    found: list[Entry] = []
    for part in chunks(sorted(set(ids), reverse=True)):
        rows = conn.execute(_COLUMNS.where(history.c.id.in_(part)).order_by(history.c.id.desc()))
        found += [_made(tuple(each)) for each in rows]
    return found


def together_with(conn: Connection, entry: Entry) -> list[Entry]:
    """Everything that the command or the request of a change did, latest first."""
    same = _COLUMNS.where(history.c.actor == entry.actor, history.c.source == entry.source)
    run = entry.note.get("run")
    if run:
        # A run has one place in time: its first and last change are not far from this one.
        same = same.where(history.c.client == entry.client, history.c.note.contains(f'"run": "{run}"', autoescape=True))
    else:
        same = same.where(history.c.revision == entry.revision)
    return [_made(tuple(each)) for each in conn.execute(same.order_by(history.c.id.desc()))]


def latest(conn: Connection, entry_of: Subject, action: str, at: datetime) -> Entry | None:
    """The latest change of a kind to a subject at a time or before."""
    found = _COLUMNS.where(history.c.action == action, history.c.at <= at).order_by(history.c.id.desc()).limit(1)
    if entry_of.record_id is not None:
        found = found.where(history.c.origin_id == entry_of.origin_id, history.c.record_id == entry_of.record_id)
    else:
        found = found.where(history.c.path == entry_of.path, history.c.href == entry_of.href)
    row = conn.execute(found).one_or_none()
    return _made(tuple(row)) if row else None


def actors(conn: Connection, origin_id: int, record_ids: Sequence[str], action: str) -> dict[str, str]:
    """Who did a thing to these records the last time; records of which that is not known are left out."""
    found: dict[str, str] = {}
    for part in chunks(list(record_ids)):
        mine = (history.c.origin_id == origin_id) & history.c.record_id.in_(part) & (history.c.action == action)
        last = select(func.max(history.c.id)).where(mine).group_by(history.c.record_id)
        rows = conn.execute(select(history.c.record_id, history.c.actor).where(history.c.id.in_(last)))
        found.update((row.record_id, row.actor) for row in rows)
    return found


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


_FORGOTTEN = {"label": "", "changes": "{}", "note": '{"purged": true}'}


def forget_record(conn: Connection, origin_id: int, record_id: str) -> None:
    """Take the values of a purged record out of its history, and those of the plain contact that it was before."""
    mine = (history.c.origin_id == origin_id) & (history.c.record_id == record_id)
    promoted = select(history.c.id, history.c.note).where(mine, history.c.action == "promoted")
    for number, note in conn.execute(promoted).all():
        path, _, href = str(json.loads(note).get("from", "")).strip("/").rpartition("/")
        if path:
            forget_item(conn, path, href, until=number)
    conn.execute(update(history).where(mine).values(_FORGOTTEN))


def forget_item(conn: Connection, path: str, href: str, until: int | None = None) -> None:
    """Take the values of a purged plain contact out of its history, up to a change, wherever it was moved from."""
    places, seen = [(path, href)], set()
    while places:
        place = places.pop()
        if place in seen:
            continue
        seen.add(place)
        mine = (history.c.path == place[0]) & (history.c.href == place[1]) & history.c.record_id.is_(None)
        if until is not None:
            mine &= history.c.id <= until
        for note in conn.execute(select(history.c.note).where(mine, history.c.action == "moved")).scalars().all():
            came_from, _, name = str(json.loads(note).get("from", "")).strip("/").rpartition("/")
            if came_from:
                places.append((came_from, name))
        conn.execute(update(history).where(mine).values(_FORGOTTEN))
