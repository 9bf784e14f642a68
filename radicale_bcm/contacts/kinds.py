# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of phone number, address or relation a line is, by its types and its label. Imported by slots only."""

from functools import lru_cache

from radicale_bcm.contacts.escaping import unescape

_TEL_LABELS = {
    "home": "home_phone",
    "work": "business_phone",
    "mobile": "mobile_phone",
    "iphone": "mobile_phone",
    "cell": "mobile_phone",
    "main": "company_phone",
    "company": "company_phone",
    "companymain": "company_phone",
    "workfax": "business_fax",
    "homefax": "home_fax",
    "otherfax": "other_fax",
    "pager": "pager",
    "car": "car_phone",
    "assistant": "assistant_phone",
    "assistantphone": "assistant_phone",
    "other": "other_phone",
}
_TEL_TYPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"pager"}), "pager"),
    (frozenset({"x-assistant", "x-evolution-assistant", "assistant"}), "assistant_phone"),
    (frozenset({"main", "main-number", "company", "x-company_main", "x-evolution-company"}), "company_phone"),
    (frozenset({"car"}), "car_phone"),
    (frozenset({"cell", "mobile", "iphone", "x-iphone", "x-mobile"}), "mobile_phone"),
    # No field is meant for these, and a radio or a modem is nobody's phone number.
    (frozenset({"x-callback", "x-evolution-callback", "callback", "x-radio", "x-evolution-radio", "radio"}), ""),
    (frozenset({"isdn", "modem", "bbs", "textphone", "x-telex", "x-evolution-telex", "telex", "ttytdd"}), ""),
    (frozenset({"x-evolution-ttytdd", "x-evolution-tty"}), ""),
    (frozenset({"work"}), "business_phone"),
    (frozenset({"home"}), "home_phone"),
)
RELATIONS = {
    "spouse": "spouse",
    "manager": "manager",
    "x-manager": "manager",
    "assistant": "assistant",
    "x-assistant": "assistant",
    "agent": "assistant",
    "child": "children",
    "children": "children",
}


@lru_cache(maxsize=1024)
def label_of(value: str) -> str:
    """An X-ABLabel in lower case and without Apple's frame (`_$!<Work>!$_`) and blanks."""
    label = unescape(value).strip().strip("_").removeprefix("$!<").removesuffix(">!$")
    return label.replace(" ", "").lower()


@lru_cache(maxsize=1024)
def phone_family(types: frozenset[str], label: str) -> str:
    """The family of a phone number, "" for one that is nobody's; a known label outranks the types, as with Apple."""
    if label in _TEL_LABELS:
        return _TEL_LABELS[label]
    if "fax" in types:
        return "business_fax" if "work" in types else "home_fax" if "home" in types else "other_fax"
    for known, family in _TEL_TYPES:
        if not known.isdisjoint(types):
            return family
    return "other_phone"


def address_family(types: frozenset[str], label: str) -> str:
    """Where an address is; one without a type is an "other" one (MS-OXVCARD)."""
    if "work" in types or label == "work":
        return "business"
    return "home" if "home" in types or label == "home" else "other"
