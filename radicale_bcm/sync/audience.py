# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cards an audience has: filters against records. Imported by the other modules of sync.

People with equal filters share one audience, so a change of a record costs the number of distinct filters.
"""

from collections import Counter
from collections.abc import Collection as Some
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import uuid4
from weakref import WeakKeyDictionary

from radicale_bcm.books import cards, collections, collisions, membership, places, setups
from radicale_bcm.books.cards import Card
from radicale_bcm.books.membership import Audience, Stamp
from radicale_bcm.books.setups import Origin
from radicale_bcm.business.contract import Record
from radicale_bcm.contacts.filter_index import FilterIndex
from radicale_bcm.contacts.filters import Filter
from radicale_bcm.sync import losses, vocabulary
from radicale_bcm.sync.unit import Site, Unit
from radicale_bcm.sync.vocabulary import Vocabulary, meta

_VOCABULARIES: WeakKeyDictionary[Unit, dict[int, Vocabulary]] = WeakKeyDictionary()
_FOLLOWED: "WeakKeyDictionary[Unit, dict[int, Followed]]" = WeakKeyDictionary()
_HELD: "WeakKeyDictionary[Unit, Held]" = WeakKeyDictionary()
_LATEST: "WeakKeyDictionary[Site, dict[int, Followed]]" = WeakKeyDictionary()


class Held:
    """Audiences that no card leaves for now, and how many left the others meanwhile."""

    def __init__(self, audience_ids: Some[int]) -> None:
        self.audience_ids = frozenset(audience_ids)
        self.left: Counter[int] = Counter()


class Followed:
    """The audiences of a business database whose membership follows it, as one unit of work finds them.

    To read two hundred filters takes longer than to show a change, so the next unit uses it again as long as `stamp`
    and the vocabulary are the same. The revisions of the audiences may be old.
    """

    def __init__(self, stamp: Stamp, audiences: Sequence[Audience], words: Vocabulary | None) -> None:
        self.stamp = stamp
        self.words = words
        words = words or Vocabulary()
        self.audiences = {each.id: each for each in audiences}
        self._index = FilterIndex({each.id: words.read(each.filters) for each in audiences}, words.bases)

    def fitting(self, record: Record) -> set[int]:
        """The ids of the audiences whose filter a record passes."""
        return self._index.passing(record.fields, meta(record))


def _origin(unit: Unit, origin_id: int) -> Origin:
    return unit.origin if unit.origin.id == origin_id else setups.get_origin(unit.conn, origin_id)


def words_of(unit: Unit, origin_id: int) -> Vocabulary:
    """What filters can be about in a business database."""
    known = _VOCABULARIES.setdefault(unit, {})
    if origin_id not in known:
        known[origin_id] = vocabulary.of(unit.records(_origin(unit, origin_id)))
    return known[origin_id]


def followed(unit: Unit, origin_id: int) -> Followed:
    """The followed audiences of a business database, read once in a unit of work."""
    known = _FOLLOWED.setdefault(unit, {})
    if origin_id not in known:
        latest = _LATEST.setdefault(unit.site, {})
        stamp, found = membership.active_stamp(unit.conn, origin_id), latest.get(origin_id)
        if found is None or found.stamp != stamp or (found.words and found.words != words_of(unit, origin_id)):
            active = membership.active_audiences(unit.conn, origin_id)
            filtered = any(each.filters for each in active)
            found = Followed(stamp, active, words_of(unit, origin_id) if filtered else None)
        known[origin_id] = latest[origin_id] = found
    return known[origin_id]


def look_again(unit: Unit) -> None:
    """Which audiences are followed has changed in this unit."""
    _FOLLOWED.pop(unit, None)


def bound(unit: Unit, filters: Sequence[str], principal: str) -> Filter:
    """The filters of a person, with %me bound. Raises contacts.filters.FilterError."""
    return words_of(unit, unit.origin.id).parse(filters, principal)


def matches(unit: Unit, audience: Audience, record: Record) -> bool:
    """Whether a record passes the filter of an audience."""
    words = words_of(unit, audience.origin_id)
    return words.read(audience.filters).matches(record.fields, meta(record), words.bases)


def place(unit: Unit, card: Card, record: Record, showing: set[int] | None = None) -> bool:
    """Let the card enter and leave audiences as its record now passes their filters. Returns whether it did.

    `showing` are the audiences that it is in now, where the caller knows them.
    """
    active = followed(unit, card.origin_id)
    showing = membership.audiences_of(unit.conn, card.id) if showing is None else showing
    now = showing & active.audiences.keys()
    fitting = active.fitting(record)
    for number in sorted(fitting - now):
        make_room(unit, active.audiences[number], [card])
        membership.enter(unit.conn, number, [card.id], unit.revision)
    held, leaving = _HELD.get(unit), now - fitting
    if leaving:
        leaving -= held.audience_ids if held else losses.leaving(unit.conn, card.origin_id).keys()
    for number in sorted(leaving):
        membership.leave(unit.conn, number, [card.id], unit.revision)
    if held:
        held.left.update(leaving)
    return bool(leaving or fitting - now)


@contextmanager
def holding(unit: Unit, audience_ids: Some[int]) -> Iterator[Held]:
    """Let no card leave these audiences in here, whatever its record says."""
    held = _HELD[unit] = Held(audience_ids)
    try:
        yield held
    finally:
        del _HELD[unit]


def leaving(unit: Unit, origin_id: int, records: Sequence[Record], shown: Mapping[str, Card]) -> Counter[int]:
    """audience -> how many cards would leave it because their records are as they are; `shown` is by record id."""
    active = followed(unit, origin_id)
    stays = membership.stays(unit.conn, [shown[each.id].id for each in records if each.id in shown])
    found: Counter[int] = Counter()
    for each in records:
        now = stays.get(shown[each.id].id, set()) if each.id in shown else set()
        found.update((now & active.audiences.keys()) - active.fitting(each) if now else ())
    return found


def place_first(unit: Unit, origin_id: int, shown: Mapping[str, Card], fresh: Sequence[Record]) -> None:
    """Let cards that are in no audience yet enter those whose filter their record passes; `shown` is by record id."""
    active = followed(unit, origin_id)
    entering: dict[int, list[Card]] = {}
    for record in fresh:
        if record.id in shown:
            for number in active.fitting(record):
                entering.setdefault(number, []).append(shown[record.id])
    for number, some in sorted(entering.items()):
        make_room(unit, active.audiences[number], some)
        membership.enter(unit.conn, number, [card.id for card in some], unit.revision)


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
    taken = collisions.uid_taken(unit.conn, collection_id, card.uid, card.id)
    fresh = str(uuid4())
    place = (f"{fresh}.vcf", fresh if taken else card.uid)
    places.move(unit.conn, collection, card, place, unit.revision, unit.at)


def readmit(unit: Unit, collection_id: int, kind: str, shown_again: Sequence[Card]) -> None:
    """End the exclusion of cards from a folder."""
    membership.include(unit.conn, collection_id, kind, unit.revision, [each.id for each in shown_again])
    _make_room_in(unit, [collection_id], shown_again)
    collections.touch(unit.conn, collection_id, unit.revision, unit.at)


def fill(unit: Unit, audience: Audience) -> None:
    """Make the members of an audience those cards whose records pass its filter now."""
    fitting, misfits = _compared(unit, audience)
    membership.leave(unit.conn, audience.id, misfits, unit.revision)
    membership.enter(unit.conn, audience.id, sorted(fitting), unit.revision)


def misfits(unit: Unit, audience: Audience) -> set[int]:
    """The cards of an audience whose records do not pass its filter any more."""
    return _compared(unit, audience)[1]


def _compared(unit: Unit, audience: Audience) -> tuple[set[int], set[int]]:
    """The cards that should be in an audience and are not, and those that are and should not."""
    origin = _origin(unit, audience.origin_id)
    records = unit.records(origin)
    words = words_of(unit, origin.id)
    wanted = words.read(audience.filters)
    card_ids = cards.ids_by_record(unit.conn, audience.origin_id)
    if not audience.filters:
        fitting = set(card_ids.values())
    else:
        columns = dict(records.columns())
        columns |= {f"{name}_at": columns[name] for name in ("modified", "created") if name in columns}
        dialect = unit.site.business(origin).engine.dialect.name
        narrowed = wanted.narrow(columns, dialect, words.bases)
        if narrowed.exact:
            passing = set(records.find_ids(narrowed.criterion))
        else:
            passing = {
                each.id
                for each in records.find(narrowed.criterion)
                if wanted.matches(each.fields, meta(each), words.bases)
            }
        fitting = {card_ids[number] for number in passing if number in card_ids}
    present = membership.members(unit.conn, audience.id)
    leaving = present - fitting
    if leaving and audience.filters:
        # A record that is missing fits no filter; whether its card goes is decided elsewhere (losses).
        number_of = {number: record_id for record_id, number in card_ids.items() if number in leaving}
        there = records.get_many(list(number_of.values()))
        leaving -= {number for number, record_id in number_of.items() if record_id not in there}
    return fitting - present, leaving
