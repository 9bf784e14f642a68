# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 3, C14 to C16: the sync folder as a whole, sync-tokens, and what a change of the set-up does."""

import itertools
import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.dav import Server, card, line, replaced
from tests.http.company import Office
from tests.http.conftest import EVERY_ENGINE
from tests.http.test_deleting import private

pytestmark = EVERY_ENGINE

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def permissive(office: Office) -> Iterator[Office]:
    """A second server of the same company, on which Radicale would let everybody delete and replace collections."""
    config = office.company.folder / "permissive.ini"
    office.company.configure("permit_delete_collection = False", "permit_delete_collection = True", config)
    text = config.read_text().replace("permit_overwrite_collection = False", "permit_overwrite_collection = True")
    config.write_text(text)
    with Server(config) as server, closing(Office(office.company, server)) as opened:
        yield opened


@pytest.fixture
def city() -> str:
    """A city that no other test knows."""
    return f"City{next(_numbers)}"


# ---------------------------------------------------------------- C14

WHOLE = card("uid-whole-1", "Whole one") + card("uid-whole-2", "Whole two")
UNSET = '<propertyupdate xmlns="DAV:"><remove><prop><resourcetype/></prop></remove></propertyupdate>'
RETYPE = (
    '<propertyupdate xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><resourcetype><collection/>'
    "<C:calendar/></resourcetype></prop></set></propertyupdate>"
)
ATTACKS = {
    "PUT on it": lambda phone: phone.client.put(phone.folder, content=WHOLE, headers={"Content-Type": "text/vcard"}),
    "PUT of nothing": lambda phone: phone.client.put(phone.folder, content="", headers={"Content-Type": "text/vcard"}),
    "DELETE": lambda phone: phone.client.delete(phone.folder),
    "DELETE of the principal": lambda phone: phone.client.delete("/alice/"),
    "PUT on the principal": lambda phone: phone.client.put(
        "/alice/", content=WHOLE, headers={"Content-Type": "text/vcard"}
    ),
    "unset resourcetype": lambda phone: phone.client.request("PROPPATCH", phone.folder, content=UNSET),
    "other resourcetype": lambda phone: phone.client.request("PROPPATCH", phone.folder, content=RETYPE),
    "MKCOL": lambda phone: phone.client.request("MKCOL", phone.folder),
    "MKCALENDAR": lambda phone: phone.client.request("MKCALENDAR", phone.folder),
    "MOVE": lambda phone: phone.client.request(
        "MOVE", phone.folder, headers={"Destination": str(phone.client.base_url.join("/alice/Elsewhere/"))}
    ),
    "COPY": lambda phone: phone.client.request(
        "COPY", phone.folder, headers={"Destination": str(phone.client.base_url.join("/alice/Elsewhere/"))}
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_client_can_neither_replace_nor_delete_the_sync_folder(permissive: Office, nick, attack):
    """C14: whatever Radicale's own rights allow"""
    phone = permissive.phone("alice")
    before = permissive.company.sql("SELECT * FROM contact ORDER BY id")
    answer = attack(phone)
    assert 400 <= answer.status_code < 500, answer.status_code
    assert permissive.company.sql("SELECT * FROM contact ORDER BY id") == before
    assert phone.sync() == (set(), set())
    assert phone.shows(nick)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nor_can_it_with_the_rights_that_init_writes(office: Office, nick, attack):
    """C14"""
    phone = office.phone("alice")
    assert 400 <= attack(phone).status_code < 500
    assert phone.sync() == (set(), set())


def test_the_sync_folder_can_be_renamed(office: Office, nick):
    """C14: PROPPATCH displayname is fine"""
    phone = office.phone("alice")
    name = "<displayname>Kontakte &amp; Co</displayname>"
    body = f'<propertyupdate xmlns="DAV:"><set><prop>{name}</prop></set></propertyupdate>'
    assert phone.client.request("PROPPATCH", phone.folder, content=body).status_code == 207
    asked = '<propfind xmlns="DAV:"><prop><displayname/><resourcetype/></prop></propfind>'
    shown = phone.client.request("PROPFIND", phone.folder, content=asked, headers={"Depth": "0"}).text
    assert "Kontakte &amp; Co" in shown
    assert "addressbook" in shown
    phone.sync()
    assert phone.shows(nick)


def test_another_folder_can_be_deleted_where_the_rights_allow_it(permissive: Office):
    path = private(permissive, "frank")
    assert permissive.client("frank").delete(path).status_code == 200
    assert permissive.client("frank").request("PROPFIND", path).status_code == 404


# ---------------------------------------------------------------- C15


def test_an_initial_sync_lists_no_removed_member(office: Office, nick):
    alice = office.phone("alice")
    href, _, _ = alice.business_card(nick)
    alice.put("removed-before.vcf", card("uid-removed-before", "Removed"))
    alice.delete("removed-before.vcf")
    alice.delete(href)
    answer = alice.report("").text
    assert "404 Not Found" not in answer
    assert href not in answer
    assert "removed-before" not in answer


def test_one_token_gets_the_same_answer_however_often_it_comes(office: Office, nick):
    """C15: a client that lost the answer"""
    alice = office.phone("alice")
    old = alice.token
    office.company.set(nick, job_title="Boss")
    first = alice.report(old).text
    assert alice.report(old).text == first
    alice.sync()
    assert alice.sync() == (set(), set())


def test_old_tokens_tell_the_whole_difference(office: Office, nick):
    """C15: tokens of any age, one state in one answer"""
    old = office.phone("bob")
    alice = office.phone("alice")
    href, _, text = alice.business_card(nick)
    for number in range(5):
        alice.put(href, replaced(text, "Buyer", f"Title {number}"))
        alice.sync()
    other = office.company.add(given_name="Added", family_name="Later")
    third = office.company.add(given_name="Added", family_name="And deleted")
    office.company.run("contact", "delete", third, "--yes")
    changed, removed = old.sync()
    assert href in changed
    assert old.shows(other)
    assert not old.shows(third)
    assert old.cards == office.phone("bob").cards
    assert len(removed) <= 1


TOKENS = {
    "garbage": lambda token: "garbage",
    "of stock Radicale": lambda token: "http://radicale.org/ns/sync/" + "0" * 64,
    "from the future": lambda token: re.sub(r"sync/(\d+)-", lambda match: f"sync/{int(match[1]) + 100000}-", token),
    "revision without end": lambda token: re.sub(r"sync/(\d+)-", "sync/" + "9" * 60 + "-", token),
    "of another history": lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
    "negative": lambda token: re.sub(r"sync/", "sync/-", token),
    "odd digits": lambda token: re.sub(r"sync/\d", "sync/٣", token),
    "SQL": lambda token: token + "' OR 1=1 --",
    "very long": lambda token: "x" * 100_000,
}


@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
def test_a_token_that_is_not_of_this_folder_is_refused(office: Office, make):
    """C15: 403 valid-sync-token, and 400 where the client recovers only from that"""
    for agent, status in (("DAVx5/4.4", 403), ("Mozilla/5.0 (X11) Gecko/20100101 Thunderbird/128.0", 400)):
        phone = office.phone("alice", agent=agent)
        answer = phone.report(make(phone.token))
        assert answer.status_code == status
        assert "valid-sync-token" in answer.text
        assert phone.sync() == (set(), set())


def test_a_token_of_another_folder_is_refused(office: Office):
    """C15"""
    alice, bob = office.phone("alice"), office.phone("bob")
    private(office, "alice")
    other = office.phone("alice", "Private")
    for token in (bob.token, other.token):
        assert alice.report(token).status_code == 403


def test_the_tag_that_older_clients_ask_for_changes_with_every_change_and_only_then(office: Office, nick):
    """macOS and Evolution look at getctag, others at the sync-token property"""
    phone = office.phone("bob")
    asked = (
        '<propfind xmlns="DAV:" xmlns:CS="http://calendarserver.org/ns/"><prop><CS:getctag/><sync-token/>'
        "<getetag/></prop></propfind>"
    )

    def tags():
        return phone.client.request("PROPFIND", phone.folder, content=asked, headers={"Depth": "0"}).text

    before = tags()
    assert tags() == before
    assert phone.token in before
    office.company.set(nick, job_title="Boss")
    after = tags()
    assert after != before
    phone.sync()
    assert phone.token in after
    assert tags() == after


def test_what_propfind_multiget_and_sync_show_is_one_state(office: Office, nick):
    phone = office.phone("alice")
    office.company.set(nick, job_title="Böss")
    phone.sync()
    asked = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
    listed = phone.client.request("PROPFIND", phone.folder, content=asked, headers={"Depth": "1"}).text
    for href, (etag, _) in phone.cards.items():
        assert etag in listed.replace("&quot;", '"'), href
    href, etag, _ = phone.business_card(nick)
    body = (
        '<C:addressbook-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
        "<prop><getetag/><C:address-data/>"
        f"</prop><href>{phone.folder}{href}</href><href>{phone.folder}nobody.vcf</href></C:addressbook-multiget>"
    )
    got = phone.client.request("REPORT", phone.folder, content=body, headers={"Depth": "1"}).text
    assert etag in got
    assert "Böss" in got
    assert "404 Not Found" in got


# ---------------------------------------------------------------- C16


def test_a_record_that_leaves_and_enters_the_filter_leaves_and_enters_the_folder(office: Office, nick, newcomer, city):
    """C16, by plain SQL and by an edit of somebody else"""
    company = office.company
    company.set(nick, business_city=city)
    company.hire(newcomer, "--filter", f"city={city}")
    phone, alice = office.phone(newcomer), office.phone("alice")
    href, _, text = phone.business_card(nick)
    assert len(phone.cards) == 1
    company.set(nick, business_city="Elsewhere")
    assert phone.sync() == (set(), {href})
    assert phone.sync() == (set(), set())
    assert phone.get(href).status_code == 404
    company.set(nick, job_title="Not for them")
    assert phone.sync() == (set(), set())
    alice.sync()
    _, etag, text = alice.business_card(nick)
    alice.put(href, replaced(text, "Elsewhere", city), etag=etag)
    assert phone.sync() == ({href}, set())
    # The person's own edit takes it out.
    _, etag, text = phone.business_card(nick)
    answer = phone.put(href, replaced(text, city, "Elsewhere"), etag=etag)
    assert (answer.status_code, answer.headers.get("ETag")) == (204, None)
    assert company.row(nick)["business_city"] == "Elsewhere"
    assert phone.sync() == (set(), {href})


def test_a_card_that_was_never_in_this_folder_is_never_mentioned(office: Office, nick, newcomer, city):
    """C15"""
    office.company.hire(newcomer, "--filter", f"city={city}")
    phone = office.phone(newcomer)
    office.company.set(nick, job_title="Boss")
    office.company.run("contact", "delete", nick, "--yes")
    office.company.run("deleted", "restore", nick)
    office.company.sql(f"DELETE FROM contact WHERE id = {nick}")
    assert phone.sync() == (set(), set())
    assert not phone.cards


def test_a_changed_filter_removes_and_adds_exactly_the_cards_concerned(office: Office, newcomer, city):
    """C16: the set-up changes"""
    company = office.company
    ids = [company.add(given_name="N", family_name=f"{city}-{each}", business_city=f"{city}-{each}") for each in "abc"]
    company.hire(newcomer, "--filter", f"city={city}-a|{city}-b")
    phone = office.phone(newcomer)
    phone.put("mine.vcf", card(f"uid-{newcomer}", "Mine"), new=True)
    phone.sync()
    a, b = phone.business_card(ids[0])[0], phone.business_card(ids[1])[0]
    company.run("sync", "set", "--principal", newcomer, "--filter", f"city={city}-b|{city}-c")
    changed, removed = phone.sync()
    assert removed == {a}
    assert (len(changed), b in changed) == (1, False)
    assert phone.shows(ids[2])
    assert "mine.vcf" in phone.cards
    company.run("sync", "set", "--principal", newcomer, "--filter", f"city={city}-b|{city}-c")
    assert phone.sync() == (set(), set())


def test_a_changed_category_changes_the_business_cards_and_nothing_else(office: Office, newcomer, city):
    """C16"""
    company = office.company
    record = company.add(given_name="N", family_name=city, business_city=city, category="Customer")
    company.hire(newcomer, "--filter", f"city={city}")
    phone, alice = office.phone(newcomer), office.phone("alice")
    phone.put("mine.vcf", card(f"uid-{newcomer}", "Mine"), new=True)
    phone.sync()
    href, old, _ = phone.business_card(record)
    company.run("sync", "set", "--principal", newcomer, "--category", "VIP, gold")
    assert phone.sync() == ({href}, set())
    href, etag, text = phone.business_card(record)
    assert line(text, "CATEGORIES") == "Customer,VIP\\, gold"
    assert etag != old
    assert alice.sync() == (set(), set())
    # What the set-up adds is not the record's, also if a client sends it back.
    phone.put(href, replaced(text, "END:VCARD", "NICKNAME:Nick\r\nEND:VCARD"), etag=etag)
    assert company.row(record)["category"] == "Customer"
    phone.sync()
    company.run("sync", "set", "--principal", newcomer, "--category", "none")
    assert phone.sync() == ({href}, set())
    assert line(phone.cards[href][1], "CATEGORIES") == "Customer"


def test_a_changed_folder_empties_the_former_one(office: Office, newcomer, city):
    """C16"""
    company = office.company
    record = company.add(given_name="N", family_name=city, business_city=city)
    company.hire(newcomer, "--filter", f"city={city}")
    old = office.phone(newcomer)
    old.put("mine.vcf", card(f"uid-{newcomer}", "Mine"), new=True)
    old.sync()
    href, _, _ = old.business_card(record)
    company.run("sync", "set", "--principal", newcomer, "--folder", "Business")
    assert old.sync() == (set(), {href})
    assert set(old.cards) == {"mine.vcf"}
    new = office.phone(newcomer, "Business")
    assert set(new.cards) == {href}
    company.run("sync", "set", "--principal", newcomer, "--folder", "Contacts")
    assert new.sync() == (set(), {href})
    assert old.sync() == ({href}, set())


def test_when_sync_stops_the_business_cards_leave_and_when_it_starts_again_they_are_back(
    office: Office, newcomer, city
):
    """C16: and records and plain contacts are not touched"""
    company = office.company
    record = company.add(given_name="N", family_name=city, business_city=city)
    company.hire(newcomer, "--filter", f"city={city}")
    phone, fresh = office.phone(newcomer), office.phone(newcomer)
    sent = card(f"uid-{newcomer}", "Mine")
    phone.put("mine.vcf", sent, new=True)
    phone.sync()
    href, etag, text = phone.business_card(record)
    before = company.row(record)
    company.run("sync", "stop", "--principal", newcomer, "--yes")
    assert phone.sync() == (set(), {href})
    assert phone.get("mine.vcf").text == sent
    assert phone.put(href, replaced(text, "END:VCARD", "NICKNAME:x\r\nEND:VCARD"), etag=etag).status_code == 412
    company.set(record, job_title="Boss")
    assert phone.sync() == (set(), set())
    company.run("sync", "start", "--principal", newcomer, "--folder", "Contacts")
    assert phone.sync() == ({href}, set())
    assert line(phone.cards[href][1], "TITLE") == "Boss"
    assert phone.sync() == (set(), set())
    assert company.row(record)["uid"] == before["uid"]
    # Somebody who was away all the time hears of nothing but the change.
    fresh.sync()
    assert fresh.cards == phone.cards


def test_once_sync_has_stopped_the_folder_is_like_any_other(permissive: Office, newcomer, city):
    """C14: only the command line stops synchronisation"""
    company = permissive.company
    company.add(given_name="N", family_name=city, business_city=city)
    company.hire(newcomer, "--filter", f"city={city}")
    phone = permissive.phone(newcomer)
    assert phone.client.delete(phone.folder).status_code == 403
    company.run("sync", "stop", "--principal", newcomer, "--yes")
    assert phone.client.delete(phone.folder).status_code == 200
    assert phone.client.request("PROPFIND", phone.folder).status_code == 404
    company.run("sync", "start", "--principal", newcomer, "--folder", "Contacts")
    assert len(permissive.phone(newcomer).cards) == 1


def test_a_plain_contact_with_the_uid_of_a_business_contact_makes_no_duplicate_uid(
    office: Office, nick, newcomer, city
):
    """A phone keeps a copy of somebody who enters the folder only later"""
    company = office.company
    company.hire(newcomer, "--filter", f"city={city}")
    phone = office.phone(newcomer)
    uid = company.row(nick)["uid"]
    assert phone.put(f"{uid}.vcf", card(uid, "My own Nick"), new=True).status_code == 201
    phone.sync()
    company.set(nick, business_city=city)
    changed, removed = phone.sync()
    assert (len(changed), removed) == (1, set())
    href, etag, text = phone.business_card(nick)
    assert href != f"{uid}.vcf"
    assert line(text, "UID") != uid
    assert phone.put(href, replaced(text, "Buyer", "Boss"), etag=etag).status_code == 204
    assert company.row(nick)["job_title"] == "Boss"
    assert company.row(nick)["uid"] == uid
    phone.sync()
    assert phone.delete(f"{uid}.vcf").status_code in (200, 204)
    assert phone.sync() == (set(), {f"{uid}.vcf"})
    assert company.row(nick)["deleted_at"] is None
