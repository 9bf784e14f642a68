# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operands of a filter mean: numbers, yes and no, days, moments. Imported by filter_parse only.

Each reader raises ValueError with the reason; the parser knows where the operand stands.
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from radicale_bcm.contacts.filter_terms import NO_WORDS, NUMBER, YES_WORDS

_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_YEARLESS = re.compile(r"--([0-9]{2})(?:-([0-9]{2}))?")
_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?(?: ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}))?"
)
_LEAP_YEAR = 2000
TICK = timedelta(microseconds=1)


def number(text: str) -> Decimal:
    """A decimal number such as 3 or -2.5, of at most 16 digits before and 30 after the point."""
    if not NUMBER.fullmatch(text):
        raise ValueError(f'"{text}" is not a number such as 3 or -2.5')
    return Decimal(text)


def yes_or_no(text: str) -> bool:
    """yes, true, on, 1, or no, false, off, 0, in any case."""
    word = text.lower()
    if word not in YES_WORDS + NO_WORDS:
        raise ValueError(f'"{text}" is neither yes nor no')
    return word in YES_WORDS


def days(text: str) -> tuple[str, str, bool]:
    """The first and the last day of a year, a month or a day, and whether it is one of every year:
    "2026", "2026-05" and "2026-05-17" give YYYY-MM-DD, "--05" and "--05-17" give MM-DD.
    """
    yearless = _YEARLESS.fullmatch(text)
    if yearless:
        first, last = _period(text, _LEAP_YEAR, yearless[1], yearless[2])
        return first.isoformat()[5:], last.isoformat()[5:], True
    found = _DAY.fullmatch(text)
    if not found:
        raise ValueError(f'"{text}" is not a date such as 2026-05-17, 2026-05, 2026 or --05-17')
    first, last = _period(text, int(found[1]), found[2], found[3])
    return first.isoformat(), last.isoformat(), False


def moments(text: str) -> tuple[datetime, datetime]:
    """The first and the last microsecond of a year, month, day, minute or second, in UTC unless it has an offset."""
    found = _MOMENT.fullmatch(text)
    if found:
        return _moment(text, found)
    day = _DAY.fullmatch(text)
    if not day:
        raise ValueError(f'"{text}" is not a date or a time such as 2026-05-17 or 2026-05-17T10:30')
    first, last = _period(text, int(day[1]), day[2], day[3])
    return _midnight(first), _midnight(last) + (timedelta(days=1) - TICK)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _period(text: str, year: int, month: str | None, day: str | None) -> tuple[date, date]:
    try:
        if month is None:
            return date(year, 1, 1), date(year, 12, 31)
        if day is None:
            # The 31st of December would not fit into year 10000, and is known anyway.
            last = date(year, 12, 31) if month == "12" else date(year, int(month) + 1, 1) - timedelta(days=1)
            return date(year, int(month), 1), last
        exact = date(year, int(month), int(day))
    except ValueError:
        raise ValueError(f"there is no such date as {text}") from None
    return exact, exact


def _moment(text: str, found: re.Match[str]) -> tuple[datetime, datetime]:
    fraction = found["fraction"]
    unit = timedelta(microseconds=10 ** (6 - len(fraction))) if fraction else timedelta(seconds=1)
    if found["second"] is None:
        unit = timedelta(minutes=1)
    clock = f"{found['hour']}:{found['minute']}:{found['second'] or '00'}.{(fraction or '').ljust(6, '0')}"
    zone = "+00:00" if found["zone"] in (None, "Z") else found["zone"]
    try:
        start = datetime.fromisoformat(f"{found['day']}T{clock}{zone}").astimezone(UTC)
        return start, start + (unit - TICK)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such time as {text}") from None
