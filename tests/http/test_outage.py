# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 6: while the business database is down reads go on, edits of business cards wait, and it recovers."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.dav import Server, card, line, replaced
from tests.http.company import PASSWORD, Company, Office


class Switch:
    """Takes a business database away and brings it back."""

    def __init__(self, off: Callable[[], object], on: Callable[[], object]) -> None:
        self._off, self._on = off, on
        self.is_on = True

    def off(self) -> None:
        self._off()
        self.is_on = False

    def on(self) -> None:
        if not self.is_on:
            self._on()
        self.is_on = True


SERVERS = [pytest.param(name, marks=pytest.mark.servers) for name in ("postgresql", "mariadb")]


@pytest.fixture(scope="module", params=["sqlite", *SERVERS])
def away(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, Switch]]:
    """An office whose business database can be switched off."""
    folder = tmp_path_factory.mktemp("outage")
    if request.param == "sqlite":
        company = Company(folder)
        files = [folder / f"business.db{suffix}" for suffix in ("", "-wal", "-shm")]

        def rename(old: str, new: str) -> None:
            for file in files:
                found = Path(f"{file}{old}")
                if found.exists():
                    found.rename(f"{file}{new}")

        switch = Switch(lambda: rename("", ".away"), lambda: rename(".away", ""))
    else:
        database = request.getfixturevalue(request.param)
        company = Company(folder, database.new_database())
        switch = Switch(database.stop, database.start)
    company.hire("alice")
    company.hire("bob")
    with Server(company.config, workers=2) as server, closing(Office(company, server)) as office:
        yield office, switch
        switch.on()


@pytest.fixture
def record(away: tuple[Office, Switch]) -> Iterator[str]:
    """A business contact; afterwards the database is there again."""
    office, switch = away
    yield office.company.add(given_name="Nick", family_name="Brigandi", job_title="Buyer", business_city="Redmond")
    switch.on()


def eventually(check: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_reads_go_on_edits_of_business_cards_wait_and_it_recovers_by_itself(away, record):
    office, switch = away
    phone, fresh = office.phone("alice"), office.phone("bob")
    href, etag, text = phone.business_card(record)
    phone.put("mine.vcf", card("uid-mine", "Mine"))
    phone.sync()
    before = office.company.row(record)
    switch.off()

    # Reads, delta and full, in any form and without waiting for a timeout.
    started = time.monotonic()
    assert phone.sync() == (set(), set())
    assert phone.get(href).text == text
    assert fresh.report("").status_code == 207
    assert phone.client.request("PROPFIND", phone.folder, headers={"Depth": "1"}).status_code == 207
    assert time.monotonic() - started < 50

    # Edits of business cards: come back later, and nothing is half done.
    sent = replaced(text, "Buyer", "Boss")
    for answer in (
        phone.put(href, sent, etag=etag),
        phone.put(href, sent),
        phone.delete(href),
        phone.delete(href, etag=etag),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert phone.move(href, f"{phone.folder}x.vcf").status_code in (403, 503)
    assert phone.sync() == (set(), set())

    # Plain contacts need no business database.
    assert phone.put("another.vcf", card("uid-another", "Another"), new=True).status_code == 201
    assert phone.put("mine.vcf", card("uid-mine", "Mine 2"), etag=phone.cards["mine.vcf"][0]).status_code == 204
    assert phone.delete("another.vcf").status_code in (200, 204)
    phone.sync()

    switch.on()
    assert office.company.row(record) == before

    def edited() -> bool:
        answer = phone.put(href, sent, etag=etag)
        assert answer.status_code in (204, 503)
        return answer.status_code == 204

    eventually(edited)
    assert office.company.row(record)["job_title"] == "Boss"
    assert href in phone.sync()[0]
    phone.delete("mine.vcf")


def test_what_changed_while_nobody_could_look_comes_afterwards(away, record):
    office, switch = away
    phone = office.phone("alice")
    href, _, _ = phone.business_card(record)
    office.company.set(record, job_title="Boss")
    switch.off()
    phone.sync()
    switch.on()
    eventually(lambda: phone.sync() is not None and line(phone.cards[href][1], "TITLE") == "Boss")
    assert office.company.set(record, job_title="Chief") is None
    eventually(lambda: phone.sync() is not None and line(phone.cards[href][1], "TITLE") == "Chief")


def test_an_unreachable_database_is_not_taken_for_an_empty_one(away, record):
    """FACTS.md, what rivals' users suffer from"""
    office, switch = away
    phone = office.phone("alice")
    count = len(phone.cards)
    switch.off()
    time.sleep(1.5)  # the server looks by itself
    phone.sync()
    assert len(phone.cards) == count
    with Server(office.company.config) as second:
        started = second.phone("alice", PASSWORD)
        started.sync()
        assert len(started.cards) == count
        started.client.close()
    switch.on()
    eventually(lambda: phone.delete(phone.business_card(record)[0]).status_code in (200, 204))
    phone.sync()
    assert len(phone.cards) == count - 1


def test_a_server_under_load_survives_the_outage(away, record):
    """Edits of several clients while the database goes and comes: each answer is true"""
    office, switch = away
    phone = office.phone("alice")
    href, _, text = phone.business_card(record)
    stop = threading.Event()
    statuses: list[int] = []
    accepted: list[str] = []

    def edit(name: str) -> None:
        client = office.server.client("alice", PASSWORD)
        with closing(client):
            for number in itertools.count():
                if stop.is_set():
                    return
                title = f"{name} {number}"
                sent = replaced(text, "Buyer", title).encode()
                status = client.put(phone.folder + href, content=sent, headers={"If-Match": "*"}).status_code
                statuses.append(status)
                if status == 204:
                    accepted.append(title)
                time.sleep(0.01)

    threads = [threading.Thread(target=edit, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: 204 in statuses)
        switch.off()
        eventually(lambda: statuses.count(503) > 5)
        switch.on()
        eventually(lambda: statuses[-4:] == [204] * 4)
    finally:
        stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {204, 503}
    phone.sync()
    titles = {each["note"].get("overruled", {}).get("job_title") for each in office.company.history(record)}
    titles |= {each["changes"].get("job_title", ["", ""])[1] for each in office.company.history(record)}
    assert set(accepted) <= titles
    assert line(phone.cards[href][1], "TITLE") == office.company.row(record)["job_title"]
