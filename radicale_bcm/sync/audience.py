# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cards an audience has: filters against records. Imported by the other modules of sync.

People with equal filters share one audience, so a change of a record costs the number of distinct filters.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from uuid import uuid4

from radicale_bcm.books import cards, collections, collisions, membership, places
from radicale_bcm.books.cards import Card
from radicale_bcm.books.membership import Audience
from radicale_bcm.business.contract import Record
from radicale_bcm.contacts.filters import Filter, parse_canonical, parse_filters
from radicale_bcm.sync.unit import Unit


@lru_cache(maxsize=1024)
def _parsed(expressions: tuple[str, ...]) -> Filter:
    return parse_canonical(expressions)


def bound(filters: Iterable[str], principal: str) -> Filter:
    """The filters of a person, with %me bound. Raises contacts.filters.FilterError."""
    return parse_filters(list(filters)).bind(principal)


def matches(audience: Audience, record: Record) -> bool:
    """Whether a record passes the filter of an audience."""
    return not audience.filters or _parsed(tuple(audience.filters)).matches(record.fields, meta(record))


def meta(record: Record) -> Mapping[str, object]:
    """What filters may ask of a record besides its fields."""
    return {
        "id": record.id,
        "uid": record.uid,
        "type": record.type,
        "modified_at": record.modified_at,
        "created_at": record.created_at,
    }


def place(unit: Unit, card: Card, record: Record) -> None:
    """Let the card enter and leave audiences as its record now passes their filters."""
    now = membership.audiences_of(unit.conn, card.id)
    for each in membership.active_audiences(unit.conn, card.origin_id):
        fits = matches(each, record)
        if fits and each.id not in now:
            make_room(unit, each, [card])
            membership.enter(unit.conn, each.id, [card.id], unit.revision)
        elif not fits and each.id in now:
            membership.leave(unit.conn, each.id, [card.id], unit.revision)


def make_room(unit: Unit, audience: Audience, entering: Sequence[Card]) -> None:
    """Give cards another href or UID in folders where a plain contact has theirs already."""
    folders = membership.collections_showing(unit.conn, audience.id) if entering else []
    if folders:
        _make_room_in(unit, folders, entering)


def _make_room_in(unit: Unit, folders: Sequence[int], entering: Sequence[Card]) -> None:
    for collection_id, card in collisions.of_cards(unit.conn, folders, entering):
        rename(unit, collection_id, card)


def rename(unit: Unit, collection_id: int, card: Card) -> None:
    """Show a card under another href, and another UID if its own is taken, in one folder."""
    collection = collections.by_id(unit.conn, collection_id)
    assert collection is not None
    taken = collisions.uid_taken(unit.conn, collection_id, card.uid)
    fresh = str(uuid4())
    place = (f"{fresh}.vcf", fresh if taken else card.uid)
    places.give_way(unit.conn, collection, card, place, unit.revision, unit.at)


def readmit(unit: Unit, collection_id: int, kind: str, shown_again: Sequence[Card]) -> None:
    """End the exclusion of cards from a folder."""
    membership.include(unit.conn, collection_id, kind, unit.revision, [each.id for each in shown_again])
    _make_room_in(unit, [collection_id], shown_again)
    collections.touch(unit.conn, collection_id, unit.revision, unit.at)


def fill(unit: Unit, audience: Audience) -> None:
    """Make the members of an audience those cards whose records pass its filter now."""
    records = unit.records()
    wanted = _parsed(tuple(audience.filters))
    card_ids = cards.ids_by_record(unit.conn, audience.origin_id)
    if not audience.filters:
        fitting = set(card_ids.values())
    else:
        columns = dict(records.columns())
        columns |= {"modified_at": columns["modified"], "created_at": columns["created"]}
        dialect = unit.site.business(unit.origin).engine.dialect.name
        narrowed = wanted.narrow(columns, dialect)
        if narrowed.exact:
            passing = set(records.find_ids(narrowed.criterion))
        else:
            passing = {each.id for each in records.find(narrowed.criterion) if matches(audience, each)}
        fitting = {card_ids[number] for number in passing if number in card_ids}
    present = membership.members(unit.conn, audience.id)
    membership.leave(unit.conn, audience.id, present - fitting, unit.revision)
    membership.enter(unit.conn, audience.id, sorted(fitting - present), unit.revision)
