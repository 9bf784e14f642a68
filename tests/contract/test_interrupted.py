# SPDX-License-Identifier: GPL-3.0-or-later
"""The business database was committed and the state was not: whoever comes next finishes what was begun, as whoever
began it, on every engine. `tests/crash` kills processes at all other points as well."""

from contextlib import contextmanager

import pytest
from sqlalchemy import delete

from radicale_bcm.books import collections, revisions, view
from radicale_bcm.books.open import StateDatabase
from radicale_bcm.books.schema import counter, revision
from radicale_bcm.database.engine import transaction
from radicale_bcm.sync import apply, pull, trash, verify
from radicale_bcm.sync.importing import Import
from radicale_bcm.sync.site import open_site
from tests.contract.trust import ADMIN, ALICE, World, now
from tests.dav import card, replaced

NICK = {"name": "Nick Brigandi", "email": "nick@example.com", "mobile_phone": "+1 425 555 0101"}
PHOTO = "PHOTO;ENCODING=b;TYPE=JPEG:" + "QUJD" * 400


class PowerCut(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def world(new_database_url):
    made = World(new_database_url)
    yield made
    made.close()


@contextmanager
def cut_before_the_state_is_committed(world, monkeypatch):
    """The last thing that this process does is the commit of the business database."""
    real = world.site.state.writer

    @contextmanager
    def writer():
        with real() as conn:
            yield conn
            raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(world.site.state, "writer", writer)
        with pytest.raises(PowerCut):
            yield
    world.site.close()
    world.site = open_site(world.options, create=False)


def notes(world):
    with transaction(world.site.business(world.site.origin()).engine, write=False) as conn:
        return conn.exec_driver_sql("SELECT count(*) FROM change_note").scalar_one()


def test_an_edit_is_whole_with_the_lines_that_no_field_holds_and_who_made_it(world, monkeypatch):
    nick = world.add(**NICK)
    world.pull()
    token = world.token()
    href, text = world.card(nick)
    sent = replaced(text, "0101", "0102", "END:VCARD", f"X-OWN;A=b:c\r\n{PHOTO}\r\nEND:VCARD")
    with cut_before_the_state_is_committed(world, monkeypatch):
        world.put(href, sent)
    assert world.record(nick).fields["mobile_phone"] == "+1 425 555 0102"
    text = world.card(nick)[1]
    assert "0102" in text
    assert "X-OWN;A=b:c\r\n" in text
    assert PHOTO in text.replace("\r\n ", "")
    assert world.since(token) == ({href}, set())
    change = world.history(nick)[0]
    assert (change.actor, change.client, change.source, change.action) == ("alice", "phone", "dav", "changed")
    assert change.changes == {"mobile_phone": ("+1 425 555 0101", "+1 425 555 0102")}
    assert notes(world) == 0
    # It was said once, and is not done again over what somebody else writes now.
    world.edit(nick, mobile_phone="+1 425 555 0103")
    world.pull()
    assert "0103" in world.card(nick)[1]
    assert len(world.history(nick)) == 3
    assert verify.differences(world.site, ADMIN) == []


def test_an_imported_contact_is_whole_with_the_lines_that_no_field_holds(world, monkeypatch, tmp_path):
    file = tmp_path / "cards.vcf"
    file.write_bytes(card("uid-ida", "Ida", "EMAIL:ida@example.org", "X-ODD;P=1:kept", PHOTO).encode())
    with cut_before_the_state_is_committed(world, monkeypatch):
        Import(world.site, ADMIN).run([str(file)])
    assert Import(world.site, ADMIN).run([str(file)]).imported == 0
    with world.site.business(world.site.origin()).reader() as records:
        ida = records.get_by_uid("uid-ida").id
    text = world.card(ida)[1]
    assert "X-ODD;P=1:kept\r\n" in text
    assert PHOTO in text.replace("\r\n ", "")
    assert [(each.actor, each.action) for each in world.history(ida)] == [(ADMIN.name, "created")]
    assert notes(world) == 0
    assert verify.differences(world.site, ADMIN) == []


def test_a_contact_that_was_moved_out_is_where_it_was_to_go(world, monkeypatch):
    nick = world.add(**NICK)
    world.pull()
    world.put("x.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:x\r\nFN:X\r\nEND:VCARD\r\n", "alice/Private")
    href, _ = world.card(nick)
    with cut_before_the_state_is_committed(world, monkeypatch), world.site.write(ALICE) as unit:
        source, target = (collections.get(unit.conn, path) for path in ("alice/Contacts", "alice/Private"))
        shown = view.open_folder(unit.conn, source)
        apply.move_out(unit, shown, view.get(unit.conn, shown, href), target, "nick.vcf")
    assert world.card(nick) is None
    assert "FN:Nick Brigandi" in world.folder("alice/Private")["nick.vcf"]
    assert [each.actor for each in world.history(place=("alice/Private", "nick.vcf"))] == ["alice"]
    assert world.history(nick)[0].action == "deleted"
    assert world.history(nick)[0].actor == "alice"
    assert notes(world) == 0


def test_what_was_purged_is_forgotten(world, monkeypatch):
    nick = world.add(**NICK)
    world.pull()
    world.delete(world.card(nick)[0])
    with cut_before_the_state_is_committed(world, monkeypatch), world.site.write(ADMIN) as unit:
        trash.purge(unit, [nick])
    assert world.record(nick) is None
    rows = world.history(nick)
    assert [each.action for each in rows] == ["purged", "deleted", "created"]
    assert rows[0].actor == "admin"
    assert all(each.label == "" and each.changes == {} for each in rows)
    assert notes(world) == 0


def test_a_delete_knows_who_it_was_and_a_note_that_was_done_is_not_done_again(world, monkeypatch):
    nick = world.add(**NICK)
    world.pull()
    before = now()
    with cut_before_the_state_is_committed(world, monkeypatch):
        world.delete(world.card(nick)[0])
    assert world.card(nick) is None
    assert next((each.actor, each.action) for each in world.history(nick)) == ("alice", "deleted")
    assert len(world.undo_of("alice", before).undone) == 1
    # Killed after both commits, before the note was removed.
    with monkeypatch.context() as patched:
        patched.setattr(type(world.site.feed()), "acknowledge", lambda *_: None)
        world.edit(nick, mobile_phone="1")
    assert notes(world) > 0
    world.site.close()
    world.site = open_site(world.options, create=False)
    assert notes(world) == 0
    assert world.record(nick).fields["mobile_phone"] == "1"
    assert [each.action for each in world.history(nick)] == ["changed", "undone", "deleted", "created"]


def test_a_comparison_by_an_administrator_needs_no_note(world):
    """It only reads records: in a row that another program put into Deleted Items there is nothing to finish."""
    nick = world.add(**NICK)
    world.pull()
    with transaction(world.site.business(world.site.origin()).engine, write=True) as conn:
        conn.exec_driver_sql(f"UPDATE contact SET deleted_at = '2026-01-31 12:00:00' WHERE id = {nick}")
    before = notes(world)  # of the unit that added the record, and done with
    assert pull.compare_all(world.site, ADMIN).removed == 1
    assert notes(world) <= before


def test_a_row_that_is_committed_while_others_are_shown_is_not_forgotten(world, monkeypatch):
    """Its row in the log is not taken off by a look at the records from before it was there."""
    world.follow("alice")
    world.add(**NICK)
    feed = world.site.feed()
    real = feed.pending

    def pending(*wanted):
        with transaction(world.site.business(world.site.origin()).engine, write=True) as conn:
            conn.exec_driver_sql("INSERT INTO contact (given_name) VALUES ('Andrea')")
        return real(*wanted)

    with monkeypatch.context() as patched:
        patched.setattr(feed, "pending", pending)
        pull.pull(world.site)
    world.pull()
    assert any("Andrea" in text for text in world.folder().values())


def test_a_state_database_whose_maker_was_killed_early_gets_its_counter_later(tmp_path):
    state = StateDatabase(f"sqlite:///{tmp_path}/state.db")
    state.upgrade(create=True)
    with transaction(state.engine, write=True) as conn:
        conn.execute(delete(revision))
        conn.execute(delete(counter))
    state.upgrade(create=False)
    with state.reader() as conn:
        assert revisions.current(conn) == 1
    state.close()
