# SPDX-License-Identifier: GPL-3.0-or-later
"""What the corpus found, each in its smallest form: cards of other dialects that lost something as business cards."""

import pytest

from radicale_bcm.contacts import card
from radicale_bcm.contacts.card import ServerLines
from tests.corpus.reading import lost, malformed, read

SERVER = ServerLines(uid="u1", version=1, record_id="7")

CASES = {
    "an extended address stays one in 2.1": ("2.1", "ADR;WORK:;Haus B;Weg 1;Köln;;50667;DE"),
    "an extended address stays one beside CHARSET": (
        "3.0",
        "ADR;TYPE=WORK;CHARSET=UTF-8:Pf 3;Haus B;Weg 1;Köln;;50667;DE",
    ),
    "an address that has nothing but an extended one": ("2.1", "ADR:box;only this"),
    "an address label stays with its address": ("4.0", 'ADR;TYPE=HOME;LABEL=\\"Weg 1\\":;;Weg 1;Köln;;;'),
    "a comma in a name of 2.1 is a comma": ("2.1", "N:Doe;John;Karl,Otto;;"),
    "the hour of a birth, 4.0": ("4.0", "BDAY:19531015T231000Z"),
    "the hour of a birth, 2.1": ("2.1", "BDAY:19531015T231000Z"),
    "the hour of a wedding": ("4.0", "ANNIVERSARY:20090808T1430-0500"),
    "one broken byte spoils no other": ("2.1", "NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=91=C3=91=80"),
    "Outlook's structured names": ("3.0", "X-MS-SPOUSE;N:Pires;Rui"),
}


def _card(version: str, *lines: str) -> str:
    name = () if any(line.startswith("N:") for line in lines) else ("N:Doe;Jane",)
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *name, "FN:Doe", *lines, "END:VCARD", ""])


@pytest.mark.parametrize(("version", "line"), CASES.values(), ids=CASES)
def test_a_business_card_says_all_that_was_sent(version, line):
    """Also when it is rendered again, and when another field changes."""
    sent = _card(version, line)
    contact = card.read(sent)
    first = card.render(sent, contact, SERVER)
    assert lost(sent, first.text) == []
    assert malformed(first.text) == []
    assert card.render(first.text, contact, SERVER) == first
    assert card.read(first.text) == contact
    later = card.render(first.text, contact | {"job_title": "Baker"}, SERVER)
    assert lost(sent, later.text) == []


def test_an_extended_address_goes_with_the_street_that_it_was_part_of():
    """A street that was changed in the database is written whole: no half of the former one stays."""
    sent = _card("3.0", "ADR;TYPE=WORK:;Haus B;Weg 1;Köln;;50667;DE")
    contact = card.read(sent)
    assert contact["business_street"] == "Haus B\nWeg 1"
    for street, components in (
        ("Haus B\nWeg 2", (("",), ("Haus B",), ("Weg 2",))),
        ("Haus B", (("",), ("Haus B",), ("",))),
        ("Gasse 9", (("",), ("",), ("Gasse 9",))),
        ("Haus Bx\nWeg 1", (("",), ("",), ("Haus Bx\nWeg 1",))),
    ):
        changed = card.render(sent, contact | {"business_street": street}, SERVER).text
        (adr,) = [each for each in read(changed) if each.name == "ADR"]
        assert adr.value[:3] == components
        assert card.read(changed)["business_street"] == street


def test_a_structured_name_of_outlook_is_changed_as_one():
    sent = _card("3.0", "X-MS-SPOUSE;N:Pires;Rui")
    changed = card.render(sent, card.read(sent) | {"spouse": "Ana Lopes"}, SERVER).text
    assert "Lopes;Ana" in changed
    assert card.read(changed)["spouse"] == "Ana Lopes"


def test_the_hour_of_a_birth_goes_with_its_day():
    sent = _card("4.0", "BDAY:19531015T231000Z")
    changed = card.render(sent, card.read(sent) | {"birthday": "1953-10-16"}, SERVER).text
    assert "BDAY:1953-10-16\r\n" in changed
