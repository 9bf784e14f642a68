# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs packaged Alembic scripts, without an alembic.ini and safely from several processes at once.

Imported by business and books. A folder of scripts holds `versions/`; it needs no env.py. A script's `upgrade()` must
be harmless when it is run again after it was interrupted, because MariaDB commits after every DDL statement.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from radicale_bcm.database.engine import begin, is_mariadb, sqlite_path, transaction
from radicale_bcm.database.errors import Busy, Unavailable, WrongSchema, translated, url_safe

UPGRADE_SECONDS = 600


def head(script_location: str | Path) -> str:
    """The newest revision among the scripts of this folder."""
    revision = _scripts(script_location).get_current_head()
    if revision is None:
        message = f"no migration scripts in {script_location}"
        raise LookupError(message)
    return revision


def current(engine: Engine, version_table: str) -> str | None:
    """The revision that the database is at; None if it was never created (or, SQLite, if there is no file)."""
    path = sqlite_path(engine)
    if path is not None and not path.exists():
        return None
    with transaction(engine, write=False) as connection:
        return _context(connection, version_table).get_current_revision()


def needed(engine: Engine, script_location: str | Path, version_table: str) -> bool:
    """Whether `upgrade` would do something."""
    return current(engine, version_table) != head(script_location)


def upgrade(engine: Engine, script_location: str | Path, version_table: str, *, create: bool = True) -> bool:
    """Bring the database to the newest schema; True if anything was done.

    One process at a time does it, the others wait and then find nothing to do. On SQLite and PostgreSQL all of it is
    one transaction; on MariaDB an interrupted upgrade is finished by the next one.
    With create=False a database that was never created is refused (Unavailable or WrongSchema) and stays as it is:
    a disk that is not mounted must not turn into an empty database.
    Raises WrongSchema where the database is newer than this program.
    """
    _refuse_or_create_file(engine, create=create)
    scripts = _scripts(script_location)
    with translated(engine.url), engine.connect() as connection, _alone(connection, version_table):
        context = _context(connection, version_table)
        before = context.get_current_revision()
        if before is None and not create:
            raise WrongSchema(url_safe(engine.url), "the tables of this database were never created")
        if before is not None and before not in {script.revision for script in scripts.walk_revisions()}:
            raise WrongSchema(url_safe(engine.url), f"schema {before} is newer than this program")
        if before == scripts.get_current_head():
            return False
        context = _context(connection, version_table, scripts)
        with Operations.context(context):
            context.run_migrations()
        return True


def _scripts(location: str | Path) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _context(connection: Connection, table: str, scripts: ScriptDirectory | None = None) -> MigrationContext:
    options: dict[str, object] = {"version_table": table}
    if scripts is not None:
        # The way Alembic's own "upgrade" command does it.
        options["fn"] = lambda revision, _context: scripts._upgrade_revs("head", revision)  # noqa: SLF001
    # One transaction around everything is ours (or MariaDB's none at all).
    return MigrationContext.configure(connection, opts=options | {"transactional_ddl": False})


def _refuse_or_create_file(engine: Engine, *, create: bool) -> None:
    path = sqlite_path(engine)
    if path is None or path.exists():
        return
    if not create:
        raise Unavailable(url_safe(engine.url), "there is no such file")
    try:
        # Contacts are personal data: nobody but the owner and the group may read them.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o640))
    except OSError as error:
        raise Unavailable(url_safe(engine.url), error.strerror or str(error)) from error


@contextmanager
def _alone(connection: Connection, name: str) -> Iterator[None]:
    """Run the body while no other process is in here for this database and version table; commits at the end."""
    if is_mariadb(connection):
        yield from _alone_on_mariadb(connection, name)
        return
    if connection.dialect.name == "sqlite":
        # ALTERs that Alembic does by copying a table must not cascade; the pragma is a no-op inside a transaction.
        connection.connection.execute("PRAGMA foreign_keys=OFF")
    try:
        with begin(connection, write=True):
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL statement_timeout='{UPGRADE_SECONDS}s'")
                connection.exec_driver_sql(f"SET LOCAL lock_timeout='{UPGRADE_SECONDS}s'")
                connection.execute(
                    sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(name.encode())}
                )
            yield
    finally:
        if connection.dialect.name == "sqlite" and not connection.invalidated:
            connection.connection.execute("PRAGMA foreign_keys=ON")


def _alone_on_mariadb(connection: Connection, name: str) -> Iterator[None]:
    # Locks are the server's, not the database's: the name has to say both, in 64 characters.
    lock = sqlalchemy.text("SELECT GET_LOCK(CONCAT(LEFT(:name, 24), SHA1(DATABASE())), :seconds)")
    with begin(connection, write=True):
        if connection.scalar(lock, {"name": name, "seconds": UPGRADE_SECONDS}) != 1:
            raise Busy(url_safe(connection.engine.url), "another upgrade is running")
    try:
        with begin(connection, write=True):
            yield
    finally:
        if not connection.invalidated:
            with begin(connection, write=True):
                connection.execute(
                    sqlalchemy.text("SELECT RELEASE_LOCK(CONCAT(LEFT(:name, 24), SHA1(DATABASE())))"), {"name": name}
                )
