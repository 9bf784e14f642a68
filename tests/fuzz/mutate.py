# SPDX-License-Identifier: GPL-3.0-or-later
"""How a valid input is spoilt: a few random changes of a text. Imported by the fuzzing."""

import random
from collections.abc import Sequence

ODD = (
    "\0", "\x01", "\x0b", "\x1a", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffe", "\ud800", "\U0001f600",
    "\u0130", "\u0663", "\xff", "é", "\r", "\n", "\r\n", "\r\n ", "\t", " ", "%", "%00", "%2e%2e%2f", "..", "../",
    "//", "\\", "'", '"', ";", ":", ",", "=", "=\r\n", "*", "?", "<", ">", "&", "&#0;", "&amp;", "]]>", "--", "(", ")",
    "|", "[", "{", "$", "0", "-1", "9" * 30, "1e400", "nan",
)  # fmt: skip


class Spoiler:
    """Random changes, with fragments that mean something to the reader in question."""

    def __init__(self, chance: random.Random, fragments: Sequence[str], longest: int = 60_000) -> None:
        self.chance = chance
        self._longest = longest
        self.fragments = (*fragments, *ODD)

    def spoilt(self, text: str, others: Sequence[str] = ()) -> str:
        """A text after one to five changes; `others` are what it may be crossed with."""
        for _ in range(self.chance.choice((1, 1, 2, 3, 5))):
            text = self._once(text, others)
        return text[: self._longest]

    def _once(self, text: str, others: Sequence[str]) -> str:
        chance = self.chance
        start = chance.randrange(len(text) + 1)
        stop = min(len(text), start + chance.choice((0, 1, 1, 2, 5, 20, 200)))
        kind = chance.randrange(10)
        if kind < 4:
            return text[:start] + chance.choice(self.fragments) + text[stop:]
        if kind < 6:
            return text[:start] + text[stop:]
        if kind == 6:
            times = chance.choice((2, 3, 10, 100, 2_000))
            return text[:start] + text[start:stop] * times + text[stop:]
        if kind == 7:
            return text[:start] + chance.choice(self.fragments) * chance.choice((2, 30, 1_000, 10_000)) + text[stop:]
        if kind == 8 and others:
            other = chance.choice(others)
            cut = chance.randrange(len(other) + 1)
            return text[:start] + other[cut : cut + chance.choice((5, 50, 5_000))] + text[stop:]
        lines = text.split("\n")
        one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[one], lines[two] = lines[two], lines[one]
        return "\n".join(lines)
