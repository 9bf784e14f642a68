# SPDX-License-Identifier: GPL-3.0-or-later
"""What a promotion starts from: a plain contact, or a card that is kept of a former business database. Imported by
promote only."""

from typing import Protocol

from radicale_bcm.books import cards, items, membership, origins, places, setups
from radicale_bcm.books.cards import Card
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.items import Item
from radicale_bcm.business.contract import Record
from radicale_bcm.sync import carry
from radicale_bcm.sync.candidates import Candidate, text_of_kept
from radicale_bcm.sync.unit import Unit


class Source(Protocol):
    """A contact that is not in the current database. `place` is its href and UID."""

    text: str
    place: tuple[str, str]

    def take_away(self, unit: Unit) -> None:
        """It leaves the folder; clients hear that it is gone."""

    def hand_over(self, unit: Unit, record: Record) -> None:
        """A record was made of it: what shows it becomes that record's, as far as it can."""

    def keep_in_trash(self, unit: Unit, label: str) -> bool:
        """Let it be had back from Deleted Items; False if it cannot."""


class Plain:
    """A plain contact."""

    def __init__(self, collection: Collection, item: Item) -> None:
        self.text = item.text
        self.place = (item.href, item.uid)
        self._collection = collection
        self._item = item

    def take_away(self, unit: Unit) -> None:
        """See Source."""
        items.remove(unit.conn, self._collection.id, self._item, unit.revision, unit.at)

    def hand_over(self, unit: Unit, record: Record) -> None:  # noqa: ARG002 - see Source
        """See Source. First of all it goes: a card that enters the folder must not find its href and UID taken."""
        self.take_away(unit)

    def keep_in_trash(self, unit: Unit, label: str) -> bool:
        """See Source."""
        items.keep_in_trash(unit.conn, self._collection.path, self._item, label, unit.at, unit.actor.name)
        return True


class Kept:
    """A card of a former business database. It stands in every folder that keeps it, so it is promoted in all."""

    def __init__(self, collection: Collection, card: Card, unit: Unit) -> None:
        self.text = text_of_kept(card)
        self.place = places.of(unit.conn, collection.id, card)
        self._card = card

    def take_away(self, unit: Unit) -> None:
        """See Source."""
        cards.change(unit.conn, self._card, {"gone": True, "revision": unit.revision})
        for each in membership.audiences_of(unit.conn, self._card.id):
            membership.leave(unit.conn, each, [self._card.id], unit.revision)

    def hand_over(self, unit: Unit, record: Record) -> None:
        """See Source. The card itself becomes the record's: in every folder it stays where it is."""
        former = setups.get_origin(unit.conn, self._card.origin_id)
        origins.move_cards(unit.conn, unit.origin.id, {self._card.id: record.id}, unit.revision)
        carry.keep_bonds(unit.conn, former, {self._card.record_id: self._card.id})

    def keep_in_trash(self, unit: Unit, label: str) -> bool:  # noqa: ARG002 - see Source
        """See Source."""
        return False


def source_of(unit: Unit, candidate: Candidate) -> Source | None:
    """The contact as it is now, under the lock of the state; None if it is no candidate any more."""
    if candidate.card_id is None:
        item = items.get(unit.conn, candidate.collection.id, candidate.href)
        return Plain(candidate.collection, item) if item else None
    card = cards.get(unit.conn, candidate.card_id)
    if card is None or card.gone or card.origin_id == unit.origin.id:
        return None
    return Kept(candidate.collection, card, unit)
