# SPDX-License-Identifier: GPL-3.0-or-later
"""Text in SQL as the predicate sees it: never NULL, compared by code point, with wildcards and letter case of our own.
Imported by filter_sql only.

Engines differ: LIKE disregards ASCII case on SQLite and follows the collation on MariaDB, lower() is ASCII on SQLite
and Unicode elsewhere, MariaDB's default collations disregard case, accents and trailing spaces, and PostgreSQL orders
text by the locale. So every comparison names a binary collation, and `@` replaces just the letters that the pattern
asks for.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Date, Dialect, Text, TypeDecorator, and_, case, cast, func, literal, type_coerce
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.types import TypeEngine

from radicale_bcm.contacts.filter_text import Pattern, Wild, variants
from radicale_bcm.contacts.model import _FALLBACKS

SqlText = ColumnElement[str]

SQLITE, POSTGRESQL, MARIADB = "sqlite", "postgresql", "mariadb"
_DIALECTS: dict[str, Dialect] = {SQLITE: sqlite.dialect(), POSTGRESQL: postgresql.dialect(), MARIADB: mysql.dialect()}  # type: ignore[no-untyped-call]
_COLLATIONS = {SQLITE: "BINARY", POSTGRESQL: "C", MARIADB: "utf8mb4_nopad_bin"}
NAME_SOURCES = ("name", "given_name", "family_name", *_FALLBACKS)


def engine_of(dialect_name: str) -> str:
    """One of the three engines; SQLAlchemy knows MariaDB under two names. Raises ValueError for others."""
    engine = MARIADB if dialect_name == "mysql" else dialect_name
    if engine not in _COLLATIONS:
        raise ValueError(f"filters know no SQL of {dialect_name!r}")
    return engine


def native_type(column: ColumnElement[Any], engine: str) -> TypeEngine[Any]:
    """The column's type below our decorators."""
    kind = column.type
    return kind.load_dialect_impl(_DIALECTS[engine]) if isinstance(kind, TypeDecorator) else kind


def text_of(column: ColumnElement[Any], engine: str) -> SqlText:
    """The column as text, "" for NULL, that compares by code points."""
    if engine == POSTGRESQL and isinstance(native_type(column, engine), Date):
        # The text of a date depends on the session's DateStyle.
        text: SqlText = func.to_char(column, "YYYY-MM-DD", type_=Text)
    elif engine == MARIADB:
        text = type_coerce(cast(column, mysql.CHAR(charset="utf8mb4")), Text)
    else:
        text = cast(column, Text)
    return func.coalesce(text, "", type_=Text).collate(_COLLATIONS[engine])


def with_plain_lines(text: SqlText) -> SqlText:
    """The text with its lines as in a contact, whatever program wrote them."""
    return func.replace(func.replace(text, "\r\n", "\n", type_=Text), "\r", "\n", type_=Text)


def matches_regex(text: SqlText, pattern: str, engine: str) -> ColumnElement[bool]:
    """Whether the whole text matches; PostgreSQL and MariaDB only."""
    # MariaDB's $ would let a line break follow.
    return text.regexp_match(f"^(?:{pattern})" + (r"\z" if engine == MARIADB else "$"))


def display_name_of(text: Callable[[str], SqlText]) -> SqlText:
    """What model.display_name says; `text` gives the text of a field."""
    name, given, family = text("name"), text("given_name"), text("family_name")
    branches = [
        (name != "", name),
        (and_(given != "", family != ""), given + literal(" ", Text) + family),
        (given != "", given),
        (family != "", family),
        *((text(field) != "", text(field)) for field in _FALLBACKS),
    ]
    return case(*branches, else_=literal("", Text))


def like(text: SqlText, pattern: Pattern, engine: str) -> ColumnElement[bool]:
    """Whether the whole text matches the pattern, letter case included."""
    if engine == SQLITE:
        return text.bool_op("GLOB")(_glob(pattern, lambda char: f"[{char}]" if char in "*?[" else char))
    wildcards = {Wild.ONE: "_", Wild.MANY: "%"}
    shown = "".join(wildcards[piece] if isinstance(piece, Wild) else _for_like(piece) for piece in pattern)
    return text.like(shown, escape="!")


def like_folded(text: SqlText, pattern: Pattern, engine: str) -> ColumnElement[bool]:
    """Whether the whole text matches the pattern in any letter case. The pattern is folded already."""
    if engine == SQLITE:
        return text.bool_op("GLOB")(_glob(pattern, lambda char: f"[{char}{variants(char)}]" if char != "^" else char))
    # It is enough to fold the letters that are in the pattern: no other can match one of them.
    letters = "".join(piece for piece in pattern if isinstance(piece, str))
    pairs = _replacements(letters)
    if engine == POSTGRESQL and pairs:
        text = func.translate(text, "".join(old for old, _ in pairs), "".join(new for _, new in pairs), type_=Text)
    elif engine == MARIADB:
        for old, new in pairs:
            text = func.replace(text, old, new, type_=Text)
    return like(text, pattern, engine)


def nested_calls(letters: str, engine: str) -> int:
    """How many calls `like_folded` nests for these letters."""
    return len(_replacements(letters)) if engine == MARIADB else 0


def _glob(pattern: Pattern, shown: Callable[[str], str]) -> str:
    return "".join(piece.value if isinstance(piece, Wild) else "".join(map(shown, piece)) for piece in pattern)


def _for_like(literal_text: str) -> str:
    return "".join(f"!{char}" if char in "%_!" else char for char in literal_text)


def _replacements(letters: str) -> list[tuple[str, str]]:
    return [(variant, letter) for letter in sorted(set(letters)) for variant in variants(letter)]
