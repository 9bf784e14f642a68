# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of a company: whatever happens, every sync-token ever issued is answered exactly.

BCM_LONG=1 runs two thousand long ones, BCM_SEED another selection of them; a failure prints its seed, for
`python -m tests.histories.run SEED STEPS`.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories.run import run
from tests.histories.world import make_template

LONG = os.environ.get("BCM_LONG") == "1"
FIRST = int(os.environ.get("BCM_SEED", "0"))
GROUPS, IN_GROUP, STEPS = (100, 20, 40) if LONG else (10, 15, 14)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """Empty databases, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield make_template(Path(folder))


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_token_ever_issued_is_answered_exactly(template: Path, group: int) -> None:
    """Every phone, whenever it synced last, ends with what its folder shows, and hears of nothing else."""
    for number in range(IN_GROUP):
        run(template, FIRST + group * IN_GROUP + number, STEPS)
