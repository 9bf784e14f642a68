# SPDX-License-Identifier: GPL-3.0-or-later
"""Every change has its history row, and can be taken back, on every engine."""

import pytest

from radicale_bcm.sync import guard, records, setup, trash, undo
from radicale_bcm.sync.errors import Invalid, NotThere
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.undo import chosen, of_command
from tests.contract.trust import ADMIN, ALICE, BOOK, World, now
from tests.dav import card, replaced

NICK = {"given_name": "Nick", "family_name": "Brigandi", "email": "nick@example.com", "mobile_phone": "+1 425 555 0101"}
PHOTO = "PHOTO;ENCODING=b;TYPE=JPEG:" + "QUJD" * 400


@pytest.fixture
def world(new_database_url):
    world = World(new_database_url)
    yield world
    world.close()


class TestEveryChangeIsWrittenDown:
    def test_what_a_client_does_to_a_business_card(self, world):
        nick = world.add(**NICK)
        href, text = world.card(nick)
        world.put(href, replaced(text, "0101", "0199"))
        world.delete(href)
        gone, changed, made = world.history(nick)
        assert (made.action, made.actor, made.source) == ("created", "admin", "command")
        assert (changed.action, changed.actor, changed.client, changed.source) == ("changed", "alice", "phone", "dav")
        assert changed.changes == {"mobile_phone": ("+1 425 555 0101", "+1 425 555 0199")}
        assert (gone.action, gone.actor) == ("deleted", "alice")

    def test_an_edit_of_a_record_that_nobody_was_shown_yet(self, world, plain_sql_of):
        plain_sql_of(world, "INSERT INTO contact (given_name, owner) VALUES ('Nick', 'alice')")
        world.edit("1", owner="carol")
        changed, made = world.history("1")
        assert (made.action, made.source, made.changes["owner"]) == ("created", "database", ("", "alice"))
        assert (changed.action, changed.actor, changed.changes) == ("changed", "admin", {"owner": ("alice", "carol")})

    def test_what_another_program_changes_also_where_no_card_shows_it(self, world, plain_sql_of):
        nick = world.add(**NICK, rating="3", lead_source="Fair")
        plain_sql_of(world, f"UPDATE contact SET rating = 5, lead_source = NULL, job_title = 'Boss' WHERE id = {nick}")
        world.pull()
        (changed, _) = world.history(nick)
        assert (changed.source, changed.actor) == ("database", "")
        wanted = {"rating": ("3", "5"), "lead_source": ("Fair", ""), "job_title": ("", "Boss")}
        assert changed.changes == wanted
        token = world.token()
        plain_sql_of(world, f"UPDATE contact SET rating = 1 WHERE id = {nick}")
        world.pull()
        assert world.history(nick)[0].changes == {"rating": ("5", "1")}
        assert world.since(token) == (set(), set())
        plain_sql_of(world, f"DELETE FROM contact WHERE id = {nick}")
        world.pull()
        assert world.history(nick)[0].action == "deleted"

    def test_an_edit_of_a_record_that_nobody_is_shown(self, world, plain_sql_of):
        """What another program made a company of has no card, and its values are not lost either."""
        nick = world.add(**NICK)
        plain_sql_of(world, f"UPDATE contact SET type = 'account' WHERE id = {nick}")
        for value in ("alice", "carol"):
            with world.site.write(ADMIN) as unit:
                records.edit(unit, nick, {"owner": value})
        latest, changed, gone, _ = world.history(nick)
        assert (latest.action, latest.changes) == ("changed", {"owner": ("alice", "carol")})
        assert (changed.actor, changed.changes) == ("admin", {"owner": ("", "alice")})
        assert gone.action == "deleted"
        with world.site.write(ADMIN) as unit:
            undo.undo(unit, [latest])
        assert world.record(nick).fields["owner"] == "alice"

    def test_what_is_done_to_a_plain_contact(self, world):
        world.follow("bob")
        world.put("a.vcf", card("a", "Ann"))
        world.put("a.vcf", card("a", "Anna"))
        world.put("b.vcf", card("b", "Ben"), "bob/Contacts", ALICE)
        world.move("a.vcf", "bob/Contacts", "b.vcf")
        world.delete("b.vcf", "bob/Contacts")
        changed, created = world.history(place=(BOOK, "a.vcf"))
        assert (created.action, created.label) == ("created", "Ann")
        assert ("", "Ann") in created.changes.values()
        assert changed.note["text_before"] == card("a", "Ann")
        deleted, moved, replaced_one, _ = world.history(place=("bob/Contacts", "b.vcf"))
        assert (deleted.action, deleted.label) == ("deleted", "Anna")
        assert (moved.action, moved.note["from"]) == ("moved", "/alice/Contacts/a.vcf")
        assert (replaced_one.action, replaced_one.label) == ("deleted", "Ben")
        with world.site.write(ADMIN) as unit:
            assert [each.name for each in trash.listed(unit)] == ["Anna", "Ben"]

    def test_restoring_and_purging(self, world):
        nick = world.add(**NICK)
        world.put("a.vcf", card("a", "Ann"))
        world.delete(world.card(nick)[0])
        world.delete("a.vcf")
        with world.site.write(ADMIN) as unit:
            trash.restore(unit, [each.id for each in trash.listed(unit)])
        assert world.history(nick)[0].action == "restored"
        assert world.history(place=(BOOK, "a.vcf"))[0].action == "restored"

    def test_set_ups(self, world):
        with world.site.write(ADMIN) as unit:
            setup.change(unit, "alice", Choice(filters=["city=Oslo"], category="Work"))
        with world.site.write(ADMIN) as unit:
            setup.stop(unit, "alice")
        stopped, changed, started = world.history(place=(BOOK, ""))
        assert [each.action for each in (started, changed, stopped)] == ["sync started", "sync set", "sync stopped"]
        assert changed.changes == {"filter": ("", "city=Oslo"), "category": ("Business", "Work")}
        (refusal,) = world.undo(changed).refused
        assert "radicale-bcm sync" in refusal.reason

    def test_a_change_that_is_rolled_back_leaves_no_row(self, world):
        nick = world.add(**NICK)
        with world.site.write(ADMIN) as unit:
            records.edit(unit, nick, {"note": "x"})
            unit.failed = True
        assert len(world.history(nick)) == 1
        assert "note" not in world.record(nick).fields


class TestUndo:
    def test_fields_get_back_what_they_were_and_the_undo_can_be_undone(self, world):
        nick = world.add(**NICK)
        world.edit(nick, job_title="Boss", email="")
        token = world.token()
        (change, _) = world.history(nick)
        (done,) = world.undo(change).undone
        assert (done.did, set(done.fields)) == ("changed", {"job_title", "email"})
        assert world.record(nick).fields == NICK
        assert world.since(token) == ({world.card(nick)[0]}, set())
        undone = world.history(nick)[0]
        assert (undone.action, undone.note["undoes"]) == ("undone", change.id)
        assert "taken back already" in world.undo(change).refused[0].reason
        assert world.undo(undone).undone
        assert world.record(nick).fields["job_title"] == "Boss"

    def test_only_fields_that_nobody_changed_since_are_taken_back(self, world):
        nick = world.add(**NICK)
        world.edit(nick, job_title="Boss", note="n")
        world.edit(nick, job_title="Chief")
        _, change, _ = world.history(nick)
        outcome = world.undo(change)
        assert [each.fields for each in outcome.undone] == [("note",)]
        assert [(each.change, each.reason) for each in outcome.refused] == [(change.id, "job_title is 'Chief' by now")]
        assert world.record(nick).fields == NICK | {"job_title": "Chief"}

    def test_all_of_one_principal_since_a_time(self, world):
        nick, ann = world.add(**NICK), world.add(name="Ann Example")
        world.put("p.vcf", card("p", "Plain"))
        world.put("q.vcf", card("q", "Quirin"))
        before = now()
        href, text = world.card(nick)
        world.put(href, replaced(text, "0101", "0102"))
        href, text = world.card(nick)
        world.put(href, replaced(text, "0102", "0103"))
        world.delete(world.card(ann)[0])
        world.put("p.vcf", card("p", "Plainer"))
        world.put("p.vcf", card("p", "Plainest"))
        world.delete("q.vcf")
        world.put("new.vcf", card("new", "New"))
        world.edit(nick, note="by the admin")
        outcome = world.undo_of("alice", before)
        assert outcome.refused == []
        assert len(outcome.undone) == 7
        assert world.record(nick).fields == NICK | {"note": "by the admin"}
        assert world.record(ann).deleted_at is None
        assert world.card(ann)
        plain = {href: text for href, text in world.folder().items() if "X-BCM-ID" not in text}
        assert plain == {"p.vcf": card("p", "Plain"), "q.vcf": card("q", "Quirin")}
        assert world.undo_of("alice", before).undone == []

    def test_an_undo_of_a_principal_that_is_repeated_does_nothing(self, world):
        before = now()
        world.put("p.vcf", card("p", "Plain"))
        world.delete("p.vcf")
        world.put("q.vcf", card("q", "Quirin"))
        assert len(world.undo_of("alice", before).undone) == 3
        again = world.undo_of("alice", before)
        assert (again.undone, again.refused) == ([], [])
        assert world.folder() == {}

    def test_a_dry_run_changes_nothing(self, world):
        nick = world.add(**NICK)
        world.edit(nick, note="n")
        (change, made) = world.history(nick)
        assert len(world.undo(change, made, dry_run=True).undone) == 2
        assert world.record(nick).fields["note"] == "n"
        assert len(world.history(nick)) == 2

    def test_a_creation_goes_to_deleted_items_and_a_delete_comes_back(self, world):
        nick = world.add(**NICK)
        href, _ = world.card(nick)
        (made,) = world.history(nick)
        assert world.undo(made).undone[0].did == "deleted"
        assert (world.record(nick).deleted_at is None, world.card(nick)) == (False, None)
        assert "already" in world.undo(made).refused[0].reason
        assert world.undo(world.history(nick)[0]).undone[0].did == "restored"
        assert world.card(nick)[0] == href
        world.delete(href)
        assert world.undo(world.history(nick)[0]).undone[0].did == "restored"
        assert world.card(nick)[0] == href

    def test_a_row_that_another_program_removed_comes_back_with_its_id_and_place(self, world, plain_sql_of):
        nick = world.add(**NICK)
        href, _ = world.card(nick)
        plain_sql_of(world, f"DELETE FROM contact WHERE id = {nick}")
        world.pull()
        assert world.undo(world.history(nick)[0]).undone[0].did == "restored"
        world.pull()
        assert world.record(nick).fields == NICK
        assert world.card(nick)[0] == href

    def test_a_photo_that_was_replaced_comes_back_and_one_that_was_added_goes(self, world):
        nick = world.add(**NICK)
        href, text = world.card(nick)
        world.put(href, text.replace("END:VCARD", PHOTO + "\r\nEND:VCARD"))
        first = world.card(nick)[1]
        assert PHOTO in first
        world.put(href, first.replace("QUJD", "WFla"))
        assert PHOTO not in world.card(nick)[1]
        replacement, addition = world.history(nick)[:2]
        assert replacement.note["lost"] == [PHOTO + "\r\n"]
        world.undo(replacement)
        assert PHOTO in world.card(nick)[1]
        world.undo(addition)
        assert "PHOTO" not in world.card(nick)[1]
        world.undo(world.history(nick)[0])
        assert PHOTO in world.card(nick)[1]

    def test_a_plain_contact_that_was_changed_again_stays(self, world):
        for name in ("Ann", "Anna", "Hanna"):
            world.put("a.vcf", card("a", name))
        last, middle, first = world.history(place=(BOOK, "a.vcf"))
        assert "later changes" in world.undo(middle).refused[0].reason
        assert world.folder()["a.vcf"] == card("a", "Hanna")
        assert [each.did for each in world.undo(middle, last).undone] == ["changed", "changed"]
        assert world.folder()["a.vcf"] == card("a", "Ann")
        assert world.undo(first).undone[0].did == "deleted"
        assert world.folder() == {}
        assert world.undo(world.history(place=(BOOK, "a.vcf"))[0]).undone[0].did == "restored"
        assert world.folder()["a.vcf"] == card("a", "Ann")

    def test_a_move_goes_back_unless_its_place_is_in_use(self, world):
        world.follow("bob")
        world.put("a.vcf", card("a", "Ann"))
        world.move("a.vcf", "bob/Contacts", "x.vcf")
        (moved,) = world.history(place=("bob/Contacts", "x.vcf"))
        world.put("a.vcf", card("other", "Other"))
        assert "in use" in world.undo(moved).refused[0].reason
        world.delete("a.vcf")
        assert world.undo(moved).undone[0].did == "moved"
        assert world.folder() == {"a.vcf": card("a", "Ann")}
        assert world.undo(world.history(place=(BOOK, "a.vcf"))[0]).undone[0].did == "moved"
        assert world.folder("bob/Contacts") == {"x.vcf": card("a", "Ann")}

    def test_everything_that_one_command_did(self, world):
        nick, ann = world.add(**NICK), world.add(name="Ann Example")
        (made,) = world.history(nick)
        with world.site.write(ADMIN) as unit:
            found = of_command(unit, [str(made.id)])
        assert {each.record_id for each in found} == {None, nick, ann}  # the set-up was of the same run
        world.delete(world.card(nick)[0])
        with world.site.write(ADMIN) as unit:
            assert len(of_command(unit, [f"#{world.history(nick)[0].id}"])) == 1

    def test_a_command_that_took_changes_back_is_taken_back_as_a_whole(self, world):
        """SPEC 4: `undo` takes a command back, and an undo is a command."""
        nick, ann = world.add(**NICK), world.add(name="Ann Example")
        for given_name in ("Nicky", "Nicholas"):
            world.edit(nick, given_name=given_name)
        world.edit(ann, name="Anne Example")
        edits = [*world.history(nick)[:2], *world.history(ann)[:1]]
        world.undo(*edits, actor=ADMIN._replace(run="first"))
        undos = [*world.history(nick)[:2], *world.history(ann)[:1]]

        def names():
            return world.record(nick).fields["given_name"], world.record(ann).fields["name"]

        assert names() == ("Nick", "Ann Example")
        for run, wanted in (("second", ("Nicholas", "Anne Example")), ("third", ("Nick", "Ann Example"))):
            with world.site.write(ADMIN._replace(run=run)) as unit:
                found = of_command(unit, [str(world.history(nick)[0].id)])
                assert len(undo.undo(unit, found).undone) == 3
            assert names() == wanted
        with world.site.write(ADMIN) as unit:
            assert {each.id for each in of_command(unit, [str(undos[0].id)])} == {each.id for each in undos}

    def test_a_refused_change_leaves_nothing_half_done(self, world):
        """The record of a promotion must stay where the contact's place is in use."""
        from radicale_bcm.contacts.filters import Filter
        from radicale_bcm.sync import candidates
        from radicale_bcm.sync.promote import Promotion
        from radicale_bcm.sync.promotion import Wish

        text = card("n", "Nora Example", "EMAIL:nora@example.com", "X-ODD:1")
        world.put("n.vcf", text)
        with world.site.read() as conn:
            found = list(candidates.listed(conn, Filter(), None, None))
        (done,) = Promotion(world.site, ADMIN, Wish()).run(found).created
        (promoted,) = world.history(done.id)
        world.delete("n.vcf")
        world.put("n.vcf", card("other", "Other"))
        with world.site.write(ADMIN) as unit:
            trash.restore(unit, [done.id])
        assert "in use" in world.undo(promoted).refused[0].reason
        assert world.record(done.id).deleted_at is None
        world.delete("n.vcf")
        assert world.undo(promoted).undone[0].did == "demoted"
        assert world.record(done.id).deleted_at is not None
        assert "X-ODD:1" in world.folder()["n.vcf"]
        assert "X-BCM" not in world.folder()["n.vcf"]

    def test_cards_that_left_one_folder_are_shown_again(self, new_database_url):
        world = World(new_database_url, max_deletes=1)
        world.follow("bob", on_delete="unfollow")
        one, two = world.add(name="One"), world.add(name="Two")
        world.delete(world.card(one)[0])
        world.delete(world.card(two)[0])
        bob = ALICE._replace(name="bob")
        world.delete(world.card(two, "bob/Contacts")[0], "bob/Contacts", bob)
        unfollowed, quarantined, _ = world.history(two)
        assert (unfollowed.action, quarantined.action) == ("unfollowed", "quarantined")
        assert [each.did for each in world.undo(unfollowed, quarantined).undone] == ["shown", "shown"]
        assert world.card(two)
        assert world.card(two, "bob/Contacts")
        assert world.undo(quarantined).refused
        with world.site.write(ADMIN) as unit:
            assert guard.waiting(unit) == []
        world.close()

    def test_numbers_that_are_none(self, world):
        with world.site.write(ADMIN) as unit:
            for text in ("x", "", "#", "-1", "1" * 50, "²"):
                with pytest.raises(Invalid):
                    chosen(unit, [text])
            with pytest.raises(NotThere):
                chosen(unit, ["987654321"])


def test_an_undo_of_a_delete_brings_back_that_contact_and_no_other(world):
    """A database may give the number among the Deleted Items that one had to the next one."""
    world.put("a.vcf", card("a", "Ann"))
    world.put("b.vcf", card("b", "Ben"))
    world.delete("a.vcf")
    deleted = world.history(place=(BOOK, "a.vcf"))[0]
    assert world.undo(deleted).undone
    world.delete("b.vcf")
    outcome = world.undo(deleted)
    assert not outcome.undone
    assert [each.reason for each in outcome.refused] == ["it is not in Deleted Items any more"]
    assert set(world.folder()) == {"a.vcf"}
