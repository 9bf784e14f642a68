# SPDX-License-Identifier: GPL-3.0-or-later
"""A contact and the text of its vCard: `read` one way, `render` the other. Every module may import it."""

from radicale_bcm.contacts.model import Contact
from radicale_bcm.contacts.render import Rendered, ServerLines, business_lines, render, restated
from radicale_bcm.contacts.served import (
    Summary,
    fn_of,
    summary,
    uid_of,
    version_of,
    with_categories,
    with_identity,
    with_uid,
    with_version,
)
from radicale_bcm.contacts.slots import reading_of
from radicale_bcm.contacts.values import join_categories, normalised, split_categories

__all__ = [
    "Rendered",
    "ServerLines",
    "Summary",
    "business_lines",
    "fn_of",
    "join_categories",
    "normalised",
    "read",
    "render",
    "restated",
    "split_categories",
    "summary",
    "uid_of",
    "version_of",
    "with_categories",
    "with_identity",
    "with_uid",
    "with_version",
]


def read(text: str, *, ignore_categories: frozenset[str] = frozenset(), link: str | None = None) -> Contact:
    """The fields that a card of any version carries, each in normal form.

    `ignore_categories` are the names that set-ups add to a card, whatever their letter case, and `link` is the URL of
    the record's page: neither is the record's own. What the server owns (X-BCM-…, UID, REV) is never read; `name` is
    left out where it says no more than the other fields.

    Raises NotAVCard.
    """
    contact = dict(reading_of(text, link).contact)
    if ignore_categories and "category" in contact:
        ignored = {name.lower() for name in ignore_categories}
        names = [name for name in split_categories(contact["category"]) if name.lower() not in ignored]
        if names:
            contact["category"] = join_categories(names)
        else:
            del contact["category"]
    return contact
