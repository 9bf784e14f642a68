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
    conn: Connection,
    collection: Collection,
    card: Card,
    to: tuple[str, str],
    revision: int,
    at: datetime,
    *,
    known: bool,
) -> bool:
    """Show a card at another href and UID of a folder. `known` says that clients may know it at its former href,
    which is then told as removed. False if it stands there already.
    """
    before = of(conn, collection.id, card)
    if before == to:
        return False
    # Its own place is written down as well: since when it stands there has to be known.
    cards.set_alias(conn, collection.id, card.id, *to, revision)
    membership.regroup(conn, collection.id, revision)
    if known and before[0] != to[0]:
        _bury(conn, collection.id, before[0], revision)
    collections.touch(conn, collection.id, revision, at)
    return True


def give_way(
    conn: Connection, collection: Collection, card: Card, to: tuple[str, str], revision: int, at: datetime
) -> None:
    """As `move`, for a card that enters the folder and finds its place taken. Tokens of the time when it stood there
    last hear that it is gone.
    """
    placed = select(alias.c.revision).where(alias.c.collection_id == collection.id, alias.c.card_id == card.id)
    since = conn.execute(placed).scalar_one_or_none() or 0
    shown = spans.of_cards(conn, collection.id, membership.epochs(conn, collection.id), [card.id]).get(card.id, [])
    last = max((min(each.end, revision) for each in shown if each.start < revision), default=0)
    before = of(conn, collection.id, card)
    if move(conn, collection, card, to, revision, at, known=False) and last > since and before[0] != to[0]:
        _bury(conn, collection.id, before[0], last)


def _bury(conn: Connection, collection_id: int, href: str, revision: int) -> None:
    grave = {"collection_id": collection_id, "href": href, "created_revision": 0, "deleted_revision": revision}
    conn.execute(insert(tombstone), grave)
