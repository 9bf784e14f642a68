# SPDX-License-Identifier: GPL-3.0-or-later
"""How filters compare text: letter case and wildcards, by code point, alike in Python and in every SQL engine.
Imported by the filter modules only.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache

# No script with letter case lies above it.
_CASED_BELOW = 0x20000


class Wild(Enum):
    """A wildcard in a pattern."""

    ONE = "?"
    MANY = "*"


Pattern = tuple[str | Wild, ...]
"""Literal pieces and wildcards in order."""


def _fold_char(char: str) -> str:
    # One character for one, so that ? counts the same before and after; str.casefold turns ß into ss.
    for folded in (char.casefold(), char.lower()):
        if len(folded) == 1:
            return folded
    return char


@cache
def _fold_table() -> dict[int, str]:
    pairs = ((code, _fold_char(chr(code))) for code in range(_CASED_BELOW))
    return {code: folded for code, folded in pairs if ord(folded) != code}


@cache
def _variants_table() -> dict[str, str]:
    variants: dict[str, str] = {}
    for code, folded in _fold_table().items():
        variants[folded] = variants.get(folded, "") + chr(code)
    return variants


def fold(text: str) -> str:
    """The text without regard to letter case, of the same length: what `@` compares."""
    return text.lower() if text.isascii() else text.translate(_fold_table())


def variants(char: str) -> str:
    """The other characters that fold to this folded one."""
    return _variants_table().get(char, "")


def tidy(pieces: Iterable[str | Wild]) -> Pattern:
    """The pattern with neighbouring literals joined, and each run of wildcards as its ? and at most one *."""
    result: list[str | Wild] = []
    literal, singles, many = "", 0, False
    for piece in (*pieces, None):
        if isinstance(piece, str):
            if singles or many:
                result += [literal] if literal else []
                result += [Wild.ONE] * singles + [Wild.MANY] * many
                literal, singles, many = "", 0, False
            literal += piece
        elif piece is Wild.ONE:
            singles += 1
        elif piece is Wild.MANY:
            many = True
    result += [literal] if literal else []
    return (*result, *[Wild.ONE] * singles, *[Wild.MANY] * many)


def matcher(pattern: Pattern) -> Callable[[str], bool]:
    """A predicate that says whether a whole text matches a tidy pattern.

    Between two * lies a segment of fixed length, and its leftmost place is always the right one: nothing is tried
    twice, so no pattern is exponential.
    """
    segments = _segments(pattern)
    if len(segments) == 1:
        whole = segments[0]
        return lambda text: len(text) == whole.length and whole.stands_at(text, 0)
    first, *middle, last = segments
    least = sum(segment.length for segment in segments)

    def matches(text: str) -> bool:
        if len(text) < least or not first.stands_at(text, 0) or not last.stands_at(text, len(text) - last.length):
            return False
        position, end = first.length, len(text) - last.length
        for segment in middle:
            found = segment.find(text, position, end)
            if found < 0:
                return False
            position = found + segment.length
        return True

    return matches


class _Segment:
    """A piece of a pattern without *."""

    def __init__(self, pieces: Sequence[str | Wild]) -> None:
        self._literal = "".join("?" if piece is Wild.ONE else str(piece) for piece in pieces)
        self.length = len(self._literal)
        self._regex: re.Pattern[str] | None = None
        if any(piece is Wild.ONE for piece in pieces):
            parts = ("." if piece is Wild.ONE else re.escape(str(piece)) for piece in pieces)
            # No repetition in it, so there is nothing to backtrack over.
            self._regex = re.compile("".join(parts), re.DOTALL)

    def stands_at(self, text: str, position: int) -> bool:
        if self._regex is None:
            return text.startswith(self._literal, position)
        return self._regex.match(text, position) is not None

    def find(self, text: str, position: int, end: int) -> int:
        """The first place between position and end, or -1."""
        if self._regex is None:
            return text.find(self._literal, position, end)
        match = self._regex.search(text, position, end)
        return match.start() if match else -1


def _segments(pattern: Pattern) -> list[_Segment]:
    groups: list[list[str | Wild]] = [[]]
    for piece in pattern:
        if piece is Wild.MANY:
            groups.append([])
        else:
            groups[-1].append(piece)
    return [_Segment(group) for group in groups]
