# SPDX-License-Identifier: GPL-3.0-or-later
"""Mends vobject in place: reading takes linear time, and a vCard's values come back as they were.
Only `contacts/vcard.py` and the server, which calls `install` when it is imported, may import this module.
"""

import base64
import binascii
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

import vobject.base
import vobject.icalendar
import vobject.vcard

from radicale_bcm.contacts.escaping import split_structured, unescape
from radicale_bcm.contacts.linear import LINE_RE, calendar_text, folded_lines, quoted_printable_lines

logger = logging.getLogger(__name__)

KNOWN_VERSIONS = frozenset({"0.9.9"})
"""The versions of vobject whose source these mends were written against."""

VERBATIM = "verbatim"
"""The attribute of a ContentLine that holds the value as it was read, before any decoding."""

SOURCE = "source"
"""The attribute of a ContentLine that holds the tokenizer's line it was made from, if it was."""

CARD_ID = "radicale-bcm"
"""Under this id the behaviours that only cards use are registered: calendars keep vobject's own."""


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What `install` did: names of the mends that hold, and per mend that does not, the reason."""

    version: str
    known_version: bool
    applied: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def complete(self) -> bool:
        """Whether every mend holds."""
        return not self.failed


class _Journal:
    """Sets attributes, and can set them back in case a mend turns out not to fit the installed vobject."""

    def __init__(self) -> None:
        self._former: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute that must be there already (AttributeError otherwise)."""
        former = owner.__dict__[name] if name in vars(owner) else getattr(owner, name)
        self._former.append((owner, name, former))
        setattr(owner, name, value)

    def undo(self) -> None:
        while self._former:
            owner, name, former = self._former.pop()
            setattr(owner, name, former)


# ---------------------------------------------------------------- reading in linear time


def _get_logical_lines(fp: TextIO, allowQP: bool = True) -> Iterator[tuple[str, int]]:  # noqa: N803
    """Stand-in for `vobject.base.getLogicalLines`: same lines, but linear in time and memory."""
    return quoted_printable_lines(fp) if allowQP else folded_lines(fp.read(-1))


def _mend_line_pattern(journal: _Journal) -> None:
    journal.replace(vobject.base, "line_re", LINE_RE)


def _probe_line_pattern() -> bool:
    if "line_re" not in vobject.base.parseLine.__code__.co_names:
        return False
    line = 'item1.X_A;TYPE="a:b",c;BARE;Y=1=2:d:e'
    expected = ("X-A", [["TYPE", "a:b", "c"], ["BARE"], ["Y", "1=2"]], "d:e", "item1")
    return bool(vobject.base.parseLine(line) == expected)


def _mend_logical_lines(journal: _Journal) -> None:
    journal.replace(vobject.base, "getLogicalLines", _get_logical_lines)


def _probe_logical_lines() -> bool:
    text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;;;;\r\nFN:a\r\n b\r\nNOTE;QUOTED-PRINTABLE:x=\r\ny\r\nEND:VCARD\r\n"
    (card,) = vobject.base.readComponents(text, allowQP=True)
    return bool(card.fn.value == "ab" and card.note.value == "xy")


# ---------------------------------------------------------------- values that come back as they were

_BASE64_NAMES = frozenset({"B", "BASE64"})


def _escape(value: Any) -> str:
    return str(vobject.base.backslashEscape("" if value is None else str(value)))


def _is_base64(line: Any) -> bool:
    encodings = line.params.get("ENCODING") or [""]
    return str(encodings[0]).upper() in _BASE64_NAMES


def _decoded(line: Any, raw: Any) -> Any:
    """The value that stands in the raw text: bytes for base64 that can be read, text for anything else."""
    if not isinstance(raw, str):
        return raw
    if not _is_base64(line):
        return unescape(raw)
    try:
        return base64.b64decode(re.sub(r"\s", "", raw), validate=True)
    except (binascii.Error, ValueError):
        return raw


def _encoded(line: Any) -> str:
    """The text for a value that a program set."""
    value = line.value
    if isinstance(value, bytes):
        if not _is_base64(line):
            line.params["ENCODING"] = ["B"]
        return base64.b64encode(value).decode("ascii")
    return base64.b64encode(value.encode()).decode("ascii") if _is_base64(line) else _escape(value)


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _decode_text(cls: Any, line: Any) -> None:
    if not line.encoded:
        return
    if "BASE64" in line.singletonparams:  # Apple's address book: the bare parameter of vCard 2.1
        line.singletonparams.remove("BASE64")
        line.params["ENCODING"] = [cls.base64string]
    raw = line.value
    line.value = _decoded(line, raw)
    if isinstance(raw, str):
        setattr(line, VERBATIM, raw)
    line.encoded = False


def _encode_text(_cls: Any, line: Any) -> None:
    if line.encoded:
        return
    raw = vars(line).get(VERBATIM)
    line.value = raw if raw is not None and _same(_decoded(line, raw), line.value) else _encoded(line)
    line.encoded = True


class CardText(vobject.vcard.VCardTextBehavior):  # type: ignore[misc]
    """UID and PRODID of a card, which vobject reads with the calendars' text behaviour."""


class CardList(vobject.vcard.VCardBehavior):  # type: ignore[misc]
    """CATEGORIES of a card: a list of texts that is written back as it was unless a program changes it."""

    @classmethod
    def decode(cls, line: Any) -> None:
        """Turn the raw text into a list of texts, and remember it."""
        if line.encoded:
            setattr(line, VERBATIM, line.value)
            line.value = [unescape(part) for part in split_structured(line.value, ",")]
            line.encoded = False

    @classmethod
    def encode(cls, line: Any) -> None:
        """Turn the list back into text: the remembered one if it says the same."""
        if line.encoded:
            return
        raw = vars(line).get(VERBATIM)
        value = [line.value] if isinstance(line.value, str) else list(line.value)
        unchanged = raw is not None and [unescape(part) for part in split_structured(raw, ",")] == value
        line.value = raw if unchanged else ",".join(_escape(part) for part in value)
        line.encoded = True


def _components(raw: str) -> list[str | list[str]]:
    """The components of N or ADR: each a text, or a list of texts where it has commas."""
    found: list[str | list[str]] = []
    for part in split_structured(raw):
        texts = [unescape(text) for text in split_structured(part, ",")]
        found.append(texts[0] if len(texts) == 1 else texts)
    return found


def _joined(component: Any) -> str:
    texts = component if isinstance(component, (list, tuple)) else [component]
    return ",".join(_escape(text) for text in texts)


class _Structure:
    """How one structured property is read from text to the object programs see, and written back."""

    def __init__(self, make: Callable[..., Any] | None, order: tuple[str, ...]) -> None:
        self._make = make
        self._order = order

    def read(self, raw: str) -> Any:
        """Never raises: components beyond those the object has are left out here, and kept by the raw text."""
        if self._make is None:
            # RFC 2426 3.5.5: the components of ORG are no lists, a comma in them is a comma.
            units = [unescape(part) for part in split_structured(raw)]
            while len(units) > 1 and not units[-1]:
                units.pop()
            return units
        return self._make(**dict(zip(self._order, _components(raw), strict=False)))

    def write(self, value: Any) -> str:
        if self._make is None:
            return ";".join(_joined(unit) for unit in ([value] if isinstance(value, str) else value))
        return ";".join(_joined(getattr(value, name, "")) for name in self._order)

    def to_native(self, line: Any) -> Any:
        if not line.isNative:
            raw = line.value if isinstance(line.value, str) else ""
            setattr(line, VERBATIM, raw)
            line.value = self.read(raw)
            line.isNative = True
        return line

    def from_native(self, line: Any) -> Any:
        if line.isNative:
            raw = vars(line).get(VERBATIM)
            unchanged = raw is not None and _same(self.read(raw), line.value)
            line.value = raw if unchanged else self.write(line.value)
            line.isNative = False
        return line


def _mend_text(journal: _Journal) -> None:
    behavior = vobject.vcard.VCardTextBehavior
    journal.replace(behavior, "decode", classmethod(_decode_text))
    journal.replace(behavior, "encode", classmethod(_encode_text))


def _mend_structures(journal: _Journal) -> None:
    vcard = vobject.vcard
    for behavior, structure in (
        (vcard.NameBehavior, _Structure(vcard.Name, tuple(vcard.NAME_ORDER))),
        (vcard.AddressBehavior, _Structure(vcard.Address, tuple(vcard.ADDRESS_ORDER))),
        (vcard.OrgBehavior, _Structure(None, ())),
    ):
        journal.replace(behavior, "transformToNative", staticmethod(structure.to_native))
        journal.replace(behavior, "transformFromNative", staticmethod(structure.from_native))


def _mend_shared_behaviors(journal: _Journal) -> None:
    children = dict(vobject.vcard.VCard3_0.knownChildren)
    for name, behavior in (("UID", CardText), ("PRODID", CardText), ("CATEGORIES", CardList)):
        vobject.base.registerBehavior(behavior, name, id=CARD_ID)
        children[name] = (*children[name][:2], CARD_ID)
    journal.replace(vobject.vcard.VCard3_0, "knownChildren", children)


def _mend_copies(journal: _Journal) -> None:
    original = vobject.base.ContentLine.copy

    def copy(self: Any, copyit: Any) -> None:
        original(self, copyit)
        vars(self).update({name: vars(copyit)[name] for name in (VERBATIM, SOURCE) if name in vars(copyit)})

    journal.replace(vobject.base.ContentLine, "copy", copy)


def _returns(*lines: str) -> bool:
    """Whether a card with these lines is written as it was read, also when it is copied in between."""
    text = "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", "FN:x", "N:x;;;;", *lines, "END:VCARD", ""])
    card = vobject.base.readOne(text)
    copied = type(card).duplicate(card)
    return all(f"{line}\r\n" in written for line in lines for written in (card.serialize(), copied.serialize()))


_MENDS: tuple[tuple[str, Callable[[_Journal], None], Callable[[], bool]], ...] = (
    ("line pattern", _mend_line_pattern, _probe_line_pattern),
    ("logical lines", _mend_logical_lines, _probe_logical_lines),
    ("copies", _mend_copies, lambda: True),
    ("text", _mend_text, lambda: _returns("NICKNAME:Joe,Joey", r"URL:a\:b;c", "KEY;ENCODING=B:=bad")),
    ("structures", _mend_structures, lambda: _returns("ORG:Acme, Inc.;X;", "ADR:1;2;3;4;5;6;7;8,9")),
    ("shared behaviours", _mend_shared_behaviors, lambda: _returns("UID:a,b", "PRODID:a,b", r"CATEGORIES:a,b\:c,")),
)

_lock = threading.Lock()
_installed: list[GuardReport] = []


def install() -> GuardReport:
    """Mend vobject for the whole process; safe to call again, and from several threads.

    Calendars are read and written as before, only in linear time. A mend that does not fit the installed vobject is
    taken back, logged as a warning and named in the report; the others stay. An unknown version is logged as well.
    """
    with _lock:
        if not _installed:
            _installed.append(_install())
        return _installed[0]


def read_calendar(text: str) -> list[Any]:
    """The components of a text that is no vCard, as `radicale.item.read_components` reads it, but in linear time.

    Raises vobject's ParseError, or what else its behaviours raise.
    """
    return list(vobject.base.readComponents(calendar_text(text), allowQP=True))


def _install() -> GuardReport:
    version = str(getattr(vobject.base, "VERSION", "unknown"))
    if version not in KNOWN_VERSIONS:
        logger.warning("vobject %s is not among the versions that were tested: %s", version, sorted(KNOWN_VERSIONS))
    applied: list[str] = []
    failed: list[tuple[str, str]] = []
    for name, mend, probe in _MENDS:
        journal = _Journal()
        try:
            mend(journal)
            reason = "" if probe() else "has no effect"
        except Exception as error:  # noqa: BLE001 - another vobject may fail in any way; the server must start all the same
            reason = f"{type(error).__name__}: {error}"
        if not reason:
            applied.append(name)
            continue
        journal.undo()
        failed.append((name, reason))
        logger.warning("vobject %s could not be mended (%s): %s", version, name, reason)
    return GuardReport(version, version in KNOWN_VERSIONS, tuple(applied), tuple(failed))
