# SPDX-License-Identifier: GPL-3.0-or-later
"""Which line of a card carries which field: the one reading of a card, for `read` and `render` alike.

Imported by the vCard modules. Lines that could carry the same fields form a family; within it the order in the card
decides (the preferred e-mail address first), unless our own parameter X-BCM-FIELD says otherwise.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from radicale_bcm.contacts.escaping import split_structured, unescape
from radicale_bcm.contacts.heads import Head
from radicale_bcm.contacts.kinds import RELATIONS, address_family, label_of, phone_family
from radicale_bcm.contacts.lines import USUAL_LENGTH, Line, parse
from radicale_bcm.contacts.marker import is_badge
from radicale_bcm.contacts.model import Contact, derived_name
from radicale_bcm.contacts.values import (
    MAILING,
    NORMAL,
    email,
    iso_date,
    join_categories,
    multiline,
    name_parts,
    phone,
    plain,
)

LINK_GROUP = "BCM1"
LINK_LABEL = "Business contact record"
_LINK_LABEL = label_of(LINK_LABEL)
DERIVED = "X-BCM-NAME"
UNREADABLE = "X-BCM-UNREADABLE"
NO_FIELD = "none"

Fields = tuple[str, ...]
SERVER: Fields = ()
"""The claim of a line that the server owns: it is never kept from a card, and no field is read from it."""

N_FIELDS: Fields = ("family_name", "given_name", "middle_name", "prefix", "suffix")
ORG_FIELDS: Fields = ("company", "department", "office")
ADDRESS_FIELDS: dict[str, Fields] = {
    where: tuple(f"{where}_{part}" for part in ("street", "city", "region", "postal_code", "country"))
    for where in ("business", "home", "other")
}
# family -> the slots that its lines fill, in this order
FAMILIES: dict[str, Fields] = {
    "email": ("email", "email2", "email3"),
    "business_phone": ("business_phone", "business_phone2"),
    "home_phone": ("home_phone", "home_phone2"),
}
# Programs write these several times over, under different names, for different readers; equal lines stay equal.
_MIRRORED = frozenset({"file_as", "spouse", "manager", "assistant", "children", "anniversary"})

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def derived_parts(line: Line, name: str) -> bool:
    """Whether an N line only repeats the display name, as `name_parts` guessed it, and says so itself."""
    if line.param(DERIVED) is None:
        return False
    parts = [plain(part) for part in line.components()]
    return (*parts[:2],) == name_parts(name) and not any(parts[2:])


def street_of(parts: Sequence[str]) -> str:
    """The street of an address: extended address and street, each on a line of its own."""
    return "\n".join(part for part in parts[1:3] if part)


def reading_of(text: str, link: str | None = None) -> "Reading":
    """What a card says; shared, so nobody may change it. Raises NotAVCard."""
    return _remembered(text, link) if len(text) < USUAL_LENGTH else Reading(parse(text), link)


@lru_cache(maxsize=64)
def _remembered(text: str, link: str | None) -> "Reading":
    return Reading(parse(text), link)


class Reading:
    """What the lines of a card say: `contact`, and for each line the fields that it claims.

    A claim is None for a line that no field is read from, and SERVER for one that the server owns. `mirrors` are
    the lines that repeat a field which another line claimed first. `implicit_mailing` says that the mailing address
    is only marked by a preference.
    """

    def __init__(self, lines: Sequence[Line], link: str | None = None) -> None:
        self.contact: Contact = {}
        self.claims: list[Fields | None] = [None] * len(lines)
        self.families: dict[str, list[tuple[int, str, Head]]] = {}
        self.mirrors: set[int] = set()
        self.categories: list[str] = []
        self.addresses: dict[int, list[str]] = {}
        self.implicit_mailing = False
        self._lines = lines
        self._link = link
        self._names: list[int] = []
        self._structured: set[Fields] = set()
        self._labels = {line.group.upper(): line.value for line in lines if line.name == "X-ABLABEL" and line.group}
        for index, line in enumerate(lines):
            rule = _RULES.get(line.name)
            if rule is not None and (rule is _server or not line.head.binary):
                rule(self, index, line)
            elif (line.name.startswith("X-BCM-") and line.name != UNREADABLE) or (
                line.name == "PHOTO" and is_badge(line)
            ):
                self.claims[index] = SERVER
        for family, candidates in self.families.items():
            self._allocate(family, candidates)
        self._finish()

    def label(self, line: Line) -> str:
        """The label of a grouped line, "" without one."""
        return label_of(self._labels.get(line.group.upper(), "")) if line.group and self._labels else ""

    def candidate(self, family: str, index: int, value: str) -> None:
        """Note that a line could carry a field of a family."""
        found = self.families.get(family)
        if found is None:
            self.families[family] = [(index, value, self._lines[index].head)]
        else:
            found.append((index, value, self._lines[index].head))

    def own(self, index: int) -> None:
        """Mark a line as the server's."""
        self.claims[index] = SERVER

    def structured(self, index: int, fields: Fields) -> None:
        """Claim a line with one component per field; the first such line of a card counts."""
        if fields in self._structured or self._lines[index].head.marker == NO_FIELD:
            return
        self._structured.add(fields)
        self.claims[index] = fields
        if fields is N_FIELDS:
            # Whether the parts are more than a guess cannot be told before FN is known.
            self._names.append(index)
            return
        self.fill(fields, [plain(part) for part in self._lines[index].components()])

    def fill(self, fields: Fields, values: Sequence[str]) -> None:
        """Set those of some fields that have a value."""
        for field, value in zip(fields, values, strict=False):
            if value:
                self.contact[field] = value

    def is_link(self, line: Line) -> bool:
        """Whether a URL is the one that the server adds to each card."""
        if line.group and (line.group.upper() == LINK_GROUP or self.label(line) == _LINK_LABEL):
            return True
        return self._link is not None and self._link in (line.value, line.text())

    def _allocate(self, family: str, candidates: list[tuple[int, str, Head]]) -> None:
        slots = FAMILIES.get(family) or (family,)
        if len(candidates) == 1 and candidates[0][2].marker is None:
            index, value, _ = candidates[0]
            self._claim(index, slots[0], value)
            return
        taken: dict[str, str] = {}
        waiting: list[tuple[int, str, Head]] = []
        for index, value, head in candidates:
            marker = head.marker
            if marker in slots and marker not in taken:
                taken[marker] = value
                self._claim(index, marker, value)
            elif marker != NO_FIELD:
                waiting.append((index, value, head))
        if family == "email" and len(waiting) > 1:
            waiting.sort(key=lambda each: not each[2].pref)
        # An empty line takes no slot from one that says something.
        waiting.sort(key=lambda each: not each[1])
        free = [slot for slot in slots if slot not in taken]
        for index, value, _ in waiting:
            if free:
                taken[free[0]] = value
                self._claim(index, free.pop(0), value)
            elif value and family in _MIRRORED and value == taken[family]:
                self.claims[index] = (family,)
                self.mirrors.add(index)

    def _claim(self, index: int, slot: str, value: str) -> None:
        fields = ADDRESS_FIELDS.get(slot)
        if fields is None:
            self.claims[index] = (slot,)
            if value:
                self.contact[slot] = value
            return
        self.claims[index] = fields
        parts = self.addresses[index]
        self.fill(fields, (street_of(parts), *parts[3:7]))

    def _finish(self) -> None:
        contact = self.contact
        fn = contact.pop("name", "")
        for index in self._names:
            line = self._lines[index]
            if not derived_parts(line, fn):
                self.fill(N_FIELDS, [plain(part) for part in line.components()])
            if "file_as" not in self.families:
                for key, values in line.params:
                    if key == "SORT-AS":
                        self.fill(("file_as",), (plain(",".join(values)),))
        if "mailing_address" not in self.families and len(self.addresses) > 1:
            self._mailing()
        if fn and fn != derived_name(contact):
            contact["name"] = fn
        category = join_categories(self.categories)
        if category:
            contact["category"] = category

    def _mailing(self) -> None:
        """A preferred address is the mailing address; not if it is the first one, where Apple always puts a pref."""
        order = sorted(self.addresses)
        for index in order[1:]:
            claim = self.claims[index]
            if claim and self._lines[index].head.pref and not self._lines[order[0]].head.pref:
                self.contact["mailing_address"] = claim[0].removesuffix("_street")
                self.implicit_mailing = True
                return


_Rule = Callable[[Reading, int, Line], None]


def _server(reading: Reading, index: int, _line: Line) -> None:
    reading.own(index)


def _categories(reading: Reading, index: int, line: Line) -> None:
    reading.own(index)
    reading.categories.extend(unescape(part) for part in split_structured(line.decoded(), ","))


def _one(field: str) -> _Rule:
    normal = multiline if field == "note" else NORMAL[field]

    def rule(reading: Reading, index: int, line: Line) -> None:
        reading.candidate(field, index, normal(line.text()))

    return rule


def _n(reading: Reading, index: int, _line: Line) -> None:
    reading.structured(index, N_FIELDS)


def _org(reading: Reading, index: int, _line: Line) -> None:
    reading.structured(index, ORG_FIELDS)


def _tel(reading: Reading, index: int, line: Line) -> None:
    family = phone_family(line.head.types, reading.label(line) if line.group else "")
    if family:
        reading.candidate(family, index, phone(line.text()))


def _ms_tel(reading: Reading, index: int, line: Line) -> None:
    family = phone_family(line.head.types, "")
    if family in ("assistant_phone", "company_phone"):
        reading.candidate(family, index, phone(line.text()))


def _email(reading: Reading, index: int, line: Line) -> None:
    reading.candidate("email", index, email(line.text()))


def _adr(reading: Reading, index: int, line: Line) -> None:
    family = address_family(line.head.types, reading.label(line) if line.group else "")
    parts = [plain(part) for part in line.components()]
    reading.addresses[index] = parts
    reading.candidate(family, index, "".join(parts))


def _mailing_choice(reading: Reading, index: int, line: Line) -> None:
    reading.candidate("mailing_address", index, MAILING.get(line.value.strip(), ""))


def _url(reading: Reading, index: int, line: Line) -> None:
    if reading.is_link(line):
        reading.own(index)
    else:
        reading.candidate("web_page", index, plain(line.text()))


def _date(field: str) -> _Rule:
    def rule(reading: Reading, index: int, line: Line) -> None:
        if (line.param("VALUE") or "").lower() == "text":
            return
        value = line.text()
        found = iso_date(value, line.param("X-APPLE-OMIT-YEAR"))
        if found or not value.strip():
            reading.candidate(field, index, found)

    return rule


def _ab_date(reading: Reading, index: int, line: Line) -> None:
    if reading.label(line) == "anniversary":
        _date("anniversary")(reading, index, line)


def _ab_related(reading: Reading, index: int, line: Line) -> None:
    field = RELATIONS.get(reading.label(line))
    if field:
        reading.candidate(field, index, plain(line.text()))


def _related(reading: Reading, index: int, line: Line) -> None:
    field = next((RELATIONS[each] for each in sorted(line.head.types) if each in RELATIONS), None)
    value = (line.param("VALUE") or "").lower()
    if field and (value == "text" or (value != "uri" and not _URI.match(line.value))):
        reading.candidate(field, index, plain(line.text()))


def _ms_person(field: str) -> _Rule:
    def rule(reading: Reading, index: int, line: Line) -> None:
        if "n" in line.head.types:
            # Outlook gives a structured name here, as in N: family name first.
            parts = [plain(part) for part in line.components()]
            reading.candidate(field, index, " ".join(part for part in (*parts[1:2], *parts[:1]) if part))
        else:
            reading.candidate(field, index, plain(line.text()))

    return rule


def _ab_label(reading: Reading, index: int, line: Line) -> None:
    if label_of(line.value) == _LINK_LABEL:
        reading.own(index)


_RULES: dict[str, _Rule] = {
    "X-ABLABEL": _ab_label,
    **dict.fromkeys(("BEGIN", "END", "VERSION", "UID", "REV"), _server),
    "CATEGORIES": _categories,
    "FN": _one("name"),
    "N": _n,
    "ORG": _org,
    "TEL": _tel,
    "X-MS-TEL": _ms_tel,
    "EMAIL": _email,
    "ADR": _adr,
    "X-MS-OL-DEFAULT-POSTAL-ADDRESS": _mailing_choice,
    "URL": _url,
    "NICKNAME": _one("nickname"),
    "TITLE": _one("job_title"),
    "ROLE": _one("profession"),
    "NOTE": _one("note"),
    "BDAY": _date("birthday"),
    "X-ABDATE": _ab_date,
    "X-ABRELATEDNAMES": _ab_related,
    "RELATED": _related,
    **dict.fromkeys(("SORT-STRING", "X-MS-FILE-AS", "X-EVOLUTION-FILE-AS"), _one("file_as")),
    **dict.fromkeys(
        ("ANNIVERSARY", "X-ANNIVERSARY", "X-MS-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY", "X-KADDRESSBOOK-X-ANNIVERSARY"),
        _date("anniversary"),
    ),
    **dict.fromkeys(
        (
            "IMPP",
            "X-MS-IMADDRESS",
            "X-JABBER",
            "X-AIM",
            "X-ICQ",
            "X-MSN",
            "X-YAHOO",
            "X-SKYPE",
            "X-SKYPE-USERNAME",
            "X-GTALK",
            "X-GOOGLE-TALK",
            "X-SIP",
            "X-QQ",
        ),
        _one("im_address"),
    ),
    **dict.fromkeys(("X-SPOUSE", "X-EVOLUTION-SPOUSE", "X-KADDRESSBOOK-X-SPOUSESNAME"), _one("spouse")),
    **dict.fromkeys(("X-MANAGER", "X-EVOLUTION-MANAGER", "X-KADDRESSBOOK-X-MANAGERSNAME"), _one("manager")),
    **dict.fromkeys(("X-ASSISTANT", "X-EVOLUTION-ASSISTANT", "X-KADDRESSBOOK-X-ASSISTANTSNAME"), _one("assistant")),
    "X-CHILDREN": _one("children"),
    "X-MS-SPOUSE": _ms_person("spouse"),
    "X-MS-MANAGER": _ms_person("manager"),
    "X-MS-ASSISTANT": _ms_person("assistant"),
    "X-MS-CHILD": _ms_person("children"),
}
