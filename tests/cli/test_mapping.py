# SPDX-License-Identifier: GPL-3.0-or-later
"""`database add --mapping` and `check` of an application's tables."""

from pathlib import Path

import pytest

from tests.cli.conftest import Tool, installed
from tests.contract.presets.applications import FILLERS, Application

APPLICATIONS = [("suitecrm", "mariadb"), ("espocrm", "postgresql"), ("odoo", "postgresql"), ("dolibarr", "mariadb")]


@pytest.mark.servers
@pytest.mark.parametrize(("name", "engine"), APPLICATIONS)
def test_check_tries_a_mapping_out_and_keeps_nothing(name, engine, request: pytest.FixtureRequest, tmp_path: Path):
    app = Application(name, request.getfixturevalue(engine).new_database())
    expected = FILLERS[name](app, 12)
    tool = installed(tmp_path / "site")
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    tool("database", "add", "crm", "--url", app.url, status=1)
    file = tmp_path / "mapping.toml"
    file.write_text(f'preset = "{name}"\nwrite = "sql"\n')
    assert tool.json("database", "add", "crm", "--url", app.url, "--mapping", str(file))["name"] == "crm"
    # Before anybody goes there: columns, types, three cards, and a round trip of which nothing stays.
    before = app.dump()
    found = [each["message"] for each in tool.json("check")["checks"] if each["name"] == "database crm"]
    assert sum("columns are there and of the right types" in each for each in found) == 1
    cards = [each for each in found if "becomes this card" in each]
    assert len(cards) == 3
    for each in cards:
        assert expected[each.split()[1]]["business_city"] in each
        assert "\nX-BCM-KIND:business-contact\n" in each
    assert found.count("a contact was added, changed, deleted and rolled back") == 1
    assert app.dump() == before
    assert tool.json("database", "switch", "crm", "--remove")["shown"] == len(expected)
    before = app.dump()
    assert tool.json("check")["ok"]
    assert app.dump() == before
    contact = tool.json("contact", "list", "--filter", "city=Redmond")[0]
    assert contact["id"] in expected
    tool("contact", "edit", contact["id"], "business_city=Bellevue")
    assert tool.json("contact", "show", contact["id"])["business_city"] == "Bellevue"
    assert "no column" in tool("contact", "edit", contact["id"], "hobby=Chess", status=1).err
    tool("contact", "delete", contact["id"], "--yes")
    assert [each["id"] for each in tool.json("deleted", "list")].count(contact["id"]) == 1
    tool("deleted", "restore", contact["id"])
    tool("deleted", "purge", "--all", "--yes", status=1)
    assert tool.json("sync", "now", "--full")["refused"] == 0
    assert tool.json("verify")["differences"] == []
    # A mapping that fits no longer, and one that cannot be read.
    file.write_text(file.read_text() + '[fields]\nnickname = "nowhere"\n')
    findings = tool.json("check", status=3)["checks"]
    assert any("has no column nowhere" in each["message"] for each in findings)
    wrong = {"odoo": "active", "espocrm": "do_not_call", "suitecrm": "deleted", "dolibarr": "no_email"}[name]
    file.write_text(f'preset = "{name}"\nwrite = "sql"\n[fields]\nbirthday = "{wrong}"\n')
    findings = tool.json("check", status=1)["checks"]
    assert any("holds no birthday, which is a date" in each["message"] for each in findings), findings
    file.write_text("[fields")
    assert not tool.json("check", status=3)["ok"]
    app.engine.dispose()


def test_a_bad_mapping_is_refused_with_its_place(tmp_path: Path):
    tool: Tool = installed(tmp_path / "site")
    file = tmp_path / "mapping.toml"
    file.write_text('table = "x"\n[fields]\nemial = "mail"\n')
    result = tool("database", "add", "crm", "--url", f"sqlite:///{tmp_path}/x.db", "--mapping", str(file), status=1)
    assert "fields.emial" in result.err
    assert "is email meant?" in result.err
    assert not (tmp_path / "x.db").exists()
