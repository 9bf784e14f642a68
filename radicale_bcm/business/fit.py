# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a value fits its column, and what a column's value means as a field. Pure. Imported by business only.

What we write is checked here for all engines alike, in code points, as PostgreSQL and MariaDB count them. What others
wrote is read as well as can be: a value that means nothing in its field is read as empty, and stays in its column.
"""

import re
from datetime import date

from radicale_bcm.database.types import NUMBER_DIGITS, NUMBER_PLACES, decimal_text, yes_no

LONGEST = 1_000_000
"""Characters in a text without a limit of its own; a database server's packet has to hold the whole row."""

_DATE = re.compile(r"(?P<year>\d{4}-|--)(?P<month>\d\d)-(?P<day>\d\d)(?=$|[T ])")
# U+0000 is no text for PostgreSQL, half a surrogate pair none for anybody.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def date_text(value: str) -> str | None:
    """YYYY-MM-DD, or --MM-DD without a year, of a text that begins with such a date; None if it is no date."""
    match = _DATE.match(value.strip())
    if match is None:
        return None
    year = 2000 if match["year"] == "--" else int(match["year"][:-1])  # 2000 had a 29 February
    try:
        date(year, int(match["month"]), int(match["day"]))
    except ValueError:
        return None
    return match[0]


def reason_against(kind: str, length: int | None, value: str) -> str | None:
    """Why a field of this kind and length cannot hold this text, in a few words; None if it can. "" always fits."""
    if not value:
        return None
    if _UNSTORABLE.search(value):
        return "contains a character that cannot be stored"
    if kind == "date":
        return None if date_text(value) == value else "not a date (YYYY-MM-DD, or --MM-DD without a year)"
    if kind == "yesno":
        return None if value in {"true", "false"} else "neither true nor false"
    if kind == "number":
        return _reason_against_number(value)
    limit = LONGEST if length is None else length
    return f"longer than {limit} characters" if len(value) > limit else None


def _reason_against_number(value: str) -> str | None:
    text = decimal_text(value)
    if text is None:
        return "not a number"
    whole, _, places = text.lstrip("-").partition(".")
    if len(whole) > NUMBER_DIGITS - NUMBER_PLACES or len(places) > NUMBER_PLACES:
        return f"more than {NUMBER_DIGITS - NUMBER_PLACES} digits before or {NUMBER_PLACES} after the point"
    return None


def meaning(kind: str, value: object) -> str | None:
    """The field's text that this value of a column means; None if it is empty or means nothing there."""
    if value is None:
        return None
    # Any client can put any bytes into a SQLite column.
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if kind == "date":
        return date_text(text)
    if kind == "number":
        return decimal_text(text)
    if kind == "yesno":
        meant = yes_no(text)
        return None if meant is None else "true" if meant else "false"
    return text.replace("\r\n", "\n").replace("\r", "\n") or None
