# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the native contact table, read and turned into records. Imported by business.records only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Insert, Select, select

from radicale_bcm.business.contract import DEFAULT_TYPE, Record
from radicale_bcm.business.fit import meaning
from radicale_bcm.business.schema import contact, custom_value
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.model import Contact


class _Head(NamedTuple):
    """The columns before the fields."""

    id: int
    uid: str | None
    type: str | None
    version: int
    created_at: datetime | None
    modified_at: datetime | None
    deleted_at: datetime | None
    deleted_by: str | None
    account_id: int | None


_HEAD = _Head._fields
_NAMES = tuple(field.name for field in FIELDS)
_KINDS = {field.name: field.kind for field in FIELDS}
FOLLOWING = ("version", "modified_at", "account_id", "company")
"""What the database itself brings up to date when a row changes."""
_DATES = frozenset(field.name for field in FIELDS if field.kind == "date")

SELECT: Select[Any] = select(*(contact.c[name] for name in (*_HEAD, *_NAMES)))

CHUNK = 500  # ids in one statement; SQLite takes 32,766 parameters, older ones 999

# A time that a client of SQLite wrote as something that is no time.
_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)


def key_of(record_id: str) -> int | None:
    """The integer key that an id names; None for text that names none."""
    if not record_id.isascii() or not record_id.isdigit() or len(record_id) > 19:
        return None
    key = int(record_id)
    return key if str(key) == record_id and key < 2**63 else None


def new_key(connection: Connection, statement: Insert) -> int:
    """Run the INSERT of one row inside a savepoint, so that a refusal leaves the transaction usable; its key."""
    with connection.begin_nested():
        key = connection.execute(statement).inserted_primary_key
    assert key is not None
    return int(key[0])


def chunks(keys: Sequence[int]) -> Iterable[Sequence[int]]:
    """The keys, as many at a time as one statement takes."""
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


def records_of(
    connection: Connection, rows: Sequence[Sequence[Any]], kinds: Callable[[str], Mapping[str, str]]
) -> list[Record]:
    """The records of rows of SELECT, in their order. `kinds` gives the custom fields of a record type."""
    heads = [_Head._make(row[: len(_HEAD)]) for row in rows]
    custom = _custom_values(connection, [head.id for head in heads if head.type != DEFAULT_TYPE])
    records = []
    for head, row in zip(heads, rows, strict=True):
        fields = _fields(_NAMES, row[len(_HEAD) :])
        kept = custom.get(head.id)
        if kept:
            for name, kind in kinds(head.type or "").items():
                value = meaning(kind, kept.get(name))
                if value:
                    fields[name] = value
        records.append(_record(head, fields))
    return records


def _record(head: _Head, fields: Contact) -> Record:
    return Record(
        id=str(head.id),
        uid=meaning("text", head.uid) or "",
        type=meaning("text", head.type) or DEFAULT_TYPE,
        version=str(head.version),
        fields=fields,
        created_at=head.created_at or _UNKNOWN_TIME,
        modified_at=head.modified_at or head.created_at or _UNKNOWN_TIME,
        deleted_at=head.deleted_at,
        deleted_by=head.deleted_by,
        account_id=None if head.account_id is None else str(head.account_id),
    )


def changed(names: tuple[str, ...]) -> Select[Any]:
    """FOLLOWING and these fields, none of which is among those: for `changed_record`."""
    return select(*(contact.c[name] for name in (*FOLLOWING, *names)))


def changed_record(before: Record, names: tuple[str, ...], row: Sequence[Any]) -> Record:
    """A record of the usual type after these fields were written, from a row of `changed`."""
    version, modified, account_id, company, *values = row
    now = _fields(("company", *names), (company, *values))
    fields = {name: value for name, value in before.fields.items() if name not in names and name != "company"} | now
    return before._replace(
        version=str(version),
        modified_at=modified or before.created_at,
        account_id=None if account_id is None else str(account_id),
        fields={name: fields[name] for name in _NAMES if name in fields},
    )


def _fields(names: Iterable[str], values: Iterable[Any]) -> Contact:
    fields: dict[str, Any] = {name: value for name, value in zip(names, values, strict=True) if value}
    # Nearly always there is nothing to mend, and 100,000 records pass here.
    odd = [name for name, value in fields.items() if name in _DATES or not isinstance(value, str) or "\r" in value]
    for name in odd:
        meant = meaning(_KINDS[name], fields.get(name))
        if meant:
            fields[name] = meant
        else:
            fields.pop(name, None)
    return fields


def _custom_values(connection: Connection, keys: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for some in chunks(keys):
        for row in connection.execute(select(custom_value).where(custom_value.c.contact_id.in_(some))):
            found.setdefault(row.contact_id, {})[row.name] = row.value
    return found
