# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 3, C6, C6a and C19: edits of a card that changed meanwhile, and edits that come twice."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.dav import Server, line, replaced, without
from tests.http.company import Office
from tests.http.conftest import EVERY_ENGINE

pytestmark = EVERY_ENGINE

BUSINESS_PHONE = "+1 425 555 0100"


@pytest.fixture(scope="module")
def client_wins(office: Office) -> Iterator[Office]:
    """A second server of the same company, which lets the client win."""
    config = office.company.folder / "client-wins.ini"
    office.company.configure("bcm_on_conflict = database", "bcm_on_conflict = client", config)
    with Server(config) as server, closing(Office(office.company, server)) as opened:
        yield opened


# ---------------------------------------------------------------- C6


def test_an_edit_with_a_stale_if_match_is_refused_and_writes_nothing(office: Office, nick):
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, text = alice.business_card(nick)
    bob.put(href, replaced(text, "Buyer", "Boss"), etag=etag)
    before = office.company.row(nick)
    assert alice.put(href, replaced(text, BUSINESS_PHONE, "1"), etag=etag).status_code == 412
    assert office.company.row(nick) == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "MOVE"])
def test_a_change_in_the_database_counts_before_anybody_looked(office: Office, nick, method):
    """C6: even if it was not projected yet"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    office.company.set(nick, business_city="Kirkland")
    before = office.company.row(nick)
    if method == "PUT":
        answer = phone.put(href, replaced(text, BUSINESS_PHONE, "1"), etag=etag)
    elif method == "DELETE":
        answer = phone.delete(href, etag=etag)
    else:
        answer = phone.client.request("MOVE", phone.folder + href, headers={
            "Destination": f"{office.server.url}/alice/Contacts/moved.vcf", "If-Match": etag,
        })  # fmt: skip
    assert answer.status_code == 412
    assert office.company.row(nick) == before
    # The client gets over it by itself.
    assert href in phone.sync()[0]
    href, etag, text = phone.business_card(nick)
    assert phone.put(href, replaced(text, BUSINESS_PHONE, "1"), etag=etag).status_code == 204
    row = office.company.row(nick)
    assert (row["business_phone"], row["business_city"]) == ("1", "Kirkland")


def test_an_if_match_for_a_record_that_was_deleted_by_sql_is_refused(office: Office, nick):
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    office.company.sql(f"DELETE FROM contact WHERE id = {nick}")
    assert phone.put(href, replaced(text, "Buyer", "Boss"), etag=etag).status_code == 412
    assert phone.delete(href, etag=etag).status_code in (404, 412)


# ---------------------------------------------------------------- C6a


def with_version(text: str) -> str:
    return text


def without_x_lines(text: str) -> str:
    return without(text, "X-", "REV", "CATEGORIES", "PRODID")


SENDERS = pytest.mark.parametrize("as_sent", [with_version, without_x_lines])


@SENDERS
def test_without_if_match_both_sides_changes_are_there_afterwards(office: Office, nick, as_sent):
    """C6a: the number comes from the phone, the city from the database"""
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    office.company.set(nick, business_city="Kirkland")
    assert phone.put(href, replaced(as_sent(text), BUSINESS_PHONE, "+1 425 555 0142")).status_code == 204
    row = office.company.row(nick)
    assert (row["business_phone"], row["business_city"]) == ("+1 425 555 0142", "Kirkland")
    phone.sync()
    assert "0142" in phone.cards[href][1]
    assert "Kirkland" in phone.cards[href][1]


@SENDERS
def test_without_if_match_several_versions_may_lie_between(office: Office, nick, as_sent):
    """C6a: the texts of past versions are kept"""
    phone, other = office.phone("alice"), office.phone("bob")
    href, _, text = phone.business_card(nick)
    for number in range(4):
        office.company.set(nick, job_title=f"Title {number}", home_city=f"City {number}")
        other.sync()
    assert phone.put(href, replaced(as_sent(text), BUSINESS_PHONE, "+1 425 555 0142")).status_code == 204
    row = office.company.row(nick)
    assert [row[name] for name in ("business_phone", "job_title", "home_city")] == [
        "+1 425 555 0142",
        "Title 3",
        "City 3",
    ]


@SENDERS
def test_where_both_changed_a_field_the_database_wins_and_the_history_has_the_loser(office: Office, nick, as_sent):
    """C6a, on_conflict = database"""
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    office.company.set(nick, business_phone="from the database", business_city="Kirkland")
    sent = replaced(as_sent(text), BUSINESS_PHONE, "from the phone", "Buyer", "Boss")
    assert phone.put(href, sent).status_code == 204
    row = office.company.row(nick)
    assert (row["business_phone"], row["job_title"]) == ("from the database", "Boss")
    assert office.company.history(nick)[0]["note"]["overruled"] == {"business_phone": "from the phone"}
    assert href in phone.sync()[0]
    assert "from the database" in phone.cards[href][1]


def test_a_conflict_is_all_there_was_and_the_history_has_the_loser_all_the_same(office: Office, nick):
    """C6a: the card is the same afterwards"""
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    office.company.set(nick, business_phone="from the database")
    assert phone.put(href, replaced(text, BUSINESS_PHONE, "from the phone")).status_code == 204
    assert office.company.row(nick)["business_phone"] == "from the database"
    assert office.company.history(nick)[0]["note"]["overruled"] == {"business_phone": "from the phone"}
    assert office.company.history(nick)[0]["actor"] == "alice"
    assert href in phone.sync()[0]


def test_where_both_changed_a_field_the_client_wins_if_so_configured(client_wins: Office, nick):
    """C6a, on_conflict = client"""
    phone = client_wins.phone("alice")
    href, _, text = phone.business_card(nick)
    client_wins.company.set(nick, business_phone="from the database", business_city="Kirkland")
    assert phone.put(href, replaced(text, BUSINESS_PHONE, "from the phone")).status_code == 204
    row = client_wins.company.row(nick)
    assert (row["business_phone"], row["business_city"]) == ("from the phone", "Kirkland")
    assert client_wins.company.history(nick)[0]["note"]["overruled"] == {"business_phone": "from the database"}


def test_both_sides_making_the_same_change_is_no_conflict(office: Office, nick):
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    office.company.set(nick, business_phone="the same")
    phone.put(href, replaced(text, BUSINESS_PHONE, "the same", "Buyer", "Boss"))
    assert "overruled" not in office.company.history(nick)[0]["note"]
    assert office.company.row(nick)["job_title"] == "Boss"


@SENDERS
def test_a_field_that_the_database_emptied_meanwhile_stays_empty(office: Office, nick, as_sent):
    """C6a: an echo is no edit"""
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    office.company.sql(f"UPDATE contact SET note = NULL, birthday = NULL WHERE id = {nick}")
    phone.put(href, replaced(as_sent(text), "Buyer", "Boss"))
    row = office.company.row(nick)
    assert (row["note"], row["birthday"], row["job_title"]) == (None, None, "Boss")
    phone.sync()
    assert line(phone.cards[href][1], "NOTE") is None


def test_what_no_column_holds_is_merged_as_well(office: Office, nick):
    """C3 and C6a: another client's property is neither lost nor brought back"""
    alice, bob = office.phone("alice"), office.phone("bob")
    href, _, text = alice.business_card(nick)
    alice.put(href, replaced(text, "END:VCARD", "X-OURS:1\r\nX-THEIRS:1\r\nEND:VCARD"))
    bob.sync()
    _, _, old = bob.business_card(nick)
    alice.sync()
    _, _, text = alice.business_card(nick)
    alice.put(href, replaced(text, "X-OURS:1", "X-OURS:2"))
    bob.put(href, replaced(old, "X-THEIRS:1", "X-THEIRS:2", "Buyer", "Boss"))
    alice.sync()
    got = alice.cards[href][1]
    assert (line(got, "X-OURS"), line(got, "X-THEIRS"), line(got, "TITLE")) == ("2", "2", "Boss")


def test_a_version_that_never_was_is_no_error(office: Office, nick):
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    for version in ("999999", "0", "-1", "1" * 40, "x"):
        forged = text.replace(f"X-BCM-VERSION:{line(text, 'X-BCM-VERSION')}", f"X-BCM-VERSION:{version}")
        answer = phone.put(href, replaced(forged, BUSINESS_PHONE, f"number {version}"))
        assert answer.status_code == 204
        assert office.company.row(nick)["business_phone"] == f"number {version}"
        phone.sync()
        href, _, text = phone.business_card(nick)
        text = replaced(text, f"number {version}", BUSINESS_PHONE)


def test_blanks_that_another_program_put_around_a_value_are_no_conflict(office: Office, nick):
    """C2: no card can show them, so the client never had them"""
    office.company.set(nick, job_title="  Buyer  ", company=" Contoso , Ltd. ", anniversary="17.5.2010")
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    phone.put(href, replaced(text, "TITLE:Buyer", "TITLE:Boss", "Contoso", "Fabrikam"), etag=etag)
    row = office.company.row(nick)
    assert (row["job_title"], row["company"]) == ("Boss", "Fabrikam , Ltd.")
    assert row["anniversary"] == "17.5.2010"
    assert "overruled" not in office.company.history(nick)[0]["note"]


def test_if_match_with_a_star_takes_any_version(office: Office, nick):
    """RFC 9110 section 13.1.1; merged as without"""
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    office.company.set(nick, business_city="Kirkland")
    assert phone.put(href, replaced(text, BUSINESS_PHONE, "1"), etag="*").status_code == 204
    row = office.company.row(nick)
    assert (row["business_phone"], row["business_city"]) == ("1", "Kirkland")


# ---------------------------------------------------------------- C19


def test_an_edit_that_comes_twice_without_if_match_is_one_edit(office: Office, nick):
    """C19: Thunderbird, Evolution"""
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    sent = replaced(text, BUSINESS_PHONE, "1", "Buyer", "Boss", "END:VCARD", "X-MINE:1\r\nEND:VCARD")
    assert phone.put(href, sent).status_code == 204
    row, history = office.company.row(nick), office.company.history(nick)
    for _ in range(3):
        assert phone.put(href, sent).status_code == 204
    assert office.company.row(nick) == row
    assert office.company.history(nick) == history
    phone.sync()
    assert phone.cards[href][1].count("X-MINE:1") == 1


def test_an_edit_that_comes_twice_with_if_match_is_one_edit_and_ends(office: Office, nick):
    """C19: the first answer was lost; whatever the second one is, the client has its edit after the next sync"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    sent = replaced(text, BUSINESS_PHONE, "1")
    assert phone.put(href, sent, etag=etag).status_code == 204
    row, history = office.company.row(nick), office.company.history(nick)
    count = len(phone.cards)
    assert phone.put(href, sent, etag=etag).status_code == 204
    assert office.company.row(nick) == row
    assert office.company.history(nick) == history
    assert phone.sync() == ({href}, set())
    assert len(phone.cards) == count
    assert line(phone.cards[href][1], "TEL") == "1"


def test_an_old_edit_that_comes_again_after_somebody_elses_is_refused(office: Office, nick):
    """C6 and C19: only what is there already may be answered as done"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    sent = replaced(text, BUSINESS_PHONE, "1")
    phone.put(href, sent, etag=etag)
    office.company.set(nick, business_phone="2")
    assert phone.put(href, sent, etag=etag).status_code == 412
    assert office.company.row(nick)["business_phone"] == "2"
