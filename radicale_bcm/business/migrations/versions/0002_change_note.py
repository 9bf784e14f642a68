# SPDX-License-Identifier: GPL-3.0-or-later
"""What a consumer has to finish if it is interrupted after it changed a record."""

import sqlalchemy as sa
from alembic import op

from radicale_bcm.database.types import MARIADB_TABLE, Key, LongText

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the table, unless an interrupted run did."""
    connection = op.get_bind()
    meta = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    sa.Table("change_consumer", meta, sa.Column("id", BIG, primary_key=True), **MARIADB_TABLE)
    consumer = sa.ForeignKey("change_consumer.id", name="fk_change_note_consumer_id", ondelete="CASCADE")
    note = sa.Table(
        "change_note",
        meta,
        sa.Column("seq", BIG, primary_key=True, autoincrement=True),
        sa.Column("consumer_id", BIG, consumer, nullable=False),
        sa.Column("record_id", Key(64), nullable=False),
        sa.Column("record_version", Key(64), nullable=False),
        sa.Column("data", LongText, nullable=False),
        sa.Index("ix_change_note_consumer_id", "consumer_id"),
        sqlite_autoincrement=True,
        **MARIADB_TABLE,
    )
    note.create(connection, checkfirst=True)
    for index in note.indexes:
        index.create(connection, checkfirst=True)
