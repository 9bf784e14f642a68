# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts that a plain DELETE removed from the table; a trigger kept a copy. Imported by business and sync."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from radicale_bcm.business.contract import DEFAULT_TYPE, DuplicateUid, Record, RecordMissing
from radicale_bcm.business.fit import meaning, reason_against
from radicale_bcm.business.record_types import list_types
from radicale_bcm.business.records import Records
from radicale_bcm.business.rows import key_of
from radicale_bcm.business.schema import contact_erased
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.model import Contact


@dataclass(frozen=True, slots=True)
class Erased:
    """A removed record as it was. `seq` names the copy: one id can be removed more than once."""

    seq: int
    record_id: str
    uid: str
    type: str
    erased_at: datetime
    fields: Contact


def list_erased(connection: Connection) -> Iterator[Erased]:
    """The copies, the latest first."""
    custom = {name: kept.fields for name, kept in list_types(connection).items()}
    for row in connection.execute(select(contact_erased).order_by(contact_erased.c.seq.desc())):
        data: dict[str, Any] = json.loads(row.data)
        kinds = {field.name: field.kind for field in FIELDS} | dict(custom.get(data.get("type") or "", {}))
        values = {name: meaning(kind, _plain(data, name)) for name, kind in kinds.items()}
        fields = {name: value for name, value in values.items() if value}
        yield Erased(row.seq, row.record_id, row.uid or "", data.get("type") or DEFAULT_TYPE, row.erased_at, fields)


def restore_erased(connection: Connection, seq: int) -> Record:
    """Put a copy back as a record with the same UID and id, and forget the copy.

    Raises RecordMissing if there is no such copy, DuplicateUid if somebody put the contact back already.
    """
    copy = next((erased for erased in list_erased(connection) if erased.seq == seq), None)
    if copy is None:
        raise RecordMissing(str(seq))
    records = Records(connection)
    if copy.uid and records.get_by_uid(copy.uid):
        raise DuplicateUid(copy.uid)
    kinds = {field.name: field for field in FIELDS}
    fields = {
        name: value
        for name, value in copy.fields.items()
        if name not in kinds or reason_against(kinds[name].kind, kinds[name].length, value) is None
    }
    key = key_of(copy.record_id)
    free = key is not None and records.get(copy.record_id) is None
    record = records.put_back(fields, uid=copy.uid, record_type=copy.type, key=key if free else None)
    purge_erased(connection, seq)
    return record


def purge_erased(connection: Connection, seq: int) -> None:
    """Forget a copy for good."""
    connection.execute(contact_erased.delete().where(contact_erased.c.seq == seq))


def _plain(data: dict[str, Any], name: str) -> object:
    # The triggers put custom values apart, and each engine has its own idea of a boolean in JSON.
    return data[name] if name in data else (data.get("custom") or {}).get(name)
