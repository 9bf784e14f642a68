# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards as Radicale's reader hands them on: a vobject component that holds the text as it was sent.

Besides `contacts/guard.py` the only module that imports vobject. Imported by the server.
"""

import io
import re
import uuid
from collections.abc import Sequence
from typing import Any

import vobject.base
import vobject.vcard

from radicale_bcm.contacts.card import with_identity
from radicale_bcm.contacts.guard import SOURCE
from radicale_bcm.contacts.lines import Line, NotAVCard, is_usual, parse, split_cards

__all__ = ["Card", "NotAVCard", "build", "is_vcard_text", "parse_for_search", "read_cards"]

# What XML 1.0 section 2.2 excludes. One such character in one card makes every answer unreadable that contains it.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NO_TEXT = "\x7f"
"""The one control character that XML can carry and no value of ours holds (escaping.UNFIT)."""
_FIRST_BEGIN = re.compile(r"(?:\A|[\r\n])[ \t\ufeff]*begin[ \t]*:[ \t]*([a-z0-9-]*)", re.IGNORECASE)
_END_VCARD = re.compile(r"(?:\A|[\r\n])end[ \t]*:[ \t]*vcard", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?|\n")
_FRAME = frozenset({"BEGIN", "END"})
_PLAIN_UID = re.compile(r"[A-Za-z0-9._:@/{}+=-]+")
_UID_NAMESPACE = uuid.UUID("5f0e4b0c-3b2a-4d62-9a54-6d2f0f6f7c11")
_READ = ("cleaned", "repaired", "generated_uid", "_text", "_lines")


class Card(vobject.base.Component):  # type: ignore[misc]
    """A VCARD component that serialises to the text it was read from, until somebody changes it.

    The vobject contents are built when they are asked for; `name`, `uid` and `serialize` do without. Built or not, a
    change is recognised by comparison with the lines that were read: unchanged lines stay verbatim, others are
    written by vobject. Unlike vobject's own component it never refuses to serialise.
    """

    def __init__(
        self,
        text: str = "",
        lines: Sequence[Line] = (),
        *,
        cleaned: str | None = None,
        repaired: bool = False,
        generated_uid: bool = False,
    ) -> None:
        # Component.__setattr__ would make lower-case names properties of the card.
        self.__dict__.update(
            group=None,
            behavior=vobject.vcard.VCard3_0,
            parentBehavior=None,
            isNative=False,
            name="VCARD",
            useBegin=True,
            cleaned=text if cleaned is None else cleaned,
            repaired=repaired,
            generated_uid=generated_uid,
            _text=text,
            _lines=lines,
            _contents=None if lines else {},
            _uid=None,
        )

    cleaned: str
    """The text as it was sent, without characters that no XML answer can carry."""
    repaired: bool
    """Whether the text that is to be stored differs from the one that was sent (RFC 6352 section 6.3.2.3)."""
    generated_uid: bool
    """Whether the card was sent without a UID, and got one made from its text."""

    def adopt_uid(self, uid: str) -> "Card":
        """This card with another UID instead of the generated one: that of the resource which it replaces."""
        return _identified(self.cleaned, parse(self.cleaned), repaired=True, uid=uid) if self.generated_uid else self

    @property
    def plain_uid(self) -> str | None:
        """The UID, where vobject would read what is written; None where it has to be asked."""
        line = _first(self.__dict__["_lines"], "UID")
        return line.value if line is not None and not line.params and _PLAIN_UID.fullmatch(line.value) else None

    # ------------------------------------------------------------ vobject's side

    @property
    def contents(self) -> dict[str, list[Any]]:
        """Lists of content lines by lower-case name, as in any vobject component."""
        mine = self.__dict__
        if mine["_contents"] is None:
            mine["_contents"] = self._built()
        return mine["_contents"]  # type: ignore[no-any-return]

    @contents.setter
    def contents(self, contents: dict[str, list[Any]]) -> None:
        self.__dict__["_contents"] = contents

    def _built(self) -> dict[str, list[Any]]:
        contents: dict[str, list[Any]] = {}
        known_uid = self.__dict__["_uid"]
        for line in self.__dict__["_lines"]:
            if line.name in _FRAME or not line.name:
                continue
            is_known = known_uid is not None and vars(known_uid)[SOURCE] is line
            content = known_uid if is_known else _content_line(line)
            contents.setdefault(content.name.lower(), []).append(content)
        return contents

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "uid" and self.__dict__["_contents"] is None:
            return self._first_uid()
        return super().__getattr__(name)

    def _first_uid(self) -> Any:
        mine = self.__dict__
        if mine["_uid"] is None:
            line = _first(mine["_lines"], "UID")
            if line is None:
                raise AttributeError("uid")
            mine["_uid"] = _content_line(line)
        return mine["_uid"]

    def copy(self, copyit: Any) -> None:
        """Become a copy of another card; changing one does not change the other."""
        if not isinstance(copyit, Card):
            super().copy(copyit)
            return
        mine, theirs = self.__dict__, copyit.__dict__
        if copyit.is_touched():
            super().copy(copyit)
            mine.update({name: theirs[name] for name in _READ})
        else:
            mine.update(theirs, _contents=None if theirs["_lines"] else {}, _uid=None)

    def serialize(
        self,
        buf: Any = None,
        lineLength: int = 75,  # noqa: ARG002, N803 - vobject's names
        validate: bool = True,  # noqa: ARG002
        behavior: Any = None,  # noqa: ARG002
        **_options: Any,
    ) -> Any:
        """The card's text: verbatim, or with the lines that were changed, added or removed."""
        text = self._written() if self.is_touched() else self.__dict__["_text"]
        if buf is None:
            return text
        buf.write(text)
        return buf

    def is_touched(self) -> bool:
        """Whether anybody holds something of this card that could have been changed."""
        mine = self.__dict__
        if mine["_contents"] is not None:
            return True
        uid = mine["_uid"]
        return uid is not None and not _unchanged(uid)

    def _written(self) -> str:
        mine = self.__dict__
        children = list(self.getChildren())
        by_line = {id(vars(child).get(SOURCE)): child for child in children if SOURCE in vars(child)}
        eol = _line_end(mine["_text"])
        pieces: list[str] = []
        changed = False
        for line in mine["_lines"]:
            child = by_line.pop(id(line), None)
            if line.name in _FRAME or not line.name or (child is not None and _unchanged(child)):
                pieces.append(line.raw)
                continue
            changed = True
            if child is not None:
                pieces.append(_line_text(child, eol))
        kept = {id(line) for line in mine["_lines"]}
        added = [_line_text(child, eol) for child in children if id(vars(child).get(SOURCE)) not in kept]
        if not changed and not added:
            return str(mine["_text"])
        if not pieces:
            pieces = [f"BEGIN:VCARD{eol}", f"END:VCARD{eol}"]
        return "".join([*pieces[:-1], *added, pieces[-1]])


# ---------------------------------------------------------------- reading


def is_vcard_text(text: str) -> bool:
    """Whether a text is meant to be vCards, rather than a calendar or nothing at all; cheap (its first BEGIN tells)."""
    if "\0" in text[:8]:
        text = text.replace("\0", "")
    first = _FIRST_BEGIN.search(text)
    if first is not None:
        return first[1].upper() == "VCARD"
    return _END_VCARD.search(text) is not None


def read_cards(text: str) -> list[Card]:
    """The cards of a text; of a single one everything is kept, blank lines and byte order mark included.

    A card without UID or FN gets one. Raises NotAVCard, with a line number in `text`, if any of them is none.
    """
    cleaned = _NOT_XML.sub("", _from_utf_16(text)).lstrip(" \t")
    repaired = cleaned != text
    if is_usual(cleaned):
        return [_read_card(cleaned, 1, repaired=repaired)]
    pieces = list(split_cards(cleaned))
    if not pieces:
        raise NotAVCard("no BEGIN:VCARD", 1)
    if len(pieces) > 1:
        return [_read_card(piece.lstrip("\ufeff"), first, repaired=repaired) for piece, first in pieces]
    piece, first = pieces[0]
    around = len(cleaned) - len(piece)
    if around and len(cleaned.strip("\ufeff \t\r\n")) > len(piece.strip("\ufeff \t\r\n")):
        return [_read_card(piece, first, repaired=True)]
    return [_read_card(cleaned, 1, repaired=repaired)]


def _read_card(text: str, first_line: int, *, repaired: bool) -> Card:
    try:
        lines = parse(text)
        if _NO_TEXT in text:
            parse(text.replace(_NO_TEXT, ""))  # a business card goes without it, and may not be two cards then
    except NotAVCard as error:
        raise NotAVCard(error.reason, error.line_number + first_line - 1) from error
    if not any(_is_property(line) for line in lines):
        raise NotAVCard("no property between BEGIN and END", first_line)
    return _identified(text, lines, repaired=repaired)


def _is_property(line: Line) -> bool:
    """Whether a line says anything; one whose name breaks the rules (`X-a/b:c`) does, binary junk does not."""
    if line.name:
        return line.name not in _FRAME
    return ":" in line.value and line.value.isprintable()


def _from_utf_16(text: str) -> str:
    """The text of a UTF-16 file whose bytes were taken for UTF-8 or Latin-1; any other text as it is."""
    if "\0" not in text[:8]:
        return text
    try:
        data = text.encode("latin-1" if max(text) <= "\xff" else "utf-8")
        return data.decode("utf-16-be" if data.index(0) % 2 == 0 else "utf-16-le")
    except UnicodeError:
        return text


def parse_for_search(text: str) -> Card:
    """A stored card for the evaluation of filters; never raises, whatever the text is."""
    try:
        return Card(text, parse(text))
    except NotAVCard:
        pass
    for piece, _ in split_cards(text):
        try:
            return Card(text, parse(piece))
        except NotAVCard:
            continue
    return Card(text)


def build(lines: Sequence[Line]) -> Card:
    """A card of lines that have been read already."""
    return Card("".join(line.raw for line in lines), lines)


# ---------------------------------------------------------------- UID and FN


def _first(lines: Sequence[Line], name: str) -> Line | None:
    return next((line for line in lines if line.name == name), None)


def _identified(text: str, lines: list[Line], *, repaired: bool, uid: str = "") -> Card:
    """The card, with a UID and an FN put in where it has none."""
    uids = [bool(line.text().strip()) for line in lines if line.name == "UID"]
    lacks_uid = not any(uids)
    lacks_fn = _first(lines, "FN") is None
    if all(uids) and not lacks_uid and not lacks_fn:
        return Card(text, lines, repaired=repaired)
    # Made from the text: a client that lost the answer and sends the card again must not be told of another UID.
    missing = (uid or str(uuid.uuid5(_UID_NAMESPACE, text))) if lacks_uid else None
    plain = "".join(line.raw for line in lines if line.name != "UID" or line.text().strip())
    try:
        complete = with_identity(text if all(uids) else plain, missing)
    except NotAVCard:
        raise
    except ValueError:  # blank lines where none belong, as between an AGENT and its card
        complete = with_identity(plain, missing)
    return Card(complete, parse(complete), cleaned=text, repaired=True, generated_uid=lacks_uid)


def _line_end(text: str) -> str:
    match = _LINE_END.search(text)
    return match[0] if match else "\r\n"


# ---------------------------------------------------------------- vobject's content lines


def _content_line(line: Line) -> Any:
    """A vobject content line with its behaviour; what vobject cannot digest becomes plain text."""
    content = vobject.base.ContentLine(line.name.replace("_", "-"), [], line.decoded(), line.group)
    params: dict[str, list[str]] = {}
    for key, values in line.params:
        params.setdefault(key, []).extend(values)
    if line.head.quoted_printable:
        params["ENCODING"] = [value for value in params["ENCODING"] if value.upper() != "QUOTED-PRINTABLE"]
        if not params["ENCODING"]:
            del params["ENCODING"]
        params.pop("CHARSET", None)
    behavior = _behavior(content.name)
    vars(content).update({"params": params, "behavior": behavior, "encoded": True, SOURCE: line})
    content.parentBehavior = vobject.vcard.VCard3_0
    if behavior is None:
        content.value = line.text()
        return content
    try:
        behavior.decode(content)
        return content.transformToNative()
    except Exception:  # noqa: BLE001 - vobject's behaviours raise whatever they like, and a search must go on
        vars(content).update(value=line.text(), behavior=vobject.vcard.VCardTextBehavior, encoded=False, isNative=False)
        return content


def _behavior(name: str) -> Any:
    card = vobject.vcard.VCard3_0
    known = card.knownChildren.get(name)
    return card.defaultBehavior if known is None else vobject.base.getBehavior(name, known[2])


def _unchanged(content: Any) -> bool:
    """Whether a content line still says what its source says."""
    line = vars(content).get(SOURCE)
    if line is None:
        return False
    fresh = _content_line(line)
    return bool(fresh == content) and fresh.group == content.group and type(fresh.value) is type(content.value)


def _line_text(child: Any, eol: str) -> str:
    """What vobject writes for a content line or a nested component."""
    buffer = io.StringIO()
    child.serialize(buffer, validate=False)
    return buffer.getvalue().replace("\r\n", eol)
