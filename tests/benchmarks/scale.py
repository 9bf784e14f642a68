# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers cost with 100,000 cards against 1,000: CPU time, and the peak memory of a worker.

    python -m tests.benchmarks.scale [--cards 1000 100000] [--rounds 3] [--keep FOLDER]

Half of the cards are business cards, half plain contacts. Making 100,000 of them takes some minutes; with --keep they
stay in a folder and are found there by the next run.
"""

import argparse
import os
import platform
import random
import statistics
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import filled
from tests.benchmarks.client import Client, Operation, operations
from tests.benchmarks.cost import Cost, measure, peak_mb
from tests.dav import Server

SHORT = ["--cards", "50", "200", "--rounds", "1", "--seconds", "0.05"]  # for python -m tests.benchmarks --short
BOOK = f"/bench/{filled.FOLDER}/"
SAME = ("poll_ctag", "poll_sync", "delta_1", "get", "put_plain", "put_business")
MOST_RATIO, MOST_CARD_US, MOST_MB, MOST_SEARCH_MS = 1.5, 50, 150, 30
HITS = 20


def opened(folder: Path, count: int) -> Server:
    """A server over an installation that is there, or is made."""
    config = folder / "radicale.ini"
    return Server(config if config.exists() else filled.make(folder, count)).start()


def rare(client: Client) -> Operation:
    """A search that hits as many cards as a person looks at: numbers that this benchmark gave away."""
    numbers = [f"+49 30 {filled.DISTINCT + each:07}"[:-1] for each in (100, 110)]

    def run(_: object) -> None:
        found = client.search("TEL", *numbers).count(b"BEGIN:VCARD")
        assert found == HITS or len(client.hrefs) < 3 * filled.DISTINCT, found

    return Operation(run)


def one_round(servers: dict[int, Server], results: dict[str, dict[int, list[Cost]]], seconds: float) -> None:
    """Each operation once for each size."""
    clients = {count: Client(server.url, BOOK, "bench", filled.PASSWORD) for count, server in servers.items()}
    for client in clients.values():
        client.start(100)
    todo = {count: operations(client, random.Random(1)) for count, client in clients.items()}
    for name in ("sync_init", "propfind_1", "multiget", *SAME, "search_20"):
        for count, server in servers.items():
            operation = rare(clients[count]) if name == "search_20" else todo[count][name]
            cost = measure([server.pid], operation, seconds=seconds)
            results.setdefault(name, {}).setdefault(count, []).append(cost)
            print(f"{count:8} {name:14} {cost.cpu_ms:9.3f} ms CPU {cost.wall_ms:9.2f} ms", file=sys.stderr)


def report(results: dict[str, dict[int, list[Cost]]], servers: dict[int, Server], rounds: int) -> None:
    """The tables, as Markdown."""
    small, large = min(servers), max(servers)
    machine = f"{platform.node()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"\n{machine}, medians of {rounds} rounds, server CPU in ms (least to most)\n")
    print(f"| operation | {small} cards | {large} cards | ratio | aim |\n|---|---|---|---|---|")
    for name, costs in results.items():
        medians = {count: statistics.median(each.cpu_ms for each in found) for count, found in costs.items()}
        cells = []
        for count, found in costs.items():
            values = [each.cpu_ms for each in found]
            cells.append(f"{medians[count]:.2f} ({min(values):.2f} to {max(values):.2f})")
        ratio = medians[large] / medians[small]
        aim = ""
        if name in SAME:
            aim = f"ratio {MOST_RATIO}" + ("" if ratio <= MOST_RATIO else " **missed**")
        elif name == "sync_init":
            each = medians[large] / large * 1000
            aim = f"{each:.1f} of {MOST_CARD_US} µs a card" + ("" if each <= MOST_CARD_US else " **missed**")
        elif name == "search_20":
            aim = f"{MOST_SEARCH_MS} ms" + ("" if medians[large] <= MOST_SEARCH_MS else " **missed**")
        print(f"| {name} | {' | '.join(cells)} | {ratio:.2f} | {aim} |")
    peaks = ", ".join(f"{peak_mb(server.pid):.0f} MB with {count} cards" for count, server in servers.items())
    print(f"\nPeak memory of a worker, of at most {MOST_MB} MB: {peaks}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", type=int, nargs=2, default=[1000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="server CPU time spent on one operation in a round")
    parser.add_argument("--keep", type=Path, help="folder for the installations")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bcm-scale-") as folder:
        home = options.keep or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        servers = {}
        try:
            for count in options.cards:
                servers[count] = opened(home / str(count), count)
            results: dict[str, dict[int, list[Cost]]] = {}
            for _ in range(options.rounds):
                one_round(servers, results, options.seconds)
            report(results, servers, options.rounds)
        finally:
            for server in servers.values():
                server.stop()


if __name__ == "__main__":
    main()
