# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of a company: whatever happens, every sync-token ever issued is answered exactly, and nothing that
was acknowledged is lost.

`python -m tests.histories` runs thousands of long ones; BCM_SEED is another selection of these short ones.
"""

import os
from collections.abc import Iterator

import pytest

from tests.histories.accidents import ACCIDENTS
from tests.histories.admin import ADMIN_STEPS
from tests.histories.run import new_stage, run
from tests.histories.stage import Stage
from tests.histories.steps import STEPS as STEPS_OF_PEOPLE
from tests.servers import Server

FIRST = int(os.environ.get("BCM_SEED", "0"))
GROUPS, IN_GROUP, STEPS = 6, 5, 30


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


def test_every_kind_of_step_is_among_them() -> None:
    """So that nobody takes one out of the list by mistake."""
    taken = {step.__name__ for step, _ in (*STEPS_OF_PEOPLE, *ADMIN_STEPS, *ACCIDENTS)}
    assert {
        "sql_delete",
        "edit_card",
        "promote",
        "switch_database",
        "restore_backup",
        "purge",
        "undo_change",
        "crash",
    } <= taken


@pytest.mark.servers
def test_a_few_on_postgresql(postgresql: Server) -> None:
    """The same, where a transaction waits for row locks."""
    del postgresql  # skips where there is none
    with new_stage("postgresql") as made:
        for seed in range(FIRST + 1000, FIRST + 1004):
            run(made, seed, STEPS)
