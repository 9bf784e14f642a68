# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a business database: one with our own schema, or another application's through a mapping. Imported by sync."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, event, inspect, select

from radicale_bcm.business.contract import RecordSource
from radicale_bcm.business.mapped import MappedDatabase
from radicale_bcm.business.records import Records
from radicale_bcm.business.schema import METADATA, identity
from radicale_bcm.database import migrate
from radicale_bcm.database.engine import first_row, open_engine, sqlite_path, transaction
from radicale_bcm.database.errors import AnotherDatabase, url_safe

MIGRATIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "bcm_business_version"


class Business(Protocol):
    """A business database of either kind. `url` has no password in it; errors are those of `database.errors`."""

    engine: Engine
    url: str

    def upgrade(self, *, create: bool) -> bool:
        """Bring the schema up to date, where it is ours; True if anything was done. Makes sure that it can be used."""

    def identity(self) -> str:
        """Who this database is."""

    def reader(self) -> AbstractContextManager[RecordSource]:
        """The records in a transaction that reads one snapshot."""

    def writer(self) -> AbstractContextManager[RecordSource]:
        """The records in a transaction that writes, committed at the end."""

    def close(self) -> None:
        """Close all connections."""


def open_business(url: str, mapping: str | None, identity: str) -> Business:
    """The database of an origin; connects to nothing."""
    return MappedDatabase(url, mapping, identity) if mapping else BusinessDatabase(url, identity)


class BusinessDatabase:
    """The business database at a URL. Opening connects to nothing; errors are those of `database.errors`.

    With `expected`, every new connection makes sure that the database there has this identity: AnotherDatabase.
    """

    def __init__(self, url: str, expected: str | None = None) -> None:
        self.engine = open_engine(url)
        self.url = url_safe(self.engine.url)
        self._expected = expected
        if expected is not None:
            event.listen(self.engine, "connect", self._refuse_another)

    def _refuse_another(self, connection: Any, _record: Any) -> None:
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT id FROM bcm_identity")
            row = cursor.fetchone()
            cursor.close()
        except BaseException:
            connection.close()
            raise
        found = row[0] if row else "none"
        if found != self._expected:
            connection.close()
            raise AnotherDatabase(self.url, f"another database is there: its identity is {found}, not {self._expected}")

    def upgrade(self, *, create: bool) -> bool:
        """Bring the schema up to date; with `create`, make what is not there yet. True if anything was done."""
        return migrate.upgrade(self.engine, MIGRATIONS, VERSION_TABLE, create=create)

    def exists(self) -> bool:
        """Whether our schema was ever created here."""
        return migrate.current(self.engine, VERSION_TABLE) is not None

    def needs_upgrade(self) -> bool:
        """Whether `upgrade` would do something."""
        return migrate.needed(self.engine, MIGRATIONS, VERSION_TABLE)

    def other_tables(self, ignore: Collection[str] = ()) -> list[str]:
        """The tables that are neither ours nor to be ignored; where our schema was never begun, all tables count."""
        path = sqlite_path(self.engine)
        if path is not None and not path.exists():
            return []
        with transaction(self.engine, write=False) as connection:
            found = set(inspect(connection).get_table_names())
        ours = {VERSION_TABLE, *METADATA.tables} if VERSION_TABLE in found else set()
        return sorted(found - ours - set(ignore))

    def identity(self) -> str:
        """The UUID that this database was given when it was created, and keeps when it is moved."""
        with transaction(self.engine, write=False) as connection:
            return str(connection.execute(select(identity.c.id)).scalars().one())

    @contextmanager
    def reader(self) -> Iterator[Records]:
        """The records in a transaction that reads one snapshot; its connection is `records.connection`."""
        with transaction(self.engine, write=False) as connection:
            yield Records(connection)

    @contextmanager
    def writer(self) -> Iterator[Records]:
        """The records in a transaction that writes, committed at the end."""
        with transaction(self.engine, write=True) as connection:
            yield Records(connection)

    def has_pending(self, consumer_id: int) -> bool:
        """Whether the change log has anything for this consumer: one statement, without a transaction around it."""
        query = f"SELECT seq FROM change_log WHERE consumer_id = {int(consumer_id)} LIMIT 1"  # noqa: S608
        return first_row(self.engine, query) is not None

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
