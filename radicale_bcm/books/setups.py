# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-ups (what a principal chose), the business databases that are known, and single settings.

Imported by sync and cli. Every function works in the caller's transaction and commits nothing.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from radicale_bcm.books.schema import origin, setting, setup
from radicale_bcm.database.prepared import Prepared


class Setup(NamedTuple):
    """What a principal chose. `filters` are expressions as written; `category` is empty for none."""

    id: int
    principal: str
    collection_id: int | None
    filters: tuple[str, ...]
    category: str
    access: str
    on_delete: str
    shown_fields: tuple[str, ...]
    enabled: bool
    changed_at: datetime


class Rights(NamedTuple):
    """What a set-up lets people do in its sync folder."""

    access: str
    on_delete: str


class Origin(NamedTuple):
    """A business database that is known, by the identity that is kept in it."""

    id: int
    name: str
    url: str
    mapping: str | None
    identity: str
    current: bool


_SETUPS = select(
    setup.c.id,
    setup.c.principal,
    setup.c.collection_id,
    setup.c.filter,
    setup.c.category,
    setup.c.access,
    setup.c.on_delete,
    setup.c.shown_fields,
    setup.c.enabled,
    setup.c.changed_at,
).order_by(setup.c.principal)
_ORIGINS = select(*(origin.c[name] for name in Origin._fields)).order_by(origin.c.name)
_CURRENT_ORIGIN = Prepared(_ORIGINS.where(origin.c.current.is_(True)))
_OF_COLLECTION = Prepared(
    select(setup.c.access, setup.c.on_delete).where(
        setup.c.collection_id == bindparam("collection_id"), setup.c.enabled.is_(True)
    )
)


def _made(row: Any) -> Setup:
    number, principal, collection_id, filters, category, access, on_delete, shown, enabled, changed_at = row
    return Setup(
        number,
        principal,
        collection_id,
        tuple(json.loads(filters)),
        category,
        access,
        on_delete,
        tuple(json.loads(shown)),
        enabled,
        changed_at,
    )


def of_principal(conn: Connection, principal: str) -> Setup | None:
    """The set-up of a principal."""
    row = conn.execute(_SETUPS.where(setup.c.principal == principal)).one_or_none()
    return _made(row) if row else None


def of_collection(conn: Connection, collection_id: int) -> Rights | None:
    """What the enabled set-up whose sync folder this is lets people do there."""
    row = _OF_COLLECTION.first(conn, {"collection_id": collection_id})
    return Rights._make(row) if row else None


def all_setups(conn: Connection) -> list[Setup]:
    """All set-ups, also those that were stopped, by principal."""
    return [_made(row) for row in conn.execute(_SETUPS)]


def save(conn: Connection, values: Setup) -> None:
    """Store a principal's set-up, new or changed; the id is not looked at."""
    row: dict[str, Any] = values._asdict()
    del row["id"]
    row["filter"] = json.dumps(row.pop("filters"), ensure_ascii=False)
    row["shown_fields"] = json.dumps(row["shown_fields"])
    changed = conn.execute(update(setup).where(setup.c.principal == values.principal).values(row))
    if not changed.rowcount and of_principal(conn, values.principal) is None:
        conn.execute(insert(setup), row)


def origins(conn: Connection) -> list[Origin]:
    """The business databases that are known, by name."""
    return [Origin._make(row) for row in conn.execute(_ORIGINS)]


def current_origin(conn: Connection) -> Origin | None:
    """The business database that records are projected from now."""
    row = _CURRENT_ORIGIN.first(conn, {})
    return Origin._make(row) if row else None


def get_origin(conn: Connection, origin_id: int) -> Origin:
    """The business database with this number."""
    return Origin._make(conn.execute(_ORIGINS.where(origin.c.id == origin_id)).one())


def add_origin(conn: Connection, values: Mapping[str, Any]) -> Origin:
    """Get to know a business database."""
    created = conn.execute(insert(origin), dict(values)).inserted_primary_key
    assert created is not None
    return get_origin(conn, created[0])


def change_origin(conn: Connection, origin_id: int, values: Mapping[str, Any]) -> None:
    """Change the given fields."""
    conn.execute(update(origin).where(origin.c.id == origin_id).values(dict(values)))


def setting_value(conn: Connection, name: str) -> str | None:
    """A single value."""
    return conn.execute(select(setting.c.value).where(setting.c.name == name)).scalar_one_or_none()


def set_setting(conn: Connection, name: str, value: str) -> None:
    """Store a single value."""
    conn.execute(delete(setting).where(setting.c.name == name))
    conn.execute(insert(setting), {"name": name, "value": value})
