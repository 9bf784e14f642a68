# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleted Items: business records and plain contacts that were deleted, until they are purged. Imported by cli."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from radicale_bcm.books import collections, history, items, view
from radicale_bcm.books.items import NewItem, Trashed
from radicale_bcm.business.contract import Record
from radicale_bcm.contacts.model import display_name
from radicale_bcm.sync.errors import Conflict, NotThere
from radicale_bcm.sync.project import Cause, project
from radicale_bcm.sync.unit import Unit

# Marks the id of a plain contact, so that no record's id can be taken for it.
_PLAIN = "plain-"


@dataclass(frozen=True, slots=True)
class Deleted:
    """One of the Deleted Items; `path` is the folder of a plain contact and empty for a record."""

    id: str
    name: str
    kind: str
    deleted_at: datetime
    deleted_by: str
    path: str = ""


def listed(unit: Unit) -> list[Deleted]:
    """All Deleted Items, latest first."""
    records = [_of_record(each) for each in unit.records().list_deleted()]
    plain = [_of_plain(each) for each in items.trashed(unit.conn)]
    return sorted(records + plain, key=lambda each: each.deleted_at, reverse=True)


def _of_record(record: Record) -> Deleted:
    assert record.deleted_at is not None
    return Deleted(record.id, display_name(record.fields), record.type, record.deleted_at, record.deleted_by or "")


def _of_plain(each: Trashed) -> Deleted:
    return Deleted(f"{_PLAIN}{each.id}", each.label, "plain", each.deleted_at, each.deleted_by, f"/{each.path}/")


def chosen(unit: Unit, principal: str, since: datetime | None) -> list[Deleted]:
    """What a principal deleted, since a time."""
    return [
        each for each in listed(unit) if each.deleted_by == principal and (since is None or each.deleted_at >= since)
    ]


def purgeable(
    unit: Unit, ids: Collection[str] | None, before: datetime | None, *, removed_remotely: bool = False
) -> list[Deleted]:
    """What a purge would take: these ids or all, deleted before a time, only by clients. NotThere for an unknown id."""
    known = listed(unit)
    for wanted in ids or ():
        if not any(each.id == wanted for each in known):
            raise NotThere(f"{wanted} is not among the Deleted Items: see `radicale-bcm deleted list`")
    return [
        each
        for each in known
        if (ids is None or each.id in ids)
        and (before is None or each.deleted_at < before)
        and (not removed_remotely or _was_removed_remotely(unit, each))
    ]


def _was_removed_remotely(unit: Unit, each: Deleted) -> bool:
    if each.id.startswith(_PLAIN):
        return True  # nothing but a client deletes a plain contact
    entries = history.entries(unit.conn, record=(unit.origin.id, each.id))
    return next((entry.source == "dav" for entry in entries if entry.action == "deleted"), False)


def restore(unit: Unit, ids: Iterable[str]) -> list[Deleted]:
    """Bring Deleted Items back to every folder they were in. NotThere or Conflict: then none is restored."""
    known = {each.id: each for each in listed(unit)}
    restored: list[Deleted] = []
    for wanted in dict.fromkeys(ids):
        if wanted not in known:
            raise NotThere(f"{wanted} is not among the Deleted Items: see `radicale-bcm deleted list`")
        if wanted.startswith(_PLAIN):
            _restore_plain(unit, int(wanted.removeprefix(_PLAIN)))
        else:
            record = unit.records().restore(wanted)
            project(unit, unit.origin, wanted, record, cause=Cause(unit.actor))
        restored.append(known[wanted])
    return restored


def _restore_plain(unit: Unit, trashed_id: int) -> None:
    (old,) = items.trashed(unit.conn, [trashed_id])
    folder = collections.get(unit.conn, old.path)
    if folder is None:
        raise Conflict(f"{old.label}: the folder /{old.path}/ does not exist any more; create it and try again")
    shown = view.open_folder(unit.conn, folder)
    if view.get(unit.conn, shown, old.href) or view.find_uid(unit.conn, shown, old.uid):
        raise Conflict(f"{old.label}: /{old.path}/{old.href} or its UID is in use again")
    new = NewItem(old.href, old.uid, "VCARD", "", 0, 0, old.text)
    items.put(unit.conn, folder.id, new, unit.revision, unit.at)
    items.drop_from_trash(unit.conn, trashed_id)


def purge(unit: Unit, ids: Iterable[str]) -> int:
    """Delete Deleted Items for good: the only place where business data is. Returns how many."""
    count = 0
    for wanted in ids:
        if wanted.startswith(_PLAIN):
            items.drop_from_trash(unit.conn, int(wanted.removeprefix(_PLAIN)))
        else:
            unit.records().purge(wanted)
        count += 1
    return count
