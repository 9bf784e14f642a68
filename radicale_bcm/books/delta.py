# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed in a collection since a sync-token (RFC 6578 3.2). Imported by server; reads only, in one snapshot."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from radicale_bcm.books import items, membership
from radicale_bcm.books.items import chunks
from radicale_bcm.books.membership import Epoch
from radicale_bcm.books.schema import alias, card, exclusion, member
from radicale_bcm.books.view import Folder


class Delta(NamedTuple):
    """Hrefs to fetch anew and hrefs that are gone; disjoint."""

    changed: set[str]
    removed: set[str]


class _Stay(NamedTuple):
    owner: int  # the audience of a membership, the collection of an exclusion
    entered: int
    departed: int | None

    def holds(self, revision: int) -> bool:
        return self.entered <= revision and (self.departed is None or self.departed > revision)


def since(conn: Connection, folder: Folder, revision: int) -> Delta:
    """The difference between the collection at a revision and now.

    Costs what has changed, not what the collection holds; after a change of the set-up, what the folder showed.
    """
    changed = items.changed_since(conn, folder.collection.id, revision)
    removed = items.removed_since(conn, folder.collection.id, revision)
    if folder.collection.tag == "VADDRESSBOOK":
        epochs = membership.epochs(conn, folder.collection.id)
        if epochs:
            cards = _cards_since(conn, folder, epochs, revision)
            changed |= cards.changed
            removed |= cards.removed
    return Delta(changed, removed - changed)


def _cards_since(conn: Connection, folder: Folder, epochs: list[Epoch], revision: int) -> Delta:
    then = {
        each.audience_id: each.category
        for each in epochs
        if each.opened <= revision and (each.closed is None or each.closed > revision)
    }
    now = folder.categories
    passing: set[int] = set()
    if then == now:
        candidates, passing = _touched(conn, folder, list(now), revision)
    else:
        candidates = set(_ever_members(conn, {*then, *now}, revision))
    changed: set[str] = set()
    removed: set[str] = set()
    for part in chunks(sorted(candidates)):
        before, after = _shown(conn, folder, part, then, revision), _shown(conn, folder, part, now, None)
        revised, hrefs = _facts(conn, folder, part)
        for number in part:
            if number in after:
                if number not in before or revised[number] > revision or before[number] != after[number]:
                    changed.add(hrefs[number])
            elif number in before or number in passing:
                removed.add(hrefs[number])
    return Delta(changed, removed)


def _touched(
    conn: Connection, folder: Folder, audiences: list[int], revision: int
) -> tuple[set[int], set[int]]:
    """Cards for which something happened after the revision, and those of them that came and went since.

    The latter are told as removed, as items are: a client can have seen them beside its token.
    """
    in_audience = member.c.audience_id.in_(audiences)
    entered = select(member.c.card_id).where(in_audience, member.c.entered > revision)
    departed = select(member.c.card_id).where(in_audience, member.c.departed > revision)
    revised = (
        select(card.c.id)
        .join(member, member.c.card_id == card.c.id)
        .where(in_audience, member.c.departed.is_(None), card.c.revision > revision)
    )
    hidden = exclusion.c.collection_id == folder.collection.id
    excluded = select(exclusion.c.card_id).where(
        hidden, or_(exclusion.c.entered > revision, exclusion.c.departed > revision)
    )
    came, went = set(conn.execute(entered).scalars()), set(conn.execute(departed).scalars())
    touched = came | went | set(conn.execute(revised).scalars()) | set(conn.execute(excluded).scalars())
    passing = came & went
    if passing:
        passing -= set(conn.execute(select(exclusion.c.card_id).where(hidden)).scalars())
    return touched, passing


def _ever_members(conn: Connection, audiences: set[int], revision: int) -> Iterator[int]:
    found = select(member.c.card_id).where(
        member.c.audience_id.in_(audiences), or_(member.c.departed.is_(None), member.c.departed > revision)
    )
    yield from conn.execute(found).scalars()


def _shown(
    conn: Connection, folder: Folder, card_ids: Iterable[int], categories: dict[int, str], revision: int | None
) -> dict[int, str]:
    """Which of the cards the folder showed at a revision (None: now), with the category they carried."""
    numbers = list(card_ids)
    at = folder.revision if revision is None else revision
    stays = select(member.c.card_id, member.c.audience_id, member.c.entered, member.c.departed).where(
        member.c.card_id.in_(numbers), member.c.audience_id.in_(categories)
    )
    shown = {
        row[0]: categories[row[1]] for row in conn.execute(stays) if _holds(_Stay(row[1], row[2], row[3]), at, revision)
    }
    hidden = select(
        exclusion.c.card_id, exclusion.c.collection_id, exclusion.c.entered, exclusion.c.departed
    ).where(exclusion.c.card_id.in_(numbers), exclusion.c.collection_id == folder.collection.id)
    for row in conn.execute(hidden):
        if _holds(_Stay(row[1], row[2], row[3]), at, revision):
            shown.pop(row[0], None)
    return shown


def _holds(stay: _Stay, at: int, revision: int | None) -> bool:
    return stay.departed is None if revision is None else stay.holds(at)


def _facts(conn: Connection, folder: Folder, card_ids: Iterable[int]) -> tuple[dict[int, int], dict[int, str]]:
    """The revision and the href in this folder of each card."""
    numbers = list(card_ids)
    revised: dict[int, int] = {}
    hrefs: dict[int, str] = {}
    for row in conn.execute(select(card.c.id, card.c.revision, card.c.href).where(card.c.id.in_(numbers))):
        revised[row[0]], hrefs[row[0]] = row[1], row[2]
    own = select(alias.c.card_id, alias.c.href).where(
        alias.c.collection_id == folder.collection.id, alias.c.card_id.in_(numbers)
    )
    hrefs.update((row[0], row[1]) for row in conn.execute(own))
    return revised, hrefs


