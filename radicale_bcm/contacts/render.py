# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a contact as a business card, into the lines that the card had before. Imported by `card` only."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from radicale_bcm.contacts.dialect import ended, modern, rebuilt, wrapped
from radicale_bcm.contacts.escaping import UNFIT, escape, escape_uri, fold
from radicale_bcm.contacts.fields import BY_NAME, property_of
from radicale_bcm.contacts.heads import MARKER, head_text
from radicale_bcm.contacts.lines import Line, is_bare_base64, make_line, parse
from radicale_bcm.contacts.marker import badge_line
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.contacts.slots import (
    FAMILIES,
    LINK_GROUP,
    LINK_LABEL,
    N_FIELDS,
    NO_FIELD,
    SERVER,
    Fields,
    Reading,
    reading_of,
)
from radicale_bcm.contacts.values import normalised, plain, split_categories
from radicale_bcm.contacts.written import (
    Entry,
    name_line,
    new_fn,
    new_lines,
    new_n,
    no_mailing_address,
    preferred,
    written,
)

# Lines that only say something about another line of their group.
_LABELS = frozenset({"X-ABLABEL", "X-ABADR"})
# A reader of 3.0 takes one of each.
_SINGLE = frozenset({"N", "PRODID"})
# Fields that share their lines with no other one, as the second telephone number does with the first.
_ALONE = frozenset(BY_NAME).difference(*FAMILIES.values(), {"mailing_address"})
_FULL_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9-]")


class ServerLines(NamedTuple):
    """What the server itself says in a business card.

    `modified` becomes REV and is the record's, never the clock's. `link` is the URL of the record's page. `show`
    names the business fields to show, those of custom types included. `badge` gives a card without a photo ours.
    """

    uid: str
    version: int
    record_id: str
    kind: str = "business-contact"
    modified: datetime | None = None
    link: str | None = None
    show: tuple[str, ...] = ()
    marker_property: bool = True
    badge: bool = False


class Rendered(NamedTuple):
    """A card's text without CATEGORIES, and the record's own categories; `with_categories` puts them together.

    The first `head` characters of the text are the lines that the server owns; 0 if it cannot be told which they are.
    """

    text: str
    categories: tuple[str, ...]
    head: int = 0


def render(template: str | None, contact: Contact, server: ServerLines) -> Rendered:
    """The card of a contact as vCard 3.0.

    `template` is the last text of the card, or what a client or an import sent, of any version. Each of its lines
    stays, in its place, unless it is the server's; a line whose field changed keeps its group and parameters, a line
    whose field became empty goes, and a field without a line gets one. Rendering again gives the same text.

    Raises NotAVCard for a template that is none.
    """
    wanted = normalised(contact)
    if server.link and wanted.get("web_page") == server.link:
        # It is in the card already, as the server's own line.
        del wanted["web_page"]
    if template is None:
        entries = [new_fn(wanted), new_n(wanted), *new_lines(wanted, set(), set())]
        if _has_gap(wanted):
            entries = _settled(entries, wanted, server.link)
    else:
        if not template.replace("\r\n", "").isprintable():
            # First of all: without them a line may be another one, and rendering again has to give the same.
            template = UNFIT.sub("", template)
        entries = _Merge(template, wanted, server.link).entries
    badge = badge_line() if server.badge and not any(line.name == "PHOTO" for line, _ in entries) else ""
    head = _server_text(contact, server)
    text = head + "".join([line.raw for line, _ in entries]) + badge + "END:VCARD\r\n"
    if not text.replace("\r\n", "").isprintable():
        text = UNFIT.sub("", text)
    category = wanted.get("category")
    categories = tuple(split_categories(category)) if category else ()
    return Rendered(text, categories, len(head) if text.startswith(head) else 0)


def restated(rendered: Rendered, contact: Contact, now: ServerLines) -> Rendered:
    """What rendering that text of the same contact again gives, where only the server's lines are others."""
    if rendered.head:
        head = _server_text(contact, now)
        if head.replace("\r\n", "").isprintable():
            return Rendered(head + rendered.text[rendered.head :], rendered.categories, len(head))
    return render(rendered.text, contact, now)


def _server_text(contact: Contact, server: ServerLines) -> str:
    parts = ["BEGIN:VCARD\r\nVERSION:3.0\r\n", fold(f"UID:{escape_uri(server.uid)}")]
    if server.modified is not None:
        modified = server.modified
        if modified.tzinfo is not None:
            modified = modified.astimezone(UTC).replace(tzinfo=None)
        parts.append(f"REV:{modified.isoformat(timespec='seconds')}Z\r\n")
    if server.marker_property:
        parts.append(fold(f"X-BCM-KIND:{escape(server.kind)}"))
        parts.append(fold(f"X-BCM-ID:{escape(server.record_id)}"))
    parts.append(f"X-BCM-VERSION:{server.version}\r\n")
    parts.append(_business_lines(contact, server.show))
    if server.link:
        group = LINK_GROUP.lower()
        parts.append(fold(f"{group}.URL:{escape_uri(server.link)}"))
        parts.append(f"{group}.X-ABLabel:{LINK_LABEL}\r\n")
    return "".join(parts)


def business_lines(contact: Contact, names: Iterable[str]) -> str:
    """The lines of those of these business fields that have a value, those of custom types included."""
    return UNFIT.sub("", _business_lines(contact, names))


def _business_lines(contact: Contact, names: Iterable[str]) -> str:
    found = []
    for name in names:
        value = contact.get(name)
        known = BY_NAME.get(name)
        if value and (known is None or known.direction == "out"):
            if known is not None and known.kind == "yesno":
                value = value.upper()
            found.append(fold(f"{_NOT_IN_NAMES.sub('-', property_of(name))}:{escape(plain(value))}"))
    return "".join(found)


class _Merge:
    """A contact put into the lines of a template; `entries` is the result."""

    def __init__(self, template: str, wanted: Contact, link: str | None) -> None:
        self.lines = parse(template)
        self.wanted = wanted
        self.version = next((line.value.strip() for line in self.lines if line.name == "VERSION"), "3.0")
        self.crlf = template.count("\r\n") == template.count("\n") == template.count("\r")
        self.reading = reading_of(template, link)
        self.lost_groups: set[str] = set()
        self.entries: list[Entry] = []
        self._fn = display_name(wanted)
        self._singles: set[str] = set()
        # Whether the order of the lines could say something else than before.
        self.reshaped = self.reading.implicit_mailing
        present = self._keep()
        self._drop_orphans()
        groups = {line.group.upper() for line, _ in self.entries if line.group}
        added = list(new_lines(wanted, present, groups))
        if N_FIELDS[0] not in present:
            self.entries.insert(0, new_n(wanted))
        if "name" not in present:
            self.entries.insert(0, new_fn(wanted))
        self.entries += added
        if self.reshaped or not all(map(self._is_told_from_all, added)):
            self.entries = _settled(self.entries, wanted, link)

    def _is_told_from_all(self, added: Entry) -> bool:
        """Whether a new line is the only one that could carry its field, and its field the only one that it could."""
        _, claim = added
        return claim is not None and len(claim) == 1 and claim[0] in _ALONE and claim[0] not in self.reading.families

    def _keep(self) -> set[str]:
        """Take over what stays. Returns the fields that have a line."""
        present: set[str] = set()
        for line, claim in zip(self.lines, self.reading.claims, strict=True):
            if claim is SERVER:
                if line.group:
                    self.lost_groups.add(line.group.upper())
                continue
            kept = self._unmapped(line) if claim is None else self._mapped(line, claim)
            if kept is None:
                self.reshaped = True
                if line.group:
                    self.lost_groups.add(line.group.upper())
                continue
            if claim is not None:
                present.update(claim)
            if kept is line and not self.crlf:
                kept = Line(line.head, line.value, ended(line.raw))
            if self.entries and self.entries[-1][0].head.binary:
                kept = _told_from_base64(kept)
            self.entries.append((kept, claim))
        return present

    def _unmapped(self, line: Line) -> Line:
        if line.name in _SINGLE:
            if line.name in self._singles or line.name == "N":
                return wrapped(line)
            self._singles.add(line.name)
        return modern(line, self.version)

    def _mapped(self, line: Line, claim: Fields) -> Line | None:
        wanted, before = self.wanted, self.reading.contact
        if claim is N_FIELDS:
            return name_line(line, wanted, rewrite=self.version == "2.1")
        if len(claim) == 1:
            name = claim[0]
            same = plain(line.text()) == self._fn if name == "name" else before.get(name) == wanted.get(name)
            if not same and name not in wanted and name not in ("name", "mailing_address"):
                return None
        else:
            same = all(before.get(name) == wanted.get(name) for name in claim)
            if not same and not any(map(wanted.get, claim)) and not _holds_more(line):
                return None
        if not same or not self._fits(line, claim):
            former, line = line, written(line, claim, wanted, same=same)
            self.reshaped = self.reshaped or not former.value.strip("; 0") or not line.value.strip("; 0")
        if line.name == "ADR" and "mailing_address" in wanted:
            line = preferred(line, on=claim[0] == wanted["mailing_address"] + "_street")
        return line

    def _fits(self, line: Line, claim: Fields) -> bool:
        """Whether a reader of 3.0 understands a mapped line as it is."""
        if not line.head.strict or self.version == "2.1":
            return False
        if line.name == "TEL":
            return (line.param("VALUE") or "").lower() != "uri"
        if self.version == "4.0" and claim[0] in ("birthday", "anniversary"):
            return _FULL_DATE.match(line.value) is not None
        return True

    def _drop_orphans(self) -> None:
        """Labels go with the lines that they were about."""
        if not self.lost_groups:
            return
        alive = {line.group.upper() for line, _ in self.entries if line.group and line.name not in _LABELS}
        lost = self.lost_groups - alive
        self.entries = [
            (line, claim)
            for line, claim in self.entries
            if not (line.group and line.name in _LABELS and line.group.upper() in lost)
        ]


def _told_from_base64(line: Line) -> Line:
    """The line with a colon in its first piece, if that would be read as more of the base64 that it follows now."""
    for each in (line, rebuilt(line, line.params, line.value)):
        if not is_bare_base64(each.raw.partition("\r\n")[0].strip()):
            return each
    return wrapped(line)


def _holds_more(line: Line) -> bool:
    """Whether an address or organisation has components that no field holds: a post office box, a third unit."""
    parts = [part.strip() for part in line.components()]
    return any(parts[3:]) if line.name == "ORG" else any(parts[:1]) or any(parts[7:])


def _has_gap(wanted: Contact) -> bool:
    """Whether a slot is empty before a full one, so that the order of the lines would say something else."""
    return (
        ("email3" in wanted and "email2" not in wanted)
        or ("email" not in wanted and ("email2" in wanted or "email3" in wanted))
        or ("business_phone2" in wanted and "business_phone" not in wanted)
        or ("home_phone2" in wanted and "home_phone" not in wanted)
    )


def _settled(entries: list[Entry], wanted: Contact, link: str | None) -> list[Entry]:
    """The entries, with our parameter on those lines that would be read as another field than they carry."""
    entries = list(entries)
    for everything in (False, True):
        reading = Reading([line for line, _ in entries], link)
        wrong = {
            index
            for index, (_, claim) in enumerate(entries)
            if reading.claims[index] != claim and not (claim is None and index in reading.mirrors)
        }
        if not wrong:
            break
        if everything:
            families = [{index for index, _, _ in found} for found in reading.families.values()]
            families.append(
                {index for index, (line, claim) in enumerate(entries) if line.name == "ORG" and claim is None}
            )
            wrong = wrong.union(*(family for family in families if not wrong.isdisjoint(family)))
        for index in wrong:
            entries[index] = _marked(*entries[index])
    else:
        reading = Reading([line for line, _ in entries], link)
    if "mailing_address" not in wanted and reading.implicit_mailing:
        entries.append(no_mailing_address())
    return entries


def _marked(line: Line, claim: Fields | None) -> Entry:
    slot = claim[0].removesuffix("_street") if claim else NO_FIELD
    params = (*(each for each in line.params if each[0] != MARKER), (MARKER, (slot,)))
    return make_line(head_text(line.group, line.name, params), line.value), claim
