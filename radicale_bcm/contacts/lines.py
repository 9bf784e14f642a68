# SPDX-License-Identifier: GPL-3.0-or-later
"""From the text of a vCard (2.1, 3.0, 4.0, or something like it) to its content lines, losslessly.

Every module may import it. Everything here takes time linear in its input, and nothing recurses.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

from radicale_bcm.contacts.escaping import (
    decode_parameter,
    decode_quoted_printable,
    encode_parameter,
    escape,
    fold,
    split_structured,
    unescape,
)

__all__ = ["Head", "Line", "NotAVCard", "escape", "fold", "parse", "split_cards", "split_structured", "unescape"]

# Only CR, LF and CRLF end a line. str.splitlines would also cut at U+2028, form feeds and others inside a value.
_PHYSICAL = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_NAME = re.compile(r"(?:([A-Za-z0-9_-]+)\.)?([A-Za-z0-9_-]+)")
# What a strict reader of 3.0 takes before the colon. All quantifiers are possessive: no backtracking.
_STRICT = re.compile(
    r'(?:[A-Za-z0-9_-]++\.)?[A-Za-z0-9_-]++(?:;[A-Za-z0-9_-]++=(?:"[^"]*+"|[^",;:]*+)(?:,(?:"[^"]*+"|[^",;:]*+))*+)*+'
)
_SEMICOLON_PARTS = re.compile(r'(?:"[^"]*+"|[^";]++|"(?=[^"]*+\Z))++')
_COMMA_PARTS = re.compile(r'(?:"[^"]*+"|[^",]++|"(?=[^"]*+\Z))++')
_BASE64_ONLY = re.compile(r"[A-Za-z0-9+/=]+\Z")
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "B"})
_CACHED_HEAD = 120

Params = tuple[tuple[str, tuple[str, ...]], ...]


class NotAVCard(ValueError):  # noqa: N818
    """Text that cannot be read as one vCard."""

    def __init__(self, reason: str, line_number: int) -> None:
        super().__init__(reason, line_number)
        self.reason = reason
        self.line_number = line_number

    def __str__(self) -> str:
        return f"{self.reason} (line {self.line_number})"


class Head:
    """What stands before the colon of a content line. Immutable and shared between lines.

    `name` is "" where no property name can be made out. `strict` says that any reader of vCard 3.0 takes it as it is.
    """

    __slots__ = ("binary", "charset", "group", "name", "params", "quoted_printable", "strict", "types")

    def __init__(self, group: str | None, name: str, params: Params, *, well_formed: bool) -> None:
        self.group = group
        self.name = name
        self.params = params
        self.charset: str | None = None
        encodings: set[str] = set()
        types: set[str] = set()
        listed = False
        for key, values in params:
            if key == "TYPE":
                for value in values:
                    listed = listed or "," in value
                    types.update(_type(each) for each in value.split(","))
            elif key == "ENCODING":
                encodings.update(value.upper() for value in values)
            elif key == "CHARSET" and values:
                self.charset = values[0]
        types.discard("")
        self.types: frozenset[str] = frozenset(types)
        self.quoted_printable = "QUOTED-PRINTABLE" in encodings
        self.binary = not encodings.isdisjoint(("B", "BASE64"))
        self.strict = well_formed and not listed and self.charset is None and encodings <= {"B"}


def _type(value: str) -> str:
    """One TYPE in lower case; some programs repeat the parameter's name inside its list (`TYPE=HOME,TYPE=VOICE`)."""
    return value.strip().lower().removeprefix("type=")


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


def head_text(group: str | None, name: str, params: Params) -> str:
    """What stands before the colon, in the form that every reader takes."""
    parts = [f"{group}.{name}" if group else name]
    types: list[str] = []
    for key, values in params:
        if key == "TYPE":
            types.extend(encode_parameter(each) for value in values for each in value.split(","))
            continue
        parts.append(f"{key}=" + ",".join(encode_parameter(value) for value in values))
    if types:
        parts.insert(1, "TYPE=" + ",".join(types))
    return ";".join(parts)


def _parse_head(text: str) -> Head:
    parts = _SEMICOLON_PARTS.findall(text) if '"' in text else text.split(";")
    match = _NAME.fullmatch(parts[0].strip()) if parts else None
    if match is None:
        return _NAMELESS
    params = tuple(_parse_param(part) for part in parts[1:] if part)
    return Head(match[1], match[2].upper(), params, well_formed=_STRICT.fullmatch(text) is not None)


def _parse_param(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, rest = text.partition("=")
    if equals:
        key = name.strip().upper()
    else:
        # vCard 2.1 leaves the names out: TEL;WORK;FAX, PHOTO;JPEG;BASE64
        rest = name
        key = "ENCODING" if name.strip().upper() in _ENCODINGS else "TYPE"
    if '"' in rest:
        values = tuple(decode_parameter(_unquoted(value)) for value in _COMMA_PARTS.findall(rest))
    else:
        values = tuple(decode_parameter(value) for value in rest.split(","))
    return key, values


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


_NAMELESS = Head(None, "", (), well_formed=False)
_cached_head = lru_cache(maxsize=4096)(_parse_head)


def _colon(text: str) -> int:
    """The index of the colon that ends the head: the first one outside quotes; -1 if there is none."""
    first = colon = text.find(":")
    quote = text.find('"', 0, colon) if colon > 0 else -1
    while quote >= 0 and colon >= 0:
        closing = text.find('"', quote + 1)
        if closing < 0:
            return first
        if closing > colon:
            colon = text.find(":", closing)
        quote = text.find('"', closing + 1, colon) if colon >= 0 else -1
    return colon if colon >= 0 else first


def _line(text: str, raw: str) -> Line:
    colon = _colon(text)
    if colon < 0:
        return Line(_NAMELESS, text, raw)
    head = _cached_head(text[:colon]) if colon <= _CACHED_HEAD else _parse_head(text[:colon])
    return Line(head, text[colon + 1 :] if head.name else text, raw)


def _is_frame(text: str, word: str) -> bool:
    """Whether a physical line is BEGIN:VCARD or END:VCARD; letter case and blanks after the colon do not matter."""
    if len(text) > 40:
        return False
    name, _, value = text.partition(":")
    return name.strip().upper() == word and value.strip().upper() == "VCARD"


class _Reader:
    """Puts physical lines together to content lines, for one card."""

    def __init__(self, text: str) -> None:
        self.physical: list[str] = _PHYSICAL.findall(text)
        self.quoted_printable = "=" in text and ("quoted-printable" in text or "QUOTED-PRINTABLE" in text.upper())
        self.position = 0

    def skip_to_begin(self) -> None:
        for index, raw in enumerate(self.physical):
            if raw[0] in "Bb\ufeff" and _is_frame(raw.lstrip("\ufeff"), "BEGIN"):
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
            if _is_frame(following, "END") or _is_frame(following, "BEGIN"):
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
            if not _BASE64_ONLY.match(body):
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
            if _is_frame(raw, "BEGIN"):
                depth += 1
            elif _is_frame(raw, "END"):
                depth -= 1
                if depth == 0:
                    text = "".join(self.physical[start : self.position])
                    return Line(agent.head, escape(text.rstrip("\r\n")), agent.raw + text)
        raise NotAVCard("an AGENT's card has no END:VCARD", start + 1)


def parse(text: str) -> list[Line]:
    """The content lines of one card, from BEGIN to END, both included; what stands before BEGIN is skipped.

    Raises NotAVCard for text that is not exactly one complete card.
    """
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
        if raw[0] in "Bb\ufeff" and _is_frame(raw.lstrip("\ufeff"), "BEGIN"):
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
        if start in "Bb\ufeff" and _is_frame(raw.lstrip("\ufeff"), "BEGIN"):
            if depth and not _opens_agent(buffer):
                yield "".join(buffer), first
                depth = 0
            if depth == 0:
                buffer, first = [], number
            depth += 1
        if depth:
            buffer.append(raw)
            if start in "Ee" and _is_frame(raw, "END"):
                depth -= 1
                if depth == 0:
                    yield "".join(buffer), first
    if depth:
        yield "".join(buffer), first


def _physical_lines(source: str | Iterable[str]) -> Iterator[str]:
    if isinstance(source, str):
        return (match[0] for match in _PHYSICAL.finditer(source))
    # An iterable of lines may use CR alone, in which case it comes as one long "line".
    return chain.from_iterable(_PHYSICAL.findall(chunk) for chunk in source)


def _opens_agent(buffer: list[str]) -> bool:
    """Whether the last line that is not empty is an AGENT without a value, so that the card that begins is its."""
    for raw in reversed(buffer):
        if not raw.isspace():
            name, _, value = raw.partition(":")
            return name.upper().split(";")[0].rpartition(".")[2] == "AGENT" and not value.strip()
    return False
