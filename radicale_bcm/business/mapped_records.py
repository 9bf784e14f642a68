# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of an application's tables: the RecordSource (see contract) that a mapping describes.

Imported by business and sync. Only mapped columns are written, in the application's own way; no column is added.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, Integer, Select, String, func, insert, select, update

from radicale_bcm.business.contract import (
    DEFAULT_TYPE,
    NotAllowed,
    Record,
    RecordMissing,
    StaleRecord,
    Unfit,
    UnknownType,
)
from radicale_bcm.business.fit import reason_against
from radicale_bcm.business.mapped_reading import Reader
from radicale_bcm.business.mapped_rows import follow
from radicale_bcm.business.mapped_tables import both, live, marked, matching, stored
from radicale_bcm.business.mapping import Lookup
from radicale_bcm.business.rows import chunks
from radicale_bcm.business.transforms import column_value, field_text, made, shadow, split_lines
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.model import display_name

_MOST_LOOKED_AT = 5000


class MappedRecords:
    """The contacts in an application's tables within the transaction of `connection`, which the caller owns."""

    def __init__(self, connection: Connection, reader: Reader) -> None:
        self.connection = connection
        self.reader = reader
        self.mapping = reader.mapping
        self._tables = reader.tables

    @property
    def read_only(self) -> bool:
        """See RecordSource."""
        return not self.mapping.write

    # Reading

    def get(self, record_id: str, *, lock: bool = False) -> Record | None:
        """See RecordSource."""
        key = self._key_of(record_id)
        if key is None:
            return None
        if lock:
            # On its own, because not every engine can lock one table of a join.
            self.connection.execute(select(self._tables.key).where(self._tables.key == key).with_for_update())
        found = self._all(self.reader.select.where(self._tables.key == key))
        return found[0] if found else None

    def get_by_uid(self, uid: str, *, lock: bool = False) -> Record | None:
        """See RecordSource."""
        key = self._keys_by_uid.get(uid)
        return None if key is None else self.get(key, lock=lock)

    @cached_property
    def _keys_by_uid(self) -> dict[str, str]:
        return {self.reader.uid_of(key): key for key in self._ids()}

    def get_many(self, record_ids: Collection[str]) -> dict[str, Record]:
        """See RecordSource."""
        keys = [key for key in map(self._key_of, record_ids) if key is not None]
        column = self._tables.key
        found = (record for some in chunks(keys) for record in self._all(self.reader.select.where(column.in_(some))))
        return {record.id: record for record in found}

    def iterate(self, *, batch: int = 1000, include_deleted: bool = False) -> Iterator[Record]:
        """See RecordSource."""
        return self._pages(self._ids() if include_deleted else self._ids(self._live), batch)

    def find(self, criterion: ColumnElement[bool] | None = None, limit: int | None = None) -> Iterator[Record]:
        """See RecordSource."""
        query = self._where(self.reader.select, self._live, criterion)
        if limit is not None:
            return iter(self._all(query.order_by(self._tables.key).limit(limit)))
        return self._pages(self._ids(self._live, criterion), 1000)

    def find_ids(self, criterion: ColumnElement[bool] | None = None) -> Iterator[str]:
        """See RecordSource."""
        return iter(self._ids(self._live, criterion))

    def count(self, criterion: ColumnElement[bool] | None = None) -> int:
        """See RecordSource."""
        query = select(func.count()).select_from(self._tables.main)
        return self.connection.scalar(self._where(query, self._tables.persons(), self._live, criterion)) or 0

    def list_deleted(self) -> Iterator[Record]:
        """See RecordSource."""
        flag = self.mapping.deleted
        if flag is None:
            return iter(())
        found = self._all(self.reader.select.where(marked(self._tables.main, flag)))
        return iter(sorted(found, key=lambda each: each.modified_at, reverse=True))

    def columns(self) -> Mapping[str, ColumnElement[Any]]:
        """See RecordSource. Only what the engine can decide; filters on other fields look at the records."""
        return self.reader.columns()

    def field_kinds(self) -> Mapping[str, str]:
        """See RecordSource."""
        return {name: BY_NAME[name].kind for name in self.mapping.field_names}

    def refusals(self, changes: Mapping[str, str], record_type: str = DEFAULT_TYPE) -> dict[str, str]:  # noqa: ARG002
        """See RecordSource."""
        reasons = {name: self._reason_against(name, value) for name, value in changes.items()}
        return {name: reason for name, reason in reasons.items() if reason}

    # Writing

    def insert(
        self,
        fields: Mapping[str, str],
        *,
        uid: str | None = None,  # noqa: ARG002 - no column holds it; a card's UID is kept beside
        record_type: str = DEFAULT_TYPE,
        at: datetime | None = None,
    ) -> Record:
        """See RecordSource. The UID is the database's own."""
        self._refuse_read_only()
        if record_type != DEFAULT_TYPE:
            raise UnknownType(record_type)
        given = {name: value for name, value in fields.items() if value}
        if "name" in self.mapping.fields and "name" not in given:
            given["name"] = display_name(given)
        self._refuse_unfit(given)
        now = at or datetime.now(UTC)
        values = self._constants(self.mapping.where, self.mapping.insert, now)
        flag = self.mapping.deleted
        if flag:
            values.setdefault(flag.column, flag.live)
        with self.connection.begin_nested():
            values = stored(self._tables.main, values | self._column_values(given))
            done = self.connection.execute(insert(self._tables.main).values(values)).inserted_primary_key
            key = values.get(self.mapping.key, done[0] if done else None)
            self._write_rows(key, given, now)
            self._follow(key, {}, values, now)
        self.__dict__.pop("_keys_by_uid", None)
        return self._existing(str(key))

    def update(self, record_id: str, changes: Mapping[str, str], version: str) -> Record:
        """See RecordSource."""
        before = self._existing(record_id, lock=True)
        if before.version != version:
            raise StaleRecord(record_id, version, before.version)
        if not changes:
            return before
        self._refuse_read_only()
        self._refuse_unfit(changes)
        now = datetime.now(UTC)
        with self.connection.begin_nested():
            values = self._column_values(changes)
            pointing = self._pointing(record_id, values)
            self._write_main(record_id, values, now)
            self._write_rows(self._key_of(record_id), changes, now)
            self._follow(self._key_of(record_id), pointing, values, now)
        return self._existing(record_id)

    def soft_delete(self, record_id: str, *, by: str | None = None, at: datetime | None = None) -> Record:  # noqa: ARG002
        """See RecordSource."""
        return self._mark(record_id, at or datetime.now(UTC), deleted=True)

    def restore(self, record_id: str) -> Record:
        """See RecordSource."""
        return self._mark(record_id, datetime.now(UTC), deleted=False)

    def purge(self, record_id: str) -> None:
        """See RecordSource. An application's rows point to each other in ways that no mapping knows."""
        self._existing(record_id)
        raise NotAllowed("contacts of this database are removed for good in its own application only")

    # Underneath

    def _mark(self, record_id: str, now: datetime, *, deleted: bool) -> Record:
        before = self._existing(record_id, lock=True)
        if (before.deleted_at is not None) == deleted:
            return before
        self._refuse_read_only()
        flag = self.mapping.deleted
        if flag is None:
            raise NotAllowed("the mapping of this database has no way to delete a contact")
        self._write_main(record_id, {flag.column: flag.deleted if deleted else flag.live}, now)
        return self._existing(record_id)

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise NotAllowed('this database is read-only: its mapping does not say write = "sql"')

    def _refuse_unfit(self, values: Mapping[str, str]) -> None:
        refused = self.refusals(values)
        if refused:
            raise Unfit(refused)

    @cached_property
    def _live(self) -> ColumnElement[bool] | None:
        return live(self._tables.main, self.mapping.deleted)

    def _where(self, query: Select[Any], *criteria: ColumnElement[bool] | None) -> Select[Any]:
        return query.where(*both(*criteria))

    def _key_of(self, record_id: str) -> Any:
        column = self._tables.key
        if isinstance(column.type, Integer):
            sound = record_id.isascii() and record_id.isdigit() and len(record_id) < 19
            return int(record_id) if sound and str(int(record_id)) == record_id else None
        limit = column.type.length if isinstance(column.type, String) else None
        return record_id if 0 < len(record_id) <= min(limit or 64, 64) and record_id.isprintable() else None

    def _existing(self, record_id: str, *, lock: bool = False) -> Record:
        record = self.get(record_id, lock=lock)
        if record is None:
            raise RecordMissing(record_id)
        return record

    def _all(self, query: Select[Any]) -> list[Record]:
        return self.reader.records(self.connection, [tuple(row) for row in self.connection.execute(query)])

    def _ids(self, *criteria: ColumnElement[bool] | None) -> list[str]:
        keys = self._where(select(self._tables.key), self._tables.persons(), *criteria).order_by(self._tables.key)
        return [str(key) for key in self.connection.execute(keys).scalars()]

    def _pages(self, ids: list[str], batch: int) -> Iterator[Record]:
        for start in range(0, len(ids), batch):
            some = self.get_many(ids[start : start + batch])
            yield from (some[each] for each in ids[start : start + batch] if each in some)

    def _reason_against(self, name: str, value: str) -> str | None:
        if name not in self.mapping.field_names:
            return "no column of this database holds it"
        if name not in self.mapping.writable:
            return "is read-only in this database"
        field = BY_NAME[name]
        if name in self.mapping.lookups:
            lookup = self.mapping.lookups[name]
            reason = self._reason_against_lookup(lookup, value)
            return reason or self._reason_of_column(lookup.table, lookup.text, name, value)
        rows = next((each for each in self.reader.rows if name in each.spec.fields), None)
        if rows is not None:
            reason = reason_against(field.kind, None, value) or rows.reason_against(self.connection, value)
            return reason or self._reason_of_column(rows.spec.table, rows.spec.value, name, value)
        own = self.mapping.fields[name]
        parts = split_lines(value, len(own.columns)) if len(own.columns) > 1 else [value]
        for column, part in zip(own.columns, parts, strict=True):
            reason = self._reason_of_column(self.mapping.table, column, name, part)
            if reason:
                return reason
        return None

    def _reason_of_column(self, table: str, column: str, name: str, value: str) -> str | None:
        kind = BY_NAME[name].kind
        own = self.mapping.fields.get(name)
        reason = reason_against(kind, None, value)
        if reason or not value:
            return reason
        if isinstance(self._tables.table(table).c[column].type, Date) and not _is_date(value):
            return "a date without a year does not fit here"
        try:
            kept = column_value(kind, own.transform if own else "", value, self._tables.table(table).c[column].type)
        except (ValueError, ArithmeticError):
            return "is of another kind than the column"
        text = str(kept)
        limit = self._tables.length(table, column)
        if limit is not None and len(text) > limit:
            return f"longer than {limit} characters"
        return _reason_of_charset(self._tables.charset(table, column), text)

    def _constants(self, where: Mapping[str, Any], more: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What a new row has besides its fields."""
        values = {name: value for name, value in where.items() if not isinstance(value, list) and value != ""}
        return values | {name: made(value, self.mapping.modified, now) for name, value in more.items()}

    # Lookups

    def _reason_against_lookup(self, lookup: Lookup, value: str) -> str | None:
        if not value:
            nullable = self._tables.main.c[lookup.column].nullable
            return None if nullable else "cannot be empty"
        found = self._look_up(lookup, value)
        if len(found) > 1:
            return "more than one has this name"
        return "there is none of this name" if not found and lookup.unknown != "create" else None

    def _look_up(self, lookup: Lookup, value: str) -> list[Any]:
        """The keys of the rows with this text or code, at most two; none if there is none."""
        table = self._tables.table(lookup.table)
        names = (lookup.text, *lookup.codes)
        query = select(table.c[lookup.key], *(table.c[name] for name in names))
        query = query.where(*both(matching(table, lookup.where)))
        if not lookup.transform:
            for name in names:
                same = query.where(func.lower(table.c[name]) == value.lower()).limit(2)
                found = [row[0] for row in self.connection.execute(same)]
                if found:
                    return found
            return []
        wanted = value.casefold()
        rows = self.connection.execute(query.limit(_MOST_LOOKED_AT)).all()
        texts = [(row[0], {field_text("text", lookup.transform, each).casefold() for each in row[1:]}) for row in rows]
        return [key for key, known in texts if wanted in known][:2]

    def _linked(self, lookup: Lookup, value: str) -> Any:
        if not value:
            return None
        found = self._look_up(lookup, value)
        if found:
            return found[0]
        now = datetime.now(UTC)
        values = self._constants(lookup.where, lookup.insert, now)
        values[lookup.text] = value
        table = self._tables.table(lookup.table)
        done = self.connection.execute(insert(table).values(stored(table, values))).inserted_primary_key
        return values.get(lookup.key, done[0] if done else None)

    # Columns

    def _column_values(self, changes: Mapping[str, str]) -> dict[str, Any]:
        """The columns of the person's row that these fields are."""
        values: dict[str, Any] = {}
        for name, value in changes.items():
            if name in self.mapping.lookups:
                lookup = self.mapping.lookups[name]
                values[lookup.column] = self._linked(lookup, value)
            elif name in self.mapping.fields:
                values |= self._own_columns(name, value)
        return values

    def _own_columns(self, name: str, value: str) -> dict[str, Any]:
        field, kind = self.mapping.fields[name], BY_NAME[name].kind
        parts = split_lines(value, len(field.columns)) if len(field.columns) > 1 else [value]
        values: dict[str, Any] = {}
        for column, part in zip(field.columns, parts, strict=True):
            found = self._tables.main.c[column]
            kept = column_value(kind, field.transform, part, found.type)
            values[column] = "" if kept is None and not found.nullable and isinstance(found.type, String) else kept
        values |= {column: shadow(how, value or None) for column, how in field.shadows.items()}
        return values

    def _write_main(self, record_id: str, values: Mapping[str, Any], now: datetime) -> None:
        also = {name: made(value, self.mapping.modified, now) for name, value in self.mapping.update.items()}
        if values or also:
            here = self._tables.key == self._key_of(record_id)
            main = self._tables.main
            self.connection.execute(update(main).where(here).values(stored(main, {**also, **values})))

    def _write_rows(self, key: Any, changes: Mapping[str, str], now: datetime) -> None:
        for each in self.reader.rows:
            own = {name: value for name, value in changes.items() if name in each.spec.fields}
            if own:
                each.write(self.connection, key, own, now)

    def _linking(self, values: Mapping[str, Any]) -> list[Lookup]:
        return [each for each in self.mapping.lookups.values() if each.link and each.column in values]

    def _pointing(self, record_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Where those columns point now that are about to be written and have a link beside them."""
        columns = [self._tables.main.c[each.column] for each in self._linking(values)]
        if not columns:
            return {}
        row = self.connection.execute(select(*columns).where(self._tables.key == self._key_of(record_id))).first()
        return dict(row._mapping) if row else {}  # noqa: SLF001 - SQLAlchemy's public name

    def _follow(self, key: Any, before: Mapping[str, Any], after: Mapping[str, Any], now: datetime) -> None:
        for each in self._linking(after):
            assert each.link is not None
            change = (key, before.get(each.column), after[each.column])
            if change[1] != change[2]:
                follow(
                    self.connection, self._tables.table(each.link.table), each.link, self.mapping.modified, change, now
                )


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _reason_of_charset(charset: str, text: str) -> str | None:
    if charset == "bmp":
        return "contains a character that the column cannot hold" if any(ord(char) > 0xFFFF for char in text) else None
    try:
        text.encode(charset or "utf-8")
    except UnicodeEncodeError:
        return "contains a character that the column cannot hold"
    return None
