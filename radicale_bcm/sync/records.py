# SPDX-License-Identifier: GPL-3.0-or-later
"""Business records by hand: find, add, edit and delete them. Imported by cli and server.

The card follows in the same unit of work, so that the history knows who did it. Unlike an edit from a phone, a value
that does not fit is an error here, and nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from radicale_bcm.books import history
from radicale_bcm.books.history import Subject
from radicale_bcm.business.accounts import Account, Accounts
from radicale_bcm.business.contract import ACCOUNT_TYPE, DEFAULT_TYPE, Record, RecordSource, Unfit
from radicale_bcm.business.record_types import RecordType
from radicale_bcm.business.record_types import add_type as define_type
from radicale_bcm.business.records import Records
from radicale_bcm.business.schema import ACCOUNT_FIELDS
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.filters import parse_filters
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.database.types import yes_no
from radicale_bcm.sync import vocabulary
from radicale_bcm.sync.candidates import EMAILS
from radicale_bcm.sync.errors import Conflict, Invalid, NotThere
from radicale_bcm.sync.project import Cause, project
from radicale_bcm.sync.unit import Site, Unit
from radicale_bcm.sync.vocabulary import meta

_MOST_NAMED = 5

Note = Mapping[str, Any] | None

record_types = vocabulary.record_types


def add(
    unit: Unit,
    fields: Mapping[str, str],
    record_type: str = DEFAULT_TYPE,
    *,
    uid: str | None = None,
    template: str | None = None,
) -> Record:
    """A new record with its card. A company that is no account yet becomes one.

    `template` is a card whose other lines, such as a photo, go into the card of the record. Invalid names the field
    and the reason; UnknownType, DuplicateUid.
    """
    given = {name: value for name, value in _tidy(unit.records(), fields).items() if value}
    _refuse_unfit(unit.records(), given, record_type)
    if not display_name(given):
        raise Invalid("a contact needs a name, a company or an e-mail address, such as given_name=Nick")
    _open_account(unit, given.get("company", ""))
    record = unit.records().insert(given, uid=uid, record_type=record_type, at=unit.at)
    project(unit, unit.origin, record.id, record, cause=Cause(unit.actor), template=template)
    return record


def edit(unit: Unit, record_id: str, changes: Mapping[str, str], *, action: str = "", note: Note = None) -> Record:
    """Change the given fields ("" empties one) of a record and its card. NotThere, Conflict, Invalid.

    `action` and `note` are for the history, where this is more than a change.
    """
    record = unit.records().get(record_id, lock=True)
    if record is None:
        raise NotThere(f"there is no contact {record_id}")
    if record.deleted_at is not None:
        raise Conflict(f"{record_id} is in Deleted Items: `radicale-bcm deleted restore {record_id}` brings it back")
    wanted = _tidy(unit.records(), changes)
    _refuse_unfit(unit.records(), wanted, record.type)
    changed = {name: value for name, value in wanted.items() if record.fields.get(name, "") != value}
    if not changed:
        return record
    if not display_name({name: value for name, value in (record.fields | changed).items() if value}):
        raise Invalid("nothing would be left to call this contact by: keep a name, a company or an e-mail address")
    _open_account(unit, changed.get("company", ""))
    stored = unit.records().update(record.id, changed, record.version)
    shown = project(unit, unit.origin, record.id, stored, cause=Cause(unit.actor, note, record.fields, action))
    if shown is None:
        # A record of a type that nobody is shown: its card writes no history.
        pairs = {name: (record.fields.get(name, ""), stored.fields.get(name, "")) for name in changed}
        subject = Subject(display_name(stored.fields)[:255], unit.origin.id, record.id)
        history.write(unit.conn, unit.revision, unit.at, unit.actor, action or "changed", subject, pairs, note)
    return stored


def delete(unit: Unit, record_id: str, *, action: str = "", note: Note = None) -> Record:
    """Move a record to Deleted Items; its card leaves every folder. NotThere."""
    record = unit.records().get(record_id, lock=True)
    if record is None:
        raise NotThere(f"there is no contact {record_id}")
    if record.deleted_at is not None:
        return record
    deleted = unit.records().soft_delete(record_id, by=unit.actor.name, at=unit.at)
    project(unit, unit.origin, record_id, deleted, cause=Cause(unit.actor, note, None, action))
    return deleted


def find(site: Site, records: RecordSource, selector: str, *, deleted: bool = False) -> Record:
    """The record that an id, a UID, or a name or e-mail address that only one has, stands for.

    Deleted ones are found by id and UID; with `deleted` by name and address too, if no other has it. NotThere,
    Conflict.
    """
    found = records.get(selector) or records.get_by_uid(selector)
    if found is not None:
        return found
    quoted = selector.replace("'", "''")
    alike: dict[str, Record] = {}
    if selector.strip() and selector.isprintable():
        for field in ("email", "name"):
            for each in listed(site, records, [f"{field}==@'{quoted}'"]):
                alike[each.id] = each
    if not alike and deleted:
        alike = {each.id: each for each in records.list_deleted() if _is_called(each, selector)}
    if not alike:
        raise NotThere(
            f"no contact has the id, UID, name or e-mail address {selector!r}: see `radicale-bcm contact list`"
        )
    if len(alike) > 1:
        some = list(alike.values())[:_MOST_NAMED]
        shown = ", ".join(f"{each.id} ({display_name(each.fields)})" for each in some)
        more = f" and {len(alike) - len(some)} more" if len(alike) > len(some) else ""
        raise Conflict(f"{selector!r} stands for {len(alike)} contacts: {shown}{more}. Use the id")
    return next(iter(alike.values()))


def _is_called(record: Record, selector: str) -> bool:
    wanted = selector.strip().casefold()
    names = [display_name(record.fields), *(record.fields.get(name, "") for name in EMAILS)]
    return bool(wanted) and wanted in (each.strip().casefold() for each in names)


def listed(
    site: Site, records: RecordSource, filters: Sequence[str], *, me: str = "", limit: int | None = None
) -> Iterator[Record]:
    """The records that pass the filters, in the order of their keys. Raises contacts.filters.FilterError."""
    types = record_types(records)
    custom = {name: kind for each in types.values() for name, kind in each.fields.items()}
    wanted = parse_filters(filters, custom, [name for name, each in types.items() if each.base]).bind(me)
    bases = {name: each.base for name, each in types.items() if each.base}
    columns = dict(records.columns())
    columns |= {f"{name}_at": columns[name] for name in ("modified", "created") if name in columns}
    dialect = site.business(site.origin()).engine.dialect.name
    narrowed = wanted.narrow(columns, dialect, bases)
    left = limit
    for record in records.find(narrowed.criterion, limit if narrowed.exact else None):
        if left == 0:
            return
        if narrowed.exact or wanted.matches(record.fields, meta(record), bases):
            yield record
            left = None if left is None else left - 1


def add_account(unit: Unit, fields: Mapping[str, str], account_type: str = ACCOUNT_TYPE) -> Account:
    """A new company; `name` is its name. Invalid."""
    accounts = _accounts(unit)
    if accounts is None:
        raise Invalid("the accounts of this business database belong to its application")
    given = {name: value for name, value in _tidy(unit.records(), fields).items() if value}
    for name in given:
        if name != "name" and name not in ACCOUNT_FIELDS:
            raise Invalid(f"an account has no field {name}; it has name, {', '.join(ACCOUNT_FIELDS)}")
    try:
        return accounts.insert(given.pop("name", ""), given, account_type=account_type)
    except Unfit as error:
        raise Invalid(str(error)) from error


def add_type(unit: Unit, name: str, base: str, fields: Mapping[str, str]) -> RecordType:
    """Define a record type. InvalidType, UnknownType; Invalid where the database's types are its application's."""
    source = unit.records()
    if not isinstance(source, Records):
        raise Invalid("the record types of this business database belong to its application")
    return define_type(source.connection, name, base, fields)


def accounts_of(records: RecordSource) -> list[Account]:
    """All companies that are not deleted."""
    return list(Accounts(records.connection).iterate()) if isinstance(records, Records) else []


def refuse_unknown(records: RecordSource, names: Sequence[str], record_type: str = DEFAULT_TYPE) -> None:
    """Invalid for the first name that is no field of such records, with the nearest that are."""
    own = record_types(records).get(record_type)
    known = [*BY_NAME, *(own.fields if own else ())]
    for name in names:
        if name not in known:
            short = f"business_{name.lower()}"  # as filters know it: city, phone, …
            near = [short] if short in known else get_close_matches(name.lower(), known, n=3, cutoff=0.6)
            meant = f"; did you mean {' or '.join(near)}?" if near else ": see `radicale-bcm contact add --help`"
            raise Invalid(f"there is no field {name!r}{meant}")


def _tidy(records: RecordSource, fields: Mapping[str, str]) -> Contact:
    """The values as a person means them: yes for true, no blanks around, one kind of line end."""
    kinds = records.field_kinds()
    result: Contact = {}
    for name, value in fields.items():
        kind = kinds.get(name, "text")
        text = value.replace("\r\n", "\n").replace("\r", "\n")
        text = text if kind == "multiline" else text.strip()
        if kind == "yesno" and text:
            meant = yes_no(text)
            text = text if meant is None else "true" if meant else "false"
        result[name] = text
    return result


def _refuse_unfit(records: RecordSource, values: Mapping[str, str], record_type: str) -> None:
    refuse_unknown(records, list(values), record_type)
    reasons = records.refusals(values, record_type)
    if reasons:
        raise Invalid("\n".join(f"{name}={values[name]!r}: {reason}" for name, reason in reasons.items()))


def _accounts(unit: Unit) -> Accounts | None:
    records = unit.records()
    return Accounts(records.connection) if isinstance(records, Records) else None


def _open_account(unit: Unit, company: str) -> None:
    """Let there be an account of this name; the database itself then makes it the record's."""
    accounts = _accounts(unit)
    if company and accounts is not None:
        accounts.find_or_insert(company)
