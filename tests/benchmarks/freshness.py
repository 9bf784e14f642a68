# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a change that another process commits in the business database is in a client's delta.

    python -m tests.benchmarks.freshness [--short] [--engines sqlite,postgresql,mariadb] [--servers 1,2] [--changes 100]

For each engine, with one server and with two on the same databases: a process of its own commits one row after the
other. "delta" is the time from when its commit returned until an answer with the change has arrived at a client that
asks for its delta all the time, of the two servers in turn. "background" is the time until the state shows the change
without any client asking (MariaDB cannot notify, so there it is the second between two looks); "CPU" is the servers'
processor time for each change then, which is no measure of a busy machine. The aim is a delta within 1 second at p95.
--short makes 20 changes.

Throw-away PostgreSQL and MariaDB servers are started for it.
"""

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy.pool import NullPool

from tests.benchmarks.cost import cpu_seconds
from tests.dav import Phone, Server
from tests.http.company import PASSWORD, Company
from tests.servers import MariaDB, PostgreSQL

AIM = 1.0
CONTACTS = 200
_SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}

# The other program: a line in, a statement committed, a line out with the time at which the commit had returned.
WRITER = """
import sys, time, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1])
for line in sys.stdin:
    with engine.begin() as connection:
        connection.exec_driver_sql(line)
    print(repr(time.time()), flush=True)
"""


def driver_url(url: str) -> str:
    """The URL with the driver that SQLAlchemy is to take."""
    return url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:")


@contextmanager
def writer(url: str) -> Iterator[Callable[[str], float]]:
    """Commits statements in another process; gives the time of each commit."""
    command = [sys.executable, "-c", WRITER, driver_url(url)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def commit(statement: str) -> float:
            print(statement, file=process.stdin, flush=True)
            return float(process.stdout.readline())

        yield commit
        process.stdin.close()


def in_delta(commit: Callable[[str], float], phones: list[Phone], number: int) -> float:
    """One change, seen by a client that asks all the time."""
    phone, title = phones[number % len(phones)], f"Title {number}"
    at = commit(statement(number, title))
    while True:
        changed, _ = phone.sync()
        if any(f"TITLE:{title}\r\n" in phone.cards[href][1] for href in changed):
            return time.time() - at
        if time.time() - at > 30:
            raise SystemExit(f"change {number} did not come within 30 seconds")


def in_background(commit: Callable[[str], float], state: sqlalchemy.Engine, number: int) -> float:
    """One change, seen in the state database while no client asks."""
    title = f"Quiet {number}"
    at = commit(statement(number, title))
    found = sqlalchemy.text("SELECT count(*) FROM card WHERE text LIKE :part")
    while True:
        with state.connect() as connection:
            if connection.execute(found, {"part": f"%TITLE:{title}\r\n%"}).scalar_one():
                return time.time() - at
        if time.time() - at > 30:
            raise SystemExit(f"change {number} did not come within 30 seconds")
        time.sleep(0.01)


def statement(number: int, title: str) -> str:
    """A change of one of the contacts."""
    return f"UPDATE contact SET job_title = '{title}' WHERE family_name = 'Person{number % CONTACTS}'"


def percentile(values: list[float], share: float) -> float:
    """The nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def measured(engine: str, servers: int, changes: int, home: Path, cluster: PostgreSQL | MariaDB | None) -> list[str]:
    """Two rows of the table."""
    addresses = (cluster.new_database(), cluster.new_database()) if cluster else ()
    company = Company(home, *addresses)
    company.hire("alice")
    values = ", ".join(f"('Nick', 'Person{number}')" for number in range(CONTACTS))
    company.sql(f"INSERT INTO contact (given_name, family_name) VALUES {values}")
    with ExitStack() as stack:
        running = []
        for number in range(servers):
            config = home / f"server{number}" / "radicale.ini"
            config.parent.mkdir()
            config.write_text(company.config.read_text())
            running.append(stack.enter_context(Server(config, workers=2)))
        phones = [each.phone("alice", PASSWORD) for each in running]
        for phone in phones:
            stack.enter_context(closing(phone.client))
            phone.sync()
        commit = stack.enter_context(writer(company.database))
        state = sqlalchemy.create_engine(driver_url(company.state), poolclass=NullPool)
        deltas = [in_delta(commit, phones, number) for number in range(changes)]
        time.sleep(2)
        before = sum(cpu_seconds([each.pid]) for each in running)
        quiet = [in_background(commit, state, number) for number in range(changes)]
        cost = (sum(cpu_seconds([each.pid]) for each in running) - before) / changes * 1000
    rows = []
    for name, seconds in (("delta", deltas), ("background", quiet)):
        late = percentile(seconds, 0.95)
        verdict = "" if name == "background" else "met" if late <= AIM else "**missed**"
        numbers = (statistics.median(seconds), late, max(seconds))
        cells = " | ".join(f"{each * 1000:.0f}" for each in numbers)
        cpu = f"{cost:.0f}" if name == "background" else ""
        rows.append(f"| {engine} | {servers} | {name} | {changes} | {cells} | {cpu} | {verdict} |")
    return rows


def main() -> None:
    """Measure and print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default="sqlite,postgresql,mariadb")
    parser.add_argument("--servers", default="1,2")
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--short", action="store_true", help="20 changes")
    options = parser.parse_args()
    print(
        f"{platform.node()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    print("\n| engine | servers | seen | changes | median ms | p95 ms | most ms | CPU ms | aim: p95 of 1 s |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="bcm-fresh-") as folder:
        for engine in options.engines.split(","):
            cluster = _SERVERS[engine]() if engine in _SERVERS else None
            try:
                for servers in map(int, options.servers.split(",")):
                    home = Path(folder) / f"{engine}{servers}"
                    changes = 20 if options.short else options.changes
                    print("\n".join(measured(engine, servers, changes, home, cluster)), flush=True)
            finally:
                if cluster:
                    cluster.close()


if __name__ == "__main__":
    main()
