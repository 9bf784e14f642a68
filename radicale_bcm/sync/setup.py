# SPDX-License-Identifier: GPL-3.0-or-later
"""What each person chose: start, change and stop synchronising. Imported by cli and server.

A folder shows an audience for an epoch; changing anything closes one epoch and opens another at the same revision, so
that every client sees exactly the difference at its next ordinary sync.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from radicale_bcm.books import cards, collections, collisions, membership, origins, setups, view
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.membership import Audience, Epoch, Manner
from radicale_bcm.books.setups import Setup
from radicale_bcm.sync import asked, audience, losses, setup_history
from radicale_bcm.sync.errors import Conflict, Invalid, NotThere
from radicale_bcm.sync.options import DEFAULT_CATEGORY
from radicale_bcm.sync.unit import Unit

ACCESS = ("rw", "business-ro", "ro")
ON_DELETE = ("trash", "unfollow", "reject")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person asks for; None leaves a thing as it is (or takes the default). `category` "" is none.
    `shown_fields` are business fields that cards show to this person's clients."""

    folder: str | None = None
    filters: Sequence[str] | None = None
    category: str | None = None
    access: str | None = None
    on_delete: str | None = None
    shown_fields: Sequence[str] | None = None


class Effect(NamedTuple):
    """What a change of a set-up came to: the filters in words, how many contacts pass them now, and how many business
    cards entered and left folders. `beyond` says that the person sees so many fewer that it has to be confirmed: the
    bound is that of `losses`."""

    setup: Setup
    described: str
    matching: int
    entering: int
    leaving: int
    beyond: bool


def folder_path(principal: str, name: str) -> str:
    """The collection path of a principal's folder. Invalid for a name that no path can hold."""
    name = name.strip("/").removeprefix(f"{principal}/")
    if not name or "/" in name or name.startswith(".") or len(name) > 200 or any(ord(char) < 32 for char in name):
        raise Invalid(f"{name!r} cannot be the name of a folder: use a name without slashes, such as Contacts")
    if not principal or "/" in principal or principal.startswith("."):
        raise Invalid(f"{principal!r} cannot be a principal")
    return f"{principal}/{name}"


def start(unit: Unit, principal: str, choice: Choice) -> Effect:
    """Start synchronising, or change what is synchronised: the folder is created if needed and filled.

    Raises Invalid, Conflict, or contacts.filters.FilterError; nothing has changed then.
    """
    old = setups.of_principal(unit.conn, principal)
    new = _merged(unit, principal, old, choice)
    folder = _folder(unit, principal, old, choice)
    wanted = _audience(unit, new, principal)
    before = old.collection_id if old and old.enabled else None
    shown_before = _shown(unit, before)
    kept = _kept(unit, before) if before is not None else []
    if before is not None and before != folder.id:
        _empty(unit, before)
    manner = asked.manner_of(new)
    asked.remember(unit, new.shown_fields)
    _show(unit, folder, wanted, manner, changed=_served_otherwise(old, new, folder))
    for epoch, deleted in kept:
        _show_kept(unit, folder, epoch, manner, deleted)
    retire_unused(unit)
    saved = new._replace(collection_id=folder.id, enabled=True, changed_at=unit.at)
    # Servers remember a folder's access as of a revision, so a new access needs a new one.
    if old is None or old.access != saved.access:
        collections.touch(unit.conn, folder.id, unit.revision, unit.at)
    setups.save(unit.conn, saved)
    setup_history.write(unit, old, saved)
    shown_now = _shown(unit, folder.id)
    lost = {number for _, number in shown_before} - {number for _, number in shown_now}
    return Effect(
        saved,
        audience.words_of(unit, unit.origin.id).describe(saved.filters),
        len(membership.members(unit.conn, wanted.id)),
        len(shown_now - shown_before),
        len(shown_before - shown_now),
        len(lost) > losses.bound(unit, len(shown_before)),
    )


def _shown(unit: Unit, collection_id: int | None) -> set[tuple[int, int]]:
    """The folder with each of the cards that it shows."""
    if collection_id is None:
        return set()
    shown: set[int] = set()
    for each in membership.open_epochs(unit.conn, collection_id):
        shown |= membership.members(unit.conn, each.audience_id)
    for kind in ("unfollow", "quarantine"):
        shown.difference_update(membership.excluded(unit.conn, collection_id, kind))
    return {(collection_id, number) for number in shown}


def change(unit: Unit, principal: str, choice: Choice) -> Effect:
    """As start, for a principal that has a set-up. NotThere otherwise."""
    old = setups.of_principal(unit.conn, principal)
    if old is None or not old.enabled:
        raise NotThere(f"{principal} is not synchronised: use `sync start --principal {principal} --folder NAME`")
    return start(unit, principal, choice)


def stop(unit: Unit, principal: str) -> int:
    """Stop: every business card leaves the folder, plain contacts stay. Returns how many left."""
    old = setups.of_principal(unit.conn, principal)
    if old is None or not old.enabled or old.collection_id is None:
        raise NotThere(f"{principal} is not synchronised")
    left = _empty(unit, old.collection_id)
    retire_unused(unit)
    stopped = old._replace(enabled=False, changed_at=unit.at)
    setups.save(unit.conn, stopped)
    setup_history.write(unit, old, stopped)
    return left


def show_current(unit: Unit, own: Setup) -> None:
    """Let the folder of a set-up show the current business database, besides what else it shows."""
    folder = collections.by_id(unit.conn, own.collection_id) if own.collection_id is not None else None
    if folder is not None:
        _show(unit, folder, _audience(unit, own, own.principal), asked.manner_of(own), changed=False)


def _merged(unit: Unit, principal: str, old: Setup | None, choice: Choice) -> Setup:
    usual = DEFAULT_CATEGORY if "category" in unit.options.markers else ""
    base = old or Setup(0, principal, None, (), usual, "rw", unit.options.on_delete, (), False, unit.at)
    for value, allowed, what in ((choice.access, ACCESS, "access"), (choice.on_delete, ON_DELETE, "on-delete")):
        if value is not None and value not in allowed:
            raise Invalid(f"{what} is one of {', '.join(allowed)}, not {value!r}")
    category = base.category if choice.category is None else choice.category.strip()
    if len(category) > 255 or any(ord(char) < 32 for char in category):
        raise Invalid("a category is one line of at most 255 characters")
    return base._replace(
        filters=base.filters if choice.filters is None else tuple(choice.filters),
        category=category,
        access=choice.access or base.access,
        on_delete=choice.on_delete or base.on_delete,
        shown_fields=base.shown_fields if choice.shown_fields is None else asked.chosen(choice.shown_fields),
    )


def _folder(unit: Unit, principal: str, old: Setup | None, choice: Choice) -> Collection:
    if choice.folder is None:
        folder = collections.by_id(unit.conn, old.collection_id) if old and old.collection_id is not None else None
        if folder is None:
            raise Invalid("which folder? add --folder NAME")
        return folder
    path = folder_path(principal, choice.folder)
    found = collections.get(unit.conn, path)
    if found is None:
        name = path.partition("/")[2]
        props = {"tag": "VADDRESSBOOK", "D:displayname": name}
        return collections.create(unit.conn, path, props, unit.revision, unit.at)
    if found.tag != "VADDRESSBOOK":
        raise Conflict(f"/{path}/ is no address book; choose another folder name")
    return found


def _audience(unit: Unit, new: Setup, principal: str) -> Audience:
    """The audience of the filters, filled if it was not followed until now."""
    wanted = audience.bound(unit, new.filters, principal)
    found = membership.find_audience(unit.conn, unit.origin.id, wanted.canonical())
    if found is None:
        canonical = wanted.canonical()
        found = membership.add_audience(unit.conn, unit.origin.id, wanted.expressions, canonical, unit.revision)
        audience.fill(unit, found)
    elif not found.active:
        membership.set_active(unit.conn, found.id, True)
        audience.fill(unit, found)
    audience.look_again(unit)
    return membership.get_audience(unit.conn, found.id)


def _served_otherwise(old: Setup | None, new: Setup, folder: Collection) -> bool:
    return old is None or old.collection_id != folder.id or asked.manner_of(old) != asked.manner_of(new)


def _show(unit: Unit, folder: Collection, wanted: Audience, manner: Manner, *, changed: bool) -> None:
    """Let the folder show an audience of the current database; kept cards of other databases stay."""
    shown: Epoch | None = None
    for each in membership.open_epochs(unit.conn, folder.id):
        if membership.get_audience(unit.conn, each.audience_id).origin_id == unit.origin.id:
            shown = each
    if shown and shown.audience_id == wanted.id and shown.manner == manner and not changed:
        return
    if shown:
        membership.close_epoch(unit.conn, shown.id, unit.revision)
    _open(unit, folder.id, wanted.id, manner)
    _make_room(unit, folder, wanted.id)


def _open(unit: Unit, collection_id: int, audience_id: int, manner: Manner) -> None:
    grouped = "group" in unit.options.markers
    membership.open_epoch(unit.conn, collection_id, audience_id, manner, unit.revision, grouped=grouped)


def follow_markers(unit: Unit) -> None:
    """Give folders a group card, or take it away, as the configuration says now."""
    grouped = "group" in unit.options.markers
    for own in setups.all_setups(unit.conn):
        if own.collection_id is None or not own.enabled:
            continue
        for each in membership.open_epochs(unit.conn, own.collection_id):
            if (each.grouped is not None) != grouped:
                membership.close_epoch(unit.conn, each.id, unit.revision)
                _open(unit, own.collection_id, each.audience_id, each.manner)
                collections.touch(unit.conn, own.collection_id, unit.revision, unit.at)


def _make_room(unit: Unit, folder: Collection, audience_id: int) -> None:
    collections.touch(unit.conn, folder.id, unit.revision, unit.at)
    for card_id in collisions.in_folder(unit.conn, folder.id, audience_id):
        card = cards.get(unit.conn, card_id)
        if card:
            audience.rename(unit, folder.id, card)


def _kept(unit: Unit, collection_id: int) -> list[tuple[Epoch, list[int]]]:
    """What a folder keeps of former databases, each with those of its cards that were deleted there."""
    found = []
    for each in membership.open_epochs(unit.conn, collection_id):
        origin_id = membership.get_audience(unit.conn, each.audience_id).origin_id
        if origin_id != unit.origin.id:
            found.append((each, origins.excluded(unit.conn, collection_id, origin_id, "unfollow")))
    return found


def _show_kept(unit: Unit, folder: Collection, kept: Epoch, manner: Manner, deleted: Sequence[int]) -> None:
    """Let kept cards follow their person to another folder, category or choice of fields."""
    if kept.collection_id == folder.id and kept.manner == manner:
        return
    if kept.collection_id == folder.id:
        membership.close_epoch(unit.conn, kept.id, unit.revision)
    else:
        for card_id in deleted:
            membership.exclude(unit.conn, folder.id, card_id, "unfollow", unit.revision, unit.at)
    _open(unit, folder.id, kept.audience_id, manner)
    _make_room(unit, folder, kept.audience_id)


def _empty(unit: Unit, collection_id: int) -> int:
    """Let a folder show nothing any more, and forget what it did not show. Returns how many cards it showed."""
    collection = collections.by_id(unit.conn, collection_id)
    assert collection is not None
    _, left = view.counts(unit.conn, view.open_folder(unit.conn, collection))
    for each in membership.open_epochs(unit.conn, collection_id):
        membership.close_epoch(unit.conn, each.id, unit.revision)
    for kind in ("unfollow", "quarantine"):
        membership.include(unit.conn, collection_id, kind, unit.revision, None)
    collections.touch(unit.conn, collection_id, unit.revision, unit.at)
    return left


def retire_unused(unit: Unit) -> None:
    """Stop following filters that no folder shows any more; their past stays, for old tokens.

    Only when the change is complete: the audience that one folder leaves can be the one that another shows.
    """
    for audience_id in membership.unused_audiences(unit.conn):
        membership.set_active(unit.conn, audience_id, False)
    audience.look_again(unit)
