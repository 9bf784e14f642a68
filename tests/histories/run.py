# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs histories, and looks for the shortest beginning of one that fails. Imported by the command and the test."""

import copy
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radicale_bcm.books import revisions
from radicale_bcm.sync import pull, verify
from tests.histories.accidents import ACCIDENTS
from tests.histories.admin import ADMIN_STEPS
from tests.histories.phones import Watch, look, observe_all
from tests.histories.stage import ADMIN, PostgresqlStage, SqliteStage, Stage
from tests.histories.steps import STEPS, Life
from tests.histories.world import World

# Every so many steps the phones look, in one of four histories twice as often.
LOOK_EVERY = 8
# So often every token is asked about; in between only the latest and some other one.
LOOK_AT_ALL_EVERY = 20
VERIFY_EVERY = 4
# In so many histories phones go over the real application.
WIRE_EVERY = 5
MARKERS = (None, ("property", "category", "group"), ("property", "category", "photo-badge"))


class Failed(AssertionError):
    """A history that went wrong, with what happened in it."""

    def __init__(self, seed: int, told: list[str], cause: BaseException) -> None:
        lines = "\n".join(f"  {number:3} {line}" for number, line in enumerate(told, 1))
        super().__init__(f"history {seed}, {len(told)} steps\n{lines}\n{type(cause).__name__}: {cause}")
        self.steps = len(told)


def run(stage: Stage, seed: int, steps: int) -> Counter[str]:
    """A history of so many steps; how often what happened. Failed if a phone sees anything wrong."""
    wire = stage.wire if seed % WIRE_EVERY == 0 else None
    world = World(stage, MARKERS[seed % len(MARKERS)], wire)
    told: list[str] = []
    try:
        life = Life(world, seed)
        life.steps = (*STEPS, *ADMIN_STEPS, *ACCIDENTS)
        try:
            told += life.prologue()
            _go_on(world, life, steps, told)
            if seed % VERIFY_EVERY == 0:
                found = verify.differences(world.site, ADMIN)
                assert not found, found
                world.counts["verified"] += 1
        except Exception as error:
            raise Failed(seed, told, error) from error
    finally:
        world.close()
    return world.counts


def _go_on(world: World, life: Life, steps: int, told: list[str]) -> None:
    watches = {path: Watch(path) for path in world.plain}
    world.stage.observer = lambda: observe_all(world, watches)
    world.stage.watching(on=True)
    then: dict[str, Watch] = {}
    chance = random.Random(steps)
    look_every = LOOK_EVERY // 2 if life.seed % 4 == 1 else LOOK_EVERY
    for number in range(1, steps + 1):
        backed_up = life.backup
        told.append(life.step())
        if life.backup is not backed_up:
            then = copy.deepcopy(watches)
        if world.restored:
            world.restored = False
            watches = _after_restore(watches, then)
            world.observed = None
            observe_all(world, watches)
        if number % LOOK_AT_ALL_EVERY == 0 or number == steps:
            look(world, watches)
        elif number % look_every == 0:
            look(world, watches, chance)
    world.check_ledger()
    _expect_quiet(world)


def _after_restore(watches: dict[str, Watch], then: dict[str, Watch]) -> dict[str, Watch]:
    """What phones know after a restore: every token that they have is strange now, whenever they got it."""
    found = copy.deepcopy(then)
    for path, watch in watches.items():
        after = found.setdefault(path, Watch(path))
        after.strange = [*watch.strange, *(each.token for each in watch.memories)]
        after.memories.clear()
        after.revision = -1
    return {path: watch for path, watch in found.items() if path in then}


def _expect_quiet(world: World) -> None:
    """At rest another look changes nothing: no card, no revision, no row."""
    with world.site.read() as conn:
        before = revisions.stamp(conn)
    rows = world.rows()
    pull.pull_all(world.site)
    pull.compare_all(world.site)
    world.stage.restart()
    assert not pull.has_pending(world.site), "something is pending at rest"
    with world.site.read() as conn:
        assert revisions.stamp(conn) == before, "a revision was drawn at rest"
    assert world.rows() == rows, "rows changed at rest"


def shortest(stage: Stage, seed: int, steps: int) -> Failed | None:
    """The failure of the shortest beginning of a history that fails; None if it does not."""
    found: Failed | None = None
    low, high = 1, steps
    while low <= high:
        middle = (low + high) // 2
        try:
            run(stage, seed, middle)
            low = middle + 1
        except Failed as failure:
            found, high = failure, min(middle, failure.steps) - 1
    return found


@contextmanager
def new_stage(engine: str = "sqlite") -> Iterator[Stage]:
    """A stage that is gone afterwards, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        stage: Stage = SqliteStage(Path(folder)) if engine == "sqlite" else PostgresqlStage(Path(folder))
        try:
            yield stage
        finally:
            stage.close()
