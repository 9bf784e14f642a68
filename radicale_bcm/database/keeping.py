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

    def borrowed(self, engine: Engine) -> Connection:
        """A connection outside of any transaction, for `give_back`. Of the idle ones the one that was used last."""
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

    def is_fit(self, connection: Connection) -> bool:
        """Whether a connection that was kept can be used once more."""
        raise NotImplementedError

    def first_row(self, engine: Engine, query: str) -> tuple[Any, ...] | None:
        """See `engine.first_row`."""
        connection = self.borrowed(engine)
        try:
            cursor = self.run(connection.connection.driver_connection, query)
            found: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()  # else it would go on reading
        except BaseException as error:
            self.give_up(connection, error, lost=True)
            raise
        self.give_back(connection)
        return found

    def run(self, driver: Any, query: str) -> Any:
        """The cursor of a query on a connection of the driver."""
        return driver.execute(query)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next one who needs one."""
        idle = self._idle
        if idle is None or len(idle) >= self.size() or connection.invalidated or connection.in_transaction():
            connection.close()
        else:
            idle.append(connection)

    def give_up(self, connection: Connection, error: BaseException, *, lost: bool = False) -> None:
        """Close a connection in which something failed; one that may be lost, without trying to roll back on it."""
        if lost:
            connection.invalidate(error)
        connection.close()

    def dispose(self) -> None:
        """Close all connections that nobody uses."""
        idle, self._idle = self._idle or [], None
        for each in idle:
            each.close()
        super().dispose()
