# SPDX-License-Identifier: GPL-3.0-or-later
"""One card of two that are the same person: what the first one gains."""

import pytest

from radicale_bcm.contacts.card import ServerLines, read, render
from radicale_bcm.contacts.combine import filled, gain, same_phone, unmapped_alike
from tests.dav import card

SERVER = ServerLines("own", 1, "7")


def rendered(contact, template=None):
    return render(template, contact, SERVER).text


def gained(contact, *lines, version="3.0"):
    """The lines that a card of this contact has after it gained those of another one, but not before."""
    before = rendered(contact)
    after = gain(before, card("other", "Other", *lines, version=version))
    assert gain(after, card("other", "Other", *lines, version=version)) == after, "once is enough"
    return [line for line in after.split("\r\n") if line not in before.split("\r\n")]


BASE = {"given_name": "Ann", "family_name": "Lee", "email": "ann@example.com", "mobile_phone": "+1 425 555 0101"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["X-ODD:1", "PHOTO;ENCODING=b;TYPE=JPEG:QUJD"], ["X-ODD:1", "PHOTO;ENCODING=b;TYPE=JPEG:QUJD"]),
        (["EMAIL;TYPE=HOME,PREF:second@example.com"], ["EMAIL;TYPE=HOME:second@example.com"]),
        (["TEL;TYPE=CELL:+1 206 555 0199"], ["TEL;TYPE=CELL:+1 206 555 0199"]),
        (["TEL;TYPE=CELL:425-555-0101", "EMAIL:ANN@example.com"], ["EMAIL:ANN@example.com"]),  # known, one in our line
        (["item1.URL:https://a.x", "item1.X-ABLabel:Blog"], ["item1.URL:https://a.x", "item1.X-ABLabel:Blog"]),
        (["X-BCM-ID:99", "X-BCM-KIND:forged", "REV:2001-01-01T00:00:00Z"], []),
        (["NOTE:"], []),
    ],
)
def test_what_it_lacks(lines, expected):
    assert gained(BASE, *lines) == expected


def test_of_what_there_is_one_it_keeps_its_own():
    first = rendered(BASE, card("own", "Ann Lee", "PHOTO;ENCODING=b;TYPE=JPEG:QUJD", "NICKNAME:A", "X-ODD:1"))
    after = gain(first, card("other", "Other", "PHOTO;ENCODING=b;TYPE=PNG:REVG", "X-ODD:2", "TITLE:Chef"))
    assert "REVG" not in after
    assert "X-ODD:2" not in after
    assert "TITLE:Chef" in after


def test_groups_do_not_collide():
    first = rendered(BASE, card("own", "Ann Lee", "item1.X-A:1", "item1.X-ABLabel:mine"))
    after = gain(first, card("other", "Ann", "item1.X-B:2", "item1.X-ABLabel:theirs"))
    assert "item1.X-ABLabel:mine" in after
    other = next(line for line in after.split("\r\n") if line.endswith(".X-B:2")).partition(".")[0]
    assert other.lower() != "item1"
    assert f"{other}.X-ABLabel:theirs" in after


def test_older_and_newer_cards_are_read_as_well():
    assert gained(BASE, "X-ODD;QUOTED-PRINTABLE:=C3=A4", version="2.1") == ["X-ODD:ä"]
    photo = gained(BASE, "PHOTO:data:image/png;base64,REVG", version="4.0")
    assert photo == ["PHOTO;TYPE=PNG;ENCODING=b:REVG"]


def test_a_field_of_ours_gives_way_to_a_line_that_says_more():
    before = rendered(BASE | {"other_phone": "+1 425 555 0100"})
    after = gain(before, card("o", "Ann", "item1.TEL:+1 425 555 0100", "item1.X-ABLabel:Hotline"))
    assert after.count("555 0100") == 1
    assert "item1.X-ABLabel:Hotline" in after
    assert read(after)["other_phone"] == "+1 425 555 0100"


def test_empty_fields_are_filled_and_no_other():
    text = card("o", "Annie", "N:Lee;Annie;;Dr.;", "ORG:Contoso;Sales", "EMAIL:ann@example.com", "EMAIL:b@example.com",
                "TEL;TYPE=WORK:4255550101", "BDAY:1980-05-17")  # fmt: skip
    text = text.replace("N:Annie;;;;\r\n", "", 1)
    contact = read(text)
    found = filled(BASE | {"company": "Fabrikam"}, contact, gain(rendered(BASE | {"company": "Fabrikam"}), text))
    assert found == {"prefix": "Dr.", "department": "Sales", "email2": "b@example.com", "birthday": "1980-05-17"}


@pytest.mark.parametrize(
    ("ours", "added"),
    [
        ({}, {"home_street": "1 Main St", "home_city": "Redmond", "home_country": "USA"}),
        ({"home_city": "Redmond"}, {"home_street": "1 Main St", "home_country": "USA"}),
        ({"home_city": "Seattle"}, {}),
    ],
)
def test_an_address_is_completed_and_never_mixed(ours, added):
    theirs = {"home_street": "1 Main St", "home_city": "Redmond", "home_country": "USA"}
    merged = gain(rendered(BASE | ours), card("o", "Ann Lee", "ADR;TYPE=HOME:;;1 Main St;Redmond;;;USA"))
    assert filled(BASE | ours, theirs, merged) == added


def test_numbers_are_the_same_with_and_without_their_country():
    assert same_phone("14255550101", "4255550101")
    assert not same_phone("14255550101", "14255550102")
    assert not same_phone("101", "4255550101")


def test_alike_is_what_differs_only_in_what_the_server_owns():
    one = rendered(BASE)
    assert unmapped_alike(one, render(None, BASE, ServerLines("x", 9, "8")).text)
    assert not unmapped_alike(one, one.replace("END:VCARD", "X-ODD:1\r\nEND:VCARD"))
