# SPDX-License-Identifier: GPL-3.0-or-later
"""The business fields that set-ups ask for (SPEC section 8), which cards then show. Imported by sync.setup and
sync.project.

A card holds them beside its text, and they are put in when it is served. So that one ETag never means two texts, a card
is a new version as soon as a field is another one that anybody ever asked for, also when nobody does any more: an old
sync-token may be of that time.
"""

from collections.abc import Iterable, Mapping
from json import dumps

from radicale_bcm.books import setups
from radicale_bcm.books.membership import Manner
from radicale_bcm.books.setups import Setup
from radicale_bcm.business.contract import Record
from radicale_bcm.contacts.fields import BUSINESS, BY_NAME
from radicale_bcm.contacts.model import Contact
from radicale_bcm.sync.errors import Invalid
from radicale_bcm.sync.unit import Unit

_EVER = "fields asked for"


# Fields of custom types are not among BY_NAME.
READ = frozenset(name for name, each in BY_NAME.items() if each.direction in ("both", "in"))
"""The fields that cards are read for."""


def hidden(record: Record) -> Contact:
    """The fields of a record that its card's text does not show, or is not read for."""
    return {name: value for name, value in record.fields.items() if name not in READ}


def hidden_now(record: Record) -> str:
    """The same as the card keeps them, so that a change of them by another program can be told, and shown to those who
    ask for them."""
    found = hidden(record)
    return dumps(found, ensure_ascii=False, sort_keys=True) if found else "{}"


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """The business fields of these names, each once, in the order of the field table. Invalid for any other name."""
    wanted = {name.strip() for name in names}
    for name in sorted(wanted):
        if name not in BUSINESS:
            raise Invalid(f"{name!r} is no business field; there are {', '.join(BUSINESS)}")
    return tuple(name for name in BUSINESS if name in wanted)


def manner_of(own: Setup) -> Manner:
    """How a set-up wants its cards."""
    return Manner(own.category, ",".join(own.shown_fields))


def remember(unit: Unit, names: Iterable[str]) -> None:
    """Somebody asks for these fields, from now on."""
    known = _ever(unit)
    if not known.issuperset(names):
        setups.set_setting(unit.conn, _EVER, ",".join(sorted(known.union(names))))


def shows_otherwise(unit: Unit, before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether a card with these business fields says something else than with those, to anybody who ever asked."""
    return before != now and any(before.get(name, "") != now.get(name, "") for name in _ever(unit))


def _ever(unit: Unit) -> set[str]:
    return set(filter(None, (setups.setting_value(unit.conn, _EVER) or "").split(",")))
