# SPDX-License-Identifier: GPL-3.0-or-later
"""`init`, `user`, `check` and the manners that all commands share."""

import re

import bcrypt
import pytest

from radicale_bcm.server.config import PLUGIN_CONFIG_SCHEMA
from tests.cli.conftest import Tool, run


def test_an_installation_is_private_and_complete(tool: Tool):
    assert {path.name for path in tool.folder.iterdir()} == {"radicale.ini", "users", "state.db", "business.db"}
    assert tool.folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tool.folder.iterdir())
    line = (tool.folder / "users").read_text().strip()
    name, _, hashed = line.partition(":")
    assert name == "alice"
    assert bcrypt.checkpw(b"secret", hashed.encode())


def test_init_again_adds_a_user_and_overwrites_nothing(tool: Tool):
    tool.ini.write_text(tool.ini.read_text() + "# mine\n")
    before = {path: path.read_bytes() for path in tool.folder.iterdir() if path.name != "users"}
    result = run("init", str(tool.folder), "--user", "zoe", "--password", "other", "--json")
    assert result.status == 0
    assert "the account zoe" in result.json["created"]
    assert str(tool.ini) in result.json["kept"]
    assert tool.ini.read_bytes() == before[tool.ini]
    again = run("init", str(tool.folder), "--user", "zoe", "--password", "third", "--json")
    assert again.json["created"] == []
    users = dict(line.split(":", 1) for line in (tool.folder / "users").read_text().splitlines())
    assert bcrypt.checkpw(b"other", users["zoe"].encode())
    tool("user", "remove", "zoe", "--yes")


def test_init_refuses_addresses_that_contradict_the_configuration(tool: Tool, tmp_path):
    result = run("init", str(tool.folder), "--user", "x", "--password", "y", "--database", f"sqlite:///{tmp_path}/b.db")
    assert result.status == 1
    assert "nothing is overwritten" in result.err
    assert not (tmp_path / "b.db").exists()


def test_init_dry_run_makes_nothing(tmp_path):
    result = run("init", str(tmp_path / "new"), "--user", "x", "--password", "y", "--dry-run")
    assert result.status == 0
    assert "would create" in result.out
    assert not (tmp_path / "new").exists()


def test_the_written_configuration_names_every_option(tool: Tool):
    """All but two that are for those who develop it."""
    told = set(re.findall(r"^(?:# )?(bcm_\w+) =", (tool.folder / "radicale.ini").read_text(), re.MULTILINE))
    assert set(PLUGIN_CONFIG_SCHEMA["storage"]) - told == {"bcm_fast_answers", "bcm_compare_answers"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--user", "o'neil", "--password", "x"), 1),
        (("--user", "a:b", "--password", "x"), 1),
        (("--user", "a/b", "--password", "x"), 1),
        (("--user", "a", "--password", "x" * 73), 1),
        (("--user", "a", "--password", ""), 1),
        (("--user", "a"), 2),
        ((), 2),
        (("--user", "a", "--password", "x", "--database", "nosuch://x"), 2),
    ],
)
def test_init_with_what_cannot_be_leaves_nothing_behind(tmp_path, arguments, status):
    result = run("init", str(tmp_path / "new"), *arguments)
    assert result.status == status, result.err
    assert result.out == ""
    assert not (tmp_path / "new").exists()


def test_accounts_come_and_go(tool: Tool):
    users = tool.folder / "users"
    users.write_text("# people\n" + users.read_text())
    assert tool.json("user", "add", "bob", "--password", "bob's") == {"name": "bob"}
    assert [each["name"] for each in tool.json("user", "list")] == ["alice", "bob"]
    assert "already" in tool("user", "add", "bob", "--password", "x", status=1).err
    tool("user", "password", "bob", "--password", "neu")
    hashed = users.read_text().splitlines()[2].partition(":")[2]
    assert bcrypt.checkpw(b"neu", hashed.encode())
    refused = tool("user", "remove", "bob", status=1)
    assert "--yes" in refused.err
    tool("user", "remove", "bob", "--dry-run")
    assert "bob:" in users.read_text()
    assert tool.json("user", "remove", "bob", "--yes") == {"removed": ["bob"]}
    assert users.read_text().startswith("# people\nalice:")
    assert "bob" not in users.read_text()
    assert users.stat().st_mode & 0o777 == 0o600
    assert "no account" in tool("user", "password", "bob", "--password", "x", status=1).err
    assert tool("user", "add", "carol", status=2).out == ""


def test_check_finds_everything_in_order_and_leaves_no_trace(tool: Tool):
    found = tool.json("check")
    assert found["ok"]
    assert {"round trip", "business database", "accounts"} <= {each["name"] for each in found["checks"]}
    assert tool.json("contact", "list") == []
    assert tool.json("deleted", "list") == []


def test_check_names_what_is_wrong(tool: Tool, tmp_path):
    text = tool.ini.read_text()
    wrong = tmp_path / "wrong.ini"
    wrong.write_text(text.replace("owner_only", "authenticated").replace("[web]", "strict_preconditions = True\n[web]"))
    result = run("-C", str(wrong), "check")
    assert result.status == 1
    assert "strict_preconditions" in result.out
    assert "owner_only" in result.out
    wrong.write_text(text.replace("state.db", "gone.db"))
    assert run("-C", str(wrong), "check").status == 3
    wrong.write_text(text.replace("bcm_on_delete = trash", "bcm_on_delete = maybe"))
    result = run("-C", str(wrong), "check")
    assert result.status == 1
    assert "maybe" in result.err


def test_a_database_that_is_gone_is_unavailable_and_not_made_anew(tool: Tool, tmp_path):
    broken = tmp_path / "broken.ini"
    broken.write_text(tool.ini.read_text().replace("state.db", "gone.db"))
    result = run("-C", str(broken), "contact", "list", "--json")
    assert result.status == 3
    assert "gone.db" in result.json["error"]
    assert not (tool.folder / "gone.db").exists()


def test_wrong_usage_says_so():
    assert run("nonsense").status == 2
    assert run("contact", "show").status == 2
    assert run("-C", "/nowhere/radicale.ini", "contact", "list").status == 2
    assert "radicale-bcm init" in run("contact", "list", HOME="/nonexistent").err


def test_every_command_teaches_with_an_example():
    """--help of each command, and of each of its subcommands."""
    overview = run("--help")
    assert overview.status == 0
    names = [(name,) for name in _commands(overview.out)]
    assert {("init",), ("demo",), ("serve",), ("check",), ("status",), ("user",), ("sync",), ("import",)} <= set(names)
    while names:
        name = names.pop()
        shown = run(*name, "--help")
        assert shown.status == 0
        assert f"For example:\n      radicale-bcm {name[0]}" in shown.out.replace(
            " -C /srv/contacts/radicale.ini", ""
        ), name
        names += [(*name, each) for each in _commands(shown.out)]


def _commands(text: str) -> list[str]:
    lines = text.partition("Commands:")[2].splitlines()
    return [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
