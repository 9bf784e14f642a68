# SPDX-License-Identifier: GPL-3.0-or-later
"""The frequent answers, rendered straight from rows: sync-collection, multiget, addressbook-query and PROPFIND on
address books.

Imported by server.application, behind Radicale's authentication and rights. Radicale itself renders one member with
placeholders; the others are that text with their own href, ETag and card in it. Every unusual request is left to
Radicale (None), whose way is also the oracle.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlparse

from radicale import pathutils, xmlutils
from radicale.app import propfind, report
from radicale.item import Item
from radicale.xmlutils import make_clark
from sqlalchemy import Connection

from radicale_bcm.books import delta, items, revisions, view
from radicale_bcm.books.view import Brief, Folder, Resource
from radicale_bcm.database.prepared import Asked, together
from radicale_bcm.server import searching
from radicale_bcm.server.collection import Collection
from radicale_bcm.server.item import StoredItem

if TYPE_CHECKING:
    from radicale_bcm.server.application import BcmApplication

HREF, ETAG, TEXT = "bcm-href-7f3a", "bcm-etag-7f3a", "bcm-text-7f3a"
_HOLE = re.compile(f"({HREF}|{ETAG}|{TEXT})")
_NAMESPACES = re.compile(r' xmlns(?::[A-Za-z0-9]+)?="[^"]*"')
_SAFE_HREF = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch
_PLACEHOLDER: dict[str, Any] = {
    "href": HREF,
    "last_modified": "",
    "etag": ETAG,
    "text": TEXT,
    "uid": "",
    "name": "VCARD",
    "component_name": "",
    "time_range": (0, 0),
}
_HEAD = "<?xml version='1.0' encoding='utf-8'?>\n<multistatus{namespaces}>"
_END = "</multistatus>"
_GETETAG, _ADDRESS_DATA = make_clark("D:getetag"), make_clark("CR:address-data")
# Radicale reads these in an addressbook-query, too.
_NOT_OURS = frozenset({make_clark("C:expand"), make_clark("C:filter")})
_PLAIN_PROPS = frozenset({_GETETAG, _ADDRESS_DATA, make_clark("D:getcontenttype")})
_MISSING = "<response><href>{href}</href><status>HTTP/1.1 404 Not Found</status></response>"
_PIECE = 64 * 1024
_NOTHING: Mapping[str, tuple[str, str]] = {}
_UNKNOWN_PREFIX = re.compile(r"<(/?)ns[0-9]+:")

_ROOT = _HEAD.format(
    namespaces="".join(
        f' xmlns="{url}"' if short == "D" else f' xmlns:{short}="{url}"' for short, url in xmlutils.NAMESPACES.items()
    )
)


@dataclass
class Question:
    """A request about an address book, seen in one snapshot. `permission` is Radicale's for the collection; `told` are
    the answers to `asking`, where it was asked."""

    app: "BcmApplication"
    snapshot: Callable[[], Connection]
    collection: Collection
    base_prefix: str
    path: str
    user: str
    permission: str
    raw_permission: str
    token: str
    told: Sequence[list[Any]] = ()

    @property
    def conn(self) -> Connection:
        """The snapshot; a poll needs none."""
        return self.snapshot()

    @property
    def folder(self) -> Folder:
        """What the collection shows in the snapshot."""
        return self.collection.folder

    @cached_property
    def stem(self) -> str:
        """How hrefs of members begin in the answer: the quoted path of the collection with its final slash."""
        return quote(f"{self.base_prefix}/{self.collection.path}/")


class Render(NamedTuple):
    """Puts members into the text of an answer element that Radicale made: one; or a page of hrefs and ETags; or each of
    several hrefs, ETags and texts. The ETags of both are without quotes."""

    one: Callable[[Any], str]
    page: Callable[[Sequence[tuple[str, str]]], str]
    each: Callable[[Sequence[tuple[str, str, str]]], list[str]]


class _Full(NamedTuple):
    """A member with its text; etag with quotes."""

    href: str
    etag: str
    text: str


Body = Iterator[str]


def escaped(text: str) -> str:
    """Text as ElementTree writes it between tags."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    return text


def _quoted(href: str) -> str:
    return href if _SAFE_HREF(href) else quote(href)


def _text_of(element: ET.Element) -> str:
    return _NAMESPACES.sub("", ET.tostring(element, encoding="unicode"))


_VALUES: dict[str, Callable[[Any], str]] = {
    HREF: lambda each: _quoted(each.href),
    ETAG: lambda each: str(each.etag),
    TEXT: lambda each: escaped(each.text),
}


def _renderer(text: str) -> Render:
    """How members are put into the holes of an answer element that Radicale made."""
    pieces = _HOLE.split(text)
    holes = pieces[1::2]
    makers = [_VALUES.get(piece, piece) for piece in pieces]

    def one(each: Any) -> str:
        return "".join([make if isinstance(make, str) else make(each) for make in makers])

    def page(rows: Sequence[tuple[str, str]]) -> str:
        return "".join([one(Brief(href, f'"{etag}"')) for href, etag in rows])

    def each(rows: Sequence[tuple[str, str, str]]) -> list[str]:
        return [one(_Full(href, f'"{etag}"', text)) for href, etag, text in rows]

    if holes == [HREF, ETAG]:
        first, _, second, _, third = pieces

        def short(rows: Sequence[tuple[str, str]]) -> str:
            if not _SAFE_HREF("".join([href for href, _ in rows])):
                rows = [(_quoted(href), etag) for href, etag in rows]
            return "".join([f'{first}{href}{second}"{etag}"{third}' for href, etag in rows])

        return Render(one, short, each)
    if holes == [HREF, ETAG, TEXT]:
        first, _, second, _, third, _, fourth = pieces

        def whole(rows: Sequence[tuple[str, str, str]]) -> list[str]:
            if not _SAFE_HREF("".join([href for href, _, _ in rows])):
                rows = [(_quoted(href), etag, text) for href, etag, text in rows]
            texts = escaped("\0".join([text for _, _, text in rows])).split("\0")
            if len(texts) != len(rows):
                return each(rows)
            return [
                f'{first}{href}{second}"{etag}"{third}{text}{fourth}'
                for (href, etag, _), text in zip(rows, texts, strict=True)
            ]

        return Render(one, page, whole)
    return Render(one, page, each)


def _placeholder(collection: Collection) -> Item:
    return StoredItem(collection=collection, **_PLACEHOLDER)


def report_body(question: Question, root: ET.Element) -> Body | None:
    """The answer to a REPORT in pieces, made in the question's snapshot; None if Radicale has to answer.

    Raises revisions.InvalidToken before the first piece.
    """
    props = root.find(make_clark("D:prop"))
    wanted = list(props) if props is not None else []
    if not wanted or any(prop.tag not in _PLAIN_PROPS or len(prop) for prop in wanted):
        return None
    render = _report_renderer(question.base_prefix, question.collection.path, tuple(prop.tag for prop in wanted))
    if root.tag == make_clark("D:sync-collection"):
        return _sync(question, root, render, with_text=any(prop.tag == _ADDRESS_DATA for prop in wanted))
    if root.tag == make_clark("CR:addressbook-multiget"):
        hrefs = _hrefs(question, root)
        return None if hrefs is None else _joined(_ROOT, _multiget(question, hrefs, render))
    if root.tag == make_clark("CR:addressbook-query"):
        found = _matching(question, root)
        return None if found is None else _joined(_ROOT, map(render.one, found))
    return None


@lru_cache(maxsize=1024)
def _report_renderer(base_prefix: str, path: str, tags: tuple[str, ...]) -> Render:
    """What members of this collection look like in a REPORT for these properties."""
    values = {_GETETAG: ETAG, _ADDRESS_DATA: TEXT}
    found = []
    for tag in tags:
        element = ET.Element(tag)
        element.text = values.get(tag) or xmlutils.get_content_type(Item(**_PLACEHOLDER, collection_path=path), "utf-8")
        found.append(element)
    uri = pathutils.unstrip_path(f"{path}/{HREF}")
    return _renderer(_text_of(report.xml_item_response(base_prefix, uri, found_props=found)))


def is_poll(method: str, root: ET.Element, depth: str, token: str) -> bool:
    """Whether the answer follows from the token and the properties of the address book alone, without any member."""
    if method == "PROPFIND":
        return depth == "0"
    return root.tag == make_clark("D:sync-collection") and _old_token(root) == token


def asking(root: ET.Element, collection_id: int) -> Sequence[Asked]:
    """What the answer to a REPORT asks first, if the address book has this number: so much can be asked ahead."""
    old = _old_token(root) if root.tag == make_clark("D:sync-collection") else ""
    try:
        return delta.question(collection_id, old).asked if old else ()
    except revisions.InvalidToken:
        return ()


def _old_token(root: ET.Element) -> str:
    return (root.findtext(make_clark("D:sync-token")) or "").strip()


def _sync(question: Question, root: ET.Element, render: Render, *, with_text: bool) -> Body:
    """RFC 6578 3.2."""
    old = _old_token(root)
    folder = question.folder
    head = f"{_ROOT}<sync-token>{question.token}</sync-token>"
    if old == question.token:
        return iter((head + _END,))
    conn = question.conn
    if not old:
        if with_text:
            return _joined(head, map(render.one, view.resources(conn, folder)))
        return _joined(head, map(render.page, view.brief_pages(conn, folder)))
    asked = delta.question(folder.collection.id, old)
    answers = question.told or together(conn, *asked.asked)
    changes, newest = delta.answer(conn, folder, asked, answers)
    return _joined(head, _multiget(question, sorted(changes.changed | changes.removed), render, newest))


def _matching(question: Question, root: ET.Element) -> Iterable[Resource] | None:
    """RFC 6352 8.6: the members that an addressbook-query means; None if Radicale has to tell."""
    if any(each.tag in _NOT_OURS for each in root.iter()):
        return None
    filters = root.findall(make_clark("CR:filter"))
    conn, folder = question.conn, question.folder
    found = searching.decided(conn, folder, filters) if filters else view.resources(conn, folder)
    return None if found is None else filter(question.collection.shows, found)


def _hrefs(question: Question, root: ET.Element) -> list[str] | None:
    """The names of the members that a multiget asks for; None for anything but members of this collection."""
    stem = question.stem
    texts = [element.text or "" for element in root.findall(make_clark("D:href"))]
    names = [text[len(stem) :] for text in texts if text.startswith(stem)]
    if len(names) < len(texts) or not _SAFE_HREF("".join(names)) or not {"", ".", ".."}.isdisjoint(names):
        names = [_name(question, text) for text in texts]
        if not all(names):
            return None
    return list(dict.fromkeys(names))


def _name(question: Question, text: str) -> str:
    """The member that an href names; empty if it is none of this collection."""
    name = text.removeprefix(question.stem)
    usual = name != text and _SAFE_HREF(name) and name not in (".", "..")
    return name if usual else _unusual_name(question, text)


def _unusual_name(question: Question, text: str) -> str:
    """The member that an href names in another spelling; empty if it is none of this collection."""
    path = pathutils.sanitize_path(unquote(urlparse(text).path))
    if not (path + "/").startswith(question.base_prefix + "/"):
        return ""
    try:
        return pathutils.name_from_path(path[len(question.base_prefix) :], question.collection)
    except ValueError:
        return ""


def _multiget(
    question: Question, hrefs: Sequence[str], render: Render, known: Mapping[str, tuple[str, str]] = _NOTHING
) -> Iterator[str]:
    """The members at these hrefs; of those that are `known`, ETag without quotes and text."""
    for part in items.chunks(hrefs):
        unknown = [href for href in part if href not in known] if known else part
        found = {**known, **view.texts(question.conn, question.folder, unknown)} if unknown else known
        there = [href for href in part if href in found]
        texts = render.each([(href, *found[href]) for href in there])
        if len(there) < len(part):
            rendered = dict(zip(there, texts, strict=True))
            texts = [rendered.get(href) or _MISSING.format(href=question.stem + _quoted(href)) for href in part]
        yield from texts


def _joined(head: str, responses: Iterable[str]) -> Body:
    """Head, responses and end, in pieces of a useful size."""
    pieces, size = [head], len(head)
    for response in responses:
        pieces.append(response)
        size += len(response)
        if size > _PIECE:
            yield "".join(pieces)
            pieces, size = [], 0
    pieces.append(_END)
    yield "".join(pieces)


def propfind_body(question: Question, props: Sequence[str], depth: str) -> Body | None:
    """The answer to a PROPFIND on an address book, in pieces; None if Radicale has to answer."""
    if make_clark("D:getcontentlength") in props:
        return None
    own = _text_of(_propfind_element(question, question.collection, props))
    if _UNKNOWN_PREFIX.search(own):
        return None
    if depth == "0":
        return iter((_ROOT + own + _END,))
    if make_clark("D:getlastmodified") in props:
        return None
    render = _renderer(_text_of(_propfind_element(question, _placeholder(question.collection), props)))
    return _joined(_ROOT + own, map(render.page, view.brief_pages(question.conn, question.folder)))


def _propfind_element(question: Question, thing: Collection | Item, props: Sequence[str]) -> ET.Element:
    app = question.app
    return propfind.xml_propfind_response(
        app,
        question.base_prefix,
        question.path,
        thing,
        props,
        question.user,
        "utf-8",
        max_resource_size=app._max_resource_size,  # noqa: SLF001
        write=question.permission == "w",
        raw_permissions=question.raw_permission,
    )
