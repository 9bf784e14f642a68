# SPDX-License-Identifier: GPL-3.0-or-later
"""What an addressbook-query can look at in a card, read without building objects. Every module may import it.

The values are those that Radicale's filters see in the object of the same card (`vcard.parse_for_search`).
"""

from collections.abc import Iterable
from functools import lru_cache

from radicale_bcm.contacts.escaping import split_structured, unescape
from radicale_bcm.contacts.lines import FRAME, Line, NotAVCard, parse

OPAQUE = frozenset({"photo", "logo", "sound", "key"})
"""Properties whose values nobody searches: only that they are there is told."""

_ADDRESS_PARTS = 7
_NAME_PARTS = 5


def searchable(text: str) -> list[tuple[str, list[str]]] | None:
    """The properties of a card in their order: name in lower case, values as text (several for ORG and CATEGORIES).

    None for a card that has something that cannot be told this way.
    """
    try:
        return searchable_of(parse(text))
    except NotAVCard:
        return None


@lru_cache(maxsize=1024)
def property_of(name: str) -> str:
    """What filters call a property; "" for what is none."""
    return "" if name in FRAME else name.replace("_", "-").lower()


def searchable_of(lines: Iterable[Line]) -> list[tuple[str, list[str]]] | None:
    """The same of some lines of a card."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        name = property_of(line.name)
        if not name:
            continue
        if name in OPAQUE:
            found.append((name, []))
        elif line.head.binary:
            return None
        else:
            found.append((name, _values(name, line)))
    return found


def _values(name: str, line: Line) -> list[str]:
    raw = line.decoded()
    if name == "n":
        return [_name(raw)]
    if name == "adr":
        return [_address(raw)]
    if name == "org":
        units = [unescape(part) for part in split_structured(raw)]
        while len(units) > 1 and not units[-1]:
            units.pop()
        return units
    if name == "categories":
        return [unescape(part) for part in split_structured(raw, ",")]
    return [raw if name == "geo" else unescape(raw)]


def _parts(raw: str, count: int, joint: str) -> list[str]:
    """The components of a structured value; one with commas is a list, here joined."""
    parts = [
        joint.join([unescape(text) for text in split_structured(part, ",")]) if "," in part else unescape(part)
        for part in split_structured(raw)
    ]
    return (parts + [""] * count)[:count]


def _name(raw: str) -> str:
    family, given, additional, prefix, suffix = _parts(raw, _NAME_PARTS, " ")
    return f"{prefix} {given} {additional} {family} {suffix}"


def _address(raw: str) -> str:
    box, extended, street, _, _, _, country = _parts(raw, _ADDRESS_PARTS, "\n")
    city, region, code = _parts(raw, _ADDRESS_PARTS, " ")[3:6]
    # An empty list and an empty text are both left out, but a list of empty texts is not.
    lists = ["," in part for part in (*split_structured(raw), *[""] * _ADDRESS_PARTS)]
    lines = [part for part, is_list in zip((box, extended, street), lists, strict=False) if part or is_list]
    last = f"\n{country}" if country or lists[6] else ""
    return "\n".join(lines) + f"\n{city}, {region} {code}" + last
