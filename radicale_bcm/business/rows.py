# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the native contact table, read and turned into records. Imported by business.records only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Insert, Row, Select, select

from radicale_bcm.business.contract import DEFAULT_TYPE, Record
from radicale_bcm.business.fit import meaning
from radicale_bcm.business.schema import contact, custom_value
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.model import Contact

_HEAD = ("id", "uid", "type", "version", "created_at", "modified_at", "deleted_at", "deleted_by", "account_id")
_NAMES = tuple(field.name for field in FIELDS)
_KINDS = {field.name: field.kind for field in FIELDS}
_DATES = tuple(field.name for field in FIELDS if field.kind == "date")

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
    connection: Connection, rows: Sequence[Row[Any]], kinds: Callable[[str], Mapping[str, str]]
) -> list[Record]:
    """The records of rows of SELECT, in their order. `kinds` gives the custom fields of a record type."""
    custom = _custom_values(connection, [row.id for row in rows if row.type != DEFAULT_TYPE])
    records = []
    for row in rows:
        fields = _fields(row[len(_HEAD) :])
        kept = custom.get(row.id)
        if kept:
            for name, kind in kinds(row.type).items():
                value = meaning(kind, kept.get(name))
                if value:
                    fields[name] = value
        records.append(_record(row, fields))
    return records


def _record(row: Row[Any], fields: Contact) -> Record:
    return Record(
        id=str(row.id),
        uid=meaning("text", row.uid) or "",
        type=meaning("text", row.type) or DEFAULT_TYPE,
        version=str(row.version),
        fields=fields,
        created_at=row.created_at or _UNKNOWN_TIME,
        modified_at=row.modified_at or row.created_at or _UNKNOWN_TIME,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
        account_id=None if row.account_id is None else str(row.account_id),
    )


def _fields(values: Iterable[Any]) -> Contact:
    fields: dict[str, Any] = {name: value for name, value in zip(_NAMES, values, strict=True) if value}
    # Nearly always there is nothing to mend, and 100,000 records pass here.
    odd = [name for name, value in fields.items() if not isinstance(value, str) or "\r" in value]
    for name in (*odd, *(name for name in _DATES if name in fields)):
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
