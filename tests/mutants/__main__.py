# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.mutants [PART OF A NAME …]`: seeds deliberate bugs one at a time, and runs the tests that have to
notice.

Each bug is put into a copy of the tree. Exit status 1 if one survives, if its text is not in the code any more, or if
its tests could not be run. Where a test needs a server that this machine does not have, it is skipped, and its bug
survives.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("radicale_bcm", "tests", "config")
TESTS_FAILED = 1  # of pytest: all others mean that they did not run as they should


def mutated(mutant: Mutant, root: Path) -> str:
    """The text of the file with the bug in it. ValueError if the place is not there, or not the only one."""
    text = (root / mutant.path).read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.path} has {text.count(mutant.old)} times, not once: {mutant.old!r}")
    return text.replace(mutant.old, mutant.new)


def outcome(mutant: Mutant, folder: Path) -> str:
    """What comes of a bug: caught, or what else."""
    path = folder / mutant.path
    kept = path.read_text()
    path.write_text(mutated(mutant, folder))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
        environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    finally:
        path.write_text(kept)
    if done.returncode == TESTS_FAILED:
        return "caught"
    if done.returncode == 0:
        return "SURVIVED"
    return f"NOT TRIED: pytest ended with {done.returncode}\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("part", nargs="*", help="only bugs with one of these in their name")
    wanted = parser.parse_args().part
    chosen = [each for each in MUTANTS if not wanted or any(part in each.name for part in wanted)]
    caught = 0
    with tempfile.TemporaryDirectory(prefix="bcm-mutants-") as name:
        folder = Path(name)
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        for each in chosen:
            began = time.monotonic()
            found = outcome(each, folder)
            caught += found == "caught"
            print(f"{found:9} {time.monotonic() - began:5.0f} s  {each.name}", flush=True)
    print(f"{caught} of {len(chosen)} caught")
    return int(caught != len(chosen))


if __name__ == "__main__":
    sys.exit(main())
