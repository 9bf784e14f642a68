# SPDX-License-Identifier: GPL-3.0-or-later
"""One among all processes that use a database, on any number of machines. Imported by books.

Nothing is written for it: the one who leads holds a lock that is gone with its process, or with its connection. Where
the machine is gone, the server notices within half a minute.
"""

import fcntl
import logging
import os
import zlib
from typing import Any

from sqlalchemy import Engine

from radicale_bcm.database.engine import is_mariadb, sqlite_path

logger = logging.getLogger("radicale")

# After how long the server takes a silent machine for gone.
_MARIADB = ("wait_timeout=30",)
_POSTGRESQL = ("tcp_keepalives_idle=10", "tcp_keepalives_interval=5", "tcp_keepalives_count=4")


class Leadership:
    """Whether this process is the one that does what has to be done once; `name`, one word, says what.

    For one thread. `held` takes it if it is free; it never waits and never raises.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._connection: Any = None
        self._file: int | None = None

    def held(self) -> bool:
        """Whether this process leads now; it asks the database, so that a lock that was lost is noticed."""
        try:
            if sqlite_path(self._engine) is not None:
                return self._file is not None or self._lock_file()
            return self._confirm() if self._connection is not None else self._lock()
        except Exception as error:  # noqa: BLE001 - whoever cannot ask does not lead
            logger.debug("Cannot ask who leads: %s", error)
            self.release()
            return False

    def release(self) -> None:
        """Let another one lead."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            # Its session ends, and the lock with it.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _lock_file(self) -> bool:
        """SQLite is on one machine: a lock of the file system, on a file beside it, because closing another descriptor
        of the database file itself would drop SQLite's own locks."""
        file = os.open(f"{sqlite_path(self._engine)}-{self._name}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def _lock(self) -> bool:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            mariadb = is_mariadb(self._engine)
            if mariadb:  # whose locks are the server's, not the database's
                cursor.execute("SELECT GET_LOCK(CONCAT(LEFT(%s, 24), SHA1(DATABASE())), 0)", (f"bcm {self._name}",))
            else:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", (zlib.crc32(f"bcm {self._name}".encode()),))
            row = cursor.fetchone()
            won = bool(row and row[0])
            for setting in (_MARIADB if mariadb else _POSTGRESQL) if won else ():
                cursor.execute(f"SET SESSION {setting}")
            cursor.close()
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        if won:
            self._connection = connection
        else:
            connection.close()
        return won

    def _confirm(self) -> bool:
        """Whether the session with the lock is there still."""
        cursor = self._connection.cursor()
        cursor.execute("SELECT 1")
        cursor.fetchone()
        cursor.close()
        return True
