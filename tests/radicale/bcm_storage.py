# SPDX-License-Identifier: GPL-3.0-or-later
"""A pytest plugin for Radicale's own suite: its default storage becomes ours. Used by run.py only."""

from typing import Any

import radicale.tests
from radicale import config

STOCK = ("multifilesystem", "multifilesystem_nolock")

config.DEFAULT_CONFIG_SCHEMA["storage"]["type"]["value"] = "radicale_bcm"
_configure = radicale.tests.BaseTest.configure


def _with_our_storage(self: Any, settings: Any) -> None:
    storage = dict(settings.get("storage", {}))
    if storage.get("type") in STOCK:
        settings = {**settings, "storage": {**storage, "type": "radicale_bcm"}}
    previous = getattr(self, "application", None)
    if previous is not None and hasattr(previous._storage, "site"):
        previous._storage.site.close()
    _configure(self, settings)
    if type(self).__name__ == "TestBaseRightsRequests":
        # It makes the principal of a domain by mkdir in the storage folder.
        with self.application._storage.acquire_lock("w"):
            self.application._storage.create_collection("/domain.test/")


radicale.tests.BaseTest.configure = _with_our_storage
