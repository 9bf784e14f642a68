# SPDX-License-Identifier: GPL-3.0-or-later
"""The sales trip, told in one piece and with the commands as a person types them: Nick Brigandi is on Alice's phone;
she deletes him and creates Andrea Dunker; the administrator finds Nick in Deleted Items and restores him."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dav import Server, card, line
from tests.http.company import PASSWORD, run_command

ROOT = Path(__file__).resolve().parents[2]


def radicale_bcm(*args: str) -> str:
    """Run the command in a process of its own; its output."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "radicale_bcm", *args],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


# State and business database, on the same engine and on different ones.
ENGINES = [
    ("sqlite", "sqlite"),
    *(
        pytest.param(*each, marks=pytest.mark.servers)
        for each in (
            ("postgresql", "postgresql"),
            ("mariadb", "mariadb"),
            ("postgresql", "mariadb"),
            ("mariadb", "postgresql"),
            ("sqlite", "mariadb"),
            ("postgresql", "sqlite"),
        )
    ),
]


@pytest.mark.parametrize(("state", "business"), ENGINES)
def test_the_sales_trip(state: str, business: str, request: pytest.FixtureRequest, tmp_path: Path):
    addresses = []
    # Once with processes is enough.
    command = radicale_bcm if (state, business) == ("sqlite", "sqlite") else run_command
    for option, engine in (("--state", state), ("--database", business)):
        if engine != "sqlite":
            addresses += [option, request.getfixturevalue(engine).new_database()]
    command("init", str(tmp_path), "--user", "alice", "--password", PASSWORD, *addresses)
    config = tmp_path / "radicale.ini"

    def run(*args: str):
        return json.loads(command("-C", str(config), *args, "--json"))

    run("user", "add", "bob", "--password", PASSWORD)
    nick = run("contact", "add", "given_name=Nick", "family_name=Brigandi", "email=nick@example.com")
    for person in ("alice", "bob"):
        assert run("sync", "start", "--principal", person, "--folder", "Contacts")["business_cards"] == 1

    with Server(config) as server, server.client("alice", PASSWORD) as hers, server.client("bob", PASSWORD) as his:
        alice, bob = server.phone("alice", PASSWORD), server.phone("bob", PASSWORD)
        alice.client, bob.client = hers, his
        alice.sync()
        bob.sync()
        assert list(alice.cards) == list(bob.cards)
        href, etag, text = alice.find("Brigandi")
        assert line(text, "X-BCM-KIND") == "business-contact"
        assert line(text, "CATEGORIES") == "Business"
        assert line(text, "UID") == nick["uid"]

        # On the trip.
        assert alice.delete(href, etag=etag).status_code in (200, 204)
        andrea = card("uid-andrea", "Andrea Dunker", "EMAIL:andrea@example.com")
        assert alice.put("andrea.vcf", andrea, new=True).status_code == 201
        alice.sync()
        assert set(alice.cards) == {"andrea.vcf"}

        # Bob's phone, and the office.
        assert bob.sync() == (set(), {href})
        (found,) = run("deleted", "list")
        assert (found["id"], found["name"], found["deleted_by"]) == (nick["id"], "Nick Brigandi", "alice")
        assert found["deleted_at"].endswith("Z")
        assert run("contact", "list") == []
        assert alice.get("andrea.vcf").text == andrea
        assert "X-BCM" not in andrea

        run("deleted", "restore", nick["id"])
        for phone, others in ((alice, {"andrea.vcf"}), (bob, set())):
            assert phone.sync() == ({href}, set())
            assert set(phone.cards) == {href} | others
            assert line(phone.cards[href][1], "UID") == nick["uid"]
            assert phone.sync() == (set(), set())
        assert run("deleted", "list") == []
        assert run("check")["ok"]
        (back,) = run("contact", "list")
        assert (back["id"], back["uid"], back["deleted"]) == (nick["id"], nick["uid"], None)
