# SPDX-License-Identifier: GPL-3.0-or-later
"""Storages of Radicale in this process, ours and its own, without a server. Imported by tests."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import radicale.item
from radicale import config, storage
from radicale.item import Item
from radicale.storage import BaseCollection, BaseStorage


def open_storage(folder: Path, kind: str = "radicale_bcm", **settings: str) -> BaseStorage:
    """A storage of this kind below a folder."""
    configuration = config.load()
    # A test has no time to wait for the disk.
    configuration.update({"storage": {"_filesystem_fsync": "False"}}, "test", privileged=True)
    configuration.update({"storage": {"type": kind, "filesystem_folder": str(folder), **settings}}, "test")
    return storage.load(configuration)


@contextmanager
def opened(folder: Path, kind: str = "radicale_bcm", **settings: str) -> Iterator[BaseStorage]:
    """The same, closed at the end."""
    found = open_storage(folder, kind, **settings)
    try:
        yield found
    finally:
        if hasattr(found, "site"):
            found.site.close()


def items_of(texts: Iterable[str], path: str = "") -> list[Item]:
    """Radicale's items of cards or calendar objects, as a PUT makes them."""
    found = []
    for text in texts:
        (component,) = radicale.item.read_components(text)
        item = Item(collection_path=path, vobject_item=component)
        item.prepare()
        found.append(item)
    return found


def collection_at(found: BaseStorage, path: str) -> BaseCollection:
    """The collection at a path; inside a lock."""
    collection = next(iter(found.discover(path)), None)
    assert isinstance(collection, BaseCollection), path
    return collection


def texts_of(collection: BaseCollection) -> dict[str, str]:
    """href -> text of everything in a collection."""
    return {str(item.href): item.serialize() for item in collection.get_all()}


def props(kind: str, **more: Any) -> dict[str, Any]:
    """Properties of an address book (book) or calendar."""
    return {"tag": {"book": "VADDRESSBOOK", "calendar": "VCALENDAR"}[kind], **more}
