# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking back what was done to a plain contact. Imported by sync.undo."""

from collections.abc import Mapping
from typing import Any

from radicale_bcm.books import collections, items
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Entry
from radicale_bcm.books.items import Item, NewItem
from radicale_bcm.contacts.card import uid_of
from radicale_bcm.sync import plain
from radicale_bcm.sync.errors import Conflict, Invalid
from radicale_bcm.sync.unit import Unit


def undo(unit: Unit, entry: Entry, what: str, action: str) -> str:
    """Take it back, and say what that came to. Conflict or Invalid where it cannot be."""
    act = {
        "created": _delete, "restored": _delete, "deleted": _restore, "changed": _change_back, "moved": _move_back,
    }.get(what)  # fmt: skip
    if act is None:
        raise Invalid(
            "set-ups are not undone: change them with `radicale-bcm sync`"
            if "setup" in entry.note
            else f"a change of the kind {what!r} cannot be taken back"
        )
    return act(unit, entry, action)


def place_of(unit: Unit, path: str) -> Collection:
    """The folder at a path. Conflict if there is none."""
    found = collections.get(unit.conn, path)
    if found is None or found.tag != "VADDRESSBOOK":
        raise Conflict(f"the folder /{path}/ does not exist any more")
    return found


def refuse_taken(unit: Unit, place: Collection, label: str, href: str, text: str) -> None:
    """Conflict if a contact cannot be put back there."""
    plain.refuse_taken(unit, place, label, href, uid_of(text) or href)


def put_back(
    unit: Unit, place: Collection, href: str, text: str, action: str, note: Mapping[str, Any], old: Item | None = None
) -> None:
    """Store a text as a plain contact."""
    uid = old.uid if old else uid_of(text) or href
    plain.store(unit, place, NewItem(href, uid, "VCARD", "", 0, 0, text), old, action, note)


def _now(unit: Unit, entry: Entry) -> tuple[Collection, Item]:
    place = place_of(unit, entry.path)
    found = items.get(unit.conn, place.id, entry.href)
    if found is None:
        raise Conflict(f"there is no plain contact /{entry.path}/{entry.href} any more")
    return place, found


def _note(entry: Entry, did: str) -> dict[str, Any]:
    return {"undoes": entry.id, "did": did}


def _delete(unit: Unit, entry: Entry, action: str) -> str:
    place, found = _now(unit, entry)
    plain.discard(unit, place, found, action, _note(entry, "deleted"))
    return "deleted"


def _restore(unit: Unit, entry: Entry, action: str) -> str:
    number = entry.note.get("trash")
    kept = items.trashed(unit.conn, [number]) if isinstance(number, int) else []
    # SQLite gives the number of one that was restored or purged to another one.
    if not kept or (kept[0].path, kept[0].href, kept[0].deleted_at) != (entry.path, entry.href, entry.at):
        raise Conflict("it is not in Deleted Items any more")
    plain.restore(unit, kept[0], action, _note(entry, "restored"))
    return "restored"


def _change_back(unit: Unit, entry: Entry, action: str) -> str:
    place, found = _now(unit, entry)
    text = entry.note.get("text_before")
    if not isinstance(text, str):
        raise Invalid("what it was before is not known")
    if found.text == text:
        raise Conflict("it was taken back already")
    if items.text_etag(found.text) != entry.note.get("etag"):
        raise Conflict("it was changed again since then; take the later changes back first")
    put_back(unit, place, entry.href, text, action, _note(entry, "changed"), found)
    return "changed"


def _move_back(unit: Unit, entry: Entry, action: str) -> str:
    place, found = _now(unit, entry)
    path, _, href = str(entry.note.get("from", "")).strip("/").rpartition("/")
    target = place_of(unit, path)
    if target.id != place.id:
        plain.refuse_taken(unit, target, entry.label, href, found.uid)
    elif items.get(unit.conn, target.id, href) is not None:
        raise Conflict(f"/{path}/{href} is in use again")
    note = _note(entry, "moved") | {"from": f"/{entry.path}/{entry.href}"}
    plain.transfer(unit, place, found, target, href, action, note)
    return "moved"
