# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing over what changed in the business database. Imported by server and cli.

Nothing is taken off the change log before the state that shows it is committed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from radicale_bcm.books import cards
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import DATABASE, Actor
from radicale_bcm.business.contract import Record
from radicale_bcm.sync import audience
from radicale_bcm.sync.project import Cause, is_person, project, project_all
from radicale_bcm.sync.unit import Site, Unit

BATCH = 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a pass over the business database did to the cards."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    refused: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.refused + other.refused,
        )


def has_pending(site: Site) -> bool:
    """Whether the current business database logged a change that is not projected yet: one indexed look."""
    return site.feed().has_pending()


def pull(site: Site, actor: Actor = DATABASE, *, limit: int = BATCH) -> Counts:
    """Project what is pending, at most `limit` log rows, in one unit of work.

    The rows are taken off the log after the state was committed: a crash before that only repeats the work.
    """
    feed = site.feed()
    with site.write(actor) as unit:
        pending = feed.pending(limit)
        counts = _project_ids(unit, dict.fromkeys(each.record_id for each in pending))
    feed.acknowledge([each.seq for each in pending])
    return counts


def pull_pending(site: Site) -> None:
    """Before a read: show what other programs committed, up to a batch; the rest follows with the next look.

    Raises database.errors.DatabaseError where a database cannot be used.
    """
    if has_pending(site):
        pull(site)


def pull_all(site: Site, actor: Actor = DATABASE, progress: Progress | None = None) -> Counts:
    """Project everything that is pending, in several units of work."""
    total = Counts()
    while has_pending(site):
        done = pull(site, actor)
        total += done
        if progress:
            progress(total.added + total.changed + total.removed, 0)
    return total


def _project_ids(unit: Unit, record_ids: Iterable[str]) -> Counts:
    wanted = list(record_ids)
    found = unit.records().get_many(wanted) if wanted else {}
    before = cards.of_records(unit.conn, unit.origin.id, wanted)
    counts = Counts()
    for record_id in wanted:
        card = project(unit, unit.origin, record_id, found.get(record_id))
        counts += _outcome(before.get(record_id), card)
    return counts


def _outcome(before: Card | None, after: Card | None) -> Counts:
    was_shown, is_shown = before is not None and not before.gone, after is not None and not after.gone
    if is_shown and not was_shown:
        return Counts(added=1)
    if was_shown and not is_shown:
        return Counts(removed=1)
    if before and after and before.revision != after.revision:
        return Counts(changed=1)
    return Counts()


def compare_all(site: Site, actor: Actor = DATABASE, progress: Progress | None = None) -> Counts:
    """Compare every record with its card and mend what differs, in several units of work.

    Also the first load of a database: records without a card are shown in bulk.
    """
    with site.business(site.origin()).reader() as records:
        record_ids = list(records.find_ids())
    counts = Counts()
    for start in range(0, len(record_ids), BATCH):
        # Read again under the lock: what was read before it may have been edited meanwhile.
        with site.write(actor) as unit:
            found = unit.records().get_many(record_ids[start : start + BATCH])
            counts += _compare(unit, list(found.values()))
        if progress:
            progress(min(start + BATCH, len(record_ids)), len(record_ids))
    return counts + _remove_missing(site, actor)


def _compare(unit: Unit, batch: list[Record]) -> Counts:
    stored = cards.of_records(unit.conn, unit.origin.id, [each.id for each in batch])
    counts = Counts()
    fresh: list[Record] = []
    for record in batch:
        before = stored.get(record.id)
        if before is None:
            fresh.append(record)
            continue
        after = project(unit, unit.origin, record.id, record)
        counts += _outcome(before, after)
    return counts + _show_first(unit, fresh)


def _show_first(unit: Unit, fresh: list[Record]) -> Counts:
    added = project_all(unit, unit.origin, fresh)
    if not added:
        return Counts()
    stored = cards.of_records(unit.conn, unit.origin.id, [each.id for each in fresh])
    audience.place_first(unit, unit.origin.id, stored, fresh)
    return Counts(added=added)


def _remove_missing(site: Site, actor: Actor) -> Counts:
    """Withdraw the cards whose record is no longer in the database."""
    counts = Counts()
    with site.write(actor) as unit:
        shown = [each for each in cards.iterate(unit.conn, unit.origin.id) if not each.gone]
        for start in range(0, len(shown), BATCH):
            part = shown[start : start + BATCH]
            found = unit.records().get_many([each.record_id for each in part])
            for card in part:
                record = found.get(card.record_id)
                if record is None or record.deleted_at is not None or not is_person(record):
                    project(unit, unit.origin, card.record_id, record, cause=Cause(actor))
                    counts = replace(counts, removed=counts.removed + 1)
    return counts
