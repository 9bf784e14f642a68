# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 3, C8 and C12: a client deletes a business card, or moves it elsewhere."""

import shutil
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.dav import card, line, replaced
from tests.http.company import Office
from tests.http.conftest import EVERY_ENGINE

pytestmark = EVERY_ENGINE


def deleted(office: Office) -> dict[str, dict[str, str]]:
    return {each["id"]: each for each in office.company.run("deleted", "list")}


def test_a_deleted_business_card_is_in_deleted_items_with_who_and_when_and_gone_for_everybody(office: Office, nick):
    """C8, on_delete = trash"""
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, _ = alice.business_card(nick)
    assert alice.delete(href, etag=etag).status_code in (200, 204)
    row = office.company.row(nick)
    assert row["deleted_by"] == "alice"
    assert row["deleted_at"]
    assert deleted(office)[nick]["deleted_by"] == "alice"
    assert alice.sync() == (set(), {href})
    assert bob.sync() == (set(), {href})
    assert bob.sync() == (set(), set())
    assert alice.get(href).status_code == 404
    assert not [each for each in office.company.run("contact", "list") if each["id"] == nick]


def test_a_card_that_is_gone_already_is_a_404(office: Office, nick):
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, _ = alice.business_card(nick)
    alice.delete(href)
    assert alice.delete(href).status_code == 404
    assert bob.delete(href, etag=etag).status_code == 404
    assert office.company.row(nick)["deleted_by"] == "alice"


def test_a_delete_with_a_stale_if_match_is_refused(office: Office, nick):
    """C6"""
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, text = alice.business_card(nick)
    bob.put(href, replaced(text, "Buyer", "Boss"))
    before = office.company.row(nick)
    assert alice.delete(href, etag=etag).status_code == 412
    assert office.company.row(nick) == before


def test_a_delete_without_if_match_is_accepted(office: Office, nick):
    """Thunderbird, Evolution"""
    phone = office.phone("alice")
    href, _, _ = phone.business_card(nick)
    office.company.set(nick, job_title="Boss")
    assert phone.delete(href).status_code in (200, 204)
    assert office.company.row(nick)["deleted_by"] == "alice"


def test_a_restored_contact_is_back_on_every_phone_once_with_its_href_uid_and_properties(office: Office, nick):
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, text = alice.business_card(nick)
    alice.put(href, replaced(text, "END:VCARD", "X-ODD:1\r\nEND:VCARD"), etag=etag)
    alice.delete(href)
    alice.sync()
    office.company.run("deleted", "restore", nick)
    assert alice.sync() == ({href}, set())
    assert bob.sync()[0] == {href}
    for phone in (alice, bob):
        assert line(phone.cards[href][1], "UID") == line(text, "UID")
        assert line(phone.cards[href][1], "X-ODD") == "1"
        assert phone.sync() == (set(), set())
    row = office.company.row(nick)
    assert (row["deleted_at"], row["deleted_by"]) == (None, None)
    assert nick not in deleted(office)


def test_a_phone_that_was_offline_meanwhile_never_hears_of_it(office: Office, nick):
    """C15: deleted and restored between two syncs; whatever is told, the replica is right"""
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, _ = alice.business_card(nick)
    count = len(bob.cards)
    alice.delete(href, etag=etag)
    office.company.run("deleted", "restore", nick)
    bob.sync()
    assert len(bob.cards) == count
    assert bob.get(href).headers["ETag"] == bob.cards[href][0]


def test_unfollow_only_leaves_this_persons_folder(office: Office, nick):
    """C8, on_delete = unfollow"""
    erin, alice = office.phone("erin"), office.phone("alice")
    href, etag, _ = erin.business_card(nick)
    assert erin.delete(href, etag=etag).status_code in (200, 204)
    assert erin.sync() == (set(), {href})
    assert alice.sync() == (set(), set())
    assert office.company.row(nick)["deleted_at"] is None
    office.company.set(nick, job_title="Boss")
    assert erin.sync() == (set(), set())
    assert alice.sync() == ({href}, set())
    assert erin.get(href).status_code == 404


def test_reject_brings_the_card_back_at_the_next_sync(office: Office, nick):
    """C8, on_delete = reject"""
    frank, alice = office.phone("frank"), office.phone("alice")
    href, etag, _ = frank.business_card(nick)
    assert frank.delete(href, etag=etag).status_code < 500
    assert frank.sync() == ({href}, set())
    assert frank.cards[href][0] != etag
    assert office.company.row(nick)["deleted_at"] is None
    assert alice.get(href).status_code == 200


def test_a_record_that_is_deleted_by_plain_sql_leaves_the_folders(office: Office, nick):
    """SPEC section 12"""
    alice, bob = office.phone("alice"), office.phone("bob")
    href, _, _ = alice.business_card(nick)
    office.company.sql(f"DELETE FROM contact WHERE id = {nick}")
    assert alice.sync() == (set(), {href})
    assert bob.sync() == (set(), {href})


def test_a_row_that_another_program_writes_is_in_the_next_answer(office: Office):
    """SPEC section 12 and section 6, freshness: with the database's own client program"""
    phone = office.phone("alice")
    url = office.company.database
    statement = (
        "INSERT INTO contact (given_name, family_name, email) VALUES ('Andrea', 'Dunker''s', 'andrea@example.com')"
    )
    if url.startswith("sqlite"):
        command = ["sqlite3", url.removeprefix("sqlite:///")]
    elif url.startswith("postgresql"):
        command = ["psql", "-d", url]
    else:
        parts = urlsplit(url)
        socket = parse_qs(parts.query)["unix_socket"][0]
        command = ["mariadb", "--no-defaults", "--user=root", f"--socket={socket}", parts.path.strip("/")]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run(command, input=statement + ";\n", text=True, check=True, capture_output=True)
    changed, removed = phone.sync()
    (href,) = changed
    assert not removed
    text = phone.cards[href][1]
    assert line(text, "N") == "Dunker's;Andrea;;;"
    assert line(text, "X-BCM-KIND") == "business-contact"
    assert phone.delete(href).status_code in (200, 204)


def test_a_row_of_another_program_that_says_next_to_nothing_is_shown(office: Office):
    """SPEC section 12: every column may be left out but one that yields an FN"""
    phone = office.phone("alice")
    for column in ("name", "company", "email"):
        office.company.sql(f"INSERT INTO contact ({column}) VALUES ('only-{column}')")
        (href,) = phone.sync()[0]
        assert line(phone.cards[href][1], "FN") == f"only-{column}"
        phone.delete(href)
        phone.sync()


def test_a_soft_delete_and_its_end_by_plain_sql_are_seen(office: Office, nick):
    phone = office.phone("alice")
    href, _, _ = phone.business_card(nick)
    when = "2026-01-01T00:00:00.000000Z" if office.company.database.startswith("sqlite") else "2026-01-01 00:00:00Z"
    office.company.set(nick, deleted_at=when, deleted_by="a report")
    assert phone.sync() == (set(), {href})
    assert deleted(office)[nick]["deleted_by"] == "a report"
    office.company.sql(f"UPDATE contact SET deleted_at = NULL, deleted_by = NULL WHERE id = {nick}")
    assert phone.sync() == ({href}, set())


def test_an_edit_that_comes_after_the_delete_is_not_lost_and_revives_nobody(office: Office, nick):
    """A phone that was offline, and that sends no If-Match; then the record is restored"""
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, text = alice.business_card(nick)
    bob.delete(href)
    sent = replaced(text, "Buyer", "Boss")
    assert alice.put(href, sent, etag=etag).status_code == 412
    assert alice.put(href, sent).status_code in (201, 204)
    assert office.company.row(nick)["deleted_by"] == "bob"
    bob.sync()
    assert not bob.shows(nick)
    alice.sync()
    assert alice.get(href).text == sent
    office.company.run("deleted", "restore", nick)
    alice.sync()
    bob.sync()
    assert bob.business_card(nick)[0] == href
    own = [
        each for each, (_, other) in alice.cards.items() if f"X-BCM-ID:{nick}\r\n" in other and "TITLE:Buyer" in other
    ]
    assert len(own) == 1
    uids = [line(other, "UID") for _, other in alice.cards.values()]
    assert len(uids) == len(set(uids))
    alice.delete(href)


# ---------------------------------------------------------------- C12


def private(office: Office, person: str) -> str:
    """The path of another address book of a person."""
    path = f"/{person}/Private/"
    body = (
        '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
        "<C:addressbook/></resourcetype></prop></set></mkcol>"
    )
    assert office.client(person).request("MKCOL", path, content=body).status_code in (201, 405, 409)
    return path


def test_a_business_card_that_is_moved_out_is_a_plain_contact_there_and_deleted_here(office: Office, nick):
    """C12"""
    alice, bob = office.phone("alice"), office.phone("bob")
    target = private(office, "alice")
    other = office.phone("alice", "Private")
    href, etag, text = alice.business_card(nick)
    alice.put(href, replaced(text, "END:VCARD", "X-ODD:1\r\nEND:VCARD"), etag=etag)
    assert alice.move(href, f"{target}{nick}.vcf").status_code == 201
    assert office.company.row(nick)["deleted_by"] == "alice"
    assert bob.sync()[1] == {href}
    assert alice.sync()[1] == {href}
    assert other.sync() == ({f"{nick}.vcf"}, set())
    moved = other.cards[f"{nick}.vcf"][1]
    assert "X-BCM-" not in moved
    assert "Business" not in (line(moved, "CATEGORIES") or "")
    assert (line(moved, "X-ODD"), line(moved, "UID"), line(moved, "TITLE")) == ("1", line(text, "UID"), "Buyer")
    # And back: it is a plain contact now.
    assert other.move(f"{nick}.vcf", f"{alice.folder}{nick}.vcf").status_code == 201
    alice.sync()
    assert not alice.shows(nick)
    assert f"{nick}.vcf" in alice.cards
    alice.delete(f"{nick}.vcf")


def test_a_business_card_keeps_its_href(office: Office, nick):
    """C4"""
    alice = office.phone("alice")
    href, _, _ = alice.business_card(nick)
    before = office.company.row(nick)
    assert alice.move(href, f"{alice.folder}renamed.vcf").status_code == 403
    assert office.company.row(nick) == before
    assert alice.get("renamed.vcf").status_code == 404
    assert alice.sync() == ({href}, set())


def test_nothing_can_be_moved_onto_a_business_card(office: Office, nick):
    alice = office.phone("alice")
    private(office, "alice")
    other = office.phone("alice", "Private")
    href, _, text = alice.business_card(nick)
    before = office.company.row(nick)
    for name, sent in (("same", text), ("another", card("uid-of-another", "Another"))):
        assert other.put(f"{nick}-{name}.vcf", sent).status_code == 201
        for overwrite in (False, True):
            answer = other.move(f"{nick}-{name}.vcf", f"{alice.folder}{href}", overwrite=overwrite)
            assert answer.status_code in (403, 409, 412)
    assert office.company.row(nick) == before
    assert alice.sync() == (set(), set())
    hrefs = [each.split("</")[0] for each in alice.report("").text.split("href>")[1::2]]
    assert len(hrefs) == len(set(hrefs))


def test_a_moved_card_of_somebody_who_unfollows_leaves_only_this_folder(office: Office, nick):
    """C12 goes the way of C8"""
    erin = office.phone("erin")
    target = private(office, "erin")
    href, _, _ = erin.business_card(nick)
    assert erin.move(href, f"{target}{nick}.vcf").status_code == 201
    assert erin.sync() == (set(), {href})
    assert office.company.row(nick)["deleted_at"] is None
    assert office.phone("alice").shows(nick)
