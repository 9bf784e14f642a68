# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of a company: whatever happens, every sync-token ever issued is answered exactly.

BCM_LONG=1 runs two thousand long ones, BCM_SEED another selection of them; a failure prints its seed, for
`python -m tests.histories.run SEED STEPS`.
"""

import os
from collections.abc import Iterator

import pytest

from tests.histories.run import new_stage, run
from tests.histories.world import Stage

LONG = os.environ.get("BCM_LONG") == "1"
FIRST = int(os.environ.get("BCM_SEED", "0"))
GROUPS, IN_GROUP, STEPS = (100, 20, 40) if LONG else (10, 15, 14)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Where all of them happen."""
    with new_stage() as made:
        yield made


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_token_ever_issued_is_answered_exactly(stage: Stage, group: int) -> None:
    """Every phone, whenever it synced last, ends with what its folder shows, and hears of nothing else."""
    for number in range(IN_GROUP):
        run(stage, FIRST + group * IN_GROUP + number, STEPS)
