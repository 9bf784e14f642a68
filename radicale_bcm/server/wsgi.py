# SPDX-License-Identifier: GPL-3.0-or-later
"""The WSGI application of one worker: `radicale_bcm.server.wsgi:application`. Configured by RADICALE_CONFIG."""

import logging
import os

from radicale import log

from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.config import load
from radicale_bcm.server.storage import Storage
from radicale_bcm.sync.promote import NewContacts
from radicale_bcm.sync.watch import Watcher


def make_application(path: str | None = None) -> BcmApplication:
    """Radicale's configuration read, its log set up, and our Application on it."""
    # Radicale announces each level that it sets, at that level: three lines that say nothing, from each worker.
    logging.disable(logging.WARNING)
    log.setup()
    configuration = load(path)
    log.set_level(
        configuration.get("logging", "level"),
        configuration.get("logging", "backtrace_on_debug"),
        *([configuration.get("logging", "trace_filter")] if "trace_filter" in configuration.options("logging") else []),
    )
    logging.disable(logging.NOTSET)
    application = BcmApplication(configuration)
    storage = application._storage  # noqa: SLF001
    if isinstance(storage, Storage):
        Watcher(storage.site, (NewContacts(),)).start()
    return application


def __getattr__(name: str) -> BcmApplication:
    # Made on first use, so that importing this module needs no configuration.
    if name != "application":
        raise AttributeError(name)
    made = make_application(os.environ.get("RADICALE_CONFIG"))
    globals()["application"] = made
    return made
