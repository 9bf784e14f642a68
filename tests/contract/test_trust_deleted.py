# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleted Items and quarantines on every engine: what comes back, and what is gone for good."""

from datetime import timedelta

import pytest

from radicale_bcm.books import history
from radicale_bcm.sync import guard, trash, verify
from radicale_bcm.sync.errors import NotThere
from tests.contract.trust import ADMIN, ALICE, BOOK, World
from tests.dav import card, replaced

NICK = {"given_name": "Xavier", "family_name": "Quandt", "email": "xq@example.com", "note": "Secretive"}
TRACES = ("Xavier", "Quandt", "xq@example", "Secretive", "X-HOBBY")


@pytest.fixture
def world(new_database_url):
    world = World(new_database_url)
    yield world
    world.close()


def deleted(world):
    with world.site.write(ADMIN) as unit:
        return trash.listed(unit)


def restore(world, *ids):
    with world.site.write(ADMIN) as unit:
        return trash.restore(unit, ids)


def purge(world, *ids):
    with world.site.write(ADMIN) as unit:
        return trash.purge(unit, ids)


def everything(world, plain_sql_of):
    """All that stands in any column of both databases, as text."""
    from radicale_bcm.books.schema import METADATA as STATE
    from radicale_bcm.business.schema import METADATA as BUSINESS

    found = []
    for metadata, url in ((STATE, world.options.state_url), (BUSINESS, world.options.database_url)):
        for table in metadata.tables:
            for row in plain_sql_of(world, f"SELECT * FROM {table}", url=url):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\0".join(found)


def test_a_row_that_another_program_removed_is_listed_and_comes_back(world, plain_sql_of):
    nick = world.add(**NICK)
    href, _ = world.card(nick)
    token = world.token()
    plain_sql_of(world, f"DELETE FROM contact WHERE id = {nick}")
    world.pull()
    (item,) = deleted(world)
    assert (item.id, item.name, item.deleted_by, item.state) == (nick, "Xavier Quandt", "", "erased")
    restore(world, nick)
    assert deleted(world) == []
    assert world.record(nick).fields == NICK
    assert world.card(nick)[0] == href
    assert world.since(token) == ({href}, set())
    with pytest.raises(NotThere):
        restore(world, nick)


def test_a_removed_row_of_a_type_that_nobody_is_shown_comes_back_as_that(world, plain_sql_of):
    """A company among the persons, as another program may write it."""
    nick = world.add(**NICK)
    plain_sql_of(
        world,
        f"UPDATE contact SET type = 'account' WHERE id = {nick}",
        f"DELETE FROM contact WHERE id = {nick}",
    )
    restore(world, nick)
    assert deleted(world) == []
    assert (world.record(nick).type, world.record(nick).fields) == ("account", NICK)
    world.pull()
    assert world.folder() == {}


def test_a_purge_before_anybody_looked_takes_the_card_along(world, plain_sql_of):
    """The row was removed and is purged before its card was withdrawn: no folder may show what is left of it."""
    nick = world.add(**NICK)
    href, _ = world.card(nick)
    token = world.token()
    plain_sql_of(world, f"DELETE FROM contact WHERE id = {nick}")
    purge(world, nick)
    assert world.folder() == {}
    assert world.since(token) == (set(), {href})
    world.pull()
    assert world.since(token) == (set(), {href})


def test_a_row_that_was_put_back_by_hand_is_not_among_them(world, plain_sql_of):
    nick = world.add(**NICK)
    uid = world.record(nick).uid
    plain_sql_of(
        world,
        f"DELETE FROM contact WHERE id = {nick}",
        f"INSERT INTO contact (uid, name) VALUES ('{uid}', 'Xavier Quandt')",
    )
    world.pull()
    assert deleted(world) == []


@pytest.mark.parametrize("how", ["deleted", "erased", "promoted"])
def test_a_purge_leaves_nothing_of_the_person(world, plain_sql_of, how):
    """Not in the card, its former versions, the search index or the history; who did something, and when, stays."""
    if how == "promoted":
        from radicale_bcm.contacts.filters import Filter
        from radicale_bcm.sync import candidates
        from radicale_bcm.sync.promote import Promotion
        from radicale_bcm.sync.promotion import Wish

        world.put("x.vcf", card("x", "Xavier Quandt", "EMAIL:xq@example.com"))
        world.put("x.vcf", card("x", "Xavier Quandt", "EMAIL:xq@example.com", "NOTE:Secretive"))
        with world.site.read() as conn:
            found = list(candidates.listed(conn, Filter(), None, None))
        nick = Promotion(world.site, ADMIN, Wish()).run(found).created[0].id
    else:
        nick = world.add(**NICK)
    href, text = world.card(nick)
    token = world.token()
    world.put(href, replaced(text, "END:VCARD", "X-HOBBY:Chess\r\nEND:VCARD"))
    world.edit(nick, note="Secretive too")
    if how == "erased":
        plain_sql_of(world, f"DELETE FROM contact WHERE id = {nick}")
        world.pull()
    else:
        world.delete(href)
    assert all(each.encode() in everything(world, plain_sql_of) for each in TRACES)
    assert purge(world, nick) == 1
    world.pull()
    left = everything(world, plain_sql_of)
    assert [each for each in TRACES if each.encode() in left or each.lower().encode() in left] == []
    assert deleted(world) == []
    assert (world.history(nick)[0].action, world.history(nick)[0].actor) == ("purged", "admin")
    assert len(world.history(nick)) >= 4
    assert world.since(token) == (set(), {href})
    assert verify.differences(world.site, ADMIN) == []
    assert "for good" in world.undo(*world.history(nick)).refused[0].reason


def test_a_purge_of_a_plain_contact_leaves_nothing_and_spares_who_took_its_place(world, plain_sql_of):
    world.follow("bob")
    world.put("o.vcf", card("x", "Xavier Quandt", "EMAIL:xq@example.com", "X-HOBBY:1"), "bob/Contacts")
    world.move("o.vcf", BOOK, "x.vcf", "bob/Contacts")
    world.put("x.vcf", card("x", "Xavier Quandt", "NOTE:Secretive"))
    world.delete("x.vcf")
    world.put("x.vcf", card("y", "Yolanda"))
    (item,) = deleted(world)
    purge(world, item.id)
    left = everything(world, plain_sql_of)
    assert [each for each in TRACES if each.encode() in left] == []
    assert world.folder() == {"x.vcf": card("y", "Yolanda")}
    actions = [each.action for each in world.history(place=(BOOK, "x.vcf"))]
    assert actions == ["purged", "created", "deleted", "changed", "moved"]
    assert world.history(place=(BOOK, "x.vcf"))[1].label == "Yolanda"


def test_a_purged_id_that_is_used_again_is_somebody_new(world, plain_sql_of):
    nick = world.add(**NICK)
    world.delete(world.card(nick)[0])
    purge(world, nick)
    world.pull()
    plain_sql_of(world, f"INSERT INTO contact (id, name) VALUES ({nick}, 'Zoe Zed')")
    world.pull()
    assert "FN:Zoe Zed" in world.card(nick)[1]
    assert world.history(nick)[0].action == "created"
    assert verify.differences(world.site, ADMIN) == []


def test_only_what_clients_deleted_is_removed_remotely(new_database_url):
    world = World(new_database_url, max_deletes=1)
    ids = [world.add(name=f"N{number}") for number in range(4)]
    for each in ids[:2]:
        world.delete(world.card(each)[0])
    with world.site.write(ADMIN) as unit:
        guard.confirm(unit, "alice")
    with world.site.write(ADMIN) as unit:
        from radicale_bcm.sync import records

        records.delete(unit, ids[2])
    with world.site.write(ADMIN) as unit:
        found = trash.purgeable(unit, None, None, removed_remotely=True)
    assert {each.id for each in found} == set(ids[:2])
    world.close()


def test_everything_that_one_person_deleted_comes_back_with_what_waits(new_database_url):
    world = World(new_database_url, max_deletes=2)
    ids = [world.add(name=f"N{number}") for number in range(5)]
    world.put("p.vcf", card("p", "Plain"))
    world.put("q.vcf", card("q", "Quirin"))
    before = set(world.folder())
    for href in sorted(before):
        world.delete(href)
    assert world.folder() == {}
    world.put("q.vcf", card("other", "Other"))
    with world.site.write(ADMIN) as unit:
        assert len(trash.quarantined(unit)) == 3
        assert len(trash.listed(unit)) == 4
        outcome = trash.restore_of(unit, "alice", None)
    assert {each.id for each in outcome.restored} == {*ids, "plain-1"}
    assert [each.name for each, _ in outcome.refused] == ["Quirin"]
    assert set(world.folder()) == before
    world.close()


def test_a_record_that_one_deleted_and_another_had_quarantined_comes_back_to_both(new_database_url):
    """`deleted restore ID` brings it into every folder that it was in."""
    world = World(new_database_url, max_deletes=1)
    world.follow("bob")
    ids = [world.add(name=f"N{number}") for number in range(3)]
    for each in ids:
        world.delete(world.card(each)[0])
    with world.site.write(ADMIN) as unit:
        waits = guard.waiting(unit)[0].card.record_id
    world.delete(world.card(waits, "bob/Contacts")[0], "bob/Contacts", ALICE._replace(name="bob"))
    with world.site.write(ADMIN) as unit:
        trash.restore(unit, [waits])
    assert world.card(waits)
    assert world.card(waits, "bob/Contacts")
    with world.site.write(ADMIN) as unit:
        assert waits not in {each.card.record_id for each in guard.waiting(unit)}
    assert [each.action for each in world.history(waits)][:2] == ["released", "restored"]
    world.close()


def test_retention_purges_what_is_old_and_only_if_it_is_configured(new_database_url, plain_sql_of):
    world = World(new_database_url, retention_days=30)
    old, new = world.add(name="Old"), world.add(name="New")
    world.put("p.vcf", card("p", "Plain"))
    for each in (old, new):
        world.delete(world.card(each)[0])
    world.delete("p.vcf")
    long_ago = deleted(world)[0].deleted_at - timedelta(days=31)
    sqlite = world.options.database_url.startswith("sqlite")
    text = long_ago.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if sqlite else "%Y-%m-%d %H:%M:%S")
    plain_sql_of(world, f"UPDATE contact SET deleted_at = '{text}' WHERE id = {old}")
    world.pull()
    assert trash.expire(world.site) == 1
    assert {each.name for each in deleted(world)} == {"New", "Plain"}
    object.__setattr__(world.site.options, "retention_days", 0)
    assert trash.expire(world.site) == 0
    world.close()


def test_deletes_by_the_bound(new_database_url):
    """C9: max_deletes or a quarter of the folder, whichever is larger; other people and older deletes do not count."""
    world = World(new_database_url, max_deletes=3)
    world.follow("bob")
    bob = ALICE._replace(name="bob")
    for number in range(20):
        world.add(name=f"N{number:02}")
    hrefs = sorted(world.folder())
    for href in hrefs[:8]:
        world.delete(href)
    with world.site.write(ADMIN) as unit:
        assert len(trash.listed(unit)) == 5
        assert len(guard.waiting(unit)) == 3
    theirs = sorted(world.folder("bob/Contacts"))
    assert len(theirs) == 15
    for href in theirs[:4]:
        world.delete(href, "bob/Contacts", bob)
    with world.site.write(ADMIN) as unit:
        assert len(trash.listed(unit)) == 5 + 3
        assert {each.principal for each in guard.waiting(unit)} == {"alice", "bob"}
        past = unit.at - timedelta(seconds=unit.options.deletes_window + 1)
        assert history.count(unit.conn, "alice", ("deleted", "quarantined"), past) == 8
    world.close()
