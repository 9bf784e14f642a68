# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields differ between two versions of a card, and what the card is called. Every module may import it.

Most edits change a telephone number or a note. Then only the lines that can carry those fields are read.
"""

from collections.abc import Sequence

from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.lines import Line, NotAVCard, parse
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.contacts.slots import Reading, reading_of
from radicale_bcm.contacts.values import plain

Changes = dict[str, tuple[str, str]]
"""field -> its value before and after."""

# property -> all properties that carry the same fields. What they say changes no other field, as long as the card has a
# name of its own and they stand in no group.
_ALONE = {
    **dict.fromkeys(("TEL", "X-MS-TEL"), frozenset({"TEL", "X-MS-TEL"})),
    **{name: frozenset({name}) for name in ("EMAIL", "NOTE", "TITLE", "ROLE", "NICKNAME", "BDAY", "CATEGORIES")},
    # They carry none.
    **dict.fromkeys(("UID", "REV", "VERSION", "PRODID", "X-BCM-VERSION"), frozenset()),
}
_ORDER = {name: number for number, name in enumerate(BY_NAME)}


def edited_fields(before: Contact, after: Contact) -> list[str]:
    """Fields that differ between two contacts, in the order of the field table."""
    found = [name for name in {**before, **after} if before.get(name, "") != after.get(name, "")]
    return sorted((name for name in found if name in _ORDER), key=_ORDER.__getitem__)


def changed_fields(before: str, after: str) -> Changes:
    """The fields that differ between two texts; one that is no card has none."""
    old, new = _lines(before), _lines(after)
    some = _affected(old, new)
    if some is None:
        then, now = _contact(before), _contact(after)
    else:
        then, now = (Reading([line for line in lines if line.name in some]).contact for lines in (old, new))
    return {name: (then.get(name, ""), now.get(name, "")) for name in edited_fields(then, now)}


def name_in(text: str) -> str:
    """The display name of a card, "" for one that has none or is no card."""
    found = [line for line in _lines(text) if line.name == "FN"]
    if len(found) == 1 and not found[0].params:
        name = plain(found[0].text())
        if name:
            return name
    return display_name(_contact(text))


def _lines(text: str) -> Sequence[Line]:
    try:
        return parse(text)
    except NotAVCard:
        return ()


def _contact(text: str) -> Contact:
    try:
        return reading_of(text).contact
    except NotAVCard:
        return {}


def _affected(old: Sequence[Line], new: Sequence[Line]) -> set[str] | None:
    """The properties that have to be read in both; None if it takes the whole card."""
    before, after = {line.raw for line in old}, {line.raw for line in new}
    if [line.raw for line in old if line.raw in after] != [line.raw for line in new if line.raw in before]:
        return None  # some have changed places
    differing = [line for line in old if line.raw not in after] + [line for line in new if line.raw not in before]
    if any(line.name not in _ALONE for line in differing) or not _is_named(old) or not _is_named(new):
        return None
    some = {name for line in differing for name in _ALONE[line.name]}
    lines = (line for line in (*old, *new) if line.name in some)
    return None if any(line.group or line.head.binary for line in lines) else some


def _is_named(lines: Sequence[Line]) -> bool:
    """Whether the name does not depend on what else stands in the card."""
    names = [line for line in lines if line.name == "N"]
    return len(names) == 1 and not names[0].params and any(part.strip() for part in names[0].components()[:2])
