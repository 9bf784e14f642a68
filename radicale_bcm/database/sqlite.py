# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite as an engine: how its connections are made, kept and closed, and its two kinds of transactions.

Imported by database.engine only.
"""

import os
import sqlite3
import time
from operator import methodcaller
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy.exc
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL

from radicale_bcm.database.errors import ReadOnly
from radicale_bcm.database.keeping import KeepingPool


def make_engine(
    url: URL, *, own: bool, only_ours: bool, lock_seconds: float, pool_size: int, max_overflow: int
) -> Engine:
    """An engine of a SQLite file; see `engine.open_engine`. `lock_seconds` is how long a lock is waited for."""
    path = str(Path(url.database or "").absolute())

    def connect() -> sqlite3.Connection:
        # mode=rw: a missing file must not turn into an empty database. isolation_level=None: we say BEGIN ourselves.
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=rw",
            uri=True,
            timeout=lock_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
            factory=SqliteConnection,
        )
        try:
            connection.path, connection.file = path, _file_identity(path)
            _set_up_sqlite(connection)
            if not only_ours:
                connection.text_factory = _any_text
            if own:
                _turn_wal_on(connection, lock_seconds)
                # Four times SQLite's own: a page that is changed again and again goes into the database less often.
                connection.execute("PRAGMA wal_autocheckpoint=4000")
                # Debian's SQLite overwrites each freed page, so that many pages are written twice.
                connection.execute("PRAGMA secure_delete=FAST")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine(
        url,
        creator=connect,
        poolclass=SqlitePool,
        pool_use_lifo=True,
        pool_size=pool_size,
        max_overflow=max_overflow,
    )

    def on_checkout(connection: Any, _record: Any, _fairy: Any) -> None:
        if not connection.is_fit():
            raise sqlalchemy.exc.DisconnectionError("the file is another one now")

    event.listen(engine, "checkout", on_checkout)
    return engine


# Text that another program wrote in another encoding must not make a whole table unreadable. It takes twice as long.
_any_text = methodcaller("decode", "utf-8", "replace")
# Files of ours where such text was found all the same.
_SPOILT: set[str] = set()


class SqliteConnection(sqlite3.Connection):
    """A connection that knows which file it has open. One whose file is not at its place any more is never closed:
    SQLite would delete the write-ahead log of the file that is there now."""

    path = ""
    file: tuple[int, int] | None = None
    is_stranded = False
    # Whether its next transaction only reads; and how many rows it had changed in its life when such a one began.
    reads = False
    changes_before: int | None = None

    def is_fit(self) -> bool:
        """Whether it can be used once more. Not if its file was moved away, or replaced by a backup: it still takes
        what is written, and that is lost."""
        if self.path in _SPOILT:
            self.text_factory = _any_text
        self.is_stranded = self.is_stranded or self.file != _file_identity(self.path)
        return not self.is_stranded

    def close(self) -> None:
        """Close it, or put it aside for good."""
        if self.is_stranded:
            _STRANDED.append(self)
        else:
            super().close()


_STRANDED: list[SqliteConnection] = []


class SqlitePool(KeepingPool):
    """The pool of a file."""

    def is_fit(self, connection: Connection) -> bool:
        """Whether its file is still the one at that place."""
        return _driver_of(connection).is_fit()

    def learn(self, connection: Connection, error: BaseException) -> None:
        """Remember files of ours where text is no UTF-8."""
        if "Could not decode to UTF-8" in str(error):
            _SPOILT.add(_driver_of(connection).path)


def _driver_of(connection: Connection) -> SqliteConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, SqliteConnection)
    return driver


class SqliteDialect(SQLiteDialect_pysqlite):
    """SQLite with the two kinds of transactions of `begin`. Without it, one that writes."""

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        """BEGIN, of the kind that the connection was told."""
        driver = dbapi_connection.driver_connection
        if driver.reads:
            driver.reads = False
            driver.execute("BEGIN")
            driver.changes_before = driver.total_changes
        else:
            driver.execute("BEGIN IMMEDIATE")
            driver.changes_before = None

    def do_commit(self, dbapi_connection: Any) -> None:
        """COMMIT. Raises ReadOnly, and rolls back, if a reading transaction wrote."""
        # PRAGMA query_only would refuse the statement itself. But each time it is set, SQLite compiles every prepared
        # statement of the connection anew, which is half the time of a small write between reads.
        driver = dbapi_connection.driver_connection
        if driver.changes_before not in (None, driver.total_changes):
            driver.rollback()
            raise ReadOnly(f"sqlite:///{driver.path}", "something was written in a reading transaction, and taken back")
        driver.commit()


registry.register("sqlite.bcm", __name__, "SqliteDialect")


def _file_identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - at every checkout, and Path.stat takes twice as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _set_up_sqlite(connection: sqlite3.Connection) -> None:
    # What the other two engines do: lower() knows all scripts, LIKE tells upper from lower case.
    connection.create_function("lower", 1, _lower, deterministic=True)
    for pragma in ("foreign_keys=ON", "recursive_triggers=OFF", "synchronous=FULL", "case_sensitive_like=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _turn_wal_on(connection: sqlite3.Connection, lock_seconds: float) -> None:
    # Two connections that turn WAL on at once get "locked" without the busy handler being asked.
    deadline = time.monotonic() + lock_seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0].lower() != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
