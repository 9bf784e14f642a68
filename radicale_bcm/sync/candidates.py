# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts that could be promoted, and what a person calls them by. Imported by promote, cli and server.

They are plain contacts, and the cards that folders keep of a former business database.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from sqlalchemy import Connection

from radicale_bcm.books import cards, collections, items, membership, places, setups, view
from radicale_bcm.books.cards import Card
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.items import Item
from radicale_bcm.business.contract import DEFAULT_TYPE
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts import edit
from radicale_bcm.contacts.filters import Filter
from radicale_bcm.contacts.lines import NotAVCard, parse
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync.errors import Conflict, Invalid, NotThere, Refused

EMAILS = ("email", "email2", "email3")
_MOST_NAMED = 5
_KIND = re.compile("KIND|X-ABSHOWAS", re.IGNORECASE)
_KINDS = frozenset(("KIND", "X-ADDRESSBOOKSERVER-KIND", "X-ABSHOWAS"))
_COMPANIES = frozenset(("org", "company", "organization"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contact by its place; `contact` is what it said when it was found. A kept card has a `card_id`."""

    collection: Collection
    href: str
    uid: str
    contact: Contact
    is_company: bool = False
    card_id: int | None = None

    @property
    def path(self) -> str:
        """Its path as clients know it."""
        return f"/{self.collection.path}/{self.href}"


def chosen(conn: Connection, selectors: Sequence[str]) -> tuple[list[Candidate], list[tuple[str, str]]]:
    """The plain contacts that paths, UIDs, names and e-mail addresses stand for, and the selectors that stand for
    none or for several, each with what to do."""
    found: dict[str, Candidate] = {}
    refused: list[tuple[str, str]] = []
    known: list[Candidate] | None = None
    for selector in dict.fromkeys(selectors):
        try:
            if selector.startswith("/"):
                one = _at(conn, selector)
            else:
                known = list(_everywhere(conn)) if known is None else known
                one = _called(known, selector)
        except Refused as error:
            refused.append((selector, error.reason))
        else:
            found[one.path] = one
    return list(found.values()), refused


def _at(conn: Connection, path: str) -> Candidate:
    """The contact at a path as it is, or as it stands in a client's address, percent-encoded."""
    try:
        return _exactly_at(conn, path)
    except NotThere:
        meant = unquote(path)
        if meant == path:
            raise
        return _exactly_at(conn, meant)


def _exactly_at(conn: Connection, path: str) -> Candidate:
    folder, _, href = path.strip("/").rpartition("/")
    whole = collections.get(conn, path.strip("/"))
    if whole is not None:
        principal, _, name = whole.path.partition("/")
        raise Invalid(f"this is a folder: --all --principal {principal} --folder {name} takes all contacts in it")
    collection = collections.get(conn, folder)
    if collection is None or collection.tag != "VADDRESSBOOK":
        raise NotThere(f"there is no address book /{folder}/")
    item = items.get(conn, collection.id, href)
    if item is not None:
        return _candidate(collection, item)
    kept = next((each for each in _kept(conn, collection) if each.href == href), None)
    if kept is not None:
        return kept
    if view.get(conn, view.open_folder(conn, collection), href) is not None:
        raise Conflict("it is a business contact already")
    raise NotThere(f"there is no contact of this name in /{folder}/")


def _kept(conn: Connection, collection: Collection) -> Iterator[Candidate]:
    """The cards that an address book keeps of former business databases."""
    current = setups.current_origin(conn)
    for each in membership.open_epochs(conn, collection.id):
        if current is None or membership.get_audience(conn, each.audience_id).origin_id == current.id:
            continue
        for number in sorted(membership.members(conn, each.audience_id)):
            card = cards.get(conn, number)
            if card is not None and card.origin_id != current.id and places.is_shown(conn, collection, card):
                href, uid = places.of(conn, collection.id, card)
                contact = codec.read(text_of_kept(card))
                yield Candidate(collection, href, uid, contact, is_company=False, card_id=card.id)


def text_of(conn: Connection, candidate: Candidate) -> str | None:
    """What a candidate says now; None if it is gone."""
    if candidate.card_id is not None:
        card = cards.get(conn, candidate.card_id)
        return None if card is None or card.gone else text_of_kept(card)
    item = items.get(conn, candidate.collection.id, candidate.href)
    return item.text if item else None


def text_of_kept(card: Card) -> str:
    """What a kept card says, as a plain contact's text."""
    return edit.without_marker(codec.with_categories(card.text, codec.split_categories(card.categories)))


def _called(known: Sequence[Candidate], selector: str) -> Candidate:
    found = [each for each in known if each.uid == selector]
    if not found:
        wanted = selector.strip().casefold()
        found = [each for each in known if wanted and wanted in _names(each.contact)]
    if not found:
        raise NotThere(
            "no contact outside the database has this path, UID, name or e-mail address; `promote --preview` lists them"
        )
    # A card that several folders keep is one contact.
    found = list({each.card_id or each.path: each for each in found}.values())
    if len(found) > 1:
        paths = ", ".join(each.path for each in found[:_MOST_NAMED])
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise Conflict(f"it stands for {len(found)} contacts: {paths}{more}. Use the path")
    return found[0]


def _names(contact: Contact) -> set[str]:
    return {display_name(contact).casefold(), *(contact[name].casefold() for name in EMAILS if name in contact)}


def _candidate(collection: Collection, item: Item) -> Candidate:
    try:
        contact = codec.read(item.text)
    except NotAVCard:
        contact = {}
    return Candidate(collection, item.href, item.uid, contact)


def _of(conn: Connection, collection: Collection) -> Iterator[Candidate]:
    """The contacts of an address book; groups are no contacts."""
    for item in items.get_all(conn, collection.id):
        try:
            read = codec.summary(item.text)
        except NotAVCard:
            continue
        if not read.group:
            yield Candidate(collection, item.href, item.uid, read.contact, is_company(read.contact, item.text))
    yield from _kept(conn, collection)


def is_company(contact: Contact, text: str) -> bool:
    """Whether a card says that it is no person (RFC 6350 6.1.4, and Apple's way)."""
    if not _KIND.search(text) or all(contact.get(name) for name in ("given_name", "family_name")):
        return False
    return any(line.name in _KINDS and line.value.strip().lower() in _COMPANIES for line in parse(text))


def _everywhere(conn: Connection) -> Iterator[Candidate]:
    for principal in collections.children(conn, ""):
        for collection in collections.children(conn, principal.path):
            if collection.tag == "VADDRESSBOOK":
                yield from _of(conn, collection)


def listed(conn: Connection, wanted: Filter, principal: str | None, folder: str | None) -> Iterator[Candidate]:
    """The contacts that pass a filter: of all sync folders, of a principal's, or of one folder that is named.

    Other address books are private until somebody names them. NotThere, Invalid.
    """
    seen: set[int] = set()
    for collection in _folders(conn, principal, folder):
        for each in _of(conn, collection):
            meta = {"uid": each.uid, "type": DEFAULT_TYPE}
            if each.card_id not in seen and wanted.matches(each.contact, meta):
                yield each
            if each.card_id is not None:
                seen.add(each.card_id)


def _folders(conn: Connection, principal: str | None, folder: str | None) -> list[Collection]:
    if folder is not None:
        path = folder.strip("/")
        if "/" not in path:
            if principal is None:
                raise Invalid(f"whose folder? --principal NAME --folder {folder}, or --folder /NAME/{folder}")
            path = f"{principal}/{path}"
        found = collections.get(conn, path)
        if found is None or found.tag != "VADDRESSBOOK":
            raise NotThere(f"there is no address book /{path}/")
        return [found]
    own = [each for each in setups.all_setups(conn) if each.enabled and principal in (None, each.principal)]
    if principal is not None and not own:
        raise NotThere(f"{principal} has no sync folder: name the address book with --folder")
    folders = (collections.by_id(conn, each.collection_id) for each in own if each.collection_id is not None)
    return [each for each in folders if each is not None]
