# SPDX-License-Identifier: GPL-3.0-or-later
"""What filters can be about in one business database: its record types and their own fields. Imported by the other
modules of sync."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from radicale_bcm.business.contract import Record, RecordSource
from radicale_bcm.business.record_types import RecordType, list_types
from radicale_bcm.business.records import Records
from radicale_bcm.contacts.filters import Filter, describe, parse_canonical, parse_filters


@dataclass(frozen=True)
class Vocabulary:
    """`fields` are the fields of custom types with their kinds, `bases` the custom types, each with the type that it
    derives from."""

    fields: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)

    def parse(self, texts: Iterable[str], principal: str) -> Filter:
        """The filter that a person wrote, with %me bound. Raises contacts.filters.FilterError."""
        return parse_filters(list(texts), self.fields, list(self.bases)).bind(principal)

    def describe(self, texts: Iterable[str]) -> str:
        """What a person's filters ask for, as half a sentence."""
        return describe(parse_filters(list(texts), self.fields))

    def read(self, expressions: Iterable[str]) -> Filter:
        """The filter of an audience."""
        return _read(tuple(expressions), tuple(sorted(self.fields.items())))


@lru_cache(maxsize=4096)
def _read(expressions: tuple[str, ...], fields: tuple[tuple[str, str], ...]) -> Filter:
    return parse_canonical(expressions, dict(fields))


def record_types(records: RecordSource) -> Mapping[str, RecordType]:
    """The record types of this business database."""
    return list_types(records.connection) if isinstance(records, Records) else {}


def of(records: RecordSource) -> Vocabulary:
    """The vocabulary of a business database."""
    types = record_types(records)
    return Vocabulary(
        {name: kind for each in types.values() for name, kind in each.fields.items()},
        {name: each.base for name, each in types.items() if each.base},
    )


def meta(record: Record) -> Mapping[str, object]:
    """What filters may ask of a record besides its fields."""
    return {
        "id": record.id,
        "uid": record.uid,
        "type": record.type,
        "modified_at": record.modified_at,
        "created_at": record.created_at,
    }
