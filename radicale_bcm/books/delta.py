# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed in a collection since a sync-token (RFC 6578 3.2). Imported by server; reads only, in one snapshot."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, or_, select, union

from radicale_bcm.books import groups, items, revisions, spans, view
from radicale_bcm.books.items import Told, chunks
from radicale_bcm.books.membership import Epoch
from radicale_bcm.books.revisions import Claim
from radicale_bcm.books.schema import alias, audience, card, exclusion, member
from radicale_bcm.books.spans import OPEN
from radicale_bcm.books.view import Folder
from radicale_bcm.database.prepared import Asked, Prepared, together


class Delta(NamedTuple):
    """Hrefs to fetch anew and hrefs that are gone; disjoint."""

    changed: set[str]
    removed: set[str]


class _Fact(NamedTuple):
    """When a card was last changed, where it stands in this folder, and since when it stands there."""

    revised: int
    href: str
    placed: int


_SINCE: Any = bindparam("since")
_HERE: Any = bindparam("collection_id")
_AUDIENCES: Any = bindparam("audiences", expanding=True)
_CARDS: Any = bindparam("cards", expanding=True)
_IN_AUDIENCE = member.c.audience_id.in_(_AUDIENCES)
_ORIGINS = select(audience.c.origin_id).where(audience.c.id.in_(_AUDIENCES))
# Each with an index of its own.
_TOUCHED = Prepared(
    union(
        select(member.c.card_id).where(_IN_AUDIENCE, member.c.entered > _SINCE),
        select(member.c.card_id).where(_IN_AUDIENCE, member.c.departed > _SINCE),
        select(card.c.id).where(card.c.origin_id.in_(_ORIGINS), card.c.revision > _SINCE),
        select(exclusion.c.card_id).where(
            exclusion.c.collection_id == _HERE, or_(exclusion.c.entered > _SINCE, exclusion.c.departed > _SINCE)
        ),
        select(alias.c.card_id).where(alias.c.collection_id == _HERE, alias.c.revision > _SINCE),
    ),
    "audiences",
)
_EVER = Prepared(
    select(member.c.card_id)
    .where(_IN_AUDIENCE, or_(member.c.departed.is_(None), member.c.departed > _SINCE))
    .distinct(),
    "audiences",
)
_FACTS = Prepared(
    select(card.c.id, card.c.revision, card.c.href, alias.c.href, alias.c.revision)
    .select_from(card)
    .outerjoin(alias, (alias.c.card_id == card.c.id) & (alias.c.collection_id == _HERE))
    .where(card.c.id.in_(_CARDS)),
    "cards",
)


class Question(NamedTuple):
    """What a client that shows a sync-token wants to know, and what to ask the database first."""

    claimed: Claim
    asked: tuple[Asked, Asked]


def question(collection_id: int, token: str) -> Question:
    """The question of a sync-token. Raises InvalidToken for one that the collection cannot have issued."""
    claimed = revisions.claim(collection_id, token)
    return Question(claimed, (revisions.proof(collection_id, claimed), items.telling(collection_id, claimed.revision)))


def answer(
    conn: Connection, folder: Folder, asked: Question, rows: Sequence[list[Any]]
) -> tuple[Delta, dict[str, tuple[str, str]]]:
    """The difference between the collection at a sync-token and now (see `since`), and of some items that changed their
    ETag without quotes and text, by href. `rows` are the answers to what was to be asked.

    Raises InvalidToken for a token that this collection did not issue.
    """
    proof, told = rows
    revision = revisions.proved(asked.claimed, proof)
    if revision > folder.revision:
        raise revisions.InvalidToken(asked.claimed.text, "from the future")
    if revision == folder.revision:
        return Delta(set(), set()), {}
    found = items.told(conn, folder.collection.id, revision, told)
    return _since(conn, folder, revision, found), found.texts


def since_token(conn: Connection, folder: Folder, token: str) -> Delta:
    """The difference between the collection at a sync-token and now. Raises InvalidToken."""
    asked = question(folder.collection.id, token)
    return answer(conn, folder, asked, together(conn, *asked.asked))[0]


def since(conn: Connection, folder: Folder, revision: int) -> Delta:
    """The difference between the collection at a revision and now.

    Costs what has changed, not what the collection holds; after a change of the set-up, what the folder showed. What
    came and went since is told as removed: a client can have seen it beside its token.
    """
    number = folder.collection.id
    (told,) = together(conn, items.telling(number, revision))
    return _since(conn, folder, revision, items.told(conn, number, revision, told))


def _since(conn: Connection, folder: Folder, revision: int, told: Told) -> Delta:
    changed, removed, buried = set(told.changed), set(told.removed), told.removed
    if folder.collection.tag == "VADDRESSBOOK":
        epochs = [each for each in folder.shown.ever if each.closed is None or each.closed > revision]
        if epochs:
            cards = _cards_since(conn, folder, epochs, revision)
            changed |= cards.changed
            removed |= cards.removed
            _tell_group(conn, folder, epochs, revision, changed, removed)
            if buried - changed:
                # A card that was away, and is back at an href that had an item meanwhile, is there.
                changed |= view.find(conn, folder, sorted(buried - changed)).keys()
    return Delta(changed, removed - changed)


def _tell_group(
    conn: Connection, folder: Folder, epochs: Sequence[Epoch], revision: int, changed: set[str], removed: set[str]
) -> None:
    """Add the group card to what is told. `epochs` are those that did not end before the revision."""
    grouped = [each for each in epochs if each.grouped is not None]
    if folder.group is not None:
        before = any(each.opened <= revision for each in grouped)
        if not before or folder.group.revision > revision or folder.group.href in removed:
            changed.add(folder.group.href)
    elif grouped and not groups.is_taken(conn, folder.collection):
        removed.add(groups.identity(folder.collection)[0])


def _cards_since(conn: Connection, folder: Folder, epochs: Sequence[Epoch], revision: int) -> Delta:
    """`epochs` are those that did not end before the revision."""
    changed: set[str] = set()
    removed: set[str] = set()
    for part in chunks(_candidates(conn, folder, epochs, revision)):
        facts = _facts(conn, folder, part)
        for number, shown in spans.of_cards(conn, folder.collection.id, epochs, part).items():
            fact = facts[number]
            then = {each.manner for each in shown if each.holds(revision)}
            now = {each.manner for each in shown if each.end == OPEN}
            if now:
                if then != now or fact.revised > revision or fact.placed > revision:
                    changed.add(fact.href)
            elif any(each.end > max(revision, fact.placed) for each in shown):
                removed.add(fact.href)
    return Delta(changed, removed)


def _candidates(conn: Connection, folder: Folder, epochs: Sequence[Epoch], revision: int) -> list[int]:
    """The cards for which something can have happened after the revision."""
    same_all_along = all(each.opened <= revision and each.closed is None for each in epochs)
    if same_all_along and folder.shown.latest <= revision and not folder.shown.had_exceptions:
        # Whatever happens to a card, or to who sees it, is a revision of its audience.
        return []
    values = {
        "since": revision,
        "collection_id": folder.collection.id,
        "audiences": list({each.audience_id for each in epochs}),
    }
    return sorted((_TOUCHED if same_all_along else _EVER).column(conn, values))


def _facts(conn: Connection, folder: Folder, card_ids: Iterable[int]) -> dict[int, _Fact]:
    rows = _FACTS.all(conn, {"cards": list(card_ids), "collection_id": folder.collection.id})
    return {
        number: _Fact(revised, href if own is None else own, placed or 0) for number, revised, href, own, placed in rows
    }
