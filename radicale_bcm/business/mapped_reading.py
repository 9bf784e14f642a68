# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of an application's tables, read and turned into records. Imported by business only.

A record's version is a hash of what is read of it, so that it differs after every change that anybody could see, and
what does not move the application's own time of change is noticed all the same.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Connection, Select, String, Table, func, select

from radicale_bcm.business.contract import DEFAULT_TYPE, Record
from radicale_bcm.business.mapped_rows import RowsOf
from radicale_bcm.business.mapped_tables import Tables, both, live, matching
from radicale_bcm.business.mapping import Tags, Times
from radicale_bcm.business.rows import chunks
from radicale_bcm.business.transforms import column_moment, field_text, joined, moment
from radicale_bcm.contacts.card import join_categories
from radicale_bcm.contacts.fields import BY_NAME

_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)
_TIMES = Times(())

Getter = Callable[[Sequence[Any]], Any]


class Reader:
    """What is read of a mapping's tables, made once for a set of reflected tables."""

    def __init__(self, tables: Tables, namespace: UUID) -> None:
        self.tables = tables
        self.mapping = tables.mapping
        self.rows = [RowsOf(spec, tables) for spec in self.mapping.rows]
        self._namespace = namespace
        self._times = self.mapping.modified or _TIMES
        self._selected: list[ColumnElement[Any]] = []
        self._source: Any = tables.main
        self._key = self._select(tables.key)
        self._created = self._select(tables.main.c[self.mapping.created]) if self.mapping.created else None
        flag = self.mapping.deleted
        self._deleted = self._select(tables.main.c[flag.column]) if flag else None
        self._modified = [self._select(tables.main.c[name]) for name in self._times.columns]
        self._fields = {
            name: [self._select(tables.main.c[column]) for column in each.columns]
            for name, each in self.mapping.fields.items()
        }
        self._lookups = {name: self._join(name) for name in self.mapping.lookups}
        self.select: Select[Any] = select(*self._selected).select_from(self._source)
        persons = tables.persons()
        if persons is not None:
            self.select = self.select.where(persons)

    def _select(self, column: ColumnElement[Any]) -> int:
        self._selected.append(column)
        return len(self._selected) - 1

    def _join(self, name: str) -> int:
        lookup = self.mapping.lookups[name]
        other = self.tables.table(lookup.table).alias(f"of_{name}")
        self._source = self._source.outerjoin(other, self.tables.main.c[lookup.column] == other.c[lookup.key])
        self._modified += [self._select(other.c[column]) for column in lookup.modified]
        return self._select(other.c[lookup.text])

    # Records

    def records(self, connection: Connection, found: Sequence[Sequence[Any]]) -> list[Record]:
        """The records of rows of `select`, in their order."""
        keys = [row[self._key] for row in found]
        lists = [(each, each.read(connection, keys)) for each in self.rows]
        tags: dict[Any, list[str]] = {}
        for spec in self.mapping.tags:
            self._read_tags(connection, spec, keys, tags)
        records = []
        for row in found:
            key = row[self._key]
            fields = self._own_fields(row)
            times = [row[number] for number in self._modified]
            for each, entries in lists:
                own = entries.get(key, ())
                fields.update(each.fields(own))
                times += [moment for entry in own for moment in entry.times]
            if key in tags:
                fields["category"] = join_categories(sorted(tags[key]))
            records.append(self._record(row, {name: value for name, value in fields.items() if value}, times))
        return records

    def _own_fields(self, row: Sequence[Any]) -> dict[str, str]:
        fields: dict[str, str] = {}
        for name, numbers in self._fields.items():
            kind, transform = BY_NAME[name].kind, self.mapping.fields[name].transform
            texts = [field_text(kind, transform, row[number]) for number in numbers]
            fields[name] = texts[0] if len(texts) == 1 else joined(texts)
        for name, number in self._lookups.items():
            fields[name] = field_text(BY_NAME[name].kind, self.mapping.lookups[name].transform, row[number])
        return fields

    def _read_tags(self, connection: Connection, spec: Tags, keys: Sequence[Any], found: dict[Any, list[str]]) -> None:
        link, table = self.tables.table(spec.link.table), self.tables.table(spec.table)
        own = link.c[spec.link.own]
        query = select(own, table.c[spec.text]).join(table, link.c[spec.link.other] == table.c[spec.key])
        there = (live(link, spec.link.deleted), live(table, spec.deleted), matching(link, spec.link.where))
        query = query.where(*both(*there))
        for some in chunks(list(keys)):
            for key, value in connection.execute(query.where(own.in_(some))):
                text = field_text("text", spec.transform, value)
                if text:
                    found.setdefault(key, []).append(text)

    def _record(self, row: Sequence[Any], fields: dict[str, str], times: Sequence[Any]) -> Record:
        key = str(row[self._key])
        moments = [each for each in (moment(value, self._times) for value in times) if each is not None]
        created = moment(row[self._created], self._times) if self._created is not None else None
        modified = max(moments, default=created or _UNKNOWN_TIME)
        deleted = self._deleted is not None and self.is_deleted(row[self._deleted])
        seen = json.dumps([fields, deleted], sort_keys=True, ensure_ascii=False)
        return Record(
            id=key,
            uid=self.uid_of(key),
            type=DEFAULT_TYPE,
            version=sha256(seen.encode("utf-8", "surrogatepass")).hexdigest()[:40],
            fields=fields,
            created_at=created or modified,
            modified_at=modified,
            deleted_at=modified if deleted else None,
        )

    def uid_of(self, key: str) -> str:
        """The UID of a record: made of the database's identity and the key, because no column holds one."""
        return str(uuid5(self._namespace, key))

    def is_deleted(self, value: Any) -> bool:
        """Whether this value of the flag's column means that the row is deleted."""
        flag = self.mapping.deleted
        return flag is not None and value is not None and bool(value == flag.deleted)

    # Changes

    def changed_since(self, connection: Connection, since: datetime | None) -> tuple[set[str], datetime | None]:
        """The ids of rows that say that they changed since then, some of which may be no contacts, and the latest time
        that any of them says. Without a time: all."""
        if since is None or not self.has_times:
            query = select(self.tables.key, *(self.tables.main.c[name] for name in self._times.columns))
            found = connection.execute(query).all()
            latest = [moment(value, self._times) for row in found for value in row[1:]]
            return {str(row[0]) for row in found}, max((each for each in latest if each), default=None)
        ids: set[str] = set()
        newest: datetime | None = None
        for owner, column, source in self._changing():
            value = column_moment(since, self._times, column.type)
            for key, when in connection.execute(select(owner, column).select_from(source).where(column >= value)):
                ids.add(str(key))
                at = moment(when, self._times)
                newest = at if newest is None or (at is not None and at > newest) else newest
        return ids, newest

    @property
    def has_times(self) -> bool:
        """Whether any column says when something changed."""
        return any(True for _ in self._changing())

    def _changing(self) -> Iterator[tuple[Any, Any, Any]]:
        """(the person's key, a column of times, what to select them from)"""
        main, key = self.tables.main, self.tables.key
        for name in self._times.columns:
            yield key, main.c[name], main
        for lookup in self.mapping.lookups.values():
            other = self.tables.table(lookup.table).alias("looked_up")
            for name in lookup.modified:
                yield key, other.c[name], main.join(other, main.c[lookup.column] == other.c[lookup.key])
        for each in self.rows:
            spec, rows = each.spec, self.tables.table(each.spec.table)
            source: Any = rows
            if spec.link:
                link: Table = self.tables.table(spec.link.table)
                source = link.join(rows, link.c[spec.link.other] == rows.c[spec.key])
                for name in spec.link.modified:
                    yield each.owner, link.c[name], link
            for name in spec.modified:
                yield each.owner, rows.c[name], source

    # Filters

    def columns(self) -> Mapping[str, ColumnElement[Any]]:
        """What a criterion can be built from: fields that are plain text in one column, where the engine compares what
        the column holds. The others are left to the predicate."""
        found: dict[str, ColumnElement[Any]] = {}
        for name, each in self.mapping.fields.items():
            column = self.tables.main.c[each.columns[0]]
            plain = BY_NAME[name].kind == "text" and len(each.columns) == 1 and not each.transform
            if plain and isinstance(column.type, String):
                found[name] = func.trim(column)
        return found
