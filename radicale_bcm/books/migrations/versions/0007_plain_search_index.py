# SPDX-License-Identifier: GPL-3.0-or-later
"""On PostgreSQL the search index is stored as it is: to unpack it takes longer than to look through it."""

from alembic import op
from sqlalchemy import inspect

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Change how it is stored, and store it anew."""
    if op.get_bind().dialect.name != "postgresql":
        return
    if "names" not in [each["name"] for each in inspect(op.get_bind()).get_columns("card_search")]:
        return  # the first schema was that of 0008
    for table in ("item_search", "card_search"):
        for part in ("names", "numbers", "rest"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {part} SET STORAGE EXTERNAL")
            # A value that is only copied stays packed.
            op.execute(f"UPDATE {table} SET {part} = {part} || ''::bytea")  # noqa: S608 - names from above
