# SPDX-License-Identifier: GPL-3.0-or-later
"""The members of a collection that an addressbook-query can mean, found by the index. Imported by server.

Reads only; run it in one snapshot.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from radicale_bcm.books import indexing, items, search, view
from radicale_bcm.books.groups import Group
from radicale_bcm.books.schema import alias
from radicale_bcm.books.search import Hit, Place
from radicale_bcm.books.search_query import Query, encoded
from radicale_bcm.books.view import Folder, Resource
from radicale_bcm.contacts import marker
from radicale_bcm.contacts.fields import property_of
from radicale_bcm.contacts.searched import searchable

_MEMBERS = frozenset({"member", "x-addressbookserver-member"})


class Match(NamedTuple):
    """A member that can match; `sure` if it does."""

    resource: Resource
    sure: bool


def matching(conn: Connection, folder: Folder, query: Query) -> Iterator[Match] | None:
    """Never less than the members that match; None if the index cannot tell."""
    shown = _indexed(folder, query)
    return None if shown is None else _matching(conn, folder, query, shown)


def decided(conn: Connection, folder: Folder, query: Query) -> Iterator[Resource] | None:
    """The members that match, in the order of `matching`; None if there is one that the index cannot tell of."""
    shown = _indexed(folder, query)
    if shown is None or (folder.group and _can_mean(query, folder.group)):
        return None
    found = search.find_everywhere(conn, _places(conn, folder, query, shown), query)
    if not all(hit.sure for hits in found for hit in hits):
        return None
    own, *cards = ([hit.id for hit in hits] for hits in found)
    return view.by_ids(conn, folder, own, [number for each in cards for number in each])


def _places(conn: Connection, folder: Folder, query: Query, shown: Mapping[int, str]) -> list[Place]:
    """Where the members of a folder are searched: its own items, and the cards of each origin."""
    number = folder.collection.id
    renamed = _renamed(conn, number) if "uid" in query.names() else []
    cards = [search.cards_of(origin_id, category, renamed) for origin_id, category in shown.items()]
    return [search.items_of(number), *cards]


def _matching(conn: Connection, folder: Folder, query: Query, shown: Mapping[int, str]) -> Iterator[Match]:
    number = folder.collection.id
    own, *others = _places(conn, folder, query, shown)
    for sure in _chunks(search.find(conn, own, query)):
        for each in items.by_ids(conn, number, sure):
            yield Match(view.item_resource(each), sure[each.id])
    for place in others:
        for sure in _chunks(search.find(conn, place, query)):
            for found in view.cards_by_id(conn, folder, sure):
                yield Match(found, sure[found.card_id or 0])
    if folder.group and _can_mean(query, folder.group):
        yield Match(view.group_card(conn, folder, folder.group), sure=False)


def _can_mean(query: Query, group: Group) -> bool:
    """Whether the group card can match; listing its members only to look at its name would take long."""
    if not _MEMBERS.isdisjoint(query.names()):
        return True
    found: dict[str, list[bytes]] = {}
    for name, values in searchable(marker.group_card(group.uid, group.name, ())) or ():
        found.setdefault(name, []).extend(map(encoded, values))
    return query.holds(found) is not False


def _chunks(hits: Iterable[Hit]) -> Iterator[dict[int, bool]]:
    """id -> sure, in pieces that are short enough for an IN list."""
    part: dict[int, bool] = {}
    for hit in hits:
        part[hit.id] = hit.sure
        if len(part) == items.CHUNK:
            yield part
            part = {}
    if part:
        yield part


def _indexed(folder: Folder, query: Query) -> dict[int, str] | None:
    """origin -> category that its cards carry here, or "" if the query does not ask for any; None if the cards are
    served with more than the index knows."""
    shown = _shown(folder)
    if shown is None and indexing.CATEGORIES in query.names():
        return None
    if any(property_of(name).lower() in query.names() for names in folder.fields.values() for name in names):
        return None
    return dict.fromkeys(folder.shown.origins, "") if shown is None else shown


def _shown(folder: Folder) -> dict[int, str] | None:
    """origin -> category that its cards carry here; None if that is not one for each."""
    found: dict[int, str] = {}
    for origin_id, epoch in zip(folder.shown.origins, folder.epochs, strict=True):
        if found.setdefault(origin_id, epoch.category) != epoch.category:
            return None
    return found


def _renamed(conn: Connection, collection_id: int) -> list[int]:
    """Cards that have another UID in this folder than in the index."""
    return list(conn.execute(select(alias.c.card_id).where(alias.c.collection_id == collection_id)).scalars())
