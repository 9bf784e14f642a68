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

from sqlalchemy import Connection, Select, and_, bindparam, exists, func, or_, select, union_all

from radicale_bcm.books import groups, items, membership, revisions
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.groups import Group
from radicale_bcm.books.items import CHUNK, chunks
from radicale_bcm.books.membership import Epoch
from radicale_bcm.books.schema import alias, audience, card, exclusion, item, member
from radicale_bcm.contacts import marker
from radicale_bcm.contacts.card import split_categories, with_categories, with_uid

GROUP_CARD = 0


class Resource(NamedTuple):
    """A member of a collection as it is served; etag with quotes; `card_id` is set on business cards, and GROUP_CARD on
    the group card."""

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
    """A collection with the epochs that it shows now; none if it is no sync folder. `revision` counts both. `group` is
    the card that lists the business contacts, where there is one."""

    collection: Collection
    epochs: tuple[Epoch, ...]
    revision: int
    group: Group | None = None

    @property
    def categories(self) -> dict[int, str]:
        """audience -> category of the set-up."""
        return {each.audience_id: each.category for each in self.epochs}


_ALIASED = and_(alias.c.card_id == card.c.id, alias.c.collection_id == bindparam("collection_id"))
_NOT_EXCLUDED = ~exists().where(
    exclusion.c.collection_id == bindparam("collection_id"),
    exclusion.c.card_id == card.c.id,
    exclusion.c.departed.is_(None),
)
_HREF, _UID = func.coalesce(alias.c.href, card.c.href), func.coalesce(alias.c.uid, card.c.uid)
_STAYING = and_(member.c.audience_id.in_(bindparam("audiences", expanding=True)), member.c.departed.is_(None))
_MEMBERS = member.join(card, card.c.id == member.c.card_id)
_CARD = (
    card.c.uid, card.c.text, card.c.categories, card.c.etag, card.c.modified, card.c.revision, member.c.audience_id,
)  # fmt: skip

# Most folders have no exceptions, and then the joins that look for them are not worth their time.
_SHOWN = select(card.c.id, _HREF, _UID, *_CARD).select_from(_MEMBERS.outerjoin(alias, _ALIASED))
_SHOWN = _SHOWN.where(_STAYING, _NOT_EXCLUDED)
_SHOWN_PLAINLY = select(card.c.id, card.c.href, card.c.uid, *_CARD).select_from(_MEMBERS).where(_STAYING)
_BY_ID = _SHOWN.where(card.c.id.in_(bindparam("ids", expanding=True)))


def _page(query: Select[Any], size: int) -> Select[Any]:
    return query.where(member.c.card_id > bindparam("last")).order_by(member.c.card_id).limit(size)


BRIEF_CHUNK = 2000
_CARD_PAGE, _PLAIN_PAGE = _page(_SHOWN, CHUNK), _page(_SHOWN_PLAINLY, CHUNK)
_HREFS: Any = bindparam("hrefs", expanding=True)
_BY_HREF = _SHOWN.where(card.c.href.in_(_HREFS), alias.c.href.is_(None))
_BY_ALIAS = _SHOWN.where(alias.c.collection_id == bindparam("collection_id"), alias.c.href.in_(_HREFS))
_BY_HREF_PLAINLY = _SHOWN_PLAINLY.where(card.c.href.in_(_HREFS))
_BRIEF = (card.c.etag, card.c.uid, member.c.audience_id)
_BRIEF_PAGE = _page(_SHOWN.with_only_columns(card.c.id, _HREF, _UID, *_BRIEF), BRIEF_CHUNK)
_PLAIN_BRIEF_PAGE = _page(_SHOWN_PLAINLY.with_only_columns(card.c.id, card.c.href, card.c.uid, *_BRIEF), BRIEF_CHUNK)
_ITEM_BRIEFS = (
    select(item.c.id, item.c.href, item.c.etag)
    .where(item.c.collection_id == bindparam("collection_id"), item.c.id > bindparam("last"))
    .order_by(item.c.id)
    .limit(BRIEF_CHUNK)
)
_EXCEPTIONS = union_all(
    select(alias.c.card_id).where(alias.c.collection_id == bindparam("collection_id")),
    select(exclusion.c.card_id).where(
        exclusion.c.collection_id == bindparam("collection_id"), exclusion.c.departed.is_(None)
    ),
).limit(1)
_REVISION = select(func.max(audience.c.revision)).where(audience.c.id.in_(bindparam("audiences", expanding=True)))


def open_folder(conn: Connection, collection: Collection) -> Folder:
    """Look up what a collection shows besides its own items."""
    epochs = tuple(membership.open_epochs(conn, collection.id)) if collection.tag == "VADDRESSBOOK" else ()
    if not epochs:
        return Folder(collection, (), collection.revision)
    latest = conn.execute(_REVISION, {"audiences": [each.audience_id for each in epochs]}).scalar_one()
    return Folder(collection, epochs, max(collection.revision, latest), groups.find(conn, collection, epochs))


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
    return Resource(href, uid, _card_etag(etag, category, uid, own_uid), text, modified, revision, card_id=number)


def _card_etag(etag: str, category: str, uid: str, own_uid: str) -> str:
    renamed = category_tag(uid) if uid != own_uid else ""
    return f'"{etag}{renamed}{category_tag(category)}"'


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


def _parameters(folder: Folder) -> dict[str, Any]:
    return {"collection_id": folder.collection.id, "audiences": list(folder.categories)}


def _has_exceptions(conn: Connection, folder: Folder) -> bool:
    return conn.execute(_EXCEPTIONS, {"collection_id": folder.collection.id}).first() is not None


def _cards(conn: Connection, folder: Folder, query: Select[Any]) -> Iterator[Resource]:
    categories = folder.categories
    for row in conn.execute(query, _parameters(folder)).all():
        yield _card_resource(row, categories)


def all_cards(conn: Connection, folder: Folder) -> Iterator[Resource]:
    """The business cards that the folder shows, in pieces: memory does not grow with the folder."""
    query = _CARD_PAGE if _has_exceptions(conn, folder) else _PLAIN_PAGE
    parameters, categories = _parameters(folder) | {"last": 0}, folder.categories
    while rows := conn.execute(query, parameters).all():
        for row in rows:
            yield _card_resource(row, categories)
        parameters["last"] = rows[-1][0]


_UIDS = _SHOWN.with_only_columns(_UID).order_by(_UID)


def group_card(conn: Connection, folder: Folder, group: Group) -> Resource:
    """The card that lists the business cards which the folder shows, made now."""
    members = conn.execute(_UIDS, _parameters(folder)).scalars()
    text = marker.group_card(group.uid, group.name, members)
    modified = folder.collection.modified
    return Resource(group.href, group.uid, group.etag, text, modified, group.revision, card_id=GROUP_CARD)


class Brief(NamedTuple):
    """The least that is said of a member; etag with quotes."""

    href: str
    etag: str


def briefs(conn: Connection, folder: Folder) -> Iterator[Brief]:
    """Everything that the collection holds, without the texts."""
    parameters = _parameters(folder) | {"last": 0}
    while rows := conn.execute(_ITEM_BRIEFS, parameters).all():
        for _, href, etag in rows:
            yield Brief(href, f'"{etag}"')
        parameters["last"] = rows[-1][0]
    if not folder.epochs:
        return
    parameters["last"] = 0
    query = _BRIEF_PAGE if _has_exceptions(conn, folder) else _PLAIN_BRIEF_PAGE
    categories = folder.categories
    while shown := conn.execute(query, parameters).all():
        for _, href, uid, etag, own_uid, audience_id in shown:
            yield Brief(href, _card_etag(etag, categories[audience_id], uid, own_uid))
        parameters["last"] = shown[-1][0]
    if folder.group:
        yield Brief(folder.group.href, folder.group.etag)


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
    if folder.epochs and len(found) < len(wanted):
        queries = (_BY_HREF, _BY_ALIAS) if _has_exceptions(conn, folder) else (_BY_HREF_PLAINLY,)
        for part in chunks([href for href in wanted if href not in found]):
            parameters, categories = _parameters(folder) | {"hrefs": list(part)}, folder.categories
            for query in queries:
                for row in conn.execute(query, parameters).all():
                    found[row[1]] = _card_resource(row, categories)
    if folder.group and folder.group.href in wanted:
        found[folder.group.href] = group_card(conn, folder, folder.group)
    return found


def get(conn: Connection, folder: Folder, href: str) -> Resource | None:
    """The resource at an href."""
    return find(conn, folder, [href]).get(href)


def cards_by_id(conn: Connection, folder: Folder, card_ids: Iterable[int]) -> Iterator[Resource]:
    """Those of the cards that the folder shows now."""
    categories = folder.categories
    for part in chunks(list(card_ids)):
        for row in conn.execute(_BY_ID, _parameters(folder) | {"ids": list(part)}).all():
            yield _card_resource(row, categories)


def find_uid(conn: Connection, folder: Folder, uid: str) -> str | None:
    """The href that has this UID."""
    own = items.find_uid(conn, folder.collection.id, uid)
    if own is not None or not folder.epochs:
        return own
    if folder.group and folder.group.uid == uid:
        return folder.group.href
    by_uid = _SHOWN.where(or_(and_(card.c.uid == uid, alias.c.uid.is_(None)), alias.c.uid == uid))
    return next((each.href for each in _cards(conn, folder, by_uid)), None)


def counts(conn: Connection, folder: Folder) -> tuple[int, int]:
    """How many plain items and how many business cards the folder shows."""
    if not folder.epochs:
        return items.count(conn, folder.collection.id), 0
    shown = _SHOWN.with_only_columns(func.count())
    cards = conn.execute(shown, _parameters(folder)).scalar_one()
    return items.count(conn, folder.collection.id), int(cards)


def token(conn: Connection, folder: Folder) -> str:
    """The sync-token of the collection now."""
    return revisions.token(conn, folder.collection.id, folder.revision)
