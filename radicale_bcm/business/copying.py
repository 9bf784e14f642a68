# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the contents of our own business schema. Imported by sync.backup.

Triggers write versions, copies of removed rows and the change log; what they write meanwhile is replaced by what was
kept, in this order of the tables.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from radicale_bcm.business.schema import (
    METADATA,
    account,
    change_consumer,
    change_log,
    change_note,
    contact,
    contact_erased,
    custom_value,
    identity,
    record_type,
)
from radicale_bcm.database import copies

TABLES: tuple[Table, ...] = (
    identity, record_type, account, contact, custom_value, contact_erased, change_consumer, change_log,
    change_note,
)  # fmt: skip
assert set(TABLES) == set(METADATA.tables.values())


def replace(conn: Connection, rows: Callable[[Table], Iterable[dict[str, Any]]]) -> None:
    """Let the tables hold these rows and no others."""
    copies.unlimited(conn)
    # Nobody follows any more, so nothing is logged.
    others = (custom_value, contact, account, contact_erased, record_type, identity)
    for table in (change_note, change_log, change_consumer, *others):
        conn.execute(table.delete())
    for table in (identity, record_type, account, contact):
        copies.insert_rows(conn, table, rows(table))
    _insert_custom_values(conn, rows)
    conn.execute(contact_erased.delete())
    for table in (contact_erased, change_consumer, change_log, change_note):
        copies.insert_rows(conn, table, rows(table))
    copies.go_on_counting(conn, TABLES)


def contacts(conn: Connection) -> int:
    """How many contacts there are, deleted ones among them."""
    return conn.execute(select(func.count()).select_from(contact)).scalar_one()


def _insert_custom_values(conn: Connection, rows: Callable[[Table], Iterable[dict[str, Any]]]) -> None:
    """Triggers take them for changes of their contacts: those get back the time of their last real change."""
    values = list(rows(custom_value))
    copies.insert_rows(conn, custom_value, values)
    owners = {each["contact_id"] for each in values}
    for row in rows(contact) if owners else ():
        if row["id"] in owners:
            conn.execute(update(contact).where(contact.c.id == row["id"]).values(modified_at=row["modified_at"]))
