# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of an address book as phones and mail programs are, and what it does. Imported by the benchmarks."""

import base64
import random
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

NAMESPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:CS="http://calendarserver.org/ns/"'
CARD = {"Content-Type": "text/vcard; charset=utf-8"}
_CARD_DATA = "<prop><getetag/><C:address-data/></prop>"
_TOKEN = re.compile(rb"<sync-token>([^<]+)</sync-token>")
_HREF = re.compile(rb"<href>([^<]+)</href>")


class Client:
    """One keep-alive connection of a person to one address book."""

    def __init__(self, url: str, book: str, user: str, password: str) -> None:
        address = urlsplit(url)
        assert address.hostname
        self.url, self.book, self._login = url, book, (user, password)
        self._http = HTTPConnection(address.hostname, address.port or 80, timeout=300)
        self._auth = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        self.token = ""
        self.hrefs: list[str] = []
        self.business: list[str] = []
        self.plain: list[str] = []

    def another(self) -> "Client":
        """The same person on another connection."""
        return Client(self.url, self.book, *self._login)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes, str]:
        """One request: status, content and ETag of the answer."""
        try:
            self._http.request(method, path, body.encode(), self._auth | headers)
            answer = self._http.getresponse()
        except ConnectionError:
            # It was idle for longer than the server keeps a connection.
            self._http.close()
            self._http.request(method, path, body.encode(), self._auth | headers)
            answer = self._http.getresponse()
        return answer.status, answer.read(), answer.headers.get("ETag", "")

    def call(self, method: str, path: str, body: str = "", **headers: str) -> bytes:
        """One request that must succeed."""
        status, content, _ = self.ask(method, path, body, **headers)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {content[:300]!r}")
        return content

    def sync(self, token: str = "", props: str = "<getetag/>") -> bytes:
        """A sync-collection report."""
        body = f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><sync-level>1</sync-level>"
        return self.call("REPORT", self.book, f"{body}<prop>{props}</prop></sync-collection>", **XML)

    def multiget(self, hrefs: Sequence[str]) -> bytes:
        """A multiget report."""
        listed = "".join(f"<href>{href}</href>" for href in hrefs)
        body = f"<C:addressbook-multiget {NAMESPACES}>{_CARD_DATA}{listed}</C:addressbook-multiget>"
        return self.call("REPORT", self.book, body, **XML)

    def propfind(self, props: str, depth: str) -> bytes:
        """A PROPFIND on the address book."""
        body = f"<propfind {NAMESPACES}><prop>{props}</prop></propfind>"
        return self.call("PROPFIND", self.book, body, Depth=depth, **XML)

    def search(self, prop: str, *texts: str) -> bytes:
        """An addressbook-query for a part of a property, or one of several."""
        match = "".join(f'<C:text-match match-type="contains">{text}</C:text-match>' for text in texts)
        found = f'<C:filter><C:prop-filter name="{prop}">{match}</C:prop-filter></C:filter>'
        body = f"<C:addressbook-query {NAMESPACES}>{_CARD_DATA}{found}</C:addressbook-query>"
        return self.call("REPORT", self.book, body, **XML)

    def start(self, part: int = 400) -> None:
        """Learn the token, the hrefs, and of some of them whether they are business cards."""
        content = self.sync()
        self.token = token_of(content)
        self.hrefs = [href.decode() for href in _HREF.findall(content)]
        known = set(random.Random(1).sample(self.hrefs, min(part, len(self.hrefs))))
        for href in sorted(known):
            (self.business if b"\nX-BCM-KIND:" in self.call("GET", href) else self.plain).append(href)

    def edited(self, href: str, rng: random.Random) -> tuple[str, str]:
        """A card with another telephone number, and the ETag that it has now."""
        status, content, etag = self.ask("GET", href)
        if status != 200:
            raise SystemExit(f"GET {href}: {status}")
        lines = [line for line in content.decode().split("\r\n") if not line.startswith("TEL")]
        lines.insert(-2, f"TEL;TYPE=cell,voice:+1 555 {rng.randrange(10**7):07}")
        return "\r\n".join(lines), etag

    def put(self, href: str, text: str, etag: str) -> None:
        """Store a card, if nobody else has changed it."""
        self.call("PUT", href, text, **CARD, **{"If-Match": etag})


XML = {"Content-Type": "text/xml; charset=utf-8"}


def token_of(content: bytes) -> str:
    """The sync-token of an answer."""
    found = _TOKEN.search(content)
    return found[1].decode() if found else ""


@dataclass(frozen=True)
class Operation:
    """What is measured: `run` is given what `prepare` made, which is not counted; `each` is how many are in one run.
    `repeats`: whether it can be run again on what was prepared, which an edit cannot."""

    run: Callable[[object], object]
    prepare: Callable[[], object] = lambda: None
    each: int = 1
    repeats: bool = True


def operations(client: Client, rng: random.Random) -> dict[str, Operation]:
    """What clients do, by name."""

    def putting(hrefs: list[str]) -> Operation:
        def prepare() -> object:
            some = rng.sample(hrefs, min(20, len(hrefs)))
            return [(href, *client.edited(href, rng)) for href in some]

        def run(edits: object) -> None:
            for edit in edits:  # type: ignore[attr-defined]
                client.put(*edit)

        return Operation(run, prepare, min(20, len(hrefs)), repeats=False)

    def changed() -> object:
        before = token_of(client.sync(client.token)) or client.token
        href = rng.choice(client.plain)
        client.put(href, *client.edited(href, rng))
        return before

    def delta(before: object) -> None:
        content = client.sync(str(before))
        assert len(_HREF.findall(content)) == 1, content
        client.token = token_of(content)

    def up_to_date() -> object:
        client.token = token_of(client.sync(client.token)) or client.token
        return client.token

    def full(_: object) -> None:
        client.sync()
        for start in range(0, len(client.hrefs), 100):
            client.multiget(client.hrefs[start : start + 100])

    crowd = [client.another() for _ in range(8)]
    ctag = "<CS:getctag/><sync-token/>"
    return {
        "sync_full": Operation(full),
        "sync_init": Operation(lambda _: client.sync()),
        "multiget": Operation(lambda _: client.multiget(rng.sample(client.hrefs, min(100, len(client.hrefs))))),
        "propfind_1": Operation(lambda _: client.propfind("<getetag/>", "1")),
        "poll_ctag": Operation(lambda _: client.propfind(ctag, "0")),
        "poll_sync": Operation(lambda token: client.sync(str(token)), up_to_date),
        "poll_ctag_8": Operation(lambda _: at_once(crowd, lambda each: each.propfind(ctag, "0")), each=8),
        "poll_sync_8": Operation(lambda token: at_once(crowd, lambda each: each.sync(str(token))), up_to_date, 8),
        "delta_1": Operation(delta, changed),
        "get": Operation(lambda _: client.call("GET", rng.choice(client.hrefs))),
        "put_plain": putting(client.plain),
        "put_business": putting(client.business or client.plain),
        "search_name": Operation(lambda _: client.search("FN", "ander")),
        "search_email": Operation(lambda _: client.search("EMAIL", "nick@")),
        "search_phone": Operation(lambda _: client.search("TEL", "555 01")),
    }


def at_once(clients: Sequence[Client], action: Callable[[Client], object]) -> None:
    """Let clients do the same at the same time."""
    threads = [threading.Thread(target=action, args=(each,)) for each in clients]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
