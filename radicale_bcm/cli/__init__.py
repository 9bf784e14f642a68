# SPDX-License-Identifier: GPL-3.0-or-later
"""The `radicale-bcm` command: arguments and printing, no logic. One module for each noun, loaded when it is used."""

import os
import sys


def main() -> None:
    """Run the command: exit status 0 done, 1 refused, 2 usage, 3 a database cannot be used; never a traceback."""
    from radicale_bcm.cli.app import app  # noqa: PLC0415 - importing the package must stay free of charge
    from radicale_bcm.cli.failures import report  # noqa: PLC0415

    try:
        app(prog_name="radicale-bcm")
    except Exception as error:  # whatever it is, a person reads it
        if os.environ.get("BCM_DEBUG") == "1":
            raise
        sys.exit(report(error))
