# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of our own business database, as the newest migration leaves them. Imported by business only.

The columns of `contact` derive from the one field table. Defaults, versions, times, the agreement of company and
account and the change log are the database's own work (`triggers`), so that any SQL client may write plain statements.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table
from sqlalchemy.types import TypeEngine

from radicale_bcm.business.expressions import SqlNow, SqlUuid
from radicale_bcm.contacts.fields import FIELDS, Field
from radicale_bcm.database.types import MARIADB_TABLE, JsonText, Key, LongText, Number, Utc, YesNo

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

UID_LENGTH = 512
ACTOR_LENGTH = 255
NAME_LENGTH = 64

# SQLite counts its rows in INTEGER PRIMARY KEY only; the others get 64 bits.
_BIG = BigInteger().with_variant(Integer, "sqlite")


def _id(name: str = "id") -> Column[int]:
    return Column(name, _BIG, primary_key=True, autoincrement=True)


def column_type(kind: str, length: int | None) -> TypeEngine[Any]:
    """The column type of a field of this kind and length."""
    if kind == "yesno":
        return YesNo()
    if kind == "number":
        return Number()
    return LongText() if length is None else String(length)


def _field_column(field: Field) -> Column[Any]:
    return Column(field.name, column_type(field.kind, field.length), comment=field.label)


def _kept_by_the_database() -> list[Column[Any]]:
    # All may be left out of an INSERT, or be NULL in it: defaults and triggers fill them.
    return [
        Column("created_at", Utc, server_default=SqlNow()),
        Column("modified_at", Utc, server_default=SqlNow()),
        Column("deleted_at", Utc),
        Column("deleted_by", String(ACTOR_LENGTH)),
        Column("version", BigInteger, server_default="1"),
    ]


def _keys(kind: str) -> list[Column[Any]]:
    return [
        _id(),
        Column("uid", Key(UID_LENGTH), server_default=SqlUuid()),
        Column("type", Key(NAME_LENGTH), server_default=kind),
    ]


_BY_NAME = {field.name: field for field in FIELDS}

ACCOUNT_FIELDS = (
    "account_number", "business_phone", "business_fax", "company_phone", "email", "web_page",
    "business_street", "business_city", "business_region", "business_postal_code", "business_country",
    "note", "payment_status", "rating", "active",
)  # fmt: skip
"""The fields of an account besides its name; they have the kinds and lengths of a contact's."""

account = Table(
    "account",
    METADATA,
    *_keys("account"),
    Column("name", String(_BY_NAME["company"].length), nullable=False),
    *(_field_column(_BY_NAME[name]) for name in ACCOUNT_FIELDS),
    *_kept_by_the_database(),
    Index("uq_account_uid", "uid", unique=True),
    Index("ix_account_name", "name"),
    sqlite_autoincrement=True,
    **MARIADB_TABLE,
)

contact = Table(
    "contact",
    METADATA,
    *_keys("business-contact"),
    Column("account_id", _BIG, ForeignKey("account.id", ondelete="SET NULL")),
    *(_field_column(field) for field in FIELDS),
    *_kept_by_the_database(),
    Index("uq_contact_uid", "uid", unique=True),
    Index("ix_contact_account_id", "account_id"),
    Index("ix_contact_email", "email"),
    Index("ix_contact_modified_at", "modified_at"),
    Index("ix_contact_deleted_at", "deleted_at"),
    sqlite_autoincrement=True,
    **MARIADB_TABLE,
)

contact_erased = Table(
    "contact_erased",
    METADATA,
    _id("seq"),
    Column("record_id", Key(NAME_LENGTH), nullable=False),
    Column("uid", Key(UID_LENGTH)),
    Column("erased_at", Utc, nullable=False),
    Column("data", LongText, nullable=False, comment="the row as a JSON object, with its custom values as 'custom'"),
    Index("ix_contact_erased_record_id", "record_id"),
    sqlite_autoincrement=True,
    comment="rows that a plain DELETE removed",
    **MARIADB_TABLE,
)

record_type = Table(
    "record_type",
    METADATA,
    Column("name", Key(NAME_LENGTH), primary_key=True),
    Column("base", Key(NAME_LENGTH), nullable=False),
    Column("fields", JsonText, nullable=False, comment="its own fields: a JSON object, name to kind"),
    **MARIADB_TABLE,
)

custom_value = Table(
    "custom_value",
    METADATA,
    Column("contact_id", _BIG, ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("name", Key(NAME_LENGTH), primary_key=True),
    Column("value", LongText),
    **MARIADB_TABLE,
)

change_consumer = Table(
    "change_consumer",
    METADATA,
    _id(),
    Column("name", Key(UID_LENGTH), nullable=False),
    Column("created_at", Utc, nullable=False),
    Index("uq_change_consumer_name", "name", unique=True),
    sqlite_autoincrement=True,
    comment="who wants to know what changed; every change is logged once for each",
    **MARIADB_TABLE,
)

change_log = Table(
    "change_log",
    METADATA,
    _id("seq"),
    Column("consumer_id", _BIG, ForeignKey("change_consumer.id", ondelete="CASCADE"), nullable=False),
    Column("record_id", Key(NAME_LENGTH), nullable=False),
    Column("operation", Key(16), nullable=False),
    Column("changed_at", Utc, nullable=False),
    Index("ix_change_log_consumer_id_seq", "consumer_id", "seq"),
    sqlite_autoincrement=True,
    **MARIADB_TABLE,
)

change_note = Table(
    "change_note",
    METADATA,
    _id("seq"),
    Column("consumer_id", _BIG, ForeignKey("change_consumer.id", ondelete="CASCADE"), nullable=False),
    Column("record_id", Key(NAME_LENGTH), nullable=False),
    Column("record_version", Key(NAME_LENGTH), nullable=False),
    Column("data", LongText, nullable=False, comment="a JSON object"),
    Index("ix_change_note_consumer_id", "consumer_id"),
    sqlite_autoincrement=True,
    comment="what a consumer has to finish if it is interrupted after it changed a record",
    **MARIADB_TABLE,
)

identity = Table(
    "bcm_identity",
    METADATA,
    Column("id", Key(36), primary_key=True, comment="who this database is, whatever it is called"),
    Column("created_at", Utc, nullable=False),
    **MARIADB_TABLE,
)
