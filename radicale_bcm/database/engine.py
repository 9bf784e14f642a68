# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that makes engines: URL, driver, session settings, transaction modes.

Imported by business and books.
"""

import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL, make_url

from radicale_bcm.database import sqlite
from radicale_bcm.database.errors import BadUrl, NoDriver, translated, url_safe
from radicale_bcm.database.keeping import KeepingPool

LOCK_SECONDS = 30
CONNECT_SECONDS = 5
# Of idle connections the one that was used last is taken (LIFO): it still has its pages and statements at hand.
POOL_SIZE = 10
POOL_OVERFLOW = 20
RECYCLE_SECONDS = 1800
"""After so long a connection to a server is made anew."""

# Execution options of a connection: the mode of its next transaction, and the query that it begins with.
_WRITE, _LOCK = "bcm_write", "bcm_lock"

ON_DRIVER = "bcm_on_driver"
"""Execution option: what runs a statement on the driver's connection, for `prepared`: given SQL and parameters it
returns the cursor. None where somebody listens for statements, who would not hear of it."""

ALL_ON_DRIVER = "bcm_all_on_driver"
"""Execution option: the same for several statements in one round trip, given as pairs. None where the driver cannot."""


def _brief(record: logging.LogRecord) -> bool:
    """A connection that was lost: whoever used it is told. That the pool cannot roll back on it is worth one line."""
    record.exc_info = None
    return True


_DRIVERS = {
    "sqlite": "sqlite+bcm",
    "postgresql": "postgresql+bcm",
    "postgres": "postgresql+bcm",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


def open_engine(url: str | URL, *, own: bool = True, only_ours: bool = False) -> Engine:
    """An engine with all our settings; opens no connection yet.

    URLs: sqlite:////path/to/file, postgresql://…, mariadb://… (or mysql://…); the driver is added here.
    A SQLite file that does not exist is Unavailable, not an empty database: `migrate.upgrade` creates it.
    Connections that a server dropped are replaced by themselves. With own=False the database is another application's:
    nothing is set that outlives our connection (SQLite's journal mode does). With only_ours=True nobody else writes
    there, so that text need not be looked at as closely. Raises BadUrl and NoDriver.
    """
    parsed = _parse(url)
    with translated(parsed):
        try:
            engine = _MAKERS[parsed.get_backend_name()](parsed, own, only_ours)
        except ModuleNotFoundError as error:
            raise NoDriver(url_safe(parsed), f"the Python package {error.name} is not installed") from error
    _ENGINES.add(engine)
    return engine


def begin(connection: Connection, *, write: bool, lock: str | None = None) -> RootTransaction:
    """Begin a transaction on this connection; the caller commits or rolls back.

    Reading: one snapshot for as long as it lasts, and writing is refused (ReadOnly), on SQLite at the commit.
    Writing: READ COMMITTED with row locks, and on SQLite the write lock from the first moment on. On the others `lock`
    is a query that locks a row, in the same round trip where the driver can.
    Driver exceptions are not translated here: use `errors.translated` around the whole, or `transaction`.
    """
    _set_mode(connection, write=write, lock=lock)
    return connection.begin()


def _set_mode(connection: Connection, *, write: bool, lock: str | None) -> None:
    """Say what the next transaction is for, and how `prepared` runs its statements."""
    driver: Any = connection.connection.driver_connection
    if isinstance(driver, sqlite.SqliteConnection):
        driver.reads = not write
    dispatch = connection.engine.dispatch
    run = run_all = None
    if not (dispatch.before_cursor_execute or dispatch.before_execute):
        run = getattr(driver, "run", None) or getattr(driver, "execute", None) or partial(_execute, driver)
        run_all = getattr(driver, "run_all", None)
    now = connection.get_execution_options()
    if now.get(_WRITE) is not write or now.get(_LOCK) != lock or now.get(ON_DRIVER) != run:
        connection.execution_options(**{_WRITE: write, _LOCK: lock, ON_DRIVER: run, ALL_ON_DRIVER: run_all})


def _execute(driver: Any, sql: str, parameters: Any) -> Any:
    cursor = driver.cursor()
    cursor.execute(sql, parameters)
    return cursor


@contextmanager
def transaction(engine: Engine, *, write: bool, lock: str | None = None) -> Iterator[Connection]:
    """A connection inside a transaction (see `begin`): committed at the end, rolled back by any exception. It is used
    again, so execution options belong to statements, not to it.

    What SQLAlchemy or the driver raises leaves as errors.DatabaseError; everything else passes as it is.
    """
    with (
        translated(engine.url),
        _pool(engine).lent(engine) as connection,
        begin(connection, write=write, lock=lock),
    ):
        yield connection


@contextmanager
def looking(engine: Engine) -> Iterator[Connection]:
    """A connection outside of any transaction, to read with `prepared`: each statement sees the database as it is then.

    Errors leave as errors.DatabaseError.
    """
    with translated(engine.url), _pool(engine).lent(engine) as connection:
        _set_mode(connection, write=False, lock=None)
        yield connection


def _pool(engine: Engine) -> KeepingPool:
    pool = engine.pool
    assert isinstance(pool, KeepingPool)
    return pool


def first_row(engine: Engine, query: str) -> tuple[Any, ...] | None:
    """The first row of one query, without a transaction around it: a third of the time, and of a server's round trips.

    Errors leave as errors.DatabaseError.
    """
    with translated(engine.url):
        return _pool(engine).first_row(engine, query)


def sqlite_path(engine: Engine) -> Path | None:
    """The file of a SQLite engine; None for a server."""
    if engine.dialect.name != "sqlite":
        return None
    return Path(engine.url.database or "")


def is_mariadb(engine: Engine | Connection) -> bool:
    """Whether the dialect is MariaDB's (SQLAlchemy calls it mysql or mariadb, depending on the URL)."""
    return engine.dialect.name in {"mysql", "mariadb"}


def _parse(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        reason = "not a database URL such as sqlite:////path, postgresql://… or mariadb://…"
        raise BadUrl(url_safe(url), reason) from error
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise BadUrl(url_safe(parsed), f"unknown engine {backend!r}; sqlite, postgresql and mariadb are known")
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:" or parsed.host):
        raise BadUrl(url_safe(parsed), "a file is needed: sqlite:////absolute/path")
    return parsed.set(drivername=_DRIVERS[backend])


def _make_sqlite(url: URL, own: bool, only_ours: bool) -> Engine:
    return sqlite.make_engine(
        url, own=own, only_ours=only_ours, lock_seconds=LOCK_SECONDS, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW
    )


registry.register("postgresql.bcm", "radicale_bcm.database.postgresql", "PostgresqlDialect")


def _make_postgresql(url: URL, _own: bool, _only_ours: bool) -> Engine:
    # autocommit: the driver sends no BEGIN of its own, so that ours can say the mode in the same round trip.
    arguments = {"autocommit": True} | ({} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS})
    engine = _make_server(url, arguments)

    def on_connect(dbapi: Any, _record: Any) -> None:
        dbapi.execute(
            f"SET lock_timeout='{LOCK_SECONDS}s'; SET statement_timeout='{LOCK_SECONDS}s'; SET timezone='UTC';"
            " SET client_encoding='UTF8'"
        )

    def on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        mode = "READ COMMITTED READ WRITE" if options.get(_WRITE, True) else "REPEATABLE READ READ ONLY"
        begin = f"BEGIN ISOLATION LEVEL {mode}"
        lock = options.get(_LOCK)
        driver: Any = connection.connection.driver_connection
        if lock:
            driver.execute(f"{begin}; {lock}", prepare=False)
        else:
            driver.to_begin = begin

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _make_mariadb(url: URL, _own: bool, _only_ours: bool) -> Engine:
    arguments: dict[str, Any] = {"autocommit": True, "charset": "utf8mb4"}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    engine = _make_server(url, arguments)

    def on_connect(dbapi: Any, _record: Any) -> None:
        with dbapi.cursor() as cursor:
            cursor.execute(
                "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO',"
                f" innodb_lock_wait_timeout={LOCK_SECONDS}, lock_wait_timeout={LOCK_SECONDS}, time_zone='+00:00'"
            )
            # The variable's name depends on the version, and an existing application may live on MySQL.
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(_WRITE, True):
            connection.exec_driver_sql("START TRANSACTION READ WRITE")
            if options.get(_LOCK):
                connection.exec_driver_sql(options[_LOCK])
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


class _ServerPool(KeepingPool):
    """The pool of a server."""

    def is_fit(self, connection: Connection) -> bool:
        """Whether the server still answers on it, and it is not too old."""
        if time.monotonic() - connection.info[_SINCE] > RECYCLE_SECONDS:
            return False
        dbapi = connection.connection.dbapi_connection
        assert dbapi is not None
        try:
            return connection.dialect.do_ping(dbapi)
        except connection.dialect.loaded_dbapi.Error:
            return False

    def run(self, driver: Any, query: str) -> Any:
        """See `KeepingPool.run`."""
        return _execute(driver, query, None)


_SINCE = "bcm_since"


def _make_server(url: URL, arguments: dict[str, Any]) -> Engine:
    engine = create_engine(
        url,
        connect_args=arguments,
        poolclass=_ServerPool,
        pool_use_lifo=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=LOCK_SECONDS,
        pool_pre_ping=True,
        pool_recycle=RECYCLE_SECONDS,
    )

    def on_connect(_dbapi: Any, record: Any) -> None:
        record.info[_SINCE] = time.monotonic()

    event.listen(engine, "connect", on_connect)
    return engine


for _kind in (_ServerPool, sqlite.SqlitePool):
    logging.getLogger(f"{_kind.__module__}.{_kind.__name__}").addFilter(_brief)

_MAKERS: dict[str, Callable[[URL, bool, bool], Engine]] = {
    "sqlite": _make_sqlite,
    "postgresql": _make_postgresql,
    "mysql": _make_mariadb,
    "mariadb": _make_mariadb,
}

_ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()
_FORGOTTEN: list[KeepingPool] = []


def _forget_connections() -> None:
    # A forked worker must not talk on its parent's sockets, nor close them, nor let anybody tidy them up.
    for engine in _ENGINES:
        _FORGOTTEN.append(_pool(engine))
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)
