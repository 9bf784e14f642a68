# SPDX-License-Identifier: GPL-3.0-or-later
"""Us against stock Radicale: the same machine, the same cards, interleaved rounds, medians.

    python -m tests.benchmarks.against_stock [--cards 1000] [--rounds 3] [--state URL --database URL]

Ours shows half of the cards as business cards, with marker and category, and half as plain contacts.
"""

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from radicale_bcm.cli.sample import contacts
from radicale_bcm.contacts.card import ServerLines, render
from tests.benchmarks.cost import Cost, measure
from tests.dav import Server

NAMESPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:CS="http://calendarserver.org/ns/"'
SHORT = ["--cards", "50", "--rounds", "1", "--seconds", "0.05"]  # for python -m tests.benchmarks --short
USER, PASSWORD, BOOK = "bench", "bench", "/bench/Contacts/"
AIMS = {
    "sync_full": 15, "sync_init": 70, "multiget": 6, "poll_ctag": 200, "poll_sync": 200, "delta_1": 100,
    "put_plain": 6, "put_business": 4, "search_name": 80, "search_email": 80, "search_phone": 80,
}  # fmt: skip


class Client:
    """One keep-alive connection with a login."""

    def __init__(self, server: Server) -> None:
        self.pid = server.pid
        address = urlsplit(server.url)
        assert address.hostname
        self._http = HTTPConnection(address.hostname, address.port or 80, timeout=300)
        self._auth = {"Authorization": "Basic YmVuY2g6YmVuY2g="}
        self.token = ""
        self.hrefs: list[str] = []

    def call(self, method: str, path: str, body: str = "", **headers: str) -> bytes:
        """One request that must succeed."""
        self._http.request(method, path, body.encode(), self._auth | headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def sync(self, token: str, props: str = "<getetag/>") -> bytes:
        """A sync-collection report."""
        body = f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><prop>{props}</prop></sync-collection>"
        return self.call("REPORT", BOOK, body)

    def multiget(self, hrefs: list[str]) -> bytes:
        """A multiget report."""
        listed = "".join(f"<href>{href}</href>" for href in hrefs)
        prop = "<prop><getetag/><C:address-data/></prop>"
        return self.call(
            "REPORT", BOOK, f"<C:addressbook-multiget {NAMESPACES}>{prop}{listed}</C:addressbook-multiget>"
        )

    def start(self) -> None:
        """Learn the token and the hrefs."""
        root = ET.fromstring(self.sync(""))
        self.token = root.findtext("{DAV:}sync-token") or ""
        self.hrefs = [each.text or "" for each in root.iter("{DAV:}href")]

    def search(self, prop: str, text: str) -> bytes:
        """An addressbook-query for a part of a property."""
        match = f'<C:text-match match-type="contains">{text}</C:text-match>'
        found = f'<C:filter><C:prop-filter name="{prop}">{match}</C:prop-filter></C:filter>'
        prop_list = "<prop><getetag/><C:address-data/></prop>"
        return self.call("REPORT", BOOK, f"<C:addressbook-query {NAMESPACES}>{prop_list}{found}</C:addressbook-query>")


def operations(client: Client, cards: dict[str, str], rng: random.Random) -> dict[str, Callable[[], object]]:
    """What clients do, by name; each call is one of it."""
    business = [href for href in client.hrefs if href.rpartition("/")[2] not in cards]
    plain = [href for href in client.hrefs if href.rpartition("/")[2] in cards]

    def put(hrefs: list[str]) -> str:
        href = rng.choice(hrefs)
        text = client.call("GET", href).decode()
        lines = [line for line in text.split("\r\n") if not line.startswith("TEL")]
        lines.insert(-2, f"TEL;TYPE=cell,voice:+1 555 {rng.randrange(10**7):07}")
        client.call("PUT", href, "\r\n".join(lines), **{"Content-Type": "text/vcard; charset=utf-8"})
        return href

    def delta() -> None:
        before = client.token
        put(plain)
        client.token = ET.fromstring(client.sync(before)).findtext("{DAV:}sync-token") or ""

    def full() -> None:
        client.sync("")
        for start in range(0, len(client.hrefs), 100):
            client.multiget(client.hrefs[start : start + 100])

    ctag = f"<propfind {NAMESPACES}><prop><CS:getctag/></prop></propfind>"
    etags = f"<propfind {NAMESPACES}><prop><getetag/></prop></propfind>"
    return {
        "sync_full": full,
        "sync_init": lambda: client.sync(""),
        "multiget": lambda: client.multiget(rng.sample(client.hrefs, min(100, len(client.hrefs)))),
        "propfind_1": lambda: client.call("PROPFIND", BOOK, etags, Depth="1"),
        "poll_ctag": lambda: client.call("PROPFIND", BOOK, ctag, Depth="0"),
        "poll_sync": lambda: client.sync(client.token),
        "delta_1": delta,
        "get": lambda: client.call("GET", rng.choice(client.hrefs)),
        "put_plain": lambda: put(plain),
        "put_business": lambda: put(business or plain),
        "search_name": lambda: client.search("FN", "ander"),
        "search_email": lambda: client.search("EMAIL", "nick@"),
        "search_phone": lambda: client.search("TEL", "555 01"),
    }


def prepare(home: Path, *, stock: bool, state: str, database: str) -> Server:
    """A server's folder and its configuration."""
    home.mkdir()
    (home / "users").write_text(f"{USER}:{PASSWORD}\n")
    ours = "" if stock else f"type = radicale_bcm\nbcm_state_url = {state}\nbcm_database_url = {database}\n"
    (home / "radicale.ini").write_text(
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {home}/users\nhtpasswd_encryption = plain\n"
        f"[rights]\ntype = owner_only\n[logging]\nlevel = error\n"
        f"[storage]\n{ours}filesystem_folder = {home}/collections\n"
    )
    return Server(home / "radicale.ini", stock=stock)


def fill(server: Server, count: int, *, stock: bool) -> dict[str, str]:
    """Put the cards in: half of ours as records of the business database. Returns the plain ones by href."""
    sample = contacts(count)
    cards = {}
    half = 0 if stock else count // 2
    if not stock:
        command = [sys.executable, "-m", "radicale_bcm", "-C", str(server.config)]
        source = server.config.parent / "business.vcf"
        texts = [render(None, each.fields, ServerLines(f"business-{number}", 1, "0")).text
                 for number, each in enumerate(sample[:half])]  # fmt: skip
        source.write_text("".join(texts), newline="")
        subprocess.run([*command, "import", str(source)], check=True, stdout=subprocess.DEVNULL)
        start = ["sync", "start", "--principal", USER, "--folder", "Contacts"]
        subprocess.run([*command, *start], check=True, stdout=subprocess.DEVNULL)
    client = Client(server)
    if stock:
        kind = "<resourcetype><collection/><C:addressbook/></resourcetype>"
        client.call("MKCOL", BOOK, f"<mkcol {NAMESPACES}><set><prop>{kind}</prop></set></mkcol>")
    for number, each in enumerate(sample[half:], half):
        href = f"plain-{number}.vcf"
        cards[href] = render(None, each.fields, ServerLines(f"plain-{number}", 1, "0", marker_property=False)).text
        client.call("PUT", BOOK + href, cards[href], **{"Content-Type": "text/vcard; charset=utf-8"})
    return cards


def report(results: dict[str, dict[str, list[Cost]]], count: int, rounds: int) -> None:
    """The table, as Markdown."""
    print(f"\n{platform.node()}, {os.cpu_count()} cores, Python {platform.python_version()}, {count} cards, "
          f"medians of {rounds} interleaved rounds, server CPU in ms (least to most)\n")  # fmt: skip
    print("| operation | stock | ours | ratio | aim |\n|---|---|---|---|---|")
    for name, sides in results.items():
        medians = {}
        cells = {}
        for side, costs in sides.items():
            values = [cost.cpu_ms for cost in costs]
            medians[side] = max(statistics.median(values), 0.001)
            cells[side] = f"{medians[side]:.2f} ({min(values):.2f} to {max(values):.2f})"
        ratio = medians["stock"] / medians["ours"]
        aim = AIMS.get(name)
        verdict = f"{aim}" + ("" if ratio >= aim else " **missed**") if aim else ""
        print(f"| {name} | {cells['stock']} | {cells['ours']} | {ratio:.1f} | {verdict} |")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="server CPU time spent on one operation in a round")
    parser.add_argument("--only", default="", help="comma list of operations")
    parser.add_argument("--state", default="")
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bcm-bench-") as folder:
        home = Path(folder)
        sides = {}
        for side in ("stock", "ours"):
            state = options.state or f"sqlite:///{home}/ours/state.db"
            database = options.database or f"sqlite:///{home}/ours/business.db"
            server = prepare(home / side, stock=side == "stock", state=state, database=database)
            if side == "ours":
                initialise = [sys.executable, "-m", "radicale_bcm", "init", str(home / "ours"), "--user", "other"]
                initialise += ["--password", "other-password", "--state", state, "--database", database]
                subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL)
            server.start()
            sides[side] = (server, fill(server, options.cards, stock=side == "stock"))
        try:
            results: dict[str, dict[str, list[Cost]]] = {}
            for _ in range(options.rounds):
                for side, (server, cards) in sides.items():
                    client = Client(server)
                    client.start()
                    for name, action in operations(client, cards, random.Random(1)).items():
                        if options.only and name not in options.only.split(","):
                            continue
                        cost = measure(server.pid, action, seconds=options.seconds)
                        results.setdefault(name, {}).setdefault(side, []).append(cost)
                        print(f"{side:6} {name:14} {cost.cpu_ms:9.2f} ms CPU {cost.wall_ms:9.2f} ms", file=sys.stderr)
            report(results, options.cards, options.rounds)
        finally:
            for server, _ in sides.values():
                server.stop()


if __name__ == "__main__":
    main()
