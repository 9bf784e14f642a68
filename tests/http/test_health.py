# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators ask a server, without a login: is it well, and numbers."""

import io
import re
import time
from pathlib import Path

import httpx
import pytest

from tests.dav import Server, replaced
from tests.http.company import Company, Office, Refused

HEALTH = "/.well-known/radicale-bcm/health"
METRICS = "/.well-known/radicale-bcm/metrics"


@pytest.fixture
def company(tmp_path: Path):
    company = Company(tmp_path)
    company.hire("alice")
    return company


def health(server: Server) -> tuple[int, dict]:
    answer = httpx.get(server.url + HEALTH, timeout=30)
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def number(page: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} ([0-9.e+-]+)$", page, re.MULTILINE)
    assert found, (name, page)
    return float(found[1])


def eventually(look, wanted, seconds=60.0):
    deadline = time.monotonic() + seconds
    while (found := look()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_it_says_how_things_are_to_anybody_and_names_nobody(company: Company):
    nick = company.add(given_name="Nick", family_name="Brigandi", email="nick@example.com")
    with Server(company.config, workers=1) as server:
        status, said = health(server)
        assert (status, said["status"]) == (200, "ok")
        assert said["databases"] == {"state": "ok", "business": "ok"}
        assert (said["pending"], said["lag"], said["quarantines"], said["missing"]) == (0, 0.0, 0, 0)
        text = httpx.get(server.url + HEALTH).text
        assert not any(each in text for each in ("alice", "Nick", str(company.folder), "sqlite"))
        assert httpx.head(server.url + HEALTH).content == b""
        assert httpx.put(server.url + HEALTH).status_code == 405
        assert httpx.get(server.url + METRICS).status_code == 404
        assert httpx.get(server.url + "/.well-known/radicale-bcm/../../alice/").status_code in (401, 404)
        assert httpx.get(server.url + "/.well-known/carddav", follow_redirects=False).status_code in (301, 302)

        # The business database goes away: everything is still served. The state database goes: nothing is.
        business = company.folder / "business.db"
        business.rename(company.folder / "away.db")
        eventually(lambda: (health(server)[0], health(server)[1]["status"]), (200, "degraded"))
        assert health(server)[1]["databases"] == {"state": "ok", "business": "unavailable"}
        (company.folder / "away.db").rename(business)
        eventually(lambda: health(server)[1]["status"], "ok")
        state = company.folder / "state.db"
        state.rename(company.folder / "gone.db")
        eventually(lambda: (health(server)[0], health(server)[1]["status"]), (503, "unavailable"))
        (company.folder / "gone.db").rename(state)
        eventually(lambda: health(server)[0], 200)
        assert company.row(nick)["email"] == "nick@example.com"


def test_the_log_says_who_synchronised_what_with_which_program(company: Company):
    company.configure("level = warning", "level = info")
    with Server(company.config) as server:
        office = Office(company, server)
        office.phone("alice", agent="DAVx5/4.4")
        office.close()
    log = (company.folder / "server.log").read_text()
    assert "'alice' with 'DAVx5/4.4': REPORT '/alice/Contacts/': 207" in log


def test_a_filter_that_takes_cards_away_is_asked_about_on_a_terminal(company: Company, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("Nick", "Ann"):
        company.add(given_name=name)
    narrower = ("sync", "set", "--principal", "alice", "--filter", "given_name=Nick")
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(Refused, match="1 business card leaves"):
        company.run(*narrower)
    assert company.run("status")[0]["business_cards"] == 2
    company.run(*narrower, "--yes")
    assert company.run("status")[0]["business_cards"] == 1
    # Nothing leaves, so nothing is asked.
    company.run("sync", "set", "--principal", "alice", "--no-filter")
    assert company.run("status")[0]["business_cards"] == 2


def test_numbers_of_all_workers(company: Company):
    pytest.importorskip("prometheus_client")
    company.config.write_text(company.config.read_text().replace("[storage]\n", "[storage]\nbcm_metrics = True\n", 1))
    company.configure("bcm_max_deletes = 1000", "bcm_max_deletes = 1")
    ids = [company.add(given_name="Person", family_name=f"N{each}", birthday="1980-05-17") for each in range(3)]
    with Server(company.config, workers=2) as server:
        office = Office(company, server)
        phone = office.phone("alice")
        href, etag, text = phone.business_card(ids[0])
        phone.put(href, replaced(text, "BDAY:1980-05-17", "BDAY:someday"), etag=etag)
        phone.sync()
        for href, (etag, _) in sorted(phone.cards.items()):
            phone.delete(href, etag=etag)
        page = httpx.get(server.url + METRICS).text
        assert number(page, 'bcm_requests_total{method="DELETE",status="200"}') == 3
        assert number(page, 'bcm_request_seconds_count{method="REPORT"}') == 2
        assert number(page, "bcm_refused_fields_total") == 1
        assert number(page, "bcm_quarantined_deletes_total") == 2
        assert number(page, "bcm_state_database_up") == 1
        eventually(lambda: number(httpx.get(server.url + METRICS).text, "bcm_quarantined_cards"), 2.0)
        assert httpx.request("NONSENSE" * 50, server.url + "/").status_code < 500
        page = httpx.get(server.url + METRICS).text
        assert "NONSENSE" not in page
        assert "alice" not in page
        office.close()
