# SPDX-License-Identifier: GPL-3.0-or-later
"""The command on PostgreSQL and MariaDB."""

from pathlib import Path

import pytest

from tests.cli.conftest import Tool, run


@pytest.mark.servers
@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_an_installation_on_a_server(engine, request: pytest.FixtureRequest, tmp_path: Path):
    server = request.getfixturevalue(engine)
    urls = ("--database", server.new_database(), "--state", server.new_database())
    made = run("init", str(tmp_path / "site"), "--user", "alice", "--password", "secret", *urls)
    assert made.status == 0, made.err
    assert run("init", str(tmp_path / "site"), "--user", "alice", "--password", "secret", *urls).status == 0
    tool = Tool(tmp_path / "site")
    fields = ("given_name=Nick", "family_name=Brigandi", "company=Contoso", "note=łódź 🎈")
    nick = tool.json("contact", "add", *fields)["id"]
    assert tool.json("sync", "start", "--principal", "alice", "--folder", "Contacts")["business_cards"] == 1
    file = tmp_path / "one.vcf"
    file.write_text("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zoë\r\nEND:VCARD\r\n", newline="")
    assert tool.json("import", str(file))["imported"] == 1
    assert tool.json("import", str(file))["imported"] == 0
    assert tool.json("contact", "show", "zoë")["name"] == "Zoë"
    tool("contact", "edit", nick, "birthday=1980-05-17", "active=no")
    tool("contact", "delete", nick, "--yes")
    assert tool.json("deleted", "restore", nick)["restored"] == [nick]
    assert tool.json("status")[0]["business_cards"] == 2
    assert tool.json("verify")["differences"] == []
    assert tool.json("check")["ok"]
