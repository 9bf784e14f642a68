# SPDX-License-Identifier: GPL-3.0-or-later
"""The one field table: native columns, vCard mapping, command-line help and docs all derive from it.

Every module may import it.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["text", "multiline", "date", "yesno", "number"]
Direction = Literal["both", "out", "in", "none"]
Removal = Literal["clear", "keep"]


class Field(NamedTuple):
    """One field of a contact.

    `length` is the longest text in characters that the native column takes (None: unlimited). All lengths together
    stay below 16,000, because MariaDB allows a row 65,535 bytes of VARCHAR at four bytes a character.
    `direction` is seen from the business database: "out" fields are shown to a client and read-only there.
    `removal` says what a card without the property means: `clear` empties the field, `keep` leaves it.
    `vcard3` and `vcard4` describe the line; of an "out" field `vcard3` is exactly the property's name.
    """

    name: str
    label: str
    kind: Kind
    length: int | None
    direction: Direction
    removal: Removal
    vcard3: str
    vcard4: str


def _both(
    name: str, label: str, length: int | None, removal: Removal, vcard3: str, *, vcard4: str = "", kind: Kind = "text"
) -> Field:
    return Field(name, label, kind, length, "both", removal, vcard3, vcard4 or vcard3)


def _out(name: str, label: str, length: int | None = 64, kind: Kind = "text", vcard4: str = "") -> Field:
    prop = "X-BCM-" + name.upper().replace("_", "-")
    return Field(name, label, kind, length, "out", "keep", prop, vcard4 or prop)


def _phone(name: str, label: str, removal: Removal, types: str) -> Field:
    return _both(name, label, 64, removal, f"TEL;TYPE={types}")


def _address(prefix: str, label: str, types: str) -> Iterator[Field]:
    line = f"ADR;TYPE={types}"
    yield _both(f"{prefix}_street", f"{label} street", 500, "clear", f"{line} (2, 3)", kind="multiline")
    yield _both(f"{prefix}_city", f"{label} city", 128, "clear", f"{line} (4)")
    yield _both(f"{prefix}_region", f"{label} state or region", 128, "clear", f"{line} (5)")
    yield _both(f"{prefix}_postal_code", f"{label} postal code", 32, "clear", f"{line} (6)")
    yield _both(f"{prefix}_country", f"{label} country", 128, "clear", f"{line} (7)")


FIELDS: tuple[Field, ...] = (
    _both("name", "Display name", 255, "clear", "FN"),
    _both("prefix", "Title (prefix)", 64, "clear", "N (4)"),
    _both("given_name", "Given name", 128, "clear", "N (2)"),
    _both("middle_name", "Middle name", 128, "clear", "N (3)"),
    _both("family_name", "Family name", 128, "clear", "N (1)"),
    _both("suffix", "Suffix", 64, "clear", "N (5)"),
    _both("nickname", "Nickname", 255, "clear", "NICKNAME"),
    _both("file_as", "File as", 255, "keep", "SORT-STRING", vcard4="N;SORT-AS="),
    _both("company", "Company (account)", 255, "clear", "ORG (1)"),
    _both("department", "Department", 255, "clear", "ORG (2)"),
    _both("office", "Office", 255, "keep", "ORG (3)"),
    _both("job_title", "Job title", 255, "clear", "TITLE"),
    _both("profession", "Profession", 255, "keep", "ROLE"),
    _both("email", "E-mail", 320, "clear", "EMAIL, first or preferred"),
    _both("email2", "E-mail 2", 320, "clear", "EMAIL, second"),
    _both("email3", "E-mail 3", 320, "clear", "EMAIL, third"),
    _phone("business_phone", "Business phone", "clear", "work,voice"),
    _phone("business_phone2", "Business phone 2", "clear", "work,voice (second)"),
    _phone("home_phone", "Home phone", "clear", "home,voice"),
    _phone("home_phone2", "Home phone 2", "clear", "home,voice (second)"),
    _phone("mobile_phone", "Mobile phone", "clear", "cell,voice"),
    _phone("business_fax", "Business fax", "clear", "work,fax"),
    _phone("home_fax", "Home fax", "clear", "home,fax"),
    _phone("other_fax", "Other fax", "keep", "fax"),
    _phone("pager", "Pager", "clear", "pager"),
    _phone("assistant_phone", "Assistant's phone", "keep", "x-assistant"),
    _phone("company_phone", "Company main phone", "keep", "main"),
    _phone("car_phone", "Car phone", "keep", "car"),
    _phone("other_phone", "Other phone", "clear", "voice"),
    *_address("business", "Business", "work"),
    *_address("home", "Home", "home"),
    *_address("other", "Other", "other"),
    _both(
        "mailing_address",
        "Mailing address (business, home or other)",
        16,
        "keep",
        "X-MS-OL-DEFAULT-POSTAL-ADDRESS",
        vcard4="ADR;PREF=1",
    ),
    _both("web_page", "Web page", 1000, "clear", "URL"),
    _both("im_address", "Instant messaging address", 255, "keep", "IMPP"),
    _both("birthday", "Birthday", 16, "clear", "BDAY", kind="date"),
    _both(
        "anniversary", "Anniversary", 16, "keep", "X-ABDATE with label Anniversary", vcard4="ANNIVERSARY", kind="date"
    ),
    _both(
        "spouse", "Spouse", 255, "keep", "X-ABRELATEDNAMES with label Spouse", vcard4="RELATED;TYPE=spouse;VALUE=text"
    ),
    _both(
        "manager",
        "Manager",
        255,
        "keep",
        "X-ABRELATEDNAMES with label Manager",
        vcard4="RELATED;TYPE=x-manager;VALUE=text",
    ),
    _both(
        "assistant",
        "Assistant",
        255,
        "keep",
        "X-ABRELATEDNAMES with label Assistant",
        vcard4="RELATED;TYPE=agent;VALUE=text",
    ),
    _both(
        "children", "Children", 255, "keep", "X-ABRELATEDNAMES with label Child", vcard4="RELATED;TYPE=child;VALUE=text"
    ),
    _both("note", "Note", None, "clear", "NOTE", kind="multiline"),
    _both("category", "Categories", 500, "keep", "CATEGORIES"),
    _out("owner", "Owner", 255),
    _out("active", "Active", None, "yesno"),
    _out("rating", "Rating (1 to 5)", None, "number"),
    _out("payment_status", "Payment status"),
    _out("lead", "Lead", None, "yesno"),
    _out("lead_source", "Source of lead"),
    _out("initiated_by", "Initiated by", 255),
    _out("area_of_interest", "Area of interest", 255),
    _out("do_not_call", "Do not call", None, "yesno"),
    _out("do_not_email", "Do not e-mail", None, "yesno"),
    _out("do_not_fax", "Do not fax", None, "yesno"),
    _out("do_not_letter", "Do not send letters", None, "yesno"),
    _out("preferred_method", "Preferred contact method"),
    _out("account_number", "Account number"),
    _out("customer_id", "Customer ID"),
    _out("language", "Language"),
    _out("hobby", "Hobby", 255),
    _out("referred_by", "Referred by", 255),
    _out("government_id", "Government ID"),
    _out("billing_info", "Billing information", 255),
    _out("initials", "Initials", 32),
)

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
BUSINESS = tuple(field.name for field in FIELDS if field.direction == "out")
"""The business fields: no phone writes them, and a card shows them where the set-up asks for it."""


def property_of(name: str) -> str:
    """The vCard property that shows a business ("out") field.

    A custom type's own field gets a prefix of its own, so that none can collide with a later field of ours.
    """
    field = BY_NAME.get(name)
    if field is not None and field.direction == "out":
        return field.vcard3
    return "X-BCM-UDF-" + name.upper().replace("_", "-")


def markdown_table() -> str:
    """The table as Markdown, for the documentation."""
    rows = ["| field | label | kind | length | direction | removal | vCard 3.0 | vCard 4.0 |", "|" + "---|" * 8]
    for field in FIELDS:
        length = "" if field.length is None else str(field.length)
        cells = (f"`{field.name}`", field.label, field.kind, length, field.direction, field.removal)
        rows.append("| " + " | ".join((*cells, f"`{field.vcard3}`", f"`{field.vcard4}`")) + " |")
    return "\n".join(rows) + "\n"
