# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns an operator and its operands into the condition that they mean for a kind of field.
Imported by filter_parse only.
"""

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeVar

from radicale_bcm.contacts.filter_error import close_names
from radicale_bcm.contacts.filter_fields import COMPANY, PERSON, FilterField
from radicale_bcm.contacts.filter_terms import (
    Between,
    DateBetween,
    Empty,
    Equal,
    Like,
    Me,
    MomentBetween,
    NumberBetween,
    Term,
    YesNo,
)
from radicale_bcm.contacts.filter_text import Pattern, Wild, tidy
from radicale_bcm.contacts.filter_values import TICK, days, moments, number, yes_or_no

_ME = ("me", "user", "userid")
_TOKEN = re.compile(r"%([A-Za-z]+)")


class OperandProblem(ValueError):
    """An operand that does not suit its field; `position` is an index in the text that was read."""

    def __init__(self, position: int, reason: str, suggestions: Collection[str] = ()) -> None:
        super().__init__(position, reason)
        self.position = position
        self.reason = reason
        self.suggestions = suggestions


class Piece(NamedTuple):
    """A part of an operand: text or a wildcard."""

    content: str | Wild
    position: int
    quoted: bool


class Operand(NamedTuple):
    """A value as it was written."""

    position: int
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The value, wildcards as the characters that they are."""
        return "".join(p.content.value if isinstance(p.content, Wild) else p.content for p in self.pieces)

    def pattern(self, literal_quotes: bool) -> Pattern:
        """The value with its wildcards; those in quotation marks are text if `literal_quotes`."""
        return tidy(
            piece.content.value
            if isinstance(piece.content, Wild) and piece.quoted and literal_quotes
            else piece.content
            for piece in self.pieces
            if piece.content != ""
        )

    def wildcard(self) -> int | None:
        """Where the first wildcard outside of quotation marks stands."""
        return next((p.position for p in self.pieces if isinstance(p.content, Wild) and not p.quoted), None)

    def token(self) -> str | None:
        """The name of a %token, if it is one."""
        found = _TOKEN.fullmatch(self.text)
        return found[1].lower() if found and not self.pieces[0].quoted else None


class Asked(NamedTuple):
    """One condition as it was written. A range has the operator "" or "<>" and at least one of low and high."""

    position: int
    operator: str
    folded: bool
    is_range: bool
    low: Operand | None
    high: Operand | None

    @property
    def negated(self) -> bool:
        """Whether it begins with <>."""
        return self.operator.startswith("<>")

    @property
    def value(self) -> Operand:
        """The only operand of what is no range."""
        assert self.low is not None
        return self.low

    def orders(self) -> bool:
        """Whether it asks for an order."""
        return self.is_range or self.operator in ("<", "<=", ">", ">=")


def build_term(field: FilterField, asked: Asked, type_names: Collection[str] | None) -> Term:
    """The condition. Raises OperandProblem."""
    token = asked.value.token() if asked.low else None
    if asked.high and asked.high.token():
        raise OperandProblem(asked.high.position, "a % name cannot be the end of a range")
    if token is not None:
        return _me(field, asked, token)
    if not asked.orders() and not asked.value.text:
        return Empty(negated=asked.negated)
    if field.kind == "type":
        return _type(asked, type_names)
    if asked.folded and field.kind not in ("text", "id"):
        raise OperandProblem(asked.position, f"@ is for text, and {field.name} holds a {_NOUNS[field.kind]}")
    return _BUILDERS[field.kind](asked)


def _me(field: FilterField, asked: Asked, token: str) -> Term:
    if token not in _ME:
        reason = f'there is no "%{token}"; a value that begins with % is written in quotation marks'
        raise OperandProblem(asked.value.position, reason, ["%" + name for name in close_names(token, _ME)])
    if field.kind != "text" or asked.orders():
        raise OperandProblem(asked.value.position, "%me stands for a user name, to be compared with a text field")
    return Me(negated=asked.negated, folded=asked.folded)


def _type(asked: Asked, type_names: Collection[str] | None) -> Term:
    if asked.orders():
        raise OperandProblem(asked.position, "record types have no order")
    term = _matching(asked, folded=True)
    if isinstance(term, Equal) and type_names is not None:
        known = {PERSON.lower(), COMPANY.lower(), *(name.lower() for name in type_names)}
        if term.text.lower() not in known:
            names = [PERSON, COMPANY, *type_names]
            close = [name for name in names if name.lower() in close_names(term.text, known)]
            raise OperandProblem(asked.value.position, f'there is no record type "{term.text}"', close)
    return term


def _matching(asked: Asked, folded: bool) -> Term:
    pattern = asked.value.pattern(literal_quotes=asked.operator.endswith("=") and not asked.orders())
    if len(pattern) == 1 and isinstance(pattern[0], str):
        return Equal(negated=asked.negated, folded=folded, text=pattern[0])
    return Like(negated=asked.negated, folded=folded, pattern=pattern)


def _text(asked: Asked) -> Term:
    if not asked.orders():
        return _matching(asked, asked.folded)
    if asked.folded:
        raise OperandProblem(asked.position, "@ has no meaning for an order of texts")
    low, low_open, high, high_open = _bounds(asked, lambda text: (text, text))
    _check_order(asked, low, high)
    return Between(asked.negated, low_open, high_open, low, high)


def _id(asked: Asked) -> Term:
    operands = [operand for operand in (asked.low, asked.high) if operand]
    if not (asked.orders() and all(operand.text.isascii() and operand.text.isdecimal() for operand in operands)):
        return _text(asked)
    term = _number(asked)
    if term.low == term.high:
        # As text, like any id that stands alone.
        return Equal(negated=asked.negated, text=f"{term.low:f}")
    return term


def _number(asked: Asked) -> NumberBetween:
    low, low_open, high, high_open = _bounds(asked, lambda text: (number(text),) * 2)
    _check_order(asked, low, high)
    return NumberBetween(asked.negated, low_open, high_open, low, high)


def _yes_no(asked: Asked) -> Term:
    if asked.orders():
        raise OperandProblem(asked.position, "yes and no have no order")
    answer = _read(asked.value, yes_or_no)
    return YesNo(negated=answer == asked.negated)


def _date(asked: Asked) -> Term:
    if not asked.orders() and Wild in map(type, asked.value.pattern(literal_quotes=False)):
        return _matching(asked, folded=False)
    yearless = {_read(operand, days)[2] for operand in (asked.low, asked.high) if operand}
    if len(yearless) > 1:
        raise OperandProblem(asked.position, "either both dates of a range have a year, or none")
    low, low_open, high, high_open = _bounds(asked, lambda text: days(text)[:2])
    if True not in yearless:
        _check_order(asked, low, high)
    return DateBetween(asked.negated, low_open, high_open, low, high, True in yearless)


def _moment(asked: Asked) -> Term:
    low, low_open, high, high_open = _bounds(asked, moments)
    try:
        low = low + TICK if low_open and low else low
        high = high - TICK if high_open and high else high
    except OverflowError:
        raise OperandProblem(asked.value.position, "there is no time beyond that") from None
    _check_order(asked, low, high)
    return MomentBetween(negated=asked.negated, low=low, high=high)


_Bound = TypeVar("_Bound")


def _bounds(
    asked: Asked, read: Callable[[str], tuple[_Bound, _Bound]]
) -> tuple[_Bound | None, bool, _Bound | None, bool]:
    """Low, whether it is open, high, whether it is open; `read` gives the first and last of what an operand spans."""
    if asked.is_range:
        low = _read(asked.low, read)[0] if asked.low else None
        return low, False, _read(asked.high, read)[1] if asked.high else None, False
    first, last = _read(asked.value, read)
    match asked.operator:
        case "<":
            return None, False, first, True
        case "<=":
            return None, False, last, False
        case ">":
            return last, True, None, False
        case ">=":
            return first, False, None, False
    return first, False, last, False


_Read = TypeVar("_Read")


def _read(operand: Operand, read: Callable[[str], _Read]) -> _Read:
    wildcard = operand.wildcard()
    if wildcard is not None:
        raise OperandProblem(wildcard, "a wildcard has no meaning here")
    if not operand.text:
        raise OperandProblem(operand.position, "an empty value has no place in an order")
    try:
        return read(operand.text)
    except ValueError as error:
        raise OperandProblem(operand.position, str(error)) from None


def _check_order(asked: Asked, low: Any, high: Any) -> None:
    if asked.is_range and low is not None and high is not None and low > high:
        position = asked.high.position if asked.high else asked.position
        raise OperandProblem(position, "the range ends before it begins")


_BUILDERS: dict[str, Callable[[Asked], Term]] = {
    "text": _text,
    "id": _id,
    "number": _number,
    "yesno": _yes_no,
    "date": _date,
    "moment": _moment,
}

_NOUNS = {"number": "number", "yesno": "yes or no", "date": "date", "moment": "time"}
