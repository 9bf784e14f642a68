# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Radicale's own test suite, from a checkout of its source, with this plugin as the storage.

    python tests/radicale/run.py CHECKOUT [pytest arguments]

Nothing of the suite is copied here. `excluded.txt` beside this file lists the tests that are left out, each with its
reason. `--as-addressbooks` replays those that are about storing calendars with address books and vCards.
`--stock` runs the same selection on Radicale's own storage, for comparison.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = ("test_base.py", "test_rights.py", "test_storage.py", "test_sharing.py", "test_group.py", "test_expand.py")


def main(arguments: list[str]) -> int:
    """Run pytest inside the checkout; its exit status is ours."""
    if not arguments or not (Path(arguments[0]) / "radicale" / "tests").is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    checkout, rest = Path(arguments[0]).resolve(), arguments[1:]
    stock, cards = "--stock" in rest, "--as-addressbooks" in rest
    rest = [each for each in rest if each not in ("--stock", "--as-addressbooks")]
    usual = [f"radicale/tests/{name}" for name in FILES if (checkout / "radicale" / "tests" / name).exists()]
    files = [each for each in rest if ".py" in each] or usual
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    command += [f"--rootdir={checkout}", *files, *(each for each in rest if ".py" not in each), "-p", "selection"]
    if cards:
        command += ["-p", "as_addressbooks"]
    if not stock:
        command += ["-p", "bcm_storage"]
    paths = [str(checkout), str(HERE), str(HERE.parent.parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(command, cwd=checkout, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
