# SPDX-License-Identifier: GPL-3.0-or-later
"""How each engine says "now" and "a new UUID". Imported by business's schema, triggers and migrations."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement

NOW = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'",
    "postgresql": "clock_timestamp()",
    "mariadb": "UTC_TIMESTAMP(6)",
}
"""The moment of the statement in the form that database.types.Utc keeps, whatever the client's time zone is."""

NEW_UUID = {
    "sqlite": (
        "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'"
        " || substr('89AB', 1 + (abs(random()) % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
    ),
    "postgresql": "gen_random_uuid()::text",
    # Of itself a UUID, not text: beside it other UIDs would be refused.
    "mariadb": "CAST(UUID() AS CHAR(36))",
}


def family(dialect_name: str) -> str:
    """The key of the tables above for SQLAlchemy's name of a dialect."""
    return "mariadb" if dialect_name == "mysql" else dialect_name


class _PerEngine(ColumnElement[Any]):
    """An SQL expression without operands that each engine writes in its own way."""

    texts: dict[str, str]


class SqlNow(_PerEngine):
    """The moment of the statement, as a column default or in an UPDATE."""

    inherit_cache = True
    texts = NOW


class SqlUuid(_PerEngine):
    """A new UUID."""

    inherit_cache = True
    texts = NEW_UUID


@compiles(SqlNow)
@compiles(SqlUuid)
def _compile(element: _PerEngine, compiler: SQLCompiler, **_options: Any) -> str:
    return f"({element.texts[family(compiler.dialect.name)]})"
