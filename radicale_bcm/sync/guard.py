# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound on mass deletes (C9): what one principal deletes beyond it is quarantined. Imported by the other modules
of sync, by cli and server.

A quarantined card is gone for the client that deleted it; its record stays, and so does everybody else's card, until
an administrator confirms the deletes or restores them.
"""

import logging
from collections.abc import Collection as Some
from datetime import datetime, timedelta
from typing import NamedTuple

from radicale_bcm.books import cards, collections, history, membership, setups, view
from radicale_bcm.books.cards import Card
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Subject
from radicale_bcm.books.items import chunks
from radicale_bcm.books.membership import Exclusion
from radicale_bcm.books.view import Folder
from radicale_bcm.sync import audience, tally
from radicale_bcm.sync.errors import NotThere
from radicale_bcm.sync.project import Cause, project
from radicale_bcm.sync.unit import Unit

logger = logging.getLogger("radicale")

KIND = "quarantine"
UNFOLLOW = "unfollow"
SHARE = 0.25
_COUNTED = ("deleted", "quarantined")


class Waiting(NamedTuple):
    """A delete that waits for an administrator: what, in whose folder, since when."""

    card: Card
    principal: str
    path: str
    at: datetime
    collection_id: int


def exceeded(unit: Unit, folder: Folder) -> bool:
    """Whether one more delete by this principal would be beyond the bound: `max_deletes` in the window, or a quarter
    of the folder as it was before, whichever is larger."""
    since = unit.at - timedelta(seconds=unit.options.deletes_window)
    done = history.count(unit.conn, unit.actor.name, _COUNTED, since)
    if done < unit.options.max_deletes:
        return False
    _, shown = view.counts(unit.conn, folder)
    return done >= max(unit.options.max_deletes, int((shown + done) * SHARE))


def quarantine(unit: Unit, folder: Folder, card: Card) -> None:
    """Take the card out of this folder only, and write down that the delete waits for an administrator."""
    _hide(unit, folder.collection, card, KIND, "quarantined")
    tally.count(tally.QUARANTINED)
    logger.warning(
        "%s deletes many business contacts at once (over %d in %d s): %r is quarantined; see `radicale-bcm status`",
        unit.actor.name,
        unit.options.max_deletes,
        unit.options.deletes_window,
        card.label,
    )


def unfollow(unit: Unit, collection: Collection, card: Card) -> None:
    """Take the card out of this folder only, for as long as the folder is synchronised."""
    _hide(unit, collection, card, UNFOLLOW, "unfollowed")


def _hide(unit: Unit, collection: Collection, card: Card, kind: str, action: str) -> None:
    membership.exclude(unit.conn, collection.id, card.id, kind, unit.revision, unit.at)
    collections.touch(unit.conn, collection.id, unit.revision, unit.at)
    write_down(unit, card, collection.path, action, {})


def write_down(unit: Unit, card: Card, path: str, action: str, note: dict[str, object]) -> None:
    """The history row of something that happened to a card in one folder only."""
    subject = Subject(card.label, card.origin_id, card.record_id, path, card.href)
    history.write(unit.conn, unit.revision, unit.at, unit.actor, action, subject, {}, note)


def waiting(unit: Unit, principal: str | None = None) -> list[Waiting]:
    """The deletes that wait, latest first; of one principal or of all."""
    found: list[Waiting] = []
    for each in setups.all_setups(unit.conn):
        if principal is not None and each.principal != principal:
            continue
        collection = None if each.collection_id is None else collections.by_id(unit.conn, each.collection_id)
        if collection is not None:
            found += _in_folder(unit, each.principal, collection)
    return sorted(found, key=lambda each: each.at, reverse=True)


def _in_folder(unit: Unit, principal: str, collection: Collection) -> list[Waiting]:
    excluded: list[Exclusion] = membership.exclusions(unit.conn, collection.id, KIND)
    found = ((each, cards.get(unit.conn, each.card_id)) for each in excluded)
    return [
        Waiting(card, principal, collection.path, each.at, collection.id) for each, card in found if card is not None
    ]


def confirm(unit: Unit, principal: str, only: Some[str] | None = None) -> list[Waiting]:
    """Carry out the deletes that wait, all or of these records. NotThere if there are none."""
    found = _chosen(unit, principal, only)
    for each in found:
        if each.card.origin_id == unit.origin.id:
            record = unit.records().get(each.card.record_id, lock=True)
            if record is not None and record.deleted_at is None:
                record = unit.records().soft_delete(each.card.record_id, by=principal, at=unit.at)
            cause = Cause(unit.actor, {"confirmed": principal})
            project(unit, unit.origin, each.card.record_id, record, cause=cause)
    release(unit, found)
    for each in found:
        collection = collections.by_id(unit.conn, each.collection_id)
        if each.card.origin_id != unit.origin.id and collection is not None:
            unfollow(unit, collection, each.card)  # its record is in a former database, which nothing touches any more
    return found


def restore(unit: Unit, principal: str, since: datetime | None = None) -> list[Waiting]:
    """Show the cards again whose delete waits, all or those deleted since a time."""
    found = [each for each in waiting(unit, principal) if since is None or each.at >= since]
    release(unit, found)
    for each in found:
        write_down(unit, each.card, each.path, "released", {"principal": principal})
    return found


def _chosen(unit: Unit, principal: str, only: Some[str] | None) -> list[Waiting]:
    found = [each for each in waiting(unit, principal) if only is None or each.card.record_id in only]
    if not found:
        raise NotThere(f"no deletes of {principal} are quarantined")
    return found


def release(unit: Unit, found: list[Waiting]) -> None:
    """End these quarantines; whatever shall become of them follows in the same unit of work."""
    for collection_id in {each.collection_id for each in found}:
        for part in chunks([each.card for each in found if each.collection_id == collection_id]):
            audience.readmit(unit, collection_id, KIND, part)


def show_again(unit: Unit, path: str, card: Card, kind: str) -> bool:
    """Let a folder show one card again that it leaves out for this reason. False if it does not leave it out."""
    collection = collections.get(unit.conn, path)
    if collection is None or card.id not in membership.excluded(unit.conn, collection.id, kind):
        return False
    audience.readmit(unit, collection.id, kind, [card])
    return True
