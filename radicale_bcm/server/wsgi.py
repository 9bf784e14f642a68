# SPDX-License-Identifier: GPL-3.0-or-later
"""The WSGI application of one worker: `radicale_bcm.server.wsgi:application`. Configured by RADICALE_CONFIG."""

from radicale_bcm.server.live import LiveApplication


def __getattr__(name: str) -> LiveApplication:
    # Made on first use, so that importing this module needs no configuration.
    if name != "application":
        raise AttributeError(name)
    made = LiveApplication()
    globals()["application"] = made
    return made
