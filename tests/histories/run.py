# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one history; `python -m tests.histories.run SEED [STEPS]` looks for the shortest beginning that fails."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.histories.phones import Watch, look, observe_all
from tests.histories.steps import Life
from tests.histories.world import Stage, World

LOOK_EVERY = 3
MARKERS = (None, ("property", "category", "group"), ("property", "category", "photo-badge"))


class Failed(AssertionError):
    """A history that went wrong, with what happened in it."""

    def __init__(self, seed: int, told: list[str], cause: BaseException) -> None:
        lines = "\n".join(f"  {number:3} {line}" for number, line in enumerate(told, 1))
        super().__init__(f"history {seed}, {len(told)} steps\n{lines}\n{type(cause).__name__}: {cause}")
        self.steps = len(told)


def run(stage: Stage, seed: int, steps: int) -> None:
    """A history of so many steps. Failed if a phone sees anything wrong."""
    world = World(stage, MARKERS[seed % len(MARKERS)])
    told: list[str] = []
    try:
        life = Life(world, seed)
        watches = {path: Watch(path) for path in world.plain}
        told += life.prologue()
        try:
            for number in range(1, steps + 1):
                told.append(life.step())
                observe_all(world, watches)
                if number % LOOK_EVERY == 0 or number == steps:
                    look(world, watches)
        except Exception as error:
            raise Failed(seed, told, error) from error
    finally:
        world.close()


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
def new_stage() -> Iterator[Stage]:
    """A stage that is gone afterwards, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        stage = Stage(Path(folder))
        try:
            yield stage
        finally:
            stage.close()


def main() -> None:
    """The command."""
    seed, steps = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with new_stage() as stage:
        print(shortest(stage, seed, steps) or f"history {seed}: {steps} steps are well")


if __name__ == "__main__":
    main()
