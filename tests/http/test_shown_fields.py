# SPDX-License-Identifier: GPL-3.0-or-later
"""Business fields as X-BCM- properties where a set-up asks for them (SPEC section 8), over HTTP."""

import pytest

from tests.dav import Phone, line, without
from tests.http.company import Office, Refused

DONE = (200, 201, 204)
QUERY = """<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">
<prop><getetag/></prop><C:filter><C:prop-filter name="X-BCM-OWNER"><C:text-match>{}</C:text-match></C:prop-filter>
</C:filter></C:addressbook-query>"""
MAKE_BOOK = """<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>
<C:addressbook/></resourcetype></prop></set></mkcol>"""
MULTIGET = """<C:addressbook-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">
<prop><getetag/><C:address-data/></prop><href>{}</href></C:addressbook-multiget>"""


@pytest.fixture
def owned(office: Office, newcomer: str) -> tuple[str, str]:
    """The newcomer, who asks for owner and rating, and the id of a contact that has them."""
    number = office.company.add(given_name="Owned", family_name=newcomer, owner=newcomer, rating="3", lead="true")
    office.company.hire(newcomer, "--filter", "owner=%me|nobody", "--show-fields", "rating,owner")
    return newcomer, number


def _set(office: Office, name: str, *choices: str) -> None:
    office.company.run("sync", "set", "--principal", name, *choices)


def _fields(text: str) -> dict[str, str | None]:
    return {name: line(text, f"X-BCM-{name}") for name in ("OWNER", "RATING", "LEAD")}


def test_a_card_shows_the_fields_that_are_asked_for_and_no_others(office: Office, owned: tuple[str, str]):
    name, number = owned
    assert _fields(office.phone(name).business_card(number)[2]) == {"OWNER": name, "RATING": "3", "LEAD": None}
    assert _fields(office.phone("alice").business_card(number)[2]) == dict.fromkeys(("OWNER", "RATING", "LEAD"))
    _set(office, name, "--show-fields", "lead")
    assert _fields(office.phone(name).business_card(number)[2]) == {"OWNER": None, "RATING": None, "LEAD": "TRUE"}


def test_another_choice_is_told_to_this_folder_alone_and_once(office: Office, owned: tuple[str, str]):
    name, number = owned
    phone, alices = office.phone(name), office.phone("alice")
    href, _, before = phone.business_card(number)
    phone.sync()
    alices.sync()
    _set(office, name, "--show-fields", "none")
    assert phone.sync() == ({href}, set())
    shown = phone.business_card(number)[2]
    assert shown == without(before, "X-BCM-OWNER", "X-BCM-RATING")
    assert phone.sync() == alices.sync() == (set(), set())
    _set(office, name, "--show-fields", "owner,rating")
    assert phone.sync() == ({href}, set())
    assert phone.business_card(number)[2] == before
    _set(office, name, "--show-fields", "rating, owner,owner")
    assert phone.sync() == (set(), set())


def test_a_value_that_another_program_changes_is_in_the_next_sync_with_another_etag(
    office: Office, owned: tuple[str, str]
):
    name, number = owned
    phone = office.phone(name)
    href, etag, _ = phone.business_card(number)
    phone.sync()
    office.company.set(number, owner="nobody", rating="5")
    assert phone.sync() == ({href}, set())
    _, now, text = phone.business_card(number)
    assert now != etag
    assert _fields(text) == {"OWNER": "nobody", "RATING": "5", "LEAD": None}
    office.company.set(number, hobby="Chess")  # nobody asks for that
    assert phone.sync() == (set(), set())


def test_a_value_that_changed_while_nobody_asked_is_news_when_somebody_asks_again(
    office: Office, owned: tuple[str, str]
):
    name, number = owned
    phone = office.phone(name)
    href, etag, _ = phone.business_card(number)
    _set(office, name, "--show-fields", "none")
    office.company.set(number, rating="1")
    office.phone("alice").sync()
    _set(office, name, "--show-fields", "owner,rating")
    assert phone.sync() == ({href}, set())
    _, now, text = phone.business_card(number)
    assert now != etag
    assert line(text, "X-BCM-RATING") == "1"


@pytest.mark.parametrize("sent", ["dropped", "forged", "as served"])
def test_no_phone_changes_them(office: Office, owned: tuple[str, str], sent: str):
    name, number = owned
    phone = office.phone(name)
    href, etag, served = phone.business_card(number)
    text = served.replace("END:VCARD", "NOTE:From the phone\r\nEND:VCARD")
    if sent != "as served":
        text = without(text, "X-BCM-OWNER", "X-BCM-RATING")
    if sent == "forged":
        text = text.replace("END:VCARD", "X-BCM-OWNER:mallory\r\nX-BCM-RATING:5\r\nX-BCM-LEAD:FALSE\r\nEND:VCARD")
    assert phone.put(href, text, etag=etag).status_code in DONE
    row = office.company.row(number)
    assert (row["owner"], row["rating"], row["note"]) == (name, 3, "From the phone")
    assert row["lead"] in (1, True)
    phone.sync()
    now = phone.business_card(number)[2]
    assert without(now, "NOTE", "X-BCM-VERSION", "REV") == without(served, "X-BCM-VERSION", "REV")


def test_every_way_to_read_says_the_same_and_a_search_finds_them(office: Office, owned: tuple[str, str]):
    name, number = owned
    phone = office.phone(name)
    href, etag, text = phone.business_card(number)
    got = phone.get(href)
    assert (got.text, got.headers["etag"]) == (text, etag)
    path = f"/{name}/Contacts/"
    client = office.client(name)
    several = client.request("REPORT", path, content=MULTIGET.format(path + href)).text
    assert f"X-BCM-OWNER:{name}" in several
    assert etag in several.replace("&quot;", '"')
    for value, found in ((name, True), ("mallory", False)):
        answer = client.request("REPORT", path, content=QUERY.format(value))
        assert answer.status_code == 207
        assert (href in answer.text) == found
    answer = office.client("alice").request("REPORT", "/alice/Contacts/", content=QUERY.format(name))
    assert answer.status_code == 207
    assert href not in answer.text


def test_a_card_that_is_moved_out_of_the_folder_loses_them(office: Office, owned: tuple[str, str]):
    name, number = owned
    phone = office.phone(name)
    href, _, _ = phone.business_card(number)
    assert office.client(name).request("MKCOL", f"/{name}/Own/", content=MAKE_BOOK).status_code == 201
    assert phone.move(href, f"/{name}/Own/{href}").status_code in DONE
    assert "X-BCM-" not in Phone(office.client(name), f"/{name}/Own/").get(href).text


def test_a_field_that_is_none_is_refused_and_nothing_is_changed(office: Office, owned: tuple[str, str]):
    name, _ = owned
    for wrong in ("owner,nosuchfield", "email", "owner;rating", ","):
        with pytest.raises(Refused, match="is no business field"):
            _set(office, name, "--show-fields", wrong)
    (found,) = office.company.run("status", "--principal", name)
    assert found["shown_fields"] == ["owner", "rating"]


def test_verify_finds_nothing(office: Office, owned: tuple[str, str]):
    name, number = owned
    office.company.set(number, rating="2")
    office.phone(name).sync()
    mine = [each for each in office.company.run("verify")["differences"] if each.get("record_id") == number]
    assert mine == []
