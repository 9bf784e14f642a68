# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain contacts and all other items: stored as sent, with history and Deleted Items. Imported by server and cli."""


from radicale_bcm.books import history, items, setups
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Subject
from radicale_bcm.books.items import Item, NewItem
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts import edit
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync.errors import Forbidden, Invalid
from radicale_bcm.sync.unit import Unit




def _contact(text: str) -> Contact:
    try:
        return codec.read(text)
    except NotAVCard:
        return {}


def _label(text: str, href: str) -> str:
    return display_name(_contact(text)) or href


def check_allowed(unit: Unit, collection: Collection) -> None:
    """Forbidden in a read-only folder."""
    own = setups.of_collection(unit.conn, collection.id) if collection.tag == "VADDRESSBOOK" else None
    if own and own.access == "ro":
        raise Forbidden("this folder is read-only")


def put(unit: Unit, collection: Collection, new: NewItem) -> tuple[Item, Item | None]:
    """Store an item as it was sent (C10, C11). Returns it and the one that it replaced.

    Forbidden in a read-only folder; Invalid for an href or UID that is too long.
    """
    check_allowed(unit, collection)
    if not items.fits(new.href, new.uid):
        raise Invalid("the href or the UID is too long")
    old = items.get(unit.conn, collection.id, new.href)
    if old and old.text == new.text and old.uid == new.uid:
        return old, old
    stored = items.put(unit.conn, collection.id, new, unit.revision, unit.at)
    if collection.tag == "VADDRESSBOOK":
        before, after = _contact(old.text) if old else {}, _contact(new.text)
        changes = {name: (before.get(name, ""), after.get(name, "")) for name in edit.edited_fields(before, after)}
        note = {"text_before": old.text} if old else {}
        action = "changed" if old else "created"
        subject = Subject(display_name(after) or new.href, path=collection.path, href=new.href)
        history.write(unit.conn, unit.revision, unit.at, unit.actor, action, subject, changes, note)
    return stored, old


def delete(unit: Unit, collection: Collection, href: str) -> bool:
    """Delete an item; a plain contact goes to Deleted Items (C11). False if there is none.

    Forbidden in a read-only folder.
    """
    check_allowed(unit, collection)
    old = items.get(unit.conn, collection.id, href)
    if old is None:
        return False
    items.remove(unit.conn, collection.id, old, unit.revision, unit.at)
    if collection.tag == "VADDRESSBOOK":
        label = _label(old.text, href)
        items.keep_in_trash(unit.conn, collection.path, old, label, unit.at, unit.actor.name)
        subject = Subject(label, path=collection.path, href=href)
        history.write(unit.conn, unit.revision, unit.at, unit.actor, "deleted", subject, {})
    return True


def move(unit: Unit, source: Collection, href: str, target: Collection, to_href: str) -> bool:
    """Move an item to another place, replacing what is there (RFC 4918 9.9). False if there is none."""
    check_allowed(unit, source)
    check_allowed(unit, target)
    old = items.get(unit.conn, source.id, href)
    if old is None:
        return False
    if source.id == target.id and href == to_href:
        return True
    items.remove(unit.conn, source.id, old, unit.revision, unit.at)
    new = NewItem(to_href, old.uid, old.name, old.component, old.time_start, old.time_end, old.text)
    items.put(unit.conn, target.id, new, unit.revision, unit.at)
    subject = Subject(_label(old.text, href) if source.tag == "VADDRESSBOOK" else to_href, path=target.path, href=to_href)
    note = {"from": f"/{source.path}/{href}"}
    history.write(unit.conn, unit.revision, unit.at, unit.actor, "moved", subject, {}, note)
    return True
