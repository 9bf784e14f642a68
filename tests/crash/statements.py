# SPDX-License-Identifier: GPL-3.0-or-later
"""Between us and the drivers of the three engines: lets the n-th statement or commit fail before it is done.

Everything that is said to a database counts: also BEGIN, what SQLAlchemy is gone around for, and COMMIT.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
import pymysql

from radicale_bcm.database.sqlite import SqliteConnection

# What a driver raises when the server says that its disk is full, or broken.
# https://www.postgresql.org/docs/current/errcodes-appendix.html https://mariadb.com/kb/en/mariadb-error-code-reference/
_FULL = {"sqlite": sqlite3.SQLITE_FULL, "postgresql": "53100", "mariadb": 1021}
_BROKEN = {"sqlite": sqlite3.SQLITE_IOERR, "postgresql": "58030", "mariadb": 1030}


@dataclass
class Statements:
    """Which statement fails, and how many there were."""

    fail_at: int
    lasting: bool
    full: bool
    count: int = 0

    def next(self, kind: str) -> None:
        """One is about to be made."""
        self.count += 1
        if self.count == self.fail_at or (self.lasting and self.count > self.fail_at):
            raise _error(kind, full=self.full)


def _error(kind: str, *, full: bool) -> Exception:
    code = (_FULL if full else _BROKEN)[kind]
    if kind == "postgresql":
        return psycopg.errors.lookup(str(code))("injected")
    if kind == "mariadb":
        return pymysql.err.OperationalError(code, "injected")
    error = sqlite3.OperationalError("injected")
    error.sqlite_errorcode = int(code)
    return error


@contextmanager
def failing(at: int, *, lasting: bool, full: bool = False) -> Iterator[Statements]:
    """Let the n-th fail, or all from the n-th on, in this process."""
    made = Statements(at, lasting, full)

    class Cursor(sqlite3.Cursor):
        execute = _counted(made, "sqlite", sqlite3.Cursor.execute)
        executemany = _counted(made, "sqlite", sqlite3.Cursor.executemany)

    with ExitStack() as stack:
        stack.enter_context(
            patch.object(SqliteConnection, "cursor", lambda self: sqlite3.Connection.cursor(self, Cursor))
        )
        for kind, owner, name in (
            ("sqlite", SqliteConnection, "execute"),
            ("sqlite", SqliteConnection, "commit"),
            ("postgresql", psycopg.Cursor, "execute"),
            ("postgresql", psycopg.Cursor, "executemany"),
            ("postgresql", psycopg.Connection, "commit"),
            ("mariadb", pymysql.cursors.Cursor, "execute"),
            ("mariadb", pymysql.connections.Connection, "commit"),
        ):
            stack.enter_context(patch.object(owner, name, _counted(made, kind, getattr(owner, name))))
        yield made


def _counted(made: Statements, kind: str, real: Callable[..., Any]) -> Any:
    def counted(*arguments: Any, **named: Any) -> Any:
        made.next(kind)
        return real(*arguments, **named)

    return counted
