# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether everything between the business database and a card works, tried out and rolled back. Imported by cli."""

from radicale_bcm.books import cards
from radicale_bcm.business.mapped_records import MappedRecords
from radicale_bcm.contacts.card import read
from radicale_bcm.sync import mapping_check, records
from radicale_bcm.sync.unit import Unit

_SAMPLE = {
    "given_name": "Zoë",
    "family_name": "Ångström-王",
    "email": "check@example.com",
    "mobile_phone": "+1 425 555 0100",
    "birthday": "1980-05-17",
    "note": "Written by a check; if you can read this, a roll-back failed.",
}


def round_trip(unit: Unit) -> str | None:
    """Add, show, edit and delete a contact, and let the unit fail so that nothing stays. What went wrong, if anything.

    The names have letters that a database with the wrong character set would lose.
    """
    unit.failed = True
    if isinstance(unit.records(), MappedRecords):
        return mapping_check.round_trip(unit)
    added = records.add(unit, _SAMPLE)
    stored = unit.records().get(added.id)
    if stored is None or {name: stored.fields.get(name) for name in _SAMPLE} != _SAMPLE:
        return "the database does not give back what was written into it; is its character set UTF-8?"
    records.edit(unit, added.id, {"note": "", "job_title": "Inspector"})
    card = cards.of_record(unit.conn, unit.origin.id, added.id)
    shown = read(card.text) if card else {}
    expected = {name: value for name, value in _SAMPLE.items() if name != "note"} | {"job_title": "Inspector"}
    if shown != expected:
        return "the card does not show what the record says"
    records.delete(unit, added.id)
    gone = cards.of_record(unit.conn, unit.origin.id, added.id)
    return None if gone is not None and gone.gone else "the card of a deleted record stays"
