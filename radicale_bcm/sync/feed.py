# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed in a business database since it was last looked at. Imported by the other modules of sync."""

from collections.abc import Iterable
from typing import Any, Protocol

from radicale_bcm.business import changes, notes
from radicale_bcm.business.changes import Change
from radicale_bcm.business.notes import Note
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.business.records import Records


class ChangeFeed(Protocol):
    """What changed in a business database and is not shown yet. Each call is its own transaction."""

    def has_pending(self) -> bool:
        """Whether there is anything: as cheap as the database allows."""

    def pending(self, limit: int) -> list[Change]:
        """The oldest changes."""

    def removed(self) -> set[str]:
        """The records that are gone, according to all changes together."""

    def acknowledge(self, seqs: Iterable[int], note_seqs: Iterable[int] = ()) -> None:
        """Take changes off, after what shows them was committed, and the notes that are done with."""


class Feed:
    """The change log of a native business database, as one consumer sees it. Each call is its own transaction."""

    def __init__(self, database: BusinessDatabase, consumer: str) -> None:
        self._database = database
        with database.reader() as records:
            known = changes.find_consumer(records.connection, consumer)
        if known is None:
            with database.writer() as records:
                known = changes.register_consumer(records.connection, consumer)
        self._consumer_id = known
        # Notes of units that were committed, which nobody has removed yet.
        self._done: list[int] = []

    def has_pending(self) -> bool:
        """Whether anything is logged: one indexed look."""
        return self._database.has_pending(self._consumer_id)

    def pending(self, limit: int) -> list[Change]:
        """The oldest logged changes."""
        with self._database.reader() as records:
            return changes.pending(records.connection, self._consumer_id, limit)

    def removed(self) -> set[str]:
        """The records that all logged changes together removed from their table."""
        with self._database.reader() as records:
            return changes.removed(records.connection, self._consumer_id)

    def acknowledge(self, seqs: Iterable[int], note_seqs: Iterable[int] = ()) -> None:
        """Take changes off the log, after what shows them was committed, and the notes that are done with."""
        wanted, done = list(seqs), list(note_seqs)
        if wanted or done:
            with self._database.writer() as records:
                changes.acknowledge(records.connection, wanted)
                notes.remove(records.connection, done)

    def note(self, records: Records, record_id: str, record_version: str, data: dict[str, Any]) -> int:
        """Write down, in the transaction of these records, what is to be finished if this unit is interrupted.

        The note stands for what the log says about the record, so that is removed, and takes the place of the notes of
        units that came before: one commit does it all.
        """
        changes.settle(records.connection, self._consumer_id, record_id)
        # From here on they may say something that is not done. If this unit fails, whoever looks at them finds that
        # they are done.
        done, self._done = self._done, []
        return notes.write(records.connection, self._consumer_id, record_id, record_version, data, done)

    def done_with(self, note_seqs: Iterable[int]) -> None:
        """The units that wrote these notes were committed. The next one writes over them; if there is none, `close`
        removes them, or whoever looks for what is to be finished."""
        self._done = list(note_seqs)

    def notes(self, records: Records, record_id: str | None = None) -> list[Note]:
        """What was to be finished about a record, or at all, oldest first."""
        found = notes.pending(records.connection, self._consumer_id, record_id)
        return [each for each in found if each.seq not in self._done]

    def has_notes(self) -> bool:
        """Whether there is anything to finish, or to forget."""
        with self._database.reader() as records:
            return notes.has_any(records.connection, self._consumer_id)

    def close(self) -> None:
        """Leave nothing behind that is done with."""
        done, self._done = self._done, []
        self.acknowledge((), done)
