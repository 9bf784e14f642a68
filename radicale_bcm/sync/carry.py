# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the contacts of a business database along into another one, and the bonds by which they find back.

Imported by sync.switch only. Records are written in batches before the switch itself; what was written is kept in the
state as pairs, so that a run after an interruption goes on where the first one ended.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection

from radicale_bcm.books import cards, history, origins, setups
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import Subject
from radicale_bcm.books.setups import Origin
from radicale_bcm.business.accounts import Accounts
from radicale_bcm.business.contract import DEFAULT_TYPE, DuplicateUid, Record, RecordSource
from radicale_bcm.business.record_types import InvalidType, add_type, list_types
from radicale_bcm.business.records import Records
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.model import display_name
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync.unit import Unit


class Pair(NamedTuple):
    """A contact that was taken along: its record there, how both stood then, and the values that did not fit."""

    record_id: str
    version: str
    former_version: str
    inserted: bool
    unfit: dict[str, str]


# Pairs


def _pairs_of(former: Origin, target: Origin) -> str:
    return f"carried {former.id} {target.id} "


def pairs(conn: Connection, former: Origin, target: Origin) -> dict[str, Pair]:
    """What was taken along until now, by the former record's id."""
    stored = origins.settings_from(conn, _pairs_of(former, target))
    return {number: Pair(*values) for each in stored.values() for number, values in json.loads(each).items()}


def _keep_pairs(conn: Connection, former: Origin, target: Origin, some: Mapping[str, Pair]) -> None:
    prefix = _pairs_of(former, target)
    number = len(origins.settings_from(conn, prefix))
    setups.set_setting(conn, f"{prefix}{number:06}", json.dumps(some))


def forget_pairs(conn: Connection, former: Origin, target: Origin) -> None:
    """The switch is done."""
    for name in origins.settings_from(conn, _pairs_of(former, target)):
        origins.forget_setting(conn, name)


# Bonds


def bonds(conn: Connection, origin: Origin) -> dict[str, int]:
    """Cards of other databases that were cards of this one before they were taken along, by their record here."""
    stored = origins.settings_from(conn, f"bonds {origin.id} ")
    return {record_id: card_id for each in stored.values() for record_id, card_id in json.loads(each).items()}


def keep_bonds(conn: Connection, origin: Origin, some: Mapping[str, int]) -> None:
    """Remember whose cards were taken along from a database."""
    if some:
        number = len(origins.settings_from(conn, f"bonds {origin.id} "))
        setups.set_setting(conn, f"bonds {origin.id} {number:06}", json.dumps(some))


def forget_bonds(conn: Connection, origin: Origin) -> None:
    """They found back."""
    for name in origins.settings_from(conn, f"bonds {origin.id} "):
        origins.forget_setting(conn, name)


# Records


def take(unit: Unit, former: Origin, target: Origin, record_ids: Sequence[str]) -> dict[str, Pair]:
    """Insert these records of the former database into the other one, unless it has their UID already: that one then
    keeps its values, and gets those that it lacks. Deleted records stay behind."""
    known = pairs(unit.conn, former, target)
    found = sources(unit, former, [each for each in record_ids if each not in known])
    there = unit.records(target)
    taken: dict[str, Pair] = {}
    for record in found.values():
        if record.deleted_at is None:
            taken[record.id] = _take(unit, former, there, record)
    if taken:
        _keep_pairs(unit.conn, former, target, taken)
        _write_history(unit, target, found, taken)
    return taken


def sources(unit: Unit, former: Origin, record_ids: Iterable[str]) -> dict[str, Record]:
    """The records of the former database; where it cannot be read any more, what their cards say."""
    wanted = list(record_ids)
    try:
        return unit.records(former).get_many(wanted)
    except DatabaseError:
        known = cards.of_records(unit.conn, former.id, wanted)
        return {number: _from_card(card) for number, card in known.items() if not card.gone}


def _from_card(card: Card) -> Record:
    fields = codec.read(card.text)
    if card.categories:
        fields["category"] = card.categories
    return Record(card.record_id, card.uid, DEFAULT_TYPE, card.record_version, fields, card.modified, card.modified)


def _take(unit: Unit, former: Origin, there: RecordSource, record: Record) -> Pair:
    # Not random: what a killed run inserted is recognised by the next one.
    own = str(uuid5(NAMESPACE_URL, f"urn:uuid:{former.identity}/{record.id}"))
    for uid in (record.uid, own):
        known = there.get_by_uid(uid, lock=True) if uid else None
        if known is not None and known.deleted_at is None:
            return _complete(there, known, record)
    kind = _type_in(unit, former, there, record.type)
    fields = {name: value for name, value in record.fields.items() if value}
    unfit = {name: fields.pop(name) for name in there.refusals(fields, kind)}
    if unfit.keys() & {"given_name", "family_name"}:
        fields.setdefault("name", display_name(record.fields))
    same = None if isinstance(there, Records) else _same_contact(there, fields)
    if same is not None:
        return Pair(same.id, same.version, record.version, False, unfit)
    if isinstance(there, Records) and fields.get("company"):
        Accounts(there.connection).find_or_insert(fields["company"])
    try:
        stored = there.insert(fields, uid=record.uid or own, record_type=kind, at=unit.at)
    except DuplicateUid:  # of a record that was deleted there
        stored = there.insert(fields, uid=own, record_type=kind, at=unit.at)
    return Pair(stored.id, stored.version, record.version, True, unfit)


def _same_contact(there: RecordSource, fields: Mapping[str, str]) -> Record | None:
    """Where no column keeps UIDs: a contact that says all of this already, as a killed run leaves one behind."""
    columns = there.columns()
    known = [columns[name] == value for name, value in fields.items() if name in columns]
    found = there.find(reduce(and_, known)) if known else iter(())
    return next((each for each in found if fields.items() <= each.fields.items()), None)


def _complete(there: RecordSource, known: Record, record: Record) -> Pair:
    lacking = {name: value for name, value in record.fields.items() if value and not known.fields.get(name)}
    # A name that is made up from its parts is none of its own.
    lacking.pop("name", None)
    unfit = there.refusals(lacking, known.type)
    lacking = {name: value for name, value in lacking.items() if name not in unfit}
    stored = there.update(known.id, lacking, known.version) if lacking else known
    return Pair(stored.id, stored.version, record.version, False, {})


def _type_in(unit: Unit, former: Origin, there: RecordSource, name: str) -> str:
    """The record's type there: a type that is defined here alone is defined there too, if it can be."""
    here = unit.records(former) if name != DEFAULT_TYPE else None
    if not isinstance(here, Records) or not isinstance(there, Records):
        return DEFAULT_TYPE
    known, defined = list_types(there.connection), list_types(here.connection)
    if name in known:
        return name if known[name].is_person else DEFAULT_TYPE
    own = defined.get(name)
    if own is None or not own.is_person:
        return DEFAULT_TYPE
    try:
        return add_type(there.connection, name, DEFAULT_TYPE, own.fields).name
    except InvalidType:
        return DEFAULT_TYPE


def catch_up(unit: Unit, former: Origin, target: Origin, taken: dict[str, Pair]) -> None:
    """Bring over what changed in the former database after a record was taken along, unless it changed there too."""
    now = sources(unit, former, [number for number, pair in taken.items() if pair.inserted])
    there = unit.records(target)
    stale = {number: taken[number] for number, record in now.items() if record.version != taken[number].former_version}
    found = there.get_many([pair.record_id for pair in stale.values()])
    for number, pair in stale.items():
        record = found.get(pair.record_id)
        if record is None or record.version != pair.version or record.deleted_at is not None:
            continue
        names = {*record.fields, *now[number].fields} - pair.unfit.keys()
        wanted = {name: now[number].fields.get(name, "") for name in names}
        changes = {name: value for name, value in wanted.items() if value != record.fields.get(name, "")}
        changes = {name: value for name, value in changes.items() if name not in there.refusals(changes, record.type)}
        if changes:
            there.update(record.id, changes, record.version)


def _write_history(unit: Unit, target: Origin, found: Mapping[str, Record], taken: Mapping[str, Pair]) -> None:
    rows = []
    for number, pair in taken.items():
        fields = found[number].fields
        subject = Subject(display_name(fields), target.id, pair.record_id)
        changes = {name: ("", value) for name, value in fields.items()} if pair.inserted else {}
        note = {"from_record": number, "refused": pair.unfit}
        rows.append(history.row(unit.revision, unit.at, unit.actor, "imported", subject, changes, note))
    history.write_many(unit.conn, rows)
