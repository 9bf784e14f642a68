# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain data of a contact, and the rule that names it. Every module may import it."""

Contact = dict[str, str]
"""Field name to text. An empty field has no key. Yes/no is "true"/"false", a number is decimal text, a date ISO
text ("1980-05-17", without a year "--05-17"); lines of a multi-line text are separated by "\\n"."""

_FALLBACKS = ("company", "email", "email2", "email3", "nickname", "file_as", "mobile_phone", "business_phone")


def derived_name(contact: Contact) -> str:
    """The display name of a contact without regard to its `name`.

    Given and family name, else company, else the first e-mail address, else whatever else could tell it apart;
    "" if nothing can.
    """
    given = contact.get("given_name", "")
    family = contact.get("family_name", "")
    if given and family:
        return given + " " + family
    if given or family:
        return given or family
    for field in _FALLBACKS:
        value = contact.get(field)
        if value:
            return value
    return ""


def display_name(contact: Contact) -> str:
    """The text of the card's FN: `name`, and where that is empty `derived_name`."""
    return contact.get("name") or derived_name(contact)
