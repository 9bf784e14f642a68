# SPDX-License-Identifier: GPL-3.0-or-later
"""Every sample card of other programs goes through a render and loses nothing.

The cards are not part of this repository: they come from the folder that BCM_VCARDS names, or from `shared/vcards`
beside the project.
"""

import base64
import os
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radicale_bcm.contacts.card import ServerLines, normalised, read, render
from radicale_bcm.contacts.lines import Line, NotAVCard, parse, split_cards, unescape
from radicale_bcm.contacts.values import iso_date

FOLDER = Path(os.environ.get("BCM_VCARDS") or Path(__file__).parents[3] / "shared" / "vcards")
SERVER = ServerLines("uid-of-the-record", 1, "1", modified=datetime(2026, 1, 1, tzinfo=UTC))
FILES = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".vcf", ".ref")) if FOLDER.is_dir() else []

OWNED = {"BEGIN", "END", "VERSION", "UID", "REV", "CATEGORIES"}
DATES = {"BDAY", "ANNIVERSARY", "X-ANNIVERSARY", "X-MS-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY", "X-ABDATE"}


def text_of(path: Path) -> str:
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def value_of(line: Line) -> str:
    """What a person or program gets from a line, however it is written down."""
    if line.name in ("PHOTO", "LOGO", "SOUND", "KEY") or line.head.binary:
        value = re.sub(r"\s+", "", line.value)
        payload = re.sub(r"^data:[^,]*base64[^,]*,", "", value, flags=re.IGNORECASE)
        try:
            return str(base64.b64decode(payload, validate=True))
        except ValueError:
            return value
    if line.name in DATES:
        return iso_date(line.text(), line.param("X-APPLE-OMIT-YEAR")) or line.text()
    value = line.text().strip()
    if line.name == "TEL":
        value = value.removeprefix("tel:")
    if line.name in ("ORG", "N", "ADR"):
        parts = [part.strip() for part in line.components()]
        if line.name == "ADR":
            parts[1:3] = ["\n".join(part for part in parts[1:3] if part)]
        value = ";".join(parts).rstrip(";")
    return re.sub(r"\r\n?", "\n", value)


def _unwrapped(line: Line) -> Line:
    if line.name != "X-BCM-UNREADABLE":
        return line
    return parse(f"BEGIN:VCARD\r\n{unescape(line.value)}\r\nEND:VCARD\r\n")[1]


def values(text: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for line in map(_unwrapped, parse(text)):
        if line.name not in OWNED and not line.name.startswith("X-BCM-"):
            found[line.name, value_of(line)] += 1
        sort_as = next((",".join(each) for key, each in line.params if key == "SORT-AS" and line.name == "N"), "")
        if sort_as:
            found["SORT-STRING", sort_as] += 1
    return found


@pytest.mark.skipif(not FILES, reason="no sample cards; BCM_VCARDS names their folder")
def test_a_render_loses_no_property_of_any_sample_card():
    losses, cards, refused = [], 0, 0
    for path in FILES:
        for text, number in split_cards(text_of(path)):
            try:
                contact = read(text)
            except NotAVCard as reason:
                refused += 1
                print(f"{path.name}:{number}: refused, {reason}")
                continue
            cards += 1
            rendered = render(text, contact, SERVER)
            assert render(rendered.text, contact, SERVER) == rendered, path
            again = read(rendered.text) | ({"category": contact["category"]} if "category" in contact else {})
            assert again == normalised(contact) == contact, path
            lost = values(text) - values(rendered.text)
            # An empty line says nothing; a filled one may take its place.
            missing = {key: count for key, count in lost.items() if key[1]}
            if missing:
                losses.append(f"{path.relative_to(FOLDER)}:{number}: {str(missing)[:300]}")
    print(f"{cards} cards, {refused} refused, {len(losses)} with losses")
    assert not losses, "\n".join(losses)
