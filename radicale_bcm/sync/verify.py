# SPDX-License-Identifier: GPL-3.0-or-later
"""The slow oracle of every fast path: each card and each membership against its record. Imported by cli."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from radicale_bcm.books import cards, membership
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import Actor
from radicale_bcm.business.contract import Record
from radicale_bcm.sync import audience, pull
from radicale_bcm.sync.project import is_person, project
from radicale_bcm.sync.pull import BATCH
from radicale_bcm.sync.unit import Site, Unit

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A card that is not what its record says, or stands where its filters do not put it."""

    record_id: str
    name: str
    reason: str


def differences(site: Site, actor: Actor, progress: Progress | None = None) -> list[Difference]:
    """Compare everything, and change nothing but what was pending anyway: that is brought over first."""
    pull.pull_all(site, actor)
    with site.business(site.origin()).reader() as source:
        record_ids = list(source.find_ids())
    found: list[Difference] = []
    for start in range(0, len(record_ids), BATCH):
        with site.write(actor) as unit:
            found += _of_records(unit, record_ids[start : start + BATCH])
            unit.failed = True
        if progress:
            progress(min(start + BATCH, len(record_ids)), len(record_ids))
    with site.write(actor) as unit:
        found += _of_cards(unit, set(record_ids))
        unit.failed = True
    return found


def repair(site: Site, actor: Actor, progress: Progress | None = None) -> None:
    """Mend what `differences` found."""
    pull.compare_all(site, actor, progress)
    with site.write(actor) as unit:
        for each in membership.active_audiences(unit.conn, unit.origin.id):
            audience.fill(unit, each)


def _of_records(unit: Unit, record_ids: list[str]) -> Iterator[Difference]:
    records = unit.records().get_many(record_ids)
    stored = cards.of_records(unit.conn, unit.origin.id, record_ids)
    audiences = membership.active_audiences(unit.conn, unit.origin.id)
    for record_id, record in records.items():
        if record.deleted_at is not None or not is_person(record):
            continue
        before = stored.get(record_id)
        if before is None:
            yield Difference(record_id, record.uid, "the record has no card")
            continue
        now = membership.audiences_of(unit.conn, before.id)
        yield from _of_one(unit, before, record)
        for each in audiences:
            fits = audience.matches(unit, each, record)
            if fits != (each.id in now):
                filters = " and ".join(each.filters) or "everybody"
                yield Difference(
                    record_id,
                    before.label,
                    f"the card is {'missing from' if fits else 'still in'} the folders of {filters}",
                )


def _of_one(unit: Unit, before: Card, record: Record) -> Iterator[Difference]:
    if before.gone:
        yield Difference(record.id, before.label, "the card is withdrawn although its record is there")
        return
    after = project(unit, unit.origin, record.id, record)
    if after is None or (after.text, after.categories) != (before.text, before.categories):
        yield Difference(record.id, before.label, "the card does not say what the record says")
    elif after.etag != before.etag:
        yield Difference(record.id, before.label, "the ETag is not that of the card's text")


def _of_cards(unit: Unit, record_ids: set[str]) -> Iterator[Difference]:
    for card in cards.iterate(unit.conn, unit.origin.id):
        if not card.gone and card.record_id not in record_ids:
            yield Difference(card.record_id, card.label, "the card is shown although its record is deleted or missing")
        elif card.gone and membership.audiences_of(unit.conn, card.id):
            yield Difference(card.record_id, card.label, "the withdrawn card is still in folders")
