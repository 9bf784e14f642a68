# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of set-ups: who started, changed and stopped synchronising, and what was chosen. Imported by
sync.setup."""

from radicale_bcm.books import collections, history
from radicale_bcm.books.history import Subject
from radicale_bcm.books.setups import Setup
from radicale_bcm.sync.unit import Unit


def write(unit: Unit, old: Setup | None, new: Setup) -> None:
    """Write down that a set-up is another one now; nothing if it is not."""
    before, after = _values(unit, old) if old and old.enabled else {}, _values(unit, new) if new.enabled else {}
    changes = {
        name: (before.get(name, ""), after.get(name, ""))
        for name in {**before, **after}
        if before.get(name, "") != after.get(name, "")
    }
    if changes:
        action = "sync set" if before and after else "sync started" if after else "sync stopped"
        path = (after or before)["folder"].strip("/")
        subject = Subject(new.principal, path=path)
        history.write(unit.conn, unit.revision, unit.at, unit.actor, action, subject, changes, {"setup": new.principal})


def _values(unit: Unit, own: Setup) -> dict[str, str]:
    collection = collections.by_id(unit.conn, own.collection_id) if own.collection_id is not None else None
    return {
        "folder": f"/{collection.path}/" if collection else "",
        "filter": " and ".join(own.filters),
        "category": own.category,
        "access": own.access,
        "on_delete": own.on_delete,
        "shown_fields": ", ".join(own.shown_fields),
    }
