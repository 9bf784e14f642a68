# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL is stopped at once under load, and statements fail on it. `python -m tests.crash stops` stops it 50 times,
`servers` lets each statement of each operation fail."""

import os
from collections.abc import Iterator

import pytest

from tests.crash import stops
from tests.crash.__main__ import new_place
from tests.crash.faults import failed
from tests.crash.killed import undisturbed
from tests.crash.operations import OPERATIONS
from tests.crash.place import Place, quick
from tests.servers import Missing, PostgreSQL, find_program

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.servers]


def test_nothing_that_was_answered_is_lost_when_postgresql_is_stopped_at_once():
    try:
        find_program("postgres")
    except Missing as missing:
        if os.environ.get("BCM_REQUIRE_SERVERS") == "1":
            raise
        pytest.skip(f"{missing} is not installed")
    print(stops.run(2))


@pytest.fixture(scope="module")
def place(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with quick():
        yield new_place(tmp_path_factory.mktemp("faults"), postgresql)


@pytest.mark.parametrize(
    ("name", "fault", "at"), [("put-business", "statement-full", 20), ("promote", "statement", 100)]
)
def test_a_failing_statement_gets_an_honest_answer_and_no_half_write(place: Place, name: str, fault: str, at: int):
    operation = OPERATIONS[name]
    ends = undisturbed(place, operation)
    assert failed(place, operation, ends, fault, at, lasting=True) == []
