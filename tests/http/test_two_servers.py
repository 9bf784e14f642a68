# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 10: two servers on one PostgreSQL behave as one; one of them may be killed, restarted or replaced by a
newer version meanwhile. They share nothing but the databases."""

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.dav import Phone, Server, card, replaced
from tests.http.company import PASSWORD, Company
from tests.http.load import Load
from tests.servers import PostgreSQL

pytestmark = pytest.mark.servers

ROUNDS = 40
CLIENTS = 6
KILLS = int(os.environ.get("BCM_KILLS", "3"))
ROOT = Path(__file__).resolve().parents[2]


class Pair:
    """Two servers of one company, each with a configuration of its own, as on two machines."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.servers: list[Server] = []
        for name in ("first", "second"):
            folder = company.folder / name
            folder.mkdir()
            shutil.copy(company.config, folder / "radicale.ini")
            self.servers.append(Server(folder / "radicale.ini").start())
        self.alive = list(self.servers)

    def kill(self, server: Server) -> None:
        """As a power cut does."""
        self.alive.remove(server)
        for each in (server.pid, *server.worker_pids()):
            os.kill(each, signal.SIGKILL)
        server.stop(signal.SIGKILL)

    def start(self, server: Server) -> None:
        server.start()
        self.alive.append(server)

    def stop(self, server: Server) -> None:
        self.alive.remove(server)
        assert server.stop() == 0

    def phone(self, number: int) -> Phone:
        phone = self.servers[number].phone("alice", PASSWORD)
        phone.sync()
        return phone

    def logs(self) -> str:
        return "".join((each.config.parent / "server.log").read_text() for each in self.servers)


def _paired(postgresql: PostgreSQL, folder: Path) -> Iterator[Pair]:
    company = Company(folder, postgresql.new_database(), postgresql.new_database())
    company.hire("alice")
    made = Pair(company)
    yield made
    for each in made.alive:
        each.stop()


@pytest.fixture(scope="module")
def pair(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers for all tests but one."""
    yield from _paired(postgresql, tmp_path_factory.mktemp("pair"))


@pytest.fixture
def own_pair(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Pair]:
    """Two servers for a test that changes their databases."""
    yield from _paired(postgresql, tmp_path)


def _buyers(company: Company, count: int) -> list[str]:
    return [company.add(given_name=f"Nick {number}", job_title="Buyer") for number in range(count)]


@pytest.mark.parametrize("kind", ["business", "plain"])
def test_of_racing_edits_with_one_if_match_exactly_one_wins(pair: Pair, kind: str):
    (record,) = _buyers(pair.company, 1)
    phones = [pair.phone(0), pair.phone(1)]
    if kind == "plain":
        href = "racing.vcf"
        phones[0].put(href, card("uid-racing", "Racing", "TITLE:Buyer"))
    else:
        href, _, _ = phones[0].business_card(record)
    winners = []
    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as pool:
        clients = [
            stack.enter_context(closing(pair.servers[number % 2].client("alice", PASSWORD)))
            for number in range(CLIENTS)
        ]
        title = "Buyer"
        for number in range(ROUNDS):
            got = phones[number % 2].get(href)

            def edit(each: int, number=number, got=got, title=title):
                sent = replaced(got.text, f"TITLE:{title}\r\n", f"TITLE:{number}-{each}\r\n").encode()
                path = phones[0].folder + href
                return clients[each].put(path, content=sent, headers={"If-Match": got.headers["ETag"]}).status_code

            statuses = list(pool.map(edit, range(CLIENTS)))
            assert sorted(statuses) == [204] + [412] * (CLIENTS - 1)
            winners.append(statuses.index(204) % 2)
            title = f"{number}-{statuses.index(204)}"
            for phone in phones:
                assert f"TITLE:{title}\r\n" in phone.get(href).text
                assert phone.sync()[1] == set()
                assert f"TITLE:{title}\r\n" in phone.cards[href][1]
    assert set(winners) == {0, 1}, "each server won sometimes"
    for phone in phones:
        phone.client.close()


def test_a_sync_token_of_one_server_is_good_on_the_other(pair: Pair):
    (record,) = _buyers(pair.company, 1)
    phone = pair.phone(0)
    phone.client.close()
    clients = [each.client("alice", PASSWORD) for each in pair.servers]
    for number in range(10):
        writer = Phone(clients[number % 2], phone.folder)
        assert writer.put(f"token-{number}.vcf", card(f"uid-token-{number}", "Mine")).status_code == 201
        pair.company.set(record, job_title=f"Title {number}")
        phone.client = clients[(number + 1) % 2]
        changed, removed = phone.sync()
        assert (len(changed), f"token-{number}.vcf" in changed, removed) == (2, True, set())
        phone.client = clients[number % 2]
        assert phone.sync() == (set(), set())
    for each in clients:
        each.close()


def test_a_server_killed_under_load_loses_nothing_that_was_answered(pair: Pair):
    """BCM_KILLS sets how often; each time the other one goes on."""
    records = _buyers(pair.company, 6)
    chance = random.Random(7)
    with Load(pair.company, lambda: pair.alive, records) as load:
        for number in range(KILLS):
            time.sleep(chance.uniform(1, 2))
            victim = pair.servers[number % 2]
            pair.kill(victim)
            time.sleep(chance.uniform(0.5, 1.5))
            pair.start(victim)
        time.sleep(1)
    assert load.errors == []
    assert all(load.titles.values())
    with closing(pair.servers[0].client("alice", PASSWORD)) as client:
        load.nothing_is_lost_or_doubled(Phone(client, "/alice/Contacts/"))
    print(f"{sum(load.statuses.values())} writes, {KILLS} kills: {dict(load.statuses)}")


STATE_MIGRATION = '''"""A trial."""
from alembic import op
from sqlalchemy import Column, Text, inspect
revision, down_revision = "9999", "{head}"
def upgrade() -> None:
    if "trial" not in [each["name"] for each in inspect(op.get_bind()).get_columns("{table}")]:
        op.add_column("{table}", Column("trial", Text, nullable=False, server_default="x"))
        op.create_index("ix_trial", "{table}", ["trial"])
'''


def newer_version(folder: Path) -> Path:
    """The package with one more migration of each database."""
    shutil.copytree(ROOT / "radicale_bcm", folder / "radicale_bcm", ignore=shutil.ignore_patterns("__pycache__"))
    for room, table in (("books", "card"), ("business", "contact")):
        versions = folder / "radicale_bcm" / room / "migrations" / "versions"
        head = max(each.name[:4] for each in versions.glob("0*.py"))
        (versions / "9999_trial.py").write_text(STATE_MIGRATION.format(head=head, table=table))
    return folder


def test_a_rolling_update_with_a_migration_while_the_other_serves(own_pair: Pair, tmp_path: Path):
    """Each server in turn is stopped in peace and started as a newer version, whose first start changes both schemas;
    no client gets an error but while its own server is away."""
    pair = own_pair
    newer = newer_version(tmp_path / "newer")
    records = _buyers(pair.company, 4)
    state, business = pair.company.state, pair.company.database
    with Load(pair.company, lambda: pair.alive, records) as load:
        time.sleep(1)
        for server in pair.servers:
            pair.stop(server)
            server.root = newer
            pair.start(server)
            assert pair.company.sql("SELECT version_num FROM bcm_state_version", url=state) == [{"version_num": "9999"}]
            found = pair.company.sql("SELECT version_num FROM bcm_business_version", url=business)
            assert found == [{"version_num": "9999"}]
            time.sleep(1.5)
    assert load.errors == []
    assert set(load.statuses) <= {201, 204}
    assert set(load.reads) == {207}
    assert "Traceback" not in pair.logs()
    with closing(pair.servers[0].client("alice", PASSWORD)) as client:
        phone = Phone(client, "/alice/Contacts/")
        phone.sync()
        assert set(load.created) <= phone.cards.keys()
        for record in records:
            assert pair.company.row(record)["job_title"] == load.titles[record][-1]
    print(f"{sum(load.statuses.values())} writes, {sum(load.reads.values())} reads, slowest {load.slowest_read:.2f} s")
