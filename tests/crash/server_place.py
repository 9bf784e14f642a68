# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation on PostgreSQL that is put back by copying its databases."""

from pathlib import Path

from tests.crash.place import Place, Seen
from tests.servers import PostgreSQL


class ServerPlace(Place):
    """The databases are `bcm_state`, `bcm_business` and `bcm_other`, those that are remembered have `_kept` behind."""

    def __init__(self, folder: Path, server: PostgreSQL) -> None:
        super().__init__(folder)
        self._server = server
        for name in ("state", "business", "other"):
            server.administer(f"CREATE DATABASE bcm_{name}")

    def url(self, name: str) -> str:
        """See Place."""
        return self._server._url(f"bcm_{name}")

    def put_back(self) -> None:
        """See Place."""
        super().put_back()
        self._copy("_kept", "")

    def look(self, since: Seen | None = None) -> Seen:
        """See Place. Numbers of records are left out: a sequence counts on although the insert is taken back."""
        found = super().look(since)
        for records in (found.records, found.rest["deleted"]):
            records |= {uid: (None, *rest) for uid, (_, *rest) in records.items()}
        for cards in (*found.shown.values(), *found.replicas.values()):
            cards |= {
                href: [line for line in lines if not line.startswith("X-BCM-ID:")] for href, lines in cards.items()
            }
        found.rest["trash"] = sorted(rest for _, *rest in found.rest["trash"])
        return found

    def _keep_databases(self) -> None:
        self._copy("", "_kept")

    def _copy(self, old: str, new: str) -> None:
        for name in ("state", "business", "other"):
            self._server.administer(f"DROP DATABASE IF EXISTS bcm_{name}{new} WITH (FORCE)")
            # The server waits some seconds for whoever was killed. Somebody who stays is a connection that leaked.
            self._server.administer(f"CREATE DATABASE bcm_{name}{new} TEMPLATE bcm_{name}{old}")
