# SPDX-License-Identifier: GPL-3.0-or-later
"""What has the href or the UID of a business card in the same folder: a plain contact, or a card that was given the
place of one (promoted there). Imported by sync; reads only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, literal, select

from radicale_bcm.books.cards import Card
from radicale_bcm.books.items import chunks
from radicale_bcm.books.schema import alias, card, epoch, item, member


def of_cards(conn: Connection, collection_ids: Sequence[int], entering: Sequence[Card]) -> list[tuple[int, Card]]:
    """The folders in which an item or another card has the place of one of these cards, each with that card."""
    found: list[tuple[int, Card]] = []
    for part in chunks(entering):
        for some in chunks(collection_ids):
            found += _meeting(conn, some, part)
    return found


def _meeting(conn: Connection, collection_ids: Sequence[int], entering: Sequence[Card]) -> list[tuple[int, Card]]:
    numbers = [each.id for each in entering]
    renamed = select(alias.c.collection_id, alias.c.card_id, alias.c.href, alias.c.uid).where(
        alias.c.collection_id.in_(collection_ids), alias.c.card_id.in_(numbers)
    )
    other = {(row[0], row[1]): (row[2], row[3]) for row in conn.execute(renamed)}
    hrefs = {each.href for each in entering} | {href for href, _ in other.values()}
    uids = {each.uid for each in entering} | {uid for _, uid in other.values()}
    taken_hrefs = _taken(conn, collection_ids, "href", hrefs)
    taken_uids = _taken(conn, collection_ids, "uid", uids)
    if other:
        # No two cards have one place of their own, but one may have been given what is another's own since: its former
        # place was promoted while it was shown nowhere.
        _add_owners(conn, collection_ids, "href", {href for href, _ in other.values()}, taken_hrefs)
        _add_owners(conn, collection_ids, "uid", {uid for _, uid in other.values()}, taken_uids)
    if not taken_hrefs and not taken_uids:
        return []
    return [
        (number, each)
        for number in collection_ids
        for each in entering
        for href, uid in (other.get((number, each.id), (each.href, each.uid)),)
        if (taken_hrefs.get((number, href), set()) | taken_uids.get((number, uid), set())) - {each.id}
    ]


_ITEM = 0  # in the place of a card's number


def _taken(
    conn: Connection, collection_ids: Sequence[int], column: str, values: set[str]
) -> dict[tuple[int, str], set[int]]:
    """By whom these hrefs or UIDs are taken in the folders: by an item, or by cards that were given them there."""
    found: dict[tuple[int, str], set[int]] = {}
    for part in chunks(sorted(values)):
        items = select(item.c.collection_id, item.c[column], literal(_ITEM)).where(
            item.c.collection_id.in_(collection_ids), item.c[column].in_(part)
        )
        given = (
            select(alias.c.collection_id, alias.c[column], alias.c.card_id)
            .join(card, card.c.id == alias.c.card_id)
            .where(alias.c.collection_id.in_(collection_ids), alias.c[column].in_(part), card.c.gone.is_(False))
        )
        for query in (items, given):
            for collection_id, value, owner in conn.execute(query):
                found.setdefault((collection_id, value), set()).add(owner)
    return found


def _add_owners(
    conn: Connection,
    collection_ids: Sequence[int],
    column: str,
    values: set[str],
    found: dict[tuple[int, str], set[int]],
) -> None:
    """Add the cards whose own these hrefs or UIDs are, in the folders where they stand at their own place."""
    for part in chunks(sorted(values)):
        own = select(card.c[column], card.c.id).where(card.c[column].in_(part), card.c.gone.is_(False))
        owners = [tuple(row) for row in conn.execute(own)]
        renamed = select(alias.c.collection_id, alias.c.card_id).where(
            alias.c.collection_id.in_(collection_ids), alias.c.card_id.in_([owner for _, owner in owners])
        )
        elsewhere = {tuple(row) for row in conn.execute(renamed)} if owners else set()
        for value, owner in owners:
            for collection_id in collection_ids:
                if (collection_id, owner) not in elsewhere:
                    found.setdefault((collection_id, value), set()).add(owner)


def in_folder(conn: Connection, collection_id: int, audience_id: int) -> list[int]:
    """The cards of an audience whose place in the folder an item has, or another card stands at or was given there."""
    renamed = select(alias.c.card_id).where(alias.c.collection_id == collection_id)
    found: set[int] = set()
    for name in ("href", "uid"):
        own = select(card.c.id).join(item, item.c[name] == card.c[name]).where(card.c.id.not_in(renamed))
        other = (
            select(card.c.id)
            .join(alias, alias.c.card_id == card.c.id)
            .join(item, item.c[name] == alias.c[name])
            .where(alias.c.collection_id == collection_id)
        )
        given = (
            select(card.c.id)
            .join(alias, alias.c[name] == card.c[name])
            .where(alias.c.collection_id == collection_id, alias.c.card_id != card.c.id, card.c.id.not_in(renamed))
        )
        for query in (own.where(_of(collection_id)), other.where(_of(collection_id)), given):
            found.update(conn.execute(_inside(query, card.c.id, audience_id)).scalars())
    for name in ("href", "uid") if conn.execute(renamed.limit(1)).first() else ():
        found |= _at_anothers(conn, collection_id, audience_id, name, found)
    return sorted(found)


def _inside(query: Select[Any], number: ColumnElement[int], audience_id: int) -> Select[Any]:
    return query.join(member, member.c.card_id == number).where(
        member.c.audience_id == audience_id, member.c.departed.is_(None)
    )


def _at_anothers(conn: Connection, collection_id: int, audience_id: int, name: str, moving: set[int]) -> set[int]:
    """The cards of an audience that were given a place where the folder shows another card that does not move away: one
    whose own it is, or, if both are of this audience, one that was given it later."""
    mine, theirs = alias.alias("mine"), alias.alias("theirs")
    renamed = select(alias.c.card_id).where(alias.c.collection_id == collection_id)
    shown = (
        select(member.c.card_id)
        .join(epoch, epoch.c.audience_id == member.c.audience_id)
        .where(epoch.c.collection_id == collection_id, epoch.c.closed.is_(None), member.c.departed.is_(None))
    )
    own = (
        select(mine.c.card_id, card.c.id)
        .join(card, card.c[name] == mine.c[name])
        .where(mine.c.collection_id == collection_id, card.c.id.not_in(renamed), card.c.id.in_(shown))
    )
    given = (
        select(mine.c.card_id, theirs.c.card_id, mine.c.revision, theirs.c.revision)
        .join(theirs, theirs.c[name] == mine.c[name])
        .where(mine.c.collection_id == collection_id, theirs.c.collection_id == collection_id)
        .where(theirs.c.card_id != mine.c.card_id, theirs.c.card_id.in_(shown))
    )
    found = {
        number
        for number, owner in conn.execute(_inside(own, mine.c.card_id, audience_id))
        if owner != number and owner not in moving
    }
    pairs = [tuple(row) for row in conn.execute(_inside(given, mine.c.card_id, audience_id))]
    inside = {number for number, *_ in pairs}
    return found | {
        number
        for number, other, since, others_since in pairs
        if other not in inside or (others_since, other) > (since, number)
    }


def _of(collection_id: int) -> ColumnElement[bool]:
    return item.c.collection_id == collection_id


def uid_taken(conn: Connection, collection_id: int, uid: str, card_id: int = 0) -> bool:
    """Whether an item of the folder has this UID, or a card other than this one was given it."""
    found = select(item.c.id).where(item.c.collection_id == collection_id, item.c.uid == uid)
    given = select(alias.c.card_id).where(
        alias.c.collection_id == collection_id, alias.c.uid == uid, alias.c.card_id != card_id
    )
    return any(conn.execute(query).first() is not None for query in (found, given))
