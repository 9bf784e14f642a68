# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast way of a PUT does what Radicale's does: random ones, done to two equal servers (BCM_LONG=1 for 2,000).

Both answer alike and hold the same afterwards. BCM_SEED is where they begin.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from radicale_bcm.books import history
from radicale_bcm.server import putting
from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.storage import Storage
from tests.property.test_fast_answers import CARD, USERS, call, furnished

PUTS = 2000 if os.environ.get("BCM_LONG") else 150
BUSINESS = [f"00000000-0000-4000-8000-{number:012}" for number in range(30)]
PLACES = {
    "alice:a": [
        *(f"/alice/Contacts/{uid}.vcf" for uid in BUSINESS[:10]),
        *(f"/alice/Contacts/p{number}.vcf" for number in (2, 5, 8)),
        "/alice/Plain/plain 3.vcf",
        "/alice/Plain/pläin-4.vcf",
        *(f"/alice/Plain/new{number}.vcf" for number in range(4)),
        "/alice/Contacts/new.vcf",
        "/alice/Contacts/new.vcf/",
        "/alice/None/new.vcf",
        "/alice/new.vcf",
        f"/alice/Plain/{'x' * 300}.vcf",
    ],
    "bob:b": ["/alice/Contacts/p2.vcf", "/bob/Empty/one.vcf", "/bob/Empty/two.vcf"],
    "carol:c": [*(f"/carol/Contacts/{uid}.vcf" for uid in BUSINESS[:6]), "/carol/Contacts/own.vcf", "/dave/Contacts/"],
    "dave:d": [f"/dave/Contacts/{BUSINESS[3]}.vcf", "/dave/Contacts/own.vcf"],
    "": ["/alice/Contacts/p2.vcf"],
}


class Twin:
    """One of the two servers, and what a client knows of it."""

    def __init__(self, home: Path, *, fast: bool) -> None:
        home.mkdir()
        self.application: BcmApplication = furnished(home)
        self.application.fast_answers = fast
        assert isinstance(self.application._storage, Storage)
        self.storage = self.application._storage

    def get(self, path: str, user: str) -> tuple[int, str, str]:
        status, head, content = call(self.application, "GET", path, user=user)
        return status, head.get("ETag", ""), content.decode()


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[list[Twin]]:
    found = [Twin(tmp_path / "fast", fast=True), Twin(tmp_path / "radicale", fast=False)]
    yield found
    for each in found:
        each.storage.site.close()


def timeless(text: str) -> list[str]:
    return [line for line in text.split("\r\n") if not line.startswith("REV:")]


def body_for(rng: random.Random, path: str, text: str) -> str:
    """What a client sends to a place that has this text now, "" for nothing."""
    uid = path.rpartition("/")[2][:40] or "x"
    made = CARD.format(uid=rng.choice([uid, uid, uid, "plain-2", "a b", "a\\,b"]), fn=rng.choice("ABC"))
    kind = rng.random()
    if text.startswith("BEGIN:VCARD") and kind < 0.8:
        made = text
    if kind < 0.5:
        made = made.replace("END:VCARD", f"TEL;TYPE=CELL:+1 {rng.randrange(9)}\r\nEND:VCARD", 1)
    if kind < 0.25:
        made = made.replace("FN:", f"FN:{rng.choice('XYZ')}", 1)
    odd = rng.random()
    if odd < 0.05:
        calendar = "BEGIN:VCALENDAR\r\nEND:VCALENDAR"
        return rng.choice(["", "nothing", made + made, made.replace("END:VCARD", ""), calendar])
    if odd < 0.1:
        return "\r\n".join(line for line in made.split("\r\n") if not line.startswith(rng.choice(["UID", "FN", "N:"])))
    if odd < 0.15:
        return made.replace("\r\n", "\n")
    if odd < 0.2:
        return made.replace("FN:", "X-A:\x0bFN:", 1)
    return made


def test_both_ways_do_the_same(twins: list[Twin], monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(int(os.environ.get("BCM_SEED", "8")))
    taken = []
    original = putting.answer

    def counted(*args: object) -> object:
        found = original(*args)  # type: ignore[arg-type]
        taken.append(found is not None)
        return found

    monkeypatch.setattr(putting, "answer", counted)
    for _ in range(PUTS):
        user = rng.choices(list(PLACES), [12, 3, 4, 2, 1])[0]
        path = rng.choice(PLACES[user])
        known = [each.get(path, user or USERS[0]) for each in twins]
        assert timeless(known[0][2]) == timeless(known[1][2]), path
        body = body_for(rng, path, known[0][2] if known[0][0] == 200 else "")
        given = rng.choices(["mine", "none", "stale", "*", "new"], [10, 4, 1, 1, 2])[0]
        content_type = rng.choice(["text/vcard", "text/vcard; charset=utf-8", "text/plain", ""])
        answers = []
        for each, (_, etag, _) in zip(twins, known, strict=True):
            headers = {"CONTENT_TYPE": content_type, "user": user}
            if given == "new":
                headers["HTTP_IF_NONE_MATCH"] = "*"
            elif given != "none":
                headers["HTTP_IF_MATCH"] = {"mine": etag, "stale": '"stale"', "*": "*"}[given]
            status, head, content = call(each.application, "PUT", path, body, **headers)
            answers.append((status, head.get("ETag", "-"), content))
        (status, etag, content), (wanted_status, wanted_etag, wanted) = answers
        assert (status, content, etag == "-") == (wanted_status, wanted, wanted_etag == "-"), (path, given, body)
        after = [each.get(path, user or USERS[0]) for each in twins]
        assert (after[0][0], timeless(after[0][2])) == (after[1][0], timeless(after[1][2])), (path, given, body)
        # Radicale sends back what it was given for a whole address book.
        for (_, then, _), (_, told, _) in zip(after, answers, strict=True):
            assert told in ("-", then) or path.count("/") != 3 or path.endswith("/"), (
                "an ETag was promised that is not there"
            )
    assert sum(taken) > len(taken) / 3
    assert told_by(twins[0]) == told_by(twins[1])


def told_by(twin: Twin) -> list[tuple[object, ...]]:
    """What the history says that happened, without the times in it."""
    with twin.storage.site.read() as conn:
        found = history.entries(conn, limit=None)
    return [
        (each.action, each.actor, each.source, each.record_id, each.path, each.href, each.label, str(each.changes))
        for each in found
    ]
