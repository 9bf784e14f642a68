# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 6: configuration files are watched and used when they are valid; an invalid edit is logged, and what
runs goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.dav import Server, card
from tests.http.company import PASSWORD, Company, Office


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Office]:
    """An office of two workers, with one business contact in alice's folder and a rights file."""
    company = Company(tmp_path)
    (tmp_path / "rights").write_text("[all]\nuser = .+\ncollection = {user}(/.*)?\npermissions = RWrw\n")
    company.configure("type = owner_only", f"type = from_file\nfile = {tmp_path / 'rights'}")
    company.hire("alice")
    company.add(given_name="Nick", email="nick@example.com")
    with Server(company.config, workers=2) as server, closing(Office(company, server)) as office:
        yield office


def always(check: Callable[[], bool], seconds: float = 60) -> None:
    """In the end every worker says so: ten answers in a row."""
    deadline = time.monotonic() + seconds
    row = 0
    while row < 10:
        row = row + 1 if check() else 0
        assert time.monotonic() < deadline
        time.sleep(0.02)


def log_of(office: Office) -> str:
    return (office.company.folder / "server.log").read_text()


def replaced_file(path: Path, text: str) -> None:
    """As editors do it: another file takes its place."""
    beside = path.with_name("radicale.ini.new")
    beside.write_text(text)
    beside.replace(path)


def test_a_valid_edit_is_used_and_an_invalid_one_changes_nothing(own: Office):
    phone = own.phone("alice")
    ((href, (_, text)),) = phone.cards.items()
    assert "https://contacts.example.com" not in text
    workers = own.server.worker_pids()

    # A new value, by an editor that writes another file and renames it.
    good = own.company.config.read_text().replace("bcm_public_url =", "bcm_public_url = https://contacts.example.com")
    replaced_file(own.company.config, good)

    def links() -> bool:
        return "https://contacts.example.com" in own.client("alice").get(phone.folder + href).text

    always(links)
    changed, removed = phone.sync()
    assert (href in changed, removed) == (True, set())

    # Whatever is wrong with it: the section, an option, a value, half of a file, none at all, another storage.
    for bad, word in (
        (good.replace("bcm_on_conflict = database", "bcm_on_conflict = nobody"), "bcm_on_conflict"),
        (good.replace("bcm_on_conflict", "bcm_on_konflict"), "bcm_on_konflict"),
        (good[: good.index("[storage]")], "restart"),
        ("\0\1\2", "Failed to load"),
        (good.replace("bcm_state_url = ", "bcm_state_url = sqlite:////nowhere/at/all"), "nowhere"),
    ):
        before = len(log_of(own))
        own.company.config.write_text(bad)
        deadline = time.monotonic() + 60
        while log_of(own)[before:].count("the running one stays") < len(workers):
            assert time.monotonic() < deadline, (word, log_of(own)[before:])
            time.sleep(0.05)
        assert word in log_of(own)[before:]
        assert "Traceback" not in log_of(own)
        for _ in range(6):
            assert links()
        assert phone.put("mine.vcf", card("uid-mine", "Mine")).status_code in (201, 204)
    own.company.config.unlink()
    time.sleep(1)
    assert links()

    # And mended again, with another value.
    own.company.config.write_text(good.replace("https://contacts.example.com", "https://other.example.com"))
    always(lambda: "https://other.example.com" in own.client("alice").get(phone.folder + href).text)
    assert own.server.worker_pids() == workers
    assert phone.sync()[1] == set()
    assert phone.put("mine.vcf", card("uid-mine", "Mine")).status_code in (201, 204)


def test_rights_are_read_again(own: Office):
    phone = own.phone("alice")
    rights = own.company.folder / "rights"
    rights.write_text(rights.read_text().replace("RWrw", "Rr"))
    always(lambda: phone.put("mine.vcf", card("uid-mine", "Mine")).status_code == 403)
    rights.write_text("[all]\nuser = (\n")
    always(lambda: "the running one stays" in log_of(own))
    assert phone.sync()[1] == set()
    rights.write_text("[all]\nuser = .+\ncollection = {user}(/.*)?\npermissions = RWrw\n")
    always(lambda: phone.put("mine.vcf", card("uid-mine", "Mine")).status_code in (201, 204))


def test_requests_that_run_while_the_configuration_changes_are_answered(own: Office):
    """Every answer is one of the two configurations', and none is an error."""
    phone = own.phone("alice")
    good = own.company.config.read_text()
    numbers = iter(range(10_000))
    with closing(own.server.client("alice", PASSWORD)) as client:
        for address in ("https://a.example.com", "https://b.example.com", ""):
            replaced_file(own.company.config, good.replace("bcm_public_url =", f"bcm_public_url = {address}"))
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                number = next(numbers)
                path = f"{phone.folder}n{number}.vcf"
                assert client.put(path, content=card(f"uid-{number}", "N").encode()).status_code == 201
                assert client.get(path).status_code == 200
                phone.sync()
    assert len(phone.cards) == next(numbers) + 1
