# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before the colon of a content line: group, name, parameters. Imported by the vCard modules."""

import re
from functools import lru_cache

from radicale_bcm.contacts.escaping import decode_parameter, encode_parameter

_NAME = re.compile(r"(?:([A-Za-z0-9_-]+)\.)?([A-Za-z0-9_-]+)")
# What a strict reader of 3.0 takes before the colon. All quantifiers are possessive: no backtracking.
_STRICT = re.compile(
    r'(?:[A-Za-z0-9_-]++\.)?[A-Za-z0-9_-]++(?:;[A-Za-z0-9_-]++=(?:"[^"]*+"|[^",;:]*+)(?:,(?:"[^"]*+"|[^",;:]*+))*+)*+'
)
_SEMICOLON_PARTS = re.compile(r'(?:"[^"]*+"|[^";]++|"(?=[^"]*+\Z))++')
_COMMA_PARTS = re.compile(r'(?:"[^"]*+"|[^",]++|"(?=[^"]*+\Z))++')
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "B"})
_CACHED = 120
MARKER = "X-BCM-FIELD"
Params = tuple[tuple[str, tuple[str, ...]], ...]


class Head:
    """What stands before the colon of a content line. Immutable and shared between lines.

    `name` is "" where no property name can be made out. `strict` says that any reader of vCard 3.0 takes it as it is.
    `pref` is the preference of TYPE=pref or PREF=1; `marker` is our own parameter that says which field a line holds.
    """

    __slots__ = (
        "binary",
        "charset",
        "group",
        "marker",
        "name",
        "params",
        "pref",
        "quoted_printable",
        "strict",
        "types",
    )

    def __init__(self, group: str | None, name: str, params: Params, *, well_formed: bool) -> None:
        self.group = group
        self.name = name
        self.params = params
        self.charset: str | None = None
        self.marker: str | None = None
        self.pref = False
        encodings: set[str] = set()
        types: set[str] = set()
        listed = False
        for key, values in params:
            if key == "TYPE":
                for value in values:
                    listed = listed or "," in value
                    types.update(_type(each) for each in value.split(","))
            elif key == "ENCODING":
                encodings.update(value.upper() for value in values)
            elif key == "CHARSET":
                self.charset = values[0]
            elif key == "PREF":
                self.pref = values[0] == "1"
            elif key == MARKER:
                self.marker = values[0].lower()
        types.discard("")
        self.types: frozenset[str] = frozenset(types)
        self.pref = self.pref or "pref" in types
        self.quoted_printable = "QUOTED-PRINTABLE" in encodings
        self.binary = not encodings.isdisjoint(("B", "BASE64"))
        self.strict = well_formed and not listed and self.charset is None and encodings <= {"B"}


def _type(value: str) -> str:
    """One TYPE in lower case; some programs repeat the parameter's name inside its list (`TYPE=HOME,TYPE=VOICE`)."""
    return value.strip().lower().removeprefix("type=")


def head_text(group: str | None, name: str, params: Params) -> str:
    """What stands before the colon, in the form that every reader takes."""
    parts = [f"{group}.{name}" if group else name]
    types: list[str] = []
    for key, values in params:
        if key == "TYPE":
            types.extend(encode_parameter(each) for value in values for each in value.split(","))
            continue
        parts.append(f"{key}=" + ",".join(encode_parameter(value) for value in values))
    if types:
        parts.insert(1, "TYPE=" + ",".join(types))
    return ";".join(parts)


def _parse_head(text: str) -> Head:
    parts = _SEMICOLON_PARTS.findall(text) if '"' in text else text.split(";")
    match = _NAME.fullmatch(parts[0].strip()) if parts else None
    if match is None:
        return NAMELESS
    params = tuple(_parse_param(part) for part in parts[1:] if part)
    return Head(match[1], match[2].upper(), params, well_formed=_STRICT.fullmatch(text) is not None)


def _parse_param(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, rest = text.partition("=")
    if equals:
        key = name.strip().upper()
    else:
        # vCard 2.1 leaves the names out: TEL;WORK;FAX, PHOTO;JPEG;BASE64
        rest = name
        key = "ENCODING" if name.strip().upper() in _ENCODINGS else "TYPE"
    if '"' in rest:
        values = tuple(decode_parameter(_unquoted(value)) for value in _COMMA_PARTS.findall(rest))
    else:
        values = tuple(decode_parameter(value) for value in rest.split(","))
    return key, values


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


NAMELESS = Head(None, "", (), well_formed=False)
_cached_head = lru_cache(maxsize=4096)(_parse_head)


def head_of(text: str) -> Head:
    """The parsed head of a content line; those of ordinary length are remembered, because they repeat card by card."""
    return _cached_head(text) if len(text) <= _CACHED else _parse_head(text)


def usual_head_of(text: str) -> Head | None:
    """The head that ends at the first colon of a line; None where quotes, or what is no name, have to be looked at."""
    if '"' in text or len(text) > _CACHED:
        return None
    head = _cached_head(text)
    return head if head.name else None


def colon_of(text: str) -> int:
    """The index of the colon that ends the head: the first one outside quotes; -1 if there is none."""
    first = colon = text.find(":")
    quote = text.find('"', 0, colon) if colon > 0 else -1
    while quote >= 0 and colon >= 0:
        closing = text.find('"', quote + 1)
        if closing < 0:
            return first
        if closing > colon:
            colon = text.find(":", closing)
        quote = text.find('"', closing + 1, colon) if colon >= 0 else -1
    return colon if colon >= 0 else first
