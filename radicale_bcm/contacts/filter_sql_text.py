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

from radicale_bcm.contacts.filter_text import Pattern, Wild, fold, variants
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
        glob = "".join(piece.value if isinstance(piece, Wild) else _for_glob(piece) for piece in pattern)
        return text.bool_op("GLOB")(glob)
    wildcards = {Wild.ONE: "_", Wild.MANY: "%"}
    shown = "".join(wildcards[piece] if isinstance(piece, Wild) else _for_like(piece) for piece in pattern)
    return text.like(shown, escape="!")


def _for_glob(literal_text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in literal_text)


def _for_like(literal_text: str) -> str:
    return "".join(f"!{char}" if char in "%_!" else char for char in literal_text)


def _replacements(letters: str) -> list[tuple[str, str]]:
    return [(variant, letter) for letter in sorted(set(fold(letters))) for variant in variants(letter)]


def fold_cost(letters: str) -> int:
    """How many calls `folded` nests for these letters."""
    return len(_replacements(letters))


def folded(text: SqlText, letters: str) -> SqlText:
    """The text in which every variant of these letters is the folded letter: enough to compare it with a folded text
    of just these letters.
    """
    for variant, letter in _replacements(letters):
        text = func.replace(text, variant, letter, type_=Text)
    return text
