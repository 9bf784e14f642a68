# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the state database. Imported by sync."""

from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import NoResultFound

from radicale_bcm.books import revisions
from radicale_bcm.database import migrate
from radicale_bcm.database.engine import first_row, looking, open_engine, transaction
from radicale_bcm.database.errors import url_safe
from radicale_bcm.database.leader import Leadership

MIGRATIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "bcm_state_version"


class StateDatabase:
    """The state database at a URL. Opening connects to nothing; errors are those of `database.errors`."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url, only_ours=True)
        self.url = url_safe(self.engine.url)

    def upgrade(self, *, create: bool) -> bool:
        """Bring the schema up to date; with `create`, make what is not there yet. True if anything was done."""
        done = migrate.upgrade(self.engine, MIGRATIONS, VERSION_TABLE, create=create)
        with self.reader() as conn:
            started = revisions.is_started(conn)
        if not started:  # it is new, or whoever made it was killed before this
            with transaction(self.engine, write=True) as conn:
                revisions.start(conn)
        return done

    def exists(self) -> bool:
        """Whether the schema was ever created here."""
        return migrate.current(self.engine, VERSION_TABLE) is not None

    def reader(self) -> AbstractContextManager[Connection]:
        """A transaction that reads one snapshot."""
        return transaction(self.engine, write=False)

    def looking(self) -> AbstractContextManager[Connection]:
        """A connection without a snapshot: each statement sees the state as it is then. For who looks at its stamp
        last, and knows what it was."""
        return looking(self.engine)

    def writer(self) -> AbstractContextManager[Connection]:
        """A transaction that holds the write lock of the whole state, committed at the end."""
        return transaction(self.engine, write=True, lock=revisions.LOCK_QUERY)

    def stamp(self) -> tuple[int, str]:
        """`revisions.stamp` of this moment, without a snapshot for anything else."""
        found = first_row(self.engine, revisions.STAMP_QUERY)
        if found is None:
            raise NoResultFound
        return int(found[0]), str(found[1])

    def leadership(self, name: str) -> Leadership:
        """What one of all the processes that share this state holds."""
        return Leadership(self.engine, name)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
