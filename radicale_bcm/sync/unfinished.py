# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process that was killed between the commits of the two databases left to be done. Imported by sync.

Whoever changes a record writes down beside it, in the same transaction, what the state is to do with it: who it was,
which lines that no field holds the card gets, where a contact went. Whoever shows the record next does it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from radicale_bcm.books import cards, collections
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import NewItem
from radicale_bcm.business.contract import Record
from radicale_bcm.business.notes import Note
from radicale_bcm.sync import plain
from radicale_bcm.sync.unit import Unit

Kept = Mapping[str, tuple[str, str]]


class Moved(NamedTuple):
    """A plain contact that a business card became by being moved out of the sync folder (C12)."""

    path: str
    href: str
    uid: str
    text: str


class Cause(Protocol):
    """Why a record is shown: what project.Cause holds."""

    @property
    def actor(self) -> Actor: ...  # noqa: D102
    @property
    def note(self) -> Mapping[str, Any] | None: ...  # noqa: D102
    @property
    def before(self) -> Mapping[str, str] | None: ...  # noqa: D102
    @property
    def action(self) -> str: ...  # noqa: D102
    @property
    def moved(self) -> Moved | None: ...  # noqa: D102


def write(unit: Unit, record: Record, cause: Cause, template: str | None, kept: Kept | None) -> None:
    """Write down how a changed record is to be shown."""
    said = {"actor": cause.actor, "note": cause.note, "before": cause.before, "action": cause.action}
    unit.note(record.id, record.version, {"cause": said, "template": template, "kept": kept, "moved": cause.moved})


def write_purge(unit: Unit, record_id: str) -> None:
    """Write down that a record is purged."""
    unit.note(record_id, "", {"purged": list(unit.actor)})


def take(unit: Unit, record: Record, card: Card | None) -> dict[str, Any] | None:
    """What was to be done with a record that is newer than its card, or has none, if that was written down."""
    note = unit.take_unfinished(record.id)
    if note is None or "cause" not in note.data or not (card is None or _is_newer(note, card)):
        return None
    found = dict(note.data)
    found["cause"] |= {"actor": Actor(*found["cause"]["actor"])}
    found["kept"] = None if found["kept"] is None else {name: (a, b) for name, (a, b) in found["kept"].items()}
    return found


def _is_newer(note: Note, card: Card) -> bool:
    # A switch of databases leaves cards without a version; what was to be finished is finished before it.
    return bool(card.record_version) and int(note.record_version) > int(card.record_version)


def put_moved(unit: Unit, actor: Actor, moved: list[str] | None) -> None:
    """Put the contact where it was to go, unless something is there."""
    if moved is None:
        return
    path, href, uid, text = moved
    target = collections.get(unit.conn, path)
    if target is not None:
        with _as(unit, actor):
            plain.put(unit, target, NewItem(href, uid, "VCARD", "", 0, 0, text))


@contextmanager
def _as(unit: Unit, actor: Actor) -> Iterator[None]:
    own, unit.actor = unit.actor, actor
    try:
        yield
    finally:
        unit.actor = own


def drop_done(unit: Unit) -> None:
    """Remove what was written down and is done: the process was killed after both commits."""
    for note in unit.unfinished():
        card = cards.of_record(unit.conn, unit.origin.id, note.record_id)
        if card is None or not note.record_version or not _is_newer(note, card):
            unit.take_unfinished(note.record_id)


def purges(unit: Unit) -> Iterator[str]:
    """The records whose purge was interrupted; while one is handled, the unit is whoever purged it."""
    for note in unit.unfinished():
        if "purged" in note.data:
            unit.take_unfinished(note.record_id)
            with _as(unit, Actor(*note.data["purged"])):
                yield note.record_id
