# SPDX-License-Identifier: GPL-3.0-or-later
"""One of all the processes that share a state follows the business database, and another does when it is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from radicale_bcm.books import cards
from radicale_bcm.books.open import StateDatabase
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.business.schema import contact
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.watch import Watcher

ROOT = Path(__file__).resolve().parents[2]

HOLDER = """
import sys, time
from radicale_bcm.books.open import StateDatabase
held = StateDatabase(sys.argv[1]).leadership("test")
print(held.held(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def states(database_url: str) -> Iterator[list[StateDatabase]]:
    """The same state database, as three processes have it open."""
    found = [StateDatabase(database_url) for _ in range(3)]
    found[0].upgrade(create=True)
    yield found
    for each in found:
        each.close()


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_one_leads_until_it_lets_go(states: list[StateDatabase]):
    one, two, three = (each.leadership("test") for each in states)
    assert one.held()
    assert [each.held() for each in (one, two, three, one)] == [True, False, False, True]
    assert states[1].leadership("another").held()
    one.release()
    assert within(10, two.held)  # a server lets go of the lock when it has noticed that the session is over
    assert not one.held()
    assert not three.held()


def test_another_leads_when_the_process_was_killed(states: list[StateDatabase], database_url: str):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database_url],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "True\n"
            mine = states[0].leadership("test")
            assert not mine.held()
        finally:
            process.send_signal(signal.SIGKILL)
    assert within(60, mine.held)


@pytest.mark.servers
@pytest.mark.parametrize("engine_name", ["postgresql", "mariadb"], indirect=True)
def test_who_lost_the_connection_leads_no_longer(states: list[StateDatabase], plain_sql, engine_name: str):
    """The server was restarted, or a network is gone: nobody may believe that it leads for ever."""
    one, two = states[0].leadership("test"), states[1].leadership("test")
    assert one.held()
    if engine_name == "postgresql":
        plain_sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
    else:
        ((session,),) = plain_sql("SELECT IS_USED_LOCK(CONCAT(LEFT('bcm test', 24), SHA1(DATABASE())))")
        plain_sql(f"KILL {session}")
    assert within(60, two.held)
    assert not one.held()


def test_of_several_watchers_one_looks_and_the_next_takes_over(new_database_url: Callable[[], str]):
    options = Options(new_database_url(), new_database_url(), poll_interval=0.1)
    with ExitStack() as stack:
        sites = [stack.enter_context(closing(open_site(options, create=True))) for _ in range(3)]
        watchers = [Watcher(site) for site in sites]
        for each in watchers:
            stack.callback(each.stop)
            each.start()
        assert within(60, lambda: any(each.leads for each in watchers))
        time.sleep(0.5)
        business = stack.enter_context(closing(BusinessDatabase(options.database_url)))

        def is_shown(name: str) -> bool:
            with sites[0].read() as conn:
                return any(each.label == name for each in cards.iterate(conn, sites[0].origin().id))

        for number in range(3):
            (leader,) = [each for each in watchers if each.leads]
            with business.writer() as source:
                source.connection.execute(contact.insert(), {"name": f"Person {number}"})
            assert within(60, lambda name=f"Person {number}": is_shown(name))
            leader.stop()
            watchers.remove(leader)
            assert within(60, lambda: not watchers or any(each.leads for each in watchers))
