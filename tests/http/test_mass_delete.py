# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC C9: a client that deletes a lot at once. Each test has a company of its own, with the bound as it is shipped."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.dav import Server
from tests.http.company import Company, Office, Refused
from tests.http.conftest import make_company

SHIPPED = 20


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def small(request, tmp_path: Path):
    """Alice and bob see all of 40 contacts; two workers serve them."""
    company = make_company(request.param, request, tmp_path)
    company.configure("bcm_max_deletes = 1000", f"bcm_max_deletes = {SHIPPED}")
    company.hire("alice")
    company.hire("bob")
    with Server(company.config, workers=2) as server, closing(Office(company, server)) as office:
        yield office


def fill(company: Company, number: int) -> None:
    for each in range(number):
        company.sql(f"INSERT INTO contact (given_name, family_name) VALUES ('Person', 'Number{each:03}')")
    company.run("sync", "now")


def deleted_rows(company: Company) -> int:
    return int(company.sql("SELECT count(*) AS n FROM contact WHERE deleted_at IS NOT NULL")[0]["n"])


def status(company: Company, name: str) -> int:
    return int(company.run("status", "--principal", name)[0]["quarantined"])


def delete_all(phone, number: int | None = None) -> list[str]:
    """What a phone that was reset by mistake does: one DELETE after the other, each answered as done."""
    hrefs = sorted(phone.cards)[:number]
    for href in hrefs:
        assert phone.delete(href, etag=phone.cards[href][0]).status_code in (200, 204)
    return hrefs


def test_beyond_the_bound_records_stay_and_an_admin_brings_everything_back(small: Office):
    company = small.company
    fill(company, 40)
    alice, bob = small.phone("alice"), small.phone("bob")
    shown = dict(alice.cards)
    delete_all(alice)
    assert alice.sync() == (set(), set(shown))
    assert alice.cards == {}
    assert deleted_rows(company) == SHIPPED
    assert status(company, "alice") == 40 - SHIPPED
    assert status(company, "bob") == 0
    bob.sync()
    assert len(bob.cards) == 40 - SHIPPED
    assert len(company.run("deleted", "list")) == SHIPPED
    assert len(company.run("deleted", "list", "--quarantined")) == 40 - SHIPPED
    log = (company.folder / "server.log").read_text()
    assert "alice deletes many business contacts at once" in log
    counted = "SELECT action, count(*) AS n FROM history WHERE actor = 'alice' GROUP BY action"
    rows = company.sql(counted, url=company.state)
    assert {row["action"]: row["n"] for row in rows} == {"deleted": SHIPPED, "quarantined": 40 - SHIPPED}
    # Somebody else's few deletes are not held up by it.
    href = min(bob.cards)
    assert bob.delete(href).status_code in (200, 204)
    assert deleted_rows(company) == SHIPPED + 1

    restored = company.run("deleted", "restore", "--principal", "alice")
    assert (len(restored["restored"]), restored["refused"]) == (40, [])
    assert status(company, "alice") == 0
    changed, removed = alice.sync()
    assert removed == set()
    assert len(changed) == 39  # bob deleted one of them for good reason
    for name, (_, text) in alice.cards.items():
        assert text.split("REV")[0].replace("X-BCM-VERSION", "")  # a readable card
        assert name in shown
    bob.sync()
    assert len(bob.cards) == 39


def test_confirmed_deletes_are_in_deleted_items_and_gone_for_everybody(small: Office):
    company = small.company
    fill(company, 30)
    alice, bob = small.phone("alice"), small.phone("bob")
    delete_all(alice)
    alice.sync()
    assert len(company.run("deleted", "confirm", "--principal", "alice")["confirmed"]) == 30 - SHIPPED
    assert deleted_rows(company) == 30
    assert {each["deleted_by"] for each in company.run("deleted", "list")} == {"alice"}
    assert status(company, "alice") == 0
    assert alice.sync() == (set(), set())
    bob.sync()
    assert bob.cards == {}


def test_a_quarter_of_a_large_folder_may_go(small: Office):
    company = small.company
    fill(company, 120)
    alice = small.phone("alice")
    delete_all(alice, 40)
    assert deleted_rows(company) == 30
    assert status(company, "alice") == 10


def test_moves_count_and_the_window_ends(small: Office):
    company = small.company
    fill(company, 40)
    alice = small.phone("alice")
    client = small.client("alice")
    assert client.request("MKCOL", "/alice/Private/", content=MKCOL).status_code == 201
    hrefs = sorted(alice.cards)
    for href in hrefs[:25]:
        assert alice.move(href, f"/alice/Private/{href}").status_code in (201, 204)
    assert deleted_rows(company) == SHIPPED
    assert status(company, "alice") == 5
    private = small.phone("alice", "Private")
    assert set(private.cards) == set(hrefs[:25])
    assert not any("X-BCM" in text for _, text in private.cards.values())
    # Ten minutes later.
    earlier = "datetime(at, '-11 minutes')" if company.state.startswith("sqlite") else "at - interval '11 minutes'"
    if company.state.startswith("sqlite"):
        earlier = "strftime('%Y-%m-%dT%H:%M:%f000Z', at, '-11 minutes')"
    company.sql(f"UPDATE history SET at = {earlier}", url=company.state)
    alice.sync()
    delete_all(alice, 3)
    assert deleted_rows(company) == SHIPPED + 3
    assert status(company, "alice") == 5


def test_filters_and_stops_beyond_the_bound_are_confirmed_and_say_how_many_leave(small: Office):
    company = small.company
    fill(company, 40)
    alice = small.phone("alice")
    preview = company.run("sync", "set", "--principal", "alice", "--filter", "family_name=Number001", "--dry-run")
    assert preview["leaving"] == 39
    with pytest.raises(Refused):
        company.run("sync", "set", "--principal", "alice", "--filter", "family_name=Number001")
    assert alice.sync() == (set(), set())
    company.run("sync", "set", "--principal", "alice", "--filter", "family_name=Number001", "--yes")
    changed, removed = alice.sync()
    assert (len(changed), len(removed)) == (0, 39)
    assert status(company, "alice") == 0
    assert company.run("sync", "stop", "--principal", "alice", "--yes")["removed"] == 1
    alice.sync()
    assert alice.cards == {}
    assert deleted_rows(company) == 0


def test_undo_takes_a_mass_delete_back_too(small: Office):
    company = small.company
    fill(company, 30)
    alice = small.phone("alice")
    delete_all(alice)
    alice.sync()
    done = company.run("undo", "--by", "alice", "--since", "1h")
    assert (len(done["undone"]), done["refused"]) == (30, [])
    changed, removed = alice.sync()
    assert (len(changed), removed) == (30, set())
    assert deleted_rows(company) == 0
    assert json.loads(json.dumps(done)) == done


MKCOL = (
    '<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop>'
    "<resourcetype><collection/><C:addressbook/></resourcetype></prop></set></mkcol>"
)
