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

    def logged(self, records: Records, record_id: str) -> list[int]:
        """What is logged about a record in the transaction of these records: with the record locked in it and shown
        as it is now, these changes need no further look."""
        return changes.pending_of(records.connection, self._consumer_id, record_id)

    def acknowledge(self, seqs: Iterable[int], note_seqs: Iterable[int] = ()) -> None:
        """Take changes off the log, after what shows them was committed, and the notes that are done with."""
        wanted, done = list(seqs), list(note_seqs)
        if wanted or done:
            with self._database.writer() as records:
                changes.acknowledge(records.connection, wanted)
                notes.remove(records.connection, done)

    def note(self, records: Records, record_id: str, record_version: str, data: dict[str, Any]) -> int:
        """Write down, in the transaction of these records, what is to be finished if this unit is interrupted."""
        return notes.write(records.connection, self._consumer_id, record_id, record_version, data)

    def notes(self, records: Records) -> list[Note]:
        """What was to be finished, oldest first."""
        return notes.pending(records.connection, self._consumer_id)

    def has_notes(self) -> bool:
        """Whether there is anything to finish, or to forget."""
        with self._database.reader() as records:
            return bool(self.notes(records))
