# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the contents of the state database, and lets it go on after a restore from backup. Imported by
sync.backup."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, update

from radicale_bcm.books import revisions
from radicale_bcm.books.schema import METADATA, audience, collection, counter, item, revision
from radicale_bcm.database import copies

TABLES: tuple[Table, ...] = tuple(METADATA.sorted_tables)


def replace(conn: Connection, rows: Callable[[Table], Iterable[dict[str, Any]]]) -> None:
    """Let the tables hold these rows and no others."""
    copies.unlimited(conn)
    others = [table for table in TABLES if table is not counter]
    for table in reversed(others):
        conn.execute(table.delete())
    for table in others:
        copies.insert_rows(conn, table, rows(table))
    # Its row stays: whoever waits for the write lock waits for this row.
    for row in rows(counter):
        conn.execute(update(counter).values(revision=row["revision"]))
    copies.go_on_counting(conn, TABLES)


def highest_revision(conn: Connection) -> int:
    """The latest revision; 0 where none was ever drawn."""
    return int(conn.execute(select(counter.c.revision)).scalar_one_or_none() or 0)


def items(conn: Connection) -> int:
    """How many items there are that are no business cards."""
    return conn.execute(select(func.count()).select_from(item)).scalar_one()


def begin_anew(conn: Connection, above: int, at: datetime) -> int:
    """Begin a new history of revisions, above all that were ever drawn: every sync-token of before is strange (RFC 6578
    3.2), and every device asks for everything once. Returns the first revision.

    Tokens from before the backup are among them: a device that got one may have written since, and what it wrote is
    gone. Only a full sync tells it.
    """
    conn.execute(update(counter).values(revision=max(above, highest_revision(conn))))
    conn.execute(delete(revision))
    number = revisions.draw(conn, at)
    conn.execute(update(collection).values(revision=number))
    conn.execute(update(audience).values(revision=number))
    return number
