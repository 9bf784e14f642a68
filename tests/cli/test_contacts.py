# SPDX-License-Identifier: GPL-3.0-or-later
"""`contact`, `type`, `sync`, `status`, `deleted`, `history`, `verify` on one installation."""

import sqlite3
from contextlib import closing

import pytest

from radicale_bcm.books import cards, collections, view
from radicale_bcm.books.history import Actor
from radicale_bcm.sync import guard
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from tests.cli.conftest import Tool


def sql(tool: Tool, statement: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect(tool.folder / "business.db", isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


@pytest.fixture
def nick(tool: Tool):
    """A contact of its own for each test."""
    added = tool.json(
        "contact", "add", "given_name=Nick", "family_name=Brigandi", "email=nick@example.com", "active=yes"
    )
    yield added["id"]
    tool("contact", "delete", added["id"], "--yes")
    tool("deleted", "purge", "--all", "--yes")


def test_a_contact_is_added_shown_and_listed(tool: Tool, nick):
    shown = tool.json("contact", "show", nick)
    assert {name: shown[name] for name in ("given_name", "family_name", "email", "active", "type", "deleted")} == {
        "given_name": "Nick", "family_name": "Brigandi", "email": "nick@example.com", "active": "true",
        "type": "business-contact", "deleted": None,
    }  # fmt: skip
    assert shown["name"] == "Nick Brigandi"
    assert shown["modified"].endswith("Z")
    assert "pager" not in shown
    assert tool.json("contact", "list") == [shown]
    assert tool.json("contact", "show", shown["uid"]) == shown
    assert tool.json("contact", "show", "NICK brigandi") == shown
    assert tool.json("contact", "show", "Nick@Example.com") == shown
    assert tool("contact", "show", "nobody", status=1).out == ""


def test_a_name_that_two_have_is_no_answer(tool: Tool, nick):
    other = tool.json("contact", "add", "name=Nick Brigandi")["id"]
    refused = tool("contact", "edit", "Nick Brigandi", "pager=1", status=1)
    assert nick in refused.err
    assert other in refused.err
    tool("contact", "delete", other, "--yes")


def test_editing_touches_what_is_named_and_nothing_else(tool: Tool, nick):
    before = tool.json("contact", "show", nick)
    after = tool.json("contact", "edit", nick, "email=", "note=two\nlines", "company=Contoso, Ltd.")
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "email", "note", "company", "modified",
    }  # fmt: skip
    assert sql(tool, "SELECT email, note FROM contact WHERE id = ?", nick) == [(None, "two\nlines")]
    assert sql(tool, "SELECT count(*) FROM account WHERE name = 'Contoso, Ltd.'") == [(1,)]
    tool("contact", "edit", nick, "pager=9", "--dry-run")
    assert "pager" not in tool.json("contact", "show", nick)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("city=Ulm", "did you mean business_city?"),
        ("emial=x", "did you mean email"),
        ("birthday=tomorrow", "birthday='tomorrow': not a date"),
        ("active=perhaps", "neither true nor false"),
        ("mobile_phone=" + "1" * 65, "longer than 64"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_the_field(tool: Tool, nick, assignment, told):
    before = tool.json("contact", "show", nick)
    refused = tool("contact", "edit", nick, "job_title=Chief", assignment, status=1)
    assert told in refused.err
    assert refused.out == ""
    assert tool.json("contact", "show", nick) == before
    assert tool("contact", "add", "name=New", assignment, "--json", status=1).json["error"]
    assert len(tool.json("contact", "list")) == 1


def test_arguments_that_are_no_fields_are_wrong_usage(tool: Tool):
    tool("contact", "add", status=2)
    tool("contact", "add", "Nick", status=2)
    assert "'Nick' is not field=value" in tool.json("contact", "add", "Nick", status=2)["error"]
    assert "--principal" in tool.json("sync", "start", status=2)["error"]
    assert "nosuch" in tool.json("nosuch", status=2)["error"]
    tool("contact", "add", "name=a", "name=b", status=2)
    tool("contact", "add", "note=nameless", status=1)


def test_filters_narrow_the_list_and_errors_point_at_the_character(tool: Tool, nick):
    other = tool.json("contact", "add", "name=Zoe", "business_city=Stockholm", "category=VIP")["id"]
    listed = tool.json("contact", "list", "--filter", "city=Stock*", "--filter", "category=VIP")
    assert [each["id"] for each in listed] == [other]
    assert [each["id"] for each in tool.json("contact", "list", "--filter", "city=<>Stockholm")] == [nick]
    assert tool.json("contact", "list", "--limit", "0") == []
    refused = tool("contact", "list", "--filter", "city=(a", status=2)
    assert "city=(a\n       ^" in refused.err
    tool("contact", "delete", other, "--yes")


def test_deleted_contacts_come_back_or_go_for_good(tool: Tool, nick):
    refused = tool("contact", "delete", nick, status=1)
    assert "Move 1 contact to Deleted Items (Nick Brigandi)?" in refused.err
    tool("contact", "delete", nick, "--dry-run")
    assert tool.json("deleted", "list") == []
    assert tool.json("contact", "delete", nick, "--yes") == {"deleted": [nick]}
    (item,) = tool.json("deleted", "list")
    assert (item["id"], item["name"]) == (nick, "Nick Brigandi")
    assert item["deleted_by"]
    assert tool.json("contact", "list") == []
    shown = tool.json("contact", "show", nick)
    assert shown["deleted"] == {"at": item["deleted_at"], "by": item["deleted_by"]}
    assert "deleted restore" in tool("contact", "edit", nick, "pager=1", status=1).err
    assert tool.json("deleted", "restore", nick)["restored"] == [nick]
    assert tool.json("contact", "show", nick)["deleted"] is None
    tool("deleted", "restore", nick, status=1)
    assert tool.json("deleted", "purge", "--removed-remotely", "--yes") == {"purged": 0}
    tool("contact", "delete", nick, "--yes")
    assert tool.json("deleted", "purge", "--older-than", "1d", "--yes") == {"purged": 0}
    assert "for good" in tool("deleted", "purge", "--all", status=1).err
    assert tool.json("deleted", "purge", nick, "--dry-run")["purged"] == 1
    tool("deleted", "purge", status=2)
    tool("deleted", "restore", nick)


def test_deletes_that_wait_are_confirmed_or_taken_back(tool: Tool):
    ids = [tool.json("contact", "add", f"name=Person {number}")["id"] for number in range(3)]
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    quarantine(tool, ids)
    assert tool.json("status", "--principal", "alice")[0]["quarantined"] == 3
    assert tool.json("deleted", "list") == []
    waiting = tool.json("deleted", "list", "--quarantined", "--principal", "alice")
    assert {(each["id"], each["deleted_by"], each["state"]) for each in waiting} == {
        (each, "alice", "quarantined") for each in ids
    }
    assert tool.json("deleted", "confirm", "--principal", "alice", ids[0]) == {"confirmed": [ids[0]]}
    assert [each["id"] for each in tool.json("deleted", "list", "--principal", "alice")] == [ids[0]]
    restored = tool.json("deleted", "restore", "--principal", "alice", "--since", "1h")
    assert (set(restored["restored"]), restored["refused"]) == (set(ids), [])
    assert tool.json("status", "--principal", "alice")[0]["quarantined"] == 0
    assert "no deletes" in tool("deleted", "confirm", "--principal", "alice", "--yes", status=1).err
    tool("sync", "stop", "--principal", "alice", "--yes")
    tool("contact", "delete", *ids, "--yes")
    tool("deleted", "purge", "--all", "--yes")


def quarantine(tool: Tool, ids: list[str]) -> None:
    """What the server does with deletes beyond the bound."""
    url = f"sqlite:///{tool.folder}"
    site = open_site(Options(state_url=f"{url}/state.db", database_url=f"{url}/business.db"), create=False)
    with site.write(Actor("alice", "a phone", "dav")) as unit:
        folder = collections.get(unit.conn, "alice/Contacts")
        assert folder is not None
        for each in cards.of_records(unit.conn, unit.origin.id, ids).values():
            guard.quarantine(unit, view.open_folder(unit.conn, folder), each)
    site.close()


def test_set_ups_start_change_and_stop(tool: Tool, nick):
    other = tool.json("contact", "add", "name=Zoe", "business_city=Stockholm")["id"]
    started = tool.json("sync", "start", "--principal", "alice", "--folder", "Contacts")
    assert {name: started[name] for name in ("folder", "filter", "category", "enabled", "business_cards")} == {
        "folder": "Contacts", "filter": [], "category": "Business", "enabled": True, "business_cards": 2,
    }  # fmt: skip
    tried = tool.json("sync", "set", "--principal", "alice", "--filter", "city=Stockholm", "--dry-run")
    assert tried["business_cards"] == 1
    (now,) = tool.json("status", "--principal", "alice")
    assert now["filter"] == []
    assert now["database"] == "main"
    assert now["up_to_date"]
    changed = tool.json("sync", "set", "--principal", "alice", "--filter", "city=Stockholm", "--category", "none",
                        "--access", "business-ro")  # fmt: skip
    assert (changed["business_cards"], changed["category"], changed["access"]) == (1, None, "business-ro")
    assert tool.json("sync", "set", "--principal", "alice", "--no-filter")["business_cards"] == 2
    tool("sync", "set", "--principal", "alice", status=2)
    tool("sync", "set", "--principal", "nobody", "--category", "x", status=1)
    tool("sync", "start", "--principal", "alice", "--folder", "a/b", status=1)
    tool("sync", "set", "--principal", "alice", "--access", "all", status=2)
    assert "^" in tool("sync", "set", "--principal", "alice", "--filter", "city=(", status=2).err
    assert "--yes" in tool("sync", "stop", "--principal", "alice", status=1).err
    assert tool.json("sync", "stop", "--principal", "alice", "--yes") == {"principal": "alice", "removed": 2}
    (stopped,) = tool.json("status")
    assert (stopped["enabled"], stopped["business_cards"]) == (False, 0)
    tool("contact", "delete", other, "--yes")


def test_sync_now_counts_what_other_programs_changed(tool: Tool, nick):
    nothing = {"added": 0, "changed": 0, "removed": 0, "refused": 0}
    assert tool.json("sync", "now") == nothing
    sql(tool, "INSERT INTO contact (name) VALUES ('By SQL')")
    sql(tool, "UPDATE contact SET pager = '5' WHERE id = ?", nick)
    assert tool.json("sync", "now") == nothing | {"added": 1, "changed": 1}
    sql(tool, "DELETE FROM contact WHERE name = 'By SQL'")
    assert tool.json("sync", "now", "--full") == nothing | {"removed": 1}


def test_history_says_who_changed_what(tool: Tool, nick):
    tool("contact", "edit", nick, "pager=7")
    sql(tool, "UPDATE contact SET pager = '8' WHERE id = ?", nick)
    tool("sync", "now")
    newest, mine, first = tool.json("history", nick)
    assert (newest["source"], newest["changes"]) == ("database", {"pager": ["7", "8"]})
    assert (mine["source"], mine["client"]) == ("command", "radicale-bcm contact edit")
    assert first["action"] == "created"
    assert tool.json("history", "--by", mine["actor"], "--limit", "1")[0]["id"] == mine["id"]
    assert tool.json("history", nick, "--since", "2000-01-01") == [newest, mine, first]
    tool("history", "--since", "yesterday", status=2)


def test_verify_finds_a_card_that_somebody_spoilt_and_mends_it(tool: Tool, nick):
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    assert tool.json("verify")["differences"] == []
    with closing(sqlite3.connect(tool.folder / "state.db", isolation_level=None)) as connection:
        connection.execute("UPDATE card SET text = replace(text, 'FN:Nick', 'FN:Nock') WHERE record_id = ?", (nick,))
        connection.execute("DELETE FROM member")
    found = tool.json("verify", status=1)["differences"]
    assert {each["record_id"] for each in found if each["record_id"]} == {nick}
    assert any("missing from the folders" in each["reason"] for each in found)
    assert any("does not say what the record says" in each["reason"] for each in found)
    tried = tool.json("verify", "--repair", "--dry-run")
    assert (tried["repaired"], tried["left"], len(tried["differences"])) == (False, [], len(found))
    assert tool.json("verify", status=1)["differences"] == found
    assert tool.json("verify", "--repair")["repaired"]
    assert tool.json("verify")["differences"] == []
    tool("sync", "stop", "--principal", "alice", "--yes")


def test_a_dry_run_of_a_backup_writes_no_file_and_refuses_what_the_real_one_would(tool: Tool):
    target = tool.folder / "backup.zip"
    tried = tool.json("backup", str(target), "--dry-run")
    assert tried["dry_run"]
    assert not target.exists()
    made = tool.json("backup", str(target))
    assert made["parts"] == tried["parts"]
    assert "exists already" in tool("backup", str(target), "--dry-run", status=1).err
    nowhere = tool("backup", str(tool.folder / "nowhere" / "backup.zip"), "--dry-run", status=1)
    assert f"there is no folder {tool.folder / 'nowhere'}" in nowhere.err


def test_types_have_fields_of_their_own(tool: Tool):
    made = tool.json("type", "add", "supplier", "--field", "payment_days:number", "--field", "since:date")
    assert made == {
        "name": "supplier",
        "from": "business-contact",
        "fields": {"payment_days": "number", "since": "date"},
    }
    assert [each["name"] for each in tool.json("type", "list")] == ["business-contact", "account", "supplier"]
    tool("type", "add", "supplier", status=1)
    tool("type", "add", "x", "--from", "nothing", status=1)
    tool("type", "add", "x", "--field", "a:colour", status=1)
    added = tool.json("contact", "add", "--type", "supplier", "name=Ada", "payment_days=30")["id"]
    assert tool.json("contact", "show", added)["payment_days"] == "30"
    assert "payment_days" in tool("contact", "edit", added, "payment_days=many", status=1).err
    assert [each["id"] for each in tool.json("contact", "list", "--filter", "payment_days=>20")] == [added]
    tool("contact", "add", "--type", "supplyer", "name=Ada", status=1)
    company = tool.json("contact", "add", "--type", "account", "name=Fabrikam", "business_city=Oslo")["id"]
    assert company in [each["id"] for each in tool.json("contact", "list", "--type", "account")]
