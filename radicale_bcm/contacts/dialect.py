# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a line of vCard 2.1 or 4.0 into the form that readers of 3.0 understand; a fitting line stays as it is.

Imported by `render` only. No value is ever dropped: what cannot be a line of 3.0 is wrapped in X-BCM-UNREADABLE.
"""

import re

from radicale_bcm.contacts.escaping import decode_quoted_printable, escape, one_line, split_structured, unescape
from radicale_bcm.contacts.heads import Params, head_text
from radicale_bcm.contacts.lines import Line, make_line
from radicale_bcm.contacts.slots import UNREADABLE

# Properties of one text, whose separators vCard 2.1 leaves bare; and those with components.
_TEXT = frozenset(
    {"FN", "NOTE", "TITLE", "ROLE", "NICKNAME", "LABEL", "MAILER", "SORT-STRING", "X-ABLABEL", "EMAIL", "TEL"}
)
_STRUCTURED = frozenset({"N", "ADR", "ORG"})
_MEDIA = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
_SPECIAL = _MEDIA | {"AGENT"}

_DATA_URI = re.compile(r"data:([^;,\\]*)([^,]{0,200}),", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*+={0,2}+")
_SPACE = re.compile(r"\s+")
_BARE_CONTINUATION = re.compile(r"[\r\n](?![ \t\n]|\Z)")
_LINE_END = re.compile(r"\r{0,2}\n|\r")
_PARAM_NAME = re.compile(r"[A-Za-z0-9_-]+")
_KEY_TYPES = {"pgp-keys": "PGP", "x-x509-user-cert": "X509", "pkix-cert": "X509"}


def modern(line: Line, version: str) -> Line:
    """The line as vCard 3.0; the same object where it is that already. `version` is that of its card."""
    head = line.head
    if head.strict and version != "2.1" and line.name not in _SPECIAL and not head.binary:
        return line
    if not line.name:
        return wrapped(line)
    if line.name == "AGENT":
        return line if head.strict and "BEGIN:VCARD" not in line.raw.upper() else _rebuilt(line, one_line(line.value))
    if line.name in _MEDIA or head.binary:
        return _media(line, version)
    if head.quoted_printable:
        return _rebuilt(line, _escaped(line.name, line.decoded()))
    if version == "2.1":
        value = _escaped(line.name, line.value)
        return line if head.strict and value == line.value else _rebuilt(line, value)
    return _rebuilt(line, line.value)


def ended(raw: str) -> str:
    """A raw line with CRLF at each of its ends."""
    raw = _LINE_END.sub("\r\n", raw)
    return raw if raw.endswith("\r\n") else raw + "\r\n"


def wrapped(line: Line) -> Line:
    """A line that 3.0 has no place for (no property name, a second N), as text of a property of ours."""
    content = f"{head_text(line.group, line.name, line.params)}:{line.value}" if line.name else line.value
    return make_line(UNREADABLE, escape(content))


def rebuilt(line: Line, params: Params, value: str) -> Line:
    """A line with the group and name of another one. What stood before its colon is repeated where it may be."""
    if params == line.params and line.head.strict:
        before = _head_as_written(line)
        if before is not None:
            return make_line(before, value)
    usable = tuple(each for each in params if _PARAM_NAME.fullmatch(each[0]))
    return make_line(head_text(line.group, line.name, usable), value)


def _head_as_written(line: Line) -> str | None:
    start = line.raw.find(":")
    text = line.raw[:start]
    return None if start < 0 or '"' in text or "\n" in text or "\r" in text else text


def without_encoding(params: Params) -> Params:
    """Parameters that still hold when a value is written anew as text of 3.0."""
    return tuple(each for each in params if each[0] not in ("ENCODING", "CHARSET"))


def _rebuilt(line: Line, value: str, params: Params | None = None) -> Line:
    if any(not _PARAM_NAME.fullmatch(key) for key, _ in line.params):
        return wrapped(line)
    return make_line(head_text(line.group, line.name, without_encoding(params or line.params)), value)


def _escaped(name: str, decoded: str) -> str:
    """The value of a 2.1 line, decoded, as 3.0 escapes it; of an unknown property only line ends are escaped."""
    if name in _TEXT:
        return escape(unescape(decoded))
    if name in _STRUCTURED:
        return ";".join(escape(unescape(part)) for part in split_structured(decoded))
    return one_line(decoded)


def _media(line: Line, version: str) -> Line:
    """A picture, sound or key: binary as ENCODING=b, a URI as VALUE=uri; broken base64 keeps its text."""
    data = _DATA_URI.match(line.value[:300])
    if data is not None and "base64" in data[2].lower():
        payload = _SPACE.sub("", line.value[data.end() :])
        if _is_base64(payload):
            return _binary(line, payload, _media_type(data[1]))
    if line.head.binary:
        fitting = line.head.strict and version != "2.1" and not _BARE_CONTINUATION.search(line.raw)
        return line if fitting else _binary(line, _SPACE.sub("", line.value), "")
    if line.head.quoted_printable:
        return _rebuilt(line, one_line(decode_quoted_printable(line.value, line.head.charset)))
    value_type = (line.param("VALUE") or "").lower()
    if value_type == "url" or (not value_type and version == "4.0" and ":" in line.value):
        params = tuple(each for each in line.params if each[0] != "VALUE")
        return _rebuilt(line, line.value, (*params, ("VALUE", ("uri",))))
    return line if line.head.strict else _rebuilt(line, line.value)


def _binary(line: Line, payload: str, media_type: str) -> Line:
    dropped = {"ENCODING", "CHARSET", "VALUE"} | ({"TYPE", "MEDIATYPE"} if media_type else set())
    params = tuple(each for each in line.params if each[0] not in dropped and _PARAM_NAME.fullmatch(each[0]))
    added: Params = (("ENCODING", ("b",)),)
    if media_type:
        added += (("TYPE", (media_type,)),)
    return make_line(head_text(line.group, line.name, params + added), payload)


def _is_base64(payload: str) -> bool:
    return len(payload) % 4 == 0 and _BASE64.fullmatch(payload) is not None


def _media_type(media: str) -> str:
    """The TYPE of 3.0 for a media type: image/jpeg is JPEG, application/pgp-keys is PGP."""
    subtype = media.rpartition("/")[2].strip().lower()
    return _KEY_TYPES.get(subtype) or subtype.upper()
