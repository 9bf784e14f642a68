# SPDX-License-Identifier: GPL-3.0-or-later
"""verify finds what somebody spoilt in the state database, and a repair makes it good without losing anything."""

import pytest

from radicale_bcm.books import cards, collections
from radicale_bcm.books.items import NewItem
from radicale_bcm.sync import guard, plain, verify
from radicale_bcm.sync.verify import repair
from tests.contract.trust import ADMIN, ALICE, BOOK, World
from tests.dav import card, replaced

NICK = {"given_name": "Nick", "family_name": "Brigandi", "email": "nick@example.com", "rating": "4", "note": "a\nb; c"}


@pytest.fixture
def world(new_database_url):
    world = World(new_database_url)
    world.follow("bob", "city=Oslo")
    world.nick = world.add(**NICK, category="Customer, VIP")
    world.ann = world.add(name="Ann Example", business_city="Oslo")
    href, text = world.card(world.nick)
    world.put(href, replaced(text, "END:VCARD", "X-ODD;A=b:kept\r\nEND:VCARD"))
    world.put("p.vcf", card("p", "Plain", "EMAIL:p@example.com"))
    yield world
    world.close()


def check(world):
    return verify.differences(world.site, ADMIN)


def test_an_ordinary_life_leaves_no_difference(world, plain_sql_of):
    world.delete(world.card(world.ann)[0])
    world.move("p.vcf", "bob/Contacts", "q.vcf")
    plain_sql_of(world, f"UPDATE contact SET note = NULL, birthday = 'soon', rating = NULL WHERE id = {world.nick}")
    world.put(world.card(world.nick)[0], replaced(world.card(world.nick)[1], "END:VCARD", "BDAY:someday\r\nEND:VCARD"))
    world.edit(world.nick, home_city="Rome", mobile_phone=" 1 ")
    world.follow("alice", "city=Rome|Oslo")
    assert check(world) == []


SPOILT = {
    "text": ("UPDATE card SET text = replace(text, 'FN:Nick', 'FN:Nock')", "does not say what the record says"),
    "unreadable": ("UPDATE card SET text = 'no card at all'", "cannot be read"),
    "empty": ("UPDATE card SET text = ''", "cannot be read"),
    "etag": ("UPDATE card SET etag = 'x'", "ETag"),
    "version": ("UPDATE card SET version = 77", "another version"),
    "label": ("UPDATE card SET label = 'x'", "listed under another name"),
    "categories": ("UPDATE card SET categories = ''", "does not say"),
    "hidden": ("UPDATE card SET hidden = '{}'", "does not know all fields"),
    "kept version": ("DELETE FROM card_version", "not kept for later merges"),
    "withdrawn": ("UPDATE card SET gone = true", "withdrawn although"),
    "membership": ("DELETE FROM member", "missing from the folders"),
    "no card": ("DELETE FROM card WHERE record_id = '1'", "has no card"),
    "twins": (
        "INSERT INTO member (audience_id, card_id, entered) SELECT audience_id, card_id, entered FROM member",
        "more than one row of member",
    ),
    "index": ("DELETE FROM card_search", "search index"),
    "index of items": ("UPDATE item_search SET part = part + 10", "search index"),
    "nonce": ("DELETE FROM revision", "no sync-token can be made"),
    "counter": ("UPDATE counter SET revision = 1", "was drawn already"),
    "item's etag": ("UPDATE item SET etag = 'x'", "ETag is not that of its text"),
    "audience": ("UPDATE audience SET active = false", "not followed"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_spoilt_is_found_and_mended(world, plain_sql_of, what):
    statement, reason = SPOILT[what]
    before = dict(world.folder())
    plain_sql_of(world, statement, url=world.options.state_url)
    found = check(world)
    assert any(reason in each.reason for each in found), found
    assert check(world) == found  # looking changed nothing
    done = repair(world.site, ADMIN)
    assert done.left == []
    assert check(world) == []
    after = world.folder()
    if what != "no card":
        assert after.keys() == before.keys()
        assert "X-ODD;A=b:kept" in world.card(world.nick)[1]
    assert after["p.vcf"] == before["p.vcf"]
    assert "FN:Nick Brigandi" in world.card(world.nick)[1]
    assert world.record(world.nick).fields["given_name"] == "Nick"


def test_a_card_in_the_wrong_folders_leaves_them_and_clients_hear_of_it(world, plain_sql_of):
    token = world.token("bob/Contacts")
    shown = dict(world.folder("bob/Contacts"))
    state = world.options.state_url
    plain_sql_of(
        world,
        "INSERT INTO member (audience_id, card_id, entered) SELECT a.id, c.id, 1 FROM audience a, card c"
        f" WHERE c.record_id = '{world.nick}' AND a.filter <> '[]'",
        url=state,
    )
    assert ["still in the folders of" in each.reason for each in check(world)] == [True]
    href, _ = world.card(world.nick)
    assert href in world.folder("bob/Contacts")
    assert repair(world.site, ADMIN).left == []
    assert world.folder("bob/Contacts") == shown
    assert world.since(token, "bob/Contacts")[0] == set()


def test_what_nobody_can_explain_is_left_and_told(world, plain_sql_of):
    state = world.options.state_url
    plain_sql_of(world, "UPDATE item SET text = 'no card', uid = 'p'", url=state)
    done = repair(world.site, ADMIN)
    assert any("cannot be read as a contact" in each.reason for each in done.left)
    assert world.folder()["p.vcf"] == "no card"
    assert all(each.place or each.record_id for each in done.left)


def test_an_unreadable_text_that_is_replaced_stands_in_the_history(world, plain_sql_of):
    plain_sql_of(world, "UPDATE card SET text = 'somebody wrote this'", url=world.options.state_url)
    repair(world.site, ADMIN)
    last = world.history(world.nick)[0]
    assert (last.action, last.note["text_before"]) == ("repaired", "somebody wrote this")


def test_quarantined_and_unfollowed_cards_are_no_difference(new_database_url):
    world = World(new_database_url, max_deletes=1)
    for number in range(4):
        world.add(name=f"N{number}")
    for href in list(world.folder())[:3]:
        world.delete(href, actor=ALICE)
    with world.site.write(ADMIN) as unit:
        assert len(guard.waiting(unit)) == 2
    assert check(world) == []
    world.close()


def add_at_a_taken_place(world, plain_sql_of):
    """A business card whose own href and UID a plain contact has. Returns its record's id."""
    world.put("taken.vcf", card("taken", "Plain"))
    plain_sql_of(world, "INSERT INTO contact (given_name, uid) VALUES ('Ann', 'taken')")
    world.pull()
    (ann,) = (each for each in world.folder().values() if "\r\nFN:Ann\r\n" in each)
    return ann.partition("X-BCM-ID:")[2].partition("\r")[0]


def test_a_plain_contact_where_an_unfollowed_card_stood_is_no_difference(new_database_url, plain_sql_of):
    world = World(new_database_url)
    world.follow("alice", on_delete="unfollow")
    ann = add_at_a_taken_place(world, plain_sql_of)
    href, _ = world.card(ann)
    assert href != "taken.vcf"
    world.delete(href)
    world.put(href, card("other", "Another"))
    assert check(world) == []
    with world.site.write(ADMIN) as unit:
        shown = cards.of_record(unit.conn, unit.origin.id, ann)
        assert guard.show_again(unit, BOOK, shown, "unfollow")
    again, _ = world.card(ann)
    assert again not in (href, "taken.vcf")
    assert len(world.folder()) == 3
    assert check(world) == []
    world.close()


def test_two_members_at_the_same_address_are_found(world, plain_sql_of):
    add_at_a_taken_place(world, plain_sql_of)
    plain_sql_of(world, "UPDATE alias SET href = 'taken.vcf'", url=world.options.state_url)
    assert any("the same address" in each.reason for each in check(world))


def test_a_control_character_in_a_uid_is_no_difference(world):
    with world.site.write(ALICE) as unit:
        new = NewItem("q.vcf", "a\x7fb", "VCARD", "", 0, 0, card("a\x7fb", "Plain"))
        plain.put(unit, collections.get(unit.conn, BOOK), new)
    assert check(world) == []
