# SPDX-License-Identifier: GPL-3.0-or-later
"""Projection: business record -> card. Imported by the other modules of sync.

A record is rendered into the text that the card has now, so that everything that no field holds stays; if that gives
the same text, nothing is written and no revision is drawn, which ends every echo. The text depends on the record and
on what the card kept, never on the clock.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from json import dumps
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

from radicale_bcm.books import cards, history, membership
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import DATABASE, Actor, Subject
from radicale_bcm.books.schema import HREF_LENGTH, UID_LENGTH
from radicale_bcm.books.setups import Origin
from radicale_bcm.business.contract import ACCOUNT_TYPE, Record
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts import edit
from radicale_bcm.contacts.card import Rendered, ServerLines
from radicale_bcm.contacts.compared import edited_fields
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync import asked, audience, unfinished
from radicale_bcm.sync.unfinished import Moved
from radicale_bcm.sync.unit import Unit


class Cause(NamedTuple):
    """Why a record is projected: who did it, what the history should know besides the fields, and the fields before, if
    not the card knows them. `action` is what the history calls it, where that is more than created, changed, restored
    or deleted; `moved` is where the contact went."""

    actor: Actor = DATABASE
    note: Mapping[str, Any] | None = None
    before: Mapping[str, str] | None = None
    action: str = ""
    moved: Moved | None = None


_KEPT_VERSIONS = 20
_THE_DATABASE = Cause()


def is_person(record: Record) -> bool:
    """Whether records of this type are synchronised (SPEC section 2: only person types)."""
    return record.type != ACCOUNT_TYPE


def shown_contact(record: Record, kept: Mapping[str, tuple[str, str]]) -> Contact:
    """The record's fields, with the values that the card keeps because they did not fit their column.

    A kept value is shown only as long as the record still has the value that it had then.
    """
    contact = dict(record.fields)
    for name, (value, then) in kept.items():
        if contact.get(name, "") == then:
            contact[name] = value
    return {name: value for name, value in contact.items() if value}


def served_text(text: str, categories: str) -> str:
    """A card's text with the record's own categories and without any set-up's."""
    return codec.with_categories(text, codec.split_categories(categories)) if categories else text


def _archive(unit: Unit, card: Card) -> None:
    cards.archive(unit.conn, card.id, card.version, edit.shorten(served_text(card.text, card.categories)))


def etag_of(text: str, categories: str) -> str:
    """The ETag, without quotes and without the set-up's part, of a business card."""
    return sha256(f"{text}\0{categories}".encode("utf-8", "surrogatepass")).hexdigest()


def link_to(unit: Unit, record_id: str) -> str | None:
    """The address of a record's page, where cards carry it."""
    if "link" not in unit.options.markers or not unit.options.public_url:
        return None
    return f"{unit.options.public_url.rstrip('/')}/.web/record/{quote(record_id, safe='')}"


def _server_lines(unit: Unit, uid: str, record: Record, version: int, modified: Any) -> ServerLines:
    return ServerLines(
        uid=uid,
        version=version,
        record_id=record.id,
        kind=record.type,
        modified=modified,
        link=link_to(unit, record.id),
        show=tuple(sorted(name for name in record.fields if name not in BY_NAME)),
        marker_property="property" in unit.options.markers,
        badge="photo-badge" in unit.options.markers,
    )


def project(
    unit: Unit,
    origin: Origin,
    record_id: str,
    record: Record | None,
    *,
    cause: Cause = _THE_DATABASE,
    template: str | None = None,
    kept: Mapping[str, tuple[str, str]] | None = None,
    known: Card | None = None,
    had_shown: bool = False,
) -> Card | None:
    """Bring the card of a record up to date; None if there is none to show.

    `record` is None where the record is missing from its database. `template` carries the lines that no field holds,
    where they do not come from the card itself; `kept` replaces the values that the card keeps. `known` is the card,
    where the caller has read it in this unit and not changed it since; `had_shown` says that it showed the record as it
    was before this unit changed it, so that nobody else has left anything to be finished.
    """
    card = known or cards.of_record(unit.conn, origin.id, record_id)
    if record is not None and origin == unit.origin and (card is None or record.version != card.record_version):
        left = None if had_shown else unfinished.take(unit, record, card)
        if left is not None:
            card = _finish(unit, card, record, left)
        elif cause.actor.source != DATABASE.source and (card is not None or not cause.action):
            # What makes a record and has a name, a promotion, is repeated and knows what it had begun.
            unfinished.write(unit, record, cause, template, kept)
    if record is None or record.deleted_at is not None or not is_person(record):
        if card and not card.gone:
            _withdraw(unit, card, record, cause)
        return None
    if card is None:
        return _first(unit, origin, record, cause, template, kept or {})
    return _again(unit, card, record, cause, template, card.kept_values if kept is None else kept)


def _finish(unit: Unit, card: Card | None, record: Record, left: Mapping[str, Any]) -> Card | None:
    """Show a record as somebody wanted to who was interrupted."""
    cause, kept, live = Cause(**left["cause"]), left["kept"], record.deleted_at is None and is_person(record)
    if card is None:
        return _first(unit, unit.origin, record, cause, left["template"], kept or {}) if live else None
    if live:
        return _again(unit, card, record, cause, left["template"], card.kept_values if kept is None else kept)
    if not card.gone:
        _withdraw(unit, card, record, cause)
    unfinished.put_moved(unit, cause.actor, left["moved"])
    return card._replace(gone=True)


def _first(
    unit: Unit, origin: Origin, record: Record, cause: Cause, template: str | None, kept: Mapping[str, tuple[str, str]]
) -> Card:
    row = new_row(unit, origin, record, template, kept)
    card = cards.add(unit.conn, row | {"revision": unit.revision})
    _archive(unit, card)
    audience.place(unit, card, record)
    changes = {name: ("", value) for name, value in (cause.before or record.fields).items()}
    if not cause.before:
        _record_history(unit, card, cause, "created", changes)
    else:
        # Another program made the record, and it was changed before anybody was shown it: both are history.
        _record_history(unit, card, _THE_DATABASE, "created", changes)
        _record_history(unit, card, cause, "changed", _changes(unit, card, record, record.fields, cause))
    return card


def new_row(
    unit: Unit,
    origin: Origin,
    record: Record,
    template: str | None,
    kept: Mapping[str, tuple[str, str]],
    taken: set[str] | None = None,
) -> dict[str, Any]:
    """All fields but id and revision of a card that is shown for the first time. `taken` are the UIDs and hrefs that it
    cannot have, where they are known already."""
    uid, href = _identity(unit, record, taken)
    lines = _server_lines(unit, uid, record, 1, record.modified_at)
    contact = shown_contact(record, kept)
    rendered = codec.render(template, contact, lines)
    return {
        "origin_id": origin.id,
        "record_id": record.id,
        "record_version": record.version,
        "uid": uid,
        "href": href,
        "label": display_name(contact)[:255],
        "text": rendered.text,
        "categories": codec.join_categories(rendered.categories),
        "etag": etag_of(rendered.text, codec.join_categories(rendered.categories)),
        "version": 1,
        "kept": dumps(dict(kept)) if kept else "{}",
        "hidden": asked.hidden_now(record),
        "gone": False,
        "modified": record.modified_at,
    }


_SAFE_HREF = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@~")


def _identity(unit: Unit, record: Record, taken: set[str] | None) -> tuple[str, str]:
    """UID and href of a new card: the record's own UID, unless another card has it already."""
    uid, href = _own_identity(record)
    if cards.uid_taken(unit.conn, uid, href) if taken is None else not taken.isdisjoint((uid, href)):
        uid = str(uuid4())
        href = f"{uid}.vcf"
    if taken is not None:
        taken.update((uid, href))
    return uid, href


def _own_identity(record: Record) -> tuple[str, str]:
    uid = record.uid if 0 < len(record.uid) <= UID_LENGTH else str(uuid4())
    safe = len(uid) <= HREF_LENGTH - 4 and set(uid) <= _SAFE_HREF and not uid.startswith(".")
    return uid, f"{uid if safe else sha256(uid.encode()).hexdigest()}.vcf"


def _again(
    unit: Unit,
    card: Card,
    record: Record,
    cause: Cause,
    template: str | None,
    kept: Mapping[str, tuple[str, str]],
) -> Card:
    contact = shown_contact(record, kept)
    template = template or card.text or _last_readable(unit, card)
    try:
        rendered = rendered_now(unit, card, record, template, kept)
    except NotAVCard:
        # Somebody spoilt the state database. One card must not keep all others from being shown.
        cause = cause._replace(note=dict(cause.note or {}) | {"text_before": card.text})
        rendered = rendered_now(unit, card, record, _last_readable(unit, card), kept)
    kept = {name: pair for name, pair in kept.items() if record.fields.get(name, "") == pair[1]}
    values: dict[str, Any] = {
        "record_version": record.version,
        "kept": dumps(kept) if kept else "{}",
        "hidden": asked.hidden_now(record),
    }
    changes = _changes(unit, card, record, contact, cause)
    same = rendered.text == card.text and codec.join_categories(rendered.categories) == card.categories
    if same and cause.before is None and not card.gone:
        changes = {name: pair for name, pair in changes.items() if name not in asked.READ}
    if same and not card.gone and not asked.shows_otherwise(unit, card.hidden_fields or {}, asked.hidden(record)):
        if any(getattr(card, name) != value for name, value in values.items()):
            cards.change(unit.conn, card, values)
            audience.place(unit, card, record)
        if cause.note or changes:
            # Something that no card shows: a field that is not for clients, or a value that lost.
            _record_history(unit, card, cause, "changed", changes)
        return card._replace(**values)
    values |= _new_text(unit, card, record, contact, rendered)
    changed = cards.change(unit.conn, card, values)
    _archive(unit, changed)
    showing = membership.audiences_of(unit.conn, card.id)
    membership.bump(unit.conn, showing, unit.revision)
    audience.place(unit, changed, record, showing)
    action = "created" if template is None else "restored" if card.gone else "changed"
    if edit.may_have_long_lines(card.text) or edit.may_have_long_lines(changed.text):
        cause = _with_long_lines(cause, card.text, changed.text)
    _record_history(unit, changed, cause, action, changes)
    return changed


def _last_readable(unit: Unit, card: Card) -> str | None:
    """The latest version of a card that can be read."""
    for _, kept in cards.archived_latest(unit.conn, card.id, _KEPT_VERSIONS):
        try:
            text = edit.restore(kept)
            codec.read(text)
        except (NotAVCard, ValueError):
            continue
        return text
    return None


def _read(text: str, link: str | None) -> Contact:
    try:
        return codec.read(text, link=link) if text else {}
    except NotAVCard:
        return {}


def rendered_now(
    unit: Unit, card: Card, record: Record, template: str | None, kept: Mapping[str, tuple[str, str]]
) -> Rendered:
    """What a card of this version says of its record, with the lines of a template."""
    contact = shown_contact(record, kept)
    if template and (card.kept_values or kept):
        template = edit.without_unreadable_dates(template, codec.normalised(contact))
    return codec.render(template, contact, _server_lines(unit, card.uid, record, card.version, card.modified))


def _with_long_lines(cause: Cause, before: str, after: str) -> Cause:
    """Photos and the like that go, and what stands for those that come: for the history, and for an undo."""
    lost, gained = edit.long_lines(before, after), edit.long_lines(after, before)
    if not lost and not gained:
        return cause
    told = {"lost": [raw for raw, _ in lost], "gained": [digest for _, digest in gained]}
    return cause._replace(note=dict(cause.note or {}) | told)


def text_of(unit: Unit, card: Card, record: Record, template: str) -> str:
    """The text that a card of this version would have with the lines of a template."""
    lines = _server_lines(unit, card.uid, record, card.version, card.modified)
    return codec.render(template, shown_contact(record, card.kept_values), lines).text


def _new_text(unit: Unit, card: Card, record: Record, contact: Contact, rendered: Rendered) -> dict[str, Any]:
    version = card.version + 1
    now = _server_lines(unit, card.uid, record, version, record.modified_at)
    again = codec.restated(rendered, contact, now)
    categories = codec.join_categories(rendered.categories)
    return {
        "label": display_name(contact)[:255],
        "text": again.text,
        "categories": categories,
        "etag": etag_of(again.text, categories),
        "version": version,
        "gone": False,
        "revision": unit.revision,
        "modified": record.modified_at,
    }


def _category(card: Card) -> Contact:
    return {"category": card.categories} if card.categories else {}


def _changes(unit: Unit, card: Card, record: Record, contact: Contact, cause: Cause) -> dict[str, tuple[str, str]]:
    """field -> value before and now. Where only the card knows what was before, as far as it does."""
    if cause.before is not None:
        then, now = cause.before, record.fields
        both = {name: (then.get(name, ""), now.get(name, "")) for name in {**then, **now}}
        return {name: (old, new) for name, (old, new) in both.items() if old != new}
    before = _read(card.text, link_to(unit, record.id)) | _category(card)
    after = codec.normalised(contact)
    found = {name: (before.get(name, ""), after.get(name, "")) for name in edited_fields(before, after)}
    hidden = card.hidden_fields
    if hidden is not None:
        unseen = asked.hidden(record)
        pairs = {name: (hidden.get(name, ""), unseen.get(name, "")) for name in {**hidden, **unseen}}
        found |= {name: (old, new) for name, (old, new) in pairs.items() if old != new}
    return found


def _withdraw(unit: Unit, card: Card, record: Record | None, cause: Cause) -> None:
    """The record is deleted, missing or no person any more: the card leaves every folder; its text is kept."""
    version = record.version if record else card.record_version
    cards.change(unit.conn, card, {"gone": True, "revision": unit.revision, "record_version": version})
    for audience_id in membership.audiences_of(unit.conn, card.id):
        membership.leave(unit.conn, audience_id, [card.id], unit.revision)
    _record_history(unit, card, cause, "deleted", {})


def _record_history(unit: Unit, card: Card, cause: Cause, action: str, changes: Mapping[str, tuple[str, str]]) -> None:
    subject = Subject(card.label, card.origin_id, card.record_id, "", card.href)
    history.write(unit.conn, unit.revision, unit.at, cause.actor, cause.action or action, subject, changes, cause.note)


def refresh(unit: Unit, card: Card) -> Card:
    """Report an unchanged card as changed, with another ETag: what a refused write has to be followed by (H17)."""
    version = card.version + 1
    text = codec.with_version(card.text, version)
    values = {
        "text": text,
        "version": version,
        "etag": etag_of(text, card.categories),
        "revision": unit.revision,
    }
    return restate(unit, card, values)


def restate(unit: Unit, card: Card, values: dict[str, Any]) -> Card:
    """Store a new version of a card whose record did not change."""
    changed = cards.change(unit.conn, card, values)
    _archive(unit, changed)
    membership.bump(unit.conn, membership.audiences_of(unit.conn, card.id), unit.revision)
    return changed


def project_all(unit: Unit, origin: Origin, records: Iterable[Record]) -> int:
    """Show many records that have no card yet, in bulk and without history rows. Returns how many: those that are no
    persons or deleted are left out."""
    persons = [each for each in records if is_person(each) and each.deleted_at is None]
    taken = cards.taken(unit.conn, map(_own_identity, persons))
    rows = [new_row(unit, origin, each, None, {}, taken) for each in persons]
    if not rows:
        return 0
    cards.add_many(unit.conn, [row | {"revision": unit.revision} for row in rows])
    stored = cards.of_records(unit.conn, origin.id, [row["record_id"] for row in rows])
    texts = {each.id: edit.shorten(served_text(each.text, each.categories)) for each in stored.values()}
    cards.archive_many(unit.conn, [{"card_id": number, "version": 1, "text": text} for number, text in texts.items()])
    return len(rows)
