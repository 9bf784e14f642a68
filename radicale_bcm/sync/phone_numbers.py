# SPDX-License-Identifier: GPL-3.0-or-later
"""Phone numbers for comparing only: the E.164 form behind what people write. Nothing that is shown is ever rewritten.
Imported by likeness only."""

import re
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat
from phonenumbers.geodata.locale import LOCALE_DATA

_NOT_DIGITS = re.compile(r"\D")
_MORE_NAMES = {"usa": "US", "u.s.a.": "US", "u.s.": "US", "united states of america": "US", "uk": "GB", "england": "GB",
               "great britain": "GB", "scotland": "GB", "wales": "GB", "holland": "NL", "the netherlands": "NL",
               "brd": "DE"}  # fmt: skip
# Fewer digits are an internal extension, and say nothing without the rest.
_LEAST_DIGITS = 6
_TAIL = 8


@cache
def _regions() -> dict[str, str]:
    names = {region.casefold(): region for region in phonenumbers.SUPPORTED_REGIONS} | _MORE_NAMES
    for region, translations in LOCALE_DATA.items():
        for name in translations.values():
            if not name.startswith("*"):
                names.setdefault(name.casefold(), region)
    return names


def region_of(country: str) -> str:
    """The region (DE, US) of a country's name in any language, or of its code; "" if it is none."""
    return _regions().get(country.strip().casefold(), "")


def is_region(code: str) -> bool:
    """Whether a code is that of a region."""
    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(maxsize=65536)
def comparable(value: str, region: str = "") -> tuple[str, str]:
    """The E.164 form of a number with its extension, "" if it cannot be told; and its last digits, "" if too few.

    `region` is where a number without a country code is dialled from.
    """
    digits = _NOT_DIGITS.sub("", value)
    if len(digits) < _LEAST_DIGITS:
        return "", ""
    try:
        parsed = phonenumbers.parse(value, region or None)
    except NumberParseException:
        return "", digits[-_TAIL:]
    if not phonenumbers.is_possible_number(parsed):
        return "", digits[-_TAIL:]
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    extension = f";{parsed.extension}" if parsed.extension else ""
    return number + extension, number[-_TAIL:] + extension
