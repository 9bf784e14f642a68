# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collection holds as a client sees it: its own items and, in a sync folder, the business cards that it shows.

Imported by sync and server. Reads only; run it in one snapshot. The answer to a sync-token (RFC 6578) is the
difference between what was shown at its revision and what is shown now.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection

from radicale_bcm.books import groups, items, membership, revisions
from radicale_bcm.books import view_queries as queries
from radicale_bcm.books.cards import Card
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.groups import Group
from radicale_bcm.books.items import CHUNK, Item, chunks
from radicale_bcm.books.membership import Epoch, Shown
from radicale_bcm.books.revisions import Stamp
from radicale_bcm.contacts import marker
from radicale_bcm.contacts.card import business_lines, split_categories, with_categories, with_uid
from radicale_bcm.database.prepared import Asked, together

GROUP_CARD = 0


class Resource(NamedTuple):
    """A member of a collection as it is served; etag with quotes; `card_id` is set on business cards, and GROUP_CARD on
    the group card; `item` on all others."""

    href: str
    uid: str
    etag: str
    text: str
    modified: datetime
    revision: int
    name: str = "VCARD"
    component: str = ""
    time_start: int = 0
    time_end: int = 0
    card_id: int | None = None
    item: Item | None = None


class Folder(NamedTuple):
    """A collection with what it showed and shows besides its own items; nothing if it is no sync folder. `revision`
    counts both. `group` is the card that lists the business contacts, where there is one.
    """

    collection: Collection
    shown: Shown
    revision: int
    group: Group | None = None

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """Those that it shows now."""
        return self.shown.now

    @property
    def has_exceptions(self) -> bool:
        """Whether some cards stand here at other hrefs than their own, or are left out."""
        return self.shown.has_exceptions

    @property
    def categories(self) -> dict[int, str]:
        """audience -> category of the set-up."""
        return {each.audience_id: each.category for each in self.epochs}

    @property
    def tags(self) -> dict[int, str]:
        """audience -> what the set-up adds to the ETags of its cards."""
        return {each.audience_id: category_tag(each.category) + fields_tag(each.fields) for each in self.epochs}

    @property
    def fields(self) -> dict[int, list[str]]:
        """audience -> the business fields that its cards show here; without those that show none."""
        return {each.audience_id: each.fields.split(",") for each in self.epochs if each.fields}


def open_folder(conn: Connection, collection: Collection) -> Folder:
    """Look up what a collection shows besides its own items."""
    shown = membership.shown(conn, collection.id) if collection.tag == "VADDRESSBOOK" else Shown()
    if not shown.now:
        return Folder(collection, shown, collection.revision)
    return Folder(collection, shown, max(collection.revision, shown.latest), groups.find(conn, collection, shown.now))


@lru_cache(maxsize=1024)
def category_tag(category: str) -> str:
    """What a set-up's category adds to the ETag of a business card."""
    return "-" + sha256(category.encode()).hexdigest()[:8] if category else ""


@lru_cache(maxsize=1024)
def fields_tag(fields: str) -> str:
    """What the business fields that a set-up asks for add to the ETag of a business card, whatever they say: with a
    value that somebody asked for, the card itself changes."""
    return "-" + sha256(f"fields {fields}".encode()).hexdigest()[:8] if fields else ""


def _card_resources(conn: Connection, folder: Folder, rows: Sequence[Sequence[Any]]) -> list[Resource]:
    categories, tags, asked = folder.categories, folder.tags, folder.fields
    if not asked:
        return [_card_resource(row, categories, tags) for row in rows]
    numbers = [row[0] for row in rows if row[-1] in asked]
    hidden = dict(queries.HIDDEN.all(conn, {"ids": numbers})) if numbers else {}
    return [
        _card_resource(row, categories, tags, _business_lines(hidden.get(row[0]), asked.get(row[-1], ())))
        for row in rows
    ]


def _business_lines(hidden: str | None, names: Iterable[str]) -> str:
    return business_lines(json.loads(hidden), names) if hidden and names else ""


def _card_resource(
    row: Sequence[Any], categories: dict[int, str], tags: dict[int, str], business_lines: str = ""
) -> Resource:
    number, href, uid, own_uid, text, own, etag, modified, revision, audience_id = row
    text = _with_end(text, business_lines + _end(own, categories[audience_id]))
    if uid != own_uid:
        text = with_uid(text, uid)
    etag = _card_etag(etag, tags[audience_id], uid, own_uid)
    return Resource(href, uid, etag, text, modified, revision, card_id=number)


_END = "END:VCARD\r\n"


@lru_cache(maxsize=4096)
def _end(own: str, category: str) -> str:
    """The end of a card with the record's own categories and the set-up's."""
    names = split_categories(own)
    if category and category.lower() not in (name.lower() for name in names):
        names.append(category)
    return with_categories(_END, names)


def _with_end(text: str, end: str) -> str:
    return text[: text.rindex(_END)] + end


def _card_etag(etag: str, tag: str, uid: str, own_uid: str) -> str:
    renamed = category_tag(uid) if uid != own_uid else ""
    return f'"{etag}{renamed}{tag}"'


def item_resource(each: Item) -> Resource:
    """An item as it is served."""
    own = each.href, each.uid, f'"{each.etag}"', each.text, each.modified, each.revision
    return Resource(*own, each.name, each.component, each.time_start, each.time_end, item=each)


def _parameters(folder: Folder) -> dict[str, Any]:
    return {"collection_id": folder.collection.id, "audiences": list(folder.categories)}


def all_cards(conn: Connection, folder: Folder) -> Iterator[Resource]:
    """The business cards that the folder shows, in pieces: memory does not grow with the folder."""
    query = queries.CARD_PAGE if folder.has_exceptions else queries.PLAIN_PAGE
    parameters = _parameters(folder) | {"last": 0}
    while rows := query.all(conn, parameters):
        yield from _card_resources(conn, folder, rows)
        parameters["last"] = rows[-1][0]


def group_card(conn: Connection, folder: Folder, group: Group) -> Resource:
    """The card that lists the business cards which the folder shows, made now."""
    members = queries.UIDS.column(conn, _parameters(folder))
    text = marker.group_card(group.uid, group.name, members)
    modified = folder.collection.modified
    return Resource(group.href, group.uid, group.etag, text, modified, group.revision, card_id=GROUP_CARD)


class Brief(NamedTuple):
    """The least that is said of a member; etag with quotes."""

    href: str
    etag: str


def briefs(conn: Connection, folder: Folder) -> Iterator[Brief]:
    """Everything that the collection holds, without the texts."""
    for page in brief_pages(conn, folder):
        for href, etag in page:
            yield Brief(href, f'"{etag}"')


def brief_pages(conn: Connection, folder: Folder) -> Iterator[list[tuple[str, str]]]:
    """The same in pieces, as href and etag without quotes."""
    here = {"collection_id": folder.collection.id, "last": ""}
    while rows := queries.ITEM_BRIEFS.all(conn, here):
        yield rows
        here["last"] = rows[-1][0]
    if folder.epochs:
        yield from _exceptional_pages(conn, folder) if folder.has_exceptions else _plain_pages(conn, folder)
    if folder.group:
        yield [(folder.group.href, folder.group.etag.strip('"'))]


def _plain_pages(conn: Connection, folder: Folder) -> Iterator[list[tuple[str, str]]]:
    tags, parameters = folder.tags, _parameters(folder) | {"last": 0}
    while rows := queries.PLAIN_BRIEF_PAGE.all(conn, parameters):
        yield [(href, etag + tags[audience_id]) for _, href, etag, audience_id in rows]
        parameters["last"] = rows[-1][0]


def _exceptional_pages(conn: Connection, folder: Folder) -> Iterator[list[tuple[str, str]]]:
    tags, parameters = folder.tags, _parameters(folder) | {"last": 0}
    while rows := queries.BRIEF_PAGE.all(conn, parameters):
        yield [
            (href, _card_etag(etag, tags[audience_id], uid, own_uid).strip('"'))
            for _, href, uid, etag, own_uid, audience_id in rows
        ]
        parameters["last"] = rows[-1][0]


def resources(conn: Connection, folder: Folder) -> Iterator[Resource]:
    """Everything that the collection holds."""
    yield from map(item_resource, items.get_all(conn, folder.collection.id))
    if folder.epochs:
        yield from all_cards(conn, folder)
    if folder.group:
        yield group_card(conn, folder, folder.group)


def find(conn: Connection, folder: Folder, hrefs: Iterable[str]) -> dict[str, Resource]:
    """The resources that exist among the hrefs."""
    wanted = list(dict.fromkeys(hrefs))
    found = {each.href: item_resource(each) for each in items.get_many(conn, folder.collection.id, wanted)}
    found.update(_find_cards(conn, folder, [href for href in wanted if href not in found]))
    return found


def _find_cards(conn: Connection, folder: Folder, hrefs: Sequence[str]) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    if folder.epochs and hrefs:
        exceptional = (queries.BY_HREF, queries.BY_ALIAS)
        for part in chunks(hrefs):
            parameters = _parameters(folder) | {"hrefs": part}
            for query in exceptional if folder.has_exceptions else (queries.BY_HREF_PLAINLY,):
                found.update((each.href, each) for each in _shown(conn, folder, query.all(conn, parameters)))
    if folder.group and folder.group.href in hrefs:
        found[folder.group.href] = group_card(conn, folder, folder.group)
    return found


def texts(conn: Connection, folder: Folder, hrefs: Sequence[str]) -> dict[str, tuple[str, str]]:
    """href -> ETag without quotes and text, of the resources that exist among not too many hrefs."""
    if folder.group or folder.fields or (folder.epochs and folder.has_exceptions):
        return {each.href: (each.etag[1:-1], each.text) for each in find(conn, folder, hrefs).values()}
    found = {href: (etag, text) for href, etag, text in items.texts(conn, folder.collection.id, hrefs)}
    if folder.epochs and len(found) < len(hrefs):
        categories, tags = folder.categories, folder.tags
        rest = {"hrefs": [href for href in hrefs if href not in found]}
        for href, etag, text, own, number in queries.TEXTS_PLAINLY.all(conn, _parameters(folder) | rest):
            if number is not None:
                found[href] = etag + tags[number], _with_end(text, _end(own, categories[number]))
    return found


def get(conn: Connection, folder: Folder, href: str) -> Resource | None:
    """The resource at an href."""
    return find(conn, folder, [href]).get(href)


def glance(conn: Connection, folder: Folder, href: str) -> tuple[Resource | None, Stamp | None]:
    """What is at an href, and the stamp of the state when that was read or later: `conn` need not hold a snapshot. No
    stamp for a folder where it takes more than a look."""
    if folder.group or folder.fields or folder.has_exceptions:
        return None, None
    asked = [items.asking(folder.collection.id, href)]
    if folder.epochs:
        asked.append((queries.BY_HREF_PLAINLY, _parameters(folder) | {"hrefs": [href]}))
    own, *shown, (stamp,) = together(conn, *asked, revisions.STAMP)
    if own:
        return item_resource(Item._make(own[0])), stamp
    return next(iter(_shown(conn, folder, shown[0] if shown else ())), None), stamp


def get_card(conn: Connection, folder: Folder, href: str) -> Resource | None:
    """The business card, or the group card, at an href where no item is."""
    return _find_cards(conn, folder, [href]).get(href)


def get_whole_card(conn: Connection, folder: Folder, href: str) -> tuple[Resource, Card] | None:
    """A business card, as it is served and as it is stored; None where there is none, or where only `get` can tell."""
    if folder.has_exceptions or not folder.epochs:
        return None
    rows = queries.WHOLE_PLAINLY.all(conn, _parameters(folder) | {"href": href})
    for *columns, audience_id in (row for row in rows if row[-1] is not None):
        own = Card._make(columns)
        row = own.id, href, own.uid, own.uid, own.text, own.categories, own.etag, own.modified, own.revision
        lines = _business_lines(own.hidden, folder.fields.get(audience_id, ()))
        return _card_resource((*row, audience_id), folder.categories, folder.tags, lines), own
    return None


def cards_by_id(conn: Connection, folder: Folder, card_ids: Iterable[int]) -> Iterator[Resource]:
    """Those of the cards that the folder shows now."""
    for part in chunks(list(card_ids)):
        statement, values = _asking_ids(folder, part)
        yield from _shown(conn, folder, statement.all(conn, values))


def _asking_ids(folder: Folder, card_ids: Sequence[int]) -> Asked:
    statement = queries.BY_ID if folder.has_exceptions else queries.BY_ID_PLAINLY
    return statement, _parameters(folder) | {"ids": card_ids}


def _shown(conn: Connection, folder: Folder, rows: Iterable[Sequence[Any]]) -> list[Resource]:
    """The cards of rows whose last column is the audience that shows them, if one does."""
    return _card_resources(conn, folder, [row for row in rows if row[-1] is not None])


def by_ids(conn: Connection, folder: Folder, item_ids: Sequence[int], card_ids: Sequence[int]) -> Iterator[Resource]:
    """The items, and those of the cards that the folder shows now."""
    number = folder.collection.id
    if not (0 < len(item_ids) <= CHUNK and 0 < len(card_ids) <= CHUNK):
        yield from map(item_resource, items.by_ids(conn, number, item_ids))
        yield from cards_by_id(conn, folder, card_ids)
        return
    own, rows = together(conn, items.asking_ids(number, item_ids), _asking_ids(folder, card_ids))
    yield from (item_resource(Item._make(row)) for row in own)
    yield from _shown(conn, folder, rows)


def find_uid(conn: Connection, folder: Folder, uid: str) -> str | None:
    """The href that has this UID."""
    own = items.find_uid(conn, folder.collection.id, uid)
    if own is not None or not folder.epochs:
        return own
    if folder.group and folder.group.uid == uid:
        return folder.group.href
    wanted = _parameters(folder) | {"uid": uid}
    return next((row[1] for query in queries.BY_UID for row in query.all(conn, wanted) if row[-1] is not None), None)


def counts(conn: Connection, folder: Folder) -> tuple[int, int]:
    """How many plain items and how many business cards the folder shows."""
    if not folder.epochs:
        return items.count(conn, folder.collection.id), 0
    (cards,) = queries.COUNT.one(conn, _parameters(folder))
    return items.count(conn, folder.collection.id), int(cards)


def token(conn: Connection, folder: Folder, stamp: Stamp | None = None) -> str:
    """The sync-token of the collection now. `stamp` is that of the whole state, where it is known."""
    return revisions.token(conn, folder.collection.id, folder.revision, stamp)
