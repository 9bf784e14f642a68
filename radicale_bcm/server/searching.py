# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches: reads an addressbook-query as Radicale does, for the index. Imported by server.collection and server.hot.

What Radicale would refuse, or reads in another way than the index can, is None: then Radicale looks at every card.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence

from radicale.app.report import test_filter
from radicale.item import Item
from radicale.item.filter import simplify_prefilters
from radicale.log import logger
from radicale.storage import BaseCollection
from radicale.xmlutils import make_clark
from sqlalchemy import Connection

from radicale_bcm.books import items, matching, view
from radicale_bcm.books.matching import Match
from radicale_bcm.books.search_query import Filter, PropFilter, Query, TextMatch, encoded
from radicale_bcm.books.view import Folder
from radicale_bcm.contacts import guard

_PROP_FILTER, _NOT_DEFINED = make_clark("CR:prop-filter"), make_clark("CR:is-not-defined")
_TEXT_MATCH, _PARAM_FILTER = make_clark("CR:text-match"), make_clark("CR:param-filter")
_WAYS = frozenset({"equals", "contains", "starts-with", "ends-with"})
# Its small form depends on what follows: in a part of a text it is another than in the whole.
_SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"


class _NotForTheIndex(Exception):
    """Radicale has to look at this."""


def query_of(filters: Iterable[ET.Element]) -> Query | None:
    """The query; None if Radicale has to evaluate it alone."""
    try:
        found = [_filter(each) for each in filters]
    except _NotForTheIndex:
        return None
    return Query(found) if found else None


def _filter(element: ET.Element) -> Filter:
    test = element.get("test", "anyof")
    # A filter without conditions means everything, and there is nothing to find by an index.
    if len(element) == 0 or test not in ("anyof", "allof") or any(child.tag != _PROP_FILTER for child in element):
        raise _NotForTheIndex
    return Filter([_prop_filter(child) for child in element], all_of=test == "allof")


def _prop_filter(element: ET.Element) -> PropFilter:
    name = element.get("name", "").lower()
    if len(element) == 1 and element[0].tag == _NOT_DEFINED:
        return PropFilter(name, absent=True)
    conditions = [_condition(child) for child in element]
    return PropFilter(name, conditions, all_of=element.get("test", "anyof") != "anyof")


def _condition(element: ET.Element) -> TextMatch | None:
    if element.tag == _PARAM_FILTER:
        if any(each.get("match-type", "contains") not in _WAYS for each in element):
            raise _NotForTheIndex
        # The index has no parameters.
        return None
    how = element.get("match-type", "contains")
    if element.tag != _TEXT_MATCH or how not in _WAYS:
        raise _NotForTheIndex
    text = next(element.itertext(), "")
    octet = element.get("collation") == "i;octet"
    if octet and _SIGMA in text:
        raise _NotForTheIndex
    return TextMatch(encoded(text), how, element.get("negate-condition") == "yes", octet)


def decided(conn: Connection, folder: Folder, filters: Sequence[ET.Element]) -> Iterable[view.Resource] | None:
    """What of an address book matches the filters; None if Radicale has to look at any of it."""
    query = query_of(filters) if guard.install().complete else None
    return matching.decided(conn, folder, query) if query else None


def narrowed(conn: Connection, folder: Folder, filters: Sequence[ET.Element]) -> Iterable[Match] | None:
    """What of a collection can match the filters; None if Radicale has to look at everything."""
    if folder.collection.tag == "VADDRESSBOOK":
        query = query_of(filters) if guard.install().complete else None
        return matching.matching(conn, folder, query) if query else None
    if folder.collection.tag == "VCALENDAR":
        return _in_time_range(conn, folder, filters)
    return None


def _in_time_range(conn: Connection, folder: Folder, filters: Sequence[ET.Element]) -> Iterator[Match]:
    component, start, end, simple = simplify_prefilters(filters, folder.collection.tag)
    for each in items.between(conn, folder.collection.id, component, start, end):
        yield Match(view.item_resource(each), simple and (start <= each.time_start or each.time_end <= end))


def compare(
    collection: BaseCollection,
    filters: Sequence[ET.Element],
    narrow: Iterable[tuple[Item, bool]],
    everything: Iterable[tuple[Item, bool]],
) -> list[tuple[Item, bool]]:
    """Radicale's own answer, for a debugging option; an error in the log if the index has another."""

    def answer(found: Iterable[tuple[Item, bool]]) -> set[str | None]:
        return {
            each.href for each, sure in found if sure or all(test_filter(collection.tag, each, one) for one in filters)
        }

    wanted = list(everything)
    ours, theirs = answer(narrow), answer(wanted)
    if ours != theirs:
        asked = b" ".join(map(ET.tostring, filters)).decode()
        missing, wrong = sorted(map(str, theirs - ours)), sorted(map(str, ours - theirs))
        logger.error("The search index answers %s with %s less and %s more than Radicale", asked, missing, wrong)
    return wanted
