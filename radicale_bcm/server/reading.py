# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files of Radicale's own storage as a PUT would be read. Imported by cli, for the takeover."""

import radicale.item
from radicale.config import Configuration
from radicale.item import Item

from radicale_bcm.books.items import NewItem
from radicale_bcm.contacts.vcard import Card
from radicale_bcm.server import compat, hooks
from radicale_bcm.server.item import new_item


def read_item(configuration: Configuration, href: str, text: str, tag: str) -> NewItem:
    """The item of a file in a collection with this tag. Raises whatever Radicale's reader does, and ValueError."""
    hooks.install()
    components = radicale.item.read_components(text)
    compat.check_items(configuration, components, tag)
    (component,) = components
    item = Item(collection_path="", vobject_item=component)
    item.prepare()
    new = new_item(href, item)
    # What a PUT would add to a card that lacks it would be another text than the one that clients know.
    return new._replace(text=component.cleaned if isinstance(component, Card) else text)
