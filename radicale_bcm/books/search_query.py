# SPDX-License-Identifier: GPL-3.0-or-later
"""An addressbook-query (RFC 6352 10.5) as conditions on the index, where the index may also say "unknown". Imported by
books.search, which knows how entries are stored, and by server, which reads the request.

Texts are compared as Radicale does: in lower case, and with their case only where `i;octet` is asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from radicale_bcm.contacts.searched import OPAQUE

PROPERTY, VALUE = b"\x1f", b"\x1e"
"""What stands before each property of an entry, and between its name and its value; each value ends in PROPERTY."""

PARTS = ("names", "numbers", "rest")
"""The parts of an entry: what people look for most stands apart, so that a search reads little and an edit writes
little."""

UNTOLD = frozenset({"rev", "x-bcm-version", "prodid"})
"""Properties that every edit changes and nobody looks for: the cards themselves tell."""

_NAMES = ("fn", "n", "nickname", "org", "email")
_NUMBERS = ("tel", "title", "role")
_PART = dict.fromkeys(_NAMES, "names") | dict.fromkeys(_NUMBERS, "numbers")

Properties = Mapping[str, Sequence[bytes]]
"""The properties of an entry with their values in lower case."""

# One byte each, so that nobody who looks for "tel" or "org" finds every card.
_FREQUENT = ("adr", "note", "url", "uid", "bday", "version", "categories", "photo", "x-bcm-id", "x-bcm-kind")
_CODES = {name: bytes([code]) for code, name in enumerate((*_PART, *_FREQUENT), 128)}
_OF_CODE = {code: name for name, code in _CODES.items()}


def part_of(name: str) -> str:
    """The part of an entry that has a property."""
    return _PART.get(name, "rest")


def code_of(name: str) -> bytes:
    """How entries name a property: bytes that begin no text in UTF-8, or the name itself."""
    return _CODES.get(name) or encoded(name)


def name_of(code: bytes) -> str:
    """The property that entries name so."""
    return _OF_CODE.get(code) or code.decode("utf-8", "surrogatepass")


def encoded(text: str) -> bytes:
    """A text as entries hold it."""
    return text.lower().encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes that a part of an entry has if it matches."""

    part: str
    data: bytes


@dataclass(frozen=True, slots=True)
class TextMatch:
    """RFC 6352 10.5.4; `how` is equals, contains, starts-with or ends-with."""

    text: bytes
    how: str
    negate: bool = False
    octet: bool = False

    def holds(self, values: Sequence[bytes]) -> bool | None:
        """Whether one of the values matches (or none, negated); None if their case decides."""
        found = any(map(self._fits, values))
        if found and self.octet:
            return None
        return found is not self.negate

    def _fits(self, value: bytes) -> bool:
        if self.how == "equals":
            return value == self.text
        if self.how == "contains":
            return self.text in value
        return value.startswith(self.text) if self.how == "starts-with" else value.endswith(self.text)

    def needle(self, tag: bytes) -> bytes:
        """What a matching entry has; the tag of the property if there is nothing better."""
        if self.negate:
            return tag
        before = tag if self.how in ("equals", "starts-with") else b""
        after = PROPERTY if self.how in ("equals", "ends-with") else b""
        return before + self.text + after if self.text else tag


@dataclass(frozen=True, slots=True)
class PropFilter:
    """RFC 6352 10.5.1. `conditions` has None for what the index cannot decide, such as a param-filter."""

    name: str
    conditions: Sequence[TextMatch | None] = ()
    all_of: bool = False
    absent: bool = False

    def holds(self, properties: Properties) -> bool | None:
        """Whether it holds for these properties; None if unknown."""
        if self.name in UNTOLD:
            return None
        values = properties.get(self.name)
        if self.absent or values is None:
            return self.absent and values is None
        if not self.conditions:
            return True
        if self.name in OPAQUE:
            return None
        return _joined((each.holds(values) if each else None for each in self.conditions), all_of=self.all_of)

    def needles(self) -> list[Needle] | None:
        """Of these an entry that matches has at least one; None if nothing can be said."""
        if self.absent or self.name in UNTOLD:
            return None
        tag = PROPERTY + code_of(self.name) + VALUE
        if self.name in OPAQUE or not self.conditions:
            return [Needle(part_of(self.name), tag)]
        found = [each.needle(tag) if each else tag for each in self.conditions]
        chosen = [max(found, key=len)] if self.all_of else found
        return [Needle(part_of(self.name), each) for each in chosen]


@dataclass(frozen=True, slots=True)
class Filter:
    """RFC 6352 10.5."""

    properties: Sequence[PropFilter]
    all_of: bool = False

    def holds(self, properties: Properties) -> bool | None:
        """Whether it holds for these properties; None if unknown."""
        return _joined((each.holds(properties) for each in self.properties), all_of=self.all_of)

    def needles(self, added: Properties) -> list[Needle] | None:
        """As of PropFilter; `added` are properties that cards are given when they are served."""
        each_has: list[list[Needle] | None] = [
            None if each.name in added and each.holds(added) is not False else each.needles()
            for each in self.properties
        ]
        if self.all_of:
            return best(each_has)
        return None if None in each_has else [needle for has in each_has if has for needle in has]


@dataclass(frozen=True, slots=True)
class Query:
    """All filters of a request: every one has to hold."""

    filters: Sequence[Filter]

    def holds(self, properties: Properties) -> bool | None:
        """Whether it holds for these properties; None if unknown."""
        return _joined((each.holds(properties) for each in self.filters), all_of=True)

    def needles(self, added: Properties) -> list[Needle] | None:
        """As of Filter."""
        return best([each.needles(added) for each in self.filters])

    def names(self) -> set[str]:
        """The properties that it looks at."""
        return {condition.name for each in self.filters for condition in each.properties}


def best(choices: Sequence[list[Needle] | None]) -> list[Needle] | None:
    """The needles that narrow most: long ones, and in a smaller part."""
    usable = [each for each in choices if each is not None]
    return min(usable, key=_cost, default=None)


def _cost(needles: Sequence[Needle]) -> tuple[bool, int]:
    if not needles:
        return False, -1_000_000
    return any(each.part == "rest" for each in needles), -min(len(each.data) for each in needles)


def _joined(results: Iterable[bool | None], *, all_of: bool) -> bool | None:
    """Kleene's and, or: unknown where it could be either."""
    unknown = False
    for each in results:
        if each is None:
            unknown = True
        elif each is not all_of:
            return each
    return None if unknown else all_of
