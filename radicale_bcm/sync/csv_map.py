# SPDX-License-Identifier: GPL-3.0-or-later
"""From the columns of a CSV file to the fields of a contact: our own names, Outlook's and Google's. Imported by
importing only; pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from radicale_bcm.contacts.card import join_categories, split_categories
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.model import Contact, derived_name
from radicale_bcm.sync.csv_dates import as_date
from radicale_bcm.sync.errors import Invalid

UID = "uid"
IGNORED = "-"

# What others call our fields; compared without letter case and punctuation. Names of one field join as lines.
_NAMES: dict[str, str] = {
    # Outlook
    "title": "prefix", "first name": "given_name", "last name": "family_name", "business state": "business_region",
    "business country region": "business_country", "home state": "home_region", "home country region": "home_country",
    "other state": "other_region", "other country region": "other_country", "company main phone": "company_phone",
    "assistant s phone": "assistant_phone", "assistant s name": "assistant", "manager s name": "manager",
    "e mail address": "email", "e mail 2 address": "email2", "e mail 3 address": "email3", "notes": "note",
    "office location": "office", "government id number": "government_id", "billing information": "billing_info",
    "categories": "category", "account": "account_number", "primary phone": "other_phone", "callback": "other_phone",
    # Google
    "name prefix": "prefix", "additional name": "middle_name", "name suffix": "suffix", "occupation": "profession",
    "organization name": "company", "organization title": "job_title", "organization department": "department",
    # Anybody
    "full name": "name", "display name": "name", "surname": "family_name", "forename": "given_name",
    "e mail": "email", "mail": "email", "email address": "email", "phone": "business_phone",
    "telephone": "business_phone", "mobile": "mobile_phone", "cell phone": "mobile_phone", "fax": "business_fax",
    "organization": "company", "organisation": "company", "position": "job_title", "role": "profession",
    "street": "business_street", "address": "business_street", "city": "business_city", "state": "business_region",
    "region": "business_region", "zip": "business_postal_code", "zip code": "business_postal_code",
    "postal code": "business_postal_code", "country": "business_country", "website": "web_page", "url": "web_page",
    "im": "im_address", "comment": "note", "comments": "note", "birthdate": "birthday", "date of birth": "birthday",
}  # fmt: skip
_LINES: dict[str, str] = {
    f"{where} {what}": f"{where}_street"
    for where in ("business", "home", "other")
    for what in ("street", "street 2", "street 3", "address po box")
}
# What an export of ours carries beside the fields.
_OURS = frozenset(("id", "type", "modified", "deleted", "created"))
_CATEGORIES = re.compile(r" ::: |;")
_GOOGLE = re.compile(r"(e mail|phone|address|im|website|relation|event|organization) (\d+) ([a-z ]+)")
_KINDS = {each.name: each.kind for each in FIELDS}

_PHONES: dict[str, tuple[str, ...]] = {
    "work": ("business_phone", "business_phone2"), "home": ("home_phone", "home_phone2"), "mobile": ("mobile_phone",),
    "work fax": ("business_fax",), "home fax": ("home_fax",), "fax": ("business_fax",), "pager": ("pager",),
    "main": ("company_phone",), "car": ("car_phone",),
}  # fmt: skip
_RELATIONS = {
    "spouse": "spouse", "partner": "spouse", "manager": "manager", "assistant": "assistant", "child": "children",
}  # fmt: skip
_PARTS = {
    "city": "city", "region": "region", "postal code": "postal_code", "country": "country",
    "street": "street", "extended address": "street", "po box": "street",
}  # fmt: skip
_ORGANIZATION = {"name": "company", "title": "job_title", "department": "department"}


def plain_name(header: str) -> str:
    """A column's name without letter case and punctuation."""
    return re.sub(r"[^0-9a-z]+", " ", header.casefold()).strip()


_OWN = {plain_name(each.name): each.name for each in FIELDS} | {plain_name(each.label): each.name for each in FIELDS}


@dataclass(slots=True)
class Row:
    """What a row says. `lost` are columns whose value no field could take."""

    contact: Contact = field(default_factory=dict)
    uid: str | None = None
    lost: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """Columns that belong together by a number, such as Google's Phone 2."""

    what: str
    columns: dict[str, int] = field(default_factory=dict)


class Columns:
    """How the columns of one file are understood.

    `chosen` maps columns to fields, `-` leaves one out; `custom` are the fields of the record type with their kinds.
    Invalid if a chosen column does not exist or nothing is recognised.
    """

    def __init__(self, header: Sequence[str], chosen: Mapping[str, str], custom: Mapping[str, str]) -> None:
        self.header = [name.strip() for name in header]
        self._custom = custom
        self._fields: dict[int, str] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        self.unused: set[int] = set()
        self.day_first = False
        wanted = {plain_name(name): target for name, target in chosen.items()}
        missing = [name for name in chosen if plain_name(name) not in map(plain_name, self.header)]
        if missing:
            raise Invalid(f"there is no column {missing[0]!r}; there are {', '.join(filter(None, self.header))}")
        for index, name in enumerate(self.header):
            self._understand(index, plain_name(name), wanted)
        if not self._fields and not self._groups:
            raise Invalid("no column has a name that is known; say what they are with --map COLUMN=FIELD")

    def _understand(self, index: int, name: str, wanted: Mapping[str, str]) -> None:
        custom = {plain_name(each): each for each in self._custom}
        grouped = _GOOGLE.fullmatch(name)
        target = wanted.get(name) or _OWN.get(name) or custom.get(name) or _NAMES.get(name) or _LINES.get(name)
        if target == IGNORED or name in _OURS:
            return
        if name == UID and not target:
            target = UID
        if name in ("labels", "group membership") and not target:
            target = "category"
        if target:
            self._fields[index] = target
        elif grouped:
            key = (grouped[1], grouped[2])
            self._groups.setdefault(key, _Group(grouped[1])).columns[grouped[3]] = index
        elif name:
            self.unused.add(index)

    def date_columns(self) -> list[int]:
        """The columns that hold dates."""
        kinds = {**_KINDS, **self._custom}
        found = [index for index, name in self._fields.items() if kinds.get(name) == "date"]
        return found + [each.columns["value"] for each in self._groups.values() if _is_event(each)]

    def ignored(self, used: Iterable[int]) -> list[str]:
        """Names of the columns that no field was known for, among those that had a value."""
        return [self.header[index] for index in sorted(self.unused & set(used))]

    def read(self, values: Sequence[str]) -> Row:
        """The contact of a row."""
        row = Row()
        for index, name in self._fields.items():
            value = values[index].strip() if index < len(values) else ""
            if not value:
                continue
            if name == UID:
                row.uid = value
            else:
                self._put(row, name, value, self.header[index])
        for group in self._groups.values():
            self._read_group(row, group, values)
        if row.contact.get("name") and row.contact["name"] == derived_name(row.contact):
            del row.contact["name"]
        return row

    def _put(self, row: Row, name: str, value: str, column: str) -> None:
        kind = _KINDS.get(name) or self._custom.get(name, "text")
        if kind == "date":
            value = as_date(value, day_first=self.day_first)
        elif name == "category":
            value = _categories(value)
        if not value:
            return
        old = row.contact.get(name)
        if old is None:
            row.contact[name] = value
        elif name.endswith("_street"):
            row.contact[name] = f"{old}\n{value}"
        elif old != value:
            row.lost.append(column)

    def _read_group(self, row: Row, group: _Group, values: Sequence[str]) -> None:
        given = {
            part: values[index].strip()
            for part, index in group.columns.items()
            if index < len(values) and values[index]
        }
        label = plain_name(given.get("label") or given.get("type") or "")
        column = self.header[min(group.columns.values())]
        if group.what == "address":
            where = {"work": "business", "home": "home"}.get(label, "other")
            for part, name in _PARTS.items():
                if given.get(part):
                    self._put(row, f"{where}_{name}", given[part], column)
            return
        if group.what == "organization":
            for part, name in _ORGANIZATION.items():
                if given.get(part):
                    self._put(row, name, given[part], column)
            return
        for value in filter(None, (part.strip() for part in given.get("value", "").split(" ::: "))):
            slot = _slot(row.contact, group.what, label, value)
            if slot:
                self._put(row, slot, value, column)
            else:
                row.lost.append(column)


def _is_event(group: _Group) -> bool:
    return group.what == "event" and "value" in group.columns


def _categories(value: str) -> str:
    """Outlook separates them by semicolons, Google by ::: and with a star before those of its own."""
    if ";" not in value and " ::: " not in value and not value.startswith("* "):
        return join_categories(split_categories(value))
    names = (name.strip() for name in _CATEGORIES.split(value))
    return join_categories(name for name in names if not name.startswith("* "))


def _slot(contact: Contact, what: str, label: str, value: str) -> str | None:
    """The field for one of Google's numbered values; None if all that could hold it are full."""
    choices: Callable[[], Iterable[str]] = {
        "e mail": lambda: ("email", "email2", "email3"),
        "phone": lambda: (*_PHONES.get(label, ()), "other_phone"),
        "im": lambda: ("im_address",),
        "website": lambda: ("web_page",),
        "relation": lambda: filter(None, (_RELATIONS.get(label),)),
        "event": lambda: ("anniversary",) if label == "anniversary" else (),
    }[what]
    return next((name for name in choices() if contact.get(name) in (None, value)), None)
