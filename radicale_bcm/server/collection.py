# SPDX-License-Identifier: GPL-3.0-or-later
"""One collection as Radicale sees it: items and, in a sync folder, business cards. Imported by server.storage."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from radicale import item as radicale_item
from radicale.storage import BaseCollection, ComponentNotFoundError
from sqlalchemy import Connection

from radicale_bcm.books import cards, collections, delta, items, setups, view
from radicale_bcm.books.items import NewItem
from radicale_bcm.books.schema import HREF_LENGTH
from radicale_bcm.books.view import Folder, Resource
from radicale_bcm.contacts.vcard import Card
from radicale_bcm.server import request, searching
from radicale_bcm.server.item import http_date, new_item, stored_item
from radicale_bcm.server.refusing import refusing
from radicale_bcm.sync import apply, plain
from radicale_bcm.sync.apply import Sent
from radicale_bcm.sync.errors import Forbidden

if TYPE_CHECKING:
    from radicale_bcm.server.storage import Storage

_SUFFIX = {"VADDRESSBOOK": ".vcf", "VCALENDAR": ".ics"}


class Collection(BaseCollection):
    """A collection of the state database; `row` is None only for a root that has no properties."""

    def __init__(self, storage: "Storage", path: str, row: collections.Collection | None) -> None:
        self._storage = storage
        self._path = path
        self.row = row
        self._token: str | None = None
        self._found: dict[str, Resource | None] = {}
        self._known: cards.Card | None = None

    @property
    def path(self) -> str:
        """Without leading and trailing slash."""
        return self._path

    @property
    def _conn(self) -> Connection:
        """Only under a writing lock; reading methods may run after the lock and take a snapshot."""
        return self._storage.unit.conn

    @cached_property
    def folder(self) -> Folder:
        """What the collection shows now."""
        assert self.row is not None
        with self._storage.snapshot() as conn:
            return view.open_folder(conn, self.row)

    def shows(self, found: Resource) -> bool:
        """Whether the storage serves what is in here."""
        return self._storage.shows(found)

    def _reload(self) -> None:
        """After a write of this request: show what is stored now."""
        self.row = collections.get(self._conn, self._path)
        self.__dict__.pop("folder", None)
        self._token = None
        self._found.clear()
        self._known = None

    def resource(self, href: str) -> Resource | None:
        """What is at an href; a PUT asks twice."""
        if self._storage.is_steady and href in self._found:
            return self._found[href]
        assert self.row is not None
        with self._storage.snapshot() as conn:
            sent_back = request.is_sent_back()
            found = self._card_to_edit(conn, href) if sent_back else None
            if found is None:
                # An item comes first (view.find), and what the folder shows besides need not be known then.
                own = items.get(conn, self.row.id, href)
                found = view.item_resource(own) if own else None if sent_back else self._card_to_edit(conn, href)
            if found is None:
                found = view.get_card(conn, self.folder, href)
        if self._storage.is_steady:
            self._found[href] = found
        return found

    def _card_to_edit(self, conn: Connection, href: str) -> Resource | None:
        """The business card at an href, with all of it in mind, for whoever is about to change it; None if in doubt."""
        if self._storage.is_reading:
            return None
        found, self._known = view.get_whole_card(conn, self.folder, href) or (None, None)
        return found

    def remember_state(self) -> None:
        """Fix token and ETag to the snapshot of this moment."""
        if self.row is not None and self.row.tag:
            self._current_token()

    def remember(self, folder: Folder, token: str) -> None:
        """As remember_state, with what is known already."""
        self.__dict__["folder"] = folder
        self._token = token

    def _current_token(self) -> str:
        if self._token is None:
            with self._storage.snapshot() as conn:
                self._token = view.token(conn, self.folder)
        return self._token

    @property
    def etag(self) -> str:
        """O(1): the sync-token in another form, so it is never the same after a restore from backup."""
        return f'"{self._current_token().rpartition("/")[2]}"' if self.row else '""'

    @property
    def last_modified(self) -> str:
        """HTTP date of the last change of an own item or property."""
        assert self.row is not None
        return http_date(self.row.modified)

    def get_meta(self, key: str | None = None) -> Any:
        """All properties, or one."""
        props = self.row.props if self.row else {}
        return dict(props) if key is None else props.get(key)

    def set_meta(self, props: Mapping[str, str]) -> None:
        """Replace all properties; the resourcetype of a sync folder stays (C14)."""
        unit = self._storage.unit
        with refusing(unit):
            tag = props.get("tag", "")
            if self.row and self.row.tag != tag and collections.sync_folders_in(self._conn, self._path):
                raise Forbidden("a sync folder stays an address book: stop synchronisation on the command line first")
            if self.row is None:
                self.row = collections.create(self._conn, self._path, props, unit.revision, unit.at)
            else:
                collections.set_props(self._conn, self.row.id, props, unit.revision, unit.at)
            self._reload()

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """RFC 6578: the token now, and the hrefs that changed or went since the old one (all that are there without).

        InvalidToken, a ValueError, for a token that this collection did not issue (H8).
        """
        folder, token = self.folder, self._current_token()
        if not old_token:
            return token, (str(each.href) for each in self.get_all())
        with self._storage.snapshot() as conn:
            changes = delta.since_token(conn, folder, old_token)
        return token, sorted(changes.changed | changes.removed)

    def get_multi(self, hrefs: Iterable[str]) -> Iterator[tuple[str, radicale_item.Item | None]]:
        """The items at these hrefs, None for those that do not exist."""
        wanted = list(dict.fromkeys(hrefs))
        for part in items.chunks(wanted):
            with self._storage.snapshot() as conn:
                found = view.find(conn, self.folder, part) if self.row else {}
            for href in part:
                each = found.get(href)
                yield href, stored_item(self, each) if each and self.shows(each) else None

    def get_all(self) -> Iterator[radicale_item.Item]:
        """Everything that the collection holds."""
        if self.row is not None:
            with self._storage.snapshot() as conn:
                for each in view.resources(conn, self.folder):
                    if self.shows(each):
                        yield stored_item(self, each)

    def get_filtered(self, filters: Iterable[ET.Element]) -> Iterator[tuple[radicale_item.Item, bool]]:
        """The items that can match, each with whether it is known that it does (C17): Radicale looks at the others."""
        wanted = list(filters)
        with self._storage.snapshot() as conn:
            matches = searching.narrowed(conn, self.folder, wanted) if self.row and wanted else None
            if matches is None:
                yield from super().get_filtered(wanted)
                return
            found = ((stored_item(self, each), sure) for each, sure in matches if self.shows(each))
            if self._storage.compares_answers:
                yield from searching.compare(self, wanted, found, super().get_filtered(wanted))
            else:
                yield from found

    def has_uid(self, uid: str) -> bool:
        """Whether something here has this UID."""
        with self._storage.snapshot() as conn:
            return self.row is not None and view.find_uid(conn, self.folder, uid) is not None

    def serialize(self, *args: Any, **kwargs: Any) -> str:
        """The whole collection as one document; cards joined with the line ends that RFC 6350 3.2 asks for."""
        if self.tag != "VADDRESSBOOK" or args or kwargs.get("vcf_to_ics"):
            return str(super().serialize(*args, **kwargs))
        return "".join(_with_crlf(each.serialize()) for each in self.get_all())

    def access(self, conn: Connection) -> str:
        """What the set-up allows here: rw, business-ro or ro; rw where there is none."""
        own = setups.of_collection(conn, self.row.id) if self.row is not None else None
        return own.access if own else "rw"

    @cached_property
    def _access(self) -> str:
        with self._storage.snapshot() as conn:
            return self.access(conn)

    @property
    def read_only(self) -> bool:
        """Whether the set-up lets nobody change anything here (C20)."""
        return self.tag == "VADDRESSBOOK" and self._access == "ro"

    @property
    def business_read_only(self) -> bool:
        """Whether the set-up lets nobody change business cards here (C20)."""
        return self.tag == "VADDRESSBOOK" and self._access != "rw"

    def _card(self, card_id: int) -> cards.Card:
        """A business card that this folder shows, read once in a lock."""
        if self._known is None or self._known.id != card_id or not self._storage.is_steady:
            self._known = cards.get(self._conn, card_id)
            assert self._known is not None
        return self._known

    def read_through(self, card_id: int) -> bool:
        """Bring a business card up to date with its record, under the record's lock. Whether anything changed."""
        if card_id == view.GROUP_CARD:
            return False
        card = self._card(card_id)
        if apply.read_through(self._storage.unit, card) is card:
            return False
        self._reload()
        return True

    def holds_already(self, found: Resource) -> bool:
        """Whether the card that is being PUT says nothing that is not stored already.

        A stale If-Match then only means that the answer to the first request was lost (RFC 9110 13.1.1).
        """
        current = request.current()
        if current.method != "PUT" or len(current.cards) != 1 or not current.if_match:
            return False
        text = current.cards[0].serialize()
        if found.card_id is None:
            return bool(text == found.text)
        if found.card_id == view.GROUP_CARD:
            return False
        sent = Sent(text, current.client, matched=False)
        return apply.says_nothing_new(self._storage.unit, self.folder, self._card(found.card_id), sent)

    def upload(self, href: str, item: radicale_item.Item) -> tuple[radicale_item.Item, radicale_item.Item | None]:
        """Store an item (C10, C11) or apply the edit of a business card (C2). Returns the new and the old one."""
        before = self.resource(href)
        old = stored_item(self, before) if before else None
        new, repaired = new_item(href, item), _was_repaired(item)
        if before is not None and before.card_id is None and _has_generated_uid(item):
            new = new._replace(uid=before.uid, text=item.vobject_item.adopt_uid(before.uid).serialize())
        after = self.write(before, new, repaired=repaired)
        self._reload()
        return stored_item(self, after), old

    def write(self, before: Resource | None, new: NewItem, *, repaired: bool = False) -> Resource:
        """Let what a client sent take the place of what is at its href now. Returns what is there then, with the text
        that was sent.

        `repaired`: the text is not the one that was sent. ValueError for a refusal, which is the request's then.
        """
        assert self.row is not None
        unit = self._storage.unit
        with refusing(unit):
            try:
                if before is not None and before.card_id is not None:
                    self._edit(before, before.card_id, new.text)
                    # What is served is rendered anew, with its new version: never the text that was sent.
                    after, repaired = before._replace(text=new.text), True
                else:
                    after = view.item_resource(plain.put_over(unit, self.row, before and before.item, new))
            except Forbidden:
                if before:
                    apply.refused(unit, self.folder, new.href, before.card_id)
                raise
            if after.text != new.text or repaired:
                # RFC 6352 6.3.2.3: no ETag where the stored card is not the one that was sent (H14).
                # Stock Radicale always sends one, so it gets one that will not be there at the next sync.
                request.current().withhold_etag = True
                after = after._replace(etag=f'"sent-{items.text_etag(new.text)}"')
            return after

    def _edit(self, before: Resource, card_id: int, text: str) -> None:
        unit = self._storage.unit
        if card_id == view.GROUP_CARD:
            apply.write_group(unit, self.folder)
            self._reload()
        else:
            current = request.current()
            sent = Sent(text, current.client, matched=before.etag in current.if_match)
            apply.edit_card(unit, self.folder, self._card(card_id), sent)

    def delete(self, href: str | None = None) -> None:
        """Delete an item (C8, C11) or the collection, which a sync folder and what contains one refuses (C14)."""
        unit = self._storage.unit
        with refusing(unit):
            if href is None:
                self._delete_whole()
                return
            assert self.row is not None
            found = view.get(self._conn, self.folder, href)
            if found is None:
                raise ComponentNotFoundError(href)
            try:
                if found.card_id == view.GROUP_CARD:
                    apply.write_group(unit, self.folder)
                elif found.card_id is not None:
                    card = cards.get(self._conn, found.card_id)
                    assert card is not None
                    apply.delete_card(unit, self.folder, card)
                else:
                    plain.delete(unit, self.row, href)
            except Forbidden as error:
                # Radicale knows no refused DELETE (H7), and clients drop the card whatever we answer (H17): it comes
                # back with a new revision at the next sync. Our Application says 403.
                apply.refused(unit, self.folder, href, found.card_id)
                request.current().refusal = error
            self._reload()

    def _delete_whole(self) -> None:
        if collections.sync_folders_in(self._conn, self._path):
            raise Forbidden("a sync folder cannot be deleted: stop synchronisation on the command line first")
        plain.delete_tree(self._storage.unit, self._path)
        self._storage.session.seen.clear()
        self._storage.forget_principals()

    def fill(self, new: Iterable[radicale_item.Item]) -> list[str]:
        """Store items in an empty collection under hrefs made from their UIDs. Returns the hrefs."""
        assert self.row is not None
        unit = self._storage.unit
        named = list(self._named(new))
        plain.fill(unit, self.row, named)
        self._reload()
        return [each.href for each in named]

    def _named(self, new: Iterable[radicale_item.Item]) -> Iterator[NewItem]:
        """Hrefs as Radicale makes them: the UID if it is free and fits, else a hash, else a random name."""
        suffix = _SUFFIX.get(self.tag, "")
        taken: set[str] = set()
        for item in new:
            uid = item.uid
            names = [uid if uid.lower().endswith(suffix) else uid + suffix, items.text_etag(uid) + suffix]
            href = next((name for name in names if _usable(name) and name not in taken), None)
            href = href or radicale_item.find_available_uid(taken.__contains__, suffix)
            taken.add(href)
            new_one = new_item(href, item)
            # RFC 6350 3.2: lines of cards end in CRLF. Nobody was promised an ETag for what stood in a file.
            yield new_one._replace(text=_with_crlf(new_one.text)) if new_one.name == "VCARD" else new_one

    def replace(
        self, new: Iterable[radicale_item.Item], props: Mapping[str, str]
    ) -> tuple["Collection", dict[str, radicale_item.Item], list[str]]:
        """PUT on a collection that exists: refused for a sync folder (C14). Old sync-tokens go on."""
        unit = self._storage.unit
        if collections.sync_folders_in(self._conn, self._path):
            raise Forbidden("a sync folder cannot be replaced: stop synchronisation on the command line first")
        old = {each.href: each for each in self.get_all() if each.href}
        if self.row is None:
            self.row = collections.create(self._conn, self._path, props, unit.revision, unit.at)
        collections.set_props(self._conn, self.row.id, props, unit.revision, unit.at)
        self._reload()
        named = {each.href: each for each in self._named(new)} if props.get("tag") else {}
        for href in old.keys() - named.keys():
            plain.delete(unit, self.row, href)
        for each in named.values():
            plain.put(unit, self.row, each)
        self._reload()
        return self, {href: old[href] for href in old.keys() & named.keys()}, list(named.keys() - old.keys())


def _usable(href: str) -> bool:
    return 0 < len(href) <= HREF_LENGTH and "/" not in href and href not in (".", "..") and "\0" not in href


def _was_repaired(item: radicale_item.Item) -> bool:
    card = item.vobject_item
    return isinstance(card, Card) and card.repaired


def _has_generated_uid(item: radicale_item.Item) -> bool:
    card = item.vobject_item
    return isinstance(card, Card) and card.generated_uid


def _with_crlf(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return (lines if lines.endswith("\n") else lines + "\n").replace("\n", "\r\n")
