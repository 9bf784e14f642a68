# SPDX-License-Identifier: GPL-3.0-or-later
"""The database server is stopped while clients write, and comes back: nothing is lost or doubled, and service recovers
without a restart. BCM_OUTAGE_SECONDS sets for how long; 30 is what is asked for, and BCM_RECOVERY_SECONDS=5."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.dav import Server
from tests.http.company import Company, Office
from tests.http.load import Load
from tests.servers import Server as DatabaseServer

pytestmark = pytest.mark.servers

SECONDS = float(os.environ.get("BCM_OUTAGE_SECONDS", "3"))
RECOVERY_SECONDS = float(os.environ.get("BCM_RECOVERY_SECONDS", "50"))  # 5 on a machine that does nothing else


@pytest.fixture(params=["postgresql", "mariadb"])
def down(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A database server of its own, because it is stopped."""
    with closing(type(request.getfixturevalue(request.param))()) as server:
        yield server


@pytest.fixture(params=["business", "both"])
def office(request: pytest.FixtureRequest, down: DatabaseServer, tmp_path: Path) -> Iterator[Office]:
    """An office whose business database is on that server, or both databases are."""
    company = Company(tmp_path, down.new_database(), down.new_database() if request.param == "both" else None)
    company.hire("alice")
    with Server(company.config, workers=2) as server, closing(Office(company, server)) as opened:
        yield opened


def _everybody_wrote(load: Load) -> float:
    """Wait until every client has written once more; the seconds that took."""
    written = {each: len(titles) for each, titles in load.titles.items()}
    began = time.monotonic()
    while any(len(titles) == written[each] for each, titles in load.titles.items()):
        time.sleep(0.02)
        assert time.monotonic() < began + 120
    return time.monotonic() - began


def test_the_database_server_is_stopped_under_load_and_comes_back(office: Office, down: DatabaseServer):
    only_business = office.company.state.startswith("sqlite")
    records = [office.company.add(given_name=f"Nick {number}", job_title="Buyer") for number in range(4)]
    workers = office.server.worker_pids()
    with Load(office.company, lambda: [office.server], records) as load:
        _everybody_wrote(load)
        usual = _everybody_wrote(load)
        down.stop()
        time.sleep(0.5)
        created = len(load.created)
        time.sleep(SECONDS)
        created = len(load.created) - created
        down.start()
        recovered = _everybody_wrote(load)
        time.sleep(1)
    print(
        f"{down.account}, {'business database' if only_business else 'both databases'} down for {SECONDS:.0f} s: writes"
        f" {dict(load.statuses)}, reads {dict(load.reads)}, slowest read {load.slowest_read:.1f} s, every client wrote"
        f" again {recovered:.1f} s after the server answered ({usual:.1f} s before the outage)"
    )
    assert load.errors == []
    assert set(load.statuses) <= {201, 204, 503}
    assert load.statuses[503] > 0
    if only_business:
        assert set(load.reads) == {207}
        assert created > 0, "plain contacts need no business database"
    # On a busy machine, a round of writes takes its time without any outage.
    assert recovered < RECOVERY_SECONDS + 3 * usual
    assert office.server.worker_pids() == workers
    log = (office.company.folder / "server.log").read_text()
    assert "Traceback" not in log
    phone = office.phone("alice")
    load.nothing_is_lost_or_doubled(phone)
