# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the state database. Imported by the modules of books and by its migrations only.

Revisions are global: one counter for all collections, raised once in a write transaction under its row lock, so that
commit order is revision order (RFC 6578 tokens are a revision and the nonce that was drawn for it).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from radicale_bcm.database.types import MARIADB_TABLE, Key, LongText, Utc

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts its rows in INTEGER PRIMARY KEY only; the others get 64 bits.
_ID = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", _ID, primary_key=True, autoincrement=True)


PATH_LENGTH = 512
HREF_LENGTH = 255
UID_LENGTH = 512

setting = Table(
    "setting",
    METADATA,
    Column("name", Key(64), primary_key=True),
    Column("value", LongText, nullable=False),
    comment="single values, such as how cards are rendered now",
)

counter = Table(
    "counter",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    comment="one row; its lock is the write lock of the whole state",
)

revision = Table(
    "revision",
    METADATA,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("nonce", Key(16), nullable=False),
    Column("at", Utc, nullable=False),
    comment="a token of a revision that was lost by a restore from backup carries another nonce",
)

collection = Table(
    "collection",
    METADATA,
    _id(),
    Column("path", Key(PATH_LENGTH), nullable=False, unique=True, comment="without leading and trailing slash"),
    Column("parent", Key(PATH_LENGTH), nullable=False, index=True),
    Column("tag", String(16), nullable=False, server_default=""),
    Column("props", LongText, nullable=False),
    Column("created_revision", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("modified", Utc, nullable=False),
)

item = Table(
    "item",
    METADATA,
    _id(),
    Column("collection_id", _ID, ForeignKey("collection.id", ondelete="CASCADE"), nullable=False),
    Column("href", Key(HREF_LENGTH), nullable=False),
    Column("uid", Key(UID_LENGTH), nullable=False),
    Column("name", String(16), nullable=False, comment="VCARD, VCALENDAR or VLIST"),
    Column("component", String(32), nullable=False, comment="VEVENT, VTODO, VJOURNAL; empty for cards"),
    Column("time_start", BigInteger, nullable=False),
    Column("time_end", BigInteger, nullable=False),
    Column("text", LongText, nullable=False),
    Column("etag", Key(80), nullable=False, comment="without quotes"),
    Column("created_revision", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("modified", Utc, nullable=False),
    UniqueConstraint("collection_id", "href"),
    Index("ix_item_collection_uid", "collection_id", "uid"),
    Index("ix_item_collection_revision", "collection_id", "revision"),
    comment="address object and calendar object resources without a business record",
)

tombstone = Table(
    "tombstone",
    METADATA,
    _id(),
    Column("collection_id", _ID, ForeignKey("collection.id", ondelete="CASCADE"), nullable=False),
    Column("href", Key(HREF_LENGTH), nullable=False),
    Column("created_revision", BigInteger, nullable=False),
    Column("deleted_revision", BigInteger, nullable=False),
    Index("ix_tombstone_collection_deleted", "collection_id", "deleted_revision"),
    comment="the life of an item that is no more: told to tokens between the two revisions",
)

trash = Table(
    "trash",
    METADATA,
    _id(),
    Column("path", Key(PATH_LENGTH), nullable=False),
    Column("href", Key(HREF_LENGTH), nullable=False),
    Column("uid", Key(UID_LENGTH), nullable=False),
    Column("label", String(255), nullable=False),
    Column("text", LongText, nullable=False),
    Column("deleted_at", Utc, nullable=False),
    Column("deleted_by", String(255), nullable=False),
    comment="plain contacts that were deleted, restorable until purged",
)

origin = Table(
    "origin",
    METADATA,
    _id(),
    Column("name", Key(64), nullable=False, unique=True),
    Column("url", LongText, nullable=False),
    Column("mapping", LongText, nullable=True, comment="path of the mapping file; empty for the native schema"),
    Column("identity", Key(64), nullable=False, unique=True),
    Column("current", Boolean, nullable=False),
    comment="the business databases that are known",
)

card = Table(
    "card",
    METADATA,
    _id(),
    Column("origin_id", _ID, ForeignKey("origin.id"), nullable=False),
    Column("record_id", Key(64), nullable=False),
    Column("record_version", Key(80), nullable=False, comment="of the record that the text shows"),
    Column("uid", Key(UID_LENGTH), nullable=False, index=True),
    Column("href", Key(HREF_LENGTH), nullable=False, index=True),
    Column("label", String(255), nullable=False, comment="FN, for lists"),
    Column("text", LongText, nullable=False, comment="without the set-up's category"),
    Column("categories", LongText, nullable=False, comment="the record's own, a CATEGORIES value"),
    Column("etag", Key(80), nullable=False, comment="without quotes and without the set-up's part"),
    Column("version", BigInteger, nullable=False, comment="X-BCM-VERSION of the text"),
    Column("kept", LongText, nullable=False, comment="JSON: values that did not fit their column"),
    Column("hidden", LongText, nullable=True, comment="JSON: the record's fields that no card shows; NULL is unknown"),
    Column("gone", Boolean, nullable=False, comment="record deleted, missing or no person"),
    Column("revision", BigInteger, nullable=False),
    Column("modified", Utc, nullable=False),
    UniqueConstraint("origin_id", "record_id"),
    Index("ix_card_origin_revision", "origin_id", "revision"),
    comment="business records as they are served; one row however many folders show it",
)

card_version = Table(
    "card_version",
    METADATA,
    Column("card_id", _ID, ForeignKey("card.id", ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("text", LargeBinary(2**24 - 1), nullable=False, comment="text, or zlib; long values are hashes"),
    comment="what a client may still hold: the base of a merge without If-Match",
)

audience = Table(
    "audience",
    METADATA,
    _id(),
    Column("origin_id", _ID, ForeignKey("origin.id"), nullable=False),
    Column("filter", LongText, nullable=False, comment="JSON list of expressions, %me already bound"),
    Column("filter_key", Key(64), nullable=False, comment="hash of the canonical filter"),
    Column("active", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("membered", BigInteger, nullable=False, server_default="0", comment="when a card entered or left last"),
    UniqueConstraint("origin_id", "filter_key"),
    comment="a distinct (database, filter): who sees which card, shared by all set-ups with that filter",
)

member = Table(
    "member",
    METADATA,
    _id(),
    Column("audience_id", _ID, ForeignKey("audience.id", ondelete="CASCADE"), nullable=False),
    Column("card_id", _ID, ForeignKey("card.id", ondelete="CASCADE"), nullable=False),
    Column("entered", BigInteger, nullable=False),
    Column("departed", BigInteger, nullable=True),
    Index("ix_member_audience_departed", "audience_id", "departed", "card_id"),
    Index("ix_member_audience_entered", "audience_id", "entered"),
    Index("ix_member_card", "card_id", "departed"),
    comment="one row for each stay of a card in an audience",
)

setup = Table(
    "setup",
    METADATA,
    _id(),
    Column("principal", Key(255), nullable=False, unique=True),
    Column("collection_id", _ID, ForeignKey("collection.id"), nullable=True),
    Column("filter", LongText, nullable=False, comment="JSON list of expressions as the person wrote them"),
    Column("category", String(255), nullable=False),
    Column("access", String(16), nullable=False),
    Column("on_delete", String(16), nullable=False),
    Column("shown_fields", LongText, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("changed_at", Utc, nullable=False),
)

epoch = Table(
    "epoch",
    METADATA,
    _id(),
    Column("collection_id", _ID, ForeignKey("collection.id", ondelete="CASCADE"), nullable=False),
    Column("audience_id", _ID, ForeignKey("audience.id"), nullable=False),
    Column("category", String(255), nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("closed", BigInteger, nullable=True),
    Column("grouped", BigInteger, nullable=True, comment="with a group card, which changed then; NULL is without"),
    Column("fields", String(1000), nullable=False, server_default="", comment="the business fields that cards show"),
    Index("ix_epoch_collection_closed", "collection_id", "closed"),
    comment="from when to when a folder showed an audience",
)

exclusion = Table(
    "exclusion",
    METADATA,
    _id(),
    Column("collection_id", _ID, ForeignKey("collection.id", ondelete="CASCADE"), nullable=False),
    Column("card_id", _ID, ForeignKey("card.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False, comment="unfollow or quarantine"),
    Column("entered", BigInteger, nullable=False),
    Column("departed", BigInteger, nullable=True),
    Column("at", Utc, nullable=False),
    Index("ix_exclusion_collection_departed", "collection_id", "departed"),
    comment="a card that this folder does not show although its audience has it",
)

alias = Table(
    "alias",
    METADATA,
    Column("collection_id", _ID, ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True),
    Column("card_id", _ID, ForeignKey("card.id", ondelete="CASCADE"), primary_key=True),
    Column("href", Key(HREF_LENGTH), nullable=False),
    Column("uid", Key(UID_LENGTH), nullable=False),
    Column("revision", BigInteger, nullable=False, server_default="0", comment="since when it stands there"),
    Index("ix_alias_collection_href", "collection_id", "href"),
    comment="a card that has another href or UID in this folder (promoted there, or its own was taken)",
)

history = Table(
    "history",
    METADATA,
    _id(),
    Column("at", Utc, nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
    Column("actor", Key(255), nullable=False, comment="principal or account of the command line"),
    Column("client", String(255), nullable=False, comment="User-Agent or command"),
    Column("source", String(16), nullable=False, comment="dav, command, database"),
    Column("action", String(16), nullable=False),
    Column("origin_id", _ID, nullable=True),
    Column("record_id", Key(64), nullable=True),
    Column("path", Key(PATH_LENGTH), nullable=False, index=True, comment="of the collection, where one was touched"),
    Column("href", Key(HREF_LENGTH), nullable=False),
    Column("label", String(255), nullable=False),
    Column("changes", LongText, nullable=False, comment="JSON: field -> [old, new]"),
    Column("note", LongText, nullable=False, comment="JSON: refused fields, conflicts and their losers"),
    Index("ix_history_record", "origin_id", "record_id"),
    Index("ix_history_actor", "actor", "at"),
)


def _search_table(name: str, owner: str, comment: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("owner", _ID, ForeignKey(owner, ondelete="CASCADE"), primary_key=True, autoincrement=False),
        Column("part", SmallInteger, primary_key=True, autoincrement=False, comment="which of search_query.PARTS"),
        Column("number", _ID, primary_key=True, autoincrement=False, comment="ids divided by the objects in a row"),
        Column("entries", LargeBinary(2**32 - 1), nullable=False),
        comment=comment,
    )


item_search = _search_table("item_search", "collection.id", "search index of the items of a collection")
card_search = _search_table("card_search", "origin.id", "search index of the business cards of an origin")

for _table in METADATA.tables.values():
    _table.kwargs.update(MARIADB_TABLE)
