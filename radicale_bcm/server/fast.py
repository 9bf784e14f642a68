# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a request takes the fast way: the same rights as Radicale's, then `hot`, else Radicale. Imported by
server.application.

`[storage] bcm_fast_answers = False` turns it off.
"""

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from http import client
from typing import TYPE_CHECKING, Any, NamedTuple

from radicale import httputils, pathutils, rights, types, xmlutils
from radicale.app.base import Access
from sqlalchemy import Connection

from radicale_bcm.books import collections, revisions, view
from radicale_bcm.books.revisions import InvalidToken, Stamp
from radicale_bcm.database.prepared import together
from radicale_bcm.server import bodies, hot, request
from radicale_bcm.server.collection import Collection
from radicale_bcm.server.hot import Body, Question
from radicale_bcm.server.storage import Storage

if TYPE_CHECKING:
    from radicale_bcm.server.application import BcmApplication

_ASKED_PRIVILEGES = f".//{xmlutils.make_clark('D:current-user-privilege-set')}"
# Answers up to this size are sent as a whole, with their length.
WHOLE = 1024 * 1024
# Address books whose facts a process keeps in memory.
REMEMBERED = 5000


def answer(
    app: "BcmApplication", environ: dict[str, Any], base_prefix: str, path: str, user: str, groups: set[str]
) -> types.WSGIResponse | None:
    """The fast answer to a PROPFIND or REPORT on an address book; None if Radicale has to answer."""
    method = request.current().method
    raw = Access(app._rights, user, groups, path).permissions  # noqa: SLF001
    if not user or "r" not in raw or app._sharing._enabled or environ.get("HTTP_DEPTH", "0") not in ("0", "1"):  # noqa: SLF001
        return None
    try:
        root = _body(app, environ)
    except RuntimeError:
        return httputils.BAD_REQUEST
    except TimeoutError:
        return httputils.REQUEST_TIMEOUT
    if root is None or (method == "PROPFIND" and (len(root) == 0 or root[0].tag != xmlutils.make_clark("D:prop"))):
        return None
    storage = app._storage  # noqa: SLF001
    assert isinstance(storage, Storage)
    depth = environ.get("HTTP_DEPTH", "0")
    storage.pull()
    with ExitStack() as stack:
        snapshot = _opened_once(storage, stack)
        place = pathutils.strip_path(path)
        known = _unchanged(storage, place, method, root, depth)
        book, told = (known, ()) if known else _book_and_more(storage, snapshot(), place, root)
        if book is None:
            return None
        collection = Collection(storage, book.row.path, book.row)
        collection.remember(book.folder, book.token)
        permission = "w" if rights.intersect(raw, "w") else "r"
        if method == "PROPFIND" and root.find(_ASKED_PRIVILEGES) is not None:
            access = collection.access(snapshot())
            if access == "business-ro":
                return None
            permission = "r" if access == "ro" else permission
        question = Question(app, snapshot, collection, base_prefix, path, user, permission, raw, book.token, told)
        body = _made(question, method, root, depth)
        if body is None:
            return None
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        if method == "PROPFIND":
            headers["DAV"] = httputils.DAV_HEADERS
        whole = _whole(body)
        if isinstance(whole, bytes):
            if hot.is_poll(method, root, depth, book.token):
                request.current().poll_of = book.stamp
            return client.MULTI_STATUS, headers, whole, None
        # Too large for memory: the snapshot stays open until the last piece is sent.
        request.current().stream = _streamed(whole, stack.pop_all())
        return client.MULTI_STATUS, headers, b"", None


def _opened_once(storage: Storage, stack: ExitStack) -> Callable[[], Connection]:
    """A snapshot that is opened by whoever looks first, and closed with the stack."""
    opened: list[Connection] = []

    def snapshot() -> Connection:
        if not opened:
            opened.append(stack.enter_context(storage.site.read()))
        return opened[0]

    return snapshot


class Book(NamedTuple):
    """What every request about an address book needs to know, as of a stamp of the state."""

    stamp: Stamp
    row: collections.Collection
    folder: view.Folder
    token: str


def _unchanged(storage: Storage, path: str, method: str, root: ET.Element, depth: str) -> Book | None:
    """The address book at a path for a poll, if it is remembered and nothing has changed; that takes no snapshot."""
    known: Book | None = storage.remembered.get(path)
    if known is None or not hot.is_poll(method, root, depth, known.token):
        return None
    return known if storage.site.state.stamp() == known.stamp else None


def book_at(storage: Storage, conn: Connection, path: str) -> Book | None:
    """The address book at a path, remembered for as long as nothing in the state changes; None for anything else."""
    return _book(storage, conn, path, revisions.stamp(conn))


def _book_and_more(
    storage: Storage, conn: Connection, path: str, root: ET.Element
) -> tuple[Book | None, Sequence[list[Any]]]:
    """The address book, and what the answer asks first, which most often is the same if the book has changed."""
    known: Book | None = storage.remembered.get(path)
    (stamp,), *told = together(conn, revisions.STAMP, *(hot.asking(root, known.row.id) if known else ()))
    book = _book(storage, conn, path, stamp)
    return book, told if book and known and book.row.id == known.row.id else ()


def _book(storage: Storage, conn: Connection, path: str, stamp: Stamp) -> Book | None:
    known: Book | None = storage.remembered.get(path)
    if known is not None and known.stamp == stamp:
        return known
    row = collections.without_children(conn, path)
    if row is None or row.tag != "VADDRESSBOOK":
        return None
    folder = view.open_folder(conn, row)
    if len(storage.remembered) >= REMEMBERED:
        storage.remembered.clear()
    storage.remembered[path] = found = Book(stamp, row, folder, view.token(conn, folder, stamp))
    return found


def _body(app: "BcmApplication", environ: dict[str, Any]) -> ET.Element | None:
    """The request's XML, and the request as if nobody had read it, for Radicale. RuntimeError for a bad one."""
    raw = httputils.read_raw_request_body(app.configuration, environ)
    environ["wsgi.input"] = io.BytesIO(raw)
    if not raw:
        return None
    root = bodies.tree(httputils.decode_request(app.configuration, environ, raw))
    bodies.check_request(request.current().method, root)
    return root


def _made(question: Question, method: str, root: ET.Element, depth: str) -> Body | None:
    if method == "PROPFIND":
        return hot.propfind_body(question, [prop.tag for prop in root[0]], depth)
    try:
        return hot.report_body(question, root)
    except InvalidToken:
        return None


def _whole(body: Body) -> bytes | Iterator[bytes]:
    """The body as a whole if it is not large, else its pieces."""
    pieces: list[bytes] = []
    size = 0
    for text in body:
        piece = text.encode("utf-8", "surrogatepass")
        pieces.append(piece)
        size += len(piece)
        if size > WHOLE:
            return _all(pieces, body)
    return b"".join(pieces)


def _all(pieces: list[bytes], rest: Body) -> Iterator[bytes]:
    yield from pieces
    pieces.clear()
    for text in rest:
        yield text.encode("utf-8", "surrogatepass")


def _streamed(pieces: Iterator[bytes], resources: ExitStack) -> Iterator[bytes]:
    with resources:
        yield from pieces
