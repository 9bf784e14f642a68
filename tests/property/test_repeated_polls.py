# SPDX-License-Identifier: GPL-3.0-or-later
"""A poll that is answered from memory is answered as Radicale would, whatever happens in between: to contacts, folders,
set-ups, passwords and accounts (BCM_LONG=1 for a long history; BCM_SEED is where it begins)."""

import logging
import os
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from radicale_bcm.books.history import Actor
from radicale_bcm.server import repeated
from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.repeated import Repeated
from radicale_bcm.server.storage import Storage
from radicale_bcm.sync import setup
from tests.property.test_fast_answers import (
    CARD,
    COLLECTION_PROPS,
    NAMESPACES,
    both_ways,
    call,
    canonical,
    change,
    furnished,
    put,
)

STEPS = 3000 if os.environ.get("BCM_LONG") else 300
OWNED = {"alice": ("/alice/Contacts/", "/alice/Plain/"), "carol": ("/carol/Contacts/",), "dave": ("/dave/Contacts/",)}


@pytest.fixture
def application(tmp_path: Path) -> BcmApplication:
    return furnished(tmp_path, plain_rights=True)


@pytest.fixture
def hits(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The keys of what was answered from memory."""
    found: list[bytes] = []
    original = Repeated.answer

    def answer(self: Repeated, key: bytes, environ: dict[str, str]) -> object:
        known = original(self, key, environ)
        if known is not None:
            found.append(key)
        return known

    monkeypatch.setattr(Repeated, "answer", answer)
    return found


class Accounts:
    """The file of the logins, each change of which is seen in its time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passwords = dict(line.split(":") for line in path.read_text().split())
        self._at = path.stat().st_mtime_ns

    def write(self) -> None:
        self.path.write_text("".join(f"{name}:{password}\n" for name, password in self.passwords.items()))
        self._at += 10**9
        os.utime(self.path, ns=(self._at, self._at))


def poll(application: BcmApplication, user: str, book: str, props: str) -> dict[str, str]:
    """A request for the facts of a folder, or for what has changed since it was last asked for."""
    if props:
        body = f"<propfind {NAMESPACES}><prop>{props}</prop></propfind>"
        return {"method": "PROPFIND", "path": book, "body": body, "HTTP_DEPTH": "0", "user": user}
    application.fast_answers = False
    asked = f"<sync-collection {NAMESPACES}><sync-token/><prop><getetag/></prop></sync-collection>"
    _, _, content = call(application, "REPORT", book, asked, user=user)
    token = ET.fromstring(content).findtext("{DAV:}sync-token") if content.startswith(b"<?xml") else "none"
    body = f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><prop><getetag/></prop></sync-collection>"
    return {"method": "REPORT", "path": book, "body": body, "user": user}


def disturb(application: BcmApplication, accounts: Accounts, rng: random.Random, number: int) -> None:
    """Something happens."""
    storage = application._storage
    assert isinstance(storage, Storage)
    kind = rng.choice(["record", "outside", "card", "password", "account", "folder", "set-up", "nothing", "nothing"])
    login = f"alice:{accounts.passwords.get('alice', '')}"
    if kind == "record":
        change(application, rng, 1)
    elif kind == "outside":
        with storage.site.business(storage.site.origin()).writer() as records:
            record = records.get(str(rng.randint(1, 30)))
            assert record is not None
            records.update(record.id, {"job_title": f"Buyer {number}"}, record.version)
    elif kind == "card" and "alice" in accounts.passwords:
        card = CARD.format(uid="plain-2", fn=f"Changed {number}")
        status, _, _ = call(application, "PUT", "/alice/Contacts/p2.vcf", card, user=login, CONTENT_TYPE="text/vcard")
        assert status == 204
    elif kind == "password" and accounts.passwords:
        accounts.passwords[rng.choice(list(accounts.passwords))] = rng.choice(["a", "b", "other"])
        accounts.write()
    elif kind == "account":
        name = rng.choice(list(OWNED))
        if accounts.passwords.pop(name, None) is None:
            accounts.passwords[name] = rng.choice(["a", "b"])
        accounts.write()
    elif kind == "folder" and "alice" in accounts.passwords:
        body = f"<set><prop><displayname>Name {number}</displayname></prop></set>"
        update = f"<propertyupdate {NAMESPACES}>{body}</propertyupdate>"
        assert call(application, "PROPPATCH", "/alice/Plain/", update, user=login)[0] == 207
    elif kind == "set-up":
        with storage.site.write(Actor("admin", "test", "command")) as unit:
            access = rng.choice(["rw", "ro", "business-ro"])
            setup.start(unit, "carol", setup.Choice(folder="Contacts", access=access))


def test_polls_are_answered_as_if_each_were_the_first(
    application: BcmApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hits: list[bytes]
) -> None:
    rng = random.Random(int(os.environ.get("BCM_SEED", "8")))
    accounts = Accounts(tmp_path / "users")
    props = ["".join(rng.sample(COLLECTION_PROPS, rng.randint(1, 6))) for _ in range(4)]
    for number in range(STEPS):
        name = rng.choice(list(OWNED))
        password = rng.choice([accounts.passwords.get(name, "a")] * 4 + ["a", "b"])
        book = rng.choice(OWNED[rng.choice([name, name, name, "alice"])])
        request = poll(application, f"{name}:{password}", book, rng.choice(["", *props]))
        request |= rng.choice([{}, {}, {"HTTP_USER_AGENT": "Thunderbird"}, {"prefix": "/dav"}])
        for _ in range(rng.choice([2, 3])):
            fast, wanted = both_ways(application, request, monkeypatch)
            assert fast[0] == wanted[0], (request, fast, wanted)
            assert fast[1].get("WWW-Authenticate") == wanted[1].get("WWW-Authenticate")
            if fast[0] == 207:
                assert canonical(fast[2]) == canonical(wanted[2]), request
            if rng.random() < 0.3:
                disturb(application, accounts, rng, number)
    assert len(hits) > STEPS / 10


def test_a_poll_that_should_be_in_the_log_is_handled_each_time(
    application: BcmApplication, hits: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = poll(application, "alice:a", "/alice/Plain/", "<getetag/>")
    application.fast_answers = True
    for _ in range(3):
        call(application, **request)  # type: ignore[arg-type]
    assert len(hits) == 2
    monkeypatch.setattr(logging.getLogger("radicale"), "level", logging.INFO)
    logging.getLogger("radicale").manager._clear_cache()  # type: ignore[attr-defined]
    call(application, **request)  # type: ignore[arg-type]
    monkeypatch.undo()
    logging.getLogger("radicale").manager._clear_cache()  # type: ignore[attr-defined]
    assert len(hits) == 2


def test_bodies_of_the_same_length_are_different_polls(application: BcmApplication, hits: list[bytes]) -> None:
    first = poll(application, "alice:a", "/alice/Plain/", "<displayname/>")
    second = first | {"body": first["body"].replace("displayname", "quota-bytes")}
    application.fast_answers = True
    answers = [call(application, **each)[2] for each in (first, first, second)]  # type: ignore[arg-type]
    assert answers[0] == answers[1] != answers[2]
    assert len(hits) == 1


def test_what_is_kept_is_bounded(application: BcmApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated, "_REMEMBERED", 5)
    application.fast_answers = True
    for number in range(30):
        request = poll(application, "alice:a", "/alice/Plain/", "<getetag/>") | {"HTTP_USER_AGENT": str(number)}
        call(application, **request)  # type: ignore[arg-type]
        assert len(application.repeated._known) <= 5


def _short(request: dict[str, str]) -> dict[str, str]:
    return request | {"CONTENT_LENGTH": "10000"}


def _long(request: dict[str, str]) -> dict[str, str]:
    return request | {"body": request["body"] + " " * 5000}


def _odd(request: dict[str, str]) -> dict[str, str]:
    return request | {"body": "<nonsense"}


@pytest.mark.parametrize("turned", [_short, _long, _odd])
def test_unusual_bodies_are_left_to_the_usual_way(
    application: BcmApplication, turned: Callable[[dict[str, str]], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(application, "/alice/Plain/one.vcf", CARD.format(uid="one", fn="One"))
    request = turned(poll(application, "alice:a", "/alice/Plain/", "<getetag/>"))
    for _ in range(2):
        fast, wanted = both_ways(application, request, monkeypatch)
        assert fast[0] == wanted[0]
        assert canonical(fast[2]) == canonical(wanted[2]) if fast[0] == 207 else fast[2] == wanted[2]
