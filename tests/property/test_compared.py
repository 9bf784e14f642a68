# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of two versions of a card to find what differs is enough: the same as reading all of both."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radicale_bcm.contacts.card import read
from radicale_bcm.contacts.compared import changed_fields, edited_fields, name_in
from radicale_bcm.contacts.lines import NotAVCard, parse
from radicale_bcm.contacts.model import Contact, display_name
from tests.property.test_card_corpus import FILES

POOL = (
    "FN:Nick Brigandi", "FN:Fabrikam", "FN;X-BCM-FIELD=name:Nick", "FN:", "N:Brigandi;Nick;;;", "N:;;;;",
    "N;X-BCM-NAME=1:Nick;;;;", "N;SORT-AS=Zed:Brigandi;Nick;;;", "ORG:Fabrikam;Sales", "TEL;TYPE=CELL:+1 425 555 0101",
    "TEL;TYPE=WORK:1", "TEL;TYPE=WORK:2", "TEL;TYPE=HOME,VOICE:3", "TEL;TYPE=WORK;X-BCM-FIELD=business_phone2:4",
    "TEL;X-BCM-FIELD=none:5", "TEL:", "X-MS-TEL;TYPE=ASSISTANT:6", "item1.TEL:7", "item1.X-ABLabel:Assistant",
    "item2.TEL:8", "item2.X-ABLabel:_$!<Mobile>!$_", "EMAIL:a@example.com", "EMAIL;TYPE=pref:b@example.com",
    "EMAIL:c@example.com", "EMAIL;X-BCM-FIELD=email3:d@example.com", "NOTE:one", "NOTE:two", "NOTE;ENCODING=b:b25l",
    "TITLE:Boss", "ROLE:Buyer", "NICKNAME:Nicky", "BDAY:1980-05-17", "BDAY:someday", "BDAY;VALUE=text:then", "UID:1",
    "REV:2026-01-01T00:00:00Z", "PRODID:-//x", "ADR;TYPE=WORK:;;Main;Seattle;;;", "ADR;TYPE=HOME,pref:;;Side;;;;",
    "X-MS-OL-DEFAULT-POSTAL-ADDRESS:2", "CATEGORIES:VIP", "URL:http://example.com", "X-SPOUSE:Eva", "X-OTHER:1",
)  # fmt: skip
LINES = st.lists(st.sampled_from(POOL), max_size=14)


def fields(text: str) -> Contact:
    try:
        return read(text)
    except NotAVCard:
        return {}


def same_as_whole(before: str, after: str) -> None:
    then, now = fields(before), fields(after)
    assert changed_fields(before, after) == {
        name: (then.get(name, ""), now.get(name, "")) for name in edited_fields(then, now)
    }
    assert name_in(after) == display_name(now)


def card(lines: list[str]) -> str:
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""])


@given(LINES, LINES, LINES, LINES)
def test_of_invented_cards(start: list[str], here: list[str], there: list[str], end: list[str]):
    same_as_whole(card(start + here + end), card(start + there + end))


@given(LINES, st.randoms(use_true_random=False))
def test_of_lines_that_changed_places(some: list[str], order: random.Random):
    mixed = list(some)
    order.shuffle(mixed)
    same_as_whole(card(some), card(mixed))


def test_of_no_card():
    same_as_whole("", card(["FN:Nick", "N:;Nick;;;"]))
    same_as_whole(card(["FN:Nick"]), "nothing")


@pytest.mark.skipif(not FILES, reason="no sample cards; BCM_VCARDS names their folder")
def test_of_real_cards():
    chance = random.Random(1)
    count = 0
    for file in FILES:
        text = file.read_bytes().decode("utf-8", "replace")
        try:
            lines = [line.raw for line in parse(text)]
        except NotAVCard:
            continue
        for _ in range(8):
            changed = list(lines)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(1, max(2, len(changed) - 1))
                kind = chance.random()
                if kind < 0.4:
                    changed[at:at] = [f"{chance.choice(POOL)}\r\n"]
                elif kind < 0.7:
                    changed[at : at + 1] = []
                else:
                    changed[at : at + 1] = [f"{chance.choice(POOL)}\r\n"]
            same_as_whole(text, "".join(changed))
            count += 1
    assert count > 100
