# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a business card stands in one folder: at its own href and UID, or at others. Imported by sync.

Every function works in the caller's transaction and commits nothing.
"""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from radicale_bcm.books import cards, collections, membership, spans
from radicale_bcm.books.cards import Card
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.schema import alias, exclusion, tombstone


def of(conn: Connection, collection_id: int, card: Card) -> tuple[str, str]:
    """The href and the UID of a card in a folder, whether it is shown there or not."""
    own = select(alias.c.href, alias.c.uid).where(alias.c.collection_id == collection_id, alias.c.card_id == card.id)
    row = conn.execute(own).one_or_none()
    return (row[0], row[1]) if row else (card.href, card.uid)


def is_shown(conn: Connection, collection: Collection, card: Card) -> bool:
    """Whether a folder shows a card now."""
    if card.gone:
        return False
    shown = {each.audience_id for each in membership.open_epochs(conn, collection.id)}
    if not shown & membership.audiences_of(conn, card.id):
        return False
    hidden = select(exclusion.c.id).where(
        exclusion.c.collection_id == collection.id, exclusion.c.card_id == card.id, exclusion.c.departed.is_(None)
    )
    return conn.execute(hidden).first() is None


def move(
    conn: Connection, collection: Collection, card: Card, to: tuple[str, str], revision: int, at: datetime
) -> bool:
    """Show a card at another href and UID of a folder. Tokens of the time when it stood at its former href, which may
    have ended long ago, hear that it is gone from there. False if it stands at the new place already.
    """
    before = of(conn, collection.id, card)
    if before == to:
        return False
    last = _last_shown(conn, collection, card, revision)
    # Its own place is written down as well: since when it stands there has to be known.
    cards.set_alias(conn, collection.id, card.id, *to, revision)
    membership.regroup(conn, collection.id, revision)
    if last and before[0] != to[0]:
        _bury(conn, collection.id, before[0], last)
    collections.touch(conn, collection.id, revision, at)
    return True


def _last_shown(conn: Connection, collection: Collection, card: Card, revision: int) -> int:
    """When the folder last showed a card where it stands now: the revision at which it left, at the latest this one;
    0 if it never did."""
    placed = select(alias.c.revision).where(alias.c.collection_id == collection.id, alias.c.card_id == card.id)
    since = conn.execute(placed).scalar_one_or_none() or 0
    shown = spans.of_cards(conn, collection.id, membership.epochs(conn, collection.id), [card.id]).get(card.id, [])
    last = max((min(each.end, revision) for each in shown if each.start < revision), default=0)
    return last if last > since else 0


def _bury(conn: Connection, collection_id: int, href: str, revision: int) -> None:
    grave = {"collection_id": collection_id, "href": href, "created_revision": 0, "deleted_revision": revision}
    conn.execute(insert(tombstone), grave)
