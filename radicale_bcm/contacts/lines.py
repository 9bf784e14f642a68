# SPDX-License-Identifier: GPL-3.0-or-later
"""From the text of a vCard (2.1, 3.0, 4.0, or something like it) to its content lines, losslessly.

Every module may import it. Everything here takes time linear in its input, and nothing recurses.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

from radicale_bcm.contacts.escaping import (
    decode_quoted_printable,
    escape,
    fold,
    split_structured,
    unescape,
)
from radicale_bcm.contacts.heads import NAMELESS, Head, colon_of, head_of, head_text, usual_head_of

__all__ = [
    "Head",
    "Line",
    "NotAVCard",
    "escape",
    "fold",
    "head_text",
    "make_line",
    "parse",
    "split_cards",
    "split_structured",
    "unescape",
]

# Only CR, LF and CRLF end a line, and CR CR LF of files that were converted twice. str.splitlines would also cut at
# U+2028, form feeds and others inside a value.
PHYSICAL = re.compile(r"[^\r\n]*(?:\r{0,2}\n|\r)|[^\r\n]+")
USUAL_LENGTH = 20_000
"""Texts that are shorter are remembered for a moment."""
FRAME = frozenset({"BEGIN", "END"})
_FOLDED = frozenset({" ", "\t"})
_BASE64_ONLY = re.compile(r"[A-Za-z0-9+/=]+\Z")


class NotAVCard(ValueError):
    """Text that cannot be read as one vCard."""

    def __init__(self, reason: str, line_number: int) -> None:
        super().__init__(reason, line_number)
        self.reason = reason
        self.line_number = line_number

    def __str__(self) -> str:
        return f"{self.reason} (line {self.line_number})"


class Line:
    """One content line.

    `value` is unfolded but still escaped and encoded. `raw` is the exact text, folds and line end included. Of a line
    without a property name, `name` is "" and `value` is the whole line.
    """

    __slots__ = ("group", "head", "name", "params", "raw", "value")

    def __init__(self, head: Head, value: str, raw: str) -> None:
        self.head = head
        self.group = head.group
        self.name = head.name
        self.params = head.params
        self.value = value
        self.raw = raw

    def __repr__(self) -> str:
        return f"Line({self.raw!r})"

    def types(self) -> frozenset[str]:
        """The values of all TYPE parameters, in lower case."""
        return self.head.types

    def param(self, name: str) -> str | None:
        """The first value of a parameter, given in upper case; None without one."""
        for key, values in self.params:
            if key == name:
                return values[0] if values else ""
        return None

    def decoded(self) -> str:
        """The value with its transfer encoding undone, still escaped."""
        if self.head.quoted_printable:
            return decode_quoted_printable(self.value, self.head.charset)
        return self.value

    def text(self) -> str:
        """The value as text."""
        return unescape(self.decoded())

    def components(self) -> list[str]:
        """The components of a structured value, as text."""
        return [unescape(part) for part in split_structured(self.decoded())]


def _line(text: str, raw: str) -> Line:
    colon = colon_of(text)
    if colon < 0:
        return Line(NAMELESS, text, raw)
    head = head_of(text[:colon])
    return Line(head, text[colon + 1 :] if head.name else text, raw)


def make_line(head: str, value: str) -> Line:
    """A content line from what stands before its colon and its escaped value, folded."""
    return Line(head_of(head), value, fold(f"{head}:{value}"))


def is_bare_base64(text: str) -> bool:
    """Whether a physical line after base64 is taken for more of it."""
    return _BASE64_ONLY.match(text) is not None


def is_frame(text: str, word: str) -> bool:
    """Whether a physical line is BEGIN:VCARD or END:VCARD; letter case and blanks after the colon do not matter."""
    if len(text) > 40:
        return False
    name, _, value = text.partition(":")
    return name.strip().upper() == word and value.strip().upper() == "VCARD"


class _Reader:
    """Puts physical lines together to content lines, for one card."""

    def __init__(self, text: str) -> None:
        self.physical: list[str] = PHYSICAL.findall(text)
        self.quoted_printable = "=" in text and ("quoted-printable" in text or "QUOTED-PRINTABLE" in text.upper())
        self.position = 0

    def skip_to_begin(self) -> None:
        for index, raw in enumerate(self.physical):
            if raw[0] in "Bb\ufeff" and is_frame(raw.lstrip("\ufeff"), "BEGIN"):
                self.physical[index] = raw.lstrip("\ufeff")
                self.position = index
                return
        raise NotAVCard("no BEGIN:VCARD", 1)

    def next_line(self) -> Line | None:
        """The next content line; None for an empty one."""
        physical = self.physical
        raw = physical[self.position]
        text = raw.rstrip("\r\n")
        self.position += 1
        if not text:
            return None
        if self.position >= len(physical):
            return _line(text, raw)
        following = physical[self.position]
        if following[0] not in " \t" and not self.quoted_printable:
            # Nearly every line: nothing of it is on the next one.
            before, colon, value = text.partition(":")
            head = usual_head_of(before) if colon else None
            if head is not None and not head.binary:
                return Line(head, value, raw)
        if self.quoted_printable and text.rstrip().endswith("="):
            line = _line(text, raw)
            if line.head.quoted_printable:
                return self._soft_breaks(text, raw)
        if following[0] in " \t":
            text, raw = self._unfold(text, raw)
        line = _line(text, raw)
        if line.head.binary and ":" not in following and self.position < len(physical):
            return self._bare_base64(line)
        return line if line.name or not text.isspace() else None

    def _unfold(self, text: str, raw: str) -> tuple[str, str]:
        texts, raws = [text], [raw]
        physical, position = self.physical, self.position
        while position < len(physical) and physical[position][0] in " \t":
            texts.append(physical[position][1:].rstrip("\r\n"))
            raws.append(physical[position])
            position += 1
        self.position = position
        return "".join(texts), "".join(raws)

    def _soft_breaks(self, text: str, raw: str) -> Line:
        """A quoted-printable line that ends in "=" goes on in the next one (RFC 2045 section 6.7, vCard 2.1)."""
        texts, raws = [text.rstrip()[:-1]], [raw]
        while self.position < len(self.physical):
            following = self.physical[self.position]
            if is_frame(following, "END") or is_frame(following, "BEGIN"):
                break
            self.position += 1
            raws.append(following)
            body = following.rstrip("\r\n")
            if not body.rstrip().endswith("="):
                texts.append(body)
                break
            texts.append(body.rstrip()[:-1])
        return _line(*self._unfold("".join(texts), "".join(raws)))

    def _bare_base64(self, line: Line) -> Line:
        """Some programs do not indent the lines of a base64 block."""
        values, raws = [line.value], [line.raw]
        while self.position < len(self.physical):
            following = self.physical[self.position]
            body = following.strip()
            if not is_bare_base64(body):
                break
            self.position += 1
            values.append(body)
            raws.append(following)
        return Line(line.head, "".join(values), "".join(raws))

    def nested(self, agent: Line) -> Line:
        """The AGENT line of vCard 2.1, whose value is a whole card on the lines that follow."""
        start = self.position
        depth = 0
        while self.position < len(self.physical):
            raw = self.physical[self.position]
            self.position += 1
            if is_frame(raw, "BEGIN"):
                depth += 1
            elif is_frame(raw, "END"):
                depth -= 1
                if depth == 0:
                    text = "".join(self.physical[start : self.position])
                    return Line(agent.head, escape(text.rstrip("\r\n")), agent.raw + text)
        raise NotAVCard("an AGENT's card has no END:VCARD", start + 1)


def parse(text: str) -> list[Line]:
    """The content lines of one card, from BEGIN to END, both included; what stands before BEGIN is skipped.

    Raises NotAVCard for text that is not exactly one complete card.
    """
    return list(_remembered(text)) if len(text) < USUAL_LENGTH else _parse_any(text)


def is_usual(text: str) -> bool:
    """Whether a text is one card of common length with nothing around it, which nearly every one is; cheap, and False
    if in doubt."""
    return len(text) < USUAL_LENGTH and _usual(text) is not None


@lru_cache(maxsize=64)
def _remembered(text: str) -> list[Line]:
    # One PUT looks at the same few texts a dozen times.
    return _usual(text) or _parse_any(text)


@lru_cache(maxsize=64)
def _usual(text: str) -> list[Line] | None:
    return _parse_usual(text)


def _parse_usual(text: str) -> list[Line] | None:
    """What `_parse_any` gives, in half the time, for a card with nothing around it, with CRLF at the end of each line,
    no transfer encoding and no card within; None if that is in doubt."""
    if not text.startswith("BEGIN:VCARD\r\n") or not text.endswith("\r\nEND:VCARD\r\n"):
        return None
    physical = text.split("\r\n")
    last = len(physical) - 1
    if text.count("\n") != last or text.count("\r") != last:
        return None
    lines = _usual_lines(physical, _shared_line)
    if lines is None or len(set(lines)) == len(lines):
        return lines
    return _usual_lines(physical, usual_line)  # whoever changes a card tells its lines by their identity


def _usual_lines(physical: Sequence[str], made: Callable[[str], Line | None]) -> list[Line] | None:
    lines: list[Line] = []
    append = lines.append
    position, last = 0, len(physical) - 1
    while position < last:
        text = physical[position]
        position += 1
        if physical[position][:1] in _FOLDED:
            whole, raw = text, text + "\r\n"
            while physical[position][:1] in _FOLDED:
                whole += physical[position][1:]
                raw += physical[position] + "\r\n"
                position += 1
            line = usual_line(whole, raw) if text else None
        else:
            line = made(text)
        if line is None or (line.name in FRAME and not (line.value == "VCARD" and position in (1, last))):
            return None
        append(line)
    return lines


def usual_line(text: str, raw: str = "") -> Line | None:
    """A line that has nothing unusual about it; `raw` is its text with folds, if it has any."""
    before, colon, value = text.partition(":")
    head = usual_head_of(before) if colon else None
    if head is None or head.binary or head.quoted_printable:
        return None
    return Line(head, value, raw or text + "\r\n")


# What a client sends, what it had and what is served now differ in a line or two.
_shared_line = lru_cache(maxsize=512)(usual_line)


def _parse_any(text: str) -> list[Line]:
    reader = _Reader(text)
    reader.skip_to_begin()
    lines: list[Line] = []
    append, next_line = lines.append, reader.next_line
    count = len(reader.physical)
    begin = reader.position + 1
    while reader.position < count:
        line = next_line()
        if line is None:
            continue
        name = line.name
        if name == "BEGIN" and lines and line.value.strip().upper() == "VCARD":
            if lines[-1].name != "AGENT" or lines[-1].value.strip():
                raise NotAVCard("a card begins before the former one has ended", reader.position)
            reader.position -= 1
            lines[-1] = reader.nested(lines[-1])
            continue
        append(line)
        if name == "END" and line.value.strip().upper() == "VCARD":
            _expect_no_more(reader)
            return lines
    raise NotAVCard("no END:VCARD", begin)


def _expect_no_more(reader: _Reader) -> None:
    rest = reader.physical[reader.position :]
    for index, raw in enumerate(rest):
        if raw[0] in "Bb\ufeff" and is_frame(raw.lstrip("\ufeff"), "BEGIN"):
            raise NotAVCard("more than one card", reader.position + index + 1)


def split_cards(source: str | Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each card of a text, or of an iterable of its lines, verbatim and with the number of its first line.

    A card that lacks its END is handed out as well, for `parse` to refuse. What stands between cards is skipped.
    """
    physical = _physical_lines(source)
    buffer: list[str] = []
    first = depth = 0
    for number, raw in enumerate(physical, 1):
        start = raw[:1]
        if start in "Bb\ufeff" and is_frame(raw.lstrip("\ufeff"), "BEGIN"):
            if depth and not _opens_agent(buffer):
                yield "".join(buffer), first
                depth = 0
            if depth == 0:
                buffer, first = [], number
            depth += 1
        if depth:
            buffer.append(raw)
            if start in "Ee" and is_frame(raw, "END"):
                depth -= 1
                if depth == 0:
                    yield "".join(buffer), first
    if depth:
        yield "".join(buffer), first


def _physical_lines(source: str | Iterable[str]) -> Iterator[str]:
    if isinstance(source, str):
        return (match[0] for match in PHYSICAL.finditer(source))
    # An iterable of lines may use CR alone, in which case it comes as one long "line".
    return chain.from_iterable(PHYSICAL.findall(chunk) for chunk in source)


def _opens_agent(buffer: list[str]) -> bool:
    """Whether the last line that is not empty is an AGENT without a value, so that the card that begins is its."""
    for raw in reversed(buffer):
        if not raw.isspace():
            name, _, value = raw.partition(":")
            return name.upper().split(";")[0].rpartition(".")[2] == "AGENT" and not value.strip()
    return False
