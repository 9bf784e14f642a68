# SPDX-License-Identifier: GPL-3.0-or-later
"""Small changes and look-ups on the text of a card, for the hot paths. Imported by `card` only."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from radicale_bcm.contacts.escaping import escape, escape_uri, fold, split_structured, unescape
from radicale_bcm.contacts.lines import PHYSICAL, Line, is_frame, parse
from radicale_bcm.contacts.model import Contact, derived_name
from radicale_bcm.contacts.slots import Reading
from radicale_bcm.contacts.values import plain

_END = "END:VCARD\r\n"
_VERSION = re.compile(r"^X-BCM-VERSION:[ \t]*([0-9]{1,18})[ \t\r]*$", re.IGNORECASE | re.MULTILINE)


class Summary(NamedTuple):
    """What a list of cards needs to know of one; the texts are unescaped, `version` is X-BCM-VERSION's."""

    uid: str | None
    fn: str | None
    version: int | None
    group: bool
    categories: tuple[str, ...]
    contact: Contact


def with_categories(text: str, categories: Sequence[str]) -> str:
    """A rendered card with a CATEGORIES line before its end; without names, the text itself."""
    if not categories:
        return text
    return text[: text.rindex(_END)] + fold("CATEGORIES:" + ",".join([escape(name) for name in categories])) + _END


def with_uid(text: str, uid: str) -> str:
    """A rendered card with another UID."""
    return _with_line(text, "UID", fold(f"UID:{escape_uri(uid)}"))


def with_version(text: str, version: int) -> str:
    """A rendered card with another X-BCM-VERSION."""
    return _with_line(text, "X-BCM-VERSION", f"X-BCM-VERSION:{version}\r\n")


def _with_line(text: str, name: str, line: str) -> str:
    start = text.index(f"\r\n{name}:") + 2
    end = text.index("\r\n", start) + 2
    while text[end] == " ":
        end = text.index("\r\n", end) + 2
    return text[:start] + line + text[end:]


def _first(lines: Sequence[Line], name: str) -> str | None:
    for line in lines:
        if line.name == name:
            return plain(line.text())
    return None


def uid_of(text: str) -> str | None:
    """The UID of a card, None without one. Raises NotAVCard."""
    return _first(parse(text), "UID") or None


def fn_of(text: str) -> str | None:
    """The formatted name of a card, None without one. Raises NotAVCard."""
    return _first(parse(text), "FN") or None


def version_of(text: str) -> int | None:
    """The version of a business card that a text says it is (X-BCM-VERSION); None if it does not say. Never raises."""
    match = _VERSION.search(text)
    return int(match[1]) if match else None


def summary(text: str) -> Summary:
    """What a list of cards needs to know of this one, in a single pass. Raises NotAVCard."""
    lines = parse(text)
    kind = (_first(lines, "KIND") or _first(lines, "X-ADDRESSBOOKSERVER-KIND") or "").lower()
    names = [
        unescape(part).strip()
        for line in lines
        if line.name == "CATEGORIES"
        for part in split_structured(line.decoded(), ",")
    ]
    return Summary(
        uid=_first(lines, "UID") or None,
        fn=_first(lines, "FN") or None,
        version=version_of(text),
        group=kind == "group",
        categories=tuple(name for name in names if name),
        contact=Reading(lines).contact,
    )


def with_identity(text: str, uid: str | None = None, fn: str | None = None) -> str:
    """A card with the UID and the FN that it lacks, all its other bytes as they were. Raises NotAVCard.

    Without `fn` the name comes from N, ORG, EMAIL and so on. Without `uid` a missing UID stays missing.
    """
    lines = parse(text)
    added = ""
    if uid and not _first(lines, "UID"):
        added += fold(f"UID:{escape_uri(uid)}")
    if not any(line.name == "FN" for line in lines):
        added += fold("FN:" + escape(fn or derived_name(Reading(lines).contact) or "Unnamed"))
    if not added:
        return text
    begin = next(match for match in PHYSICAL.finditer(text) if is_frame(match[0].lstrip("\ufeff"), "BEGIN"))
    position = begin.end()
    for index, line in enumerate(lines):
        if line.name == "VERSION":
            for each in lines[1 : index + 1]:
                position = text.index(each.raw, position) + len(each.raw)
            break
    end = begin[0][len(begin[0].rstrip("\r\n")) :] or "\r\n"
    return text[:position] + added.replace("\r\n", end) + text[position:]
