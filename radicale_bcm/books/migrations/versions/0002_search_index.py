# SPDX-License-Identifier: GPL-3.0-or-later
"""The search index, filled from what is stored."""

from alembic import op

from radicale_bcm.books import indexing
from radicale_bcm.books.schema import METADATA, card_search, item_search

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables, where the first schema did not, and index everything; a repeated run does it anew."""
    connection = op.get_bind()
    METADATA.create_all(connection, tables=[item_search, card_search], checkfirst=True)
    indexing.rebuild(connection)
