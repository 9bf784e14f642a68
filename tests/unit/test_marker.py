# SPDX-License-Identifier: GPL-3.0-or-later
"""The group card and the photo badge, as text."""

import struct
from base64 import b64encode

import pytest

from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts import marker
from radicale_bcm.contacts.card import ServerLines
from radicale_bcm.contacts.lines import parse

WIDTH, HEIGHT = marker.BADGE_SIZE


def _jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    size = b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(20)
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + bytes(9) + before + size


def _segment(kind: int, length: int) -> bytes:
    return bytes((0xFF, kind)) + struct.pack(">H", length + 2) + bytes(length)


PICTURES = {
    "png": lambda w, h: b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", w, h) + bytes(30),
    "gif": lambda w, h: b"GIF89a" + struct.pack("<HH", w, h) + bytes(9),
    "jpeg": _jpeg,
    "jpeg with a profile": lambda w, h: _jpeg(w, h, _segment(0xE2, 3000) + _segment(0xC4, 90) + b"\xff"),
    "webp lossy": lambda w, h: b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", w, h) + bytes(9),
    "webp lossless": lambda w, h: b"RIFF\0\0\0\0WEBPVP8L" + bytes(5)
    + struct.pack("<I", (w - 1) | (h - 1) << 14) + bytes(9),
    "webp extended": lambda w, h: b"RIFF\0\0\0\0WEBPVP8X" + bytes(8)
    + (w - 1).to_bytes(3, "little") + (h - 1).to_bytes(3, "little") + bytes(9),
}  # fmt: skip


def _photo(data: bytes, head: str = "PHOTO;ENCODING=b") -> str:
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\n{head}:{b64encode(data).decode()}\r\nEND:VCARD\r\n"


def _is_badge(text: str) -> bool:
    return any(map(marker.is_badge, parse(text)))


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_the_badge_by_its_size_in_whatever_format(kind: str):
    make = PICTURES[kind]
    assert _is_badge(_photo(make(WIDTH, HEIGHT)))
    for width, height in ((HEIGHT, WIDTH), (96, 96), (WIDTH, HEIGHT + 1)):
        for head in ("PHOTO;ENCODING=b", "PHOTO;ENCODING=b;X-BCM-BADGE=1", "PHOTO;BASE64"):
            assert not _is_badge(_photo(make(width, height), head))


UNREADABLE = ("", "%%%", "http://example.com/a.png", "\x1asha256:00", b64encode(b"\xff\xd8\xff").decode())


@pytest.mark.parametrize("value", UNREADABLE)
def test_what_cannot_be_read_as_a_picture_is_the_badge_only_where_it_says_so(value: str):
    for head, expected in (("PHOTO", False), ("PHOTO;X-BCM-BADGE=1", True)):
        text = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\n{head}:{value}\r\nEND:VCARD\r\n"
        assert _is_badge(text) == expected


def test_broken_pictures_are_no_error():
    for make in PICTURES.values():
        whole = make(WIDTH, HEIGHT)
        for end in range(len(whole)):
            _is_badge(_photo(whole[:end]))


def test_rendering_adds_the_badge_where_no_photo_is_and_stays_as_it_is():
    server = ServerLines(uid="u", version=1, record_id="1", badge=True)
    contact = {"given_name": "Nick"}
    text = codec.render(None, contact, server).text
    assert _is_badge(text)
    assert codec.render(text, contact, server).text == text
    assert codec.render(marker.without_badge(text), contact, server).text == text
    off = ServerLines(uid="u", version=1, record_id="1")
    assert codec.render(text, contact, off).text == marker.without_badge(text)
    own = _photo(PICTURES["png"](96, 96))
    assert codec.render(own, contact, server).text.count("PHOTO") == 1
    assert not _is_badge(codec.render(own, contact, server).text)


def test_a_group_names_its_members_in_both_dialects():
    text = marker.group_card("the-uid", "Kunden, neu", ["a-b", "urn:uuid:c", "x" * 300])
    lines = {line.raw.replace("\r\n ", "").strip() for line in parse(text)}
    assert {"KIND:group", "X-ADDRESSBOOKSERVER-KIND:group", "FN:Kunden\\, neu", "UID:the-uid"} <= lines
    for uid in ("urn:uuid:a-b", "urn:uuid:c", "urn:uuid:" + "x" * 300):
        assert {f"MEMBER:{uid}", f"X-ADDRESSBOOKSERVER-MEMBER:{uid}"} <= lines
    assert codec.summary(text).group
    assert max(len(line) for line in text.split("\r\n")) <= 75
