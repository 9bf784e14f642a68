# SPDX-License-Identifier: GPL-3.0-or-later
"""The slow oracle of every fast path: each card, membership and index row against what it is made of. Imported by cli.

Looking changes nothing. A repair makes the projection anew and destroys nothing that it cannot explain: what nobody but
a person can decide is left, and told.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Connection

from radicale_bcm.books import cards, collections, items, membership, search_check, soundness
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import Item
from radicale_bcm.books.membership import Audience
from radicale_bcm.business.contract import Record
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.compared import edited_fields
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.model import display_name
from radicale_bcm.contacts.values import plain
from radicale_bcm.sync import asked, audience, losses, mending, pull
from radicale_bcm.sync.project import etag_of, is_person, link_to, rendered_now, shown_contact
from radicale_bcm.sync.pull import BATCH
from radicale_bcm.sync.unit import Site, Unit

Progress = Callable[[int, int], None]
Mend = Callable[[Unit], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not what it should be: a card and its record, or a `place`, which is a table or a path.

    `mend` is None where a repair leaves it alone.
    """

    record_id: str | None
    name: str
    reason: str
    place: str = ""
    mend: Mend | None = field(default=None, compare=False, repr=False)


def differences(site: Site, actor: Actor, progress: Progress | None = None) -> list[Difference]:
    """Compare everything, and change nothing but what was pending anyway: that is brought over first."""
    pull.pull_all(site, actor)
    found = _of_state(site)
    with site.business(site.origin()).reader() as source:
        record_ids = list(source.find_ids())
    for start in range(0, len(record_ids), BATCH):
        # Under the lock: nobody changes record or card between the two looks.
        with site.write(actor) as unit:
            found += _of_records(unit, record_ids[start : start + BATCH])
            unit.failed = True
        if progress:
            progress(min(start + BATCH, len(record_ids)), len(record_ids))
    with site.write(actor) as unit:
        found += _of_cards(unit, set(record_ids))
        unit.failed = True
    return found


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair found, what it could not mend, and what was there afterwards all the same."""

    found: list[Difference]
    left: list[Difference]


def repair(site: Site, actor: Actor, progress: Progress | None = None) -> Repaired:
    """Mend what differs, then look again."""
    found = differences(site, actor, progress)
    todo = iter([each for each in found if each.mend is not None])
    while part := list(islice(todo, BATCH)):
        with site.write(actor) as unit:
            for each in part:
                assert each.mend is not None
                each.mend(unit)
    return Repaired(found, differences(site, actor, progress) if found else [])


def _of_state(site: Site) -> list[Difference]:
    with site.read() as conn:
        found = [
            Difference(None, "", each.reason, each.place, mending.fault(each.mend) if each.mend else None)
            for each in soundness.faults(conn)
        ]
        for stale in search_check.stale_rows(conn):
            what = "business cards" if stale.cards else "plain contacts"
            reason = f"the search index of some {what} is not what they say"
            found.append(Difference(None, "", reason, "search", mending.index(stale)))
        found += _of_items(conn)
    return found


def _of_items(conn: Connection) -> Iterator[Difference]:
    for number, path, tag in collections.all_paths(conn):
        for each in items.get_all(conn, number):
            reason = _wrong_item(each, tag)
            if reason:
                mend = mending.item(number, each.href) if reason is _ETAG else None
                yield Difference(None, each.href, reason, f"/{path}/{each.href}", mend)


_ETAG = "the ETag is not that of its text"


def _wrong_item(each: Item, tag: str) -> str:
    if each.etag not in (items.text_etag(each.text), items.text_etag(each.text, str(each.revision))):
        return _ETAG
    if tag == "VADDRESSBOOK" and each.name == "VCARD":
        try:
            uid = codec.uid_of(each.text)
        except NotAVCard as error:
            return f"it cannot be read as a contact: {error}"
        if uid is not None and uid != plain(each.uid):
            return "its UID is another one than that in its text"
    return ""


def _of_records(unit: Unit, record_ids: list[str]) -> Iterator[Difference]:
    records = unit.records().get_many(record_ids)
    stored = cards.of_records(unit.conn, unit.origin.id, record_ids)
    archived = cards.archived_among(unit.conn, [(each.id, each.version) for each in stored.values()])
    audiences = membership.active_audiences(unit.conn, unit.origin.id)
    waiting = losses.leaving(unit.conn, unit.origin.id)
    for record_id, record in records.items():
        if record.deleted_at is not None or not is_person(record):
            continue
        before = stored.get(record_id)
        if before is None:
            reason = "the record has no card"
            yield Difference(record_id, display_name(record.fields), reason, mend=mending.card(record_id))
        elif before.gone:
            reason = "the card is withdrawn although its record is there"
            yield Difference(record_id, before.label, reason, mend=mending.card(record_id))
        else:
            for reason in _wrong_card(unit, before, record, has_version=before.id in archived):
                yield Difference(record_id, before.label, reason, mend=mending.card(record_id))
            yield from _wrong_membership(unit, before, record, audiences, waiting)


def _wrong_card(unit: Unit, before: Card, record: Record, *, has_version: bool) -> Iterator[str]:
    """Everything that is wrong with a card; the record is the truth."""
    try:
        now = rendered_now(unit, before, record, before.text, before.kept_values)
        said = codec.read(before.text, link=link_to(unit, record.id))
    except NotAVCard as error:
        yield f"the card cannot be read: {error}"
        return
    if (now.text, codec.join_categories(now.categories)) != (before.text, before.categories):
        yield "the card does not say what the record says"
    else:
        said |= {"category": before.categories} if before.categories else {}
        wrong = edited_fields(said, codec.normalised(shown_contact(record, before.kept_values)))
        if wrong:
            yield f"the card is read otherwise than the record: {', '.join(wrong)}"
    if before.etag != etag_of(before.text, before.categories):
        yield "the ETag is not that of the card's text"
    if codec.version_of(before.text) != before.version or codec.uid_of(before.text) != before.uid:
        yield "the card's text has another version or UID than the card"
    if not has_version:
        yield "the text of this version is not kept for later merges"
    if before.hidden not in (None, asked.hidden_now(record)):
        yield "the card does not know all fields of the record"
    if before.label != display_name(shown_contact(record, before.kept_values))[:255]:
        yield "the card is listed under another name than the record's"


def _wrong_membership(
    unit: Unit, card: Card, record: Record, audiences: Sequence[Audience], waiting: Container[int]
) -> Iterator[Difference]:
    now = membership.audiences_of(unit.conn, card.id)
    for each in audiences:
        fits = audience.matches(unit, each, record)
        if fits != (each.id in now):
            filters = " and ".join(each.filters) or "everybody"
            reason = f"the card is {'missing from' if fits else 'still in'} the folders of {filters}"
            # Beyond the bound an administrator decides (losses), and a repair does not.
            mend = None if each.id in waiting else mending.place(record.id)
            yield Difference(record.id, card.label, reason, mend=mend)


def _of_cards(unit: Unit, record_ids: set[str]) -> Iterable[Difference]:
    waits = losses.of(unit.conn, unit.origin) is not None
    for card in cards.iterate(unit.conn, unit.origin.id):
        if not card.gone and card.record_id not in record_ids:
            reason = "the card is shown although its record is deleted or missing"
            mend = None if waits else mending.card(card.record_id)
            yield Difference(card.record_id, card.label, reason, mend=mend)
        elif card.gone and membership.audiences_of(unit.conn, card.id):
            reason = "the withdrawn card is still in folders"
            yield Difference(card.record_id, card.label, reason, mend=mending.withdrawn(card.id))
