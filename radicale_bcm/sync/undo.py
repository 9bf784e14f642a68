# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking changes back: fields to what they were, deleted contacts back, created ones to Deleted Items. Imported by
server and cli.

Only what still is as the change left it is touched. An undo is a change like any other, with its own history row, and
can be undone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from radicale_bcm.books import cards, history
from radicale_bcm.books.history import Entry
from radicale_bcm.business.contract import Record, RecordError
from radicale_bcm.business.records import Records
from radicale_bcm.contacts import edit
from radicale_bcm.contacts.card import normalised
from radicale_bcm.sync import guard, records, trash, undo_plain
from radicale_bcm.sync.errors import Invalid, NotThere, Refused
from radicale_bcm.sync.project import Cause, project
from radicale_bcm.sync.unit import Unit

ACTION = "undone"


@dataclass(frozen=True, slots=True)
class Undone:
    """A change that was taken back. `did` is what that came to; `fields` are those that have their former value."""

    change: int
    record: str | None
    name: str
    path: str
    did: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change, or a field of it, that stays, and why."""

    change: int
    name: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What an undo did."""

    undone: list[Undone] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


class _Stays(Exception):
    """A change cannot be taken back."""


def chosen(unit: Unit, ids: Sequence[str]) -> list[Entry]:
    """The changes with these numbers, latest first. Invalid for what is no number, NotThere for an unknown one."""
    numbers = []
    for text in ids:
        digits = text.removeprefix("#")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            raise Invalid(f"{text!r} is not the number of a change: see `radicale-bcm history`")
        numbers.append(int(digits))
    found = history.by_ids(unit.conn, numbers)
    missing = set(numbers) - {each.id for each in found}
    if missing:
        raise NotThere(f"there is no change #{min(missing)}: see `radicale-bcm history`")
    return found


def of_principal(unit: Unit, principal: str, since: datetime) -> list[Entry]:
    """Everything that a principal changed since a time, latest first, without what was taken back already."""
    found = history.entries(unit.conn, actor=principal, since=since, limit=None)
    return _still_done(unit, found)


def of_command(unit: Unit, ids: Sequence[str]) -> list[Entry]:
    """Everything that the commands, or the requests, of these changes did, latest first.

    A command that took changes back can be taken back like any other.
    """
    named = chosen(unit, ids)
    found: dict[int, Entry] = {}
    for each in named:
        found |= {other.id: other for other in history.together_with(unit.conn, each)}
    undos = any(each.action == ACTION for each in named)
    return _still_done(unit, sorted(found.values(), key=lambda each: -each.id), undos=undos)


def _still_done(unit: Unit, entries: Sequence[Entry], *, undos: bool = False) -> list[Entry]:
    """Without what was taken back, by whomever, unless that was taken back as well; with the undos if asked for."""
    if not entries:
        return []
    taken_back: set[Any] = set()
    for each in history.entries(unit.conn, since=min(each.at for each in entries), action=ACTION, limit=None):
        if each.id not in taken_back:  # the latest first
            taken_back.add(each.note.get("undoes"))
    return [each for each in entries if (undos or each.action != ACTION) and each.id not in taken_back]


def undo(unit: Unit, entries: Sequence[Entry]) -> Outcome:
    """Take changes back, latest first: all in one unit of work, each as far as it still can be."""
    outcome = Outcome()
    for entry in sorted(entries, key=lambda each: -each.id):
        part = Outcome()
        try:
            with _all_or_nothing(unit):
                done = _undo(unit, entry, part)
        except (_Stays, Refused, RecordError) as error:
            part.refused = [Refusal(entry.id, entry.label, str(error))]
        else:
            if done is not None:
                outcome.undone.append(done)
        outcome.refused += part.refused
    return outcome


@contextmanager
def _all_or_nothing(unit: Unit) -> Iterator[None]:
    """What a refused change had written by then is taken away again in both databases."""
    records, _ = unit.records(), unit.revision  # not inside: a revision that was drawn is drawn
    with unit.conn.begin_nested():
        if isinstance(records, Records):
            with records.connection.begin_nested():
                yield
        else:
            yield


def _undo(unit: Unit, entry: Entry, outcome: Outcome) -> Undone | None:
    what = str(entry.note.get("did") or entry.action) if entry.action == ACTION else entry.action
    if entry.note.get("purged") or what == "purged":
        raise _Stays("it was purged, and that is for good")
    if entry.record_id is None:
        did = undo_plain.undo(unit, entry, what, ACTION)
        return Undone(entry.id, None, entry.label, _path(entry), did)
    if entry.origin_id != unit.origin.id:
        raise _Stays("it belongs to another business database than the current one")
    act = _RECORD.get(what)
    if act is None:
        raise _Stays(f"a change of the kind {what!r} cannot be taken back")
    did, fields = act(unit, entry, outcome)
    if not did:
        return None
    return Undone(entry.id, entry.record_id, entry.label, _path(entry), did, fields)


def _path(entry: Entry) -> str:
    return f"/{entry.path}/{entry.href}" if entry.path else ""


def _note(entry: Entry, did: str) -> dict[str, Any]:
    return {"undoes": entry.id, "did": did}


_Done = tuple[str, tuple[str, ...]]


def _current(unit: Unit, entry: Entry) -> Record:
    record = unit.records().get(entry.record_id or "", lock=True)
    if record is None:
        raise _Stays("the record is not in the database any more")
    return record


def _delete(unit: Unit, entry: Entry, outcome: Outcome) -> _Done:  # noqa: ARG001 - one signature for all
    """It was created or restored: it goes to Deleted Items."""
    record = _current(unit, entry)
    if record.deleted_at is not None:
        raise _Stays("it is in Deleted Items already")
    records.delete(unit, record.id, action=ACTION, note=_note(entry, "deleted"))
    return "deleted", ()


def _restore(unit: Unit, entry: Entry, outcome: Outcome) -> _Done:  # noqa: ARG001
    """It was deleted: it comes back."""
    record = unit.records().get(entry.record_id or "", lock=True)
    if record is not None and record.deleted_at is None:
        raise _Stays("it is not deleted any more")
    trash.restore_record(unit, entry.record_id or "", Cause(unit.actor, _note(entry, "restored"), None, ACTION))
    return "restored", ()


def _change_back(unit: Unit, entry: Entry, outcome: Outcome) -> _Done:
    """Its fields changed: those that still have the value that this gave them get back the one before."""
    record = _current(unit, entry)
    if record.deleted_at is not None:
        raise _Stays("it is in Deleted Items: restore it first")
    values: dict[str, str] = {}
    shown = normalised(record.fields)
    kinds = unit.records().field_kinds()
    for name, (old, new) in entry.changes.items():
        now = record.fields.get(name, "")
        if now == old:
            continue
        if name not in kinds:
            outcome.refused.append(Refusal(entry.id, entry.label, f"{name}: there is no such field any more"))
        elif new not in (now, shown.get(name, "")):
            outcome.refused.append(Refusal(entry.id, entry.label, f"{name} is {now!r} by now"))
        else:
            values[name] = old
    if not values:
        if _put_lines_back(unit, entry, record):
            return "changed", ()
        if any(each.change == entry.id for each in outcome.refused):
            return "", ()
        raise _Stays("it changed no field" if not entry.changes else "it was taken back already")
    for name, reason in unit.records().refusals(values, record.type).items():
        outcome.refused.append(Refusal(entry.id, entry.label, f"{name} cannot be {values.pop(name)!r} again: {reason}"))
    if not values:
        return "", ()
    records.edit(unit, record.id, values, action=ACTION, note=_note(entry, "changed"))
    _put_lines_back(unit, entry, record)
    return "changed", tuple(values)


def _put_lines_back(unit: Unit, entry: Entry, record: Record) -> bool:
    """Let the card have the long lines, such as a photo, that it had before the change."""
    card = cards.of_record(unit.conn, unit.origin.id, record.id)
    lost, gained = entry.note.get("lost", []), entry.note.get("gained", [])
    text = edit.with_long_lines(card.text, lost, gained) if card is not None and (lost or gained) else None
    if card is None or text is None or text == card.text:
        return False
    now = unit.records().get(record.id)
    cause = Cause(unit.actor, _note(entry, "changed"), now.fields if now else None, ACTION)
    project(unit, unit.origin, record.id, now, cause=cause, template=text)
    return True


def _show(unit: Unit, entry: Entry, outcome: Outcome) -> _Done:  # noqa: ARG001
    """It left one folder only: it is shown there again."""
    kind = guard.UNFOLLOW if entry.action == "unfollowed" else guard.KIND
    card = cards.of_record(unit.conn, unit.origin.id, entry.record_id or "")
    if card is None or not guard.show_again(unit, entry.path, card, kind):
        raise _Stays("it is not left out of this folder any more")
    guard.write_down(unit, card, entry.path, ACTION, _note(entry, "shown"))
    return "shown", ()


def _demote(unit: Unit, entry: Entry, outcome: Outcome) -> _Done:
    """It was promoted: the plain contact is put back where it was, the record is as it was before."""
    path, _, href = str(entry.note.get("from", "")).strip("/").rpartition("/")
    if entry.note.get("account"):
        raise _Stays("it became an account; accounts are not undone")
    merged = "bound" in entry.note
    card = cards.of_record(unit.conn, unit.origin.id, entry.record_id or "")
    if card is None:
        raise _Stays("its card is gone")
    text = str(entry.note.get("text_before") or edit.without_marker(card.text))
    if entry.note.get("copy"):
        return _change_back(unit, entry, outcome) if merged else _delete(unit, entry, outcome)
    place = undo_plain.place_of(unit, path)
    if merged:
        undo_plain.refuse_taken(unit, place, entry.label, href, text)
        if entry.changes:
            _change_back(unit, entry, outcome)
    else:
        _delete(unit, entry, outcome)
        undo_plain.refuse_taken(unit, place, entry.label, href, text)
    undo_plain.put_back(unit, place, href, text, ACTION, {"undoes": entry.id, "did": "created"})
    return "demoted", tuple(entry.changes) if merged else ()


_RECORD: dict[str, Callable[[Unit, Entry, Outcome], _Done]] = {
    "created": _delete,
    "restored": _delete,
    "deleted": _restore,
    "changed": _change_back,
    "merged": _change_back,
    "repaired": _change_back,
    "promoted": _demote,
    "quarantined": _show,
    "unfollowed": _show,
}
