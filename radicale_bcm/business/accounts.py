# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts: the companies of our own schema, which are not synchronised themselves. Imported by business and sync.

A contact's `company` is its account's name; the database keeps the two in agreement (see triggers).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Update, select, update
from sqlalchemy.exc import IntegrityError

from radicale_bcm.business.contract import ACCOUNT_TYPE, DuplicateUid, NotDeleted, RecordMissing, StaleRecord, Unfit
from radicale_bcm.business.expressions import SqlNow
from radicale_bcm.business.fit import meaning, reason_against
from radicale_bcm.business.rows import key_of, new_key
from radicale_bcm.business.schema import ACCOUNT_FIELDS, ACTOR_LENGTH, account
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.model import Contact


@dataclass(frozen=True, slots=True)
class Account:
    """A company. `fields` are those of schema.ACCOUNT_FIELDS that have a value. Times are aware, in UTC."""

    id: str
    uid: str
    type: str
    version: str
    name: str
    fields: Contact
    modified_at: datetime | None
    deleted_at: datetime | None = None
    deleted_by: str | None = None


class Accounts:
    """The accounts within the transaction of `connection`, which the caller owns."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def get(self, account_id: str) -> Account | None:
        """The account, a deleted one too."""
        return self._one(account.c.id == key_of(account_id))

    def get_by_uid(self, uid: str) -> Account | None:
        """The account with this UID, a deleted one too."""
        return self._one(account.c.uid == uid)

    def named(self, name: str) -> list[Account]:
        """The accounts that are not deleted and have exactly this name, the oldest first."""
        return self._all(account.c.name == name, account.c.deleted_at.is_(None))

    def iterate(self, *, include_deleted: bool = False) -> Iterator[Account]:
        """All accounts in the order of their keys."""
        return iter(self._all() if include_deleted else self._all(account.c.deleted_at.is_(None)))

    def insert(
        self,
        name: str,
        fields: Mapping[str, str] | None = None,
        *,
        uid: str | None = None,
        account_type: str = ACCOUNT_TYPE,
    ) -> Account:
        """A new account. Raises Unfit (a name is required), DuplicateUid."""
        given = {"name": name, **(fields or {})}
        _check(given, name_required=True)
        values: dict[str, Any] = {field: value for field, value in given.items() if value} | {"type": account_type}
        if uid:
            values["uid"] = uid
        try:
            key = new_key(self.connection, account.insert().values(values))
        except IntegrityError:
            if uid and self.get_by_uid(uid):
                raise DuplicateUid(uid) from None
            raise
        return self._existing(str(key))

    def find_or_insert(self, name: str) -> Account:
        """The oldest account of this name, or a new one."""
        found = self.named(name)
        return found[0] if found else self.insert(name)

    def update(self, account_id: str, changes: Mapping[str, str], version: str | None = None) -> Account:
        """Write these fields (`name` too, which renames the company of its contacts); "" empties one.

        Raises RecordMissing, Unfit, and StaleRecord if a version is given and not the account's.
        """
        _check(changes, name_required="name" in changes)
        before = self._existing(account_id)
        if version is not None and before.version != version:
            raise StaleRecord(account_id, version, before.version)
        statement = _touch(account_id).values({field: value or None for field, value in changes.items()})
        if version is not None:
            statement = statement.where(account.c.version == key_of(version))
        if self.connection.execute(statement).rowcount != 1:
            raise StaleRecord(account_id, before.version, self._existing(account_id).version)
        return self._existing(account_id)

    def soft_delete(self, account_id: str, *, by: str | None = None, at: datetime | None = None) -> Account:
        """Move the account to Deleted Items; its contacts stay as they are. Raises RecordMissing."""
        values = {"deleted_at": at or datetime.now(UTC), "deleted_by": by[:ACTOR_LENGTH] if by else None}
        self.connection.execute(_touch(account_id).where(account.c.deleted_at.is_(None)).values(values))
        return self._existing(account_id)

    def restore(self, account_id: str) -> Account:
        """Take the account out of Deleted Items. Raises RecordMissing."""
        deleted = account.c.deleted_at.is_not(None)
        self.connection.execute(_touch(account_id).where(deleted).values(deleted_at=None, deleted_by=None))
        return self._existing(account_id)

    def purge(self, account_id: str) -> None:
        """Remove a deleted account for good; its contacts keep the company's name. Raises RecordMissing, NotDeleted."""
        if self._existing(account_id).deleted_at is None:
            raise NotDeleted(account_id)
        self.connection.execute(account.delete().where(account.c.id == key_of(account_id)))

    def _existing(self, account_id: str) -> Account:
        found = self.get(account_id)
        if found is None:
            raise RecordMissing(account_id)
        return found

    def _one(self, criterion: ColumnElement[bool]) -> Account | None:
        found = self._all(criterion)
        return found[0] if found else None

    def _all(self, *criteria: ColumnElement[bool]) -> list[Account]:
        found = self.connection.execute(select(account).where(*criteria).order_by(account.c.id))
        return [_account(row) for row in found]


def _touch(account_id: str) -> Update:
    values = {account.c.version: account.c.version + 1, account.c.modified_at: SqlNow()}
    return update(account).where(account.c.id == key_of(account_id)).values(values)


def _account(row: Row[Any]) -> Account:
    values = {name: meaning(BY_NAME[name].kind, getattr(row, name)) for name in ACCOUNT_FIELDS}
    return Account(
        id=str(row.id),
        uid=row.uid or "",
        type=row.type or ACCOUNT_TYPE,
        version=str(row.version),
        name=row.name,
        fields={name: value for name, value in values.items() if value},
        modified_at=row.modified_at,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
    )


def _check(values: Mapping[str, str], *, name_required: bool) -> None:
    refused = {}
    for name, value in values.items():
        field = BY_NAME["company"] if name == "name" else BY_NAME.get(name) if name in ACCOUNT_FIELDS else None
        reason = reason_against(field.kind, field.length, value) if field else "there is no such field"
        if reason:
            refused[name] = reason
    if name_required and not values.get("name", "").strip():
        refused["name"] = "an account needs a name"
    if refused:
        raise Unfit(refused)
