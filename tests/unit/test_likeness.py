# SPDX-License-Identifier: GPL-3.0-or-later
"""Which contacts are taken for one person, and which are not."""

import pytest

from radicale_bcm.sync.duplicates import pairs_among
from radicale_bcm.sync.likeness import LISTED, MERGED, Likeness, company_key, name_likeness, simplified
from radicale_bcm.sync.phone_numbers import comparable, region_of

NICK = {"given_name": "Nick", "family_name": "Brigandi", "email": "nick@example.com", "company": "Contoso, Ltd.",
        "mobile_phone": "+1 425 555 0101"}  # fmt: skip


def score(one, other, region=""):
    likeness = Likeness(region)
    return likeness.compare(likeness.person("1", one), likeness.person("2", other)).score


def changed(**fields):
    return {name: value for name, value in (NICK | fields).items() if value}


@pytest.mark.parametrize(
    "other",
    [
        changed(),
        changed(email="NICK@Example.com", mobile_phone="", company=""),
        changed(given_name="Nicholas"),
        changed(given_name="Brigandi", family_name="Nick", email=""),
        changed(family_name="Brigandy", email="", mobile_phone="(425) 555-0101", business_country="USA"),
        changed(given_name="NICK", family_name="BRÍGANDI", email="nick@private.example"),
        changed(email="", company="Contoso Limited"),
        {"name": "Brigandi, Nick", "email": "nick@example.com"},
        {"name": "Dr. Nick Brigandi", "mobile_phone": "0014255550101"},
    ],
)
def test_one_person_in_a_disguise(other):
    assert score(NICK, other) >= MERGED


@pytest.mark.parametrize(
    "other",
    [
        changed(given_name="Anna", email="anna@example.com", mobile_phone="+1 425 555 0102"),
        changed(given_name="Anna", email="anna@example.com"),
        changed(family_name="Miller", email="nick.miller@example.com", mobile_phone=""),
        {"name": "Ann Lee", "mobile_phone": "+1 425 555 0101"},
        {"given_name": "Nick", "company": "Contoso, Ltd."},
        {"company": "Contoso, Ltd."},
        {},
    ],
)
def test_two_persons_with_something_in_common(other):
    assert score(NICK, other) < LISTED


@pytest.mark.parametrize(
    "other",
    [
        changed(given_name="Anna", mobile_phone=""),  # a couple with one address
        changed(email="n.brigandi@private.example", mobile_phone="", company="Contoso"),
        {"name": "Nick Brigandi"},
    ],
)
def test_worth_a_look_and_no_more(other):
    assert LISTED <= score(NICK, other) < MERGED


def test_a_shared_mailbox_and_a_birthday_tell_people_apart():
    info = {"email": "info@contoso.example", "company": "Contoso"}
    assert score({"name": "Ann Lee", **info}, {"name": "Bo Marsh", **info}) < LISTED
    assert score(changed(birthday="1980-05-17"), changed(birthday="1951-01-02", email="", mobile_phone="")) < MERGED


def test_a_number_is_compared_as_e164_and_with_its_extension():
    german = {"DE": ["030 123456", "+49 30 123456", "0049-30-123456", "+49 (0)30/12 34 56"]}
    for region, numbers in german.items():
        assert {comparable(number, region)[0] for number in numbers} == {"+4930123456"}
    assert comparable("030 123456")[0] == ""
    assert comparable("123") == ("", "")
    assert comparable("+49 30 123456 ext. 5")[0] != comparable("+49 30 123456 ext. 6")[0]
    assert [region_of(name) for name in ("Germany", "deutschland", "DE", "USA", "日本", "Atlantis", "")] == [
        "DE", "DE", "DE", "US", "JP", "", "",
    ]  # fmt: skip


def test_the_country_of_the_address_goes_before_the_one_that_is_given():
    one = {"name": "Ann Lee", "mobile_phone": "030 123456", "business_country": "Germany"}
    other = {"name": "Ann Lee", "mobile_phone": "+49 30 123456"}
    assert score(one, other, "US") >= MERGED


def test_names_and_companies_without_what_does_not_matter():
    assert simplified("Müßig-Łukasz  Ångström") == "mussig lukasz angstrom"
    assert company_key("Contoso GmbH & Co. KG") == company_key("CONTOSO") == "contoso"
    assert company_key("AG") == "ag"
    assert name_likeness(("muller", "hans"), ("hans", "mueller")) > 0.98
    assert name_likeness(("anna", "meyer"), ("peter", "meyer")) < 0.5
    assert name_likeness((), ("x",)) is None


def test_everybody_in_a_large_company_is_not_compared_with_everybody():
    people = [
        (str(number), {"given_name": f"G{number:04}x", "family_name": f"F{number * 7919 % 4000:04}y", "company": "Big"})
        for number in range(3000)
    ]
    people.append(("twin", people[1234][1] | {"mobile_phone": "+49 30 123456"}))
    (pair,) = pairs_among(people)
    assert {pair.first, pair.second} == {"1234", "twin"}
