# SPDX-License-Identifier: GPL-3.0-or-later
"""Record types: the two that are built in, and custom ones derived from them. Imported by business and sync."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from radicale_bcm.business.contract import ACCOUNT_TYPE, DEFAULT_TYPE, RecordError, UnknownType
from radicale_bcm.business.schema import contact, record_type
from radicale_bcm.contacts.fields import BY_NAME

KINDS = ("text", "multiline", "number", "date", "yesno")

_TYPE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# What filters call something else: see the words of `RecordSource.columns` and of the filters.
_RESERVED = frozenset(
    (
        *contact.columns.keys(),
        *BY_NAME,
        "created",
        "modified",
        "deleted",
        "city",
        "region",
        "postal_code",
        "country",
        "phone",
    )
)


@dataclass(frozen=True, slots=True)
class RecordType:
    """A type of record. `fields`: its own fields and those it inherits, name to kind. Only persons are synchronised."""

    name: str
    base: str | None
    is_person: bool
    fields: Mapping[str, str]


class InvalidType(RecordError):
    """A record type that cannot be defined like this."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"record type {self.name}: {self.reason}"


def list_types(connection: Connection) -> dict[str, RecordType]:
    """All record types by name, the built-in ones first. A type without a sound base is left out."""
    types = {
        DEFAULT_TYPE: RecordType(DEFAULT_TYPE, None, True, {}),
        ACCOUNT_TYPE: RecordType(ACCOUNT_TYPE, None, False, {}),
    }
    waiting = {row.name: row for row in connection.execute(select(record_type).order_by(record_type.c.name))}
    while ready := [row for row in waiting.values() if row.base in types]:
        for row in ready:
            base = types[row.base]
            own = row.fields if isinstance(row.fields, dict) else {}
            types.setdefault(row.name, RecordType(row.name, row.base, base.is_person, {**base.fields, **own}))
            del waiting[row.name]
    return types


def add_type(connection: Connection, name: str, base: str, fields: Mapping[str, str]) -> RecordType:
    """Define a type with fields of its own (name to kind). Raises UnknownType for the base, or InvalidType."""
    types = list_types(connection)
    if base not in types:
        raise UnknownType(base)
    if not _TYPE_NAME.fullmatch(name):
        raise InvalidType(name, "a name is up to 64 letters, digits, - and _")
    if name in types:
        raise InvalidType(name, "it exists already")
    known = {field: kind for kept in types.values() for field, kind in kept.fields.items()}
    for field, kind in fields.items():
        reason = _reason_against_field(field, kind, known)
        if reason:
            raise InvalidType(name, f"field {field}: {reason}")
    try:
        with connection.begin_nested():
            connection.execute(record_type.insert(), {"name": name, "base": base, "fields": dict(fields)})
    except IntegrityError as error:
        raise InvalidType(name, "it exists already") from error
    return list_types(connection)[name]


def _reason_against_field(field: str, kind: str, known: Mapping[str, str]) -> str | None:
    if not _FIELD_NAME.fullmatch(field):
        return "a field's name is up to 64 small letters, digits and _, and begins with a letter"
    if field in _RESERVED:
        return "every record has a field of this name"
    if kind not in KINDS:
        return f"a field is one of {', '.join(KINDS)}"
    if known.get(field, kind) != kind:
        # One name is one kind, so that a filter over several types means something.
        return f"another type has it as {known[field]}"
    return None
