# SPDX-License-Identifier: GPL-3.0-or-later
"""Sync-tokens in the turns of events that random histories meet rarely: places that are taken while a card is away."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from radicale_bcm.books import cards, delta, revisions, view
from radicale_bcm.books.items import NewItem
from radicale_bcm.sync import apply, candidates, guard, plain, pull, records, setup, trash
from radicale_bcm.sync.promote import Promotion
from radicale_bcm.sync.promotion import Wish
from radicale_bcm.sync.setup import Choice
from tests.dav import card
from tests.histories.admin import switch_database
from tests.histories.phones import Watch, look, observe_all
from tests.histories.run import new_stage
from tests.histories.stage import ADMIN, Crash, Stage
from tests.histories.steps import Life, _delete
from tests.histories.world import World


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Where all of this happens."""
    with new_stage() as made:
        yield made


class Story:
    """alice follows the records that she owns; one of them is Nick's."""

    def __init__(self, stage: Stage, marker: tuple[str, ...] | None = None) -> None:
        self.world = World(stage, marker)
        self.watches: dict[str, Watch] = {}
        self.choose(folder="Contacts", filters=("owner=%me",))
        with self.world.acting("admin") as unit:
            self.nick = records.add(unit, {"given_name": "Nick", "owner": "alice"})
        self.look()

    def choose(self, **choice: object) -> None:
        """`sync start` or `sync set`."""
        person = self.world.people["alice"]
        with self.world.acting("admin") as unit:
            setup.start(unit, "alice", Choice(**choice))  # type: ignore[arg-type]
        for name, value in choice.items():
            setattr(person, name, value)
        person.enabled = True
        self.world.plain.setdefault(person.path, {})
        observe_all(self.world, self.watches)

    def look(self) -> None:
        """All phones sync from all tokens."""
        look(self.world, self.watches)

    def owner(self, name: str) -> None:
        """Another program gives Nick's record to somebody: no card shows that."""
        self.world.sql("UPDATE contact SET owner = ? WHERE id = ?", name, self.nick.id)
        pull.pull_all(self.world.site)
        observe_all(self.world, self.watches)

    def place(self) -> tuple[str, str]:
        """href and UID of Nick's card in the folder."""
        with self.world.site.read() as conn:
            folder = view.open_folder(conn, self.world.collection(conn, "alice/Contacts"))
            (found,) = view.all_cards(conn, folder)
        return found.href, found.uid

    def put(self, href: str, uid: str) -> None:
        """alice's phone writes a plain contact."""
        text = card(uid, "Plain")
        with self.world.acting("alice") as unit:
            collection = self.world.collection(unit, "alice/Contacts")
            plain.put(unit, collection, NewItem(href, uid, "VCARD", "", 0, 0, text))
        self.world.plain["alice/Contacts"][href] = text
        observe_all(self.world, self.watches)

    def promote(self, href: str) -> None:
        """A plain contact becomes a business contact of alice's."""
        with self.world.site.read() as conn:
            found, _ = candidates.chosen(conn, [f"/alice/Contacts/{href}"])
        (done,) = Promotion(self.world.site, ADMIN, Wish(force=True)).run(found).created
        self.world.sql("UPDATE contact SET owner = 'alice' WHERE id = ?", done.id)
        pull.pull_all(self.world.site)
        del self.world.plain["alice/Contacts"][href]
        observe_all(self.world, self.watches)

    def delete(self, href: str) -> None:
        """alice's phone deletes a plain contact."""
        with self.world.acting("alice") as unit:
            plain.delete(unit, self.world.collection(unit, "alice/Contacts"), href)
        del self.world.plain["alice/Contacts"][href]
        observe_all(self.world, self.watches)


@pytest.fixture
def story(stage: Stage) -> Iterator[Story]:
    """A story from its beginning."""
    told = Story(stage)
    yield told
    told.world.close()


@pytest.mark.parametrize("taken", ["href", "uid", "both"])
def test_a_card_whose_place_was_taken_while_it_was_away_comes_back_at_another(story: Story, taken: str):
    href, uid = story.place()
    story.owner("bob")
    story.put(href if taken != "uid" else "other.vcf", uid if taken != "href" else "other-uid")
    story.owner("alice")
    assert story.place()[0] != href
    assert (story.place()[1] == uid) == (taken == "href")
    story.look()
    story.delete(href if taken != "uid" else "other.vcf")
    story.look()
    story.owner("bob")
    story.look()
    story.owner("alice")
    story.look()


def test_a_card_that_is_back_where_a_contact_stood_meanwhile_is_not_told_as_gone(story: Story):
    href, _ = story.place()
    story.owner("bob")
    story.put(href, "other-uid")
    story.delete(href)
    story.owner("alice")
    assert story.place()[0] == href
    story.look()


def test_its_other_place_can_be_taken_as_well(story: Story):
    first = story.place()
    for _ in range(3):
        now = story.place()
        story.owner("bob")
        story.put(*now)
        story.owner("alice")
        assert story.place() not in (now, first)
        story.look()
    story.owner("bob")
    story.look()


def test_a_card_finds_one_that_was_promoted_in_its_place_when_the_filter_changes(story: Story):
    """The contact was written where the card would stand, which the filter left out, and was promoted there."""
    href, uid = story.place()
    story.choose(filters=("owner=<>bob",))
    story.owner("bob")
    story.put(href, "other-uid")
    story.promote(href)
    story.look()
    story.choose(filters=())
    story.look()
    with story.world.site.read() as conn:
        folder = view.open_folder(conn, story.world.collection(conn, "alice/Contacts"))
        shown = sorted(view.all_cards(conn, folder), key=lambda each: each.card_id or 0)
    assert [each.uid for each in shown] == [uid, "other-uid"]
    assert shown[0].href != href == shown[1].href


def _delete_record(story: Story, number: str) -> None:
    with story.world.acting("admin") as unit:
        records.delete(unit, number)
    observe_all(story.world, story.watches)


def _restore_record(story: Story, number: str, owner: str) -> None:
    story.world.sql("UPDATE contact SET owner = ? WHERE id = ?", owner, number)
    with story.world.acting("admin") as unit:
        trash.restore(unit, [number])
    observe_all(story.world, story.watches)


def _give_another_place(story: Story) -> tuple[str, str]:
    """A plain contact has Nick's UID since he was away: he stands at another href and UID. Returns them."""
    _, uid = story.place()
    story.owner("bob")
    story.put("other.vcf", uid)
    story.owner("alice")
    return story.place()


def test_a_restored_card_finds_another_whose_own_place_it_had_been_given(story: Story):
    """The place was given to the card; while its record was deleted, a record was made whose own place that is."""
    href, uid = _give_another_place(story)
    _delete_record(story, story.nick.id)
    story.world.sql("INSERT INTO contact (given_name, owner, uid) VALUES ('New', 'alice', ?)", uid)
    story.look()
    assert story.place() == (href, uid)
    _restore_record(story, story.nick.id, "alice")
    story.look()


def test_of_two_cards_that_were_given_one_place_the_later_has_it_when_the_filter_lets_both_in(story: Story):
    href, _ = _give_another_place(story)
    story.choose(filters=("owner=<>bob",))
    _delete_record(story, story.nick.id)
    story.put(href, "later-uid")
    story.promote(href)
    _restore_record(story, story.nick.id, "bob")
    assert story.place() == (href, "later-uid")
    story.choose(filters=())
    story.look()
    with story.world.site.read() as conn:
        folder = view.open_folder(conn, story.world.collection(conn, "alice/Contacts"))
        at_place = view.get(conn, folder, href)
    assert at_place is not None
    assert at_place.uid == "later-uid"


def test_a_card_finds_a_kept_one_whose_own_place_it_had_been_given(story: Story):
    """A contact was promoted at the place of a kept card that was deleted; then that is shown again."""
    life, alice = Life(story.world, 1), story.world.people["alice"]
    href, _ = story.place()
    story.choose(filters=("owner=<>bob",))
    life.random = SimpleNamespace(choice=lambda _: "keep")  # type: ignore[assignment]
    switch_database(life)
    story.look()
    with story.world.site.read() as conn:
        folder = view.open_folder(conn, story.world.collection(conn, "alice/Contacts"))
        (nick,) = view.all_cards(conn, folder)
    assert _delete(life, alice, nick) == "unfollow"
    story.put(href, "later-uid")
    story.promote(href)
    story.look()
    (number,) = story.world.rows()
    _delete_record(story, number)
    with story.world.acting("admin") as unit:
        kept = cards.get(unit.conn, nick.card_id or 0)
        assert kept is not None
        guard.show_again(unit, "alice/Contacts", kept, guard.UNFOLLOW)
    alice.hidden.clear()
    story.look()
    _restore_record(story, number, "bob")
    story.choose(filters=())
    story.look()
    with story.world.site.read() as conn:
        folder = view.open_folder(conn, story.world.collection(conn, "alice/Contacts"))
        shown = {each.uid: each.href for each in view.all_cards(conn, folder)}
    assert len(shown) == 2
    assert shown[nick.uid] == href


@pytest.mark.parametrize("by", ["command", "another program"])
def test_a_folder_that_was_filled_while_the_row_was_away_for_a_moment_shows_it(story: Story, by: str):
    """Another program removes the row, and nobody has looked when somebody else starts, and the row is put back."""
    (row,) = story.world.sql("SELECT * FROM contact")
    story.world.sql("DELETE FROM contact WHERE id = ?", story.nick.id)
    story.choose(filters=("name=Nick",))
    if by == "command":
        with story.world.acting("admin") as unit:
            trash.restore(unit, [story.nick.id])
    else:
        story.world.sql(
            "INSERT INTO contact (id, uid, given_name, owner) VALUES (?, ?, 'Nick', 'alice')", row["id"], row["uid"]
        )
        assert pull.pull_all(story.world.site) == pull.Counts(changed=1)
    story.look()


def test_tokens_of_the_time_when_it_was_away_hear_nothing_of_its_former_place(story: Story):
    href, uid = story.place()
    story.owner("bob")
    story.put("other.vcf", uid)
    story.look()
    away = story.watches["alice/Contacts"].memories[-1]
    story.owner("alice")
    story.look()
    with story.world.site.read() as conn:
        folder = view.open_folder(conn, story.world.collection(conn, "alice/Contacts"))
        told = delta.since(conn, folder, revisions.read_token(conn, folder.collection.id, away.token))
    assert told == delta.Delta({story.place()[0]}, set())
    assert href not in told.removed


def test_a_quarantine_that_is_taken_back_finds_its_place_taken(story: Story):
    life = Life(story.world, 1)
    with story.world.acting("admin") as unit:
        for number in range(3):
            records.add(unit, {"given_name": f"Other{number}", "owner": "alice"})
    story.look()
    found = [life.business_card() for _ in range(40)]
    shown = {each[1].card_id: each for each in found if each}
    assert len(shown) == 4
    told = [(_delete(life, person, each), each) for person, each in shown.values()]
    quarantined = [each for mode, each in told if mode == "quarantine"]
    assert quarantined
    story.put(quarantined[0].href, quarantined[0].uid)
    story.look()
    with story.world.acting("admin") as unit:
        guard.restore(unit, "alice")
    story.world.people["alice"].hidden.clear()
    story.look()


def test_a_record_that_passed_a_filter_only_while_the_folder_had_another_is_never_mentioned(story: Story):
    story.choose(filters=("owner=carol",))
    with story.world.acting("admin") as unit:
        setup.start(unit, "bob", Choice(folder="Contacts", filters=("owner=alice",)))
        passing = records.add(unit, {"given_name": "Passing", "owner": "alice"})
    bob = story.world.people["bob"]
    bob.folder, bob.filters, bob.enabled = "Contacts", ("owner=alice",), True
    story.world.plain["bob/Contacts"] = {}
    story.look()
    with story.world.acting("admin") as unit:
        records.delete(unit, passing.id)
    story.choose(filters=("owner=%me",))
    story.look()
    hrefs = frozenset().union(*story.watches["alice/Contacts"].states)
    assert len(hrefs) == 1


def test_a_folder_goes_on_following_the_database_when_only_the_folder_was_changed(story: Story):
    """The audience that one folder leaves can be the one that the other shows."""
    story.choose(folder="Work")
    story.world.sql("INSERT INTO contact (given_name, owner) VALUES ('New', 'alice')")
    story.look()
    story.choose(folder="Contacts")
    story.world.sql("UPDATE contact SET owner = NULL WHERE given_name = 'New'")
    story.look()


def test_a_token_with_another_nonce_is_refused(story: Story):
    """Its number was used twice: the state was put back to what it was once, and went on from there."""
    token = story.watches["alice/Contacts"].memories[-1].token
    other = token[:-1] + ("1" if token[-1] == "0" else "0")
    with story.world.site.read() as conn:
        number = story.world.collection(conn, "alice/Contacts").id
        assert revisions.read_token(conn, number, token)
        with pytest.raises(revisions.InvalidToken):
            revisions.read_token(conn, number, other)


def test_what_if_match_is_compared_with_is_the_record_as_it_is(story: Story):
    """Another program committed a change that nobody looked at until now (C6)."""
    with story.world.site.read() as conn:
        folder = view.open_folder(conn, story.world.collection(conn, "alice/Contacts"))
        (shown,) = view.all_cards(conn, folder)
        before = cards.get(conn, shown.card_id or 0)
    assert before is not None
    story.world.sql("UPDATE contact SET note = 'New' WHERE id = ?", story.nick.id)
    with story.world.acting("alice") as unit:
        now = apply.read_through(unit, before)
    assert now is not None
    assert (now.version, "NOTE:New" in now.text) == (before.version + 1, True)


def test_the_group_card_is_told_as_changed_when_a_former_database_leaves_the_folder(stage: Stage):
    told = Story(stage, ("property", "category", "group"))
    life = Life(told.world, 1)
    try:
        for choice in ("keep", "remove", "keep", "import"):
            life.random = SimpleNamespace(choice=lambda _, chosen=choice: chosen)  # type: ignore[assignment]
            switch_database(life)
            told.look()
    finally:
        told.world.close()


@pytest.mark.parametrize("commits", [0, 1])
def test_a_change_is_shown_although_the_process_was_gone_while_it_showed_it(story: Story, stage: Stage, commits: int):
    story.world.sql("UPDATE contact SET note = 'New' WHERE id = ?", story.nick.id)
    stage.fuse = commits
    with pytest.raises(Crash):
        pull.pull_all(story.world.site)
    stage.restart()
    story.look()
