# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample contacts: what a newcomer sees first, and what tests and benchmarks count on."""

import datetime
import re
import struct
import time
import unicodedata
import zlib
from collections import Counter
from random import Random

import pytest

from radicale_bcm.cli.sample import SampleContact, contacts, plain_contacts
from radicale_bcm.cli.sample_country import Word, slug
from radicale_bcm.cli.sample_photo import HAIR_STYLES, LOOKS, SIZE, portrait
from radicale_bcm.contacts.fields import FIELDS

FIELD = {field.name: field for field in FIELDS}


@pytest.fixture(scope="module")
def many() -> list[SampleContact]:
    return contacts(3000)


def test_the_first_contact_is_nick_brigandi():
    nick = contacts(1)[0]
    assert nick.fields["given_name"] == "Nick"
    assert nick.fields["family_name"] == "Brigandi"
    assert nick.fields["company"] == "Contoso, Ltd."
    assert nick.fields["email"] == "nick@example.com"
    assert {"job_title", "business_phone", "mobile_phone"} <= nick.fields.keys()
    assert nick.photo


def test_no_contacts_is_an_empty_list():
    assert contacts(0) == []
    assert plain_contacts(0) == []


def test_a_shorter_list_is_the_beginning_of_a_longer_one(many):
    assert contacts(700) == many[:700]


def test_another_seed_gives_other_contacts_after_nick(many):
    other = contacts(50, seed=2)
    assert other[0].fields["email"] == many[0].fields["email"]
    assert other[1:] != many[1:50]


def test_email_addresses_are_unique_and_in_reserved_domains(many):
    emails = [contact.fields["email"] for contact in many]
    assert len(set(emails)) == len(emails)
    address = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*@([a-z0-9]+(-[a-z0-9]+)*\.)*example\.(com|net|org)")
    assert [email for email in emails if not address.fullmatch(email)] == []


def test_every_field_is_in_the_field_table_and_fits(many):
    """A field that no column has, or a value that no column takes, would break the demo on its first start."""
    for contact in many:
        for name, value in contact.fields.items():
            field = FIELD[name]
            assert value
            assert value == unicodedata.normalize("NFC", value.strip())
            assert field.length is None or len(value) <= field.length
            if field.kind == "text":
                assert "\n" not in value
            elif field.kind == "yesno":
                assert value in {"true", "false"}
            elif field.kind == "number":
                assert value.isdecimal()
            elif field.kind == "date":
                datetime.date.fromisoformat(value.replace("--", "2000-", 1) if value.startswith("--") else value)


def test_many_scripts_are_there_in_the_first_hundred():
    scripts = {
        unicodedata.name(char).split()[0]
        for contact in contacts(100)
        for char in contact.fields["family_name"]
        if char.isalpha()
    }
    assert {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HANGUL", "DEVANAGARI"} <= scripts


def test_several_people_work_for_the_same_company_at_the_same_address(many):
    staff: dict[str, list[dict[str, str]]] = {}
    for contact in many:
        staff.setdefault(contact.fields["company"], []).append(contact.fields)
    assert len(staff["Contoso, Ltd."]) > 2
    assert len(staff["Fabrikam, Inc."]) > 2
    assert len(staff) > len(many) / 10
    assert all(
        len({(p["business_street"], p["business_city"], p["web_page"]) for p in ps}) == 1 for ps in staff.values()
    )


def test_no_two_companies_share_an_email_domain(many):
    companies: dict[str, set[str]] = {}
    for contact in many:
        companies.setdefault(contact.fields["email"].partition("@")[2], set()).add(contact.fields["company"])
    assert [names for names in companies.values() if len(names) > 1] == []


def test_telephone_numbers_carry_the_country_code_of_their_country(many):
    codes: dict[str, set[str]] = {}
    for contact in many:
        code = contact.fields["company_phone"].split()[0]
        codes.setdefault(contact.fields["business_country"], set()).add(code)
        for name in ("business_phone", "mobile_phone", "business_fax", "home_phone"):
            assert contact.fields.get(name, code).startswith(code)
    assert all(len(found) == 1 for found in codes.values())
    assert codes["Germany"] == {"+49"}


def test_no_two_people_have_the_same_mobile_number(many):
    numbers = Counter(contact.fields["mobile_phone"] for contact in many if "mobile_phone" in contact.fields)
    assert numbers.most_common(1)[0][1] == 1
    assert len(numbers) > len(many) / 2


def test_american_and_british_numbers_are_the_ones_kept_free_for_fiction():
    for contact in contacts(400):
        mobile = contact.fields.get("mobile_phone", "")
        if contact.fields["business_country"] == "United States" and mobile:
            assert re.fullmatch(r"\+1 \(\d{3}\) 555-01\d\d", mobile)
        if contact.fields["business_country"] == "United Kingdom" and mobile:
            assert re.fullmatch(r"\+44 7700 900\d{3}", mobile)


def test_a_chinese_display_name_begins_with_the_family_name(many):
    found = [contact.fields for contact in many if contact.fields["business_country"] == "China"]
    assert found
    assert all(fields["name"] == fields["family_name"] + fields["given_name"] for fields in found)


def test_women_have_the_womens_form_of_a_slavic_family_name(many):
    found = {contact.fields["family_name"] for contact in many if contact.fields["business_country"] == "Czechia"}
    assert {"Novák", "Nováková"} <= found


def test_owners_are_those_asked_for():
    found = {contact.fields.get("owner") for contact in contacts(200, owners=("u1", "u2", "u3"))}
    assert found == {"u1", "u2", "u3", None}


def test_about_a_quarter_has_a_picture(many):
    pictures = [contact for contact in many if contact.photo]
    assert 0.2 < len(pictures) / len(many) < 0.3
    assert {contact.photo_type for contact in pictures} == {"image/png"}
    assert {contact.photo_type for contact in many if not contact.photo} == {None}


@pytest.mark.parametrize("seed", range(HAIR_STYLES * 2))
def test_a_portrait_is_a_whole_png(seed):
    data = portrait(Random(seed), long_hair=seed % 2 == 0, looks=(seed % len(LOOKS), seed % len(LOOKS) + 1))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size) == (zlib.crc32(body),)
        chunks[body[:4]] = body[4:]
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (SIZE, SIZE, 8, 3, 0, 0, 0)
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == SIZE * (SIZE + 1)
    assert 3 < max(pixels) < len(chunks[b"PLTE"]) / 3 <= 256


def test_ten_thousand_contacts_take_seconds_at_most():
    start = time.process_time()
    contacts(10_000)
    assert time.process_time() - start < 30


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Großmann", "grossmann"),
        ("Łucja", "lucja"),
        ("d'Arcy", "d-arcy"),
        ("Яворська", "iavorska"),
        ("Θανάσης", "thanasis"),
    ],
)
def test_a_slug_is_plain_ascii(text, expected):
    assert slug(text) == expected


def test_a_word_without_a_latin_form_of_its_own_is_spelled():
    assert Word.read("José_Luís") == Word("José Luís", "jose-luis")
    assert Word.read("王=wang") == Word("王", "wang")


def test_plain_contacts_are_vcards_with_names_and_distinct_uids():
    cards = plain_contacts(40)
    assert cards == plain_contacts(40)
    assert plain_contacts(5) == cards[:5]
    uids = {
        uid for card in cards + plain_contacts(40, seed=2) for uid in re.findall(r"^UID:(\S+)\r$", card, re.MULTILINE)
    }
    assert len(uids) == 80
    for card in cards:
        lines = card.split("\r\n")
        assert lines[:2] == ["BEGIN:VCARD", "VERSION:3.0"]
        assert lines[-2:] == ["END:VCARD", ""]
        assert sum(line.startswith("FN:") for line in lines) == 1
        assert sum(line.startswith("N:") for line in lines) == 1
        assert all(":" in line and len(line.encode()) <= 75 for line in lines[:-1])
        assert "\n" not in card.replace("\r\n", "")
