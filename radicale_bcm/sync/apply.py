# SPDX-License-Identifier: GPL-3.0-or-later
"""Application: what a client does to a business card -> record. Imported by server.

Everything runs inside the unit of work of the request: the record is read under its lock before Radicale compares
the ETag, only the fields that the client changed are written, and the card is rendered anew.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from radicale_bcm.books import cards, collections, history, items, membership, setups, view
from radicale_bcm.books.cards import Card
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Subject
from radicale_bcm.books.items import NewItem
from radicale_bcm.books.view import Folder, Resource
from radicale_bcm.business.contract import Record
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts import edit
from radicale_bcm.contacts.compared import edited_fields
from radicale_bcm.contacts.edit import Decision, Texts
from radicale_bcm.contacts.model import Contact
from radicale_bcm.database.errors import Unavailable, url_safe
from radicale_bcm.sync import guard, losses, plain, tally
from radicale_bcm.sync.errors import Conflict, Forbidden
from radicale_bcm.sync.project import (
    Cause,
    etag_of,
    link_to,
    project,
    refresh,
    restate,
    served_text,
    shown_contact,
    text_of,
)
from radicale_bcm.sync.unfinished import Moved
from radicale_bcm.sync.unit import Unit

# A client that says nothing about what it had is compared with this many versions.
_GUESSED_VERSIONS = 20


class Sent(NamedTuple):
    """A card as a client sent it. `matched` says that its If-Match named the card as it is now."""

    text: str
    client: str
    matched: bool


def read_through(unit: Unit, card: Card) -> Card | None:
    """Lock the record of a card and bring the card up to date with it: what If-Match is compared with (C6).

    None if the record is gone meanwhile. A card of a former database is returned as it is. Unavailable if the record
    is gone as too many others are.
    """
    if card.origin_id != unit.origin.id:
        return card
    record = unit.lock(card.record_id)
    is_gone = record is None or record.deleted_at is not None
    if is_gone and not card.gone and losses.of(unit.conn, unit.origin) is not None:
        raise Unavailable(url_safe(unit.origin.url), "too many of its contacts are missing to be believed")
    if record is not None and record.version == card.record_version and record.deleted_at is None and not card.gone:
        # The card shows this version, and a version differs after every change (business.contract).
        return card
    return project(unit, unit.origin, card.record_id, record, known=card)


def edit_card(unit: Unit, folder: Folder, card: Card, sent: Sent) -> Card:
    """Apply an edit to a business card (C2 to C7). Returns the card as it is served from now on.

    Forbidden where the set-up does not allow it; the card then gets a new revision, so that the client recovers.
    """
    own = setups.of_collection(unit.conn, folder.collection.id)
    if own and own.access != "rw":
        raise Forbidden("business cards are read-only in this folder")
    if card.origin_id != unit.origin.id:
        return _edit_kept_card(unit, folder, card, sent)
    _refuse_read_only(unit)
    record = unit.locked(card.record_id)
    if record is None:
        raise Forbidden("the record of this card is gone")
    decision = _decide(unit, folder, card, record, sent)
    refused = _refused(unit, decision)
    if refused:
        tally.count(tally.REFUSED_FIELDS, len(refused))
    writable = {name: value for name, value in decision.changes.items() if name not in refused}
    kept = _kept_after(card, record, decision, refused)
    cause = Cause(unit.actor, _note(decision, refused), record.fields)
    had_shown = record.version == card.record_version
    if writable:
        record = unit.records().update(record.id, writable, record.version)
    stored = project(
        unit,
        unit.origin,
        record.id,
        record,
        cause=cause,
        template=decision.template,
        kept=kept,
        known=card,
        had_shown=had_shown,
    )
    assert stored is not None
    # The client must fetch the card again even if nothing of its edit was taken: it holds another text.
    return stored if stored.version != card.version else refresh(unit, stored)


def _refuse_read_only(unit: Unit) -> None:
    """Forbidden where the mapping of the database lets nobody write."""
    if unit.records().read_only:
        raise Forbidden("the business database is read-only")


def _categories(folder: Folder) -> frozenset[str]:
    return frozenset(each.category for each in folder.epochs if each.category)


def _decide(unit: Unit, folder: Folder, card: Card, record: Record, sent: Sent) -> Decision:
    categories = _categories(folder)
    current = served_text(card.text, card.categories)
    texts = Texts(_base(unit, card, sent, categories, current), sent.text, current)
    return edit.decide(
        texts,
        shown_contact(record, card.kept_values),
        client_wins=unit.options.on_conflict == "client",
        client=sent.client,
        ignore_categories=categories,
        link=link_to(unit, card.record_id),
    )


def _base(unit: Unit, card: Card, sent: Sent, categories: frozenset[str], current: str) -> str:
    """The text that the client had: by If-Match, by X-BCM-VERSION, else the one that is nearest."""
    if sent.matched:
        return current
    version = codec.version_of(sent.text)
    if version is not None:
        if version == card.version:
            return current
        kept = cards.archived(unit.conn, card.id, version)
        if kept is not None:
            return edit.restore(kept, sent.text, card.text)
    latest = cards.archived_latest(unit.conn, card.id, _GUESSED_VERSIONS)
    candidates = [
        current,
        *(edit.restore(kept, sent.text, card.text) for number, kept in latest if number != card.version),
    ]
    return candidates[edit.nearest_base(candidates, sent.text, categories, link_to(unit, card.record_id))]


def _refused(unit: Unit, decision: Decision) -> dict[str, tuple[str, str]]:
    """field -> the value that cannot be written, and why (C7)."""
    reasons = unit.records().refusals(decision.changes)
    refused = {name: (decision.changes[name], reason) for name, reason in reasons.items()}
    return refused | {name: (value, "no date") for name, value in decision.unreadable.items()}


def _kept_after(
    card: Card, record: Record, decision: Decision, refused: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """What the card keeps: values that do not fit now, and those from before that nobody changed since."""
    kept = {name: pair for name, pair in card.kept_values.items() if name not in decision.changes}
    kept.update((name, (value, record.fields.get(name, ""))) for name, (value, _) in refused.items())
    return kept


def _note(decision: Decision, refused: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    note: dict[str, Any] = {}
    if refused:
        note["refused"] = {name: {"value": value, "reason": why} for name, (value, why) in refused.items()}
    if decision.overruled:
        note["overruled"] = decision.overruled
    return note


def _edit_kept_card(unit: Unit, folder: Folder, card: Card, sent: Sent) -> Card:
    """A card of a former database belongs to no record: the edit stays in the card, merged as any other."""
    categories, current = _categories(folder), served_text(card.text, card.categories)
    before: Contact = codec.read(current)
    decision = edit.decide(
        Texts(_base(unit, card, sent, categories, current), sent.text, current),
        before,
        client_wins=unit.options.on_conflict == "client",
        client=sent.client,
        ignore_categories=categories,
        link=link_to(unit, card.record_id),
    )
    contact = {name: value for name, value in (before | decision.changes).items() if value}
    version = card.version + 1
    lines = codec.ServerLines(
        uid=card.uid, version=version, record_id=card.record_id, modified=unit.at, marker_property=True
    )
    rendered = codec.render(decision.template, contact, lines)
    joined = codec.join_categories(rendered.categories)
    values = {
        "text": rendered.text,
        "categories": joined,
        "etag": etag_of(rendered.text, joined),
        "version": version,
        "revision": unit.revision,
        "modified": unit.at,
    }
    changes = {name: (before.get(name, ""), contact.get(name, "")) for name in edited_fields(before, contact)}
    subject = Subject(card.label, card.origin_id, card.record_id, "", card.href)
    note = _note(decision, {})
    history.write(unit.conn, unit.revision, unit.at, unit.actor, "changed", subject, changes, note)
    return restate(unit, card, values)


def delete_card(unit: Unit, folder: Folder, card: Card, moved: Moved | None = None) -> None:
    """A client deleted a business card (C8): by the set-up, the record goes to Deleted Items, or the card only leaves
    this folder, or it comes back at the next sync. Forbidden in a read-only set-up."""
    own = setups.of_collection(unit.conn, folder.collection.id)
    if own and own.access != "rw":
        raise Forbidden("business cards are read-only in this folder")
    mode = own.on_delete if own else unit.options.on_delete
    if card.origin_id != unit.origin.id or mode == "unfollow":
        guard.unfollow(unit, folder.collection, card)
    elif mode == "reject":
        refresh(unit, card)
    elif unit.records().read_only:
        _refuse_read_only(unit)
    elif guard.exceeded(unit, folder):
        guard.quarantine(unit, folder, card)
    else:
        record = unit.records().get(card.record_id, lock=True)
        if record is not None and record.deleted_at is None:
            record = unit.records().soft_delete(card.record_id, by=unit.actor.name, at=unit.at)
        project(unit, unit.origin, card.record_id, record, cause=Cause(unit.actor, moved=moved))


def says_nothing_new(unit: Unit, folder: Folder, card: Card, sent: Sent) -> bool:
    """Whether applying a sent card to the card as it is now would change nothing."""
    record = unit.lock(card.record_id) if card.origin_id == unit.origin.id else None
    if record is None:
        return False
    decision = _decide(unit, folder, card, record, sent._replace(matched=True))
    if decision.changes or decision.overruled or decision.unreadable:
        return False
    return text_of(unit, card, record, decision.template) == card.text


def refuse_business_target(unit: Unit, target: Folder, to_href: str) -> None:
    """Nothing can be moved onto a business card: its address and UID are given by the server. Raises Conflict."""
    found = view.get(unit.conn, target, to_href)
    if found is not None and found.card_id is not None:
        raise Conflict("a business card has this address")


def touch_folder(unit: Unit, folder: Folder) -> None:
    """Something changed in what this folder shows."""
    collections.touch(unit.conn, folder.collection.id, unit.revision, unit.at)


def refused(unit: Unit, folder: Folder, href: str, card_id: int | None) -> None:
    """A write was refused: report the resource as changed, so that the client fetches it again (C20, H17)."""
    if card_id == view.GROUP_CARD:
        _refresh_group(unit, folder)
    elif card_id is not None:
        card = cards.get(unit.conn, card_id)
        if card:
            refresh(unit, card)
    else:
        items.touch(unit.conn, folder.collection.id, href, unit.revision, unit.at)


def write_group(unit: Unit, folder: Folder) -> None:
    """A client edits or deletes the group card, which only says what the folder shows: it gets it again at the next
    sync. Forbidden in a read-only set-up."""
    own = setups.of_collection(unit.conn, folder.collection.id)
    if own and own.access != "rw":
        raise Forbidden("business cards are read-only in this folder")
    _refresh_group(unit, folder)


def _refresh_group(unit: Unit, folder: Folder) -> None:
    membership.regroup(unit.conn, folder.collection.id, unit.revision)
    touch_folder(unit, folder)


def move_out(unit: Unit, folder: Folder, found: Resource, target: Collection, to_href: str) -> None:
    """A client moves a business card to another folder (C12): the target gets a plain contact without the marker, the
    record goes the way of a delete. Forbidden within the sync folder: an href belongs to the server (C4)."""
    if target.id == folder.collection.id or found.card_id == view.GROUP_CARD:
        raise Forbidden("the address of a business card is given by the server")
    plain.check_allowed(unit, target)
    card = cards.get(unit.conn, found.card_id or 0)
    assert card is not None
    text = card.text if found.uid == card.uid else codec.with_uid(card.text, found.uid)
    text = edit.without_marker(served_text(text, card.categories))
    delete_card(unit, folder, card, Moved(target.path, to_href, found.uid, text))
    plain.put(unit, target, NewItem(to_href, found.uid, "VCARD", "", 0, 0, text))
