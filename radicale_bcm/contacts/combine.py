# SPDX-License-Identifier: GPL-3.0-or-later
"""One card of two that are the same person: the lines and the field values that only the other has.

Pure. Imported by sync. The first card and the record always win; nothing of theirs is changed.
"""

import re
from collections.abc import Iterator, Mapping

from radicale_bcm.contacts.card import read
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.heads import MARKER, head_text
from radicale_bcm.contacts.lines import Line, make_line, parse
from radicale_bcm.contacts.model import Contact
from radicale_bcm.contacts.render import ServerLines, render
from radicale_bcm.contacts.slots import ADDRESS_FIELDS, FAMILIES, SERVER, Reading

# Of these a card may have several; of all others the first card's counts, if it has one.
_SEVERAL = frozenset(
    ("EMAIL", "TEL", "X-MS-TEL", "ADR", "LABEL", "URL", "IMPP", "RELATED", "X-ABDATE", "X-ABRELATEDNAMES", "KEY",
     "X-SOCIALPROFILE", "LANG", "HOBBY", "INTEREST", "EXPERTISE", "CALURI", "CALADRURI", "FBURL", "X-JABBER", "X-AIM",
     "X-ICQ", "X-MSN", "X-YAHOO", "X-SKYPE", "X-SKYPE-USERNAME", "X-GTALK", "X-GOOGLE-TALK", "X-SIP", "X-QQ")
)  # fmt: skip
_LABELS = frozenset(("X-ABLABEL", "X-ABADR"))
# The label is what the value means.
_LABELLED = frozenset(("X-ABDATE", "X-ABRELATEDNAMES"))
_PHONES = frozenset(name for name in BY_NAME if name.endswith(("_phone", "_phone2", "_fax")) or name == "pager")
_ADDRESSES = frozenset(name for fields in ADDRESS_FIELDS.values() for name in fields)
_SLOTS = {slot: slots for slots in FAMILIES.values() for slot in slots}
_NOT_DIGITS = re.compile(r"\D")
_WHOLE_NUMBER = 9

_BLANK = ServerLines(uid="", version=0, record_id="", marker_property=False)


def unmapped_alike(text: str, other: str) -> bool:
    """Whether two cards say the same, line by line, apart from what the server owns in them."""
    return [line.raw for line in _own(parse(text))] == [line.raw for line in _own(parse(other))]


def _own(lines: list[Line]) -> list[Line]:
    claims = Reading(lines).claims
    return [line for line, claim in zip(lines, claims, strict=True) if claim is not SERVER]


def gain(text: str, other: str) -> str:
    """A card of 3.0 with those lines of another card, of any version, that it lacks.

    Of a property of which a card has one, it keeps its own. What it gains is never preferred to what it has. A line of
    ours that only carries a field gives way to the other's line with that value: a phone's label is worth keeping, and
    so it makes no difference whether a value was in the record before, or came there a moment ago from that very card.
    Raises NotAVCard.
    """
    return _Gain(text, other).text


class _Gain:
    """One card, with what it gains of another."""

    def __init__(self, text: str, other: str) -> None:
        self.mine = parse(text)
        self.theirs = _own(parse(render(other, read(other), _BLANK).text))
        self.their_labels = _labels_of(self.theirs)
        self.groups = {line.group.upper() for line in self.mine if line.group}
        replaced = self._replaced(text)
        added = self._added()
        self.text = text
        if replaced or added:
            lines = [replaced.get(index) or [_ended(line.raw)] for index, line in enumerate(self.mine)]
            self.text = "".join(raw for each in lines[:-1] for raw in each) + "".join(added) + "END:VCARD\r\n"

    def _added(self) -> list[str]:
        labels, names = _labels_of(self.mine), {line.name for line in self.mine}
        present = [_Key(line, labels) for line in self.mine if line.name in _SEVERAL]
        added: list[str] = []
        for line in self.theirs:
            if line.name in _LABELS and line.group:
                continue
            key = _Key(line, self.their_labels)
            known = any(key.same_as(each) for each in present) if line.name in _SEVERAL else line.name in names
            if not known and line.value.strip("; "):
                added += _moved(line, self.their_labels, self.groups, behind=line.name in names)
                if line.name in _SEVERAL:
                    present.append(key)
        return added

    def _replaced(self, text: str) -> dict[int, list[str]]:
        """The lines that give way, by their index."""
        ours = {line.raw for line in parse(render(None, read(text), _BLANK).text)}
        waiting = [(line, family) for line, family in zip(self.theirs, _families(self.theirs), strict=True) if family]
        found: dict[int, list[str]] = {}
        for index, (line, family) in enumerate(zip(self.mine, _families(self.mine), strict=True)):
            if not family or line.group or line.head.marker is not None or line.raw not in ours:
                continue
            for each in waiting:
                if each[1] == family and self._is_same(line, each[0]):
                    waiting.remove(each)
                    found[index] = list(_moved(each[0], self.their_labels, self.groups, behind=not line.head.pref))
                    break
        return found

    def _is_same(self, line: Line, other: Line) -> bool:
        if line.name != other.name or line.name not in _SEVERAL:
            return line.name == other.name and line.components() == other.components()
        return _Key(line, {}).value == _Key(other, {}).value


def _families(lines: list[Line]) -> list[tuple[str, ...] | None]:
    """For each line, the fields of which it carries one, or the fields that it carries together."""
    claims = Reading(lines).claims
    return [(_SLOTS.get(claim[0], claim) if claim else None) for claim in claims]


def _ended(raw: str) -> str:
    return raw if raw.endswith("\n") else raw.rstrip("\r") + "\r\n"


def _labels_of(lines: list[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        if line.name in _LABELS and line.group:
            found.setdefault(line.group.upper(), []).append(line)
    return found


class _Key:
    """What makes two lines of one property the same."""

    def __init__(self, line: Line, labels: Mapping[str, list[Line]]) -> None:
        self.name = line.name
        self.parts: list[str] = []
        if line.name == "ADR":
            self.family = "home" if "home" in line.types() else "work" if "work" in line.types() else ""
            self.parts = [" ".join(part.split()).casefold() for part in line.components()]
        text = line.text().strip()
        if line.name in ("TEL", "X-MS-TEL"):
            self.name, self.value = "TEL", phone_key(text)
        else:
            self.value = text.casefold().removeprefix("mailto:").rstrip("/")
        if line.name in _LABELLED:
            own = labels.get((line.group or "").upper(), ())
            self.value += "\0" + "\0".join(each.value.casefold() for each in own)

    def same_as(self, other: "_Key") -> bool:
        if self.name != other.name:
            return False
        if self.parts and other.parts:
            return self.family == other.family and _agree(self.parts, other.parts)
        return same_phone(self.value, other.value) if self.name == "TEL" else self.value == other.value


def _agree(one: list[str], other: list[str]) -> bool:
    """Whether two addresses contradict each other nowhere and have something in common."""
    pairs = list(zip(one, other, strict=False))
    return all(a == b or not a or not b for a, b in pairs) and any(a and a == b for a, b in pairs)


def phone_key(value: str) -> str:
    """The digits of a phone number; the number itself where it has none."""
    return _NOT_DIGITS.sub("", value.replace("(0)", "")).lstrip("0") or value.casefold()


def same_phone(one: str, other: str) -> bool:
    """Whether two `phone_key`s are one number, with or without its country code."""
    if one == other:
        return True
    short = min(len(one), len(other))
    return short >= _WHOLE_NUMBER and one[-_WHOLE_NUMBER:] == other[-_WHOLE_NUMBER:]


def _moved(line: Line, labels: Mapping[str, list[Line]], taken: set[str], *, behind: bool) -> Iterator[str]:
    """A line with its labels, in a group that is free; `behind` takes its preference and its place away."""
    if behind and (line.head.pref or line.head.marker is not None):
        line = _humble(line)
    if not line.group:
        yield line.raw
        return
    group, number = line.group, 1
    while group.upper() in taken:
        group, number = f"item{number}", number + 1
    taken.add(group.upper())
    for each in (line, *labels.get(line.group.upper(), ())):
        yield group + each.raw[len(line.group) :]


def _humble(line: Line) -> Line:
    params = []
    for key, values in line.params:
        left = tuple(each for each in values if each.lower() != "pref") if key == "TYPE" else values
        if left and key not in ("PREF", MARKER):
            params.append((key, left))
    return make_line(head_text(line.group, line.name, tuple(params)), line.value)


def filled(record: Contact, contact: Contact, merged: str) -> Contact:
    """The values that fill empty fields of a record: those that only `contact` has.

    `merged` is the record's card with what it gained from the contact's. E-mail addresses and phone numbers take the
    places that are free. An address is one value: it is completed where the two agree, and never mixed.
    """
    placed = read(merged)
    numbers = [phone_key(value) for name, value in record.items() if name in _PHONES]
    found: Contact = {}
    for name in BY_NAME:
        if record.get(name) or name in ("name", "mailing_address") or name in _ADDRESSES:
            continue
        value = placed.get(name) if name in _SLOTS else placed.get(name) or contact.get(name)
        if value and not (name in _PHONES and any(same_phone(phone_key(value), each) for each in numbers)):
            found[name] = value
            if name in _PHONES:
                numbers.append(phone_key(value))
    if contact.get("name") and not any(record.get(name) for name in ("name", "given_name", "family_name")):
        found["name"] = contact["name"]
    found.update(_places(record, contact))
    return {name: found[name] for name in BY_NAME if name in found}


def _places(record: Contact, contact: Contact) -> Contact:
    found: Contact = {}
    for fields in ADDRESS_FIELDS.values():
        ours, theirs = ([each.get(name, "") for name in fields] for each in (record, contact))
        contradicting = any(a and a != b for a, b in zip(ours, theirs, strict=True))
        if not contradicting:
            found.update((name, b) for name, a, b in zip(fields, ours, theirs, strict=True) if b and not a)
    if "mailing_address" in contact and not any(record.get(name) for name in (*_ADDRESSES, "mailing_address")):
        found["mailing_address"] = contact["mailing_address"]
    return found
