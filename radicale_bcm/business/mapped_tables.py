# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables that a mapping names, as they are in a database: reflected, never assumed. Imported by business only."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    and_,
    literal,
    not_,
    or_,
    text,
)
from sqlalchemy.exc import NoSuchTableError

from radicale_bcm.business import mapping as mappings
from radicale_bcm.business.mapping import Flag, Link
from radicale_bcm.database.engine import is_mariadb

# Character sets of MariaDB and MySQL that hold less than a contact may have.
_NARROW = {"latin1": "cp1252", "ascii": "ascii", "utf8": "bmp", "utf8mb3": "bmp", "ucs2": "bmp"}


class Tables:
    """The reflected tables of a mapping. `missing` says what the mapping names and the database does not have."""

    def __init__(self, connection: Connection, mapping: mappings.Mapping) -> None:
        self.mapping = mapping
        self.missing: list[str] = []
        self._metadata = MetaData()
        self._tables: dict[str, Table] = {}
        for name, columns in _named(mapping):
            self._reflect(connection, name, columns)
        self._charsets = self._narrow_columns(connection) if is_mariadb(connection) else {}
        self.has_lookups = bool(mapping.lookups)

    def _reflect(self, connection: Connection, name: str, columns: Iterable[str]) -> None:
        if name not in self._tables:
            schema, _, bare = name.rpartition(".")
            try:
                self._tables[name] = Table(
                    bare, self._metadata, schema=schema or None, autoload_with=connection, resolve_fks=False
                )
            except NoSuchTableError:
                if f"there is no table {name}" not in self.missing:
                    self.missing.append(f"there is no table {name}")
                return
        for column in columns:
            if column and column not in self._tables[name].c:
                self.missing.append(f"table {name} has no column {column}")

    def without_transactions(self, connection: Connection) -> list[str]:
        """The tables in which a write that fails halfway stays, such as MariaDB's MyISAM."""
        if not is_mariadb(connection):
            return []
        query = text("SELECT table_name, engine FROM information_schema.tables WHERE table_schema = DATABASE()")
        engines = {row[0]: (row[1] or "").lower() for row in connection.execute(query)}
        return sorted(table.name for table in self._tables.values() if engines.get(table.name, "innodb") != "innodb")

    @property
    def main(self) -> Table:
        """The persons' table."""
        return self._tables[self.mapping.table]

    @property
    def key(self) -> Column[Any]:
        """The persons' key."""
        return self.main.c[self.mapping.key]

    def table(self, name: str) -> Table:
        """A table of the mapping."""
        return self._tables[name]

    def persons(self) -> ColumnElement[bool] | None:
        """What makes a row of the persons' table a contact, deleted ones too."""
        return matching(self.main, self.mapping.where)

    def length(self, table: str, column: str) -> int | None:
        """How many characters a column takes; None: no limit of its own."""
        kind = self._tables[table].c[column].type
        return kind.length if isinstance(kind, String) else None

    def charset(self, table: str, column: str) -> str:
        """What the character set of a column is limited to: a Python codec, bmp, or "" for all of Unicode."""
        return self._charsets.get((table.rpartition(".")[2], column), "")

    def _narrow_columns(self, connection: Connection) -> dict[tuple[str, str], str]:
        query = text(
            "SELECT table_name, column_name, character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND character_set_name IS NOT NULL"
        )
        return {(row[0], row[1]): _NARROW[row[2]] for row in connection.execute(query) if row[2] in _NARROW}


def _named(mapping: mappings.Mapping) -> Iterator[tuple[str, list[str]]]:
    """Each table with columns that the mapping wants of it."""
    main = [mapping.key, mapping.created, *mapping.where, *mapping.insert, *mapping.update]
    main += [mapping.deleted.column] if mapping.deleted else []
    main += mapping.modified.columns if mapping.modified else []
    for field in mapping.fields.values():
        main += [*field.columns, *field.shadows]
    yield mapping.table, [*main, *(each.column for each in mapping.lookups.values())]
    for lookup in mapping.lookups.values():
        yield lookup.table, [lookup.key, lookup.text, *lookup.codes, *lookup.where, *lookup.insert, *lookup.modified]
        if lookup.link:
            yield lookup.link.table, _of_link(lookup.link)
    for rows in mapping.rows:
        yield rows.table, _of_rows(rows)
        if rows.link:
            yield rows.link.table, _of_link(rows.link)
    for tags in mapping.tags:
        yield tags.table, [tags.key, tags.text, *([tags.deleted.column] if tags.deleted else [])]
        yield tags.link.table, _of_link(tags.link)


def _of_rows(rows: mappings.Rows) -> list[str]:
    named = [rows.key, rows.value, rows.type_column, rows.own, rows.primary, rows.find_by, *rows.order, *rows.shadows]
    named += [*rows.where, *rows.insert, *rows.update, *rows.modified]
    return [*named, *([rows.deleted.column] if rows.deleted else [])]


def _of_link(link: Link) -> list[str]:
    named = [link.own, link.other, link.key, link.primary, *link.order, *link.where, *link.insert, *link.update]
    return [*named, *link.modified, *([link.deleted.column] if link.deleted else [])]


def typed(column: Any, value: Any) -> Any:
    """A constant of a mapping as a column takes it: yes and no are 1 and 0 where the column is a number."""
    if isinstance(column.type, Boolean):
        return bool(value) if value in {0, 1} else value
    return int(value) if isinstance(value, bool) else value


def stored(table: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a statement that writes."""
    return {name: typed(table.c[name], value) for name, value in values.items()}


def _is(column: Any, value: Any) -> ColumnElement[bool]:
    # Not ==, which makes another operator of True.
    return column.op("=", is_comparison=True)(literal(typed(column, value), column.type))  # type: ignore[no-any-return]


def matching(table: Any, where: Mapping[str, Any]) -> ColumnElement[bool] | None:
    """The rows whose columns have these values; a list allows each of its values, and "" means an empty column, and
    what is not true is false."""
    parts = []
    for name, value in where.items():
        column = table.c[name]
        if value is False:
            parts.append(or_(column.is_(None), _is(column, value)))
        elif value == "":
            parts.append(or_(column.is_(None), column == "") if isinstance(column.type, String) else column.is_(None))
        else:
            parts.append(or_(*(_is(column, each) for each in (value if isinstance(value, list) else [value]))))
    return and_(*parts) if parts else None


def live(table: Any, flag: Flag | None) -> ColumnElement[bool] | None:
    """The rows that are not deleted; an empty flag is none."""
    return None if flag is None else or_(table.c[flag.column].is_(None), not_(marked(table, flag)))


def marked(table: Any, flag: Flag) -> ColumnElement[bool]:
    """The rows that are deleted."""
    return _is(table.c[flag.column], flag.deleted)


def both(*criteria: ColumnElement[bool] | None) -> list[ColumnElement[bool]]:
    """Those criteria that there are."""
    return [each for each in criteria if each is not None]
