# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm database`, and what `status` and `sync now` say of a database that lost its records."""

from pathlib import Path

import pytest

from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.business.schema import contact
from tests.cli.conftest import Tool, installed


@pytest.fixture
def own(tmp_path: Path) -> Tool:
    """An installation with two contacts, in alice's folder, and a second database with one."""
    tool = installed(tmp_path / "site")
    tool("contact", "add", "given_name=Nick", "email=nick@example.com")
    tool("contact", "add", "given_name=Andrea", "email=andrea@example.com")
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    added = tool.json("database", "add", "second", "--url", f"sqlite:///{tmp_path}/second.db")
    assert (added["name"], added["current"]) == ("second", False)
    other = BusinessDatabase(f"sqlite:///{tmp_path}/second.db")
    with other.writer() as source:
        source.connection.execute(contact.insert(), {"given_name": "Zoe"})
    other.close()
    return tool


def shown(tool: Tool) -> tuple[str, int]:
    (found,) = tool.json("status")
    return found["database"], found["business_cards"]


def test_there_and_back_with_each_choice(own: Tool):
    assert shown(own) == ("main", 2)
    listed = own.json("database", "list")
    assert [(each["name"], each["current"]) for each in listed] == [("main", True), ("second", False)]
    assert all(each["id"] and each["url"].startswith("sqlite:///") for each in listed)
    assert own.json("database", "switch", "second", "--keep", "--dry-run")["kept"] == 2
    assert shown(own) == ("main", 2)
    own("database", "switch", "second", status=2)
    own("database", "switch", "second", "--keep", "--remove", status=2)
    own("database", "switch", "third", "--keep", status=1)
    assert own.json("database", "switch", "second", "--keep")["kept"] == 2
    assert shown(own) == ("second", 3)
    assert own.json("contact", "list")[0]["given_name"] == "Zoe"
    for selector in ("Nick", "nick@example.com"):
        kept = own.json("why", "alice", selector)
        assert kept["shown"]
        assert "kept from the business database main" in kept["reasons"][0]
    assert own.json("database", "switch", "main", "--remove")["removed"] == 1
    assert shown(own) == ("main", 2)
    assert own.json("database", "switch", "second", "--import")["imported"] == 2
    assert shown(own) == ("second", 3)
    assert len(own.json("contact", "list")) == 3
    assert own.json("database", "switch", "main", "--remove")["current"] == "main"
    assert shown(own) == ("main", 2)
    assert own.json("verify")["differences"] == []
    assert own.json("check")["ok"]
    assert "already" in own("database", "switch", "main", "--keep").out


def test_forget(own: Tool):
    own("database", "forget", "main", "--yes", status=1)
    own("database", "switch", "second", "--keep")
    own("database", "forget", "main", status=1)
    assert own.json("database", "forget", "main", "--dry-run")["removed"] == 2
    assert shown(own) == ("second", 3)
    assert own.json("database", "forget", "main", "--yes")["removed"] == 2
    assert shown(own) == ("second", 1)
    assert [each["name"] for each in own.json("database", "list")] == ["second"]
    own("database", "forget", "main", "--yes", status=1)


def test_a_password_is_not_shown_and_an_address_that_leads_nowhere_is_unavailable(own: Tool):
    own("database", "add", "third", "--url", "oracle://127.0.0.1/x", status=2)
    result = own("database", "add", "third", "--url", "postgresql://bcm:secret@127.0.0.1:1/x", status=3)
    assert "secret" not in result.out + result.err
    assert len(own.json("database", "list")) == 2


def test_a_database_that_lost_its_records_is_an_error_that_somebody_confirms(own: Tool):
    many = "".join(f"BEGIN:VCARD\nVERSION:3.0\nFN:Person {number}\nEND:VCARD\n" for number in range(40))
    own("import", "-", stdin=many)
    assert shown(own)[1] == 42
    business = BusinessDatabase(f"sqlite:///{own.folder}/business.db")
    with business.writer() as source:
        source.connection.execute(contact.delete().where(contact.c.given_name == "Nick"))
    assert own.json("sync", "now")["removed"] == 1
    with business.writer() as source:
        source.connection.execute(contact.delete())
    business.close()
    assert own.json("sync", "now", "--dry-run", status=1)["refused"] == 41
    counts = own.json("sync", "now", status=1)
    assert (counts["removed"], counts["refused"]) == (0, 41)
    (status,) = own.json("status")
    assert (status["business_cards"], status["missing_records"], status["up_to_date"]) == (41, 41, False)
    assert "sync now --full --yes" in own("status").err
    own("sync", "now", "--yes", status=2)
    assert own.json("sync", "now", "--full", status=1)["refused"] == 41
    assert own.json("sync", "now", "--full", "--yes", "--dry-run")["removed"] == 41
    assert shown(own)[1] == 41
    assert own.json("sync", "now", "--full", "--yes")["removed"] == 41
    assert shown(own)[1] == 0
    assert own.json("status")[0]["missing_records"] == 0


def test_a_filter_or_a_switch_that_takes_many_cards_away_is_confirmed(own: Tool):
    many = "".join(f"BEGIN:VCARD\nVERSION:3.0\nFN:Person {number}\nEND:VCARD\n" for number in range(40))
    own("import", "-", stdin=many)
    before = shown(own)
    change = ("sync", "set", "--principal", "alice", "--filter", "name=Person 1*")
    assert own.json(*change, "--dry-run")["leaving"] == 31
    assert "31 business cards leave" in own(*change, status=1).err
    assert "--yes" in own("sync", "start", *change[2:], status=1).err
    assert shown(own) == before
    # Within the bound nobody asks, and a folder that is another one takes nothing away.
    assert own.json("sync", "set", "--principal", "alice", "--filter", "name=<>Person 1*")["leaving"] == 11
    assert own.json("sync", "set", "--principal", "alice", "--no-filter")["entering"] == 11
    own("sync", "set", "--principal", "alice", "--folder", "Others")
    assert shown(own) == before
    assert "42 cards leave" in own("database", "switch", "second", "--remove", status=1).err
    assert shown(own) == before
    assert own.json(*change, "--yes")["leaving"] == 31
    assert own.json("database", "switch", "second", "--remove", "--yes")["removed"] == 11
