# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collection holds as a client sees it: its own items and, in a sync folder, the business cards that it shows.

Imported by sync and server. Reads only; run it in one snapshot. The answer to a sync-token (RFC 6578) is the
difference between what was shown at its revision and what is shown now.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, exists, func, or_, select

from radicale_bcm.books import items, membership, revisions
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.items import CHUNK, chunks
from radicale_bcm.books.membership import Epoch
from radicale_bcm.books.schema import alias, audience, card, exclusion, member
from radicale_bcm.contacts.card import split_categories, with_categories, with_uid


class Resource(NamedTuple):
    """A member of a collection as it is served; etag with quotes; `card_id` is set on business cards."""

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


class Folder(NamedTuple):
    """A collection with the epochs that it shows now; none if it is no sync folder. `revision` counts both."""

    collection: Collection
    epochs: tuple[Epoch, ...]
    revision: int

    @property
    def categories(self) -> dict[int, str]:
        """audience -> category of the set-up."""
        return {each.audience_id: each.category for each in self.epochs}


_SHOWN = select(
    card.c.id,
    func.coalesce(alias.c.href, card.c.href),
    func.coalesce(alias.c.uid, card.c.uid),
    card.c.uid,
    card.c.text,
    card.c.categories,
    card.c.etag,
    card.c.modified,
    card.c.revision,
    member.c.audience_id,
).select_from(
    member.join(card, card.c.id == member.c.card_id).outerjoin(
        alias, and_(alias.c.card_id == card.c.id, alias.c.collection_id == bindparam("collection_id"))
    )
)
_NOT_EXCLUDED = ~exists().where(
    exclusion.c.collection_id == bindparam("collection_id"),
    exclusion.c.card_id == card.c.id,
    exclusion.c.departed.is_(None),
)
_REVISION = select(func.max(audience.c.revision)).where(audience.c.id.in_(bindparam("audiences", expanding=True)))


def open_folder(conn: Connection, collection: Collection) -> Folder:
    """Look up what a collection shows besides its own items."""
    epochs = tuple(membership.open_epochs(conn, collection.id)) if collection.tag == "VADDRESSBOOK" else ()
    if not epochs:
        return Folder(collection, (), collection.revision)
    latest = conn.execute(_REVISION, {"audiences": [each.audience_id for each in epochs]}).scalar_one()
    return Folder(collection, epochs, max(collection.revision, latest))


@lru_cache(maxsize=1024)
def category_tag(category: str) -> str:
    """What a set-up's category adds to the ETag of a business card."""
    return "-" + sha256(category.encode()).hexdigest()[:8] if category else ""


def _card_resource(row: Sequence[Any], categories: dict[int, str]) -> Resource:
    number, href, uid, own_uid, text, own, etag, modified, revision, audience_id = row
    category = categories[audience_id]
    if own or category:
        names = split_categories(own) if own else []
        if category and category.lower() not in (name.lower() for name in names):
            names.append(category)
        text = with_categories(text, names)
    if uid != own_uid:
        text = with_uid(text, uid)
        etag += category_tag(uid)
    return Resource(href, uid, f'"{etag}{category_tag(category)}"', text, modified, revision, card_id=number)


def item_resource(each: items.Item) -> Resource:
    """An item as it is served."""
    return Resource(
        each.href,
        each.uid,
        f'"{each.etag}"',
        each.text,
        each.modified,
        each.revision,
        each.name,
        each.component,
        each.time_start,
        each.time_end,
    )


def _cards(conn: Connection, folder: Folder, query: Select[Any]) -> Iterator[Resource]:
    shown = query.where(
        member.c.audience_id.in_(folder.categories), member.c.departed.is_(None), _NOT_EXCLUDED
    )
    for row in conn.execute(shown, {"collection_id": folder.collection.id}).all():
        yield _card_resource(row, folder.categories)


def all_cards(conn: Connection, folder: Folder) -> Iterator[Resource]:
    """The business cards that the folder shows, in pieces: memory does not grow with the folder."""
    last = 0
    step = _SHOWN.order_by(card.c.id).limit(CHUNK)
    while part := list(_cards(conn, folder, step.where(card.c.id > last))):
        yield from part
        last = part[-1].card_id or 0


def resources(conn: Connection, folder: Folder) -> Iterator[Resource]:
    """Everything that the collection holds."""
    yield from map(item_resource, items.get_all(conn, folder.collection.id))
    if folder.epochs:
        yield from all_cards(conn, folder)


def find(conn: Connection, folder: Folder, hrefs: Iterable[str]) -> dict[str, Resource]:
    """The resources that exist among the hrefs."""
    wanted = list(dict.fromkeys(hrefs))
    found = {each.href: item_resource(each) for each in items.get_many(conn, folder.collection.id, wanted)}
    if folder.epochs:
        for part in chunks(wanted):
            by_href = _SHOWN.where(card.c.href.in_(part), alias.c.href.is_(None))
            by_alias = _SHOWN.where(alias.c.collection_id == folder.collection.id, alias.c.href.in_(part))
            for query in (by_href, by_alias):
                found.update((each.href, each) for each in _cards(conn, folder, query))
    return found


def get(conn: Connection, folder: Folder, href: str) -> Resource | None:
    """The resource at an href."""
    return find(conn, folder, [href]).get(href)


def cards_by_id(conn: Connection, folder: Folder, card_ids: Iterable[int]) -> Iterator[Resource]:
    """Those of the cards that the folder shows now."""
    for part in chunks(list(card_ids)):
        yield from _cards(conn, folder, _SHOWN.where(card.c.id.in_(part)))


def find_uid(conn: Connection, folder: Folder, uid: str) -> str | None:
    """The href that has this UID."""
    own = items.find_uid(conn, folder.collection.id, uid)
    if own is not None or not folder.epochs:
        return own
    by_uid = _SHOWN.where(or_(and_(card.c.uid == uid, alias.c.uid.is_(None)), alias.c.uid == uid))
    return next((each.href for each in _cards(conn, folder, by_uid)), None)


def counts(conn: Connection, folder: Folder) -> tuple[int, int]:
    """How many plain items and how many business cards the folder shows."""
    if not folder.epochs:
        return items.count(conn, folder.collection.id), 0
    shown = (
        select(func.count())
        .select_from(member.join(card, card.c.id == member.c.card_id))
        .where(member.c.audience_id.in_(folder.categories), member.c.departed.is_(None), _NOT_EXCLUDED)
    )
    cards = conn.execute(shown, {"collection_id": folder.collection.id}).scalar_one()
    return items.count(conn, folder.collection.id), int(cards)


def token(conn: Connection, folder: Folder) -> str:
    """The sync-token of the collection now."""
    return revisions.token(conn, folder.collection.id, folder.revision)
