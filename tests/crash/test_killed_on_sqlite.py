# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 10, 2: a kill at any point loses nothing that was answered, and the next start repairs the rest.

The short form: some operations, at some of their writes. `python -m tests.crash` does all of them at each.
"""

import logging
from collections.abc import Iterator

import pytest

from tests.crash.__main__ import new_place
from tests.crash.faults import failed
from tests.crash.killed import killed, undisturbed
from tests.crash.operations import OPERATIONS
from tests.crash.place import Place, quick

pytestmark = [pytest.mark.crash, pytest.mark.slow]

# Where between the first and the last call: the second is between the commits of the two databases.
SHARES = (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    logging.disable(logging.CRITICAL)
    with quick():
        yield new_place(tmp_path_factory.mktemp("crash"))
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    "name", ["put-business", "move-out", "purge", "promote", "switch-import", "restore", "upgrade"]
)
def test_nothing_is_lost_or_half_done_after_a_kill(place: Place, name: str):
    operation = OPERATIONS[name]
    ends = undisturbed(place, operation)
    assert ends.calls > 10
    for share in SHARES:
        at = max(1, int(ends.calls * share))
        assert [*killed(place, operation, ends, at)] == [], at


def test_nothing_is_lost_or_half_done_after_a_power_failure(place: Place):
    operation = OPERATIONS["put-business"]
    ends = undisturbed(place, operation)
    for seed, share in enumerate(SHARES):
        at = max(1, int(ends.calls * share))
        assert [*killed(place, operation, ends, at, power=seed)] == [], at


@pytest.mark.parametrize(
    ("name", "fault", "at"),
    [
        ("put-business", "full", 2),
        ("put-business", "full", 20),
        ("put-business", "eio", 12),
        ("put-business", "read", 3),
        ("put-business", "read-only", 1),
        ("put-business", "statement", 4),
        ("sync", "full", 12),
        ("move-out", "statement-full", 25),
        ("promote", "eio", 30),
        ("switch-import", "full", 40),
        ("purge", "statement", 40),
        ("import", "read-only", 2),
        ("restore", "full", 60),
        ("upgrade", "statement-full", 20),
    ],
)
def test_a_failing_disk_gets_an_honest_answer_and_no_half_write(place: Place, name: str, fault: str, at: int):
    operation = OPERATIONS[name]
    ends = undisturbed(place, operation)
    # None would say that the fault was not met.
    assert failed(place, operation, ends, fault, at, lasting=True) == []
