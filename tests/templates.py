# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that have our tables already. The migrations make them once for each process of the tests; then they are
copied, which costs a tenth. Tests of migrations begin with empty databases. Imported by conftest."""

import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from radicale_bcm.books.open import StateDatabase
from radicale_bcm.business.open import BusinessDatabase
from tests.servers import PostgreSQL, Server

KINDS = {"state": StateDatabase, "business": BusinessDatabase}
_SQLITE: dict[str, Path] = {}
_POSTGRESQL: dict[tuple[Path, str], str] = {}


def copy_sqlite(kind: str, path: Path) -> str:
    """The URL of a new file with the tables of this kind."""
    if kind not in _SQLITE:
        made = Path(tempfile.mkdtemp(prefix="bcm-")) / f"{kind}.sqlite"
        _make(kind, f"sqlite:///{made}")
        _SQLITE[kind] = made
    shutil.copy(_SQLITE[kind], path)
    with closing(sqlite3.connect(path)) as connection, connection:
        if kind == "business":
            connection.execute("UPDATE bcm_identity SET id = ?", [str(uuid.uuid4())])
    return f"sqlite:///{path}"


def copy_server(kind: str, server: Server) -> str:
    """The URL of a new database with the tables of this kind; an empty one where the server cannot copy."""
    if not isinstance(server, PostgreSQL):
        return server.new_database()
    if (server.folder, kind) not in _POSTGRESQL:
        url = server.new_database()
        _make(kind, url)
        _POSTGRESQL[server.folder, kind] = url
    url = server.copy_of(_POSTGRESQL[server.folder, kind])
    if kind == "business":
        server.administer(f"UPDATE bcm_identity SET id = '{uuid.uuid4()}'", url)
    return url


def remove() -> None:
    """At the end of all tests."""
    for each in _SQLITE.values():
        shutil.rmtree(each.parent, ignore_errors=True)


def _make(kind: str, url: str) -> None:
    made: Callable[[str], StateDatabase | BusinessDatabase] = KINDS[kind]
    database = made(url)
    database.upgrade(create=True)
    database.close()
