# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.fuzz vcard|import|filter|http|wire --minutes 10`: spoilt input until the time is over.

Exit status 1 if anything was answered with an exception, a 5xx, a traceback in the log, more than a second of
processor time, or left what is stored in disorder; each failure is printed with its input.
"""

import argparse
import sys
import time

from tests.fuzz.run import TARGETS, run


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"], help="what is fuzzed; all: one after the other")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target (default: 10)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same seed makes the same inputs")
    given = parser.parse_args()
    failed = False
    for name in TARGETS if given.target == "all" else [given.target]:
        outcome = run(name, given.seed, seconds=given.minutes * 60)
        print(f"{name}, seed {given.seed}, {given.minutes:g} minutes: {outcome}", flush=True)
        for what, (spoilt, told) in outcome.failures.items():
            print(f"--- {what}\ninput: {spoilt!r}\n{told}", flush=True)
        failed = failed or bool(outcome.failures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
