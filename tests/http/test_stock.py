# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m radicale` with the plugin works as well (SPEC section 4, serve); what it answers differently stands in the
README: it sends an ETag with every PUT, and 500 where a DELETE is refused or a database is down."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.dav import Server, card, line, replaced
from tests.http.company import Office


@pytest.fixture(scope="module")
def stock(office: Office) -> Iterator[Office]:
    """The same company behind Radicale's own server."""
    with Server(office.company.config, stock=True) as server, closing(Office(office.company, server)) as opened:
        yield opened


def test_edits_and_deletes_of_business_cards(stock: Office, office: Office, nick):
    alice, other = stock.phone("alice"), office.phone("bob")
    href, etag, text = alice.business_card(nick)
    assert alice.put(href, replaced(text, "Buyer", "Böss"), etag=etag).status_code == 204
    assert stock.company.row(nick)["job_title"] == "Böss"
    assert other.sync() == ({href}, set())
    assert alice.put(href, replaced(text, "Buyer", "Chief"), etag=etag).status_code == 412
    assert alice.sync() == ({href}, set())
    got = alice.get(href)
    assert (got.headers["ETag"], got.text) == alice.cards[href]
    stock.company.set(nick, business_city="Kirkland")
    assert alice.delete(href, etag=alice.cards[href][0]).status_code == 412
    assert alice.sync() == ({href}, set())
    assert alice.delete(href, etag=alice.cards[href][0]).status_code in (200, 204)
    assert stock.company.row(nick)["deleted_by"] == "alice"
    assert other.sync() == (set(), {href})


def test_an_etag_that_stock_radicale_sends_with_a_put_is_not_the_one_of_the_changed_card(stock: Office, nick):
    """FACTS.md, H14"""
    phone = stock.phone("alice")
    href, etag, text = phone.business_card(nick)
    answer = phone.put(href, replaced(text, "Buyer", "Boss"), etag=etag)
    assert answer.headers["ETag"] != phone.get(href).headers["ETag"]
    assert phone.sync() == ({href}, set())


def test_edits_without_if_match_are_merged(stock: Office, nick):
    phone = stock.phone("alice")
    href, _, text = phone.business_card(nick)
    stock.company.set(nick, business_city="Kirkland")
    assert phone.put(href, replaced(text, "+1 425 555 0100", "1")).status_code == 204
    row = stock.company.row(nick)
    assert (row["business_phone"], row["business_city"]) == ("1", "Kirkland")


def test_plain_contacts_are_kept_byte_for_byte(stock: Office):
    phone = stock.phone("alice")
    sent = card("uid-stock", "Stöck", "NICKNAME:Joe,Joey", "PHOTO:data:image/png;base64,iVBORw0KGgo=", version="4.0")
    answer = phone.put("stöck.vcf", sent, new=True)
    assert answer.status_code == 201
    assert phone.get("stöck.vcf").text == sent
    assert phone.sync() == ({"stöck.vcf"}, set())
    assert phone.cards["stöck.vcf"][0] == answer.headers["ETag"]
    assert phone.delete("stöck.vcf").status_code in (200, 204)


def test_a_read_only_set_up_refuses_and_the_phone_recovers(stock: Office, nick):
    phone = stock.phone("carol")
    href, etag, text = phone.business_card(nick)
    assert phone.put(href, replaced(text, "Buyer", "Boss"), etag=etag).status_code == 403
    assert phone.sync() == ({href}, set())
    phone.delete(href)
    assert phone.sync() == ({href}, set())
    assert stock.company.row(nick)["job_title"] == "Buyer"
    assert stock.company.row(nick)["deleted_at"] is None


def test_the_sync_folder_can_neither_be_replaced_nor_deleted(stock: Office, nick):
    phone = stock.phone("alice")
    assert phone.client.delete(phone.folder).status_code >= 400
    whole = card("uid-stock-1", "One") + card("uid-stock-2", "Two")
    assert phone.client.put(phone.folder, content=whole, headers={"Content-Type": "text/vcard"}).status_code >= 400
    assert phone.sync() == (set(), set())
    assert phone.shows(nick)


def test_both_servers_give_the_same_sync_answers(stock: Office, office: Office, nick):
    """The fast answers of ours against Radicale's own"""
    ours, theirs = office.phone("bob"), stock.phone("bob")
    assert ours.cards == theirs.cards
    assert ours.token == theirs.token
    stock.company.set(nick, job_title="Boss & <Chief>")
    assert ours.sync() == theirs.sync()
    assert ours.cards == theirs.cards
    assert line(ours.business_card(nick)[2], "TITLE") == "Boss & <Chief>"


def test_a_foreign_token_is_refused(stock: Office):
    answer = stock.phone("alice").report("http://radicale.org/ns/sync/" + "0" * 64)
    assert answer.status_code == 403
    assert "valid-sync-token" in answer.text


def test_the_line_that_froze_radicale_does_not(stock: Office):
    """FACTS.md"""
    phone, other = stock.phone("alice"), stock.phone("bob")
    sent = card("uid-stock-freezing", "Freezing", "X-A;B=" + ",=" * 40 + ":c")
    statuses: list[int] = []
    sender = threading.Thread(target=lambda: statuses.append(phone.put("freezing.vcf", sent).status_code))
    sender.start()
    # The client waits for three minutes; what froze would take years.
    assert other.client.request("PROPFIND", other.folder, headers={"Depth": "0"}).status_code == 207
    sender.join(60)
    assert statuses == [201]
    phone.delete("freezing.vcf")
