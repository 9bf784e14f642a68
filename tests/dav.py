# SPDX-License-Identifier: GPL-3.0-or-later
"""A small CardDAV client and a real server process, for tests over HTTP."""

import os
import re
import select
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

import httpx

READY_SECONDS = 180

D = "{DAV:}"
CR = "{urn:ietf:params:xml:ns:carddav}"


@dataclass
class Phone:
    """A client that keeps a replica and only ever does ordinary delta syncs."""

    client: httpx.Client
    folder: str
    token: str = ""
    cards: dict[str, tuple[str, str]] = field(default_factory=dict)  # href -> (etag, text)

    def sync(self) -> tuple[set[str], set[str]]:
        """Bring the replica up to date. Returns the hrefs that were told as changed and as removed."""
        body = (
            '<?xml version="1.0"?><sync-collection xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
            f"<sync-token>{self.token}</sync-token><sync-level>1</sync-level>"
            "<prop><getetag/><C:address-data/></prop></sync-collection>"
        )
        answer = self.client.request("REPORT", quote(self.folder), content=body)
        assert answer.status_code == 207, (answer.status_code, answer.text)
        root = ET.fromstring(answer.content)
        changed, removed = set(), set()
        for response in root.findall(f"{D}response"):
            href = unquote(response.findtext(f"{D}href") or "").rpartition("/")[2]
            if "404" in (response.findtext(f"{D}status") or ""):
                removed.add(href)
                self.cards.pop(href, None)
                continue
            prop = response.find(f"{D}propstat/{D}prop")
            assert prop is not None
            # XML turns CRLF into LF (XML 1.0 2.11); a client puts it back.
            text = (prop.findtext(f"{CR}address-data") or "").replace("\n", "\r\n")
            self.cards[href] = (prop.findtext(f"{D}getetag") or "", text)
            changed.add(href)
        assert not changed & removed
        self.token = root.findtext(f"{D}sync-token") or ""
        return changed, removed

    def put(self, href: str, text: str, *, etag: str | None = None, new: bool = False) -> httpx.Response:
        """PUT a card, with the precondition that a client would send."""
        headers = {"Content-Type": "text/vcard; charset=utf-8"}
        if etag:
            headers["If-Match"] = etag
        if new:
            headers["If-None-Match"] = "*"
        return self.client.put(quote(self.folder + href), content=text.encode(), headers=headers)

    def get(self, href: str) -> httpx.Response:
        """GET a card."""
        return self.client.get(quote(self.folder + href))

    def delete(self, href: str, *, etag: str | None = None) -> httpx.Response:
        """DELETE a card."""
        return self.client.delete(quote(self.folder + href), headers={"If-Match": etag} if etag else {})

    def move(self, href: str, to: str, *, overwrite: bool = False) -> httpx.Response:
        """MOVE a card to another path."""
        headers = {"Destination": str(self.client.base_url.join(quote(to))), "Overwrite": "T" if overwrite else "F"}
        return self.client.request("MOVE", quote(self.folder + href), headers=headers)

    def report(self, token: str) -> httpx.Response:
        """The answer to a sync-token, whatever it is."""
        body = (
            '<?xml version="1.0"?><sync-collection xmlns="DAV:">'
            f"<sync-token>{token}</sync-token><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
        )
        return self.client.request("REPORT", quote(self.folder), content=body)

    def business_card(self, record_id: str) -> tuple[str, str, str]:
        """href, ETag and text of the card of a record."""
        return self.find(f"\r\nX-BCM-ID:{record_id}\r\n")

    def shows(self, record_id: str) -> bool:
        """Whether the replica has a card of this record."""
        return any(f"\r\nX-BCM-ID:{record_id}\r\n" in text for _, text in self.cards.values())

    def find(self, part: str) -> tuple[str, str, str]:
        """href, ETag and text of the one card whose text has this part."""
        found = [(href, etag, text) for href, (etag, text) in self.cards.items() if part in text]
        assert len(found) == 1, (part, [href for href, _, _ in found])
        return found[0]


def line(text: str, name: str) -> str | None:
    """The value of the first line with this property name in an unfolded card."""
    match = re.search(
        rf"^(?:\w+\.)?{re.escape(name)}(?:;[^:\r\n]*)?:(.*?)\r?$",
        text.replace("\r\n ", ""),
        re.MULTILINE | re.IGNORECASE,
    )
    return match[1] if match else None


def replaced(text: str, *pairs: str) -> str:
    """A text with parts replaced: old, new, old, new, … Each old one must be there."""
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text, (old, text)
        text = text.replace(old, new)
    return text


def without(text: str, *starts: str) -> str:
    """A card without the lines that begin so, and their folded parts."""
    unfolded = text.replace("\r\n ", "")
    return "".join(each + "\r\n" for each in unfolded.split("\r\n")[:-1] if not each.startswith(starts))


def card(uid: str, name: str, *more: str, version: str = "3.0") -> str:
    """A card as a phone makes it."""
    lines = ("BEGIN:VCARD", f"VERSION:{version}", f"UID:{uid}", f"FN:{name}", f"N:{name};;;;", *more, "END:VCARD", "")
    return "\r\n".join(lines)


class Server:
    """`radicale-bcm serve`, or stock Radicale, as its own process on loopback."""

    def __init__(self, config: Path, *, stock: bool = False, workers: int = 1) -> None:
        self.config = config
        self.root = Path(__file__).resolve().parent.parent  # where the package is
        self.stock = stock
        self.workers = workers
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "Server":
        """Start and wait until it answers."""
        environment = os.environ | {"PYTHONPATH": str(self.root) + os.pathsep + os.environ.get("PYTHONPATH", "")}
        if self.stock:
            port = free_port()
            command = ["-m", "radicale", "-C", str(self.config), "--hosts", f"127.0.0.1:{port}"]
        else:
            command = ["-m", "radicale_bcm", "-C", str(self.config), "serve", "--host", "127.0.0.1"]
            command += ["--port", "0", "--workers", str(self.workers)]
        log = (self.config.parent / "server.log").open("a")
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            cwd=self.root,
        )
        log.close()
        if self.stock:
            self.url = f"http://127.0.0.1:{port}"
            self._wait()
        else:
            assert self._process.stdout is not None
            came, _, _ = select.select([self._process.stdout], [], [], READY_SECONDS)
            ready = self._process.stdout.readline() if came else "nothing in time"
            match = re.search(r"http://[^\s]+", ready)
            assert match, (ready, (self.config.parent / "server.log").read_text())
            self.url = match[0].rstrip("/")
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                httpx.request("OPTIONS", self.url + "/")
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError((self.config.parent / "server.log").read_text())

    @property
    def pid(self) -> int:
        """The process that was started; workers are its children."""
        assert self._process is not None
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit status."""
        assert self._process is not None
        self._process.send_signal(how)
        status = self._process.wait(timeout=READY_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None
        return status

    def worker_pids(self) -> list[int]:
        """The processes that answer: the same ones as before, if none has died."""
        assert self._process is not None
        pid = self._process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()

    def client(self, user: str, password: str, agent: str = "test") -> httpx.Client:
        """An HTTP client of a user."""
        return httpx.Client(base_url=self.url, auth=(user, password), headers={"User-Agent": agent}, timeout=180)

    def phone(self, user: str, password: str, folder: str = "Contacts", agent: str = "test") -> Phone:
        """A phone of a user."""
        return Phone(self.client(user, password, agent), f"/{user}/{folder}/")


def free_port() -> int:
    """A port on loopback that is free now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
