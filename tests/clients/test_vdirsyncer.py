# SPDX-License-Identifier: GPL-3.0-or-later
"""The real vdirsyncer, two ways, against the running server: twenty rounds of edits on the laptop, on another phone
and in the database end with equal replicas, and the ledger of acknowledged edits agrees.

BCM_SEED chooses another history.
"""

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.corpus.trial import Installation
from tests.dav import Phone, line

pytestmark = [pytest.mark.client, pytest.mark.slow]

ROUNDS = 20
START = 25
# Properties that a card shows, with the column of the record that holds them; the last one has none.
COLUMNS = {"NOTE": "note", "NICKNAME": "nickname", "TITLE": "job_title", "X-LAPTOP": ""}


class Laptop:
    """A folder of cards that vdirsyncer keeps like the sync folder; where both sides changed, the server wins."""

    def __init__(self, place: Path, url: str) -> None:
        self.cards = place / "cards"
        self.cards.mkdir()
        self.config = place / "vdirsyncer.ini"
        self.config.write_text(
            f"""[general]
status_path = "{place / "status"}"
[pair contacts]
a = "laptop"
b = "server"
collections = null
conflict_resolution = "b wins"
[storage laptop]
type = "filesystem"
path = "{self.cards}"
fileext = ".vcf"
[storage server]
type = "carddav"
url = "{url}"
username = "alice"
password = "secret"
"""
        )
        self.run("discover")

    def run(self, *arguments: str) -> str:
        """A vdirsyncer command that must succeed; what it said."""
        program = Path(sys.executable).parent / "vdirsyncer"
        command = [str(program), "-c", str(self.config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def texts(self) -> dict[str, str]:
        """The cards by UID, with LF as line ends; one UID in two files fails."""
        found: dict[str, str] = {}
        for path in self.cards.glob("*.vcf"):
            text = _lf(path.read_bytes().decode())
            uid = line(text, "UID") or ""
            assert uid not in found, f"{uid} stands in two files"
            found[uid] = text
        return found

    def file_of(self, uid: str) -> Path:
        """Where a card is."""
        return next(path for path in self.cards.glob("*.vcf") if line(path.read_bytes().decode(), "UID") == uid)


@dataclass
class Ledger:
    """What must be true at the end, by UID: the last acknowledged value of each property.

    `remote` are cards that changed on the server since the laptop's last look: there, an edit of the laptop loses by
    vdirsyncer's own rule. `business` are those that have a record.
    """

    said: dict[str, dict[str, str]] = field(default_factory=dict)
    business: set[str] = field(default_factory=set)
    remote: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    conflicts: int = 0


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _with(text: str, name: str, value: str) -> str:
    """A card with a property set, as an editor would do it."""
    eol = "\r\n" if "\r\n" in text else "\n"
    pattern = re.compile(rf"^{name}:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n", re.MULTILINE)
    new = f"{name}:{value}{eol}"
    if pattern.search(text):
        return pattern.sub(new, text, count=1)
    return text.replace("END:VCARD", f"{new}END:VCARD")


class History:
    """A seeded history of edits in three places, and the ledger of it."""

    def __init__(self, seed: int, there: Installation, laptop: Laptop, phone: Phone) -> None:
        self.random = random.Random(seed)
        self.there, self.laptop, self.phone = there, laptop, phone
        self.ledger = Ledger()
        self.number = 0
        self.deletes = 0

    def token(self) -> str:
        self.number += 1
        return f"value{self.number}"

    def sql(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.there.folder / "business.db", timeout=30)) as client, client:
            client.execute(statement, values)

    def pick(self, *, business: bool | None = None) -> str | None:
        """A card that is there everywhere."""
        known = sorted(self.laptop.texts().keys() & self.ledger.said.keys() - self.ledger.gone)
        if business is not None:
            known = [uid for uid in known if (uid in self.ledger.business) == business]
        return self.random.choice(known) if known else None

    # ------------------------------------------------------------ the database

    def database_adds(self) -> None:
        uid, note = f"record{self.number}", self.token()
        if self.random.random() < 0.3:
            self.there.run(
                "contact",
                "add",
                f"given_name=Ada{self.number}",
                "family_name=New",
                f"note={note}",
                f"email={uid}@example.com",
            )
            with closing(sqlite3.connect(self.there.folder / "business.db")) as client:
                (uid,) = client.execute("SELECT uid FROM contact WHERE email = ?", (f"{uid}@example.com",)).fetchone()
        else:
            statement = "INSERT INTO contact (uid, given_name, family_name, note) VALUES (?, ?, 'New', ?)"
            self.sql(statement, uid, f"Ada{self.number}", note)
        self.ledger.said[uid] = {"NOTE": note}
        self.ledger.business.add(uid)

    def database_edits(self) -> None:
        uid = self.pick(business=True)
        if uid is None:
            return
        name = self.random.choice(["NOTE", "NICKNAME", "TITLE"])
        value = self.token()
        if self.random.random() < 0.2:
            self.there.run("contact", "edit", uid, f"{COLUMNS[name]}={value}")
        else:
            self.sql(f"UPDATE contact SET {COLUMNS[name]} = ? WHERE uid = ?", value, uid)
        self.ledger.said[uid][name] = value
        self.ledger.remote.add(uid)

    def database_deletes(self) -> None:
        uid = self.pick(business=True)
        if uid is None or not self._may_delete():
            return
        way = self.random.choice(["contact", "row", "mark"])
        if way == "contact":
            self.there.run("contact", "delete", uid, "--yes")
        elif way == "row":
            self.sql("DELETE FROM contact WHERE uid = ?", uid)
        else:
            self.sql("UPDATE contact SET deleted_at = CURRENT_TIMESTAMP, deleted_by = 'report' WHERE uid = ?", uid)
        self._gone(uid)

    # ------------------------------------------------------------ another phone

    def phone_edits(self) -> None:
        self.phone.sync()
        uid = self.pick()
        if uid is None:
            return
        href, etag, text = self.phone.find(f"UID:{uid}\r\n")
        name, value = self.random.choice(list(COLUMNS)), self.token()
        answer = self.phone.put(href, _with(text, name, value), etag=etag)
        assert answer.status_code == 204, answer.text
        self.ledger.said[uid][name] = value
        self.ledger.remote.add(uid)

    def phone_adds(self) -> None:
        uid, value = f"phone{self.number}", self.token()
        text = f"BEGIN:VCARD\nVERSION:3.0\nUID:{uid}\nFN:Phone {value}\nN:{value};Phone;;;\nNOTE:{value}\nEND:VCARD\n"
        text = text.replace("\n", "\r\n")
        assert self.phone.put(f"{uid}.vcf", text, new=True).status_code == 201
        self.ledger.said[uid] = {"NOTE": value}

    def phone_deletes(self) -> None:
        self.phone.sync()
        uid = self.pick()
        if uid is None or not self._may_delete():
            return
        href, etag, _ = self.phone.find(f"UID:{uid}\r\n")
        assert self.phone.delete(href, etag=etag).status_code in (200, 204)
        self._gone(uid)

    # ------------------------------------------------------------ the laptop

    def laptop_adds(self) -> None:
        uid, value = f"laptop{self.number}", self.token()
        text = f"BEGIN:VCARD\nVERSION:4.0\nUID:{uid}\nFN:Laptop {value}\nN:{value};Laptop;;;\nNOTE:{value}\nEND:VCARD\n"
        (self.laptop.cards / f"{uid}.vcf").write_text(text)
        self.ledger.said[uid] = {"NOTE": value}

    def laptop_edits(self) -> str | None:
        """An edit of a card that nobody has touched meanwhile counts; any other one loses, and is no loss."""
        uid = self.pick()
        if uid is None:
            return None
        name, value = self.random.choice(list(COLUMNS)), self.token()
        path = self.laptop.file_of(uid)
        path.write_bytes(_with(path.read_bytes().decode(), name, value).encode())
        if uid in self.ledger.remote:
            self.ledger.conflicts += 1
            return None
        self.ledger.said[uid][name] = value
        return uid

    def laptop_deletes(self, edited: set[str]) -> None:
        uid = self.pick()
        if uid is None or uid in edited or not self._may_delete():
            return
        self.laptop.file_of(uid).unlink()
        if uid in self.ledger.remote:
            self.ledger.conflicts += 1  # it changed on the server: vdirsyncer brings it back
            return
        self.ledger.gone.add(uid)

    def _may_delete(self) -> bool:
        """Few enough for no guard against mass deletion to stop them."""
        self.deletes += 1
        return self.deletes <= 15

    def _gone(self, uid: str) -> None:
        self.ledger.gone.add(uid)

    def round(self) -> None:
        """Some edits everywhere, then one run of vdirsyncer."""
        elsewhere = [self.database_adds, self.database_edits, self.database_edits, self.phone_edits, self.phone_edits]
        elsewhere += [self.phone_adds, self.database_deletes, self.phone_deletes]
        for act in self.random.sample(elsewhere, self.random.randint(1, 5)):
            act()
        edited: set[str] = set()
        for _ in range(self.random.randint(0, 4)):
            uid = self.laptop_edits()
            edited |= {uid} if uid else set()
        if self.random.random() < 0.5:
            self.laptop_adds()
        if self.random.random() < 0.4:
            self.laptop_deletes(edited)
        self.laptop.run("sync")
        # The server writes a business card anew when it is edited, which vdirsyncer takes for a change of its own.
        self.ledger.remote = edited & self.ledger.business


def test_twenty_rounds_end_with_equal_replicas(tmp_path):
    """Laptop, server, two phones and database say the same at the end; no card is doubled and nobody is lost."""
    if shutil.which("vdirsyncer", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("vdirsyncer is not installed")
    seed = int(os.environ.get("BCM_SEED", "1"))
    with Installation(tmp_path / "bcm") as there:
        rows = [(f"start{number}", f"Given{number}", f"Family{number}", "Clerk") for number in range(START)]
        there.sql("INSERT INTO contact (uid, given_name, family_name, job_title) VALUES (?, ?, ?, ?)", rows)
        phone = there.phone()
        laptop = Laptop(tmp_path, there.server.url + phone.folder)
        laptop.run("sync")
        assert laptop.texts().keys() == {row[0] for row in rows}
        history = History(seed, there, laptop, phone)
        history.ledger.said = {row[0]: {"TITLE": "Clerk"} for row in rows}
        history.ledger.business = {row[0] for row in rows}
        for _ in range(ROUNDS):
            history.round()
        laptop.run("sync")
        settled = {path.name: path.read_bytes() for path in laptop.cards.iterdir()}
        said = laptop.run("sync")
        assert "Copying" not in said
        assert "Deleting" not in said
        assert settled == {path.name: path.read_bytes() for path in laptop.cards.iterdir()}
        _check(there, laptop, phone, history.ledger)


def _check(there: Installation, laptop: Laptop, phone: Phone, ledger: Ledger) -> None:
    phone.sync()
    fresh = there.phone()
    fresh.sync()
    assert fresh.cards == phone.cards
    on_laptop = laptop.texts()
    on_server: dict[str, str] = {}
    for href in fresh.cards:
        text = _lf(fresh.get(href).content.decode())
        uid = line(text, "UID") or ""
        assert uid not in on_server, f"{uid} stands there twice"
        on_server[uid] = text
    assert on_laptop == on_server
    assert on_server.keys() == ledger.said.keys() - ledger.gone
    for uid, values in ledger.said.items():
        if uid not in ledger.gone:
            assert {name: line(on_server[uid], name) for name in values} == values, uid
    _check_records(there, ledger)
    assert len(on_server) > START / 2
    assert ledger.conflicts > 0, "a history without conflicts proves little; choose another seed"


def _check_records(there: Installation, ledger: Ledger) -> None:
    """Each business card's last values stand in the record's columns; whoever was deleted is deleted."""
    with closing(sqlite3.connect(there.folder / "business.db")) as client:
        client.row_factory = sqlite3.Row
        rows = {row["uid"]: row for row in client.execute("SELECT * FROM contact WHERE deleted_at IS NULL")}
    assert rows.keys() == ledger.business - ledger.gone
    for uid, row in rows.items():
        wanted = {COLUMNS[name]: value for name, value in ledger.said[uid].items() if COLUMNS[name]}
        assert {column: row[column] for column in wanted} == wanted, uid
