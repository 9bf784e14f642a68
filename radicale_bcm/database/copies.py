# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole databases out and in: SQLite files by SQLite's own online backup, tables of any engine as lines of JSON.

Imported by sync.backup. Everything works in transactions that the caller opened.
"""

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, Table, func, insert, select, text

from radicale_bcm.database.engine import is_mariadb
from radicale_bcm.database.errors import translated

_BATCH = 500
_LOCK_SECONDS = 60


class Broken(Exception):
    """What was to be read is no copy, or not all of one. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def begin_snapshot(conn: Connection) -> None:
    """Fix what a reading transaction sees: engines do that with its first statement."""
    conn.exec_driver_sql("SELECT count(*) FROM sqlite_master" if conn.dialect.name == "sqlite" else "SELECT 1")
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("SET LOCAL statement_timeout = 0")


def write_sqlite(conn: Connection, target: Path) -> None:
    """Copy what a snapshot of a SQLite database sees into a file of its own."""
    source = conn.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    with translated(_url(target)), closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def replace_sqlite(source: Path, target: Path) -> None:
    """Put a copy in the place of a SQLite database, in one transaction: connections that are open see it at once."""
    with _both(source, target) as (copy, database):
        copy.backup(database)


@contextmanager
def _both(source: Path, target: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    """A copy, and the database in its place."""
    with (
        translated(_url(target)),
        closing(sqlite3.connect(source)) as copy,
        closing(sqlite3.connect(target, timeout=_LOCK_SECONDS)) as database,
    ):
        yield copy, database


def _url(path: Path) -> str:
    return f"sqlite:///{path}"


def check_sqlite(source: Path) -> None:
    """Broken, if a file is no sound SQLite database."""
    try:
        copy = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        try:
            (said,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            copy.close()
    except sqlite3.Error as error:
        raise Broken(f"it is no SQLite database: {error}") from error
    if said != "ok":
        raise Broken(f"the SQLite database in it is damaged: {said}")


def raise_counters(source: Path, target: Path) -> None:
    """Let a copy give no id again that the database in its place has given since."""
    with _both(source, target) as (copy, database):
        if not _counts(copy) or not _counts(database):
            return
        with copy:
            for name, number in database.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
                done = copy.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name))
                if not done.rowcount:
                    copy.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))


def _counts(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone()
    return found is not None


def write_rows(conn: Connection, table: Table, file: BinaryIO) -> int:
    """Write a table: its columns, then a line for each row. Returns how many."""
    columns = list(table.columns)
    file.write(_line([column.name for column in columns]))
    count = 0
    rows = conn.execute(select(*columns).execution_options(yield_per=_BATCH))
    for row in rows:
        file.write(_line([_packed(value) for value in row]))
        count += 1
    return count


def read_rows(table: Table, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The rows that were written. Broken, for what is none."""
    wanted = {column.name for column in table.columns}
    source = iter(lines)
    try:
        names = json.loads(next(source))
        if not isinstance(names, list) or set(names) - wanted:
            raise Broken(f"the table {table.name} has other columns")
        for line in source:
            values = json.loads(line)
            if len(values) != len(names):
                raise Broken(f"a row of {table.name} is not complete")
            yield {name: _unpacked(value) for name, value in zip(names, values, strict=True)}
    except (StopIteration, ValueError, TypeError, KeyError) as error:
        raise Broken(f"the table {table.name} cannot be read: {error}") from error


def rows_of(conn: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """All rows of a table, by the names of its columns."""
    for row in conn.execute(select(*table.columns)):
        yield dict(row._mapping)  # noqa: SLF001 - its public name


def insert_rows(conn: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> int:
    """Insert rows with the ids that they had. Returns how many."""
    count, source = 0, iter(rows)
    while part := list(islice(source, _BATCH)):
        conn.execute(insert(table), part)
        count += len(part)
    return count


def unlimited(conn: Connection) -> None:
    """Let statements of this transaction take their time."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("SET LOCAL statement_timeout = 0")


def go_on_counting(conn: Connection, tables: Sequence[Table]) -> None:
    """After ids were inserted: the next one is higher than all that were ever given."""
    if conn.dialect.name != "postgresql" or is_mariadb(conn):
        return  # the others count by themselves
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        highest = conn.execute(select(func.coalesce(func.max(column), 0))).scalar_one()
        name = conn.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
        ).scalar_one_or_none()
        if name is not None:
            last = conn.exec_driver_sql(f"SELECT last_value FROM {name}").scalar_one()  # noqa: S608 - the engine's own name
            conn.execute(text("SELECT setval(:name, :value)"), {"name": name, "value": max(highest, last, 1)})


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _packed(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, Decimal):
        return {"d": str(value)}
    if isinstance(value, bytes | memoryview | bytearray):
        return {"b": base64.b64encode(bytes(value)).decode()}
    return {"j": value}


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "t":
        return datetime.fromisoformat(held)
    if kind == "d":
        return Decimal(held)
    if kind == "b":
        return base64.b64decode(held, validate=True)
    if kind == "j":
        return held
    raise ValueError(kind)
