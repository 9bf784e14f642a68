# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops PostgreSQL at once (as `pg_ctl stop -m immediate` does), again and again, while phones write through a server.

Nothing is written to the disk at such a stop, so the next start recovers from the write-ahead log; fsync is on here.
"""

import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.dav import Server, card, line, replaced
from tests.http.company import PASSWORD, Company
from tests.servers import PostgreSQL

CLIENTS = 4
PATIENCE = 90


class Durable(PostgreSQL):
    """A PostgreSQL server that waits for the disk, as the real one does."""

    def _command(self) -> list[str]:
        return [each.replace("fsync=off", "fsync=on") for each in super()._command()]

    def stop_at_once(self) -> None:
        """Every process of it ends without finishing anything."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(PATIENCE)
        self._process = None


class Writer(threading.Thread):
    """A phone that edits one business card and creates plain contacts, and remembers what it was answered."""

    def __init__(self, server: Server, record: str, number: int) -> None:
        super().__init__()
        self.record, self.number = record, number
        self.titles: list[str] = []
        self.open: set[str] = set()
        self.created: list[str] = []
        self.statuses: list[int] = []
        self.ending = threading.Event()
        self._client = server.client("alice", PASSWORD)
        self._href = ""

    def run(self) -> None:
        """Write until the end."""
        turn = 0
        with closing(self._client):
            while not self.ending.is_set():
                turn += 1
                try:
                    self._edit(f"{self.number}-{turn}")
                    self._create(f"new-{self.number}-{turn}")
                except httpx.TransportError:
                    self.statuses.append(0)
                    time.sleep(0.05)

    def _edit(self, title: str) -> None:
        if not self._href:
            self._href = self._find()
            return
        got = self._client.get(self._href)
        if got.status_code != 200:
            time.sleep(0.05)
            return
        text = replaced(got.text, f"TITLE:{line(got.text, 'TITLE')}", f"TITLE:{title}")
        self.open.add(title)
        self._note(self._client.put(self._href, content=text.encode(), headers={"If-Match": got.headers["ETag"]}))
        if self.statuses[-1] < 300:
            self.titles.append(title)

    def _create(self, name: str) -> None:
        self._note(self._client.put(f"/alice/Contacts/{name}.vcf", content=card(name, name).encode()))
        if self.statuses[-1] < 300:
            self.created.append(name)

    def _note(self, answer: httpx.Response) -> None:
        self.statuses.append(answer.status_code)

    def _find(self) -> str:
        answer = self._client.request("PROPFIND", "/alice/Contacts/", headers={"Depth": "1"})
        for part in answer.text.split("<href>")[1:] if answer.status_code == 207 else ():
            href = part.partition("<")[0]
            if href.endswith(".vcf") and f"X-BCM-ID:{self.record}\r\n" in self._client.get(href).text:
                return href
        time.sleep(0.05)
        return ""


@contextmanager
def _office(folder: Path) -> Iterator[tuple[Durable, Company, Server]]:
    cluster = Durable()
    try:
        company = Company(folder, cluster.new_database(), cluster.new_database())
        company.hire("alice")
        for number in range(CLIENTS):
            company.add(given_name=f"Person{number}", job_title="none")
        with Server(company.config, workers=2) as server:
            yield cluster, company, server
    finally:
        cluster.close()


def run(count: int, seed: int = 7) -> str:
    """So many stops; what was seen, in a line. AssertionError if anything that was answered is lost."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, _office(Path(folder)) as (cluster, company, server):
        writers = [Writer(server, str(number + 1), number) for number in range(CLIENTS)]
        for each in writers:
            each.start()
        try:
            for _ in range(count):
                _wait_for_more(writers)
                time.sleep(chance.random() * 0.3)
                cluster.stop_at_once()
                time.sleep(chance.random() * 0.2)
                cluster.start()
            _wait_for_more(writers)  # the same workers serve again
        finally:
            for each in writers:
                each.ending.set()
            for each in writers:
                each.join()
        return _looked_at(company, writers, count)


def _wait_for_more(writers: list[Writer]) -> None:
    """Until every phone was answered another edit."""
    before = [len(each.titles) for each in writers]
    deadline = time.monotonic() + PATIENCE
    while any(len(each.titles) <= known for each, known in zip(writers, before, strict=True)):
        assert time.monotonic() < deadline, [each.statuses[-5:] for each in writers]
        time.sleep(0.02)


def _looked_at(company: Company, writers: list[Writer], count: int) -> str:
    company.run("sync", "now")
    for each in writers:
        row = company.row(each.record)
        known = [value for entry in company.history(each.record) for value in entry["changes"].get("job_title", ())]
        lost = [title for title in each.titles if title != row["job_title"] and title not in known]
        assert not lost, (each.record, lost)
        assert row["job_title"] == each.titles[-1] or row["job_title"] in each.open - set(each.titles)
    paths = {row["href"] for row in company.sql("SELECT href FROM item", url=company.state)}
    lost = [name for each in writers for name in each.created if f"{name}.vcf" not in paths]
    assert not lost, lost
    assert company.run("verify")["differences"] == []
    statuses = [status for each in writers for status in each.statuses]
    odd = {each for each in statuses if each not in (0, 200, 201, 204, 412, 503)}
    assert not odd, odd
    answered = sum(len(each.titles) + len(each.created) for each in writers)
    refused = sum(status in (0, 503) for status in statuses)
    return f"{count} stops: {answered} writes were answered with success, {refused} with 503 or not at all; 0 lost"
