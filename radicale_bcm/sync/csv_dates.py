# SPDX-License-Identifier: GPL-3.0-or-later
"""Dates as spreadsheets write them. Imported by csv_map and importing only; pure."""

import re
from collections.abc import Iterable

from radicale_bcm.contacts.values import iso_date

_NUMBERS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?: .*)?")


def is_day_first(values: Iterable[str]) -> bool:
    """Whether the day comes before the month in a column: 17.5.1980, or a first number above 12.

    Where nothing tells, the month comes first, as in Outlook's English files.
    """
    for value in values:
        match = _NUMBERS.fullmatch(value.strip())
        if match is None:
            continue
        if match[2] == "." or int(match[1]) > 12:
            return True
        if int(match[3]) > 12:
            return False
    return False


def as_date(value: str, *, day_first: bool) -> str:
    """ISO text where a date can be made out; "" for Outlook's 0/0/00; else the value as it is, for others to refuse."""
    value = value.strip()
    found = iso_date(value.replace(" 00:00:00", ""))
    if found:
        return found
    match = _NUMBERS.fullmatch(value)
    if match is None:
        return value
    day, month = (match[1], match[3]) if day_first else (match[3], match[1])
    if int(day) == int(month) == 0:
        return ""
    year = int(match[4])
    if len(match[4]) == 2:
        year += 1900 if year > 30 else 2000
    return iso_date(f"{year:04}-{int(month):02}-{int(day):02}") or value
