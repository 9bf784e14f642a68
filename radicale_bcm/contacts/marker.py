# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to mark a business contact that are cards or pictures of their own: the group card and the photo badge.
Every module may import it."""

import re
import struct
import zlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from functools import lru_cache

from radicale_bcm.contacts.escaping import escape, escape_uri, fold
from radicale_bcm.contacts.lines import Line, parse

BADGE_PARAMETER = "X-BCM-BADGE"
# A size that no photo has. Android writes every photo anew as JPEG, in the size that it has up to 96 pixels.
BADGE_SIZE = (83, 89)
_PAPER, _CASE, _CLASP = (255, 255, 255), (36, 82, 138), (242, 178, 51)
# However a program writes so small a picture, with whatever colour profile: nothing larger is looked into.
_LONGEST_BADGE = 100_000
_DATA_URI = re.compile(r"data:[^,]*,", re.IGNORECASE)
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def group_card(uid: str, name: str, members: Iterable[str]) -> str:
    """A group that lists contacts by their UIDs: a vCard 3.0 in Apple's dialect, and in RFC 6350's (6.1.4, 6.6.5)."""
    parts = [
        "BEGIN:VCARD\r\nVERSION:3.0\r\n",
        fold(f"UID:{escape_uri(uid)}"),
        fold(f"FN:{escape(name)}"),
        fold(f"N:{escape(name)};;;;"),
        "X-ADDRESSBOOKSERVER-KIND:group\r\nKIND:group\r\n",
    ]
    for member in members:
        uri = escape_uri(member if member.lower().startswith("urn:") else f"urn:uuid:{member}")
        parts.append(fold(f"X-ADDRESSBOOKSERVER-MEMBER:{uri}"))
        parts.append(fold(f"MEMBER:{uri}"))
    parts.append("END:VCARD\r\n")
    return "".join(parts)


@lru_cache(maxsize=1)
def badge() -> bytes:
    """The picture of business contacts that have none of their own: a briefcase, as PNG."""
    width, height = BADGE_SIZE
    rows = b"".join(b"\0" + bytes(_colour_at(x, y) for x in range(width)) for y in range(height))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes((*_PAPER, *_CASE, *_CLASP))),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _colour_at(x: int, y: int) -> int:
    """The palette's index of a pixel."""
    if 38 <= x < 45 and 47 <= y < 56:
        return 2
    case = 12 <= x < 71 and 30 <= y < 72 and not (50 <= y < 53)
    handle = 29 <= x < 54 and 20 <= y < 30 and not (34 <= x < 49 and y >= 25)
    return int(case or handle)


@lru_cache(maxsize=1)
def badge_line() -> str:
    """The PHOTO line of the badge."""
    return fold(f"PHOTO;ENCODING=b;TYPE=PNG;{BADGE_PARAMETER}=1:{b64encode(badge()).decode()}")


def is_badge(line: Line) -> bool:
    """Whether a PHOTO line is the badge: as it was served, or as a program wrote it anew.

    The size of the picture tells. Our parameter does only where the size cannot be read: a program may put a real
    photo into a line and leave its parameters.
    """
    if line.name != "PHOTO" or len(line.value) > _LONGEST_BADGE:
        return False
    data = _picture(line.value)
    size = None if data is None else _size(data)
    return size == BADGE_SIZE if size is not None else line.param(BADGE_PARAMETER) is not None


def without_badge(text: str) -> str:
    """A card without the badge; the text itself if it has none. Raises NotAVCard."""
    lines = parse(text)
    if not any(line.name == "PHOTO" and is_badge(line) for line in lines):
        return text
    return "".join(line.raw for line in lines if not is_badge(line))


def _picture(value: str) -> bytes | None:
    plain = value.replace("\\", "")
    plain = _DATA_URI.sub("", plain, count=1)
    try:
        return b64decode("".join(plain.split()), validate=True)
    except (NotBase64, ValueError):
        return None


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, JPEG or WebP; None of anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data[:4] == b"GIF8" and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        kind = data[position + 1]
        if kind == 0xFF:
            position += 1
        elif kind in _ALONE:
            position += 2
        elif kind in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return struct.unpack("<H", data[26:28])[0] & 0x3FFF, struct.unpack("<H", data[28:30])[0] & 0x3FFF
    return None
