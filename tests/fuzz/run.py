# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a target on spoilt inputs until the time is over, and takes down what fails. Imported by the command and by
the test."""

import gc
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.fuzz.cards import Cards, Files
from tests.fuzz.expressions import Expressions
from tests.fuzz.http import Requests, Wire, closed

SECONDS = 1.0  # of processor time for one input
MOST_FAILURES = 20


class Target(Protocol):
    """What is fuzzed."""

    def make(self) -> Any:
        """A spoilt input."""

    def try_it(self, given: Any) -> str:
        """Let it be read. Returns in a word what came of it; anything that it raises is a failure."""


TARGETS: dict[str, Callable[[random.Random], Target]] = {
    "vcard": Cards,
    "import": Files,
    "filter": Expressions,
    "http": Requests,
    "wire": Wire,
}


@dataclass
class Outcome:
    """What a run did. `failures` maps what went wrong to the first input that showed it and the traceback."""

    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    came: Counter[str] = field(default_factory=Counter)
    failures: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def __str__(self) -> str:
        came = ", ".join(f"{name} {count}" for name, count in self.came.most_common())
        return (
            f"{self.inputs} inputs in {self.seconds:.0f} s of processor time, the slowest {self.slowest:.2f} s; {came};"
            f" {len(self.failures)} failures"
        )


def run(name: str, seed: int, *, seconds: float = 0.0, inputs: int = 0) -> Outcome:
    """Fuzz a target for so many seconds, or with so many inputs."""
    outcome = Outcome()
    target = TARGETS[name](random.Random(seed))
    end = time.monotonic() + seconds
    with closed(target):
        while (outcome.inputs < inputs if inputs else time.monotonic() < end) and len(outcome.failures) < MOST_FAILURES:
            given = target.make()
            outcome.inputs += 1
            try:
                took, came = _timed(target, given)
                if took > SECONDS:
                    # Once more: something else may have had the machine.
                    took = min(took, _timed(target, given)[0])
                assert took <= SECONDS, f"it took {took:.2f} s"
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                what = (
                    f"{type(error).__name__} {traceback.extract_tb(error.__traceback__)[-1].lineno}: {str(error)[:80]}"
                )
                outcome.failures.setdefault(what, (given, traceback.format_exc()))
                continue
            outcome.seconds += took
            outcome.slowest = max(outcome.slowest, took)
            outcome.came[came] += 1
    return outcome


def _timed(target: Target, given: Any) -> tuple[float, str]:
    """Processor time without the garbage collector, whose work grows with all that the process holds."""
    gc.disable()
    try:
        start = time.thread_time()
        came = target.try_it(given)
        return time.thread_time() - start, came
    finally:
        gc.enable()
