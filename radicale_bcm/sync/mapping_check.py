# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the business databases that are known can be used, and whether a mapping fits its tables. Imported by cli
and sync.checking. Nothing is kept of what is tried out."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from radicale_bcm.books import cards, setups
from radicale_bcm.books.setups import Origin
from radicale_bcm.business.mapped import MappedDatabase
from radicale_bcm.business.mapped_records import MappedRecords
from radicale_bcm.business.mapped_tables import Tables
from radicale_bcm.business.mapping import Mapping
from radicale_bcm.business.mapping_file import InvalidMapping, read_file
from radicale_bcm.contacts.card import read
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
        lost = losses.of(conn, current) if current else None
    if lost is not None:
        message = f"{lost.missing} of {lost.shown} contacts are missing: see `radicale-bcm status`"
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
        found = [display_name(each.fields) or each.id for each in source.find(limit=SAMPLES)]
        samples = f", such as {', '.join(found)}" if found else ""
        yield Remark("", "ok", f"{source.count()} contacts{samples}")


def _of_mapping(connection: Connection, mapping: Mapping, tables: Tables) -> Iterator[Remark]:
    fields = sorted(mapping.field_names)
    writable = len(mapping.writable)
    yield Remark("", "ok", f"mapping {mapping.name}: {len(fields)} fields, {writable} of them can be written")
    if mapping.modified is None:
        message = "the mapping names no column that says when a row changed: a change is seen by the key scan at best"
        yield Remark("", "advice", message)
    if mapping.write and mapping.deleted is None:
        yield Remark("", "advice", "the mapping names no flag for deleted rows: contacts cannot be deleted from here")
    short = [f"{name} ({length})" for name, length in _shorter(mapping, tables)]
    if short:
        message = f"columns that are shorter than usual, longer values stay in the card: {', '.join(short)}"
        yield Remark("", "ok", message)
    for table in tables.without_transactions(connection) if mapping.write else ():
        message = f'table {table} knows no transactions, a write that fails halfway stays: write = "read_only"'
        yield Remark("", "problem", message)


def _shorter(mapping: Mapping, tables: Tables) -> Iterator[tuple[str, int]]:
    for name, field in sorted(mapping.fields.items()):
        length, usual = tables.length(mapping.table, field.columns[0]), BY_NAME[name].length
        if length is not None and usual is not None and length < usual:
            yield name, length


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
    wanted = {name: _sample(name, number) for number, name in enumerate(sorted(source.mapping.writable))}
    wanted = {name: value for name, value in wanted.items() if name not in source.refusals(wanted)}
    if not display_name(wanted):
        return "no field that names a contact can be written"
    added = records.add(unit, wanted)
    stored = source.get(added.id)
    if stored is None:
        return "a new row is no contact by the mapping's own conditions (`where`)"
    differing = [name for name, value in wanted.items() if stored.fields.get(name) != value]
    if differing:
        return f"the tables do not give back what was written to {', '.join(differing)}"
    changed = next((name for name in wanted if BY_NAME[name].kind == "text" and name not in ("name", "email")), None)
    if changed:
        edited = records.edit(unit, added.id, {changed: "Changed"})
        if edited.fields.get(changed) != "Changed":
            return f"a change of {changed} does not arrive"
    card = cards.of_record(unit.conn, unit.origin.id, added.id)
    if card is None or read(card.text).get("email", "") != wanted.get("email", ""):
        return "the card does not show what the record says"
    if source.mapping.deleted is not None:
        records.delete(unit, added.id)
        gone = cards.of_record(unit.conn, unit.origin.id, added.id)
        if gone is None or not gone.gone:
            return "the card of a deleted record stays"
    return None
