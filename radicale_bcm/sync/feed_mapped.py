# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed in an application's tables since they were last looked at. Imported by sync.unit only.

Rows say when they changed, but may be committed later than that, and some changes move no time at all. So each look
goes back a little, and what counts is whether a record differs from the one that its card shows; rows that are gone
are found by comparing all keys now and then, and everything else by the daily comparison.
"""

import json
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy import Connection

from radicale_bcm.books import cards, setups
from radicale_bcm.books.open import StateDatabase
from radicale_bcm.business.changes import Change
from radicale_bcm.business.mapped import MappedDatabase
from radicale_bcm.business.mapped_records import MappedRecords

_CHUNK = 500
# A look may take this part of the time; a table that answers slowly is looked at more seldom.
_SHARE = 0.1


class MappedFeed:
    """The changes of a mapped database. `seconds` is how often it is looked at; other calls cost nothing.

    All threads of a process share it: one looks while the others serve, who get what it finds when it is complete.
    """

    def __init__(self, state: StateDatabase, database: MappedDatabase, origin_id: int, seconds: float) -> None:
        self._state = state
        self._database = database
        self._origin_id = origin_id
        self._seconds = seconds
        self._next = 0.0
        self._next_scan = 0.0
        self._number = 0
        self._found: dict[str, Change] = {}
        self._mark: datetime | None = None
        self._looking, self._changing = Lock(), Lock()
        with state.reader() as conn:
            known = setups.setting_value(conn, self._name)
        if known is None:
            # A first load follows and finds everything that is there now.
            with database.reader() as records:
                _, self._mark = records.reader.changed_since(records.connection, None)
                self._save(records)

    @property
    def _name(self) -> str:
        return f"mark {self._origin_id}"

    def has_pending(self) -> bool:
        """Whether any record differs from its card, as of the latest look."""
        if not self._found and time.monotonic() >= self._next and self._looking.acquire(blocking=False):
            try:
                began = time.monotonic()
                self._look()
                now = time.monotonic()
                self._next = now + max(self._seconds, (now - began) / _SHARE)
            finally:
                self._looking.release()
        return bool(self._found)

    def pending(self, limit: int) -> list[Change]:
        """Those records, as many as wanted."""
        return sorted(self._found.values(), key=lambda each: each.seq)[:limit]

    def removed(self) -> set[str]:
        """Those of them that are no longer there."""
        return {record_id for record_id, each in self._found.items() if each.operation == "delete"}

    def acknowledge(self, seqs: Iterable[int], note_seqs: Iterable[int] = ()) -> None:  # noqa: ARG002 - it has none
        """They are shown now."""
        done = set(seqs)
        with self._changing:
            self._found = {record_id: each for record_id, each in self._found.items() if each.seq not in done}
            complete = not self._found
        if complete:
            with self._database.reader() as records:
                self._save(records)

    def _look(self) -> None:
        found: dict[str, Change] = {}
        with self._database.reader() as records, self._state.reader() as conn:
            mapping, times = records.mapping, records.mapping.modified
            mark = reached = self._known_mark(conn, records)
            overlap = timedelta(seconds=times.overlap + times.granularity if times else 0)
            scans = time.monotonic() >= self._next_scan
            ids: set[str] = set()
            if records.reader.has_times or scans or mark is None:
                since = None if mark is None else mark - overlap
                ids, newest = records.reader.changed_since(records.connection, since)
                reached = max((each for each in (newest, mark) if each), default=None)
            if scans:
                ids |= self._differing_keys(conn, records)
                self._next_scan = time.monotonic() + mapping.scan
            for start in range(0, len(ids), _CHUNK):
                found |= self._compare(conn, records, sorted(ids)[start : start + _CHUNK])
        with self._changing:
            self._found, self._mark = found | self._found, reached
        if not found and reached != mark:
            with self._database.reader() as records:
                self._save(records)

    def _differing_keys(self, conn: Connection, records: MappedRecords) -> set[str]:
        """Records without a card, and cards without a record."""
        return set(records.find_ids()) ^ cards.ids_by_record(conn, self._origin_id).keys()

    def _compare(self, conn: Connection, records: MappedRecords, ids: Sequence[str]) -> dict[str, Change]:
        changes: dict[str, Change] = {}
        found = records.get_many(ids)
        known = cards.of_records(conn, self._origin_id, ids)
        for record_id in ids:
            record, card = found.get(record_id), known.get(record_id)
            shown = card is not None and not card.gone
            if record is None or record.deleted_at is not None:
                if shown:
                    changes[record_id] = self._change(record_id, "delete" if record is None else "update")
            elif card is None or not shown or card.record_version != record.version:
                changes[record_id] = self._change(record_id, "update")
        return changes

    def _change(self, record_id: str, operation: str) -> Change:
        self._number += 1
        return Change(self._number, record_id, operation, datetime.now(UTC))

    def _known_mark(self, conn: Connection, records: MappedRecords) -> datetime | None:
        """Until when everything is shown; None if the mapping says something else than it did then."""
        value = setups.setting_value(conn, self._name)
        mark, fingerprint = json.loads(value) if value else (None, "")
        if not mark or fingerprint != records.mapping.fingerprint:
            return None
        return datetime.fromisoformat(mark)

    def _save(self, records: MappedRecords) -> None:
        mark = self._mark.isoformat() if self._mark else None
        with self._state.writer() as conn:
            setups.set_setting(conn, self._name, json.dumps([mark, records.mapping.fingerprint]))
