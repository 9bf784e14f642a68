# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the columns that a mapping names have types that hold what the mapping means. Imported by sync.mapping_check.

SQLite's columns hold anything, whatever their type says, so there is nothing to compare.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Date, DateTime, Enum, Integer, Numeric, String, Uuid

from radicale_bcm.business import transforms
from radicale_bcm.business.mapped_tables import Tables
from radicale_bcm.business.mapping import Flag, Link, Rows
from radicale_bcm.contacts.fields import BY_NAME

_HOLDS: dict[str, tuple[type[Any], ...]] = {
    "text": (String, JSON, Uuid, Integer, Numeric),
    "multiline": (String, JSON),
    "date": (String, Date, DateTime),
    "yesno": (Boolean, Integer, String, Numeric),
    "number": (Integer, Numeric, String),
}
_MEANS = {"text": "text", "multiline": "text of several lines", "date": "a date", "yesno": "yes or no",
          "number": "a number"}  # fmt: skip
_MADE = {"@uuid": 36, "@hex17": 17}


class Types:
    """What does not fit in the tables of a mapping, a sentence for each; and how much was looked at."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._mapping = tables.mapping
        self.looked_at: set[tuple[str, str]] = set()

    def misfits(self) -> Iterator[str]:
        """Columns that cannot hold, or cannot be compared with, what the mapping says."""
        mapping, main = self._mapping, self._mapping.table
        self._column(main, mapping.key)
        for name, field in mapping.fields.items():
            for column in field.columns:
                yield from self._holds(main, column, name)
            for column in field.shadows:
                yield from self._text(main, column)
        if mapping.deleted:
            yield from self._flag(main, mapping.deleted)
        for column in (*(mapping.modified.columns if mapping.modified else ()), mapping.created):
            if column:
                yield from self._times(main, column)
        for values in (mapping.where, mapping.insert, mapping.update):
            yield from self._constants(main, values)
        yield from self._of_lookups()
        for rows in mapping.rows:
            yield from self._of_rows(rows)
        for tags in mapping.tags:
            yield from self._of_link(tags.link, tags.table, tags.key)
            yield from self._holds(tags.table, tags.text, "category")

    def shorter(self) -> Iterator[tuple[str, int]]:
        """Fields whose columns take fewer characters than usual, each with how many."""
        places = {name: (self._mapping.table, field.columns[0]) for name, field in self._mapping.fields.items()}
        for rows in self._mapping.rows:
            places |= dict.fromkeys(rows.fields, (rows.table, rows.value))
        for name, (table, column) in sorted(places.items()):
            length, usual = self._tables.length(table, column), BY_NAME[name].length
            if length is not None and usual is not None and length < usual:
                yield name, length

    def _of_lookups(self) -> Iterator[str]:
        for name, lookup in self._mapping.lookups.items():
            yield from self._joins(self._mapping.table, lookup.column, lookup.table, lookup.key)
            yield from self._holds(lookup.table, lookup.text, name)
            for column in lookup.modified:
                yield from self._times(lookup.table, column)
            for values in (lookup.where, lookup.insert):
                yield from self._constants(lookup.table, values)
            if lookup.link:
                yield from self._of_link(lookup.link, lookup.table, lookup.key)

    def _of_rows(self, rows: Rows) -> Iterator[str]:
        for name in rows.fields:
            yield from self._holds(rows.table, rows.value, name)
        if rows.link:
            yield from self._of_link(rows.link, rows.table, rows.key)
        else:
            yield from self._joins(rows.table, rows.own, self._mapping.table, self._mapping.key)
        for column in (rows.find_by, *rows.shadows):
            if column:
                yield from self._text(rows.table, column)
        if rows.type_column:
            yield from self._constants(rows.table, {rows.type_column: [each for each in rows.slots if each]})
        if rows.deleted:
            yield from self._flag(rows.table, rows.deleted)
        for column in rows.modified:
            yield from self._times(rows.table, column)
        for values in (rows.where, rows.insert, rows.update):
            yield from self._constants(rows.table, values)

    def _of_link(self, link: Link, table: str, key: str) -> Iterator[str]:
        yield from self._joins(link.table, link.own, self._mapping.table, self._mapping.key)
        yield from self._joins(link.table, link.other, table, key)
        if link.deleted:
            yield from self._flag(link.table, link.deleted)
        for column in link.modified:
            yield from self._times(link.table, column)
        for values in (link.where, link.insert, link.update):
            yield from self._constants(link.table, values)

    def _column(self, table: str, name: str) -> Column[Any]:
        self.looked_at.add((table, name))
        return self._tables.table(table).c[name]

    def _holds(self, table: str, name: str, field: str) -> Iterator[str]:
        column, kind = self._column(table, name), BY_NAME[field].kind
        if not isinstance(column.type, _HOLDS[kind]):
            yield f"{_named(table, column)} holds no {field}, which is {_MEANS[kind]}"

    def _text(self, table: str, name: str) -> Iterator[str]:
        column = self._column(table, name)
        if not isinstance(column.type, String):
            yield f"{_named(table, column)} is to repeat a text"

    def _flag(self, table: str, flag: Flag) -> Iterator[str]:
        column = self._column(table, flag.column)
        for value in (flag.deleted, flag.live):
            yield from self._constant(table, column, value)

    def _times(self, table: str, name: str) -> Iterator[str]:
        column, times = self._column(table, name), self._mapping.modified
        wanted: tuple[type[Any], ...] = (DateTime, String)
        if times and times.unit == "unix":
            wanted = (Integer, Numeric)
        if not isinstance(column.type, wanted):
            unit = "a moment" if DateTime in wanted else "seconds since 1970"
            yield f"{_named(table, column)} does not tell {unit}"

    def _joins(self, table: str, name: str, other_table: str, other_name: str) -> Iterator[str]:
        column, other = self._column(table, name), self._column(other_table, other_name)
        if _family(column) != _family(other):
            yield f"{_named(table, column)} cannot point to {_named(other_table, other)}"

    def _constants(self, table: str, values: Mapping[str, Any]) -> Iterator[str]:
        for name, value in values.items():
            column = self._column(table, name)
            for each in value if isinstance(value, list) else [value]:
                yield from self._constant(table, column, each)

    def _constant(self, table: str, column: Column[Any], value: Any) -> Iterator[str]:
        if not _takes(column, value):
            yield f"{_named(table, column)} does not take {value!r}"


def _takes(column: Column[Any], value: Any) -> bool:
    kind = column.type
    if value in ("", None) or isinstance(kind, JSON | Uuid):
        return True
    if value == "@now":
        return isinstance(kind, DateTime | Date | String)
    if value == "@now_unix":
        return isinstance(kind, Integer | Numeric)
    if isinstance(kind, Boolean):
        return value in {0, 1}
    if isinstance(kind, Integer | Numeric):
        # PostgreSQL refuses a text, MariaDB takes it for 0.
        return not isinstance(value, str) or value.lstrip("+-").replace(".", "", 1).isdigit()
    if isinstance(kind, Enum):
        return value in kind.enums
    if isinstance(kind, String):
        length = _MADE.get(value) if value in transforms.MADE else len(str(value))
        return kind.length is None or length is None or length <= kind.length
    return True


def _family(column: Column[Any]) -> str:
    """What a column can be compared with on every engine."""
    if isinstance(column.type, String):
        return "text"
    return "number" if isinstance(column.type, Integer | Numeric) else type(column.type).__name__


def _named(table: str, column: Column[Any]) -> str:
    return f"column {table}.{column.name} ({column.type!s})"
