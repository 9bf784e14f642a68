# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain contacts that have the href or the UID of a business card in the same folder. Imported by sync; reads only."""

from collections.abc import Collection as Sized

from sqlalchemy import Connection, or_, select

from radicale_bcm.books.cards import Card
from radicale_bcm.books.schema import alias, card, item, member


def of_card(conn: Connection, collection_ids: Sized[int], shown: Card) -> list[int]:
    """The folders in which an item has this card's href or UID and the card has no alias yet."""
    renamed = select(alias.c.collection_id).where(alias.c.card_id == shown.id)
    found = select(item.c.collection_id).where(
        item.c.collection_id.in_(collection_ids),
        or_(item.c.href == shown.href, item.c.uid == shown.uid),
        item.c.collection_id.not_in(renamed),
    )
    return list(conn.execute(found.distinct()).scalars())


def in_folder(conn: Connection, collection_id: int, audience_id: int) -> list[int]:
    """The cards of an audience whose href or UID an item of the folder has, and that have no alias there yet."""
    renamed = select(alias.c.card_id).where(alias.c.collection_id == collection_id)
    cards: set[int] = set()
    for same in (item.c.href == card.c.href, item.c.uid == card.c.uid):
        found = (
            select(card.c.id)
            .join(item, same)
            .join(member, member.c.card_id == card.c.id)
            .where(
                item.c.collection_id == collection_id,
                member.c.audience_id == audience_id,
                member.c.departed.is_(None),
                card.c.id.not_in(renamed),
            )
        )
        cards.update(conn.execute(found).scalars())
    return sorted(cards)


def uid_taken(conn: Connection, collection_id: int, uid: str) -> bool:
    """Whether an item of the folder has this UID."""
    found = select(item.c.id).where(item.c.collection_id == collection_id, item.c.uid == uid)
    return conn.execute(found).first() is not None
