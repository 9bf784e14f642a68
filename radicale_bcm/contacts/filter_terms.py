# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditions that a filter is made of, and what each says about one value. Imported by the filter modules only.

Values are text as `filter_fields.values_of` gives it: "true" and "false", a `NUMBER`, a date's ISO text, a moment's
`moment_text`; "" is the empty value.
"""

# ruff: noqa: D102 - Term says what its methods are for

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, TypeVar

from radicale_bcm.contacts.filter_text import Pattern, Wild, fold, matcher

NUMBER = re.compile(r"[+-]?(?:[0-9]{1,16}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})")
"""What counts as a number in a field of numbers; anything else counts as empty."""

YES_WORDS = ("true", "t", "yes", "y", "on", "1")
NO_WORDS = ("false", "f", "no", "n", "off", "0")
"""What counts as yes or no, in any letter case; anything else counts as empty."""

_DATE = re.compile(r"([0-9]{4}|-)-([0-9]{2})-([0-9]{2})")
_LEAP_YEAR = 2000


def is_date(value: str) -> bool:
    """Whether it is a date that exists: YYYY-MM-DD, or --MM-DD of any year."""
    found = _DATE.fullmatch(value)
    if found is None:
        return False
    try:
        date(_LEAP_YEAR if found[1] == "-" else int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True


def moment_text(moment: datetime) -> str:
    """Fixed-width ISO text in UTC, in which text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def quoted(text: str) -> str:
    """The text as a filter expression's quoted operand."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Term:
    """One condition. Of several fields read together it holds if it holds of any; negated, if it holds of none."""

    negated: bool = False

    of_all: ClassVar[bool] = False
    """Whether it must hold of all of several fields that are read together."""

    def holds(self, value: str) -> bool:
        """Whether it holds of one value, negation left aside."""
        raise NotImplementedError

    def true_of(self, values: Sequence[str]) -> bool:
        """Whether it holds of the values that are read together."""
        return (all if self.of_all else any)(map(self.holds, values)) != self.negated

    def canonical(self) -> str:
        """The one way to write it; reads back as the same condition."""
        raise NotImplementedError

    def words(self) -> str:
        """What it asks for, in words that follow a field's label."""
        raise NotImplementedError


@dataclass(frozen=True)
class Empty(Term):
    """`''`: all values are empty."""

    of_all: ClassVar[bool] = True

    def holds(self, value: str) -> bool:
        return not value

    def canonical(self) -> str:
        return "<>''" if self.negated else "''"

    def words(self) -> str:
        return "is not empty" if self.negated else "is empty"


@dataclass(frozen=True)
class _TextTerm(Term):
    folded: bool = False  # @

    def _marks(self, literal: bool = False) -> str:
        return ("<>" if self.negated else "") + ("=" if literal else "") + ("@" if self.folded else "")

    def _case(self) -> str:
        return " in any case" if self.folded else ""


@dataclass(frozen=True)
class Me(_TextTerm):
    """`%me`: the name of the principal, which `Filter.bind` puts in its place."""

    def canonical(self) -> str:
        return f"{self._marks()}%me"

    def words(self) -> str:
        return "is not you (%me)" if self.negated else "is you (%me)"


@dataclass(frozen=True)
class Equal(_TextTerm):
    """The very text."""

    text: str = ""

    def holds(self, value: str) -> bool:
        return fold(value) == fold(self.text) if self.folded else value == self.text

    def canonical(self) -> str:
        literal = "*" in self.text or "?" in self.text
        return self._marks(literal) + quoted(fold(self.text) if self.folded else self.text)

    def words(self) -> str:
        return f'{"is not" if self.negated else "is"} "{self.text}"{self._case()}'


@dataclass(frozen=True)
class Like(_TextTerm):
    """A pattern with wildcards."""

    pattern: Pattern = ()

    @cached_property
    def _matches(self) -> Callable[[str], bool]:
        return matcher(self.folded_pattern)

    @property
    def folded_pattern(self) -> Pattern:
        """The pattern as it is compared."""
        if not self.folded:
            return self.pattern
        return tuple(fold(piece) if isinstance(piece, str) else piece for piece in self.pattern)

    def holds(self, value: str) -> bool:
        return self._matches(fold(value) if self.folded else value)

    def canonical(self) -> str:
        pieces = self.folded_pattern
        if any(isinstance(piece, str) and ("*" in piece or "?" in piece) for piece in pieces):
            # Only after = is a wildcard's character in quotation marks text.
            return self._marks(True) + "".join(quoted(p) if isinstance(p, str) else p.value for p in pieces)
        return self._marks() + quoted(_shown(pieces))

    def words(self) -> str:
        match self.pattern:
            case (str() as text, Wild.MANY):
                verb = "does not begin with" if self.negated else "begins with"
            case (Wild.MANY, str() as text):
                verb = "does not end with" if self.negated else "ends with"
            case (Wild.MANY, str() as text, Wild.MANY):
                verb = "does not contain" if self.negated else "contains"
            case _:
                text = _shown(self.pattern)
                verb = "does not look like" if self.negated else "looks like"
        return f'{verb} "{text}"{self._case()}'


def _shown(pattern: Pattern) -> str:
    return "".join(piece.value if isinstance(piece, Wild) else piece for piece in pattern)


@dataclass(frozen=True)
class YesNo(Term):
    """A yes; negated: a no, or nothing."""

    def holds(self, value: str) -> bool:
        return value == "true"

    def canonical(self) -> str:
        return "no" if self.negated else "yes"

    def words(self) -> str:
        return "is no" if self.negated else "is yes"


@dataclass(frozen=True)
class _Range(Term):
    """Between two bounds, each of which may be missing, or open (left out itself). An empty value is in no range."""

    low_open: bool = False
    high_open: bool = False

    def bounds(self) -> tuple[str | None, str | None]:
        """Both bounds as a person reads them."""
        raise NotImplementedError

    def written(self, bound: str) -> str:
        """A bound as it stands in an expression."""
        return bound

    def canonical(self) -> str:
        low, high = (bound if bound is None else self.written(bound) for bound in self.bounds())
        return ("<>" if self.negated else "") + self._expression(low, high)

    def _expression(self, low: str | None, high: str | None) -> str:
        if low is not None and low == high:
            return low
        if low is None:
            return f"<{high}" if self.high_open else f"..{high}"
        if high is None:
            return f">{low}" if self.low_open else f"{low}.."
        return f"{low}..{high}"

    def words(self) -> str:
        return self._verbs(*self.bounds())

    def _verbs(self, low: str | None, high: str | None) -> str:
        verb = "is not" if self.negated else "is"
        if low == high:
            return f"{verb} {low}"
        if low is None:
            return f"{verb} {'below' if self.high_open else 'up to'} {high}"
        if high is None:
            return f"{verb} {'above' if self.low_open else 'at least'} {low}"
        return f"{verb} from {low} to {high}"


@dataclass(frozen=True)
class Between(_Range):
    """Text in the order of code points."""

    low: str | None = None
    high: str | None = None

    def bounds(self) -> tuple[str | None, str | None]:
        return self.low, self.high

    def written(self, bound: str) -> str:
        return quoted(bound)

    def _expression(self, low: str | None, high: str | None) -> str:
        # 'a' alone would be read as an Equal.
        return f"{low}..{high}" if low == high else super()._expression(low, high)

    def holds(self, value: str) -> bool:
        return value != "" and _within(value, self.low, self.low_open, self.high, self.high_open)


@dataclass(frozen=True)
class NumberBetween(_Range):
    """Numbers, compared as numbers; both bounds alike: that number."""

    low: Decimal | None = None
    high: Decimal | None = None

    def bounds(self) -> tuple[str | None, str | None]:
        return _number_text(self.low), _number_text(self.high)

    def holds(self, value: str) -> bool:
        return value != "" and _within(Decimal(value), self.low, self.low_open, self.high, self.high_open)


def _number_text(number: Decimal | None) -> str | None:
    if number is None:
        return None
    return f"{number.normalize():f}" if number else "0"


@dataclass(frozen=True)
class DateBetween(_Range):
    """Days: `YYYY-MM-DD`, compared with values that have a year, or (`yearless`) `MM-DD`, which is that day in every
    year, compared with all values; a yearless range whose end comes before its start goes over New Year.
    """

    low: str | None = None
    high: str | None = None
    yearless: bool = False

    @property
    def wraps(self) -> bool:
        """Whether it goes over New Year."""
        return self.yearless and self.low is not None and self.high is not None and self.low > self.high

    def bounds(self) -> tuple[str | None, str | None]:
        before = "--" if self.yearless else ""
        return tuple(bound if bound is None else before + bound for bound in (self.low, self.high))  # type: ignore[return-value]

    def holds(self, value: str) -> bool:
        if not value or (not self.yearless and value.startswith("-")):
            return False
        key = value[-5:] if self.yearless else value
        if self.wraps:
            return key >= str(self.low) or key <= str(self.high)
        return _within(key, self.low, self.low_open, self.high, self.high_open)


@dataclass(frozen=True)
class MomentBetween(_Range):
    """From one microsecond to another, both included."""

    low: datetime | None = None
    high: datetime | None = None

    def bounds(self) -> tuple[str | None, str | None]:
        return tuple(bound and moment_text(bound) for bound in (self.low, self.high))  # type: ignore[return-value]

    def holds(self, value: str) -> bool:
        low, high = self.bounds()
        return value != "" and _within(value, low, False, high, False)

    def words(self) -> str:
        low = None if self.low is None else _spoken(self.low, _FIRST_TICK)
        high = None if self.high is None else _spoken(self.high, _LAST_TICK)
        return self._verbs(low, high)


_FIRST_TICK, _LAST_TICK = "T00:00:00.000000Z", "T23:59:59.999999Z"


def _spoken(moment: datetime, edge_of_day: str) -> str:
    return moment_text(moment).removesuffix(edge_of_day)


_Key = TypeVar("_Key", str, Decimal)


def _within(value: _Key, low: _Key | None, low_open: bool, high: _Key | None, high_open: bool) -> bool:
    if low is not None and (value < low or (low_open and value == low)):
        return False
    return high is None or value < high or (not high_open and value == high)
