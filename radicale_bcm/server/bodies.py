# SPDX-License-Identifier: GPL-3.0-or-later
"""What an XML request body must be like before anybody builds a tree of it: Radicale takes it for granted, and C code
beneath it recurses; and headers that it takes for granted. Imported by server.hooks and server.fast."""

import base64
import codecs
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers import expat

# No request of WebDAV, CardDAV or CalDAV nests half as deep, or names a tenth as many properties.
MAX_DEPTH = 60
MAX_PROPERTIES = 1000

# Of each tag whether it is one that closes; one that closes itself counts as open for ever, which is on the safe side.
_TAGS = re.compile(r"<(/?)")
_PROP = "{DAV:}prop"
_HREF = "{DAV:}href"
# Text encodings of Python that are none of a request's, and raise what they like.
_NOT_MEANT = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"})


class BadBody(RuntimeError):
    """A body that is no request. Radicale answers a RuntimeError with 400."""


def tree(text: str) -> Element:
    """The tree of a body. BadBody as of check_text."""
    check_text(text)
    try:
        # The C parser, at a quarter of the time: there are no definitions that defusedxml would have to look for.
        return fromstring(text)  # noqa: S314
    except (ParseError, UnicodeError) as error:
        raise BadBody(f"no XML: {error}") from error


def _is_harmless(text: str) -> bool:
    """Whether a look at its tags shows that XML is not deep and has no definitions; a mistake in it shows later."""
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    if "<!" in text or "<?" in text:
        return False
    depth = 0
    for closing in _TAGS.findall(text):
        depth += -1 if closing else 1
        if depth > MAX_DEPTH:
            return False
    return True


def check_text(text: str) -> None:
    """BadBody for XML that nests too deep or brings definitions of its own, and for some that is not well-formed."""
    if _is_harmless(text):
        return
    depth = 0

    def start(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise BadBody("the XML nests too deep")

    def end(*_: object) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise BadBody("the XML has a document type")

    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        raise BadBody(f"no XML: {error}") from error


def check_request(method: str, root: Element) -> None:
    """BadBody for a tree that is no request of this method, as far as Radicale relies on it (RFC 4918 9.1)."""
    if method == "PROPFIND" and len(root) == 0:
        raise BadBody("a PROPFIND that asks for nothing")
    if any(len(prop) > MAX_PROPERTIES for prop in root.iter(_PROP)):
        raise BadBody("too many properties")
    if method == "REPORT" and not all(each.text for each in root.iter(_HREF)):
        raise BadBody("an href is empty")


def usable_content_type(content_type: Any) -> str:
    """The Content-Type without a charset that Python does not have; Radicale then tries others."""
    text = str(content_type or "")
    before, found, after = text.partition("charset=")
    if not found:
        return text
    charset = after.split(";")[0].strip()
    try:
        codec = codecs.lookup(charset)
        known = codec.name not in _NOT_MEANT and b"a".decode(charset) is not None
    except (LookupError, UnicodeError, ValueError):
        known = False
    return text if known else before.rstrip("; ")


def is_readable_login(authorization: str) -> bool:
    """Whether Radicale can read an Authorization header: it takes for granted that Basic is followed by the Base64 of
    a name, a colon and a password (RFC 7617), and fails where it is not."""
    if not authorization.startswith("Basic"):
        return True
    try:
        return b":" in base64.b64decode(authorization.removeprefix("Basic").strip().encode("ascii"))
    except ValueError:
        return False
