# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 6: going to another business database with each of the three choices, and back, record by record.

BCM_CONTACTS sets how many contacts the former database has; 5,000 is the size that is asked for.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from radicale_bcm.books import collections, items, origins, view
from radicale_bcm.books.items import NewItem
from radicale_bcm.books.view import Resource
from radicale_bcm.business import schema
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.contacts import card as codec
from radicale_bcm.database.errors import AnotherDatabase, Unavailable
from radicale_bcm.sync import carry, databases, losses, pull, records, setup, switch
from radicale_bcm.sync.errors import Conflict, Invalid, NotThere
from radicale_bcm.sync.setup import Choice
from tests import templates
from tests.contract.world import ADMIN, CITIES, World, people

CONTACTS = int(os.environ.get("BCM_CONTACTS", "60"))


@pytest.fixture
def world(new_database_url: Callable[[], str], tmp_path: Path) -> Iterator[World]:
    """The former database is SQLite; the state and the new one are on each engine in turn."""
    former = templates.copy_sqlite("business", tmp_path / "main.db")
    made = World(new_database_url("state"), former, new_database_url("business"))
    yield made
    made.site.close()


@pytest.fixture
def full(world: World) -> World:
    """CONTACTS in the former database, a third as many in the new one, two people, a plain contact."""
    world.fill("main", people("old", CONTACTS, 1))
    world.fill("new", people("new", CONTACTS // 3, 2))
    pull.compare_all(world.site, ADMIN)
    world.add()
    world.hire("alice")
    world.hire("bob", filters=["city=Seattle"], category="")
    with world.site.write(ADMIN) as unit:
        collection = collections.get(unit.conn, "alice/Contacts")
        assert collection is not None
        text = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:plain\r\nFN:Plain\r\nN:Plain;;;;\r\nEND:VCARD\r\n"
        new = NewItem("plain.vcf", "plain", "VCARD", "", 0, 0, text)
        items.put(unit.conn, collection.id, new, unit.revision, unit.at)
    return world


def names(folder: dict[str, Resource]) -> list[str]:
    return sorted(codec.read(each.text).get("email", "") for each in folder.values() if each.card_id is not None)


def emails(prefix: str, count: int, city: str | None = None) -> list[str]:
    return [f"{prefix}{number}@example.com" for number in range(count) if city in (None, CITIES[number % 3])]


def without_edits(text: str) -> str:
    """A card's text without the lines that the server changes with every version."""
    return "\r\n".join(each for each in text.split("\r\n") if not each.startswith(("X-BCM-VERSION", "X-BCM-ID", "REV")))


def test_keep_leaves_the_cards_where_they_are_and_adds_those_of_the_new_database(full: World):
    former, target, before = full.dump("main"), full.dump("new"), full.folder()
    revision, bobs = full.revision(), full.revision("bob")
    outcome = full.switch("new", "keep")
    assert (outcome.kept, outcome.folders, outcome.shown) == (CONTACTS, 2, CONTACTS // 3)
    assert full.current() == "new"
    after = full.folder()
    assert {href: (each.etag, each.text) for href, each in after.items() if href in before} == {
        href: (each.etag, each.text) for href, each in before.items()
    }
    assert all("X-BCM-KIND:business-contact" in each.text for each in after.values() if each.card_id)
    assert names(after) == sorted(emails("old", CONTACTS) + emails("new", CONTACTS // 3))
    changed, removed = full.delta(revision)
    assert (changed, removed) == (after.keys() - before.keys(), set())
    bobs_now = emails("old", CONTACTS, "Seattle") + emails("new", CONTACTS // 3, "Seattle")
    assert names(full.folder("bob")) == sorted(bobs_now)
    assert full.delta(bobs, "bob")[1] == set()
    assert (full.dump("main"), full.dump("new")) == (former, target)
    full.sound()

    # Edits and deletes of kept cards touch no database, and a delete is one of this folder only.
    kept = next(href for href, each in before.items() if "old7@" in each.text)
    gone = next(href for href, each in before.items() if "old6@" in each.text)
    revision = full.revision()
    full.edit(kept, "old given 7", "Renamed")
    full.delete(gone)
    assert full.delta(revision) == ({kept}, {gone})
    assert "Renamed" in full.folder()[kept].text
    assert gone in full.folder("bob")
    assert (full.dump("main"), full.dump("new")) == (former, target)
    # The former database goes on changing, and no card follows.
    full.fill("main", [{"uid": "late", "given_name": "Late", "email": "late@example.com"}])
    pull.pull_all(full.site)
    assert "late@example.com" not in names(full.folder())


def test_an_edit_of_a_kept_card_is_merged_as_any_other(full: World):
    """The set-up's category is not the card's, and what a client cannot show is kept."""
    full.switch("new", "keep")
    href = next(href for href, each in full.folder().items() if "old7@" in each.text)
    text = full.folder()[href].text
    assert "CATEGORIES:Business" in text
    full.edit(href, "old given 7", "Renamed")
    with full.site.write(ADMIN) as unit:
        setup.start(unit, "alice", Choice(category="Customer"))
    after = full.folder()[href].text
    assert "Renamed" in after
    assert "CATEGORIES:Customer\r\n" in after


@pytest.mark.parametrize("choice", ["keep", "remove", "import"])
def test_switching_back_after_keep_binds_the_cards_again(full: World, choice: str):
    before = full.folder()
    full.switch("new", "keep")
    edited = next(href for href, each in before.items() if "old7@" in each.text)
    full.edit(edited, "old given 7", "Renamed")
    revision = full.revision()
    full.switch("main", choice)
    after = full.folder()
    assert before.keys() <= after.keys()
    assert {href: without_edits(each.text) for href, each in after.items() if href in before} == {
        href: without_edits(each.text) for href, each in before.items()
    }
    also = [] if choice == "remove" else emails("new", CONTACTS // 3)
    assert names(after) == sorted(emails("old", CONTACTS) + also)
    changed, removed = full.delta(revision)
    assert edited in changed
    assert len(removed) == (CONTACTS // 3 if choice == "remove" else 0)
    full.sound()
    full.edit(edited, "old given 7", "Bound")
    assert full.rows("main")["old-7"]["given_name"] == "Bound"
    assert len(full.rows("main")) == CONTACTS + (CONTACTS // 3 if choice == "import" else 0)


def test_remove_takes_the_cards_out_and_back_again(full: World):
    former, target, before = full.dump("main"), full.dump("new"), full.folder()
    revision = full.revision()
    outcome = full.switch("new", "remove")
    assert (outcome.removed, outcome.shown) == (CONTACTS, CONTACTS // 3)
    after = full.folder()
    assert names(after) == sorted(emails("new", CONTACTS // 3))
    assert "plain.vcf" in after
    assert full.delta(revision) == (after.keys() - before.keys(), before.keys() - {"plain.vcf"})
    assert names(full.folder("bob")) == sorted(emails("new", CONTACTS // 3, "Seattle"))
    assert (full.dump("main"), full.dump("new")) == (former, target)
    full.sound()

    # What happens to the former database meanwhile is seen on the way back.
    full.fill("main", [{"uid": "late", "given_name": "Late", "email": "late@example.com", "business_city": "Seattle"}])
    revision = full.revision()
    full.switch("main", "remove")
    again = full.folder()
    assert {href: each.text for href, each in again.items() if href in before} == {
        href: each.text for href, each in before.items()
    }
    assert names(again) == sorted([*emails("old", CONTACTS), "late@example.com"])
    assert full.delta(revision) == (again.keys() - {"plain.vcf"}, after.keys() - {"plain.vcf"})
    assert "late@example.com" in names(full.folder("bob"))
    full.sound()


def test_import_adds_the_contacts_to_the_new_database_and_the_cards_stay(full: World):
    # One of them is in the new database already, and lacks a phone; another was deleted there.
    same = people("old", 2, 1)[1] | {"given_name": "Theirs", "mobile_phone": None}
    gone = people("old", 1, 1)[0] | {"deleted_at": datetime(2020, 1, 1, tzinfo=UTC)}
    full.fill("new", [same | {"deleted_at": None}, gone])
    former, before, revision = full.dump("main"), full.folder(), full.revision()
    old = full.rows("main")
    own = full.rows("new")
    outcome = full.switch("new", "import")
    assert (outcome.imported, outcome.bound, outcome.removed) == (CONTACTS - 1, 1, 0)
    after, now = full.folder(), full.rows("new")
    assert full.dump("main") == former
    # Nobody sees a delete: same hrefs, same UIDs.
    changed, removed = full.delta(revision)
    assert removed == set()
    assert changed == after.keys() - {"plain.vcf"}
    assert {each.href: each.uid for each in before.values()}.items() <= {e.href: e.uid for e in after.values()}.items()
    assert len(after) == 1 + CONTACTS + CONTACTS // 3
    # What was there is as it was, but for the fields that the bound one lacked.
    assert {uid: row for uid, row in now.items() if uid in own and uid != "old-1"} == {
        uid: row for uid, row in own.items() if uid != "old-1"
    }
    assert (now["old-1"]["given_name"], now["old-1"]["mobile_phone"]) == ("Theirs", "+1 425 555 0001")
    theirs = {"id", "version", "created_at", "modified_at", "account_id", "uid"}
    added = {row["email"]: row for uid, row in now.items() if uid not in own}
    assert len(added) == CONTACTS - 1
    for uid, row in old.items():
        if uid != "old-1":
            assert {k: v for k, v in added[row["email"]].items() if k not in theirs} == {
                k: v for k, v in row.items() if k not in theirs
            }
            assert (added[row["email"]]["account_id"] is None) == (row["company"] is None)
    full.sound()

    # Later edits touch the new database only.
    card = next(href for href, each in after.items() if "old7@" in each.text)
    full.edit(card, "old given 7", "Renamed")
    assert full.rows("new")["old-7"]["given_name"] == "Renamed"
    assert full.dump("main") == former
    full.delete(card)
    assert full.rows("new")["old-7"]["deleted_at"] is not None
    assert full.dump("main") == former


@pytest.mark.parametrize("choice", ["keep", "remove", "import"])
def test_switching_back_after_import_makes_no_duplicates(full: World, choice: str):
    before, old = full.folder(), full.dump("main")
    full.switch("new", "import")
    added = full.dump("new")
    revision = full.revision()
    full.switch("main", choice)
    after = full.folder()
    also = [] if choice == "remove" else emails("new", CONTACTS // 3)
    assert names(after) == sorted(emails("old", CONTACTS) + also)
    assert {href: each.uid for href, each in before.items()}.items() <= {h: e.uid for h, e in after.items()}.items()
    assert {href: without_edits(each.text) for href, each in after.items() if href in before} == {
        href: without_edits(each.text) for href, each in before.items()
    }
    _, removed = full.delta(revision)
    assert len(removed) == (CONTACTS // 3 if choice == "remove" else 0)
    assert full.dump("new") == added
    if choice != "import":
        assert full.dump("main") == old
    full.sound()
    # And there again: nothing doubles however often somebody goes to and fro.
    full.switch("new", "import")
    full.switch("main", "import")
    assert names(full.folder()) == sorted(emails("old", CONTACTS) + emails("new", CONTACTS // 3))
    assert len(full.rows("main")) == len(full.rows("new")) == CONTACTS + CONTACTS // 3
    full.sound()


def test_the_list_of_what_was_taken_along_is_not_read_for_each_contact(full: World, monkeypatch):
    """Everybody waits meanwhile: with 5,000 contacts that was more than a minute"""
    pairs, calls = carry.pairs, []
    monkeypatch.setattr(carry, "pairs", lambda *args: calls.append(1) or pairs(*args))
    full.switch("new", "import")
    assert len(calls) < 10


class Killed(BaseException):
    """Ends a switch where a kill would."""


POINTS = [
    (carry, "_keep_pairs"), (pull, "load"), (switch, "_turn"), (carry, "catch_up"), (databases, "close"),
    (setup, "retire_unused"), (pull, "catch_up"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), POINTS, ids=[name for _, name in POINTS])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_switch_is_finished_at_the_next_start(full: World, monkeypatch, module, name: str, after: bool):
    real = getattr(module, name)

    def kill(*args: Any, **kwargs: Any) -> None:
        if after:
            real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, name, kill)
        with pytest.raises(Killed):
            full.switch("new", "import")
    full.restart()
    assert full.current() == "new"
    assert names(full.folder()) == sorted(emails("old", CONTACTS) + emails("new", CONTACTS // 3))
    assert len(full.rows("new")) == CONTACTS + CONTACTS // 3
    full.sound()
    with full.site.read() as conn:
        assert switch.intent(conn) is None
        assert origins.settings_from(conn, "carried") == {}


def test_a_kill_between_the_two_commits_inserts_nothing_twice(full: World):
    """The business database is committed first; the state does not know of it."""
    with full.site.read() as conn:
        some = list(origins.shown(conn, full.site.origin().id))[:20]
    with full.site.write(ADMIN) as unit:
        other = BusinessDatabase(full.urls["new"])
        with other.writer() as there:
            for record in unit.records().get_many(some).values():
                carry._take(unit, unit.origin, there, record)
        other.close()
        unit.failed = True
    assert full.switch("new", "import").bound == 20
    assert len(full.rows("new")) == CONTACTS + CONTACTS // 3


def test_forget_takes_the_kept_cards_out_and_leaves_the_database_alone(full: World):
    full.switch("new", "keep")
    former, before, revision = full.dump("main"), full.folder(), full.revision()
    with full.site.write(ADMIN) as unit:
        assert databases.forget(unit, databases.named(unit.conn, "main")) == CONTACTS
    after = full.folder()
    assert names(after) == sorted(emails("new", CONTACTS // 3))
    assert full.delta(revision) == (set(), before.keys() - after.keys())
    assert full.dump("main") == former
    with full.site.read() as conn:
        assert [each.name for each in databases.listed(conn)] == ["new"]
        with pytest.raises(NotThere):
            databases.named(conn, "main")
    # Added again, under whatever name, it is the same database and its cards are the same cards.
    full.urls["again"] = full.urls["main"]
    full.add("again")
    full.switch("again", "remove")
    assert names(full.folder()) == sorted(emails("old", CONTACTS))
    assert full.folder().keys() <= before.keys()
    full.sound()


def test_the_current_database_cannot_be_forgotten(world: World):
    with world.site.write(ADMIN) as unit, pytest.raises(Conflict):
        databases.forget(unit, unit.origin)


def test_kept_cards_follow_their_person_to_another_folder_and_category(full: World):
    full.switch("new", "keep")
    gone = next(href for href, each in full.folder().items() if "old6@" in each.text)
    full.delete(gone)
    before = full.folder()
    with full.site.write(ADMIN) as unit:
        setup.change(unit, "alice", Choice(folder="Others", category="Work"))
        collection = collections.get(unit.conn, "alice/Others")
        assert collection is not None
        found = {each.href: each for each in view.resources(unit.conn, view.open_folder(unit.conn, collection))}
    assert found.keys() == before.keys() - {"plain.vcf"}
    assert all("\r\nCATEGORIES:Work\r\n" in each.text for each in found.values())
    assert full.folder().keys() == {"plain.vcf"}


def test_another_database_behind_the_same_address_is_an_error(world: World, tmp_path: Path):
    world.fill("main", people("old", 3, 1))
    pull.pull_all(world.site)
    world.hire("alice")
    before = world.folder()
    other = BusinessDatabase(f"sqlite:///{tmp_path}/other.db")
    other.upgrade(create=True)
    other.close()
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"main.db{suffix}").unlink(missing_ok=True)
    (tmp_path / "other.db").replace(tmp_path / "main.db")
    with pytest.raises(AnotherDatabase):
        pull.pull_all(world.site)
    with pytest.raises(AnotherDatabase), world.site.write(ADMIN) as unit:
        records.add(unit, {"name": "Nobody"})
    with pytest.raises(AnotherDatabase):
        pull.compare_all(world.site)
    assert world.folder() == before


def test_an_empty_database_gets_our_tables_and_one_of_another_application_is_refused(world: World, tmp_path: Path):
    world.add()
    with world.site.read() as conn:
        assert [(each.name, each.current) for each in databases.listed(conn)] == [("main", True), ("new", False)]
    world.add()  # again: nothing
    with pytest.raises(Conflict):
        databases.add(world.site, ADMIN, "third", world.urls["new"], None)
    with pytest.raises(Conflict):
        databases.add(world.site, ADMIN, "main", world.urls["new"], None)
    with pytest.raises(Conflict, match="tables of another application"):
        databases.add(world.site, ADMIN, "state", world.options.state_url, None)
    for name in ("", "a b", "../x", "(forgotten 1)"):
        with pytest.raises(Invalid):
            databases.add(world.site, ADMIN, name, f"sqlite:///{tmp_path}/x.db", None)
    with pytest.raises(Unavailable):
        databases.add(world.site, ADMIN, "nowhere", f"sqlite:///{tmp_path}/no/folder/x.db", None)
    with pytest.raises(NotThere):
        world.switch("unknown", "keep")
    assert databases.add(world.site, ADMIN, "dry", f"sqlite:///{tmp_path}/dry.db", None, dry_run=True).name == "dry"
    assert not (tmp_path / "dry.db").exists()


def test_a_dead_former_database_can_be_left_and_its_cards_taken_along(full: World, tmp_path: Path):
    for file in tmp_path.glob("main.db*"):
        file.rename(tmp_path / f"away-{file.name}")
    outcome = full.switch("new", "import")
    assert outcome.imported == CONTACTS
    assert names(full.folder()) == sorted(emails("old", CONTACTS) + emails("new", CONTACTS // 3))
    assert full.rows("new")["old-5"]["note"] == "One line\nand another"
    full.sound()


def test_a_database_that_lost_too_much_keeps_its_cards_until_somebody_confirms(full: World):
    """DELETE without WHERE, a table that was restored empty: an error state."""
    before = full.folder()
    business = BusinessDatabase(full.urls["main"])
    with business.writer() as source:
        source.connection.execute(schema.contact.delete().where(schema.contact.c.uid != "old-0"))
        source.connection.execute(schema.contact.update().values(given_name="Last"))
    business.close()
    counts = pull.pull_all(full.site)
    assert counts.removed == 0
    assert counts.refused > 0
    after = full.folder()
    assert after.keys() == before.keys()
    assert [href for href in after if after[href].text != before[href].text] == ["old-0.vcf"]
    assert pull.compare_all(full.site).refused == CONTACTS - 1
    with pytest.raises(Unavailable):
        full.edit("old-5.vcf", "old given 5", "Renamed")
    with full.site.write(ADMIN) as unit:
        setup.change(unit, "bob", Choice(filters=["city=Seattle|Redmond"]))
    assert full.folder().keys() == before.keys()
    confirmed = pull.compare_all(full.site, confirmed=True)
    assert (confirmed.removed, confirmed.refused) == (CONTACTS - 1, 0)
    assert names(full.folder()) == ["old0@example.com"]
    full.sound()


def test_what_was_missing_and_comes_back_needs_no_confirmation(full: World):
    before = full.folder()
    business = BusinessDatabase(full.urls["main"])
    with business.writer() as source:
        kept = [row._asdict() for row in source.connection.execute(select(schema.contact))]
        source.connection.execute(schema.contact.delete())
    pull.pull_all(full.site)
    with full.site.read() as conn:
        assert losses.of(conn, full.site.origin()) is not None
    with business.writer() as source:
        source.connection.execute(schema.contact.insert(), kept)
    business.close()
    pull.pull_all(full.site)
    with full.site.read() as conn:
        assert losses.of(conn, full.site.origin()) is None
    assert {h: e.text for h, e in full.folder().items()} == {h: e.text for h, e in before.items()}


def test_a_few_deletes_are_just_deletes(full: World):
    business = BusinessDatabase(full.urls["main"])
    with business.writer() as source:
        few = schema.contact.c.uid.in_([f"old-{number}" for number in range(20)])
        source.connection.execute(schema.contact.delete().where(few))
    business.close()
    counts = pull.pull_all(full.site)
    assert (counts.removed, counts.refused) == (20, 0)
    full.sound()
