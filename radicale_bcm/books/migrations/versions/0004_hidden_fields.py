# SPDX-License-Identifier: GPL-3.0-or-later
"""The record's fields that no card shows, so that the history knows what they were; the history of a folder."""

from alembic import op
from sqlalchemy import Column, inspect

from radicale_bcm.database.types import LongText

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column and the index, where the first schema did not."""
    found = inspect(op.get_bind())
    if "hidden" not in [each["name"] for each in found.get_columns("card")]:
        op.add_column("card", Column("hidden", LongText, nullable=True))
    if "ix_history_path" not in [each["name"] for each in found.get_indexes("history")]:
        op.create_index("ix_history_path", "history", ["path"])
