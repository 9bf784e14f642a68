# SPDX-License-Identifier: GPL-3.0-or-later
"""The change log of our own schema, which triggers write: one row per consumer and change.

Imported by business and sync. A row says that something happened to a record, not what the record is now: read it.
Rows are handed out and removed one by one and never by "everything up to", because a transaction that took a low number
may commit long after a higher one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Integer, bindparam, select
from sqlalchemy.exc import IntegrityError

from radicale_bcm.business.rows import chunks, new_key
from radicale_bcm.business.schema import change_consumer, change_log
from radicale_bcm.database.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the log. operation: insert, update or delete; `at` is when the statement ran, not when it was
    committed.
    """

    seq: int
    record_id: str
    operation: str
    at: datetime


_OLDEST = (
    select(change_log.c.seq, change_log.c.record_id, change_log.c.operation, change_log.c.changed_at)
    .where(change_log.c.consumer_id == bindparam("consumer"))
    .order_by(change_log.c.seq)
    .limit(bindparam("size", type_=Integer))
)
_ANY = select(change_log.c.seq).where(change_log.c.consumer_id == bindparam("consumer")).limit(1)
_REMOVED = (
    select(change_log.c.record_id)
    .where(change_log.c.consumer_id == bindparam("consumer"), change_log.c.operation == "delete")
    .distinct()
)
_SETTLE = Prepared(
    change_log.delete().where(
        change_log.c.consumer_id == bindparam("consumer"), change_log.c.record_id == bindparam("record")
    )
)
_REMOVE = Prepared(change_log.delete().where(change_log.c.seq.in_(bindparam("seqs", expanding=True))), "seqs")


def find_consumer(connection: Connection, name: str) -> int | None:
    """The id of the consumer of this name, if it is known."""
    return connection.scalar(select(change_consumer.c.id).where(change_consumer.c.name == name))


def register_consumer(connection: Connection, name: str) -> int:
    """The id of the consumer of this name; one that is new gets the changes committed from now on."""
    found = find_consumer(connection, name)
    if found is not None:
        return found
    try:
        return new_key(connection, change_consumer.insert().values(name=name, created_at=datetime.now(UTC)))
    except IntegrityError:  # somebody registered it a moment ago
        return int(connection.execute(select(change_consumer.c.id).where(change_consumer.c.name == name)).scalar_one())


def forget_consumer(connection: Connection, name: str) -> None:
    """Nothing is logged for this consumer any more, and its rows are gone."""
    mine = select(change_consumer.c.id).where(change_consumer.c.name == name).scalar_subquery()
    connection.execute(change_log.delete().where(change_log.c.consumer_id == mine))
    connection.execute(change_consumer.delete().where(change_consumer.c.name == name))


def has_pending(connection: Connection, consumer_id: int) -> bool:
    """Whether there is anything to read; looks at one index entry."""
    return connection.execute(_ANY, {"consumer": consumer_id}).first() is not None


def pending(connection: Connection, consumer_id: int, limit: int = 1000) -> list[Change]:
    """The oldest rows for this consumer."""
    return [Change(*row) for row in connection.execute(_OLDEST, {"consumer": consumer_id, "size": limit})]


def removed(connection: Connection, consumer_id: int) -> set[str]:
    """The records that all rows for this consumer together say were removed from their table."""
    return set(connection.execute(_REMOVED, {"consumer": consumer_id}).scalars())


def settle(connection: Connection, consumer_id: int, record_id: str) -> None:
    """Remove the rows about one record, which this transaction holds the lock of and has read or written last."""
    _SETTLE.run(connection, {"consumer": consumer_id, "record": record_id})


def acknowledge(connection: Connection, seqs: Iterable[int]) -> None:
    """Remove these rows: their records were read, in this transaction or after the rows were."""
    for some in chunks(sorted(set(seqs))):
        _REMOVE.run(connection, {"seqs": some})
