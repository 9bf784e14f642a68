# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sync-token is told about items, few and many, and what is seen without a snapshot, on every engine."""

from datetime import UTC, datetime

import pytest

from radicale_bcm.books import collections, delta, items, revisions, view
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.items import FEW, NewItem
from radicale_bcm.books.open import StateDatabase
from tests.dav import card

AT = datetime(2026, 11, 29, tzinfo=UTC)


def _write(state: StateDatabase, *hrefs: str, text: str = "A") -> Collection:
    """Store contacts in an address book, each in a revision of its own."""
    for href in hrefs:
        with state.writer() as conn:
            number = revisions.draw(conn, AT)
            book = collections.get(conn, "alice") or collections.create(
                conn, "alice", {"tag": "VADDRESSBOOK"}, number, AT
            )
            items.put(conn, book.id, NewItem(href, href, "VCARD", "", 0, 0, card(href, text)), number, AT)
    with state.reader() as conn:
        found = collections.get(conn, "alice")
        assert found is not None
        return found


def _remove(state: StateDatabase, book: Collection, href: str) -> None:
    with state.writer() as conn:
        old = items.get(conn, book.id, href)
        assert old is not None
        items.remove(conn, book.id, old, revisions.draw(conn, AT), AT)


@pytest.mark.parametrize("count", [1, FEW - 1, FEW, FEW + 1, 3 * FEW])
def test_all_changes_are_told_however_many_they_are(state: StateDatabase, count: int):
    names = [f"{number}.vcf" for number in range(count)]
    book = _write(state, "gone.vcf", "same.vcf", *names)
    with state.reader() as conn:
        token = view.token(conn, view.open_folder(conn, book))
    _write(state, *names, "new.vcf", text="B")
    _remove(state, book, "gone.vcf")
    with state.reader() as conn:
        folder = view.open_folder(conn, _write(state, "new.vcf", text="B"))
        assert delta.since_token(conn, folder, token) == ({*names, "new.vcf"}, {"gone.vcf"})
        assert delta.since(conn, folder, revisions.read_token(conn, book.id, token)) == (
            {*names, "new.vcf"},
            {"gone.vcf"},
        )
        asked = delta.question(book.id, token)
        _, texts = delta.answer(
            conn, folder, asked, [list(statement.all(conn, values)) for statement, values in asked.asked]
        )
        assert texts.items() <= view.texts(conn, folder, [*names, "new.vcf"]).items()


def test_a_glance_without_a_snapshot_tells_the_state_that_it_was_taken_in(state: StateDatabase):
    book = _write(state, "a.vcf")
    with state.reader() as conn:
        folder, stamp = view.open_folder(conn, book), revisions.stamp(conn)
        wanted = view.get(conn, folder, "a.vcf")
    with state.looking() as conn:
        assert view.glance(conn, folder, "a.vcf") == (wanted, stamp)
        assert view.glance(conn, folder, "none.vcf") == (None, stamp)
        _write(state, "a.vcf", text="B")
        found, now = view.glance(conn, folder, "a.vcf")
    assert found is not None
    assert found != wanted
    assert now == state.stamp() != stamp
