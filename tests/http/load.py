# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that write for as long as it lasts, on whichever server answers, and remember every answer that they got."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing

import httpx

from tests.dav import Phone, Server, card, line, replaced
from tests.http.company import PASSWORD, Company


class Load:
    """A client for each of these business contacts, which edits its card and creates a plain contact in turn.

    `addresses` says which servers there are now. What was answered with success stands in `titles` (the last one of
    each record is `current`) and `created`; what got no answer, or was refused for now, may or may not have happened.
    """

    def __init__(self, company: Company, addresses: Callable[[], Sequence[Server]], records: Sequence[str]) -> None:
        self.company = company
        self._addresses = addresses
        self.records = list(records)
        self.titles: dict[str, list[str]] = {each: [] for each in records}
        self.unknown: dict[str, list[str]] = {each: [] for each in records}
        self.created: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.errors: list[str] = []
        self.reads: Counter[int] = Counter()
        self.slowest_read = 0.0
        self.last = 0.0
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(len(records))]
        self._threads.append(threading.Thread(target=self._read))

    def __enter__(self) -> "Load":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for each in self._threads:
            each.join()

    def _ask(self, number: int, method: str, path: str, **options: object) -> httpx.Response | None:
        """One request to one of the servers; None if there was no answer."""
        servers = self._addresses()
        if not servers:
            return None
        server = servers[number % len(servers)]
        try:
            with closing(server.client("alice", PASSWORD)) as client:
                return client.request(method, path, **options)  # type: ignore[arg-type]
        except httpx.TransportError:
            return None

    def _write(self, number: int) -> None:
        record = self.records[number]
        turn = number
        href = ""
        unanswered = False
        while not self._stopped.is_set():
            turn += 1
            href = href or self._find(turn, record)
            got = self._ask(turn, "GET", href) if href else None
            if got is None or got.status_code != 200:
                time.sleep(0.05)
                continue
            title = f"{record}-{turn}"
            sent = replaced(got.text, f"TITLE:{line(got.text, 'TITLE')}", f"TITLE:{title}").encode()
            answer = self._ask(turn, "PUT", href, content=sent, headers={"If-Match": got.headers["ETag"]})
            # What got no answer may be committed a moment later, by the database server alone.
            if answer is None or not (unanswered and answer.status_code == 412):
                self._note(answer)
            unanswered = answer is None
            if answer is not None and answer.status_code in (200, 204):
                self.titles[record].append(title)
            else:
                self.unknown[record].append(title)
            name = f"/alice/Contacts/load-{number}-{turn}.vcf"
            answer = self._ask(turn, "PUT", name, content=card(f"load-{number}-{turn}", "Load").encode())
            self._note(answer)
            if answer is not None and answer.status_code in (201, 204):
                self.created.append(name.rpartition("/")[2])
            time.sleep(0.02)

    def _find(self, turn: int, record: str) -> str:
        """Address of the card, once a server says it."""
        servers = self._addresses()
        try:
            with closing(servers[turn % len(servers)].client("alice", PASSWORD)) as client:
                phone = Phone(client, "/alice/Contacts/")
                phone.sync()
            return phone.folder + phone.business_card(record)[0]
        except (httpx.TransportError, AssertionError, ZeroDivisionError):
            return ""

    def _note(self, answer: httpx.Response | None) -> None:
        if answer is None:
            return
        self.statuses[answer.status_code] += 1
        if answer.status_code in (201, 204):
            self.last = time.monotonic()
        elif answer.status_code != 503:
            self.errors.append(f"{answer.request.method} {answer.status_code} {answer.text[:300]}")

    def _read(self) -> None:
        turn = 0
        body = (
            '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level>'
            "<prop><getetag/></prop></sync-collection>"
        )
        while not self._stopped.is_set():
            turn += 1
            started = time.monotonic()
            answer = self._ask(turn, "REPORT", "/alice/Contacts/", content=body)
            if answer is not None:
                self.reads[answer.status_code] += 1
                self.slowest_read = max(self.slowest_read, time.monotonic() - started)
            time.sleep(0.1)

    def nothing_is_lost_or_doubled(self, phone: Phone) -> None:
        """Every value that was answered is current or in the history, and every contact is there once."""
        phone.sync()
        uids = Counter(line(text, "UID") for _, text in phone.cards.values())
        assert max(uids.values()) == 1
        assert set(self.created) <= phone.cards.keys()
        for record in self.records:
            _, _, text = phone.business_card(record)
            now = line(text, "TITLE")
            assert self.company.row(record)["job_title"] == now
            history = self.company.history(record)
            known = {each["changes"].get("job_title", ["", ""])[1] for each in history}
            assert set(self.titles[record]) <= known
            # The last that was answered, or one without an answer that came after it.
            later = [each for each in self.unknown[record] if _turn(each) > _turn(self.titles[record][-1])]
            assert now in {self.titles[record][-1], *later}
            # Each edit was made once, and none that nobody sent.
            titles = [each["changes"]["job_title"][1] for each in history if "job_title" in each["changes"]]
            assert len(titles) == len(set(titles))
            assert set(titles) <= {*self.titles[record], *self.unknown[record], "Buyer"}
        assert self.company.run("verify")["differences"] == []


def _turn(title: str) -> int:
    return int(title.rpartition("-")[2])
