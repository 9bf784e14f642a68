# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 6: a business database that is suddenly empty, or another one, is an error and never "everything was
deleted"; and what phones see while somebody switches to another database under a running server."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.dav import Server, replaced
from tests.http.company import Company, Office

COUNT = 40


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Office]:
    """An office with contacts of its own, on SQLite."""
    company = Company(tmp_path)
    company.configure("bcm_max_deletes = 1000", "bcm_max_deletes = 20")
    for number in range(COUNT):
        company.sql(f"INSERT INTO contact (given_name, email) VALUES ('Person {number}', 'p{number}@example.com')")
    company.hire("alice")
    with Server(company.config) as server, closing(Office(company, server)) as office:
        yield office


def eventually(check: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_database_that_is_suddenly_empty_empties_no_phone(own: Office):
    phone = own.phone("alice")
    href, etag, text = phone.find("FN:Person 7\r\n")
    assert len(phone.cards) == COUNT
    kept = own.company.sql("SELECT * FROM contact WHERE given_name = 'Person 7'")[0]
    own.company.sql("DELETE FROM contact")
    time.sleep(1.5)
    assert phone.sync() == (set(), set())
    assert phone.get(href).text == text
    assert phone.put(href, replaced(text, "Person 7", "Person X"), etag=etag).status_code == 503
    assert phone.delete(href, etag=etag).status_code == 503
    (status,) = own.company.run("status")
    assert (status["business_cards"], status["missing_records"]) == (COUNT, COUNT)
    # One comes back: too many are missing still, and what is there can be edited.
    names = [name for name, value in kept.items() if value is not None]
    values = ", ".join("'{}'".format(str(kept[name]).replace("'", "''")) for name in names)
    own.company.sql(f"INSERT INTO contact ({', '.join(names)}) VALUES ({values})")
    assert phone.put(href, replaced(text, "Person 7", "Person X"), etag=etag).status_code in (200, 204)
    assert own.company.sql("SELECT given_name FROM contact") == [{"given_name": "Person X"}]
    # Somebody says that this was meant.
    assert own.company.run("sync", "now", "--full", "--yes")["removed"] == COUNT - 1
    changed, removed = phone.sync()
    assert (changed, len(removed)) == ({href}, COUNT - 1)


def test_another_database_in_its_place_is_an_error_until_it_is_back(own: Office, tmp_path: Path):
    phone = own.phone("alice")
    href, etag, text = phone.find("FN:Person 7\r\n")
    other = Company(tmp_path / "elsewhere")
    other.add(given_name="Stranger")
    here, aside = tmp_path / "business.db", tmp_path / "aside"
    aside.mkdir()
    with closing(sqlite3.connect(other.folder / "business.db")) as client:
        client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in tmp_path.glob("business.db*"):
        file.rename(aside / file.name)
    shutil.copy(other.folder / "business.db", here)
    assert phone.sync() == (set(), set())
    assert phone.put(href, replaced(text, "Person 7", "Person X"), etag=etag).status_code == 503
    assert phone.sync() == (set(), set())
    with closing(sqlite3.connect(here)) as client:
        assert client.execute("SELECT given_name FROM contact").fetchall() == [("Stranger",)]
    for file in tmp_path.glob("business.db*"):
        file.unlink()
    for file in aside.iterdir():
        file.rename(tmp_path / file.name)

    def edited() -> bool:
        return phone.put(href, replaced(text, "Person 7", "Person X"), etag=etag).status_code in (200, 204)

    eventually(edited)


def test_a_switch_under_a_running_server(own: Office, tmp_path: Path):
    phone = own.phone("alice")
    href, _, _ = phone.find("FN:Person 7\r\n")
    other = f"sqlite:///{tmp_path}/other.db"
    own.company.run("database", "add", "other", "--url", other)
    own.company.sql("INSERT INTO contact (given_name, email) VALUES ('Newcomer', 'new@example.com')", url=other)
    assert phone.sync() == (set(), set())
    assert own.company.run("database", "switch", "other", "--import")["imported"] == COUNT
    changed, removed = phone.sync()
    assert (len(changed), removed) == (COUNT + 1, set())
    # Edits go to the new database, and what another program writes there is seen.
    _, etag, text = phone.find("FN:Person 7\r\n")
    assert phone.put(href, replaced(text, "Person 7", "Person X"), etag=etag).status_code in (200, 204)
    assert own.company.sql("SELECT count(*) AS n FROM contact WHERE given_name = 'Person X'", url=other)[0]["n"] == 1
    assert own.company.sql("SELECT count(*) AS n FROM contact WHERE given_name = 'Person X'")[0]["n"] == 0
    phone.sync()
    own.company.sql("UPDATE contact SET given_name = 'Person Y' WHERE given_name = 'Person X'", url=other)
    eventually(lambda: phone.sync() == ({href}, set()))
    # And back, with the former edits where they were made.
    assert own.company.run("database", "switch", "main", "--keep")["kept"] == 1
    changed, removed = phone.sync()
    assert removed == set()
    assert "FN:Person 7\r\n" in phone.get(href).text
    assert len(phone.cards) == COUNT + 1
    newcomer, etag, text = phone.find("FN:Newcomer\r\n")
    assert phone.put(newcomer, replaced(text, "Newcomer", "Kept"), etag=etag).status_code in (200, 204)
    assert own.company.sql("SELECT count(*) AS n FROM contact WHERE given_name = 'Kept'", url=other)[0]["n"] == 0
    phone.sync()
    assert "Kept" in phone.cards[newcomer][1]
    assert phone.delete(newcomer, etag=phone.cards[newcomer][0]).status_code in (200, 204)
    assert phone.sync() == (set(), set()) or newcomer not in phone.cards
    assert own.company.run("verify")["differences"] == []
