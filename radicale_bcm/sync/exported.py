# SPDX-License-Identifier: GPL-3.0-or-later
"""The card of a record as it goes into a file, and what such a card says beside its fields. Pure.

Imported by exporting and importing. The business fields, which no phone may write, are X-BCM- properties there.
"""

from collections.abc import Mapping

from radicale_bcm.business.contract import DEFAULT_TYPE
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.fields import BY_NAME, FIELDS, property_of
from radicale_bcm.contacts.lines import escape, fold, parse
from radicale_bcm.contacts.model import Contact
from radicale_bcm.contacts.slots import SERVER, Reading

_KIND = "X-BCM-KIND"
# What the server owns in a card, and a file keeps.
_KEPT = frozenset(("BEGIN", "VERSION", "UID", "REV", "END"))
_OUT = tuple(field.name for field in FIELDS if field.direction == "out")


def text_of(card_text: str, categories: str, uid: str, record_type: str, fields: Contact) -> str:
    """A record's card for a file: everything that it says, and nothing that only means something to this server."""
    lines = parse(card_text)
    claims = Reading(lines).claims
    kept = [line.raw for line, claim in zip(lines, claims, strict=True) if claim is not SERVER or line.name in _KEPT]
    own = (*_OUT, *sorted(name for name in fields if name not in BY_NAME))
    added = [fold(f"{_KIND}:{escape(record_type)}")] if record_type != DEFAULT_TYPE else []
    added += [fold(f"{property_of(name)}:{escape(fields[name])}") for name in own if fields.get(name)]
    text = "".join((*kept[:-1], *added, kept[-1]))
    return codec.with_categories(codec.with_uid(text, uid), codec.split_categories(categories))


def business_fields(text: str, custom: Mapping[str, str]) -> Contact:
    """The business fields in a card of a file; `custom` are the fields of its type. Raises NotAVCard."""
    if "X-BCM-" not in text.upper():
        return {}
    names = {property_of(name): name for name in (*_OUT, *custom)}
    kinds = {name: field.kind for name, field in BY_NAME.items()} | dict(custom)
    found: Contact = {}
    for line in parse(text):
        name = names.get(line.name)
        value = line.text().strip()
        if name and value and name not in found:
            found[name] = value.lower() if kinds[name] == "yesno" else value
    return found


def type_of(text: str) -> str:
    """The record type that a card of a file names; "" if none."""
    if _KIND not in text.upper():
        return ""
    return next((line.text().strip() for line in parse(text) if line.name == _KIND), "")
