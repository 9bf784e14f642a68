# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fields of a contact are written as lines of vCard 3.0. Imported by `render` only."""

import re
from collections.abc import Iterator

from radicale_bcm.contacts.dialect import rebuilt, without_encoding
from radicale_bcm.contacts.escaping import escape, escape_uri
from radicale_bcm.contacts.heads import Params
from radicale_bcm.contacts.lines import Line, make_line
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.contacts.slots import ADDRESS_FIELDS, DERIVED, N_FIELDS, ORG_FIELDS, Fields, derived_parts
from radicale_bcm.contacts.values import BARE_ADDRESS, MAILING, OMITTED_YEAR, name_parts, plain

Entry = tuple[Line, Fields | None]
"""A line of a card to be, with the fields that it shall carry."""

_NAME: Fields = ("name",)
_CHOICES = {where: digit for digit, where in MAILING.items()}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_OMIT = "X-APPLE-OMIT-YEAR"
# Outlook gives a structured name in these, if it says so by a bare parameter N.
_NAMES_OF_PEOPLE = frozenset({"X-MS-SPOUSE", "X-MS-MANAGER", "X-MS-ASSISTANT", "X-MS-CHILD"})
# A date with the time of day, which no field holds.
_TIMED = re.compile(r"\s*[0-9]{4}-?[0-9]{2}-?[0-9]{2}T")
# The parts of a parameter list that describe the former value.
_ABOUT_ADDRESS = frozenset({"LABEL", "GEO"})

# field -> what stands before the colon of its line, in the order in which lines are written
_TEXTS: tuple[tuple[str, Fields, str], ...] = tuple(
    (name, (name,), head)
    for name, head in (
        ("nickname", "NICKNAME"),
        ("job_title", "TITLE"),
        ("profession", "ROLE"),
        ("email", "EMAIL;TYPE=internet,pref"),
        ("email2", "EMAIL;TYPE=internet"),
        ("email3", "EMAIL;TYPE=internet"),
        ("business_phone", "TEL;TYPE=work,voice"),
        ("business_phone2", "TEL;TYPE=work,voice"),
        ("home_phone", "TEL;TYPE=home,voice"),
        ("home_phone2", "TEL;TYPE=home,voice"),
        ("mobile_phone", "TEL;TYPE=cell,voice"),
        ("business_fax", "TEL;TYPE=work,fax"),
        ("home_fax", "TEL;TYPE=home,fax"),
        ("other_fax", "TEL;TYPE=fax"),
        ("pager", "TEL;TYPE=pager"),
        # One name for each family of programs: Android and DAVx5, then Evolution; iOS knows "main".
        ("assistant_phone", "TEL;TYPE=x-assistant,x-evolution-assistant"),
        ("company_phone", "TEL;TYPE=main,x-company_main,x-evolution-company"),
        ("car_phone", "TEL;TYPE=car"),
        ("other_phone", "TEL;TYPE=voice"),
        ("file_as", "SORT-STRING"),
        ("note", "NOTE"),
    )
)
_ADDRESSES = (("business", "work"), ("home", "home"), ("other", "other"))
_RELATIONS = (("spouse", "Spouse"), ("manager", "Manager"), ("assistant", "Assistant"), ("children", "Child"))
_ANNIVERSARY: Fields = ("anniversary",)
_BIRTHDAY: Fields = ("birthday",)


def new_lines(wanted: Contact, present: set[str], groups: set[str]) -> Iterator[Entry]:
    """Lines for the fields that have none yet, FN and N aside.

    `groups` are the groups of the card so far, in upper case.
    """
    get = wanted.get
    if not present.issuperset(ORG_FIELDS) and (get("company") or get("department") or get("office")):
        yield make_line("ORG", _org(wanted, ())), ORG_FIELDS
    for name, fields, head in _TEXTS:
        if name in wanted and name not in present:
            yield make_line(head, escape(wanted[name])), fields
    mailing = get("mailing_address")
    for where, kind in _ADDRESSES:
        fields = ADDRESS_FIELDS[where]
        if fields[0] not in present and any(map(get, fields)):
            yield (
                make_line(
                    f"ADR;TYPE={kind},pref" if where == mailing else f"ADR;TYPE={kind}", _adr(wanted, fields, ())
                ),
                fields,
            )
    if "web_page" in wanted and "web_page" not in present:
        yield make_line("URL", escape_uri(wanted["web_page"])), ("web_page",)
    if "im_address" in wanted and "im_address" not in present:
        yield _new_im_address(wanted["im_address"]), ("im_address",)
    if "birthday" in wanted and "birthday" not in present:
        yield _dated("BDAY", wanted["birthday"]), _BIRTHDAY
    yield from _labelled(wanted, present, groups)
    if mailing and "mailing_address" not in present:
        yield make_line("X-MS-OL-DEFAULT-POSTAL-ADDRESS", _CHOICES[mailing]), ("mailing_address",)


def _labelled(wanted: Contact, present: set[str], groups: set[str]) -> Iterator[Entry]:
    """Anniversary and relations, in the labelled form that iOS and DAVx5 show."""
    number = 0
    for name, label in (("anniversary", "Anniversary"), *_RELATIONS):
        if name in wanted and name not in present:
            number += 1
            while f"ITEM{number}" in groups:
                number += 1
            if name == "anniversary":
                yield _dated(f"item{number}.X-ABDATE", wanted[name]), _ANNIVERSARY
            else:
                yield make_line(f"item{number}.X-ABRELATEDNAMES", escape(wanted[name])), (name,)
            yield make_line(f"item{number}.X-ABLabel", f"_$!<{label}>!$_"), None


def no_mailing_address() -> Entry:
    """The line that says that no address is the mailing address, whatever preferences say."""
    return make_line("X-MS-OL-DEFAULT-POSTAL-ADDRESS", "0"), ("mailing_address",)


def new_fn(wanted: Contact) -> Entry:
    """The FN line of a card that has none."""
    return make_line("FN", escape(display_name(wanted))), _NAME


def new_n(wanted: Contact) -> Entry:
    """The N line of a card that has none."""
    parts = [wanted.get(field, "") for field in N_FIELDS]
    if any(parts) or "name" not in wanted:
        return make_line("N", _joined(parts)), N_FIELDS
    return make_line(f"N;{DERIVED}=derived", _joined((*name_parts(wanted["name"]), "", "", ""))), N_FIELDS


def name_line(line: Line, wanted: Contact, *, rewrite: bool) -> Line:
    """A card's N line brought up to date; the same object where it says the right thing already.

    Of a person of whom only the display name is known, an empty N stays; any other becomes a guess and says so.
    `rewrite` is for the line of a 2.1 card, where a comma separates nothing.
    """
    params = tuple(each for each in line.params if each[0] not in (DERIVED, "SORT-AS"))
    sorted_as = len(params) < len(line.params) and line.param("SORT-AS") is not None
    fits = line.head.strict and not rewrite
    components = line.components()
    now = [plain(part) for part in components[:5]]
    now += [""] * (5 - len(now))
    parts = [wanted.get(field, "") for field in N_FIELDS]
    if not any(parts) and "name" in wanted and any(now):
        if derived_parts(line, wanted["name"]) and not sorted_as and fits:
            return line
        parts = [*name_parts(wanted["name"]), "", "", ""]
        params += ((DERIVED, ("derived",)),)
    elif now == parts and params == line.params and fits:
        return line
    return rebuilt(line, without_encoding(params), _joined(parts, components[5:]))


def written(line: Line, fields: Fields, wanted: Contact, *, same: bool) -> Line:
    """A line with the same group and parameters, and the values that its fields have now.

    `same` says that they are the ones of the line, which is only not written as 3.0 wants it.
    """
    params = without_encoding(line.params)
    first = fields[0]
    if len(fields) > 1:
        parts = line.components()
        if fields is ORG_FIELDS:
            return rebuilt(line, params, _org(wanted, parts))
        if not same:
            params = tuple(each for each in params if each[0] not in _ABOUT_ADDRESS)
        return rebuilt(line, params, _adr(wanted, fields, parts))
    value = wanted.get(first, "")
    if first == "name":
        return rebuilt(line, params, escape(display_name(wanted)))
    if first == "mailing_address":
        return rebuilt(line, params, _CHOICES.get(value, "0"))
    if first in ("birthday", "anniversary"):
        return _redated(line, params, line.text().strip() if same and _TIMED.match(line.value) else value)
    if line.name == "URL":
        return rebuilt(line, params, escape_uri(value))
    if line.name == "IMPP":
        return rebuilt(line, params, escape_uri(_im_uri(value)))
    if line.name in _NAMES_OF_PEOPLE and "n" in line.types():
        return rebuilt(line, params, _joined(line.components() if same else name_parts(value)))
    if line.name == "TEL":
        params = tuple(each for each in params if each[0] != "VALUE")
    elif line.name == "RELATED":
        params = (*(each for each in params if each[0] != "VALUE"), ("VALUE", ("text",)))
    return rebuilt(line, params, escape(value))


def preferred(line: Line, *, on: bool) -> Line:
    """A line with or without the preference among its types."""
    if line.head.pref == on:
        return line
    params: list[tuple[str, tuple[str, ...]]] = []
    for key, values in line.params:
        left = tuple(value for value in values if value.lower() != "pref") if key == "TYPE" else values
        if left and key != "PREF":
            params.append((key, left))
    if on:
        params.append(("TYPE", ("pref",)))
    return rebuilt(line, tuple(params), line.value)


def _joined(parts: tuple[str, ...] | list[str], extra: list[str] | tuple[()] = ()) -> str:
    return ";".join([escape(part) for part in parts] + [escape(part) for part in extra])


def _org(wanted: Contact, former: list[str] | tuple[()]) -> str:
    parts = [wanted.get(field, "") for field in ORG_FIELDS] + list(former[3:])
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return _joined(parts)


def _adr(wanted: Contact, fields: Fields, former: list[str] | tuple[()]) -> str:
    """The value of an address; of the former one stay the post office box, what follows the country, and the
    extended address as long as the street still begins with it."""
    get = wanted.get
    box = former[0] if former else ""
    before = former[1] if len(former) > 1 else ""
    street, city, region, code, country = (get(field, "") for field in fields)
    extended = plain(before)
    rest = street[len(extended) + 1 :]
    if extended and (street == extended or street.startswith(f"{extended}\n")) and rest == rest.strip():
        return _joined((box, before, rest, city, region, code, country), list(former[7:]))
    return _joined((box, "", street, city, region, code, country), list(former[7:]))


def _im_uri(value: str) -> str:
    return f"im:{value}" if BARE_ADDRESS.fullmatch(value) else value


def _new_im_address(value: str) -> Line:
    uri = _im_uri(value)
    if _SCHEME.match(uri) and not any(mark.isspace() for mark in uri):
        return make_line("IMPP", escape_uri(uri))
    return make_line("X-MS-IMADDRESS", escape(value))


def _dated(head: str, value: str) -> Line:
    if value.startswith("--"):
        return make_line(f"{head};{_OMIT}={OMITTED_YEAR}", f"{OMITTED_YEAR}-{value[2:]}")
    return make_line(head, value)


def _redated(line: Line, params: Params, value: str) -> Line:
    """A date in the one form that every reader of 3.0 takes: with a year, which X-APPLE-OMIT-YEAR may declare void."""
    params = tuple(
        each for each in params if each[0] != _OMIT and not (each[0] == "VALUE" and each[1][0].lower() != "date")
    )
    if value.startswith("--"):
        return rebuilt(line, (*params, (_OMIT, (OMITTED_YEAR,))), f"{OMITTED_YEAR}-{value[2:]}")
    return rebuilt(line, params, value)
