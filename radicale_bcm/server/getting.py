# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast way of the usual GET: one card of an address book. Imported by server.application.

While nothing in the state has changed, one look is enough: at what is at the href, and then whether the state is still
the one in which the address book was seen. What is not there, or unusual, is left to Radicale.
"""

from http import client
from typing import TYPE_CHECKING, Any

from radicale import pathutils, types, xmlutils
from radicale.app.base import Access

from radicale_bcm.books import view
from radicale_bcm.books.view import Resource
from radicale_bcm.server import fast
from radicale_bcm.server.fast import Book
from radicale_bcm.server.item import http_date
from radicale_bcm.server.storage import Storage

if TYPE_CHECKING:
    from radicale_bcm.server.application import BcmApplication


def answer(
    app: "BcmApplication", environ: dict[str, Any], path: str, user: str, groups: set[str]
) -> types.WSGIResponse | None:
    """The fast answer to a GET or HEAD of a card; None if Radicale has to answer."""
    is_usual = path.startswith("/") and not path.startswith("/.") and not path.endswith("/")
    if not is_usual or environ.get("QUERY_STRING") or app._sharing._enabled:  # noqa: SLF001
        return None
    if "r" not in Access(app._rights, user, groups, path).parent_permissions:  # noqa: SLF001
        return None
    storage = app._storage  # noqa: SLF001
    assert isinstance(storage, Storage)
    storage.pull()
    folder, _, href = pathutils.strip_path(path).rpartition("/")
    found = _found(storage, folder, href)
    if found is None or not storage.shows(found):
        return None
    headers = {
        "Content-Type": xmlutils.OBJECT_MIMETYPES[found.name],
        "Last-Modified": http_date(found.modified),
        "ETag": found.etag,
    }
    return client.OK, headers, found.text, None


def _found(storage: Storage, folder: str, href: str) -> Resource | None:
    known: Book | None = storage.remembered.get(folder)
    if known is not None:
        with storage.site.state.looking() as conn:
            found, stamp = view.glance(conn, known.folder, href)
        if stamp == known.stamp:
            return found
    with storage.site.read() as conn:
        book = fast.book_at(storage, conn, folder)
        return view.get(conn, book.folder, href) if book else None
