# SPDX-License-Identifier: GPL-3.0-or-later
"""Us against stock Radicale: the same machine, the same cards, interleaved rounds, medians.

    python -m tests.benchmarks.against_stock [--cards 1000] [--rounds 3] [--postgresql]

Ours shows half of the cards as business cards, with marker and category, and half as plain contacts; its databases are
SQLite with synchronous=FULL. `--postgresql` compares ours with itself instead, on a private PostgreSQL server. The
aims of the polls were set for eight connections at once (`_8`).
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
from tests.benchmarks.client import CARD, NAMESPACES, Client, operations
from tests.benchmarks.cost import Cost, measure
from tests.dav import Server
from tests.servers import PostgreSQL

SHORT = ["--cards", "50", "--rounds", "1", "--seconds", "0.05"]  # for python -m tests.benchmarks --short
USER, BOOK = "bench", f"/bench/{filled.FOLDER}/"
AIMS = {
    "sync_full": 15, "sync_init": 70, "multiget": 6, "poll_ctag": 200, "poll_sync": 200, "poll_ctag_8": 200,
    "poll_sync_8": 200, "delta_1": 100, "put_plain": 6, "put_business": 4, "search_name": 80, "search_email": 80,
    "search_phone": 80,
}  # fmt: skip
Results = dict[str, dict[str, list[Cost]]]


def stock(home: Path, count: int) -> Server:
    """Stock Radicale with the same contacts, each as a file."""
    home.mkdir()
    (home / "users").write_text(f"{USER}:{filled.PASSWORD}\n")
    (home / "radicale.ini").write_text(
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {home}/users\nhtpasswd_encryption = plain\n"
        f"[rights]\ntype = owner_only\n[logging]\nlevel = error\n[storage]\nfilesystem_folder = {home}/collections\n"
    )
    server = Server(home / "radicale.ini", stock=True).start()
    client = Client(server.url, BOOK, USER, filled.PASSWORD)
    kind = "<resourcetype><collection/><C:addressbook/></resourcetype>"
    client.call("MKCOL", BOOK, f"<mkcol {NAMESPACES}><set><prop>{kind}</prop></set></mkcol>")
    for number, fields in enumerate(filled.samples(count)):
        client.call("PUT", f"{BOOK}plain-{number}.vcf", filled.plain_text(number, fields), **CARD)
    return server


def report(results: Results, count: int, rounds: int) -> None:
    """The table of CPU time, as Markdown; how many times ours costs less than the other side, or more than SQLite."""
    print(f"\n{platform.node()}, {os.cpu_count()} cores, Python {platform.python_version()}, {count} cards, "
          f"medians of {rounds} interleaved rounds, server CPU in ms (least to most)\n")  # fmt: skip
    other = next(iter(next(iter(results.values()))))
    against_stock = other == "stock"
    compared = "stock / ours" if against_stock else "times ours"
    print(f"| operation | {other} | ours | {compared} | aim |\n|---|---|---|---|---|")
    for name, sides in results.items():
        medians, cells = {}, {}
        for side, costs in sides.items():
            values = [cost.cpu_ms for cost in costs]
            medians[side] = max(statistics.median(values), 0.001)
            cells[side] = f"{medians[side]:.2f} ({min(values):.2f} to {max(values):.2f})"
        ratio = medians[other] / medians["ours"]
        aim = AIMS.get(name) if against_stock else 3
        met = aim is None or (ratio >= aim if against_stock else ratio <= aim)
        verdict = f"{aim or ''}" + ("" if met else " **missed**")
        print(f"| {name} | {cells[other]} | {cells['ours']} | {ratio:.1f} | {verdict} |")


def wall_report(results: Results) -> None:
    """The medians of wall time, which other programs on the machine disturb most."""
    sides = next(iter(results.values()))
    print("\n| wall time, ms | " + " | ".join(sides) + " |\n|---|" + "---|" * len(sides))
    for name, costs in results.items():
        medians = [statistics.median(each.wall_ms for each in several) for several in costs.values()]
        print(f"| {name} | " + " | ".join(f"{each:.2f}" for each in medians) + " |")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="server CPU time spent on one operation in a round")
    parser.add_argument("--only", default="", help="comma list of operations")
    parser.add_argument("--postgresql", action="store_true", help="ours on PostgreSQL beside ours on SQLite, no stock")
    options = parser.parse_args()
    cluster = PostgreSQL() if options.postgresql else None
    with tempfile.TemporaryDirectory(prefix="bcm-bench-") as folder:
        home = Path(folder)
        sides: dict[str, tuple[Server, list[int]]] = {}
        if cluster is None:
            sides["stock"] = stock(home / "stock", options.cards), []
        else:
            config = filled.make(
                home / "pg", options.cards, state=cluster.new_database(), database=cluster.new_database()
            )
            sides["PostgreSQL"] = Server(config).start(), cluster.pids()
        sides["ours"] = Server(filled.make(home / "ours", options.cards)).start(), []
        try:
            results: Results = {}
            for number in range(options.rounds):
                one_round(sides, results, set(filter(None, options.only.split(","))), options.seconds, number)
            report(results, options.cards, options.rounds)
            wall_report(results)
        finally:
            for server, _ in sides.values():
                server.stop()
            if cluster is not None:
                cluster.close()


def one_round(
    sides: dict[str, tuple[Server, list[int]]], results: Results, only: set[str], seconds: float, number: int
) -> None:
    """Each operation once on each side; edits differ from those of the rounds before."""
    clients = {}
    for side, (server, _) in sides.items():
        clients[side] = Client(server.url, BOOK, USER, filled.PASSWORD)
        clients[side].start()
    todo = {side: operations(client, random.Random(number)) for side, client in clients.items()}
    for name in next(iter(todo.values())):
        if only and name not in only:
            continue
        for side, (server, more) in sides.items():
            cost = measure([server.pid, *more], todo[side][name], seconds=seconds)
            results.setdefault(name, {}).setdefault(side, []).append(cost)
            print(f"{side:10} {name:14} {cost.cpu_ms:9.3f} ms CPU {cost.wall_ms:9.2f} ms", file=sys.stderr)


if __name__ == "__main__":
    main()
