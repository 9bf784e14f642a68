# SPDX-License-Identifier: GPL-3.0-or-later
"""How what `verify` finds is mended, each in a unit of work. Imported by sync.verify.

The record is the truth; what stands in a card and is of no record stays in it, and a text that is replaced because
nobody can read it stands in the history.
"""

from collections.abc import Callable

from radicale_bcm.books import cards, items, membership, search_check, soundness
from radicale_bcm.books.search_check import Stale
from radicale_bcm.contacts.model import display_name
from radicale_bcm.sync import audience
from radicale_bcm.sync.project import Cause, project, refresh, shown_contact
from radicale_bcm.sync.unit import Unit

Mend = Callable[[Unit], None]
ACTION = "repaired"


def fault(mend: soundness.Mend) -> Mend:
    """What the state database itself can mend."""

    def run(unit: Unit) -> None:
        mend(unit.conn, lambda: unit.revision)
        audience.look_again(unit)

    return run


def index(stale: Stale) -> Mend:
    """Make a row of the search index anew."""

    def run(unit: Unit) -> None:
        search_check.rebuild(unit.conn, stale)

    return run


def item(collection_id: int, href: str) -> Mend:
    """Report a plain contact as changed, with the right ETag."""

    def run(unit: Unit) -> None:
        items.touch(unit.conn, collection_id, href, unit.revision, unit.at)

    return run


def card(record_id: str) -> Mend:
    """Let a card say what its record says, in a new version: whoever has the wrong one fetches it again."""

    def run(unit: Unit) -> None:
        record = unit.records().get(record_id, lock=True)
        before = cards.of_record(unit.conn, unit.origin.id, record_id)
        if before is None or record is None or record.deleted_at is not None:
            project(unit, unit.origin, record_id, record, cause=Cause(unit.actor, action=ACTION))
            return
        version = cards.highest_version(unit.conn, before.id, before.version)
        label = display_name(shown_contact(record, before.kept_values))[:255]
        cards.change(unit.conn, before, {"version": version, "label": label})
        cause = Cause(unit.actor, {"text_before": before.text}, record.fields, ACTION)
        after = project(unit, unit.origin, record_id, record, cause=cause)
        if after is not None:
            if after.revision != unit.revision:
                refresh(unit, after)
            audience.place(unit, after, record)

    return run


def place(record_id: str) -> Mend:
    """Let a card enter and leave audiences as its record passes their filters."""

    def run(unit: Unit) -> None:
        record = unit.records().get(record_id, lock=True)
        found = cards.of_record(unit.conn, unit.origin.id, record_id)
        if record is not None and found is not None and not found.gone:
            audience.place(unit, found, record)

    return run


def withdrawn(card_id: int) -> Mend:
    """Take a withdrawn card out of every audience."""

    def run(unit: Unit) -> None:
        found = cards.get(unit.conn, card_id)
        for each in membership.audiences_of(unit.conn, card_id) if found is not None and found.gone else ():
            membership.leave(unit.conn, each, [card_id], unit.revision)

    return run
