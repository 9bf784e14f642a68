# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.histories --first 0 --count 5000 --steps 40 [--engine postgresql]`: random histories of a company.

Three people with a phone each, other programs, administrators, and accidents; the phones sync from every token that
they ever got. Prints how often what happened, and each history that goes wrong with its shortest beginning that does.
Exit status 1 if one does.
"""

import argparse
import gc
import logging
import sys
import time
from collections import Counter

from tests.histories.run import Failed, new_stage, run, shortest

MOST_FAILURES = 5
REPORT_EVERY = 100


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the number of the first history, which is its seed")
    parser.add_argument("--count", type=int, default=100, help="how many histories (default: 100)")
    parser.add_argument("--steps", type=int, default=40, help="how many steps each has (default: 40)")
    parser.add_argument("--minutes", type=float, default=0, help="end after so many minutes, however many there were")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    counts: Counter[str] = Counter()
    failures = done = 0
    begun = time.monotonic()
    with new_stage(given.engine) as stage:
        for seed in range(given.first, given.first + given.count):
            if failures == MOST_FAILURES or (given.minutes and time.monotonic() - begun > given.minutes * 60):
                break
            try:
                counts += run(stage, seed, given.steps)
            except Failed as failure:
                failures += 1
                print(shortest(stage, seed, given.steps) or failure, flush=True)
            done += 1
            if done == 20:
                gc.freeze()  # what is loaded by now stays; looking through it again and again costs a fifth of the time
            if done % REPORT_EVERY == 0:
                _say(given.engine, done, given.steps, failures)
    for name, count in sorted(counts.items()):
        print(f"{count:9,}  {name}")
    _say(given.engine, done, given.steps, failures)
    print(f"histories {given.first} to {given.first + done - 1}")
    return int(bool(failures))


def _say(engine: str, done: int, steps: int, failures: int) -> None:
    took = f"{time.process_time():.0f} s of processor time"
    print(f"{engine}: {done} histories of {steps} steps, {failures} violations, {took}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
