# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command loads when it starts."""

import subprocess
import sys

from tests.cli.conftest import MAIN, ROOT


def test_the_overview_waits_for_neither_databases_nor_radicale():
    code = f"import atexit, sys; sys.argv[1:] = ['--help']; atexit.register(lambda: print(*sys.modules)); {MAIN}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Commands:" in done.stdout
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"radicale", "sqlalchemy", "vobject", "alembic", "granian"}
