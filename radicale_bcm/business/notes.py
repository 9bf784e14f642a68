# SPDX-License-Identifier: GPL-3.0-or-later
"""What a consumer of our own schema has to finish if it is interrupted: notes that are committed together with the
change of a record, and removed when what shows the change is committed as well. Imported by sync.

A record changes in one database and its card, history row and all the rest in another; these notes are what makes both
one change even if the process is killed between the two commits.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from radicale_bcm.business.rows import chunks
from radicale_bcm.business.schema import change_note
from radicale_bcm.database.prepared import Prepared


class Note(NamedTuple):
    """What is to be finished for a record, once it has this version; `data` is JSON of whoever wrote it."""

    seq: int
    record_id: str
    record_version: str
    data: dict[str, Any]


_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes one for each call
_MINE = change_note.c.consumer_id == bindparam("consumer")
_ALL = select(change_note.c.seq, change_note.c.record_id, change_note.c.record_version, change_note.c.data)
_ALL = _ALL.where(_MINE).order_by(change_note.c.seq)
_PENDING = Prepared(_ALL)
_ABOUT = Prepared(_ALL.where(change_note.c.record_id == bindparam("record")))
_ANY = Prepared(select(change_note.c.seq).where(_MINE).limit(1))
_INSERT = Prepared(change_note.insert().returning(change_note.c.seq))
_OVERWRITE = Prepared(change_note.update().where(_MINE, change_note.c.seq == bindparam("at_seq")))
_REMOVE = Prepared(change_note.delete().where(change_note.c.seq.in_(bindparam("seqs", expanding=True))), "seqs")


def write(
    connection: Connection,
    consumer_id: int,
    record_id: str,
    record_version: str,
    data: dict[str, Any],
    done: Sequence[int] = (),
) -> int:
    """Write a note in the transaction that changes the record, in the place of those that are done with. Returns its
    seq."""
    values = {"record_id": record_id, "record_version": record_version, "data": _json(data)}
    remove(connection, done[1:])
    if done and _OVERWRITE.run(connection, values | {"at_seq": done[0], "consumer": consumer_id}):
        return done[0]
    (key,) = _INSERT.one(connection, values | {"consumer_id": consumer_id})
    return int(key)


def pending(connection: Connection, consumer_id: int, record_id: str | None = None) -> list[Note]:
    """The notes of a consumer about one record, or all, oldest first. Outside of its units of work there are only those
    of one that was interrupted, and such as are done with and not removed yet."""
    mine = {"consumer": consumer_id}
    found = _ABOUT.all(connection, mine | {"record": record_id}) if record_id else _PENDING.all(connection, mine)
    return [Note(seq, about, version, json.loads(data)) for seq, about, version, data in found]


def has_any(connection: Connection, consumer_id: int) -> bool:
    """Whether a consumer has notes."""
    return _ANY.first(connection, {"consumer": consumer_id}) is not None


def remove(connection: Connection, seqs: Iterable[int]) -> None:
    """Remove notes that are done with."""
    for some in chunks(sorted(set(seqs))):
        _REMOVE.run(connection, {"seqs": some})
