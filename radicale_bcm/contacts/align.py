# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client did not mean to change, though its card reads differently. Pure; imported by edit.

Our parameters X-BCM-FIELD and X-BCM-NAME do not survive every client, and a client may change N and leave FN alone.
"""

from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.contacts.slots import FAMILIES, N_FIELDS
from radicale_bcm.contacts.values import name_parts


def align(base: Contact, sent: Contact) -> Contact:
    """The sent contact in the terms of the base contact: a difference between the two is an edit.

    Where FN is the same, `name` did not change: FN follows N if it did before. A guessed N that came back without its
    mark, and a card without N, change no part of the name. Among ordered fields with a gap, the n-th line that the
    client had is the n-th line that it sent.
    """
    found = dict(sent)
    if display_name(base) == display_name(sent):
        _align_name(base, found)
    for slots in FAMILIES.values():
        _align_slots(base, found, slots)
    return found


def name_edited(base: Contact, sent: Contact) -> bool:
    """Whether FN changed: then the record's `name` is to become the sent one, empty where the sent contact has none.

    A record may have a `name` that repeats its parts, which no card shows, so that a comparison of `name` misses it.
    """
    return display_name(base) != display_name(sent)


def _align_name(base: Contact, found: Contact) -> None:
    had = {field: base[field] for field in N_FIELDS if field in base}
    has = {field: found[field] for field in N_FIELDS if field in found}
    if has and not had and "name" in base:
        guess = dict(zip(N_FIELDS, name_parts(base["name"]), strict=False))
        if has == {field: part for field, part in guess.items() if part}:
            for field in has:
                del found[field]
    if had and not has:
        found.update(had)
    if "name" in base:
        found["name"] = base["name"]
    else:
        found.pop("name", None)


def _align_slots(base: Contact, found: Contact, slots: tuple[str, ...]) -> None:
    had = [slot for slot in slots if slot in base]
    has = [slot for slot in slots if slot in found]
    if had == list(slots[: len(had)]) or had == has:
        return
    values = [found.pop(slot) for slot in has]
    order = had + [slot for slot in slots if slot not in had]
    found.update(zip(order, values, strict=False))
