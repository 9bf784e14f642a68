# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleted Items: business records and plain contacts that were deleted, until they are purged. Imported by server, cli
and the other modules of sync.

Records that another program removed from their table are among them: a trigger keeps a copy of each.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from radicale_bcm.books import cards, history, items
from radicale_bcm.books.history import Actor, Subject
from radicale_bcm.books.items import Trashed
from radicale_bcm.business import erased
from radicale_bcm.business.contract import DEFAULT_TYPE, Record, RecordSource
from radicale_bcm.business.erased import Erased
from radicale_bcm.business.records import Records
from radicale_bcm.contacts.model import display_name
from radicale_bcm.sync import audience, guard, plain, unfinished
from radicale_bcm.sync.errors import Conflict, NotThere
from radicale_bcm.sync.guard import Waiting
from radicale_bcm.sync.project import Cause, project
from radicale_bcm.sync.unit import Site, Unit

# Marks the id of a plain contact, so that no record's id can be taken for it.
_PLAIN = "plain-"
_SCHEDULE = Actor("", "retention", "command")


@dataclass(frozen=True, slots=True)
class Deleted:
    """One of the Deleted Items; `path` is the folder of a plain contact, or of a quarantined card, and empty for a
    record. `state` is deleted, erased (another program removed the row) or quarantined (nothing is deleted yet)."""

    id: str
    name: str
    kind: str
    deleted_at: datetime
    deleted_by: str
    path: str = ""
    state: str = "deleted"


@dataclass(slots=True)
class Outcome:
    """What was restored, and what could not be, each with the reason."""

    restored: list[Deleted] = field(default_factory=list)
    refused: list[tuple[Deleted, str]] = field(default_factory=list)


def listed(unit: Unit) -> list[Deleted]:
    """All Deleted Items, latest first."""
    records = _with_names(unit, [_of_record(each) for each in unit.records().list_deleted()])
    gone = [_of_erased(each) for each in erased_records(unit.records()).values()]
    plain = [_of_plain(each) for each in items.trashed(unit.conn)]
    return sorted(records + gone + plain, key=lambda each: each.deleted_at, reverse=True)


def quarantined(unit: Unit, principal: str | None = None) -> list[Deleted]:
    """The deletes that wait for an administrator, latest first."""
    return [_of_waiting(each) for each in guard.waiting(unit, principal)]


def _of_waiting(each: Waiting) -> Deleted:
    card = each.card
    return Deleted(card.record_id, card.label, DEFAULT_TYPE, each.at, each.principal, f"/{each.path}/", "quarantined")


def erased_records(source: RecordSource) -> dict[str, Erased]:
    """The copies of rows that other programs removed, the latest of each id, without those that were put back."""
    if not isinstance(source, Records):
        return {}
    found: dict[str, Erased] = {}
    for each in erased.list_erased(source.connection):
        found.setdefault(each.record_id, each)
    present = source.get_many(list(found))
    return {
        record_id: each
        for record_id, each in found.items()
        if record_id not in present and not (each.uid and source.get_by_uid(each.uid))
    }


def _of_record(record: Record) -> Deleted:
    assert record.deleted_at is not None
    return Deleted(record.id, display_name(record.fields), record.type, record.deleted_at, record.deleted_by or "")


def _with_names(unit: Unit, found: list[Deleted]) -> list[Deleted]:
    """A mapped database has no column that says who deleted a record: the history does, if it was a person here."""
    if isinstance(unit.records(), Records):
        return found
    numbers = [each.id for each in found]
    # Whoever was the last that we know of did not delete a record that is shown still.
    gone = {record_id for record_id, card in cards.of_records(unit.conn, unit.origin.id, numbers).items() if card.gone}
    who = history.actors(unit.conn, unit.origin.id, sorted(gone), "deleted")
    return [replace(each, deleted_by=each.deleted_by or who.get(each.id, "")) for each in found]


def _of_erased(each: Erased) -> Deleted:
    return Deleted(each.record_id, display_name(each.fields), each.type, each.erased_at, "", state="erased")


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
        (kept,) = items.trashed(unit.conn, [_number(each.id)])
        subject = Subject("", path=kept.path, href=kept.href)
    else:
        subject = Subject("", unit.origin.id, each.id)
    found = history.latest(unit.conn, subject, "deleted", unit.at)
    # A delete beyond the bound that an administrator confirmed was a client's as well.
    return found is not None and (found.source == "dav" or "confirmed" in found.note)


def restore(unit: Unit, ids: Iterable[str]) -> list[Deleted]:
    """Bring Deleted Items back to every folder they were in. NotThere or Conflict: then none is restored."""
    known = {each.id: each for each in (*quarantined(unit), *listed(unit))}
    restored: list[Deleted] = []
    for wanted in dict.fromkeys(ids):
        if wanted not in known:
            raise NotThere(f"{wanted} is not among the Deleted Items: see `radicale-bcm deleted list`")
        _restore_one(unit, known[wanted])
        _release(unit, wanted, unit.origin.id)  # whoever else had deleted it beyond the bound sees it again as well
        restored.append(known[wanted])
    return restored


def restore_of(unit: Unit, principal: str, since: datetime | None) -> Outcome:
    """Bring back everything that a principal deleted since a time, what is quarantined included."""
    outcome = Outcome()
    waiting = [each for each in quarantined(unit, principal) if since is None or each.deleted_at >= since]
    guard.restore(unit, principal, since)
    outcome.restored += waiting
    for each in chosen(unit, principal, since):
        try:
            _restore_one(unit, each)
        except Conflict as error:
            outcome.refused.append((each, error.reason))
        else:
            outcome.restored.append(each)
    return outcome


def _restore_one(unit: Unit, each: Deleted) -> None:
    if each.id.startswith(_PLAIN):
        (kept,) = items.trashed(unit.conn, [_number(each.id)])
        plain.restore(unit, kept)
    elif each.state == "quarantined":
        _release(unit, each.id)
    else:
        restore_record(unit, each.id, Cause(unit.actor))


def _release(unit: Unit, record_id: str, origin_id: int | None = None) -> None:
    found = [
        each
        for each in guard.waiting(unit)
        if each.card.record_id == record_id and origin_id in (None, each.card.origin_id)
    ]
    guard.release(unit, found)
    for each in found:
        guard.write_down(unit, each.card, each.path, "released", {})


def restore_record(unit: Unit, record_id: str, cause: Cause) -> Record:
    """Take a record out of Deleted Items, or put an erased one back, and show its card again. NotThere."""
    records = unit.records()
    record = records.get(record_id, lock=True)
    if record is not None:
        record = records.restore(record_id)
    else:
        copy = erased_records(records).get(record_id)
        if copy is None or not isinstance(records, Records):
            raise NotThere(f"{record_id} is gone for good")
        record = erased.restore_erased(records.connection, copy.seq)
    card = project(unit, unit.origin, record.id, record, cause=cause)
    if card is not None:
        # Nobody may have been told that the row was away: then the card is as it was, and a folder that was filled
        # meanwhile has not got it.
        audience.place(unit, card, record)
    return record


def purge(unit: Unit, ids: Iterable[str]) -> int:
    """Delete Deleted Items for good: the only place where business data is. Returns how many.

    The history keeps that there was a contact, and who did what to it when, but nothing of what it said.
    """
    gone: dict[str, Erased] | None = None
    count = 0
    for wanted in dict.fromkeys(ids):
        if wanted.startswith(_PLAIN):
            _purge_plain(unit, _number(wanted))
        else:
            records = unit.records()
            unfinished.write_purge(unit, wanted)
            if records.get(wanted, lock=True) is not None:
                records.purge(wanted)
            elif isinstance(records, Records):
                gone = erased_records(records) if gone is None else gone
                erased.purge_erased(records.connection, gone[wanted].seq)
            _forget(unit, wanted)
        count += 1
    return count


def finish_purges(unit: Unit) -> None:
    """Forget what was purged by somebody who was interrupted."""
    for record_id in unfinished.purges(unit):
        purged = history.latest(unit.conn, Subject("", unit.origin.id, record_id), "purged", unit.at)
        if unit.records().get(record_id) is None and purged is None:
            _forget(unit, record_id)


def _forget(unit: Unit, record_id: str) -> None:
    """Leave of a purged record's card only what old sync-tokens need: that there was one at its href."""
    card = cards.of_record(unit.conn, unit.origin.id, record_id)
    if card is not None:
        # Another program may have removed the row a moment ago: nobody was told yet that the card is gone.
        project(unit, unit.origin, record_id, None)
        cards.blank(unit.conn, card.id)
    history.forget_record(unit.conn, unit.origin.id, record_id)
    subject = Subject("", unit.origin.id, record_id)
    history.write(unit.conn, unit.revision, unit.at, unit.actor, "purged", subject, {})


def _purge_plain(unit: Unit, trashed_id: int) -> None:
    (old,) = items.trashed(unit.conn, [trashed_id])
    items.drop_from_trash(unit.conn, trashed_id)
    subject = Subject("", path=old.path, href=old.href)
    deleted = history.latest(unit.conn, subject, "deleted", old.deleted_at)
    if deleted is not None:
        history.forget_item(unit.conn, old.path, old.href, until=deleted.id)
    history.write(unit.conn, unit.revision, unit.at, unit.actor, "purged", subject, {})


def _number(plain_id: str) -> int:
    text = plain_id.removeprefix(_PLAIN)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotThere(f"{plain_id} is not among the Deleted Items: see `radicale-bcm deleted list`")
    return int(text)


def expire(site: Site) -> int:
    """Purge what is older than `bcm_retention_days`; nothing where that is 0. Returns how many."""
    if not site.options.retention_days:
        return 0
    with site.write(_SCHEDULE) as unit:
        before = unit.at - timedelta(days=site.options.retention_days)
        return purge(unit, [each.id for each in purgeable(unit, None, before)])
