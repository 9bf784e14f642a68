# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL is stopped at once under load. `python -m tests.crash stops` stops it 50 times; `servers` lets statements
of every operation fail on it."""

import os

import pytest

from tests.crash import stops
from tests.servers import Missing, find_program

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.servers]


def test_nothing_that_was_answered_is_lost_when_postgresql_is_stopped_at_once():
    try:
        find_program("postgres")
    except Missing as missing:
        if os.environ.get("BCM_REQUIRE_SERVERS") == "1":
            raise
        pytest.skip(f"{missing} is not installed")
    print(stops.run(2))
