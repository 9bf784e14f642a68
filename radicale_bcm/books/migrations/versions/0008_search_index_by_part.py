# SPDX-License-Identifier: GPL-3.0-or-later
"""A row of the search index for each part, so that an edit writes only what it changes."""

from alembic import op
from sqlalchemy import inspect

from radicale_bcm.books import indexing
from radicale_bcm.books.schema import METADATA, card_search, item_search

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables, where the first schema did not, and index everything anew."""
    connection = op.get_bind()
    tables = (item_search, card_search)
    for table in tables:
        present = inspect(connection)
        if present.has_table(table.name) and "part" not in [each["name"] for each in present.get_columns(table.name)]:
            op.drop_table(table.name)
    METADATA.create_all(connection, tables=list(tables), checkfirst=True)
    if connection.dialect.name == "postgresql":
        for table in tables:
            # To unpack it takes longer than to look through it.
            op.execute(f"ALTER TABLE {table.name} ALTER COLUMN entries SET STORAGE EXTERNAL")
    indexing.rebuild(connection)
