# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound on mass deletes (C9): what one principal deletes beyond it is quarantined. Imported by the other modules
of sync, by cli and server.

A quarantined card is gone for the client that deleted it; its record stays, and so does everybody else's card, until
an administrator confirms the deletes or restores them.
"""

import logging
from datetime import timedelta

from radicale_bcm.books import cards, collections, history, membership, setups, view
from radicale_bcm.books.history import Subject
from radicale_bcm.books.view import Folder
from radicale_bcm.sync import audience
from radicale_bcm.sync.errors import NotThere
from radicale_bcm.sync.project import Cause, project
from radicale_bcm.sync.unit import Unit

logger = logging.getLogger("radicale")

KIND = "quarantine"
SHARE = 0.25


def bound(unit: Unit, folder: Folder, done: int) -> int:
    """How many business cards one principal may delete in the window: `max_deletes`, or a quarter of the folder as
    it was before."""
    _, shown = view.counts(unit.conn, folder)
    return max(unit.options.max_deletes, int((shown + done) * SHARE))


def exceeded(unit: Unit, folder: Folder) -> bool:
    """Whether one more delete by this principal would be beyond the bound."""
    since = unit.at - timedelta(seconds=unit.options.deletes_window)
    done = history.count(unit.conn, unit.actor.name, ("deleted", "quarantined"), since)
    return done >= bound(unit, folder, done)


def quarantine(unit: Unit, folder: Folder, card: cards.Card) -> None:
    """Take the card out of this folder only, and write down that the delete waits for an administrator."""
    membership.exclude(unit.conn, folder.collection.id, card.id, KIND, unit.revision, unit.at)
    collections.touch(unit.conn, folder.collection.id, unit.revision, unit.at)
    subject = Subject(card.label, card.origin_id, card.record_id, folder.collection.path, card.href)
    history.write(unit.conn, unit.revision, unit.at, unit.actor, "quarantined", subject, {})
    logger.warning(
        "%s deletes more than %d business contacts: %r is quarantined, see `radicale-bcm status`",
        unit.actor.name,
        unit.options.max_deletes,
        card.label,
    )


def quarantined(unit: Unit, principal: str) -> list[cards.Card]:
    """The cards whose delete by this principal waits."""
    setup = setups.of_principal(unit.conn, principal)
    if setup is None or setup.collection_id is None:
        return []
    found = (cards.get(unit.conn, each) for each in membership.excluded(unit.conn, setup.collection_id, KIND))
    return [each for each in found if each is not None]


def confirm(unit: Unit, principal: str) -> list[cards.Card]:
    """Carry out the deletes that wait. NotThere if there are none."""
    waiting = _waiting(unit, principal)
    for card in waiting:
        record = unit.records().get(card.record_id, lock=True)
        if record is not None and record.deleted_at is None:
            record = unit.records().soft_delete(card.record_id, by=principal, at=unit.at)
        project(unit, unit.origin, card.record_id, record, cause=Cause(unit.actor))
    _release(unit, principal, waiting)
    return waiting


def restore(unit: Unit, principal: str) -> list[cards.Card]:
    """Show the cards again whose delete waits. NotThere if there are none."""
    waiting = _waiting(unit, principal)
    _release(unit, principal, waiting)
    return waiting


def _waiting(unit: Unit, principal: str) -> list[cards.Card]:
    waiting = quarantined(unit, principal)
    if not waiting:
        raise NotThere(f"no deletes of {principal} are quarantined")
    return waiting


def _release(unit: Unit, principal: str, waiting: list[cards.Card]) -> None:
    setup = setups.of_principal(unit.conn, principal)
    if setup is not None and setup.collection_id is not None:
        audience.readmit(unit, setup.collection_id, KIND, waiting)
