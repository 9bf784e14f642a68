# SPDX-License-Identifier: GPL-3.0-or-later
"""One request is one unit of work over two databases. Imported by sync, server and cli.

The state lock is taken first, the business lock second, always in that order; the business transaction is committed
first, the state second. A crash between the two leaves the projection behind: the change log still holds the change
and the next pass renders it; the client had no answer and repeats the same edit.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock
from typing import Any

from sqlalchemy import Connection

from radicale_bcm.books import revisions, setups
from radicale_bcm.books.history import Actor
from radicale_bcm.books.open import StateDatabase
from radicale_bcm.books.setups import Origin
from radicale_bcm.business.contract import Record, RecordSource
from radicale_bcm.business.mapped import MappedDatabase
from radicale_bcm.business.notes import Note
from radicale_bcm.business.open import Business, BusinessDatabase, open_business
from radicale_bcm.business.records import Records
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync.errors import Invalid
from radicale_bcm.sync.feed import ChangeFeed, Feed
from radicale_bcm.sync.feed_mapped import MappedFeed
from radicale_bcm.sync.options import Options

_ORIGIN_SECONDS = 1.0


def _current(conn: Connection) -> Origin:
    found = setups.current_origin(conn)
    if found is None:
        raise Invalid("no business database is known yet: run `radicale-bcm init` or `database add`")
    return found


class _RollBack(Exception):
    """Leaves the transactions of a failed unit."""


class Site:
    """What a process holds: the options, the state database, and the business databases that it opened."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.state = StateDatabase(options.state_url)
        self._opened: dict[tuple[str, str | None, str], Business] = {}
        self._feeds: dict[int, ChangeFeed] = {}
        self._opening = Lock()
        self._origin: tuple[float, Origin] | None = None
        self.is_closed = False

    def business(self, origin: Origin) -> Business:
        """The business database of an origin; opening connects to nothing."""
        key = (origin.url, origin.mapping, origin.identity)
        with self._opening:
            if key not in self._opened:
                self._opened[key] = open_business(origin.url, origin.mapping, origin.identity)
            return self._opened[key]

    def origin(self) -> Origin:
        """The current business database; another process's switch is seen within a second. Invalid if none is known.

        Only for looking: a unit of work reads its own, under the lock.
        """
        now = time.monotonic()
        if self._origin is None or now - self._origin[0] > _ORIGIN_SECONDS:
            with self.read() as conn:
                self._origin = (now, _current(conn))
        return self._origin[1]

    def feed(self) -> ChangeFeed:
        """The change log of the current business database."""
        return self.feed_of(self.origin())

    def feed_of(self, origin: Origin) -> ChangeFeed:
        """The change log of a business database; from the first look on, its changes are logged for us."""
        found = self._feeds.get(origin.id)
        if found is None:
            found = self._feeds[origin.id] = self._new_feed(origin)
        return found

    def _new_feed(self, origin: Origin) -> ChangeFeed:
        business = self.business(origin)
        if isinstance(business, MappedDatabase):
            return MappedFeed(self.state, business, origin.id, self.options.poll_interval)
        assert isinstance(business, BusinessDatabase)
        with self.read() as conn:
            consumer = setups.setting_value(conn, "identity")
        assert consumer is not None
        return Feed(business, consumer)

    def known_feed(self, origin: Origin) -> ChangeFeed | None:
        """The same if somebody in this process looked at it before."""
        return self._feeds.get(origin.id)

    def forget_origin(self) -> None:
        """Look anew which business database is current."""
        self._origin = None

    def read(self) -> AbstractContextManager[Connection]:
        """The state database in one snapshot."""
        return self.state.reader()

    @contextmanager
    def write(self, actor: Actor, *, state_only: bool = False) -> Iterator["Unit"]:
        """A unit of work: committed at the end, rolled back by an exception or if it was marked as failed.

        With `state_only` it reads the business database in a snapshot and keeps no program waiting that writes there.
        """
        try:
            with self.state.writer() as conn, ExitStack() as business:
                unit = Unit(self, conn, business, actor, state_only=state_only)
                yield unit
                if unit.failed:
                    raise _RollBack  # noqa: TRY301 - leaves the transactions as any error does
        except _RollBack:
            return
        unit.committed()

    def close(self) -> None:
        """Close all connections."""
        self.is_closed = True
        for feed in self._feeds.values():
            if isinstance(feed, Feed):
                with suppress(DatabaseError):
                    feed.close()
        self.state.close()
        for each in self._opened.values():
            each.close()


class Unit:
    """One unit of work. `conn` is the state database under its write lock.

    `failed` makes the end roll back although no exception arrives there: Radicale swallows those of its storage
    inside the lock.
    """

    def __init__(
        self, site: Site, conn: Connection, business: ExitStack, actor: Actor, *, state_only: bool = False
    ) -> None:
        self.site = site
        self.conn = conn
        self.actor = actor
        self.at = datetime.now(UTC)
        self.failed = False
        self._business = business
        self._state_only = state_only
        self._records: dict[int, RecordSource] = {}
        self._locked: dict[str, Record] = {}
        self._noted: list[tuple[Feed, int]] = []
        self._taken: list[tuple[Feed, int]] = []

    def lock(self, record_id: str) -> Record | None:
        """A record of the current business database, which nobody else can change until this unit ends."""
        found = self.records().get(record_id, lock=True)
        if found is not None:
            self._locked[record_id] = found
        return found

    def locked(self, record_id: str) -> Record | None:
        """The same for whoever changes it next: as it was read when it was locked, if it was."""
        return self._locked.pop(record_id, None) or self.records().get(record_id, lock=True)

    def note(self, record_id: str, record_version: str, data: dict[str, Any]) -> None:
        """Write down in the business transaction what the state has to do with a record that this unit changed.

        If the process is killed between the two commits, whoever comes next does it (`unfinished`). A mapped database
        has no place for it: there the record is shown as another program's change would be. A unit that only reads
        records has changed none: what shows them is done again by the next comparison.
        """
        if self._state_only:
            return
        # A feed that has to be opened first needs a transaction of its own, which would wait for this one.
        records, feed = self._records.get(self.origin.id), self.site.known_feed(self.origin)
        if isinstance(feed, Feed) and isinstance(records, Records):
            self._noted.append((feed, feed.note(records, record_id, record_version, data)))

    def unfinished(self, record_id: str | None = None) -> list[Note]:
        """What interrupted units were to do with a record, or with any, oldest first."""
        return [note for _, note in self._unfinished(record_id)]

    def take_unfinished(self, record_id: str) -> Note | None:
        """The last of one record; the caller does it in this unit, and nobody else will."""
        found = self._unfinished(record_id)
        self._taken += [(feed, note.seq) for feed, note in found]
        return found[-1][1] if found else None

    def _unfinished(self, record_id: str | None) -> list[tuple[Feed, Note]]:
        records, feed = self.records(), self.site.known_feed(self.origin)
        if not isinstance(feed, Feed) or not isinstance(records, Records):
            return []
        known = {seq for _, seq in (*self._noted, *self._taken)}
        return [(feed, each) for each in feed.notes(records, record_id) if each.seq not in known]

    def committed(self) -> None:
        """Both databases were: nothing that this unit noted, or took, is to be finished any more."""
        for feed in dict.fromkeys(feed for feed, _ in self._noted):
            feed.done_with(seq for each, seq in self._noted if each is feed)
        for feed in dict.fromkeys(feed for feed, _ in self._taken):
            # If this fails, somebody looks at them once more, and finds that they are done.
            with suppress(DatabaseError):
                feed.acknowledge((), [seq for each, seq in self._taken if each is feed])

    @property
    def options(self) -> Options:
        """The options of the site."""
        return self.site.options

    @cached_property
    def revision(self) -> int:
        """The revision of this unit, drawn at first use: a unit that changes nothing draws none."""
        return revisions.draw(self.conn, self.at)

    @property
    def has_drawn(self) -> bool:
        """Whether a revision was drawn: until then nothing in the state database has changed."""
        return "revision" in self.__dict__

    @cached_property
    def origin(self) -> Origin:
        """The current business database. Invalid if none is known."""
        return _current(self.conn)

    def make_current(self, origin: Origin) -> None:
        """Another business database is the one that records are projected from. For sync.switch only."""
        setups.change_origin(self.conn, self.origin.id, {"current": False})
        setups.change_origin(self.conn, origin.id, {"current": True})
        self.origin = setups.get_origin(self.conn, origin.id)

    def records(self, origin: Origin | None = None) -> RecordSource:
        """The records of a business database in a transaction of this unit, opened at first use."""
        wanted = origin or self.origin
        if wanted.id not in self._records:
            business = self.site.business(wanted)
            opened = business.reader() if self._state_only else business.writer()
            self._records[wanted.id] = self._business.enter_context(opened)
        return self._records[wanted.id]
