# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sees which card: audiences, the stays of cards in them, and the epochs in which a folder showed an audience.

Imported by sync and by view. All are intervals of revisions, open at the end while they last, so that a sync-token of
any age can be answered exactly: what was shown then, against what is shown now.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, exists, insert, or_, select, update

from radicale_bcm.books.items import chunks
from radicale_bcm.books.schema import alias, audience, epoch, exclusion, member
from radicale_bcm.database.prepared import Prepared


class Audience(NamedTuple):
    """A distinct (database, filter); `filters` are expressions with %me already bound."""

    id: int
    origin_id: int
    filters: list[str]
    active: bool
    revision: int


class Manner(NamedTuple):
    """How a folder shows cards: with which category, and which business fields, with commas between them."""

    category: str
    fields: str = ""


class Epoch(NamedTuple):
    """A folder showed an audience with a category from a revision on, until `closed` if that is set. With a group card
    `grouped` is the revision at which something but the audience changed it. `fields` are the business fields that its
    cards show, with commas between them.
    """

    id: int
    collection_id: int
    audience_id: int
    category: str
    opened: int
    closed: int | None
    grouped: int | None = None
    fields: str = ""

    @property
    def manner(self) -> Manner:
        """How the folder shows the cards."""
        return Manner(self.category, self.fields)


Stamp = frozenset[tuple[int, str]]

_AUDIENCE = select(audience.c.id, audience.c.origin_id, audience.c.filter, audience.c.active, audience.c.revision)
_EPOCHS = select(*(epoch.c[name] for name in Epoch._fields))
_OF_COLLECTION = _EPOCHS.where(epoch.c.collection_id == bindparam("collection_id"))
_EPOCHS_OF, _OPEN_EPOCHS = Prepared(_OF_COLLECTION), Prepared(_OF_COLLECTION.where(epoch.c.closed.is_(None)))
_STAYS_OF_CARD = Prepared(
    select(member.c.audience_id).where(member.c.card_id == bindparam("card_id"), member.c.departed.is_(None))
)
_ONE_AUDIENCE = Prepared(_AUDIENCE.where(audience.c.id == bindparam("id")))
_STAMP = Prepared(
    select(audience.c.id, audience.c.filter_key).where(
        audience.c.origin_id == bindparam("origin_id"), audience.c.active.is_(True)
    )
)
_ACTIVE = Prepared(_AUDIENCE.where(audience.c.origin_id == bindparam("origin_id"), audience.c.active.is_(True)))
_ENTER = insert(member)
_LEAVE = (
    update(member)
    .where(
        member.c.audience_id == bindparam("in_audience"),
        member.c.card_id == bindparam("of_card"),
        member.c.departed.is_(None),
    )
    .values(departed=bindparam("at_revision"))
)
_RAISED = update(audience).where(audience.c.id == bindparam("bumped")).values(revision=bindparam("new_revision"))
_BUMP = Prepared(_RAISED)
_MEMBERED = _RAISED.values(membered=bindparam("new_revision"))


def _made(row: Sequence[object]) -> Audience:
    number, origin_id, filters, active, revision = row
    return Audience(number, origin_id, json.loads(str(filters)), bool(active), revision)  # type: ignore[arg-type]


def _key(canonical: str) -> str:
    return sha256(canonical.encode()).hexdigest()


def find_audience(conn: Connection, origin_id: int, canonical: str) -> Audience | None:
    """The audience of a database and a filter in its canonical form."""
    found = _AUDIENCE.where(audience.c.origin_id == origin_id, audience.c.filter_key == _key(canonical))
    row = conn.execute(found).one_or_none()
    return _made(tuple(row)) if row else None


def get_audience(conn: Connection, audience_id: int) -> Audience:
    """The audience with this number."""
    return _made(_ONE_AUDIENCE.one(conn, {"id": audience_id}))


def active_audiences(conn: Connection, origin_id: int) -> list[Audience]:
    """The audiences whose membership follows the database."""
    return [_made(row) for row in _ACTIVE.all(conn, {"origin_id": origin_id})]


def active_stamp(conn: Connection, origin_id: int) -> Stamp:
    """Which audiences those are: the same stamp is the same audiences with the same filters."""
    return frozenset((number, key) for number, key in _STAMP.all(conn, {"origin_id": origin_id}))


def add_audience(conn: Connection, origin_id: int, filters: Sequence[str], canonical: str, revision: int) -> Audience:
    """Create an active audience without members."""
    values = {
        "origin_id": origin_id,
        "filter": json.dumps(list(filters), ensure_ascii=False),
        "filter_key": _key(canonical),
        "active": True,
        "revision": revision,
    }
    created = conn.execute(insert(audience), values).inserted_primary_key
    assert created is not None
    return Audience(created[0], origin_id, list(filters), True, revision)


def set_active(conn: Connection, audience_id: int, active: bool) -> None:
    """Whether the membership follows the database from now on."""
    conn.execute(update(audience).where(audience.c.id == audience_id).values(active=active))


def bump(conn: Connection, audience_ids: Iterable[int], revision: int) -> None:
    """Something that these audiences show changed at this revision."""
    for number in audience_ids:
        _BUMP.run(conn, {"bumped": number, "new_revision": revision})


def audiences_of(conn: Connection, card_id: int) -> set[int]:
    """The audiences that a card is in now."""
    return set(_STAYS_OF_CARD.column(conn, {"card_id": card_id}))


def stays(conn: Connection, card_ids: Iterable[int]) -> dict[int, set[int]]:
    """card -> the audiences that it is in now, of those that are in any."""
    found: dict[int, set[int]] = {}
    for part in chunks(list(card_ids)):
        wanted = select(member.c.card_id, member.c.audience_id).where(
            member.c.card_id.in_(part), member.c.departed.is_(None)
        )
        for card_id, audience_id in conn.execute(wanted):
            found.setdefault(card_id, set()).add(audience_id)
    return found


def members(conn: Connection, audience_id: int) -> set[int]:
    """The cards that an audience has now."""
    found = select(member.c.card_id).where(member.c.audience_id == audience_id, member.c.departed.is_(None))
    return set(conn.execute(found).scalars())


def enter(conn: Connection, audience_id: int, card_ids: Iterable[int], revision: int) -> None:
    """Cards that are not in the audience enter it."""
    rows = [{"audience_id": audience_id, "card_id": number, "entered": revision} for number in card_ids]
    for part in chunks(rows):
        conn.execute(_ENTER, list(part))
    if rows:
        conn.execute(_MEMBERED, {"bumped": audience_id, "new_revision": revision})


def leave(conn: Connection, audience_id: int, card_ids: Iterable[int], revision: int) -> None:
    """Cards leave the audience."""
    rows = [{"in_audience": audience_id, "of_card": number, "at_revision": revision} for number in card_ids]
    for part in chunks(rows):
        conn.execute(_LEAVE, list(part))
    if rows:
        conn.execute(_MEMBERED, {"bumped": audience_id, "new_revision": revision})


class Shown(NamedTuple):
    """The epochs of a folder: all, and those that it shows now, with the origin of each of these and the latest
    revision of their audiences; 0 without any. `has_exceptions` says that some cards stand in the folder at other hrefs
    than their own, or are left out; `had_exceptions` that there were such cards, or are."""

    ever: tuple[Epoch, ...] = ()
    now: tuple[Epoch, ...] = ()
    origins: tuple[int, ...] = ()
    latest: int = 0
    has_exceptions: bool = False
    had_exceptions: bool = False


_HERE: Any = bindparam("collection_id")
_RENAMED = exists().where(alias.c.collection_id == _HERE)
_EXCLUDED = exists().where(exclusion.c.collection_id == _HERE)
_SHOWN = Prepared(
    select(
        *(epoch.c[name] for name in Epoch._fields),
        audience.c.origin_id,
        audience.c.revision,
        or_(_RENAMED, _EXCLUDED.where(exclusion.c.departed.is_(None))),
        or_(_RENAMED, _EXCLUDED),
    )
    .join(audience, audience.c.id == epoch.c.audience_id)
    .where(epoch.c.collection_id == _HERE)
    .order_by(epoch.c.id)
)


def shown(conn: Connection, collection_id: int) -> Shown:
    """What a folder showed and shows."""
    rows = _SHOWN.all(conn, {"collection_id": collection_id})
    if not rows:
        return Shown()
    has_exceptions, had_exceptions = map(bool, rows[0][-2:])
    found = [(Epoch._make(own), origin, revision) for *own, origin, revision, _, _ in rows]
    now = [each for each in found if each[0].closed is None]
    return Shown(
        tuple(each[0] for each in found),
        tuple(each[0] for each in now),
        tuple(each[1] for each in now),
        max((revision for _, _, revision in now), default=0),
        has_exceptions,
        had_exceptions,
    )


def open_epochs(conn: Connection, collection_id: int) -> list[Epoch]:
    """What a folder shows now."""
    return [Epoch._make(row) for row in _OPEN_EPOCHS.all(conn, {"collection_id": collection_id})]


def epochs(conn: Connection, collection_id: int) -> list[Epoch]:
    """What a folder showed and shows."""
    return [Epoch._make(row) for row in _EPOCHS_OF.all(conn, {"collection_id": collection_id})]


def open_epoch(
    conn: Connection, collection_id: int, audience_id: int, manner: Manner, revision: int, *, grouped: bool
) -> None:
    """The folder shows the audience from this revision on, with or without a group card."""
    values = {
        "collection_id": collection_id,
        "audience_id": audience_id,
        "category": manner.category,
        "fields": manner.fields,
        "opened": revision,
        "grouped": revision if grouped else None,
    }
    conn.execute(insert(epoch), values)


def regroup(conn: Connection, collection_id: int, revision: int) -> None:
    """The group card of a folder, if it has one, changed by something that did not happen to an audience."""
    shown = (epoch.c.collection_id == collection_id, epoch.c.closed.is_(None), epoch.c.grouped.is_not(None))
    conn.execute(update(epoch).where(*shown).values(grouped=revision))


def close_epoch(conn: Connection, epoch_id: int, revision: int) -> None:
    """The folder shows the audience no longer."""
    conn.execute(update(epoch).where(epoch.c.id == epoch_id).values(closed=revision))


def unused_audiences(conn: Connection) -> list[int]:
    """The active audiences that no folder shows now."""
    shown = select(epoch.c.audience_id).where(epoch.c.closed.is_(None))
    unused = select(audience.c.id).where(audience.c.active.is_(True), audience.c.id.not_in(shown))
    return list(conn.execute(unused).scalars())


def exclude(conn: Connection, collection_id: int, card_id: int, kind: str, revision: int, at: datetime) -> None:
    """One folder shows the card no longer, although its audience has it."""
    values = {"collection_id": collection_id, "card_id": card_id, "kind": kind, "entered": revision, "at": at}
    conn.execute(insert(exclusion), values)
    regroup(conn, collection_id, revision)


def include(conn: Connection, collection_id: int, kind: str, revision: int, card_ids: Sequence[int] | None) -> int:
    """End exclusions of a kind, of all cards or of some. Returns how many."""
    ended = update(exclusion).where(
        exclusion.c.collection_id == collection_id, exclusion.c.kind == kind, exclusion.c.departed.is_(None)
    )
    if card_ids is not None:
        ended = ended.where(exclusion.c.card_id.in_(card_ids))
    count = int(conn.execute(ended.values(departed=revision)).rowcount)
    if count:
        regroup(conn, collection_id, revision)
    return count


def excluded(conn: Connection, collection_id: int, kind: str) -> list[int]:
    """Cards that a folder does not show now for a reason of this kind."""
    found = select(exclusion.c.card_id).where(
        exclusion.c.collection_id == collection_id, exclusion.c.kind == kind, exclusion.c.departed.is_(None)
    )
    return list(conn.execute(found).scalars())


class Exclusion(NamedTuple):
    """A card that a folder does not show, since when."""

    card_id: int
    entered: int
    at: datetime


def exclusions(conn: Connection, collection_id: int, kind: str) -> list[Exclusion]:
    """The same with their times, in their order."""
    found = select(exclusion.c.card_id, exclusion.c.entered, exclusion.c.at).where(
        exclusion.c.collection_id == collection_id, exclusion.c.kind == kind, exclusion.c.departed.is_(None)
    )
    return [Exclusion._make(row) for row in conn.execute(found.order_by(exclusion.c.id))]


def collections_showing(conn: Connection, audience_id: int) -> list[int]:
    """The folders that show the audience now."""
    found = select(epoch.c.collection_id).where(epoch.c.audience_id == audience_id, epoch.c.closed.is_(None))
    return list(conn.execute(found).scalars())
