# SPDX-License-Identifier: GPL-3.0-or-later
"""Where histories happen one after another: databases that are empty again at the beginning of each. Imported by the
histories.

Making new databases, and a new engine that has to compile every statement, takes longer than a history.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event

from radicale_bcm.books.history import Actor
from radicale_bcm.books.setups import Origin
from radicale_bcm.sync import databases, site, switch
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site, Unit
from tests.histories.wire import Wire
from tests.servers import PostgreSQL

MAX_DELETES = 2
MAIN, OTHER = "main", "other"
ADMIN = Actor("admin", "test", "command")

Row = dict[str, Any]


class Crash(BaseException):
    """The process is gone. No `except Exception` sees it."""


class Client:
    """Another program's connection to a business database."""

    def __init__(self, connection: Any, mark: str) -> None:
        self._connection = connection
        self._mark = mark

    def run(self, statement: str, values: Sequence[Any]) -> list[Row]:
        """Run a statement with ? for its values."""
        cursor = self._connection.execute(statement.replace("?", self._mark), tuple(values))
        if cursor.description is None:
            return []
        names = [each[0] for each in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class ObservedSite(Site):
    """A site that is looked at after every commit, so that no state of it is missed."""

    observer: Callable[[], None] | None = None

    @contextmanager
    def write(self, actor: Actor, **how: Any) -> Iterator[Unit]:
        """See Site."""
        try:
            with super().write(actor, **how) as unit:
                yield unit
        finally:
            if self.observer is not None:
                self.observer()


class Stage:
    """A site with two business databases. `fuse` is after how many commits the process crashes; None: it does not.

    `states` counts the commits of the state database.
    """

    def __init__(self, folder: Path) -> None:
        self.backup = folder / "backup.zip"
        self.fuse: int | None = None
        self.states = 0
        self.observer: Callable[[], None] | None = None
        self._watching = True
        self.options = self._options(None)
        self.site: Site = open_site(self.options, create=True)
        origin = databases.add(self.site, ADMIN, OTHER, self.url(OTHER), None)
        self.origins: dict[str, Origin] = {MAIN: self.site.origin(), OTHER: origin}
        self._engines = [self.site.state.engine, *(self.site.business(each).engine for each in self.origins.values())]
        for engine in self._engines:
            event.listen(engine, "commit", self._on_commit)
            self.hurry(engine)
            engine.dispose()
        self._business = dict(self.site._opened)
        self.keep()

    def url(self, name: str) -> str:
        """The URL of a business database, or of the state."""
        raise NotImplementedError

    def connect(self, name: str) -> Client:
        """Another program's connection to a business database."""
        raise NotImplementedError

    def hurry(self, engine: Engine) -> None:
        """Let nothing wait for the disk."""

    def keep(self) -> None:
        """Take down what the databases are like at the beginning."""

    def put_back(self) -> None:
        """Let the databases be as they were at the beginning; nobody is connected."""

    def _options(self, marker: tuple[str, ...] | None) -> Options:
        return Options(
            marker=marker,
            state_url=self.url("state"),
            database_url=self.url(MAIN),
            max_deletes=MAX_DELETES,
            max_losses=1000,  # what the database takes away is believed: the people here are few
            deletes_window=100_000,
        )

    @cached_property
    def wire(self) -> Wire:
        """The application, over the site of the moment."""
        return Wire()

    def clear(self, marker: tuple[str, ...] | None) -> None:
        """Begin anew, with these markers."""
        self.observer = None
        self.disconnect()
        self.put_back()
        self.options = self._options(marker)
        self._new_site()

    def disconnect(self) -> None:
        """Close all connections."""
        for engine in self._engines:
            engine.dispose()

    def restart(self) -> None:
        """The server starts, knowing nothing but what is in the databases."""
        self.fuse = None
        self._new_site()
        switch.resume(self.site, site._STARTING)
        site._refresh(self.site, None)

    def watching(self, *, on: bool) -> None:
        """Look at the site after every commit, or not."""
        self._watching = on
        if isinstance(self.site, ObservedSite):
            self.site.observer = self.observer if on else None

    def _new_site(self) -> None:
        """A new process, as far as it matters: the statements that SQLAlchemy compiled are the same."""
        state = self.site.state
        self.site = ObservedSite(self.options)
        self.site.observer = self.observer if self._watching else None
        self.site.state = state
        self.site._opened = dict(self._business)

    def _on_commit(self, conn: Connection) -> None:
        if not conn.get_execution_options().get("bcm_write"):
            return
        if self.fuse is not None:
            if self.fuse == 0:
                raise Crash
            self.fuse -= 1
        self.states += conn.engine is self._engines[0]

    def close(self) -> None:
        """Close everything."""
        if "wire" in vars(self):
            self.wire.close()
        self.site.close()
        self.disconnect()


class SqliteStage(Stage):
    """On SQLite files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(folder)

    def url(self, name: str) -> str:
        """See Stage."""
        return f"sqlite:///{self._folder / name}.db"

    def connect(self, name: str) -> Client:
        """See Stage."""
        connection = sqlite3.connect(self._folder / f"{name}.db", isolation_level=None, timeout=30)
        connection.execute("PRAGMA synchronous=OFF")
        return Client(connection, "?")

    def hurry(self, engine: Engine) -> None:
        """See Stage."""
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))

    def keep(self) -> None:
        """See Stage."""
        for name in ("state", MAIN, OTHER):
            with closing(sqlite3.connect(self._folder / f"{name}.db")) as client:
                client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copyfile(self._folder / f"{name}.db", self._folder / f"{name}.empty")

    def put_back(self) -> None:
        """See Stage."""
        for name in ("state", MAIN, OTHER):
            for left in self._folder.glob(f"{name}.db-*"):
                left.unlink()
            shutil.copyfile(self._folder / f"{name}.empty", self._folder / f"{name}.db")


class PostgresqlStage(Stage):
    """On a private PostgreSQL server."""

    def __init__(self, folder: Path) -> None:
        self._server = PostgreSQL()
        self._urls = {name: self._server.new_database() for name in ("state", MAIN, OTHER)}
        super().__init__(folder)

    def url(self, name: str) -> str:
        """See Stage."""
        return self._urls[name]

    def connect(self, name: str) -> Client:
        """See Stage."""
        import psycopg  # not everybody has it

        return Client(psycopg.connect(self._urls[name], autocommit=True), "%s")

    def _names(self) -> list[str]:
        return [sqlalchemy.make_url(url).database or "" for url in self._urls.values()]

    def keep(self) -> None:
        """See Stage."""
        for name in self._names():
            self._server.administer(f"CREATE DATABASE {name}_empty TEMPLATE {name}")

    def put_back(self) -> None:
        """See Stage."""
        for name in self._names():
            self._server.administer(f"DROP DATABASE {name} WITH (FORCE)")
            self._server.administer(f"CREATE DATABASE {name} TEMPLATE {name}_empty STRATEGY wal_log")

    def close(self) -> None:
        """See Stage."""
        super().close()
        self._server.close()
