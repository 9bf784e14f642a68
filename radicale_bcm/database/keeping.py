# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool of every engine. It keeps SQLAlchemy's connections, not only the driver's: to make one and take it down
again takes longer than a short statement. Imported by database.engine and database.sqlite.
"""

from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import QueuePool


class KeepingPool(QueuePool):
    """A pool that lends connections outside of any transaction. Those that are kept count as lent to SQLAlchemy, so
    they are part of its limit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # None once the pool was closed: what is given back then is closed as well.
        self._idle: list[Connection] | None = []

    def lent(self, engine: Engine, *, risky: bool = False) -> "Lent":
        """A connection outside of any transaction, for a `with`. After an error it is closed; where the caller cannot
        tell whether the connection was lost (`risky`), without trying to roll back on it."""
        return Lent(self, engine, risky=risky)

    def first_row(self, engine: Engine, query: str) -> tuple[Any, ...] | None:
        """See `engine.first_row`."""
        with self.lent(engine, risky=True) as connection:
            cursor = self.run(connection.connection.driver_connection, query)
            found: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()  # else it would go on reading
            return found

    def is_fit(self, connection: Connection) -> bool:
        """Whether a connection that was kept can be used once more."""
        raise NotImplementedError

    def run(self, driver: Any, query: str) -> Any:
        """The cursor of a query on a connection of the driver."""
        return driver.execute(query)

    def learn(self, connection: Connection, error: BaseException) -> None:
        """Something failed in a connection."""

    def borrowed(self, engine: Engine) -> Connection:
        """Of the idle connections the one that was used last; else one that is new."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if self.is_fit(connection):
                return connection
            connection.invalidate()
            connection.close()
        return engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next one who needs one."""
        idle = self._idle
        if idle is None or len(idle) >= self.size() or connection.invalidated or connection.in_transaction():
            connection.close()
        else:
            idle.append(connection)

    def dispose(self) -> None:
        """Close all connections that nobody uses."""
        idle, self._idle = self._idle or [], None
        for each in idle:
            each.close()
        super().dispose()


class Lent:
    """See `KeepingPool.lent`. A class, because each request needs several."""

    def __init__(self, pool: KeepingPool, engine: Engine, *, risky: bool) -> None:
        self._pool = pool
        self._engine = engine
        self._risky = risky

    def __enter__(self) -> Connection:
        self._connection = self._pool.borrowed(self._engine)
        return self._connection

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        connection = self._connection
        if error is None:
            self._pool.give_back(connection)
            return
        self._pool.learn(connection, error)
        if self._risky:
            connection.invalidate(error)
        connection.close()
