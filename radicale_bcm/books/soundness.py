# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for what cannot be in the state database: rows without their owner, two where one can be, revisions that were
never drawn. Imported by sync.verify.

Every function works in the caller's transaction. A fault that can be mended without losing anything that somebody wrote
knows how.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Table, and_, delete, func, not_, select, update

from radicale_bcm.books import collections
from radicale_bcm.books.items import chunks
from radicale_bcm.books.schema import (
    METADATA,
    alias,
    audience,
    card,
    collection,
    counter,
    epoch,
    exclusion,
    item,
    member,
    origin,
    revision,
    setting,
)

Mend = Callable[[Connection, Callable[[], int]], None]
"""Mends a fault in the caller's transaction, which draws its revision when it is asked for one."""

# Rows that can be made again from others, or mean nothing without their owner.
_DERIVED = frozenset(
    {"member", "exclusion", "alias", "card_version", "epoch", "tombstone", "item_search", "card_search"}
)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that cannot be. `place` is the table or the path; `mend` is None where nobody but a person can tell
    what should be."""

    place: str
    reason: str
    mend: Mend | None = None


def faults(conn: Connection) -> Iterator[Fault]:
    """Everything that is wrong."""
    yield from _file(conn)
    yield from _revisions(conn)  # before all that draws one
    yield from _orphans(conn)
    yield from _single_rows(conn)
    yield from _stays(conn)
    yield from _places(conn)


def _file(conn: Connection) -> Iterator[Fault]:
    if conn.dialect.name == "sqlite":
        for row in conn.exec_driver_sql("PRAGMA quick_check(5)"):
            if row[0] != "ok":
                yield Fault("file", f"the file is damaged: {row[0]}")


def _orphans(conn: Connection) -> Iterator[Fault]:
    for table in METADATA.sorted_tables:
        for key in table.foreign_keys:
            count = conn.execute(_orphaned(table, key, func.count())).scalar_one()
            if count:
                owner = key.column.table.name
                mend = _removing(table, key) if table.name in _DERIVED else None
                yield Fault(table.name, f"{count} rows of {table.name} belong to no {owner}", mend)


def _orphaned(table: Table, key: ForeignKey, what: Any) -> Any:
    parent = key.column.table.alias()
    there = parent.c[key.column.name]
    return (
        select(what)
        .select_from(table.outerjoin(parent, there == key.parent))
        .where(key.parent.is_not(None), there.is_(None))
    )


def _removing(table: Table, key: ForeignKey) -> Mend:
    def mend(conn: Connection, draw: Callable[[], int]) -> None:  # noqa: ARG001 - one signature for all
        gone = set(conn.execute(_orphaned(table, key, key.parent)).scalars())
        for part in chunks(sorted(gone)):
            conn.execute(delete(table).where(key.parent.in_(part)))

    return mend


def _single_rows(conn: Connection) -> Iterator[Fault]:
    current = conn.execute(select(func.count()).select_from(origin).where(origin.c.current.is_(True))).scalar_one()
    if current != 1:
        yield Fault("origin", f"{current} business databases are the current one")
    if conn.execute(select(setting.c.value).where(setting.c.name == "identity")).first() is None:
        yield Fault("setting", "this installation has no identity")


def _revisions(conn: Connection) -> Iterator[Fault]:
    now = conn.execute(select(counter.c.revision)).scalars().all()
    if len(now) != 1:
        yield Fault("counter", f"there are {len(now)} counters of revisions")
        return
    columns = (revision.c.revision, collection.c.revision, audience.c.revision, card.c.revision, item.c.revision)
    highest = max(conn.execute(select(func.max(each))).scalar_one() or 0 for each in columns)
    if highest > now[0]:
        yield Fault("counter", f"the revision is {now[0]}, and {highest} was drawn already", _raising(highest))
    for table in (collection, audience):
        known = select(revision.c.revision)
        lost = select(table.c.id).where(table.c.revision.not_in(known))
        numbers = list(conn.execute(lost).scalars())
        if numbers:
            yield Fault(table.name, f"no sync-token can be made for {_some(numbers)} of {table.name}", _touching(table))


def _raising(to: int) -> Mend:
    def mend(conn: Connection, draw: Callable[[], int]) -> None:
        conn.execute(update(counter).where(counter.c.revision < to).values(revision=to))
        draw()

    return mend


def _touching(table: Table) -> Mend:
    def mend(conn: Connection, draw: Callable[[], int]) -> None:
        lost = table.c.revision.not_in(select(revision.c.revision))
        conn.execute(update(table).where(lost).values(revision=draw()))

    return mend


def _stays(conn: Connection) -> Iterator[Fault]:
    """Stays of cards in audiences, and exclusions: one at a time, and none that ends before it begins."""
    for table, same in (
        (member, (member.c.audience_id, member.c.card_id)),
        (exclusion, (exclusion.c.collection_id, exclusion.c.card_id, exclusion.c.kind)),
    ):
        twice = select(*same).where(table.c.departed.is_(None)).group_by(*same).having(func.count() > 1)
        count = len(conn.execute(twice).all())
        if count:
            reason = f"{count} cards have more than one row of {table.name} at a time"
            yield Fault(table.name, reason, _closing_twins(table, same))
        wrong = select(func.count()).select_from(table).where(table.c.departed < table.c.entered)
        backwards = conn.execute(wrong).scalar_one()
        if backwards:
            yield Fault(table.name, f"{backwards} rows of {table.name} end before they begin")
    idle = (
        select(epoch.c.audience_id)
        .join(audience, audience.c.id == epoch.c.audience_id)
        .where(epoch.c.closed.is_(None), audience.c.active.is_(False))
    )
    current = select(origin.c.id).where(origin.c.current.is_(True))
    numbers = sorted(set(conn.execute(idle.where(audience.c.origin_id.in_(current))).scalars()))
    if numbers:
        reason = f"the filters of {_some(numbers)} are not followed, although folders show them"
        yield Fault("audience", reason, _following(numbers))


def _closing_twins(table: Table, same: tuple[Any, ...]) -> Mend:
    def mend(conn: Connection, draw: Callable[[], int]) -> None:  # noqa: ARG001
        kept = select(func.min(table.c.id)).where(table.c.departed.is_(None)).group_by(*same)
        first = set(conn.execute(kept).scalars())
        every = set(conn.execute(select(table.c.id).where(table.c.departed.is_(None))).scalars())
        for part in chunks(sorted(every - first)):
            # Of no length: they never meant anything.
            conn.execute(update(table).where(table.c.id.in_(part)).values(departed=table.c.entered))

    return mend


def _following(numbers: list[int]) -> Mend:
    def mend(conn: Connection, draw: Callable[[], int]) -> None:  # noqa: ARG001
        conn.execute(update(audience).where(audience.c.id.in_(numbers)).values(active=True))

    return mend


def _places(conn: Connection) -> Iterator[Fault]:
    """Two members of a folder at the same address: of two cards, or of a card and a plain contact."""
    other = alias.alias()
    here = and_(other.c.collection_id == alias.c.collection_id, other.c.card_id != alias.c.card_id)
    twins = select(alias.c.collection_id).join(other, and_(here, other.c.href == alias.c.href))
    folder = alias.c.collection_id
    twins = twins.where(_shown_in(folder, alias.c.card_id), _shown_in(folder, other.c.card_id))
    same = and_(item.c.collection_id == alias.c.collection_id, item.c.href == alias.c.href)
    theirs = select(alias.c.collection_id).join(item, same).where(_shown_in(folder, alias.c.card_id))
    for query in (twins, theirs):
        for number in sorted(set(conn.execute(query).scalars())):
            found = collections.by_id(conn, number)
            yield Fault(f"/{found.path}/" if found else "alias", "two members have the same address")


def _shown_in(collection_id: Column[Any], card_id: Column[Any]) -> Any:
    showing = select(epoch.c.audience_id).where(epoch.c.collection_id == collection_id, epoch.c.closed.is_(None))
    inside = select(member.c.id).where(
        member.c.card_id == card_id, member.c.departed.is_(None), member.c.audience_id.in_(showing)
    )
    hidden = select(exclusion.c.id).where(
        exclusion.c.collection_id == collection_id, exclusion.c.card_id == card_id, exclusion.c.departed.is_(None)
    )
    return and_(inside.exists(), not_(hidden.exists()))


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:_SHOWN])) + (", …" if len(numbers) > _SHOWN else "")
