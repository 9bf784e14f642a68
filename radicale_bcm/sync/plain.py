# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain contacts and all other items: stored as sent, with history and Deleted Items. Imported by server, cli and the
other modules of sync."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from radicale_bcm.books import collections, history, items, setups, view
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Subject
from radicale_bcm.books.items import Item, NewItem, Trashed
from radicale_bcm.contacts.compared import changed_fields, name_in
from radicale_bcm.sync.errors import Conflict, Forbidden, Invalid
from radicale_bcm.sync.unit import Unit


def _label(text: str, href: str) -> str:
    return name_in(text) or href


def check_allowed(unit: Unit, collection: Collection) -> None:
    """Forbidden in a read-only folder."""
    own = setups.of_collection(unit.conn, collection.id) if collection.tag == "VADDRESSBOOK" else None
    if own and own.access == "ro":
        raise Forbidden("this folder is read-only")


def put(unit: Unit, collection: Collection, new: NewItem) -> tuple[Item, Item | None]:
    """Store an item as it was sent (C10, C11). Returns it and the one that it replaced.

    Forbidden in a read-only folder; Invalid for an href or UID that is too long.
    """
    old = items.get(unit.conn, collection.id, new.href)
    return put_over(unit, collection, old, new), old


def put_over(unit: Unit, collection: Collection, old: Item | None, new: NewItem) -> Item:
    """The same for a caller that has read in this unit what is at the href now."""
    check_allowed(unit, collection)
    if not items.fits(new.href, new.uid):
        raise Invalid("the href or the UID is too long")
    if old and old.text == new.text and old.uid == new.uid:
        return old
    return store(unit, collection, new, old)


def store(
    unit: Unit,
    collection: Collection,
    new: NewItem,
    old: Item | None,
    action: str = "",
    note: Mapping[str, Any] | None = None,
) -> Item:
    """Store an item in the place of `old` or of none, and write it down; whoever asks for it is allowed to."""
    stored = items.put_over(unit.conn, collection.id, old, new, unit.revision, unit.at)
    if collection.tag == "VADDRESSBOOK":
        row = _row_of(collection, new, old.text if old else "", action or ("changed" if old else "created"))
        row_note = {"etag": stored.etag} | ({"text_before": old.text} if old else {}) | dict(note or {})
        history.write(unit.conn, unit.revision, unit.at, unit.actor, *row, row_note)
    return stored


def _row_of(
    collection: Collection, new: NewItem, before: str, action: str
) -> tuple[str, Subject, dict[str, tuple[str, str]]]:
    subject = Subject(_label(new.text, new.href), path=collection.path, href=new.href)
    return action, subject, changed_fields(before, new.text)


def fill(unit: Unit, collection: Collection, new: Sequence[NewItem]) -> None:
    """Store items in a new collection, in bulk."""
    items.put_many(unit.conn, collection.id, new, unit.revision, unit.at)
    if collection.tag == "VADDRESSBOOK":
        rows = [(each, _row_of(collection, each, "", "created")) for each in new]
        history.write_many(
            unit.conn,
            [
                history.row(unit.revision, unit.at, unit.actor, *row, {"etag": items.text_etag(each.text)})
                for each, row in rows
            ],
        )


def delete(unit: Unit, collection: Collection, href: str) -> bool:
    """Delete an item; a plain contact goes to Deleted Items (C11). False if there is none.

    Forbidden in a read-only folder.
    """
    check_allowed(unit, collection)
    old = items.get(unit.conn, collection.id, href)
    if old is None:
        return False
    discard(unit, collection, old)
    return True


def discard(
    unit: Unit,
    collection: Collection,
    old: Item,
    action: str = "deleted",
    note: Mapping[str, Any] | None = None,
) -> None:
    """Take an item out of its collection, a plain contact to Deleted Items; whoever asks for it is allowed to."""
    items.remove(unit.conn, collection.id, old, unit.revision, unit.at)
    _keep(unit, collection, old, action, note or {})


def _keep(unit: Unit, collection: Collection, old: Item, action: str, note: Mapping[str, Any]) -> None:
    if collection.tag == "VADDRESSBOOK":
        label = _label(old.text, old.href)
        kept = items.keep_in_trash(unit.conn, collection.path, old, label, unit.at, unit.actor.name)
        subject = Subject(label, path=collection.path, href=old.href)
        history.write(unit.conn, unit.revision, unit.at, unit.actor, action, subject, {}, {"trash": kept, **note})


def delete_tree(unit: Unit, path: str) -> None:
    """Delete a collection with everything below it; the plain contacts go to Deleted Items. Forbidden where a folder
    is read-only."""
    for each in _tree(unit, path):
        check_allowed(unit, each)
        if each.tag == "VADDRESSBOOK":
            for old in list(items.get_all(unit.conn, each.id)):
                _keep(unit, each, old, "deleted", {})
    collections.delete_tree(unit.conn, path)


def _tree(unit: Unit, path: str) -> Iterable[Collection]:
    own = collections.get(unit.conn, path)
    if own is not None:
        yield own
    for each in collections.children(unit.conn, path):
        yield from _tree(unit, each.path)


def move(unit: Unit, source: Collection, href: str, target: Collection, to_href: str) -> bool:
    """Move an item to another place (RFC 4918 9.9); what is there goes to Deleted Items. False if there is none."""
    check_allowed(unit, source)
    check_allowed(unit, target)
    if not items.fits(to_href, ""):
        raise Invalid("the href is too long")
    old = items.get(unit.conn, source.id, href)
    if old is None:
        return False
    if source.id == target.id and href == to_href:
        return True
    replaced = items.get(unit.conn, target.id, to_href)
    if replaced is not None:
        _keep(unit, target, replaced, "deleted", {"replaced_by": f"/{source.path}/{href}"})
    transfer(unit, source, old, target, to_href, "moved", {"from": f"/{source.path}/{href}"})
    return True


def transfer(
    unit: Unit, source: Collection, old: Item, target: Collection, to_href: str, action: str, note: Mapping[str, Any]
) -> None:
    """Take an item from one place to another and write it down; whoever asks for it is allowed to."""
    items.remove(unit.conn, source.id, old, unit.revision, unit.at)
    items.put(unit.conn, target.id, _as_new(old)._replace(href=to_href), unit.revision, unit.at)
    if target.tag == "VADDRESSBOOK":
        subject = Subject(_label(old.text, to_href), path=target.path, href=to_href)
        history.write(unit.conn, unit.revision, unit.at, unit.actor, action, subject, {}, note)


def _as_new(old: Item) -> NewItem:
    return NewItem(old.href, old.uid, old.name, old.component, old.time_start, old.time_end, old.text)


def restore(unit: Unit, kept: Trashed, action: str = "restored", note: Mapping[str, Any] | None = None) -> None:
    """Bring a plain contact back from Deleted Items to its place. Conflict where that is gone or in use."""
    folder = collections.get(unit.conn, kept.path)
    if folder is None:
        raise Conflict(f"{kept.label}: the folder /{kept.path}/ does not exist any more; create it and try again")
    refuse_taken(unit, folder, kept.label, kept.href, kept.uid)
    new = NewItem(kept.href, kept.uid, "VLIST" if _is_list(kept.text) else "VCARD", "", 0, 0, kept.text)
    items.put(unit.conn, folder.id, new, unit.revision, unit.at)
    items.drop_from_trash(unit.conn, kept.id)
    subject = Subject(kept.label, path=kept.path, href=kept.href)
    history.write(unit.conn, unit.revision, unit.at, unit.actor, action, subject, {}, note)


def _is_list(text: str) -> bool:
    return text[:20].lstrip().upper().startswith("BEGIN:VLIST")


def refuse_taken(unit: Unit, folder: Collection, label: str, href: str, uid: str) -> None:
    """Conflict if something in the folder has this href or UID."""
    shown = view.open_folder(unit.conn, folder)
    if view.get(unit.conn, shown, href) or view.find_uid(unit.conn, shown, uid):
        raise Conflict(f"{label}: /{folder.path}/{href} or its UID is in use again")
