# SPDX-License-Identifier: GPL-3.0-or-later
"""How the search index is stored: made anew by an upgrade, and kept right by edits that write only some of it."""

import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from radicale_bcm.books import collections, items, search, search_check
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.items import NewItem
from radicale_bcm.books.open import VERSION_TABLE, StateDatabase
from radicale_bcm.books.search_query import Filter, PropFilter, Query, TextMatch
from radicale_bcm.database.engine import is_mariadb, transaction

AT = datetime(2026, 11, 29, tzinfo=UTC)
LINES = [
    "FN:Ann",
    "FN:Bob",
    "N:Li;Ann;;;",
    "TEL;TYPE=cell:+1 555 1",
    "TEL;TYPE=cell:+1 555 2",
    "item1.TEL:+1 555 3",
    "item1.X-ABLabel:Boat",
    "TITLE:Buyer",
    "EMAIL:ann@example.com",
    "ORG:Contoso;Sales",
    "REV:2026-11-29T10:00:00Z",
    "REV:2026-11-29T11:00:00Z",
    "X-BCM-VERSION:2",
    "NOTE:a note that is so long that it has to be folded somewhere before it comes to\r\n  its end",
    "NOTE:a note that is so long that it has to be folded somewhere before it comes to\r\n  an end",
    "CATEGORIES:Friends,Business",
    "PHOTO;ENCODING=b:AAAA",
    "X-DATA;ENCODING=b:AAAA",
    "TITLE:control \x1f\x1d here",
    "NOTE:" + "long " * 8000,
    "EMAIL;TYPE=work:",
]


def _card(lines: list[str]) -> str:
    return "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\n" + "".join(f"{line}\r\n" for line in lines) + "END:VCARD\r\n"


def _new(href: str, lines: list[str], name: str = "VCARD") -> NewItem:
    return NewItem(href, href, name, "", 0, 0, _card(lines))


def _book(conn: Connection) -> Collection:
    return collections.create(conn, "alice", {"tag": "VADDRESSBOOK"}, 1, AT)


def _found(conn: Connection, book: Collection, name: str, value: str) -> list[int]:
    query = Query([Filter([PropFilter(name, [TextMatch(value.encode(), "contains")])])])
    return sorted(hit.id for hit in search.find(conn, search.items_of(book.id), query) if hit.sure)


def test_an_index_of_before_is_made_anew(state: StateDatabase):
    with transaction(state.engine, write=True) as conn:
        book = _book(conn)
        for number in range(70):
            items.put(conn, book.id, _new(f"{number}.vcf", [f"FN:Ann {number}", f"TEL:+1 555 {number}"]), 1, AT)
    part = {"postgresql": "BYTEA"}.get(state.engine.dialect.name, "LONGBLOB" if is_mariadb(state.engine) else "BLOB")
    with transaction(state.engine, write=True) as conn:
        for table in ("item_search", "card_search"):
            conn.execute(text(f"DROP TABLE {table}"))
            columns = f"owner BIGINT, number BIGINT, names {part}, numbers {part}, rest {part}"
            conn.execute(text(f"CREATE TABLE {table} ({columns}, PRIMARY KEY (owner, number))"))
        conn.execute(text("INSERT INTO item_search VALUES (1, 0, '', '', '')"))
        conn.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0006'"))
    assert state.upgrade(create=False)
    with transaction(state.engine, write=False) as conn:
        assert list(search_check.stale_rows(conn)) == []
        assert len(_found(conn, book, "tel", "555 1")) == 11
    assert not state.upgrade(create=False)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_postgresql_keeps_the_index_unpacked(state: StateDatabase):
    with transaction(state.engine, write=True) as conn:
        items.put(conn, _book(conn).id, _new("a.vcf", ["FN:" + "ander " * 5000]), 1, AT)
        sizes = text("SELECT pg_column_size(entries), length(entries) FROM item_search WHERE part = 0")
        stored, length = conn.execute(sizes).one()
    assert stored >= length > 20_000


def test_an_edit_leaves_the_index_as_if_it_were_made_anew(state: StateDatabase):
    rng = random.Random(81)
    with transaction(state.engine, write=True) as conn:
        book = _book(conn)
        now = {f"{number}.vcf": rng.sample(LINES, 6) for number in range(3)}
        for href, lines in now.items():
            items.put(conn, book.id, _new(href, lines), 1, AT)
        for revision in range(2, 150):
            href = rng.choice(list(now))
            lines = now[href]
            for _ in range(rng.randint(1, 3)):
                what = rng.randrange(4)
                if what == 0 or not lines:
                    lines = [*lines, rng.choice(LINES)]
                elif what == 1:
                    lines = [line for line in lines if line != rng.choice(lines)]
                elif what == 2:
                    lines = rng.sample(lines, len(lines))
                else:
                    lines = [*lines[:-1], rng.choice(LINES)]
            now[href] = lines
            items.put(conn, book.id, _new(href, lines, rng.choice(["VCARD", "VCARD", "VLIST"])), revision, AT)
            assert list(search_check.stale_rows(conn)) == []


def test_an_edit_of_a_number_writes_no_names(state: StateDatabase):
    with transaction(state.engine, write=True) as conn:
        book = _book(conn)
        before = ["FN:Ann", "EMAIL:ann@example.com", "NOTE:n", "TEL:+1 555 1", "REV:2026-11-29T10:00:00Z"]
        items.put(conn, book.id, _new("a.vcf", before), 1, AT)
        # Whoever writes these now would take that back.
        conn.execute(text("UPDATE item_search SET number = 9 WHERE part IN (0, 2)"))
        after = [*before[:3], "TEL:+1 555 2", "REV:2026-11-29T11:00:00Z"]
        items.put(conn, book.id, _new("a.vcf", after), 1, AT)
        written = conn.execute(text("SELECT part, number FROM item_search ORDER BY part")).all()
        assert [tuple(row) for row in written] == [(0, 9), (1, 0), (2, 9)]
