# SPDX-License-Identifier: GPL-3.0-or-later
"""What folders show of a business database, as a whole: what a switch to another one has to deal with.

Imported by sync. Every function works in the caller's transaction and commits nothing.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select, update

from radicale_bcm.books import indexing, membership
from radicale_bcm.books.items import chunks
from radicale_bcm.books.membership import Epoch
from radicale_bcm.books.schema import audience, card, epoch, exclusion, member, setting

_SHOWN = (
    select(card.c.record_id, card.c.id)
    .join(member, member.c.card_id == card.c.id)
    .where(
        card.c.origin_id == bindparam("origin_id"),
        member.c.departed.is_(None),
        member.c.audience_id.in_(select(epoch.c.audience_id).where(epoch.c.closed.is_(None))),
    )
)
_EPOCHS = (
    select(*(epoch.c[name] for name in Epoch._fields))
    .join(audience, audience.c.id == epoch.c.audience_id)
    .where(audience.c.origin_id == bindparam("origin_id"), epoch.c.closed.is_(None))
    .order_by(epoch.c.id)
)
_MOVE = (
    update(card)
    .where(card.c.id == bindparam("card_id"))
    .values(
        origin_id=bindparam("to_origin"),
        record_id=bindparam("to_record"),
        record_version="",
        revision=bindparam("at_revision"),
    )
)


def shown(conn: Connection, origin_id: int) -> dict[str, int]:
    """The cards of an origin that any folder shows now, by record id."""
    return {row[0]: row[1] for row in conn.execute(_SHOWN, {"origin_id": origin_id})}


def open_epochs(conn: Connection, origin_id: int) -> list[Epoch]:
    """The epochs in which folders show audiences of an origin now."""
    return [Epoch._make(row) for row in conn.execute(_EPOCHS, {"origin_id": origin_id})]


def quarantines(conn: Connection) -> int:
    """How many deletes wait for an administrator, in all folders."""
    waiting = select(func.count()).where(exclusion.c.kind == "quarantine", exclusion.c.departed.is_(None))
    return int(conn.execute(waiting).scalar_one())


def count(conn: Connection, origin_id: int) -> int:
    """How many cards of an origin are known, those of deleted records included."""
    return int(conn.execute(select(func.count()).where(card.c.origin_id == origin_id)).scalar_one())


def was_ever_shown(conn: Connection, card_ids: Iterable[int]) -> set[int]:
    """Those of the cards that were ever in an audience."""
    found: set[int] = set()
    for part in chunks(list(card_ids)):
        found.update(conn.execute(select(member.c.card_id).where(member.c.card_id.in_(part)).distinct()).scalars())
    return found


def move_cards(conn: Connection, origin_id: int, records: Mapping[int, str], revision: int) -> None:
    """Make cards (by number) the cards of other records, of an origin; they leave the audiences that they are in.

    Place, UID, past texts and exclusions stay; their text is still that of the former record.
    """
    for part in chunks(list(records)):
        _leave_audiences(conn, part, revision)
        known = select(card.c.id, card.c.origin_id, card.c.text, card.c.categories).where(card.c.id.in_(part))
        found = conn.execute(known).all()
        for former in {row[1] for row in found}:
            indexing.drop_cards(conn, former, [row[0] for row in found if row[1] == former])
        at = {"to_origin": origin_id, "at_revision": revision}
        conn.execute(_MOVE, [at | {"card_id": number, "to_record": records[number]} for number in part])
        indexing.put_cards(conn, origin_id, {row[0]: (row[2], row[3]) for row in found})


def _leave_audiences(conn: Connection, card_ids: Sequence[int], revision: int) -> None:
    stays = select(member.c.audience_id, member.c.card_id)
    here = conn.execute(stays.where(member.c.card_id.in_(card_ids), member.c.departed.is_(None))).all()
    for audience_id in {row[0] for row in here}:
        membership.leave(conn, audience_id, [row[1] for row in here if row[0] == audience_id], revision)


def forget_setting(conn: Connection, name: str) -> None:
    """Remove a single value."""
    conn.execute(delete(setting).where(setting.c.name == name))


def settings_from(conn: Connection, prefix: str) -> dict[str, str]:
    """The single values whose name begins so. '0' to '9' follow in the prefix's place: no LIKE, nothing to escape."""
    found = select(setting.c.name, setting.c.value).where(setting.c.name >= prefix, setting.c.name < prefix + "\x7f")
    return {row[0]: row[1] for row in conn.execute(found.order_by(setting.c.name))}


def excluded(conn: Connection, collection_id: int, origin_id: int, kind: str) -> list[int]:
    """Cards of an origin that a folder does not show now for a reason of this kind."""
    found = (
        select(exclusion.c.card_id)
        .join(card, card.c.id == exclusion.c.card_id)
        .where(
            exclusion.c.collection_id == collection_id,
            card.c.origin_id == origin_id,
            exclusion.c.kind == kind,
            exclusion.c.departed.is_(None),
        )
    )
    return list(conn.execute(found).scalars())
