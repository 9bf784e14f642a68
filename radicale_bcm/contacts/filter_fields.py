# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that a filter can name: the field table's, short names, and what a record says about itself.
Imported by the filter modules only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.filter_error import FilterError, close_names
from radicale_bcm.contacts.filter_terms import NO_WORDS, NUMBER, YES_WORDS, is_date, moment_text
from radicale_bcm.contacts.model import display_name

FilterKind = Literal["text", "date", "yesno", "number", "moment", "id", "type"]

PERSON, COMPANY = "Person", "Company"
DEFAULT_TYPE = "business-contact"
BUILT_IN_TYPES: Mapping[str, str] = {DEFAULT_TYPE: PERSON, "account": COMPANY}

_SHORT = {
    "city": "business_city",
    "region": "business_region",
    "postal_code": "business_postal_code",
    "country": "business_country",
    "modified_at": "modified",
    "created_at": "created",
}


@dataclass(frozen=True)
class FilterField:
    """A field as a filter sees it. `sources` are the fields or columns that are read together."""

    name: str
    label: str
    kind: FilterKind
    sources: tuple[str, ...]


def _phones() -> tuple[str, ...]:
    return tuple(name for name in BY_NAME if name.endswith(("_phone", "_phone2")))


_FROM_TABLE = {
    field.name: FilterField(field.name, field.label, "text" if field.kind == "multiline" else field.kind, (field.name,))
    for field in BY_NAME.values()
}

_SPECIAL = {
    field.name: field
    for field in (
        FilterField("email", "Any e-mail", "text", ("email", "email2", "email3")),
        FilterField("phone", "Any phone", "text", _phones()),
        FilterField("type", "Type", "type", ("type",)),
        FilterField("modified", "Modified", "moment", ("modified",)),
        FilterField("created", "Created", "moment", ("created",)),
        FilterField("id", "ID", "id", ("id",)),
        FilterField("uid", "UID", "text", ("uid",)),
    )
}

FILTER_FIELDS: Mapping[str, FilterField] = _FROM_TABLE | _SPECIAL
"""Every field that a filter can name, without the fields of custom types and the short names."""


def filter_field(name: str, text: str, custom: Mapping[str, str]) -> FilterField:
    """The field that a filter names; `custom` are the fields of custom types with their kinds."""
    wanted = _SHORT.get(name, name)
    field = FILTER_FIELDS.get(wanted)
    if field is not None:
        return field
    if name in custom:
        kind = custom[name]
        if kind not in ("date", "yesno", "number"):
            kind = "text"
        return FilterField(name, name, kind, (name,))  # type: ignore[arg-type]
    known = [*FILTER_FIELDS, *_SHORT, *custom]
    position = len(text) - len(text.lstrip())
    raise FilterError(name, text, position, f'there is no field "{name}"', close_names(name, known))


def all_types(types: Mapping[str, str] | None) -> Mapping[str, str]:
    """Every record type's name and whether it is a Person or a Company. `types` are the custom ones, each with the
    name of a built-in type or of another custom type that it derives from.
    """
    result = dict(BUILT_IN_TYPES)
    for name in types or {}:
        base, seen = name, {name}
        while base not in BUILT_IN_TYPES:
            base = (types or {}).get(base, "")
            if base in seen or not base:
                break
            seen.add(base)
        if base in BUILT_IN_TYPES and name not in BUILT_IN_TYPES:
            result[name] = BUILT_IN_TYPES[base]
    return result


def values_of(
    field: FilterField, contact: Mapping[str, str], meta: Mapping[str, object], types: Mapping[str, str]
) -> list[str]:
    """The values that a condition on this field looks at."""
    if field.kind == "moment":
        return [_moment(meta.get(field.name, meta.get(f"{field.name}_at")))]
    if field.kind == "type":
        name = str(meta.get("type") or DEFAULT_TYPE)
        return [name, types[name]] if name in types else [name]
    if field.name in ("id", "uid"):
        value = meta.get(field.name)
        return ["" if value is None else _lines(str(value))]
    if field.name == "name":
        return [_lines(display_name(dict(contact)))]
    return [_plain(field.kind, contact.get(source, "")) for source in field.sources]


def _plain(kind: FilterKind, value: str) -> str:
    # What is no value of its kind counts as none, as it does for whoever reads the record.
    if kind == "number":
        return value if NUMBER.fullmatch(value) else ""
    if kind == "yesno":
        word = value.strip().lower()
        return "true" if word in YES_WORDS else "false" if word in NO_WORDS else ""
    if kind == "date":
        return value if is_date(value) else ""
    return _lines(value)


def _lines(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value


def _moment(value: object) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return ""
    if not isinstance(value, datetime):
        return ""
    return moment_text(value.replace(tzinfo=UTC) if value.tzinfo is None else value)
