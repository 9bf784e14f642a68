# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tests with the newest release of each minor version of Radicale that this plugin works with.

    python tests/radicale/matrix.py [VERSION …] [--keep DIR] [-- pytest arguments]

Each version gets a virtual environment of its own, thrown away at the end unless `--keep` names a folder for them.
The exit status is 1 if any version failed.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VERSIONS = ("3.5", "3.6", "3.7", "3.8", "3.9")
TOOLS = ("pytest>=8.3,<10", "httpx>=0.28,<1", "hypothesis>=6.120,<7")
# What a client does, the storage against that version's own, and who may do what: on SQLite, with both servers.
TESTS = (
    "tests/http/test_plain_contacts.py",
    "tests/http/test_business_cards.py",
    "tests/http/test_permissions.py",
    "tests/http/test_rights_matrix.py",
    "tests/contract/test_storage_oracle.py",
    "tests/contract/test_takeover.py",
)
SQLITE_ONLY = ("-k", "not postgresql and not mariadb")
# Older versions leave iterators of folders open.
FORGIVING = ("-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")


def prepare(version: str, folder: Path) -> Path:
    """A virtual environment with this version; its Python."""
    python = folder / version / "bin" / "python"
    if not python.exists():
        venv.create(folder / version, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(ROOT), f"radicale=={version}.*", *TOOLS], check=True)
    return python


def release(python: Path) -> str:
    """The release of Radicale that is installed there."""
    asked = "from importlib.metadata import version; print(version('radicale'))"
    return subprocess.run([str(python), "-c", asked], check=True, capture_output=True, text=True).stdout.strip()


def run(python: Path, arguments: list[str]) -> tuple[bool, str]:
    """Whether the tests pass with it, and pytest's last line."""
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *FORGIVING]
    command += arguments or [*TESTS, *SQLITE_ONLY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:], file=sys.stderr)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return done.returncode == 0, lines[-1] if lines else done.stderr[-200:]


def main() -> int:
    """Run the matrix and print a line for each version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    options, theirs = parser.parse_args(given[:end]), given[end + 1 :]
    passed = True
    with tempfile.TemporaryDirectory(prefix="radicale-matrix-") as temporary:
        folder = options.keep or Path(temporary)
        for version in options.versions:
            started = time.monotonic()
            python = prepare(version, folder)
            good, summary = run(python, theirs)
            passed = passed and good
            seconds = time.monotonic() - started
            print(f"{release(python):8} {'works' if good else 'FAILS'}  {summary}  ({seconds:.0f} s)", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
