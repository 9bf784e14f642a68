# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of a wrong filter, which points at the character. Imported by the filter modules; filters exports it."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

EXCERPT = 72


class FilterError(ValueError):
    """A filter that cannot be used.

    `expression` is the whole text as it was given (`field=expression`), `position` the index in it of the wrong
    character (its length: something is missing at the end), `field` the field's name as far as one was read,
    `suggestions` names that may have been meant.
    """

    def __init__(
        self, field: str, expression: str, position: int, reason: str, suggestions: Iterable[str] = ()
    ) -> None:
        super().__init__(field, expression, position, reason)
        self.field = field
        self.expression = expression
        self.position = position
        self.reason = reason
        self.suggestions = tuple(suggestions)

    def __str__(self) -> str:
        meant = f"; did you mean {' or '.join(self.suggestions)}?" if self.suggestions else ""
        shown, column = _excerpt(self.expression, self.position)
        return f"filter: {_printable(self.reason)}{meant}\n  {shown}\n  {' ' * column}^"


def close_names(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that look like this one."""
    return get_close_matches(name.lower(), list(known), n=3, cutoff=0.6)


def _excerpt(text: str, position: int) -> tuple[str, int]:
    # A long expression is cut around the caret, so that both fit into one line of a terminal.
    start = max(0, min(position - EXCERPT // 2, len(text) - EXCERPT))
    end = min(len(text), start + EXCERPT)
    before = ("…" if start else "") + _printable(text[start:position])
    shown = before + _printable(text[position:end]) + ("…" if end < len(text) else "")
    return shown, sum(map(_cells, before))


def _printable(text: str) -> str:
    # The text may come from anywhere, and is shown on terminals and in logs.
    return "".join(char if char.isprintable() else "�" for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
