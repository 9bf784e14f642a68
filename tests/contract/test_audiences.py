# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process remembers of the filters that folders follow is never older than they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from radicale_bcm.books import collections, view
from radicale_bcm.books.history import Actor
from radicale_bcm.business import record_types
from radicale_bcm.business.records import Records
from radicale_bcm.contacts import card
from radicale_bcm.sync import records, setup
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.unit import Site
from tests.in_process import opened

ACTOR = Actor("test", "test", "command")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with opened(tmp_path) as storage:
        yield storage.site


def _show(site: Site, *filters: str, keep: bool = True) -> None:
    with site.write(ACTOR) as unit:
        setup.start(unit, "alice", Choice(folder="Contacts", filters=filters))
        unit.failed = not keep


def _add(site: Site, name: str, *, keep: bool = True, kind: str = "business-contact", **fields: str) -> None:
    with site.write(ACTOR) as unit:
        records.add(unit, {"given_name": name, **fields}, record_type=kind)
        unit.failed = not keep


def _shown(site: Site) -> set[str | None]:
    with site.read() as conn:
        found = collections.get(conn, "alice/Contacts")
        assert found is not None
        return {card.fn_of(each.text) for each in view.resources(conn, view.open_folder(conn, found))}


def test_a_filter_that_was_only_tried_is_forgotten(site: Site):
    """The next one gets its number in the database."""
    with site.write(ACTOR) as unit:
        setup.start(unit, "alice", Choice(folder="Contacts", filters=["city=Seattle"]))
        records.add(unit, {"given_name": "Ann", "business_city": "Seattle"})
        unit.failed = True
    _show(site, "city=Bremen")
    _add(site, "Ben", business_city="Bremen")
    _add(site, "Cid", business_city="Seattle")
    assert _shown(site) == {"Ben"}


def test_a_change_of_filter_counts_at_once(site: Site):
    for city in ("Seattle", "Bremen", "Seattle"):
        _show(site, f"city={city}")
        for name in ("Seattle", "Bremen"):
            _add(site, f"{name} of {city}", business_city=name)
    assert _shown(site) == {"Seattle of Seattle", "Seattle of Bremen"}


def test_a_type_that_is_made_later_is_a_person_at_once(site: Site):
    _show(site, "type=Person")
    _add(site, "Ann")
    with site.write(ACTOR) as unit:
        own = unit.records()
        assert isinstance(own, Records)
        record_types.add_type(own.connection, "vip", "business-contact", {})
    _add(site, "Ben", kind="vip")
    assert _shown(site) == {"Ann", "Ben"}
