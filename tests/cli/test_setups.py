# SPDX-License-Identifier: GPL-3.0-or-later
"""`sync start`, `sync set`, `sync stop` and `why`, by the command line alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Tool, installed


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """Three contacts and a custom type; alice synchronises everything."""
    tool = installed(tmp_path_factory.mktemp("setups"))
    tool("type", "add", "investor", "--from", "business-contact", "--field", "stake:number")
    for name, city, owner in (("Ann", "Seattle", "alice"), ("Ben", "Bremen", "bob"), ("Cid", "Seattle", "")):
        tool("contact", "add", f"given_name={name}", f"business_city={city}", f"owner={owner}")
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    return tool


def _set(tool: Tool, *choices: str) -> dict[str, object]:
    changed = tool.json("sync", "set", "--principal", "alice", *choices)
    assert isinstance(changed, dict)
    return changed


def _numbers(changed: dict[str, object]) -> tuple[object, ...]:
    return tuple(changed[name] for name in ("matching", "entering", "leaving", "business_cards"))


def test_a_dry_run_counts_who_matches_enters_and_leaves_and_changes_nothing(tool: Tool):
    tried = _set(tool, "--filter", "city=Seattle", "--dry-run")
    assert _numbers(tried) == (2, 0, 1, 2)
    assert tool.json("status")[0]["filter"] == []
    said = tool("sync", "set", "--principal", "alice", "--filter", "owner=%me", "--dry-run").out
    assert "1 business contact matches; 0 would enter the folder, 2 would leave." in said
    fresh = tool.json("sync", "start", "--principal", "bob", "--folder", "New", "--filter", "city=Bremen", "--dry-run")
    assert _numbers(fresh) == (1, 1, 0, 1)
    assert [each["principal"] for each in tool.json("status")] == ["alice"]


def test_each_thing_is_set_alone_and_the_others_stay(tool: Tool):
    before = tool.json("status", "--principal", "alice")[0]
    for option, value, name, now in (
        ("--filter", "city=Seattle", "filter", ["city=Seattle"]),
        ("--category", "Customer", "category", "Customer"),
        ("--access", "business-ro", "access", "business-ro"),
        ("--on-delete", "reject", "on_delete", "reject"),
        ("--show-fields", "rating, owner", "shown_fields", ["owner", "rating"]),
        ("--show-fields", "none", "shown_fields", []),
        ("--folder", "Work", "folder", "Work"),
        ("--folder", "Contacts", "folder", "Contacts"),
        ("--category", "none", "category", None),
    ):
        changed = _set(tool, option, value)
        assert changed[name] == now
        before |= {name: now}
        known = ("filter", "category", "access", "on_delete", "shown_fields", "folder", "enabled")
        assert {key: changed[key] for key in known} == {key: before[key] for key in known}
    assert _numbers(_set(tool, "--no-filter")) == (3, 1, 0, 3)
    _set(tool, "--access", "rw", "--on-delete", "trash", "--category", "Business")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--filter", "city=(a"),
        ("--filter", "nosuchfield=1"),
        ("--filter", "rating=tall"),
        ("--filter", "type=nosuchtype"),
        ("--access", "some"),
        ("--on-delete", "burn"),
        ("--show-fields", "owner,nosuchfield"),
        ("--show-fields", "email"),
        ("--filter", "city=a", "--no-filter"),
        (),
    ],
)
def test_a_wrong_filter_or_option_is_wrong_usage_and_changes_nothing(tool: Tool, wrong: tuple[str, ...]):
    before = tool.json("status")
    refused = tool("sync", "set", "--principal", "alice", *wrong, status=2)
    assert "^" in refused.err or wrong[:1] != ("--filter",) or len(wrong) > 2
    assert tool.json("status") == before


def test_a_filter_can_name_the_fields_of_a_custom_type(tool: Tool):
    tool("contact", "add", "given_name=Dan", "stake=20", "--type", "investor")
    assert _numbers(_set(tool, "--filter", "stake=>10")) == (1, 0, 3, 1)
    assert _numbers(_set(tool, "--filter", "type=investor"))[0] == 1
    dan = tool.json("why", "alice", "Dan")
    assert dan["shown"]
    assert dan["conditions"] == [{"condition": "type=investor", "holds": True, "value": "investor, Person"}]
    tool("contact", "delete", dan["id"], "--yes")
    _set(tool, "--no-filter")


def _reasons(tool: Tool, *arguments: str) -> str:
    found = tool.json("why", *arguments)
    assert not found["shown"]
    assert found["href"] is None
    return " ".join(found["reasons"])


def test_why_names_every_condition_with_the_value(tool: Tool):
    _set(tool, "--filter", "city=Seattle", "--filter", "owner=%me")
    ann = tool.json("why", "alice", "Ann")
    assert ann["shown"]
    assert ann["href"].endswith(".vcf")
    assert ann["reasons"] == []
    assert tool.json("why", "alice", ann["id"]) == ann
    cid = tool.json("why", "alice", "Cid")
    assert cid["conditions"] == [
        {"condition": "city=Seattle", "holds": True, "value": "Seattle"},
        {"condition": "owner=%me", "holds": False, "value": ""},
    ]
    assert "owner=%me leaves it out" in _reasons(tool, "alice", "Cid")
    said = tool("why", "alice", "Cid").out
    assert "Cid (id 3) is not in /alice/Contacts/." in said
    assert "NO   owner=%me  (it has no value)" in said
    _set(tool, "--no-filter")


def test_why_knows_deleted_and_vanished_records_accounts_and_people_without_a_set_up(tool: Tool):
    tool("contact", "delete", "2", "--yes")
    assert "Deleted Items" in _reasons(tool, "alice", "2")
    assert "Deleted Items" in _reasons(tool, "alice", "ben")
    assert tool.json("history", "Ben")[0]["action"] == "deleted"
    assert tool.json("contact", "show", "Ben")["deleted"]
    tool("deleted", "restore", "2")
    gone = tool.json("contact", "add", "given_name=Eve")["id"]
    with closing(sqlite3.connect(tool.folder / "business.db")) as client, client:
        client.execute("DELETE FROM contact WHERE id = ?", (gone,))
    assert "not in the business database any more" in _reasons(tool, "alice", "Eve")
    tool("contact", "add", "name=Contoso Ltd", "--type", "account")
    assert "account" in _reasons(tool, "alice", "Contoso Ltd")
    assert "no set-up" in _reasons(tool, "nobody", "Ann")
    tool("contact", "add", "given_name=Ann", "business_city=Ulm")
    assert "stands for 2" in tool("why", "alice", "Ann", status=1).err
    tool("why", "alice", "nothing at all", status=1)
    tool("sync", "stop", "--principal", "alice", "--yes")
    assert "stopped" in _reasons(tool, "alice", "1")
    tool("sync", "start", "--principal", "alice")
    assert tool.json("why", "alice", "1")["shown"]


def test_a_folder_goes_on_following_the_database_after_it_was_changed(tool: Tool):
    """The audience that one folder leaves can be the one that the other shows."""
    _set(tool, "--folder", "Elsewhere")
    added = tool.json("contact", "add", "given_name=Fay")["id"]
    assert tool.json("why", "alice", added)["shown"]
    _set(tool, "--folder", "Contacts")


def _now(tool: Tool, *options: str, status: int = 0) -> tuple[int, ...]:
    counts = tool.json("sync", "now", *options, status=status)
    assert counts.get("dry_run", False) is ("--dry-run" in options)
    return tuple(counts[name] for name in ("added", "changed", "removed", "refused"))


def _cards(tool: Tool) -> int:
    (found,) = tool.json("status", "--principal", "alice")
    return int(found["business_cards"])


def test_a_dry_run_of_sync_now_counts_and_leaves_everything_waiting(tmp_path: Path):
    """What other programs wrote: one record more, one changed, one less."""
    tool = installed(tmp_path / "site")
    for name in ("Ann", "Ben", "Cid"):
        tool("contact", "add", f"given_name={name}")
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    with closing(sqlite3.connect(tool.folder / "business.db")) as client, client:
        client.execute("INSERT INTO contact (given_name) VALUES ('Dan')")
        client.execute("UPDATE contact SET note = 'new' WHERE given_name = 'Ann'")
        client.execute("DELETE FROM contact WHERE given_name IN ('Ben', 'Cid')")
    for _ in range(2):
        assert _now(tool, "--dry-run") == (1, 1, 2, 0)
    # The change log is not what --full looks at.
    assert _now(tool, "--full", "--dry-run") == (1, 1, 2, 0)
    assert _cards(tool) == 3
    assert "wait to be shown" in tool("status").err
    assert "Dry run" in tool("sync", "now", "--dry-run").err
    assert _now(tool) == (1, 1, 2, 0)
    assert _now(tool) == _now(tool, "--full") == _now(tool, "--dry-run") == (0, 0, 0, 0)
    assert _cards(tool) == 2


def test_a_full_comparison_mends_folders_that_show_the_wrong_cards(tool: Tool):
    """Whatever spoilt the state database: one card is missing from the folder, one is there and fits no filter."""
    _set(tool, "--filter", "city=Seattle")
    before = _cards(tool)
    with closing(sqlite3.connect(tool.folder / "state.db")) as client, client:
        (inside, audience), *_ = client.execute(
            "SELECT card_id, audience_id FROM member JOIN audience ON audience.id = audience_id"
            " WHERE departed IS NULL AND active AND filter LIKE '%Seattle%'"
        )
        (outside,) = client.execute("SELECT id FROM card WHERE label = 'Ben'").fetchone()
        client.execute("DELETE FROM member WHERE card_id = ? AND audience_id = ?", (inside, audience))
        client.execute(
            "INSERT INTO member (audience_id, card_id, entered) VALUES (?, ?, (SELECT max(revision) FROM card))",
            (audience, outside),
        )
    assert tool.json("why", "alice", "Ben")["shown"]
    assert _now(tool) == (0, 0, 0, 0)
    assert _now(tool, "--full", "--dry-run") == (0, 2, 0, 0)
    assert _now(tool, "--full") == (0, 2, 0, 0)
    assert _now(tool, "--full") == (0, 0, 0, 0)
    assert not tool.json("why", "alice", "Ben")["shown"]
    assert _cards(tool) == before
    _set(tool, "--no-filter")


@pytest.mark.parametrize(("principal", "folder"), [("o'neil", "Contacts"), ("alice", "it's"), ("alice", "a,b")])
def test_a_folder_that_radicale_would_let_nobody_open_is_refused(tool: Tool, principal: str, folder: str):
    """SPEC 12: a principal's sync folder NAME is the collection /PRINCIPAL/NAME/, and a client can open it."""
    before = tool.json("status")
    said = tool("sync", "start", "--principal", principal, "--folder", folder, status=1).err
    assert "validate_path_value" in said
    assert tool.json("status") == before


def test_cards_that_the_bound_holds_are_explained_with_what_confirms_it(tmp_path: Path):
    """SPEC section 3, C9: an emptied table is not believed, and `verify --repair` is not what settles it."""
    tool = installed(tmp_path)
    with closing(sqlite3.connect(tmp_path / "business.db")) as client, client:
        client.executemany("INSERT INTO contact (name) VALUES (?)", [(f"Person {number}",) for number in range(30)])
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    with closing(sqlite3.connect(tmp_path / "business.db")) as client, client:
        client.execute("DELETE FROM contact")
    tool("sync", "now", status=1)
    held = tool.json("why", "alice", "1")
    reasons = " ".join(held["reasons"])
    assert held["shown"]
    assert "sync now --full --yes" in reasons
    assert "verify --repair" not in reasons
    said = tool("verify", "--repair", status=1)
    assert "sync now --full --yes" in said.err
    assert (said.out + said.err).count("Person 7") == 1
    tool("sync", "now", "--full", "--yes")
    assert tool.json("status")[0]["business_cards"] == 0
