# SPDX-License-Identifier: GPL-3.0-or-later
"""What a group card of a folder's business contacts depends on."""

from alembic import op
from sqlalchemy import BigInteger, Column, inspect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns, where the first schema did not."""
    inspector = inspect(op.get_bind())
    if "membered" not in [each["name"] for each in inspector.get_columns("audience")]:
        op.add_column("audience", Column("membered", BigInteger, nullable=False, server_default="0"))
    if "grouped" not in [each["name"] for each in inspector.get_columns("epoch")]:
        op.add_column("epoch", Column("grouped", BigInteger, nullable=True))
