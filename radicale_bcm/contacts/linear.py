# SPDX-License-Identifier: GPL-3.0-or-later
"""What vobject and Radicale read with patterns that take exponential or quadratic time, read in linear time with equal
results. Imported by `contacts/guard.py` and the server.
"""

import re
from collections.abc import Iterator
from typing import TextIO

# The same language as vobject's own pattern, but with one way only to read each line. There, `=` could belong to a
# value or begin the next one, and repetitions stood inside repetitions, so that a line that does not match at its end
# was tried in exponentially many ways.
_NAME = r"[a-zA-Z0-9_-]+"
LINE_RE = re.compile(
    rf"""^ ((?P<group> {_NAME})\.)? (?P<name> {_NAME})
    (?P<params> ;? (?: ; {_NAME} (?: [=,] (?: "[^"]*" | [^";:,=]* ) )* )* )
    : (?P<value> .* )$""",
    re.DOTALL | re.VERBOSE,
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_QP = "quoted-printable"


def folded_lines(text: str) -> Iterator[tuple[str, int]]:
    """Logical lines of a text without quoted-printable soft breaks, each with the number of its first line.

    Empty ones are left out. Only CR, LF and CRLF end a line.
    """
    pieces: list[str] = []
    start = 1
    for number, line in enumerate(_LINE_END.split(text), 1):
        if line[:1] in {" ", "\t"} and number > 1:
            pieces.append(line[1:])
            continue
        logical = "".join(pieces)
        if logical:
            yield logical, start
        pieces, start = [line], number
    logical = "".join(pieces)
    if logical:
        yield logical, start


class _Logical:
    """A logical line that grows by physical lines; joining and searching it costs no more than its length."""

    __slots__ = ("_searched", "_soft", "_tail", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._searched = 0
        self._tail = ""
        self._soft = False

    def add(self, piece: str) -> None:
        self.pieces.append(piece)

    def breaks_softly(self) -> bool:
        """Whether the line ends in `=` and names quoted-printable anywhere, so that the next line belongs to it."""
        if not self.pieces[-1].endswith("="):
            return False
        if not self._soft:
            fresh = (self._tail + "".join(self.pieces[self._searched :])).lower()
            self._soft = _QP in fresh
            self._tail = fresh[1 - len(_QP) :]
            self._searched = len(self.pieces)
        return self._soft

    def __str__(self) -> str:
        return "".join(self.pieces)


def quoted_printable_lines(fp: TextIO) -> Iterator[tuple[str, int]]:
    """Logical lines, where a quoted-printable one may break softly; numbered as vobject numbers them."""
    logical, number, start, soft = _Logical(), 0, 0, False
    while line := fp.readline():
        line = line.rstrip("\r\n")
        number += 1
        if not line.rstrip():
            if logical.pieces:
                yield str(logical), start
            logical, start, soft = _Logical(), number, False
            continue
        if soft:
            logical.add("\n" + line)
        elif line[0] in " \t":
            logical.add(line[1:])
        else:
            if logical.pieces:
                yield str(logical), start
                start = number
            logical = _Logical()
            logical.add(line)
        soft = logical.breaks_softly()
    if logical.pieces:
        yield str(logical), start


# What `radicale.item.read_components` does to a calendar before vobject sees it.
_PHOTO = re.compile(r"^PHOTO(;[^:\r\n]*):(data:[^;,\r\n]*;base64,)", re.MULTILINE | re.IGNORECASE)
_ENCODING_B = re.compile(r";ENCODING=b(?=;|\Z)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0B\x0C\x0E-\x1F]")
_BLANK = re.compile(r"^[ \t]*\r?\n", re.MULTILINE)
_BLANK_AT_END = re.compile(r"(?<![^\r\n])([^\r\n]*) (?=\r?\n)")
_ZONE = re.compile(r"TZ(?:ID|NAME):[^\r\n]")


def calendar_text(text: str) -> str:
    """Radicale's own repairs of a calendar's text, in linear time.

    Its patterns for blanks after TZID and for PHOTO start over at every occurrence of their first word, so that a
    text of half a megabyte that repeats that word occupies the process for minutes.
    """
    text = _PHOTO.sub(lambda match: match[0][: match.start(2) - match.start()] if _has_b(match[1]) else match[0], text)
    text = _BLANK.sub("", _CONTROL.sub("", text))
    text = _BLANK_AT_END.sub(lambda match: match[1] if _ZONE.search(match[1]) else match[0], text)
    return ":".join(_without_blank(text.split(":")))


def _has_b(parameters: str) -> bool:
    return _ENCODING_B.search(parameters) is not None


def _without_blank(parts: list[str]) -> Iterator[str]:
    """Cut one blank before a colon from each part in which a TZID parameter with a value stands."""
    for part in parts[:-1]:
        start = part.find("TZID=") if part.endswith(" ") else -1
        yield part[:-1] if 0 <= start < len(part) - len("TZID=") - 1 else part
    yield parts[-1]
