# SPDX-License-Identifier: GPL-3.0-or-later
"""What every business database offers, be it our own schema or an application's tables. Imported by sync.

Vocabulary: a *record* is a business contact; its *id* is the key in its database, as text; its *uid* goes into cards;
its *version* is an opaque token that differs after every change (a number here, a hash for a foreign table);
*deleted* means that it lies in Deleted Items; *purged* means gone for good. Field names, kinds and lengths are those
of `contacts.fields`, and a custom type's own.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import ColumnElement

from radicale_bcm.contacts.model import Contact

DEFAULT_TYPE = "business-contact"
ACCOUNT_TYPE = "account"


class Record(NamedTuple):
    """One business contact as it stands in the database. Times are aware, in UTC."""

    id: str
    uid: str
    type: str
    version: str
    fields: Contact
    created_at: datetime
    modified_at: datetime
    deleted_at: datetime | None = None
    deleted_by: str | None = None
    account_id: str | None = None


class RecordError(Exception):
    """A request about records that was refused; nothing was written.

    ├── RecordMissing    there is no such record
    ├── StaleRecord      it changed since the version that the caller saw
    ├── DuplicateUid     another record, perhaps a deleted one, has this UID
    ├── NotDeleted       only what lies in Deleted Items can be purged
    ├── Unfit            values do not fit their columns
    ├── UnknownType      there is no such record type
    └── NotAllowed       this database does not let us do that
    """


class RecordMissing(RecordError):
    """There is no record with this id."""

    def __init__(self, record_id: str) -> None:
        super().__init__(record_id)
        self.record_id = record_id

    def __str__(self) -> str:
        return f"no record {self.record_id}"


class StaleRecord(RecordError):
    """The record's version is not the one that the change was made for."""

    def __init__(self, record_id: str, wanted: str, found: str) -> None:
        super().__init__(record_id, wanted, found)
        self.record_id = record_id
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        return f"record {self.record_id} is at version {self.found}, not {self.wanted}"


class DuplicateUid(RecordError):
    """A record with this UID exists already."""

    def __init__(self, uid: str) -> None:
        super().__init__(uid)
        self.uid = uid

    def __str__(self) -> str:
        return f"a record with the UID {self.uid} exists already"


class NotDeleted(RecordError):
    """The record is not in Deleted Items."""

    def __init__(self, record_id: str) -> None:
        super().__init__(record_id)
        self.record_id = record_id

    def __str__(self) -> str:
        return f"record {self.record_id} is not in Deleted Items"


class Unfit(RecordError):
    """Values that do not fit: field name to reason, as `RecordSource.refusals` gives them."""

    def __init__(self, refusals: Mapping[str, str]) -> None:
        super().__init__(dict(refusals))
        self.refusals = dict(refusals)

    def __str__(self) -> str:
        return "; ".join(f"{field}: {reason}" for field, reason in self.refusals.items())


class UnknownType(RecordError):
    """The record type was never defined."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is no record type {self.name}"


class NotAllowed(RecordError):
    """What a mapping of another application's tables does not provide for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class RecordSource(Protocol):
    """The records of one business database, seen through one open transaction.

    The transaction is its owner's: nothing here commits or rolls back. Every method sees what was committed before
    (a reading transaction: before it began) and what this transaction wrote itself. A refused write leaves the
    transaction usable. Ids that this database cannot have are simply not found. Besides the errors named at each
    method, SQLAlchemy's own pass through; the context manager that opened the transaction translates them. A database
    that is read-only, or has no way to delete or restore, raises NotAllowed.
    """

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written here."""

    def get(self, record_id: str, *, lock: bool = False) -> Record | None:
        """The record, a deleted one too; None if there is none. `lock` keeps others from changing it until the
        transaction ends (SQLite: a writing transaction keeps them off anyway).
        """

    def get_by_uid(self, uid: str, *, lock: bool = False) -> Record | None:
        """The same by UID, which is compared character by character."""

    def get_many(self, record_ids: Collection[str]) -> dict[str, Record]:
        """Those of these records that exist, deleted ones too, by id."""

    def iterate(self, *, batch: int = 1000, include_deleted: bool = False) -> Iterator[Record]:
        """All records in the order of their keys, `batch` at a time, so that any number of them fits into memory."""

    def find(self, criterion: ColumnElement[bool] | None = None, limit: int | None = None) -> Iterator[Record]:
        """The records that are not deleted and match a criterion built from `columns`, in the order of their keys."""

    def find_ids(self, criterion: ColumnElement[bool] | None = None) -> Iterator[str]:
        """The same records' ids alone, which is much faster."""

    def count(self, criterion: ColumnElement[bool] | None = None) -> int:
        """How many records `find` would give."""

    def columns(self) -> Mapping[str, ColumnElement[object]]:
        """What a criterion can be built from: every field, and id, uid, type, created, modified, account_id. NULL and
        the empty text both mean an empty field.
        """

    def field_kinds(self) -> Mapping[str, str]:
        """The kind (text, multiline, date, yesno, number) of every field that `columns` has."""

    def list_deleted(self) -> Iterator[Record]:
        """Deleted Items, the latest first."""

    def refusals(self, changes: Mapping[str, str], record_type: str = DEFAULT_TYPE) -> dict[str, str]:
        """The fields whose values this database would not take, each with the reason in a few words; {} if all fit."""

    def insert(
        self, fields: Mapping[str, str], *, uid: str | None = None, record_type: str = DEFAULT_TYPE,
        at: datetime | None = None,
    ) -> Record:  # fmt: skip
        """A new record; the database makes up what is left out. Raises DuplicateUid, Unfit, UnknownType."""

    def update(self, record_id: str, changes: Mapping[str, str], version: str) -> Record:
        """Write these fields ("" empties one) and no others, if the record is still at this version.

        Returns the record as the database has it now. Raises RecordMissing, StaleRecord, Unfit.
        """

    def soft_delete(self, record_id: str, *, by: str | None = None, at: datetime | None = None) -> Record:
        """Move the record to Deleted Items; one that lies there already stays as it is. Raises RecordMissing."""

    def restore(self, record_id: str) -> Record:
        """Take the record out of Deleted Items; one that is not in there stays as it is. Raises RecordMissing."""

    def purge(self, record_id: str) -> None:
        """Remove the record, and every copy of it in this database, for good. Raises RecordMissing, NotDeleted."""
