# SPDX-License-Identifier: GPL-3.0-or-later
"""Which business fields the cards of a folder show."""

from alembic import op
from sqlalchemy import Column, String, inspect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, where the first schema did not."""
    inspector = inspect(op.get_bind())
    if "fields" not in [each["name"] for each in inspector.get_columns("epoch")]:
        op.add_column("epoch", Column("fields", String(1000), nullable=False, server_default=""))
