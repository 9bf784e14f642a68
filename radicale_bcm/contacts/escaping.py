# SPDX-License-Identifier: GPL-3.0-or-later
"""The text rules below a vCard line: escaping, structured values, encodings, folding. Imported by the vCard modules.

Everything here takes time linear in its input, whatever the input is.
"""

import binascii
import codecs
import re

# What XML 1.0 cannot carry, and so no address-data element: one such character would break a whole multiget answer.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NEWLINE = re.compile(r"\r\n?|\n")
_NEEDS_ESCAPE = re.compile(r"[\\,;\n\r]")
_ESCAPES = {"\\": "\\\\", ",": "\\,", ";": "\\;", "\n": "\\n"}
_UNESCAPES = {"n": "\n", "N": "\n", "\\": "\\", ",": ",", ";": ";", ":": ":"}
# Codecs that turn bytes into text in linear time; punycode, idna and unicode_escape are no charsets of a card.
_CHARSET = re.compile(r"utf-(?:8|16|32)|ascii|iso(?:8859|2022)|cp\d|shift|euc|gb|big5|koi8|mac|johab|hz|tis")
_CARET = re.compile(r"\^(['^nN])")
_CARETS = {"'": '"', "^": "^", "n": "\n", "N": "\n"}
_LATIN = "radicale_bcm.latin"


def unescape(value: str) -> str:
    r"""Undo the escaping of a text value; a backslash before any other character stands for itself.

    `\:` is no escape of any standard, but Apple writes it.
    """
    if "\\" not in value:
        return value
    return _ESCAPED.sub(_unescaped, value)


def _unescaped(match: re.Match[str]) -> str:
    return _UNESCAPES.get(match[1]) or match[0]


def escape(text: str) -> str:
    r"""Escape a text value (RFC 2426 section 4); line ends become `\n`."""
    if _NEEDS_ESCAPE.search(text) is None:
        return text
    return re.sub(r"[\\,;\n]", lambda match: _ESCAPES[match[0]], _NEWLINE.sub("\n", text))


def escape_uri(text: str) -> str:
    """Escape a value of type URI: its commas and semicolons stand unescaped, or programs would open another page."""
    if "\\" not in text and "\n" not in text and "\r" not in text:
        return text
    return _NEWLINE.sub("\n", text).replace("\\", "\\\\").replace("\n", "\\n")


def one_line(value: str) -> str:
    r"""A raw value that must not leave its line: line ends become `\n`, all else stays."""
    if "\n" not in value and "\r" not in value:
        return value
    return _NEWLINE.sub("\\\\n", value)


def split_structured(value: str, separator: str = ";") -> list[str]:
    """The components of a raw value, split where the separator is not escaped; they stay escaped."""
    parts = value.split(separator)
    if "\\" not in value:
        return parts
    joined: list[str] = []
    pending: list[str] = []
    for part in parts:
        pending.append(part)
        if (len(part) - len(part.rstrip("\\"))) % 2 == 0:
            joined.append(separator.join(pending))
            pending = []
    if pending:
        joined.append(separator.join(pending))
    return joined


def fold(line: str) -> str:
    """A content line, folded at 75 octets and never inside a character, with its CRLF (RFC 2426 section 2.6)."""
    if len(line) <= 75 and line.isascii():
        return line + "\r\n"
    if line.isascii():
        parts = [line[:75]]
        parts.extend(line[start : start + 74] for start in range(75, len(line), 74))
        return "\r\n ".join(parts) + "\r\n"
    data = line.encode("utf-8", "surrogatepass")
    pieces: list[bytes] = []
    start, room = 0, 75
    while len(data) - start > room:
        end = start + room
        while data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end])
        start, room = end, 74
    pieces.append(data[start:])
    return b"\r\n ".join(pieces).decode("utf-8", "surrogatepass") + "\r\n"


def decode_quoted_printable(value: str, charset: str | None) -> str:
    """Decode a quoted-printable value; an unknown or wrong charset falls back to UTF-8.

    What is no UTF-8 either is Windows Latin-1, byte by byte: one character cut in two spoils no others.
    """
    data = binascii.a2b_qp(value.encode("utf-8", "surrogatepass"))
    names = ("utf-8",) if not value.isascii() else (charset or "utf-8", "utf-8")
    for name in names:
        try:
            codec = codecs.lookup(name).name
            if _CHARSET.match(codec):
                return data.decode(codec)
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("utf-8", _LATIN) if b"\0" not in data else data.decode("latin-1")


def _as_latin(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_LATIN, _as_latin)


def decode_parameter(value: str) -> str:
    """Undo RFC 6868: `^n`, `^'` and `^^`."""
    if "^" not in value:
        return value
    return _CARET.sub(lambda match: _CARETS[match[1]], value)


def encode_parameter(value: str) -> str:
    """A parameter value, quoted where its characters ask for it (RFC 2425 section 5.8.2, RFC 6868)."""
    if value.isalnum() or not value:
        return value
    if "^" in value or '"' in value or "\n" in value or "\r" in value:
        value = _NEWLINE.sub("\n", value).replace("^", "^^").replace('"', "^'").replace("\n", "^n")
    if any(mark in value for mark in ",;:"):
        return f'"{value}"'
    return value


# The first bytes of a character of UTF-8, a fold, and its other bytes.
_SPLIT = re.compile(rb"([\xc2-\xf4][\x80-\xbf]{0,2})(\r?\n[ \t])([\x80-\xbf]{1,3})")


def decode_folded(raw: bytes) -> str | None:
    """The text of cards in UTF-8, also where lines are folded inside a character, as RFC 2426 section 2.6 let programs
    count octets; None for another encoding. Such a fold comes after its character, so that no line's number changes."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return _SPLIT.sub(rb"\1\3\2", raw).decode("utf-8")
        except UnicodeDecodeError:
            return None
