# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty phones that poll while contacts are edited, for ten minutes on two workers: how long answers take.

    python -m tests.benchmarks.load [--phones 20] [--every 15] [--edits 5] [--minutes 10] [--workers 2]

Every phone belongs to another person and does an ordinary delta sync with the cards in it. Edits are PUTs with
If-Match, half to business cards, which all phones get, half to plain contacts; an edit that meets a newer card (412)
is repeated, as a phone does. Exit status 1 if an answer is 5xx or the 99th percentile is beyond the aim.
"""

import argparse
import os
import platform
import queue
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import filled
from tests.benchmarks.client import CARD, Client, token_of
from tests.dav import Server

# For python -m tests.benchmarks --short.
SHORT = ["--minutes", "0.1", "--every", "2", "--phones", "4", "--cards", "50", "--aim", "60000"]
AIM_MS = 250


@dataclass
class Answers:
    """What came back: milliseconds by kind of request, and the statuses that were none of success."""

    times: dict[str, list[float]] = field(default_factory=dict)
    odd: dict[int, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, status: int, seconds: float) -> None:
        """An answer."""
        with self.lock:
            self.times.setdefault(kind, []).append(seconds * 1000)
            if status >= 400:
                self.odd[status] = self.odd.get(status, 0) + 1


def timed(answers: Answers, kind: str, client: Client, method: str, path: str, body: str = "", **headers: str) -> bytes:
    """One request, measured."""
    started = time.perf_counter()
    status, content, _ = client.ask(method, path, body, **headers)
    answers.add(kind, status, time.perf_counter() - started)
    return content if status < 300 else b""


def poll(client: Client, answers: Answers) -> None:
    """What a phone does when its timer rings."""
    body = (
        '<sync-collection xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
        f"<sync-token>{client.token}</sync-token><sync-level>1</sync-level>"
        "<prop><getetag/><C:address-data/></prop></sync-collection>"
    )
    content = timed(answers, "poll", client, "REPORT", client.book, body)
    client.token = token_of(content) or client.token


def phone(client: Client, answers: Answers, every: float, offset: float, until: float) -> None:
    """Poll until the end."""
    time.sleep(offset)
    while time.monotonic() < until:
        began = time.monotonic()
        poll(client, answers)
        time.sleep(max(0.0, min(every - (time.monotonic() - began), until - time.monotonic())))


def editor(client: Client, answers: Answers, jobs: "queue.Queue[bool | None]", rng: random.Random) -> None:
    """Edit cards as they are asked for."""
    while (business := jobs.get()) is not None:
        href = rng.choice(client.business if business else client.plain)
        for _ in range(5):
            started = time.perf_counter()
            text, etag = client.edited(href, rng)
            answers.add("get", 200, time.perf_counter() - started)
            started = time.perf_counter()
            status, _, _ = client.ask("PUT", href, text, **CARD, **{"If-Match": etag})
            answers.add("put", 200 if status == 412 else status, time.perf_counter() - started)
            if status != 412:
                break


def run(server: Server, people: list[str], options: argparse.Namespace) -> Answers:
    """Let all of them work."""
    answers = Answers()
    clients = [Client(server.url, f"/{name}/{filled.FOLDER}/", name, filled.PASSWORD) for name in people]
    for client in clients:
        client.start(60)
    editors = [client.another() for client in clients[:4]]
    for each, known in zip(editors, clients, strict=False):
        each.business, each.plain = known.business, known.plain
    until = time.monotonic() + options.minutes * 60
    jobs: queue.Queue[bool | None] = queue.Queue()
    threads = [
        threading.Thread(
            target=phone, args=(client, answers, options.every, number * options.every / len(clients), until)
        )
        for number, client in enumerate(clients)
    ]
    working = [
        threading.Thread(target=editor, args=(each, answers, jobs, random.Random(number)))
        for number, each in enumerate(editors)
    ]
    for each in (*threads, *working):
        each.start()
    number = 0
    while time.monotonic() < until:
        jobs.put(number % 2 == 0)
        number += 1
        time.sleep(1 / options.edits)
    for _ in working:
        jobs.put(None)
    for each in (*threads, *working):
        each.join()
    return answers


def report(answers: Answers, options: argparse.Namespace) -> bool:
    """The table; whether the aims are met."""
    machine = f"{platform.node()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"\n{machine}: {options.phones} phones, a poll every {options.every:g} s, {options.edits:g} edits a second,"
          f" {options.minutes:g} minutes, {options.workers} workers, {options.cards} cards each\n")  # fmt: skip
    print("| answer | how many | median, ms | 99th percentile | largest |\n|---|---|---|---|---|")
    everything = [each for times in answers.times.values() for each in times]
    for name, times in (*sorted(answers.times.items()), ("all", everything)):
        ordered = sorted(times)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        print(f"| {name} | {len(ordered)} | {statistics.median(ordered):.1f} | {p99:.1f} | {ordered[-1]:.1f} |")
    print(f"\nstatuses from 400 on: {answers.odd or 'none'}")
    return p99 <= options.aim and not any(status >= 500 for status in answers.odd)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=20)
    parser.add_argument("--every", type=float, default=15)
    parser.add_argument("--edits", type=float, default=5)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cards", type=int, default=1000)
    parser.add_argument("--aim", type=float, default=AIM_MS, help="the 99th percentile in ms that is allowed")
    options = parser.parse_args()
    people = [f"person{number}" for number in range(options.phones)]
    with tempfile.TemporaryDirectory(prefix="bcm-load-") as folder:
        config = filled.make(Path(folder) / "site", options.cards, people)
        with Server(config, workers=options.workers) as server:
            answers = run(server, people, options)
    sys.exit(0 if report(answers, options) else 1)


if __name__ == "__main__":
    main()
