# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a business database that is an application's own, through a mapping. Imported by sync.

The mapping file may be edited while we run: it is read again when it changes, and if it is wrong then, that is logged
and the former one goes on.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Lock
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import Connection, make_url

from radicale_bcm.business.mapped_reading import Reader
from radicale_bcm.business.mapped_records import MappedRecords
from radicale_bcm.business.mapped_tables import Tables
from radicale_bcm.business.mapping import Mapping
from radicale_bcm.business.mapping_file import InvalidMapping, preset_names, read_file
from radicale_bcm.database.engine import open_engine, transaction
from radicale_bcm.database.errors import Unavailable, WrongSchema, url_safe

logger = logging.getLogger("radicale")


class MappedDatabase:
    """An application's database at a URL. Opening connects to nothing; errors are those of `database.errors`."""

    def __init__(self, url: str, mapping: str, identity: str = "") -> None:
        self.engine = open_engine(url, own=False)
        self.url = url_safe(self.engine.url)
        self._path = mapping
        self._identity = identity
        self._reading = Lock()
        self._stamp: tuple[int, int] | None = None
        self._mapping: Mapping | None = None
        self._reader: Reader | None = None

    def upgrade(self, *, create: bool) -> bool:  # noqa: ARG002 - the same call as for our own schema
        """Nothing is ever created here; WrongSchema if the mapping names what is not there."""
        with self.reader():
            return False

    def identity(self) -> str:
        """Who this database is: its address, without the password, and the persons' table."""
        # Not URL.set, for which None means "as it is".
        url = make_url(self.engine.url)._replace(username=None, password=None)
        return sha256(f"{url.render_as_string()} {self.mapping().table}".encode()).hexdigest()[:32]

    def mapping(self) -> Mapping:
        """The mapping as the file says now; the last valid one, if what it says now is wrong."""
        with self._reading:
            stamp = self._look()
            if self._mapping is None or stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._mapping = read_file(self._path)
                    self._reader = None
                except (InvalidMapping, OSError) as error:
                    if self._mapping is None:
                        raise Unavailable(self.url, str(error)) from error
                    logger.error("The mapping as it was goes on: %s", error)  # noqa: TRY400 - a person's mistake
            return self._mapping

    def _look(self) -> tuple[int, int] | None:
        try:
            found = Path(self._path).stat()
        except OSError:
            # A preset, or a file that is being replaced: the mapping that is known goes on.
            return None if self._path in preset_names() else self._stamp
        return found.st_mtime_ns, found.st_size

    @contextmanager
    def reader(self) -> Iterator[MappedRecords]:
        """The records in a transaction that reads one snapshot; its connection is `records.connection`."""
        with self._transaction(write=False) as records:
            yield records

    @contextmanager
    def writer(self) -> Iterator[MappedRecords]:
        """The records in a transaction that writes, committed at the end."""
        with self._transaction(write=True) as records:
            yield records

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[MappedRecords]:
        mapping = self.mapping()
        try:
            with transaction(self.engine, write=write) as connection:
                yield MappedRecords(connection, self._shape(connection, mapping))
        except WrongSchema:
            self._reader = None  # the application may have been upgraded: look at its tables again
            raise

    def _shape(self, connection: Connection, mapping: Mapping) -> Reader:
        reader = self._reader
        if reader is None or reader.mapping is not mapping:
            tables = Tables(connection, mapping)
            if tables.missing:
                raise WrongSchema(self.url, "; ".join(tables.missing))
            reader = self._reader = Reader(tables, self._namespace())
        return reader

    def _namespace(self) -> UUID:
        return uuid5(NAMESPACE_URL, f"urn:radicale-bcm:{self._identity or self.identity()}")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
