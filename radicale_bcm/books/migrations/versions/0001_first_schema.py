# SPDX-License-Identifier: GPL-3.0-or-later
"""First schema of the state database."""

from alembic import op

from radicale_bcm.books.schema import METADATA

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables; those that an interrupted run made already are left as they are."""
    METADATA.create_all(op.get_bind(), checkfirst=True)
