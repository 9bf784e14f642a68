# SPDX-License-Identifier: GPL-3.0-or-later
"""When a folder showed a business card: the epochs in which it showed an audience, cut by the card's stays in that
audience, without the times for which the card was excluded. Imported by the other modules of books; reads only."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from radicale_bcm.books.items import chunks
from radicale_bcm.books.membership import Epoch, Manner
from radicale_bcm.books.schema import exclusion, member
from radicale_bcm.database.prepared import Prepared

OPEN = 2**63
"""The end of what lasts."""


class Span(NamedTuple):
    """A folder showed a card in a manner from revision `start` on, and no longer at revision `end`."""

    start: int
    end: int
    manner: Manner

    def holds(self, revision: int) -> bool:
        """Whether the card was shown at this revision."""
        return self.start <= revision < self.end


_CARDS: Any = bindparam("cards", expanding=True)
_STAYS = Prepared(
    select(member.c.card_id, member.c.audience_id, member.c.entered, member.c.departed).where(
        member.c.card_id.in_(_CARDS), member.c.audience_id.in_(bindparam("audiences", expanding=True))
    ),
    "cards",
    "audiences",
)
_EXCLUDED = Prepared(
    select(exclusion.c.card_id, exclusion.c.entered, exclusion.c.departed).where(
        exclusion.c.card_id.in_(_CARDS), exclusion.c.collection_id == bindparam("collection_id")
    ),
    "cards",
)


def of_cards(
    conn: Connection, collection_id: int, epochs: Sequence[Epoch], card_ids: Iterable[int]
) -> dict[int, list[Span]]:
    """The spans in which a folder with these epochs showed each of the cards; cards without any are left out."""
    by_audience: dict[int, list[Epoch]] = {}
    for each in epochs:
        by_audience.setdefault(each.audience_id, []).append(each)
    found: dict[int, list[Span]] = {}
    for part in chunks(list(card_ids)):
        for number, audience_id, entered, departed in _STAYS.all(conn, {"cards": part, "audiences": list(by_audience)}):
            for epoch in by_audience[audience_id]:
                start, end = max(entered, epoch.opened), min(_end(departed), _end(epoch.closed))
                if start < end:
                    found.setdefault(number, []).append(Span(start, end, epoch.manner))
        for number, entered, departed in _EXCLUDED.all(conn, {"cards": part, "collection_id": collection_id}):
            if number in found:
                found[number] = [rest for span in found[number] for rest in _without(span, entered, _end(departed))]
    return {number: spans for number, spans in found.items() if spans}


def _end(revision: int | None) -> int:
    return OPEN if revision is None else revision


def _without(span: Span, start: int, end: int) -> list[Span]:
    pieces = (span._replace(end=min(span.end, start)), span._replace(start=max(span.start, end)))
    return [each for each in pieces if each.start < each.end]
