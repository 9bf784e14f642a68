# SPDX-License-Identifier: GPL-3.0-or-later
"""What a field's value looks like in a contact: one normal form, so that equal values compare equal.

Imported by the vCard modules; everybody else uses `normalised`, `split_categories` and `join_categories` from `card`.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date

from radicale_bcm.contacts.escaping import UNFIT, split_structured, unescape
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.model import Contact, derived_name

MAILING = {"1": "home", "2": "business", "3": "other"}
OMITTED_YEAR = "1604"

_LINE_END = re.compile(r"\r\n?|\n")
_TEL = re.compile(r"\A(?:tel:\s*)*", re.IGNORECASE)
_MAILTO = re.compile(r"\A(?:mailto:\s*)*", re.IGNORECASE)
BARE_ADDRESS = re.compile(r"[^\s@:]+@[^\s@:]+")
_IM = re.compile(r"\A(?:im:\s*)*(?=[^\s@:]+@[^\s@:]+\s*\Z)", re.IGNORECASE)
_DATE = re.compile(
    r"(?:(?P<year>[0-9]{4})-?(?P<month>[0-9]{2})-?(?P<day>[0-9]{2})(?:[T ].*)?|--(?P<m>[0-9]{2})-?(?P<d>[0-9]{2}))\Z"
)


def plain(value: str) -> str:
    """A text without blanks at its ends, without characters that XML cannot carry, and with LF line ends."""
    if value.isprintable():
        return value.strip()
    return UNFIT.sub("", _LINE_END.sub("\n", value)).strip()


def multiline(value: str) -> str:
    """Like `plain`, but blanks at the ends of a longer text stay."""
    if not value.isprintable():
        value = UNFIT.sub("", _LINE_END.sub("\n", value))
    return "" if value.isspace() else value


def phone(value: str) -> str:
    """A phone number without `tel:`; it is not rewritten in any other way (short internal extensions)."""
    return plain(_TEL.sub("", plain(value), count=1))


def email(value: str) -> str:
    """An e-mail address without `mailto:`."""
    return plain(_MAILTO.sub("", plain(value), count=1))


def im_address(value: str) -> str:
    """An instant messaging address: a URI, or the bare address that `im:` stands for (RFC 3860)."""
    return plain(_IM.sub("", plain(value), count=1))


def iso_date(value: str, omitted_year: str | None = None) -> str:
    """A date as ISO text, "--05-17" without a year; "" for anything that is no whole date.

    `omitted_year` is the year that stands for none (Apple's X-APPLE-OMIT-YEAR).
    """
    match = _DATE.match(value.strip())
    if match is None:
        return ""
    year = match["year"]
    month, day = (match["month"], match["day"]) if year else (match["m"], match["d"])
    try:
        # A leap year for a date without one: 29 February is a birthday.
        date(int(year or 2000), int(month), int(day))
    except ValueError:
        return ""
    if year is None or year == omitted_year:
        return f"--{month}-{day}"
    return f"{year}-{month}-{day}"


def split_categories(joined: str) -> list[str]:
    """The names in a `category` value: separated by commas, a comma inside a name has a backslash."""
    if "," not in joined and "\\" not in joined:
        return _distinct((joined,))
    return _distinct(unescape(part) for part in split_structured(joined, ","))


def join_categories(names: Iterable[str]) -> str:
    """The `category` value of some names, each once whatever its letter case."""
    return ",".join(name.replace("\\", "\\\\").replace(",", "\\,") for name in _distinct(names))


def _distinct(names: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for each in names:
        name = plain(each.replace("\n", " "))
        if name:
            found.setdefault(name.lower(), name)
    return list(found.values())


def _categories(value: str) -> str:
    return join_categories(split_categories(plain(value)))


def _mailing(value: str) -> str:
    value = value.strip().lower()
    return value if value in MAILING.values() else ""


_SPECIAL: dict[str, Callable[[str], str]] = {
    "note": multiline,
    "birthday": iso_date,
    "anniversary": iso_date,
    "category": _categories,
    "mailing_address": _mailing,
    "im_address": im_address,
    "pager": phone,
}
# How the value of each field that a card carries is brought into its normal form.
NORMAL: dict[str, Callable[[str], str]] = {
    field.name: _SPECIAL.get(field.name)
    or (email if field.name.startswith("email") else phone if "phone" in field.name or "fax" in field.name else plain)
    for field in FIELDS
    if field.direction == "both"
}


def normalised(contact: Contact) -> Contact:
    """What a card can hold of a contact, and `read` gives back: its two-way fields, each in normal form.

    A `name` that says no more than `derived_name` is left out; a date that is none cannot be shown and is left out too.
    """
    found: Contact = {}
    for name, value in contact.items():
        normal = NORMAL.get(name)
        if normal is not None and value:
            found[name] = normal(value)
    if "" in found.values():
        found = {name: value for name, value in found.items() if value}
    if found.get("name") and found["name"] == derived_name(found):
        del found["name"]
    return found


def name_parts(name: str) -> tuple[str, str]:
    """Family and given name for a person of whom only the display name is known, so that phones can show and sort it.

    Both together always give the display name again; it is a guess and marked as one where it is written.
    """
    given, space, family = name.rpartition(" ")
    if space and given and family and given == given.strip() and family == family.strip():
        return family, given
    return "", name
