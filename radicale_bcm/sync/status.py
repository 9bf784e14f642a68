# SPDX-License-Identifier: GPL-3.0-or-later
"""What is synchronised where. Imported by cli and server; reads only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from radicale_bcm.books import collections, origins, revisions, setups, view
from radicale_bcm.books.setups import Origin, Setup
from radicale_bcm.sync.errors import NotThere


@dataclass(frozen=True, slots=True)
class Status:
    """A principal's set-up and what it shows now. `path` is the folder's collection; empty if it has gone."""

    setup: Setup
    path: str
    business_cards: int
    plain_contacts: int
    quarantined: int
    changed_at: datetime
    origin: Origin | None

    @property
    def folder(self) -> str:
        """The name under which the folder was given."""
        return self.path.rpartition("/")[2]


def of_all(conn: Connection, principal: str | None = None) -> list[Status]:
    """The status of every principal that ever had a set-up, or of one. NotThere if that one has none."""
    origin = setups.current_origin(conn)
    if principal is None:
        return [_of(conn, each, origin) for each in setups.all_setups(conn)]
    found = setups.of_principal(conn, principal)
    if found is None:
        raise NotThere(
            f"{principal} has no set-up: `radicale-bcm sync start --principal {principal} --folder NAME` makes one"
        )
    return [_of(conn, found, origin)]


def _of(conn: Connection, own: Setup, origin: Origin | None) -> Status:
    collection = None if own.collection_id is None else collections.by_id(conn, own.collection_id)
    if collection is None:
        return Status(own, "", 0, 0, 0, own.changed_at, origin)
    folder = view.open_folder(conn, collection)
    plain, business = view.counts(conn, folder)
    quarantined = len(origins.excluded(conn, collection.id, origin.id, "quarantine")) if origin else 0
    changed_at = max(own.changed_at, revisions.drawn_at(conn, folder.revision) or own.changed_at)
    return Status(own, collection.path, business, plain, quarantined, changed_at, origin)
