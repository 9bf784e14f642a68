# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 3, C20, and section 10, 3: what is not allowed is 403, PROPFIND says so before, the phone recovers."""

import re

import pytest

from tests.dav import Phone, card, replaced
from tests.http.company import Office

PRIVILEGES = '<propfind xmlns="DAV:"><prop><current-user-privilege-set/><resourcetype/></prop></propfind>'


def may_write(phone: Phone, href: str = "", *, depth: str = "0") -> bool:
    """Whether PROPFIND says that a thing can be changed; with depth 1, looked up in the listing of the folder."""
    path = phone.folder if depth == "1" else phone.folder + href
    answer = phone.client.request("PROPFIND", path, content=PRIVILEGES, headers={"Depth": depth})
    assert answer.status_code == 207
    found = re.findall(r"<response>.*?</response>", answer.text, re.DOTALL)
    (entry,) = [each for each in found if f"<href>{phone.folder}{href}</href>" in each]
    assert "<read" in entry
    return "<write" in entry or "<all" in entry


@pytest.mark.parametrize("depth", ["0", "1"])
def test_privileges_say_what_a_set_up_allows(office: Office, nick, depth):
    """C20 and SPEC section 12, --access"""
    office.company.run("sync", "set", "--principal", "dave", "--access", "rw")
    for person in ("alice", "carol", "dave"):
        office.phone(person).put("privileges.vcf", card(f"uid-privileges-{person}", "Mine"))
    office.company.run("sync", "set", "--principal", "dave", "--access", "ro")
    alice, carol, dave = (office.phone(person) for person in ("alice", "carol", "dave"))
    href, _, _ = alice.business_card(nick)
    for phone, folder, business, plain in (
        (alice, True, True, True),
        (carol, True, False, True),
        (dave, False, False, False),
    ):
        assert may_write(phone, depth=depth) is folder
        assert may_write(phone, href, depth=depth) is business
        assert may_write(phone, "privileges.vcf", depth=depth) is plain


def test_privileges_of_the_home_listing_say_so_as_well(office: Office, nick):
    """Thunderbird and DAVx5 ask the home, not the folder"""
    for person, writable in (("alice", True), ("carol", True), ("dave", False)):
        answer = office.client(person).request("PROPFIND", f"/{person}/", content=PRIVILEGES, headers={"Depth": "1"})
        found = re.findall(r"<response>.*?</response>", answer.text, re.DOTALL)
        (entry,) = [each for each in found if f"<href>/{person}/Contacts/</href>" in each]
        assert ("<write" in entry) is writable


@pytest.mark.parametrize("person", ["carol", "dave"])
@pytest.mark.parametrize("precise", [True, False], ids=["If-Match", "no If-Match"])
def test_a_business_card_in_a_read_only_set_up_cannot_be_changed_and_the_phone_recovers(
    office: Office, nick, person, precise
):
    """C20: a refused change is undone on the client by its next sync"""
    phone = office.phone(person)
    href, etag, text = phone.business_card(nick)
    before = office.company.row(nick)
    answer = phone.put(href, replaced(text, "Buyer", "Boss"), etag=etag if precise else None)
    assert answer.status_code == 403
    assert phone.sync() == ({href}, set())
    assert phone.cards[href][0] != etag
    assert "Buyer" in phone.cards[href][1]
    assert phone.sync() == (set(), set())
    etag = phone.cards[href][0]
    assert phone.delete(href, etag=etag if precise else None).status_code == 403
    assert phone.sync() == ({href}, set())
    assert phone.move(href, f"/{person}/elsewhere.vcf").status_code in (403, 409)
    assert office.company.row(nick) == before
    assert office.phone("alice").shows(nick)


def test_a_refused_move_is_undone_on_the_client_by_its_next_sync(office: Office, nick):
    from tests.http.test_deleting import private

    phone = office.phone("carol")
    href, etag, _ = phone.business_card(nick)
    target = private(office, "carol")
    assert phone.move(href, f"{target}moved.vcf").status_code == 403
    assert phone.sync() == ({href}, set())
    assert phone.cards[href][0] != etag
    assert not office.phone("carol", "Private").cards


def test_plain_contacts_can_be_changed_where_only_business_cards_are_read_only(office: Office):
    phone = office.phone("carol")
    assert phone.put("own.vcf", card("uid-carols-own", "Own"), new=True).status_code == 201
    phone.sync()
    etag = phone.cards["own.vcf"][0]
    assert phone.put("own.vcf", card("uid-carols-own", "Own 2"), etag=etag).status_code == 204
    assert phone.delete("own.vcf").status_code in (200, 204)


def test_nothing_can_be_created_in_a_read_only_folder(office: Office):
    phone = office.phone("dave")
    assert phone.put("own.vcf", card("uid-daves-own", "Own"), new=True).status_code == 403
    assert phone.get("own.vcf").status_code == 404
    phone.sync()
    assert "own.vcf" not in phone.cards


def test_a_plain_contact_in_a_read_only_folder_cannot_be_changed_and_the_phone_recovers(office: Office):
    office.company.run("sync", "set", "--principal", "dave", "--access", "rw")
    phone = office.phone("dave")
    sent = card("uid-daves-plain", "Plain")
    phone.put("plain.vcf", sent)
    office.company.run("sync", "set", "--principal", "dave", "--access", "ro")
    phone.sync()
    etag = phone.cards["plain.vcf"][0]
    assert phone.put("plain.vcf", replaced(sent, "Plain", "Changed"), etag=etag).status_code == 403
    assert phone.sync() == ({"plain.vcf"}, set())
    assert phone.cards["plain.vcf"][1] == sent
    assert phone.cards["plain.vcf"][0] != etag
    assert phone.delete("plain.vcf").status_code == 403
    assert phone.sync() == ({"plain.vcf"}, set())
    assert phone.get("plain.vcf").text == sent


def test_another_persons_folder_is_closed(office: Office, nick):
    """Section 10, 3"""
    alice = office.phone("alice")
    href, etag, text = alice.business_card(nick)
    alice.put("secret.vcf", card("uid-secret-plain", "Secret"))
    alice.sync()
    before = office.company.row(nick)
    spy = office.phone("bob", owner="alice")
    answers = [
        spy.get(href),
        spy.get("secret.vcf"),
        spy.put(href, replaced(text, "Buyer", "Boss"), etag=etag),
        spy.put("new.vcf", card("uid-new-spy", "New"), new=True),
        spy.delete(href),
        spy.delete("secret.vcf"),
        spy.move("secret.vcf", "/bob/Contacts/stolen.vcf"),
        spy.report(""),
        spy.report(alice.token),
        spy.client.request("PROPFIND", spy.folder, headers={"Depth": "1"}),
        spy.client.request("PROPPATCH", spy.folder, content='<propertyupdate xmlns="DAV:"/>'),
        spy.client.request("MKCOL", "/alice/Spy/"),
        office.phone("bob").move(href, "/alice/Contacts/pushed.vcf"),
    ]
    assert {each.status_code for each in answers} == {403}
    assert not [each for each in answers if "Secret" in each.text or "Brigandi" in each.text]
    assert office.company.row(nick) == before
    assert alice.sync() == (set(), set())


def test_a_multiget_cannot_reach_into_another_persons_folder(office: Office, nick):
    """Section 10, 3"""
    alice, bob = office.phone("alice"), office.phone("bob")
    alice.put("multiget-secret.vcf", card("uid-multiget-secret", "Hidden"))
    paths = [
        "/alice/Contacts/multiget-secret.vcf",
        "../../alice/Contacts/multiget-secret.vcf",
        "/bob/../alice/Contacts/multiget-secret.vcf",
    ]
    hrefs = "".join(f"<href>{path}</href>" for path in paths)
    body = (
        '<C:addressbook-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><C:address-data/></prop>'
        f"{hrefs}</C:addressbook-multiget>"
    )
    answer = bob.client.request("REPORT", bob.folder, content=body)
    assert answer.status_code < 500
    assert "Hidden" not in answer.text


def test_without_a_password_nothing_is_shown(office: Office, nick):
    import httpx

    for path in ("/alice/Contacts/", "/alice/"):
        answer = httpx.request("PROPFIND", office.server.url + path, headers={"Depth": "1"})
        assert answer.status_code == 401
