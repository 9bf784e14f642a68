# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends cards through a real server in every way that there is, and says what came back otherwise than it went in."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from tests.corpus.reading import NOT_XML, WRAPPED, decode, is_complete, lost, malformed, physical, read, split
from tests.dav import CR, D, Phone, Server

ROOT = Path(__file__).resolve().parent.parent.parent
_BREAK = re.compile(r"\r\n?|\n")
_MKCOL = (
    '<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype>'
    "<collection/><C:addressbook/></resourcetype></prop></set></mkcol>"
)
_QUERY = (
    '<?xml version="1.0"?><C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><getetag/>'
    '</prop><C:filter><C:prop-filter name="FN"><C:text-match match-type="contains">e</C:text-match></C:prop-filter>'
    '<C:prop-filter name="EMAIL"><C:is-not-defined/></C:prop-filter></C:filter></C:addressbook-query>'
)
WAYS = ("plain", "edit", "later", "import")


@dataclass
class Trial:
    """One card and how it fared. `refused` and `lost` are by way: what the server said, what is missing."""

    file: str
    number: int
    line: int
    text: str
    refused: dict[str, str] = field(default_factory=dict)
    lost: dict[str, list[str]] = field(default_factory=dict)
    wrapped: dict[str, list[str]] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Its UID. A card without one gets one made from its text, so the same text again is the same contact."""
        uid = next((str(each.value) for each in read(self.text) if each.name == "UID"), "")
        return uid or self.text.lstrip("\ufeff")

    @property
    def complete(self) -> bool:
        """Whether a person would call it a vCard."""
        return is_complete(self.text)

    def note(self, way: str, what: Iterable[str]) -> None:
        """Add what was lost in one way."""
        for each in what:
            kind = self.wrapped if each.startswith(WRAPPED) else self.lost
            kind.setdefault(way, []).append(each)


def trials(files: Iterable[Path], base: Path) -> list[Trial]:
    """The cards of some files; a file without any counts as one card."""
    found = []
    for path in files:
        text = decode(path.read_bytes())
        name = str(path.relative_to(base))
        pieces = split(text) or [(text, 1)]
        found += [Trial(name, number, line, card) for number, (card, line) in enumerate(pieces, 1)]
    return found


class Installation:
    """An installation in a folder of its own, with one person and a running server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = self.folder / "radicale.ini"
        self.run("init", str(self.folder), "--user", "alice", "--password", "secret", config=False)
        self.run("sync", "start", "--principal", "alice", "--folder", "Contacts")
        self.server = Server(self.config)
        self._phones: list[Phone] = []

    def __enter__(self) -> "Installation":
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._phones:
            each.client.close()
        assert self.server.stop() == 0

    def run(self, *arguments: str, config: bool = True, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """A `radicale-bcm` command."""
        command = [sys.executable, "-m", "radicale_bcm", *(["-C", str(self.config)] if config else []), *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", "")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if expect is not None and done.returncode != expect:
            raise AssertionError((arguments, done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
        return done

    def sql(self, statement: str, rows: Sequence[Sequence[object]] = ((),)) -> None:
        """A statement of any other program in the business database."""
        with closing(sqlite3.connect(self.folder / "business.db", timeout=30)) as client, client:
            client.executemany(statement, rows)

    def phone(self, folder: str = "Contacts") -> Phone:
        """A phone of alice."""
        self._phones.append(self.server.phone("alice", "secret", folder))
        return self._phones[-1]


def as_plain(there: Installation, cards: list[Trial]) -> None:
    """PUT each card as a plain contact: GET, multiget and sync-collection must give the bytes that were sent."""
    books = _Books(there)
    stored: dict[str, dict[str, tuple[Trial, str]]] = {}
    for index, each in enumerate(cards):
        book = books.free_for(each)
        phone, href = books.phones[book], f"card{index}.vcf"
        answer = phone.put(href, each.text, new=True)
        if answer.status_code != 201:
            _refuse(each, "plain", answer)
            continue
        got = phone.get(href).content.decode()
        each.note("plain", _otherwise(each.text, got))
        if phone.put(href, got).status_code not in (201, 204) or phone.get(href).content.decode() != got:
            each.note("plain", ["another text after it was sent back"])
        stored.setdefault(book, {})[href] = (each, got)
    for book, hrefs in stored.items():
        phone = books.phones[book]
        phone.sync()
        queried = _status_of_query(phone)
        fetched = _multiget(phone, list(hrefs))
        for href, (each, got) in hrefs.items():
            if _lf(phone.cards.get(href, ("", ""))[1]) != _lf(got):
                each.note("plain", ["another text in sync-collection"])
            if _lf(fetched.get(href, "")) != _lf(got):
                each.note("plain", ["another text in multiget"])
            if queried != 207:
                each.note("plain", [f"addressbook-query answers {queried} for its folder"])


class _Books:
    """Address books, so many that no two cards of one have the same UID (RFC 6352 6.3.2.1)."""

    def __init__(self, there: Installation) -> None:
        self._there = there
        self._taken: dict[str, int] = {}
        self.phones: dict[str, Phone] = {}

    def free_for(self, card: Trial) -> str:
        number = self._taken.get(card.identity, 0)
        self._taken[card.identity] = number + 1
        name = f"plain{number}"
        if name not in self.phones:
            phone = self.phones[name] = self._there.phone(name)
            answer = phone.client.request("MKCOL", phone.folder, content=_MKCOL)
            assert answer.status_code == 201, answer.text
        return name


def _refuse(card: Trial, way: str, answer: httpx.Response) -> None:
    reason = re.sub(r"<[^>]*>", " ", answer.text).strip()
    card.refused[way] = f"{answer.status_code} {' '.join(reason.split())}"
    if answer.status_code >= 500:
        card.note(way, [f"{answer.status_code}"])


def _lf(text: str) -> str:
    return _BREAK.sub("\n", text)


def _multiget(phone: Phone, hrefs: list[str]) -> dict[str, str]:
    wanted = "".join(f"<href>{phone.folder}{href}</href>" for href in hrefs)
    body = (
        '<?xml version="1.0"?><C:addressbook-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
        f"<prop><getetag/><C:address-data/></prop>{wanted}</C:addressbook-multiget>"
    )
    answer = phone.client.request("REPORT", phone.folder, content=body)
    assert answer.status_code == 207, answer.text
    found = {}
    for response in ET.fromstring(answer.content).findall(f"{D}response"):
        href = unquote(response.findtext(f"{D}href") or "").rpartition("/")[2]
        found[href] = response.findtext(f"{D}propstat/{D}prop/{CR}address-data") or ""
    return found


def _status_of_query(phone: Phone) -> int:
    """One card that a search cannot read must not take the search from all others."""
    return phone.client.request("REPORT", phone.folder, content=_QUERY).status_code


def _otherwise(sent: str, got: str) -> list[str]:
    """Where a plain contact is not what was sent, apart from the lines without which no server may take it."""
    if got == sent:
        return []
    clean = NOT_XML.sub("", sent)
    said = read(clean)
    missing = {
        name for name in ("UID", "FN") if not any(each.name == name and (each.value or name == "FN") for each in said)
    }
    if missing and _without(got, missing) == _without(clean, missing):
        return []
    if got == clean:
        return []
    return [f"other bytes: {_first_difference(clean, got)}"]


def _without(text: str, names: set[str]) -> str:
    """The text without some properties, folds included."""
    kept, dropping = [], False
    for line in physical(text):
        dropping = (dropping and line[:1] in " \t") or re.split("[:;]", line)[0].upper() in names
        if not dropping:
            kept.append(line)
    return "".join(kept)


def _first_difference(one: str, other: str) -> str:
    at = next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return f"{one[max(0, at - 10) : at + 30]!r} is {other[max(0, at - 10) : at + 30]!r}"


def as_edits(there: Installation, cards: list[Trial]) -> None:
    """PUT each card onto a business card of its own, as an edit; then change every record in the database."""
    rows = [(f"edit{index}", "Somebody", "Else", "else@example.com", "Clerk") for index in range(len(cards))]
    there.sql("INSERT INTO contact (uid, given_name, family_name, email, job_title) VALUES (?, ?, ?, ?, ?)", rows)
    phone = there.phone()
    phone.sync()
    edited = {}
    for index, each in enumerate(cards):
        href, etag, _ = phone.find(f"UID:edit{index}\r\n")
        answer = phone.put(href, each.text, etag=etag)
        if answer.status_code != 204:
            _refuse(each, "edit", answer)
            continue
        got = phone.get(href).content.decode()
        _judge(each, "edit", got)
        edited[href] = each
    phone.sync()
    there.sql("UPDATE contact SET job_title = 'Somebody new' WHERE uid LIKE 'edit%'")
    changed, removed = phone.sync()
    assert not removed
    assert len(changed) >= len(edited)
    for href, each in edited.items():
        _judge(each, "later", phone.cards[href][1], ignore=frozenset({"TITLE"}))


def _judge(card: Trial, way: str, got: str, *, ignore: frozenset[str] = frozenset()) -> None:
    card.note(way, lost(card.text, got, ignore=ignore))
    card.note(way, [f"malformed: {each}" for each in malformed(got)])
    card.note(way, _doubled(card.text, got))


def _doubled(sent: str, got: str) -> list[str]:
    """Properties of which there is one more than the sender wrote: two birthdays are no birthday."""
    before, after = read(sent), read(got)
    wrong = []
    for name in ("BDAY", "ORG", "TITLE", "ROLE", "NOTE", "NICKNAME", "PHOTO", "TEL", "URL", "EMAIL"):
        wrote = sum(each.name == name for each in before)
        if wrote and sum(each.name == name for each in after) > wrote:
            wrong.append(f"{name} more often than it was sent")
    return wrong


def as_import(folder: Path, base: Path, cards: list[Trial]) -> None:
    """`import` the files into the business database, and read the cards from the folder."""
    for number, part in enumerate(_rounds(cards)):
        with Installation(folder / f"import{number}") as there:
            _import(there, base, part)


def _import(there: Installation, base: Path, cards: list[Trial]) -> None:
    files = list(dict.fromkeys(each.file for each in cards))
    done = there.run("import", "--json", *[str(base / name) for name in files], expect=None)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    told = json.loads(done.stdout)
    for kind in ("refused", "skipped"):
        for remark in told[kind]:
            _told_about(cards, base, remark).refused["import"] = f"{kind}: {remark['reason']}"
    phone = there.phone()
    phone.sync()
    taken = [each for each in cards if "import" not in each.refused]
    texts = sorted((text for _, text in phone.cards.values()), key=_record)
    assert len(texts) == len(taken) == told["imported"], (len(texts), len(taken), told["imported"])
    for each, text in zip(taken, texts, strict=True):
        _judge(each, "import", text)


def _rounds(cards: list[Trial]) -> list[list[Trial]]:
    """The cards in groups of whole files, so that within a group no UID and no text comes twice."""
    rounds: list[tuple[set[str], list[Trial]]] = []
    for name in dict.fromkeys(each.file for each in cards):
        mine = [each for each in cards if each.file == name]
        names = {each.identity for each in mine}
        found = next((each for each in rounds if not each[0] & names), None)
        if found is None:
            found = (set(), [])
            rounds.append(found)
        found[0].update(names)
        found[1].extend(mine)
    return [part for _, part in rounds]


def _told_about(cards: list[Trial], base: Path, remark: dict[str, Any]) -> Trial:
    """The card that a remark of the import is about."""
    mine = [each for each in cards if str(base / each.file) == remark["file"] and each.line <= int(remark["line"])]
    return mine[-1]


def _record(text: str) -> int:
    match = re.search(r"^X-BCM-ID:(\d+)", text, re.MULTILINE)
    return int(match[1]) if match else 0


def run_all(folder: Path, files: Sequence[Path], base: Path, ways: Sequence[str] = WAYS) -> list[Trial]:
    """Every way for every card of some files, with installations in `folder`."""
    cards = trials(files, base)
    with Installation(folder / "bcm") as there:
        if "plain" in ways:
            as_plain(there, cards)
        if "edit" in ways:
            as_edits(there, cards)
    if "import" in ways:
        as_import(folder, base, cards)
    for log in folder.glob("*/server.log"):
        assert "Traceback" not in log.read_text(), log.read_text()[-3000:]
    return cards


# What a record needs to be called something, and so to be imported into the business database.
_NAMES = frozenset({"FN", "N", "NICKNAME", "ORG", "EMAIL", "TEL"})


def why_refused(card: Trial, cards: list[Trial]) -> str:
    """The good reason for which a card was refused, found without asking the server; "" if there is none."""
    if not card.complete:
        return "no vCard"
    if set(card.refused) != {"import"}:
        return ""
    said = read(card.text)
    if any(each.name in ("KIND", "X-ADDRESSBOOKSERVER-KIND") and str(each.value) == "group" for each in said):
        return "a group, no person"
    if any(each.identity == card.identity for each in cards if each.file == card.file and each.number < card.number):
        return "a second time in its file"
    return "" if any(each.name in _NAMES and _says_something(each.value) for each in said) else "nameless, so no record"


def _says_something(value: object) -> bool:
    return any(map(_says_something, value)) if isinstance(value, tuple) else bool(value)
