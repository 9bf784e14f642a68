# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between us and an SQL database, and the one place where driver exceptions become it.

DatabaseError                  anything a database said that is none of the following (a defect of ours, mostly)
├── Unavailable                cannot be used now: refused, gone, no such database, wrong password
│   ├── StorageFull            it answers, but has no room to write
│   ├── ReadOnly               it answers, but does not let us write
│   ├── AnotherDatabase        it answers, and is not the one that is known by this address
│   └── NoDriver               the Python package for its kind of database is not installed
├── Busy                       somebody else held a lock for too long, or a deadlock chose us; try again later
├── Rejected                   the values break a constraint or do not fit their column
├── WrongSchema                a table or a column is missing, or newer than this program
└── BadUrl                     the database URL cannot be read, or names an engine that we do not know

None derives from ValueError, which Radicale would take for a mistake of the client.
"""

import sqlite3
from typing import Any

import sqlalchemy.exc
from sqlalchemy.engine import URL, make_url


class DatabaseError(Exception):
    """Something that a database refused. `url` carries no password; `cause` is the driver's own sentence."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(url, cause)
        self.url = url
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.url}: {self.cause}"


class Unavailable(DatabaseError):
    """The database cannot be used now."""


class StorageFull(Unavailable):
    """The database has no room left to write."""


class ReadOnly(Unavailable):
    """The database, its file or our role in it does not allow writing."""


class AnotherDatabase(Unavailable):
    """What answers at this address has another identity than the database that is known by it."""


class NoDriver(Unavailable):
    """The Python package that speaks to this kind of database is not installed."""


class Busy(DatabaseError):
    """A lock was not to be had in time, or a deadlock was broken at our expense. Nothing was written."""


class Rejected(DatabaseError):
    """Values break a constraint or do not fit. Nothing of the statement was written."""


class WrongSchema(DatabaseError):
    """A table or a column is missing, or the schema is newer than this program."""


class BadUrl(DatabaseError):
    """The URL cannot be read, or names an engine that we do not know."""


def url_safe(url: str | URL) -> str:
    """The URL as a person wrote it, with the password hidden; text that is no URL is hidden altogether."""
    try:
        parsed = make_url(url)
        return parsed.set(drivername=parsed.get_backend_name()).render_as_string(hide_password=True)
    except (sqlalchemy.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        return "(unreadable URL)"


_SQLITE = {
    sqlite3.SQLITE_BUSY: Busy,
    sqlite3.SQLITE_LOCKED: Busy,
    sqlite3.SQLITE_INTERRUPT: Busy,
    sqlite3.SQLITE_FULL: StorageFull,
    sqlite3.SQLITE_READONLY: ReadOnly,
    sqlite3.SQLITE_PERM: ReadOnly,
    sqlite3.SQLITE_CANTOPEN: Unavailable,
    sqlite3.SQLITE_IOERR: Unavailable,
    sqlite3.SQLITE_NOMEM: Unavailable,
    sqlite3.SQLITE_CORRUPT: Unavailable,
    sqlite3.SQLITE_NOTADB: Unavailable,
    sqlite3.SQLITE_NOLFS: Unavailable,
    sqlite3.SQLITE_PROTOCOL: Busy,
    sqlite3.SQLITE_CONSTRAINT: Rejected,
    sqlite3.SQLITE_TOOBIG: Rejected,
    sqlite3.SQLITE_MISMATCH: Rejected,
}

# SQLSTATE, by its five characters first and by its class (two characters) second.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL = {
    "25006": ReadOnly,
    "42501": ReadOnly,
    "40001": Busy,
    "40P01": Busy,
    "55P03": Busy,
    "57014": Busy,
    "53100": StorageFull,
    "42P01": WrongSchema,
    "42703": WrongSchema,
    "3F000": WrongSchema,
    "08": Unavailable,
    "28": Unavailable,
    "3D": Unavailable,
    "53": Unavailable,
    "57": Unavailable,
    "58": Unavailable,
    "XX": Unavailable,
    "22": Rejected,
    "23": Rejected,
}

# What a server says of a full disk when a connection begins: that is when it writes the file with what its catalogues
# look like, if the last one is out of date. Up to release 16 without the reason.
_POSTGRESQL_FULL = ("No space left on device", "could not write init file")

# https://mariadb.com/kb/en/mariadb-error-code-reference/
_MARIADB = {
    **dict.fromkeys((1021, 1114), StorageFull),
    **dict.fromkeys((1036, 1142, 1143, 1290, 1792, 1836), ReadOnly),
    **dict.fromkeys((1020, 1205, 1213, 1614, 1969, 3024, 3572), Busy),
    **dict.fromkeys((1051, 1054, 1146, 1932), WrongSchema),
    **dict.fromkeys((1022, 1048, 1062, 1216, 1217, 1264, 1292, 1364, 1366, 1406, 1451, 1452, 3819, 4025), Rejected),
    **dict.fromkeys((1016, 1033, 1034, 1040, 1041, 1042, 1043, 1044, 1045, 1049, 1053, 1077, 1129, 1130), Unavailable),
    **dict.fromkeys((1152, 1159, 1160, 1161, 1184, 1203, 1226, 1317, 1698, 1927), Unavailable),
    **dict.fromkeys((2002, 2003, 2005, 2006, 2012, 2013, 2026, 2055, 4031, 4151), Unavailable),
}


def _of_sqlite(error: sqlite3.Error) -> type[DatabaseError]:
    text = str(error)
    if "no such table" in text or "no such column" in text or "has no column" in text:
        return WrongSchema
    if "closed database" in text:
        return Unavailable
    # The extended code's lower byte is the primary one. https://www.sqlite.org/rescode.html
    return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, DatabaseError)


def _of_postgresql(error: Any) -> type[DatabaseError]:
    state: str | None = error.sqlstate
    if state is None:
        # Without SQLSTATE there is no connection: nobody answered, or the server refused, which only its words tell.
        if any(words in str(error) for words in _POSTGRESQL_FULL):
            return StorageFull
        return Unavailable if type(error).__name__ != "ProgrammingError" else DatabaseError
    return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or DatabaseError


def _of_mariadb(error: Any) -> type[DatabaseError]:
    number = error.args[0] if error.args else 0
    if number == 1030:  # "Got error N from storage engine": N is the operating system's, 28 is ENOSPC
        return StorageFull if "error 28" in str(error) else Unavailable
    if number == 0 and type(error).__name__ == "InterfaceError":  # used after it was lost
        return Unavailable
    if number in _MARIADB:
        return _MARIADB[number]
    return Rejected if type(error).__name__ in {"IntegrityError", "DataError"} else DatabaseError


def _kind(error: BaseException) -> type[DatabaseError] | None:
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    module = type(error).__module__.partition(".")[0]
    if module == "psycopg":
        return _of_postgresql(error)
    if module == "pymysql":
        return _of_mariadb(error)
    return None


def translate(error: BaseException, url: str | URL = "") -> DatabaseError | None:
    """The error of ours that says what this exception of SQLAlchemy or of a driver means; None for any other one."""
    safe = url_safe(url)
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        original = error.orig if error.orig is not None else error
        kind = _kind(original) or DatabaseError
        if error.connection_invalidated and not issubclass(kind, Unavailable):
            kind = Unavailable
        return kind(safe, _sentence(original))
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return Busy(safe, "every connection of the pool is in use")
    if isinstance(error, sqlalchemy.exc.ArgumentError | sqlalchemy.exc.NoSuchModuleError):
        return BadUrl(safe, _sentence(error))
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return DatabaseError(safe, _sentence(error))
    of_driver = _kind(error)
    return of_driver(safe, _sentence(error)) if of_driver else None


def _sentence(error: BaseException) -> str:
    # PyMySQL's args are (number, text); the other drivers' text is their str().
    if len(error.args) == 2 and isinstance(error.args[0], int):
        return f"{error.args[1]} ({error.args[0]})"
    return str(error).strip() or type(error).__name__


class translated:  # noqa: N801 - used as the function that it could be, which would take three times as long
    """Whatever SQLAlchemy or a driver raises inside leaves as a DatabaseError; other exceptions pass untouched."""

    def __init__(self, url: str | URL) -> None:
        self._url = url

    def __enter__(self) -> None:
        """What is inside begins."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """It ended, with an error or without."""
        if not isinstance(error, Exception) or isinstance(error, DatabaseError):
            return
        ours = translate(error, self._url)
        if ours is not None:
            raise ours from error
