# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by psycopg, with few round trips: each takes longer than the server over a short statement.

SQLAlchemy loads it with the first engine of its kind; nobody else imports it, because the driver is optional.
"""

import select
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Cursor, Pipeline
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

Asked = tuple[Any, Any]
"""SQL and its parameters."""


class PostgresqlConnection(psycopg.Connection[Any]):
    """A connection whose transactions begin with their first statement, in the same round trip."""

    to_begin = ""
    """The BEGIN that was not sent yet. It is sent before anything else, and never for a transaction without statements.
    """

    def run(self, sql: Any, parameters: Any) -> Cursor[Any]:
        """Run one statement."""
        return self.execute(sql, parameters) if not self.to_begin else self.run_all(((sql, parameters),))[0]

    def run_all(self, asked: Sequence[Asked]) -> list[Cursor[Any]]:
        """Run statements in one round trip; none may follow from the answer of another."""
        if not Pipeline.is_supported():
            return [self.execute(*each) for each in asked]
        begin, self.to_begin = self.to_begin, ""
        with self.pipeline():
            if begin:
                self.execute(begin, prepare=False)
            return [self.execute(*each) for each in asked]

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor, for a statement of this transaction."""
        if self.to_begin:
            begin, self.to_begin = self.to_begin, ""
            self.execute(begin, prepare=False)
        return super().cursor(*args, **kwargs)

    def commit(self) -> None:
        """COMMIT, where anything was done."""
        self.to_begin = ""
        super().commit()

    def rollback(self) -> None:
        """ROLLBACK, where anything was done."""
        self.to_begin = ""
        super().rollback()


class PostgresqlDialect(PGDialect_psycopg):
    """The dialect, whose idle connections need no round trip to be known to be alive."""

    supports_statement_cache = True

    def connect(self, *args: Any, **parameters: Any) -> Any:
        """A connection of ours."""
        return PostgresqlConnection.connect(*args, **parameters)

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Ask the server only where it has said something, which is most of all that it closes the connection."""
        said = select.poll()
        said.register(dbapi_connection.fileno(), select.POLLIN)
        return super().do_ping(dbapi_connection) if said.poll(0) else True  # type: ignore[no-untyped-call]
