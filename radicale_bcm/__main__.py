# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m radicale_bcm` is the `radicale-bcm` command."""

from radicale_bcm.cli import main

main()
