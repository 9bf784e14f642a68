# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when a card stands at another href in a folder."""

from alembic import op
from sqlalchemy import BigInteger, Column, inspect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column, where the first schema did not."""
    if "revision" not in [each["name"] for each in inspect(op.get_bind()).get_columns("alias")]:
        op.add_column("alias", Column("revision", BigInteger, nullable=False, server_default="0"))
