# SPDX-License-Identifier: GPL-3.0-or-later
"""A stored resource as Radicale's Item: served verbatim, parsed only if a filter looks into it."""

from datetime import datetime
from typing import Any

from radicale import item as radicale_item
from radicale.item.filter import TIMESTAMP_MAX, TIMESTAMP_MIN
from radicale.storage import BaseCollection

from radicale_bcm.books.items import NewItem
from radicale_bcm.books.view import Resource
from radicale_bcm.contacts.vcard import parse_for_search

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(at: datetime) -> str:
    """RFC 9110 5.6.7, without the locale that strftime would ask."""
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    )


class StoredItem(radicale_item.Item):
    """An item that carries its text and metadata: nothing is parsed to serve it. `business` marks a business card."""

    business = False

    @property
    def read_only(self) -> bool:
        """Whether the set-up lets nobody change it (C20)."""
        name = "business_read_only" if self.business else "read_only"
        return bool(getattr(self.collection, name, False))

    @property
    def vobject_item(self) -> Any:
        """The parsed object; a card always has one, however odd its text is."""
        if self._vobject_item is None and self.name == "VCARD":
            self._vobject_item = parse_for_search(self.serialize())
        return super().vobject_item


def stored_item(collection: BaseCollection, found: Resource, *, uid: str | None = None) -> StoredItem:
    """The Radicale item of a resource; `uid` stands in for its own where the client's has to be accepted."""
    card = found.name == "VCARD"
    item = StoredItem(
        collection=collection,
        href=found.href,
        last_modified=http_date(found.modified),
        etag=found.etag,
        text=found.text,
        uid=found.uid if uid is None else uid,
        name=found.name,
        component_name=found.component,
        time_range=(TIMESTAMP_MIN, TIMESTAMP_MAX) if card else (found.time_start, found.time_end),
    )
    item.business = found.card_id is not None
    return item


def new_item(href: str, item: radicale_item.Item) -> NewItem:
    """What is stored of an item that Radicale read and prepared."""
    start, end = item.time_range
    return NewItem(href, item.uid, item.name, item.component_name, start, end, item.serialize())
