# SPDX-License-Identifier: GPL-3.0-or-later
"""First schema of the business database. Frozen: later changes are later scripts."""

import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from radicale_bcm.business import triggers
from radicale_bcm.business.expressions import SqlNow, SqlUuid
from radicale_bcm.database.types import MARIADB_TABLE, JsonText, Key, LongText, Number, Utc, YesNo

revision = "0001"
down_revision = None

# Field and length of its text; * is text of any length, ? yes or no, # a number.
CONTACT_FIELDS = """
    name:255 prefix:64 given_name:128 middle_name:128 family_name:128 suffix:64 nickname:255 file_as:255
    company:255 department:255 office:255 job_title:255 profession:255 email:320 email2:320 email3:320
    business_phone:64 business_phone2:64 home_phone:64 home_phone2:64 mobile_phone:64 business_fax:64
    home_fax:64 other_fax:64 pager:64 assistant_phone:64 company_phone:64 car_phone:64 other_phone:64
    business_street:500 business_city:128 business_region:128 business_postal_code:32 business_country:128
    home_street:500 home_city:128 home_region:128 home_postal_code:32 home_country:128 other_street:500
    other_city:128 other_region:128 other_postal_code:32 other_country:128 mailing_address:16 web_page:1000
    im_address:255 birthday:16 anniversary:16 spouse:255 manager:255 assistant:255 children:255 note:*
    category:500 owner:255 active? rating# payment_status:64 lead? lead_source:64 initiated_by:255
    area_of_interest:255 do_not_call? do_not_email? do_not_fax? do_not_letter? preferred_method:64
    account_number:64 customer_id:64 language:64 hobby:255 referred_by:255 government_id:64 billing_info:255
    initials:32
"""
ACCOUNT_FIELDS = """
    account_number:64 business_phone:64 business_fax:64 company_phone:64 email:320 web_page:1000 business_street:500
    business_city:128 business_region:128 business_postal_code:32 business_country:128 note:* payment_status:64 rating#
    active?
"""

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TABLE: dict[str, Any] = {"sqlite_autoincrement": True, **MARIADB_TABLE}


def _field(word: str) -> sa.Column[Any]:
    if word.endswith("?"):
        return sa.Column(word[:-1], YesNo)
    if word.endswith("#"):
        return sa.Column(word[:-1], Number)
    name, _, length = word.partition(":")
    return sa.Column(name, LongText() if length == "*" else sa.String(int(length)))


def _serial(name: str = "id") -> sa.Column[Any]:
    return sa.Column(name, BIG, primary_key=True, autoincrement=True)


def _keys(kind: str) -> list[sa.Column[Any]]:
    return [
        _serial(),
        sa.Column("uid", Key(512), server_default=SqlUuid()),
        sa.Column("type", Key(64), server_default=kind),
    ]


def _kept() -> list[sa.Column[Any]]:
    return [
        sa.Column("created_at", Utc, server_default=SqlNow()),
        sa.Column("modified_at", Utc, server_default=SqlNow()),
        sa.Column("deleted_at", Utc),
        sa.Column("deleted_by", sa.String(255)),
        sa.Column("version", sa.BigInteger, server_default="1"),
    ]


def _records(meta: sa.MetaData) -> sa.Table:
    sa.Table(
        "account",
        meta,
        *_keys("account"),
        sa.Column("name", sa.String(255), nullable=False),
        *map(_field, ACCOUNT_FIELDS.split()),
        *_kept(),
        sa.Index("uq_account_uid", "uid", unique=True),
        sa.Index("ix_account_name", "name"),
        **TABLE,
    )
    account = sa.ForeignKey("account.id", name="fk_contact_account_id", ondelete="SET NULL")
    return sa.Table(
        "contact",
        meta,
        *_keys("business-contact"),
        sa.Column("account_id", BIG, account),
        *map(_field, CONTACT_FIELDS.split()),
        *_kept(),
        sa.Index("uq_contact_uid", "uid", unique=True),
        sa.Index("ix_contact_account_id", "account_id"),
        sa.Index("ix_contact_email", "email"),
        sa.Index("ix_contact_modified_at", "modified_at"),
        sa.Index("ix_contact_deleted_at", "deleted_at"),
        **TABLE,
    )


def _custom(meta: sa.MetaData) -> None:
    sa.Table(
        "record_type",
        meta,
        sa.Column("name", Key(64), primary_key=True),
        sa.Column("base", Key(64), nullable=False),
        sa.Column("fields", JsonText, nullable=False),
        **MARIADB_TABLE,
    )
    contact = sa.ForeignKey("contact.id", name="fk_custom_value_contact_id", ondelete="CASCADE")
    sa.Table(
        "custom_value",
        meta,
        sa.Column("contact_id", BIG, contact, primary_key=True, autoincrement=False),
        sa.Column("name", Key(64), primary_key=True),
        sa.Column("value", LongText),
        **MARIADB_TABLE,
    )


def _changes(meta: sa.MetaData) -> None:
    sa.Table(
        "contact_erased",
        meta,
        _serial("seq"),
        sa.Column("record_id", Key(64), nullable=False),
        sa.Column("uid", Key(512)),
        sa.Column("erased_at", Utc, nullable=False),
        sa.Column("data", LongText, nullable=False),
        sa.Index("ix_contact_erased_record_id", "record_id"),
        **TABLE,
    )
    sa.Table(
        "change_consumer",
        meta,
        _serial(),
        sa.Column("name", Key(512), nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.Index("uq_change_consumer_name", "name", unique=True),
        **TABLE,
    )
    consumer = sa.ForeignKey("change_consumer.id", name="fk_change_log_consumer_id", ondelete="CASCADE")
    sa.Table(
        "change_log",
        meta,
        _serial("seq"),
        sa.Column("consumer_id", BIG, consumer, nullable=False),
        sa.Column("record_id", Key(64), nullable=False),
        sa.Column("operation", Key(16), nullable=False),
        sa.Column("changed_at", Utc, nullable=False),
        sa.Index("ix_change_log_consumer_id_seq", "consumer_id", "seq"),
        **TABLE,
    )


def upgrade() -> None:
    """Create everything; what an interrupted run made already is left as it is."""
    connection = op.get_bind()
    meta = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    contact = _records(meta)
    _custom(meta)
    _changes(meta)
    identity = sa.Table(
        "bcm_identity",
        meta,
        sa.Column("id", Key(36), primary_key=True),
        sa.Column("created_at", Utc, nullable=False),
        **MARIADB_TABLE,
    )
    for table in meta.sorted_tables:
        table.create(connection, checkfirst=True)
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    for statement in triggers.statements(connection.dialect.name, [column.name for column in contact.columns]):
        connection.exec_driver_sql(statement)
    if connection.execute(sa.select(identity.c.id)).first() is None:
        connection.execute(identity.insert(), {"id": str(uuid.uuid4()), "created_at": datetime.now(UTC)})
