# SPDX-License-Identifier: GPL-3.0-or-later
"""The command in processes of their own, on installations in temporary folders.

The processes are forked from this one, where the modules are loaded already: each would need a second for that.
test_serve.py and test_start.py start real ones.
"""

import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

from radicale_bcm import cli
from radicale_bcm.cli import app

ROOT = Path(__file__).parents[2]
MAIN = "import sys; sys.argv[0] = 'radicale-bcm'; from radicale_bcm.cli import main; main()"
SECONDS = 120


@dataclass(frozen=True)
class Result:
    """What a command said. Whatever it was, no traceback is among it."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@cache
def _preload() -> None:
    for module in ("failures", *app._MODULES.values()):
        import_module(f"radicale_bcm.cli.{module}")


def run(*args: str, stdin: str | None = None, **environment: str) -> Result:
    """Run `radicale-bcm` with these arguments; nobody sits at its terminal."""
    _preload()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write((stdin or "").encode())
        given.seek(0)
        child = os.fork()
        if child == 0:
            _become(args, environment, (given.fileno(), out.fileno(), err.fileno()))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        result = Result(status, out.read().decode(), err.read().decode())
    assert "Traceback" not in result.err + result.out, result.err
    return result


def _become(args: tuple[str, ...], environment: dict[str, str], descriptors: tuple[int, int, int]) -> NoReturn:
    status = 99
    try:
        signal.alarm(SECONDS)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the rest of this process
            for number, mode in enumerate("rww")
        )
        os.environ.pop("RADICALE_CONFIG", None)
        os.environ |= {"COLUMNS": "120"} | environment
        sys.argv = ["radicale-bcm", *args]
        cli.main()
        status = 0
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else 0 if done.code is None else 98
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


@dataclass(frozen=True)
class Tool:
    """The command with the configuration of an installation."""

    folder: Path

    @property
    def ini(self) -> Path:
        return self.folder / "radicale.ini"

    def __call__(self, *args: str, status: int = 0, stdin: str | None = None) -> Result:
        result = run("-C", str(self.ini), *args, stdin=stdin)
        assert result.status == status, f"{args}: {result.status}\n{result.out}\n{result.err}"
        return result

    def json(self, *args: str, status: int = 0, stdin: str | None = None) -> Any:
        return self(*args, "--json", status=status, stdin=stdin).json


def installed(folder: Path) -> Tool:
    """A new installation with the user alice, password secret."""
    result = run("init", str(folder), "--user", "alice", "--password", "secret")
    assert result.status == 0, result.err
    return Tool(folder)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """An installation that the tests of a module share."""
    return installed(tmp_path_factory.mktemp("cli") / "site")
