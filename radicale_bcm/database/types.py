# SPDX-License-Identifier: GPL-3.0-or-later
"""Column types that behave alike on SQLite, PostgreSQL and MariaDB. Imported by the schemas of business and books."""

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Boolean, Dialect, Numeric, String, Text, TypeDecorator
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine, UserDefinedType

# Compares bytes, and a trailing space counts: what SQLite and PostgreSQL do.
MARIADB_COLLATION = "utf8mb4_nopad_bin"

MARIADB_TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": MARIADB_COLLATION,
    "mysql_row_format": "DYNAMIC",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": MARIADB_COLLATION,
    "mariadb_row_format": "DYNAMIC",
}
"""Keyword arguments for every Table of ours."""


class Key(TypeDecorator[str]):
    """Text of up to n characters that is compared and sorted by its code points: keys, paths, UIDs, hashes."""

    impl = String
    cache_ok = True

    def __init__(self, length: int = 255) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """VARCHAR with the engine's binary collation."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.VARCHAR(self.length, charset="utf8mb4", collation=MARIADB_COLLATION))
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.VARCHAR(self.length, collation="C"))
        return dialect.type_descriptor(String(self.length))


class LongText(TypeDecorator[str]):
    """Text of any length, compared by its code points."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """LONGTEXT on MariaDB, TEXT elsewhere."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.LONGTEXT(charset="utf8mb4", collation=MARIADB_COLLATION))
        return dialect.type_descriptor(Text())


class JsonText(TypeDecorator[Any]):
    """A JSON document kept as text, which every engine and every SQL client can read."""

    impl = LongText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """The document as compact text."""
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """The document that the text holds."""
        return None if value is None else json.loads(value)


class Utc(TypeDecorator[datetime]):
    """A moment. In Python always an aware datetime in UTC, to the microsecond.

    SQLite keeps ISO text, so that text order is time order; text in another ISO form, written by another program, is
    read as well, and text that is no moment is read as None. PostgreSQL keeps timestamptz, MariaDB DATETIME(6) in UTC.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The engine's own type."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """What the engine keeps; a naive datetime is a TypeError."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"a naive datetime has no place in a database: {value!r}"
            raise TypeError(message)
        value = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return utc_text(value)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """An aware datetime in UTC."""
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return None if value is None else parse_utc(value)


_YES = frozenset({"true", "t", "yes", "y", "on", "1"})
_NO = frozenset({"false", "f", "no", "n", "off", "0"})


def yes_no(value: object) -> bool | None:
    """What True, 1, "true", "yes", … mean; None for anything that is neither yes nor no."""
    text = str(value).strip().lower()
    return True if text in _YES else False if text in _NO else None


class YesNo(TypeDecorator[str]):
    """Yes or no: "true" and "false" in Python, BOOLEAN in the database. What is neither is read as None."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """BOOLEAN; without SQLAlchemy's own check of what comes back, since SQLite gives back whatever was put in."""
        return dialect.type_descriptor(Boolean() if dialect.name == "postgresql" else _PlainBoolean())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """True or False (1 or 0) of a bool or of text; other values are a TypeError."""
        if value is None:
            return None
        meant = yes_no(value)
        if meant is None:
            message = f"neither yes nor no: {value!r}"
            raise TypeError(message)
        return meant if dialect.name == "postgresql" else int(meant)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Text, "true" or "false"."""
        if value is None:
            return None
        meant = yes_no(value)
        return None if meant is None else "true" if meant else "false"


class _PlainBoolean(UserDefinedType[Any]):
    """BOOLEAN in DDL, and values untouched."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "BOOLEAN"


NUMBER_DIGITS = 15
NUMBER_PLACES = 4


def decimal_text(value: object) -> str | None:
    """A number in plain decimal notation without superfluous zeros ("3", "2.5"); None for what is no finite number."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > NUMBER_DIGITS:
        return None
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


class Number(TypeDecorator[str]):
    """A number of up to 15 digits, 4 of them after the point: decimal text in Python, NUMERIC in the database."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """NUMERIC(15, 4); SQLite gets the affinity alone, and gives back whatever was put in."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_PlainNumeric())
        return dialect.type_descriptor(Numeric(NUMBER_DIGITS, NUMBER_PLACES))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """A Decimal (SQLite: an int or float) of a number or of text; other values are a TypeError."""
        if value is None:
            return None
        text = decimal_text(value)
        if text is None:
            message = f"not a number: {value!r}"
            raise TypeError(message)
        if dialect.name != "sqlite":
            return Decimal(text)
        return float(text) if "." in text else int(text)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Decimal text."""
        return None if value is None else decimal_text(value)


class _PlainNumeric(UserDefinedType[Any]):
    """NUMERIC in DDL, and values untouched."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "NUMERIC"


def utc_text(value: datetime) -> str:
    """YYYY-MM-DDTHH:MM:SS.ffffffZ of an aware datetime."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_utc(value: object) -> datetime | None:
    """The moment that ISO text or a number of Unix seconds means (UTC unless an offset says otherwise), else None."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value).strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
