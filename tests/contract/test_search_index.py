# SPDX-License-Identifier: GPL-3.0-or-later
"""How the search index is stored."""

import pytest
from sqlalchemy import insert, text

from radicale_bcm.books.open import VERSION_TABLE, StateDatabase
from radicale_bcm.books.schema import card_search, origin
from radicale_bcm.database.engine import transaction
from tests.servers import PostgreSQL

pytestmark = pytest.mark.servers


def test_postgresql_keeps_the_index_unpacked_also_one_that_was_made_before(postgresql: PostgreSQL):
    state = StateDatabase(postgresql.new_database())
    state.upgrade(create=True)
    part = b"ander@example.com " * 1000
    with transaction(state.engine, write=True) as conn:
        # As it was before.
        for name in ("names", "numbers", "rest"):
            conn.execute(text(f"ALTER TABLE card_search ALTER COLUMN {name} SET STORAGE EXTENDED"))
        conn.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0006'"))
        conn.execute(insert(origin), {"id": 1, "name": "then", "url": "", "identity": "x", "current": True})
        conn.execute(insert(card_search), {"owner": 1, "number": 0, "names": part, "numbers": b"", "rest": part})
    packed = text("SELECT pg_column_size(names), pg_column_size(rest) FROM card_search")
    with transaction(state.engine, write=False) as conn:
        assert max(conn.execute(packed).one()) < len(part) / 10
    assert state.upgrade(create=False)
    with transaction(state.engine, write=False) as conn:
        assert min(conn.execute(packed).one()) >= len(part)
        assert bytes(conn.execute(text("SELECT names FROM card_search")).scalar_one()) == part
    state.close()
