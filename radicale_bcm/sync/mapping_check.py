# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the business databases that are known can be used, and whether a mapping fits its tables. Imported by cli
and sync.checking. Nothing is kept of what is tried out."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy import Connection

from radicale_bcm.books import cards, setups
from radicale_bcm.books.setups import Origin
from radicale_bcm.business import mapping as mappings
from radicale_bcm.business.contract import Record, RecordError
from radicale_bcm.business.mapped import MappedDatabase
from radicale_bcm.business.mapped_records import MappedRecords
from radicale_bcm.business.mapped_tables import Tables
from radicale_bcm.business.mapped_types import Types
from radicale_bcm.business.mapping_file import InvalidMapping, read_file
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.model import display_name
from radicale_bcm.database.engine import transaction
from radicale_bcm.database.errors import DatabaseError, url_safe
from radicale_bcm.sync import databases, losses, records
from radicale_bcm.sync.unit import Site, Unit

SAMPLES = 3


class Remark(NamedTuple):
    """What was found: `level` is ok, advice or problem."""

    name: str
    level: str
    message: str


def remarks(site: Site) -> Iterator[Remark]:
    """What there is to say of every database that is known."""
    with site.read() as conn:
        known = databases.listed(conn)
        current = setups.current_origin(conn)
        waiting = losses.all_waiting(conn, current) if current else []
    for loss in waiting:
        message = f"{loss.missing} of {loss.shown} contacts are missing or left a filter: see `radicale-bcm status`"
        yield Remark("business database", "problem", message)
    if current and site.options.database_url not in {each.url for each in known}:
        message = f"bcm_database_url is only where the first database was; the current one is {current.name}"
        yield Remark("business database", "advice", message)
    for each in known:
        name = f"database {each.name}"
        try:
            yield from (each_one._replace(name=name) for each_one in _of(site, each))
        except DatabaseError as error:
            # The current one is looked at by the caller, who tells what that means.
            if not each.current:
                yield Remark(name, "advice", f"cannot be used now: {error}")


def _of(site: Site, origin: Origin) -> Iterator[Remark]:
    business = site.business(origin)
    if origin.mapping is None or not isinstance(business, MappedDatabase):
        if not origin.current:
            with business.reader():
                yield Remark("", "ok", f"{url_safe(origin.url)} can be read")
        return
    try:
        mapping = read_file(origin.mapping)
    except (InvalidMapping, OSError) as error:
        yield Remark("", "problem", str(error))
        return
    with transaction(business.engine, write=False) as connection:
        tables = Tables(connection, mapping)
        for missing in tables.missing:
            yield Remark("", "problem", f"mapping {origin.mapping}: {missing}")
        if tables.missing:
            return
        yield from _of_mapping(connection, mapping, tables)
    with business.reader() as source:
        yield Remark("", "ok", f"{source.count()} contacts")
        for each in source.find(limit=SAMPLES):
            yield Remark("", "ok", f"contact {each.id} becomes this card:\n{_card(each)}")
    if not origin.current and mapping.write:
        # The current one is tried out by the caller, with its cards.
        wrong = _dry_run(business)
        yield Remark("", "problem" if wrong else "ok", wrong or "a contact was added, changed, deleted and rolled back")


def _card(record: Record) -> str:
    """The card of a record as somebody without a set-up of their own would get it, for people to read."""
    lines = codec.ServerLines(uid=record.uid, version=1, record_id=record.id)
    return codec.render(None, record.fields, lines).text.replace("\r\n ", "").replace("\r\n", "\n").rstrip()


class _Undone(Exception):
    """Rolls back what was tried."""


def _dry_run(business: MappedDatabase) -> str | None:
    """Add, read, edit, delete and restore a contact in the tables, and roll it back. What went wrong, if anything."""
    wrong = None
    with suppress(_Undone), business.writer() as source:
        try:
            wrong = _tried(source)
        except RecordError as error:
            wrong = str(error)
        raise _Undone
    return wrong


def _tried(source: MappedRecords) -> str | None:
    wanted = _wanted(source)
    if not display_name(wanted):
        return _NAMELESS
    added = source.insert(wanted)
    wrong = _differing(source, added.id, wanted)
    changed = _changeable(wanted)
    if wrong or not changed:
        return wrong
    source.update(added.id, {changed: "Changed"}, added.version)
    wrong = _differing(source, added.id, wanted | {changed: "Changed"})
    if wrong or source.mapping.deleted is None:
        return wrong
    if source.soft_delete(added.id).deleted_at is None or source.restore(added.id).deleted_at is not None:
        return "a row that was deleted and restored does not say so"
    return _differing(source, added.id, wanted | {changed: "Changed"})


def _of_mapping(connection: Connection, mapping: mappings.Mapping, tables: Tables) -> Iterator[Remark]:
    types = Types(tables)
    misfits = [] if connection.dialect.name == "sqlite" else list(types.misfits())
    for each in misfits:
        yield Remark("", "problem", f"mapping {mapping.name}: {each}")
    fields, writable = len(mapping.field_names), len(mapping.writable)
    looked = f", {len(types.looked_at)} columns are there and of the right types" if types.looked_at else ""
    if not misfits:
        yield Remark("", "ok", f"mapping {mapping.name}: {fields} fields, {writable} of them can be written{looked}")
    if mapping.modified is None:
        message = "the mapping names no column that says when a row changed: a change is seen by the key scan at best"
        yield Remark("", "advice", message)
    if mapping.write and mapping.deleted is None:
        yield Remark("", "advice", "the mapping names no flag for deleted rows: contacts cannot be deleted from here")
    short = [f"{name} ({length})" for name, length in types.shorter()]
    if short:
        message = f"columns that are shorter than usual, longer values stay in the card: {', '.join(short)}"
        yield Remark("", "ok", message)
    for table in tables.without_transactions(connection) if mapping.write else ():
        message = f'table {table} knows no transactions, a write that fails halfway stays: write = "read_only"'
        yield Remark("", "problem", message)


_SAMPLES = {
    "text": "Ångström",
    "multiline": "First line\nsecond line",
    "date": "1980-05-17",
    "yesno": "true",
    "number": "3",
}


def _sample(name: str, number: int) -> str:
    """A value for a field, another one for each of a kind that may be in one list."""
    if name.startswith("email"):
        return f"{name}@example.com"
    text = _SAMPLES[BY_NAME[name].kind]
    return f"{text} {number}" if BY_NAME[name].kind == "text" else text


def round_trip(unit: Unit) -> str | None:
    """Add, show, edit and delete a contact through a mapping; the caller's unit fails, so nothing stays. What went
    wrong, if anything."""
    source = unit.records()
    assert isinstance(source, MappedRecords)
    if source.read_only:
        return None
    wanted = _wanted(source)
    if not display_name(wanted):
        return _NAMELESS
    added = records.add(unit, wanted)
    wrong = _differing(source, added.id, wanted)
    if wrong:
        return wrong
    changed = _changeable(wanted)
    if changed:
        edited = records.edit(unit, added.id, {changed: "Changed"})
        if edited.fields.get(changed) != "Changed":
            return f"a change of {changed} does not arrive"
    card = cards.of_record(unit.conn, unit.origin.id, added.id)
    if card is None or codec.read(card.text).get("email", "") != wanted.get("email", ""):
        return "the card does not show what the record says"
    if source.mapping.deleted is not None:
        records.delete(unit, added.id)
        gone = cards.of_record(unit.conn, unit.origin.id, added.id)
        if gone is None or not gone.gone:
            return "the card of a deleted record stays"
    return None


_NAMELESS = "no field that names a contact can be written"


def _wanted(source: MappedRecords) -> dict[str, str]:
    """A value for every field that takes one."""
    wanted = {name: _sample(name, number) for number, name in enumerate(sorted(source.mapping.writable))}
    refused = source.refusals(wanted)
    return {name: value for name, value in wanted.items() if name not in refused}


def _changeable(wanted: Mapping[str, str]) -> str | None:
    return next((name for name in wanted if BY_NAME[name].kind == "text" and name not in ("name", "email")), None)


def _differing(source: MappedRecords, record_id: str, wanted: Mapping[str, str]) -> str | None:
    stored = source.get(record_id)
    if stored is None:
        return "a new row is no contact by the mapping's own conditions (`where`)"
    differing = [name for name, value in wanted.items() if stored.fields.get(name) != value]
    return f"the tables do not give back what was written to {', '.join(differing)}" if differing else None
