# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of our own schema: the RecordSource (see contract) that writes plain SQL.

Imported by business and sync.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Numeric,
    Select,
    Update,
    and_,
    bindparam,
    case,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from radicale_bcm.business import rows
from radicale_bcm.business.contract import (
    DEFAULT_TYPE,
    DuplicateUid,
    NotDeleted,
    Record,
    RecordMissing,
    StaleRecord,
    Unfit,
    UnknownType,
)
from radicale_bcm.business.expressions import SqlNow
from radicale_bcm.business.fit import reason_against
from radicale_bcm.business.record_types import RecordType, list_types
from radicale_bcm.business.schema import ACTOR_LENGTH, UID_LENGTH, contact, contact_erased, custom_value
from radicale_bcm.contacts.fields import BY_NAME, FIELDS
from radicale_bcm.database.prepared import Prepared
from radicale_bcm.database.types import NUMBER_DIGITS, NUMBER_PLACES

_LIVE = contact.c.deleted_at.is_(None)
_COLUMNS = {
    **{field.name: contact.c[field.name] for field in FIELDS},
    "id": contact.c.id,
    "uid": contact.c.uid,
    "type": contact.c.type,
    "created": contact.c.created_at,
    "modified": contact.c.modified_at,
    "account_id": contact.c.account_id,
}


def _lockable(statement: Select[Any]) -> tuple[Prepared, Prepared]:
    return Prepared(statement), Prepared(statement.with_for_update())


# Made once: SQLAlchemy takes longer over a new statement of eighty columns than SQLite over its answer.
_BY_KEY = _lockable(rows.SELECT.where(contact.c.id == bindparam("value")))
_BY_UID = _lockable(rows.SELECT.where(contact.c.uid == bindparam("value")))
_BY_KEYS = Prepared(rows.SELECT.where(contact.c.id.in_(bindparam("value", expanding=True))), "value")


class Records:
    """The records of a native business database within the transaction of `connection`, which the caller owns."""

    read_only = False

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        # The record that was locked last, as it was read then.
        self._locked: Record | None = None

    # Reading

    def get(self, record_id: str, *, lock: bool = False) -> Record | None:
        """See RecordSource."""
        key = rows.key_of(record_id)
        found = None if key is None else self._one(_BY_KEY[lock], key)
        if lock:
            self._locked = found
        return found

    def get_by_uid(self, uid: str, *, lock: bool = False) -> Record | None:
        """See RecordSource."""
        return self._one(_BY_UID[lock], uid)

    def get_many(self, record_ids: Collection[str]) -> dict[str, Record]:
        """See RecordSource."""
        keys = [key for key in map(rows.key_of, record_ids) if key is not None]
        return {record.id: record for some in rows.chunks(keys) for record in self._all(_BY_KEYS, some)}

    def iterate(self, *, batch: int = 1000, include_deleted: bool = False) -> Iterator[Record]:
        """See RecordSource."""
        return self._pages(None if include_deleted else _LIVE, batch)

    def find(self, criterion: ColumnElement[bool] | None = None, limit: int | None = None) -> Iterator[Record]:
        """See RecordSource."""
        return self._pages(_live(criterion), 1000, limit)

    def find_ids(self, criterion: ColumnElement[bool] | None = None) -> Iterator[str]:
        """See RecordSource."""
        found = self.connection.execute(select(contact.c.id).where(_live(criterion)).order_by(contact.c.id))
        return (str(key) for key in found.scalars())

    def count(self, criterion: ColumnElement[bool] | None = None) -> int:
        """See RecordSource."""
        return self.connection.scalar(select(func.count()).select_from(contact).where(_live(criterion))) or 0

    def list_deleted(self) -> Iterator[Record]:
        """See RecordSource."""
        newest_first = rows.SELECT.where(contact.c.deleted_at.is_not(None))
        newest_first = newest_first.order_by(contact.c.deleted_at.desc(), contact.c.id.desc())
        return iter(rows.records_of(self.connection, self.connection.execute(newest_first).all(), self._custom_kinds))

    def columns(self) -> Mapping[str, ColumnElement[Any]]:
        """See RecordSource."""
        return {**_COLUMNS, **{name: _custom_column(name, kind) for name, kind in self._all_custom.items()}}

    def field_kinds(self) -> Mapping[str, str]:
        """See RecordSource."""
        return {
            **{name: BY_NAME[name].kind if name in BY_NAME else "text" for name in _COLUMNS},
            "created": "date",
            "modified": "date",
            **self._all_custom,
        }

    def refusals(self, changes: Mapping[str, str], record_type: str = DEFAULT_TYPE) -> dict[str, str]:
        """See RecordSource."""
        refused = {}
        for name, value in changes.items():
            field = BY_NAME.get(name)
            kind = field.kind if field else self._custom_kinds(record_type).get(name)
            reason = reason_against(kind, field.length if field else None, value) if kind else "there is no such field"
            if reason:
                refused[name] = reason
        return refused

    # Writing

    def insert(
        self,
        fields: Mapping[str, str],
        *,
        uid: str | None = None,
        record_type: str = DEFAULT_TYPE,
        at: datetime | None = None,
    ) -> Record:
        """See RecordSource."""
        known = DEFAULT_TYPE if record_type == DEFAULT_TYPE else self._person_type(record_type).name
        return self._insert(fields, uid, known, {"created_at": at, "modified_at": at} if at else {})

    def put_back(self, fields: Mapping[str, str], *, uid: str, record_type: str, key: int | None) -> Record:
        """A record that was here before, at its id if that is free. It may be of any type: other programs write some
        that we show nobody. Raises as `insert` does."""
        known = record_type if record_type in self._types else DEFAULT_TYPE
        return self._insert(fields, uid, known, {} if key is None else {"id": key})

    def _insert(self, fields: Mapping[str, str], uid: str | None, known: str, more: Mapping[str, Any]) -> Record:
        refused = self.refusals(fields, known)
        if uid and (reason := reason_against("text", UID_LENGTH, uid)):
            refused["uid"] = reason
        if refused:
            raise Unfit(refused)
        values: dict[str, Any] = {name: value for name, value in fields.items() if value and name in BY_NAME}
        values["type"] = known
        if uid:
            values["uid"] = uid
        values |= more
        try:
            made = rows.new_key(self.connection, contact.insert().values(values))
        except IntegrityError:
            if uid and self.get_by_uid(uid):
                raise DuplicateUid(uid) from None
            raise
        self._write_custom(made, {name: value for name, value in fields.items() if name not in BY_NAME})
        return self._existing(str(made))

    def update(self, record_id: str, changes: Mapping[str, str], version: str) -> Record:
        """See RecordSource."""
        custom = {name: value for name, value in changes.items() if name not in BY_NAME}
        refused = self.refusals(changes, self._existing(record_id).type if custom else DEFAULT_TYPE)
        if refused:
            raise Unfit(refused)
        key = rows.key_of(record_id)
        if not changes:
            record = self._existing(record_id)
            if record.version != version:
                raise StaleRecord(record_id, version, record.version)
            return record
        wanted = rows.key_of(version)
        written: dict[str, Any] = {name: value or None for name, value in changes.items() if name in BY_NAME}
        written |= {"at_key": key, "at_version": wanted}
        done = wanted is not None and self._write_at_version(written)
        if not done:
            raise StaleRecord(record_id, version, self._existing(record_id).version)
        self._write_custom(key, custom)
        return done if isinstance(done, Record) and not custom else self._existing(record_id)

    def _write_at_version(self, values: Mapping[str, Any]) -> Record | bool:
        """Whether the row was there in that version; the record as it is then, where that takes no round trip more."""
        if self.connection.dialect.name != "postgresql":
            return _AT_VERSION.run(self.connection, values) == 1 and (self._seen_again(values) or True)
        found = _RETURNED.all(self.connection, values)
        return rows.records_of(self.connection, found, self._custom_kinds)[0] if found else False

    def _seen_again(self, values: Mapping[str, Any]) -> Record | None:
        """The record that was just written, from a look at little more than what was written; None if it was not the
        one that was read last, or has something that this does not tell."""
        before, version = self._locked, values["at_version"]
        if before is None or before.id != str(values["at_key"]) or before.version != str(version):
            return None
        names = tuple(name for name in values if name in BY_NAME and name not in rows.FOLLOWING)
        found = _changed(names).one(self.connection, {"value": values["at_key"]})
        # Somebody's trigger may have changed the row once more, and thereby its version.
        is_all = before.type == DEFAULT_TYPE and found[0] == version + 1
        return rows.changed_record(before, names, found) if is_all else None

    def soft_delete(self, record_id: str, *, by: str | None = None, at: datetime | None = None) -> Record:
        """See RecordSource."""
        who = by[:ACTOR_LENGTH] if by else None
        statement = _touch().where(contact.c.id == rows.key_of(record_id), _LIVE)
        self.connection.execute(statement.values(deleted_at=at or datetime.now(UTC), deleted_by=who))
        return self._existing(record_id)

    def restore(self, record_id: str) -> Record:
        """See RecordSource."""
        statement = _touch().where(contact.c.id == rows.key_of(record_id), contact.c.deleted_at.is_not(None))
        self.connection.execute(statement.values(deleted_at=None, deleted_by=None))
        return self._existing(record_id)

    def purge(self, record_id: str) -> None:
        """See RecordSource."""
        if self._existing(record_id, lock=True).deleted_at is None:
            raise NotDeleted(record_id)
        self.connection.execute(contact.delete().where(contact.c.id == rows.key_of(record_id)))
        self.connection.execute(contact_erased.delete().where(contact_erased.c.record_id == record_id))

    # Underneath

    @cached_property
    def _types(self) -> Mapping[str, RecordType]:
        return list_types(self.connection)

    @property
    def _all_custom(self) -> dict[str, str]:
        return {name: kind for kept in self._types.values() if kept.is_person for name, kind in kept.fields.items()}

    def _custom_kinds(self, record_type: str) -> Mapping[str, str]:
        return self._types[record_type].fields if record_type in self._types else {}

    def _person_type(self, name: str) -> RecordType:
        found = self._types.get(name)
        if found is None or not found.is_person:
            raise UnknownType(name)
        return found

    def _one(self, statement: Prepared, value: object) -> Record | None:
        found = self._all(statement, value)
        return found[0] if found else None

    def _existing(self, record_id: str, *, lock: bool = False) -> Record:
        record = self.get(record_id, lock=lock)
        if record is None:
            raise RecordMissing(record_id)
        return record

    def _all(self, statement: Prepared, value: object) -> list[Record]:
        found = statement.all(self.connection, {"value": value})
        return rows.records_of(self.connection, found, self._custom_kinds)

    def _pages(self, criterion: ColumnElement[bool] | None, batch: int, limit: int | None = None) -> Iterator[Record]:
        statement = rows.SELECT.order_by(contact.c.id)
        if criterion is not None:
            statement = statement.where(criterion)
        last, left = -(2**63), limit
        while left is None or left > 0:
            size = batch if left is None else min(batch, left)
            page = self.connection.execute(statement.where(contact.c.id > last).limit(size)).all()
            yield from rows.records_of(self.connection, page, self._custom_kinds)
            if len(page) < size:
                return
            last = page[-1].id
            left = None if left is None else left - size

    def _write_custom(self, key: int | None, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            mine = and_(custom_value.c.contact_id == key, custom_value.c.name == name)
            self.connection.execute(custom_value.delete().where(mine))
            if value:
                row = {"contact_id": key, "name": name, "value": value}
                self.connection.execute(custom_value.insert(), row)


def _live(criterion: ColumnElement[bool] | None) -> ColumnElement[bool]:
    return _LIVE if criterion is None else and_(_LIVE, criterion)


def _touch() -> Update:
    # SQLite's trigger leaves the time alone when the statement itself raises the version.
    return update(contact).values({contact.c.version: contact.c.version + 1, contact.c.modified_at: SqlNow()})


_CHANGED = _touch().where(contact.c.id == bindparam("at_key"), contact.c.version == bindparam("at_version"))
_AT_VERSION = Prepared(_CHANGED)
# With what triggers made of it, which on SQLite only another statement tells.
_RETURNED = Prepared(_CHANGED.returning(*rows.SELECT.selected_columns))


@lru_cache(maxsize=256)
def _changed(names: tuple[str, ...]) -> Prepared:
    return Prepared(rows.changed(names).where(contact.c.id == bindparam("value")))


def _custom_column(name: str, kind: str) -> ColumnElement[Any]:
    mine = and_(custom_value.c.contact_id == contact.c.id, custom_value.c.name == name)
    value = select(custom_value.c.value).where(mine).correlate(contact)
    if kind != "number":
        return value.scalar_subquery()
    # A client may have written anything, and a cast of it must not fail.
    number = cast(custom_value.c.value, Numeric(NUMBER_DIGITS, NUMBER_PLACES))
    sound = custom_value.c.value.regexp_match(r"^-?[0-9]{1,11}([.][0-9]+)?$")
    return select(case((sound, number))).where(mine).correlate(contact).scalar_subquery()
