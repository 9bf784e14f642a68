# SPDX-License-Identifier: GPL-3.0-or-later
"""What a consumer of our own schema has to finish if it is interrupted: notes that are committed together with the
change of a record, and removed when what shows the change is committed as well. Imported by sync.

A record changes in one database and its card, history row and all the rest in another; these notes are what makes both
one change even if the process is killed between the two commits.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from radicale_bcm.business.rows import chunks
from radicale_bcm.business.schema import change_note


class Note(NamedTuple):
    """What is to be finished for a record, once it has this version; `data` is JSON of whoever wrote it."""

    seq: int
    record_id: str
    record_version: str
    data: dict[str, Any]


def write(connection: Connection, consumer_id: int, record_id: str, record_version: str, data: dict[str, Any]) -> int:
    """Write a note in the transaction that changes the record. Returns its seq."""
    values = {"consumer_id": consumer_id, "record_id": record_id, "record_version": record_version}
    said = json.dumps(data, ensure_ascii=False)
    key = connection.execute(change_note.insert().values(**values, data=said)).inserted_primary_key
    assert key is not None
    return int(key[0])


def pending(connection: Connection, consumer_id: int) -> list[Note]:
    """All notes of a consumer, oldest first. Outside of its units of work there are only those of one that was
    interrupted, and such as are done with and not removed yet."""
    columns = (change_note.c.seq, change_note.c.record_id, change_note.c.record_version, change_note.c.data)
    found = select(*columns).where(change_note.c.consumer_id == consumer_id).order_by(change_note.c.seq)
    return [Note(*row[:3], json.loads(row[3])) for row in connection.execute(found)]


def remove(connection: Connection, seqs: Iterable[int]) -> None:
    """Remove notes that are done with."""
    for some in chunks(sorted(set(seqs))):
        connection.execute(change_note.delete().where(change_note.c.seq.in_(some)))
