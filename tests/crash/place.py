# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation on SQLite that can be put back to how it was in no time, and what can be seen of it.

Work is done in a child process, which may be killed; looking is done in this one, after a start like any other.
"""

import base64
import functools
import io
import pkgutil
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from radicale_bcm import cli
from radicale_bcm.books import collections, delta, history, setups, view
from radicale_bcm.books import open as books_open
from radicale_bcm.books.history import Actor
from radicale_bcm.database import migrate
from radicale_bcm.database.engine import open_engine
from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.config import load, options_of, with_plugin_schema
from radicale_bcm.sync import pull, trash, verify
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site
from tests.crash.child import Child, Ended, Say
from tests.http.company import PASSWORD, Refused, run_command

LOOKER = Actor("looker", "test", "command")
DATABASES = ("state.db", "business.db", "other.db")
# What differs from run to run without meaning anything.
_OWN_LINES = ("REV:", "X-BCM-VERSION:")


@dataclass
class Seen:
    """All that matters of an installation. `shown` maps a folder's path to href -> lines of the card there, `replicas`
    to what a phone has that had everything before and has made one ordinary sync since. `faults` is all that is not
    sound: what verify finds, and what SQLite says of its files."""

    records: dict[str, Any]
    shown: dict[str, dict[str, list[str]]]
    rest: dict[str, Any]
    history: list[tuple[Any, ...]] = field(default_factory=list)
    revision: int = 0
    faults: list[str] = field(default_factory=list)
    replicas: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def what(self) -> dict[str, Any]:
        """Without the history."""
        return {"records": self.records, "shown": self.shown, **self.rest}


class Place:
    """The folder `live`, and `kept`, from which it is put back."""

    def __init__(self, folder: Path) -> None:
        self.live = folder / "live"
        self.kept = folder / "kept"
        self.config = self.live / "radicale.ini"

    def url(self, name: str) -> str:
        """The address of a database: state, business or other."""
        return f"sqlite:///{self.live / name}.db"

    def command(self, *arguments: str) -> str:
        """Run a command in this process."""
        return run_command("-C", str(self.config), *arguments)

    def client(self) -> "Client":
        """A server in this process, without sockets."""
        return Client(self.config)

    def keep(self) -> None:
        """Remember how everything is now."""
        self._keep_databases()
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.live, self.kept)

    def _keep_databases(self) -> None:
        for name in DATABASES:
            if (self.live / name).exists():
                with closing(sqlite3.connect(self.live / name)) as client:
                    client.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def put_back(self) -> None:
        """Let everything be as it was remembered."""
        shutil.rmtree(self.live, ignore_errors=True)
        shutil.copytree(self.kept, self.live)

    def child(self, work: Callable[[Say], None], **dies: Any) -> Ended:
        """Do some work in a process of its own; `dies` is what `Calls` takes."""
        return Child(work, **dies).end()

    def open(self) -> Site:
        """Start as a server or a command does."""
        options, create = options_of(with_plugin_schema(load(str(self.config))))
        return open_site(options, create=create)

    def look(self, since: Seen | None = None) -> Seen:
        """Start, let it catch up, and look at everything; `since` is what phones had before."""
        site = self.open()
        try:
            pull.pull_all(site)
            with site.write(LOOKER) as unit:
                found = _seen(site, unit)
                unit.failed = True
            found.faults += [f"verify: {each}" for each in verify.differences(site, LOOKER)]
            if since is not None:
                with site.read() as conn:
                    found.replicas = {
                        path: _synced(conn, path, since) for path in since.shown if collections.get(conn, path)
                    }
        finally:
            site.close()
        found.faults += self._broken_files()
        return found

    def _broken_files(self) -> list[str]:
        found: list[str] = []
        for name in DATABASES:
            if (self.live / name).exists():
                with closing(sqlite3.connect(self.live / name)) as client:
                    said = client.execute("PRAGMA integrity_check").fetchall()
                    found += [f"{name}: {each}" for each in said if each != ("ok",)]
                    found += [f"{name}: {each}" for each in client.execute("PRAGMA foreign_key_check")]
        return found


def _synced(conn: Any, path: str, before: Seen) -> dict[str, list[str]]:
    row = collections.get(conn, path)
    assert row is not None
    folder = view.open_folder(conn, row)
    told = delta.since(conn, folder, before.revision)
    replica = {href: lines for href, lines in before.shown[path].items() if href not in told.removed}
    replica |= {href: lines_of(each.text) for href, each in view.find(conn, folder, told.changed).items()}
    return replica


def lines_of(text: str) -> list[str]:
    """What a card says."""
    return sorted(line for line in text.replace("\r\n ", "").split("\r\n") if not line.startswith(_OWN_LINES))


def _seen(site: Site, unit: Any) -> Seen:
    with site.business(site.origin()).reader() as source:
        records = {each.uid: (each.id, each.type, each.deleted_by, each.fields) for each in source.iterate()}
        deleted = {each.uid: (each.id, each.type, each.deleted_by, each.fields) for each in source.list_deleted()}
    shown, kinds = {}, {}
    for _, path, tag in collections.all_paths(unit.conn):
        if tag == "VADDRESSBOOK":
            row = collections.get(unit.conn, path)
            assert row is not None
            folder = view.open_folder(unit.conn, row)
            found = list(view.resources(unit.conn, folder))
            shown[path] = {each.href: lines_of(each.text) for each in found}
            kinds[path] = {each.href: (each.uid, each.card_id is not None) for each in found}
    rest = {
        "deleted": deleted,
        "kinds": kinds,
        "setups": sorted(
            (e.principal, e.filters, e.category, e.access, e.enabled) for e in setups.all_setups(unit.conn)
        ),
        "origins": sorted((each.name, each.current) for each in setups.origins(unit.conn)),
        "trash": sorted((each.id, each.name, each.state, each.deleted_by) for each in trash.listed(unit)),
        "quarantined": sorted((each.id, each.deleted_by) for each in trash.quarantined(unit)),
    }
    told = [
        (e.action, e.record_id, e.path, e.href, e.label, sorted(e.changes.items()), e.actor, e.source, e.client)
        for e in history.entries(unit.conn, limit=None)
    ]
    folder_revision = max((int(row[0]) for row in unit.conn.exec_driver_sql("SELECT revision FROM counter")), default=0)
    return Seen(records, shown, rest, told, folder_revision)


@contextmanager
def quick() -> Iterator[None]:
    """Do once what every child and every look would do again, which is most of their time: import what commands import
    when they run (telephone numbers take seconds), read the migrations, compile statements."""
    for each in pkgutil.iter_modules(cli.__path__, f"{cli.__name__}."):
        if not each.name.endswith(".__main__"):
            import_module(each.name)
    # An engine has the compiled statements. Its connections are closed by whoever opened it, as always. That of a
    # business database is not shared: whoever opens one listens to its connections.
    with (
        patch.object(migrate, "_scripts", functools.cache(migrate._scripts)),
        patch.object(books_open, "open_engine", functools.cache(open_engine)),
    ):
        yield


class Client:
    """Requests to our Application in this process."""

    def __init__(self, config: Path) -> None:
        self.app = BcmApplication(load(str(config)))

    def __call__(self, method: str, path: str, body: str = "", user: str = "alice", **headers: str) -> tuple[int, str]:
        """A request; status and body. Headers are named as WSGI does, without HTTP_."""
        login = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        data = body.encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(data)),
            "CONTENT_TYPE": "text/vcard; charset=utf-8",
            "HTTP_HOST": "localhost",
            "HTTP_USER_AGENT": "phone",
            "HTTP_AUTHORIZATION": f"Basic {login}",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "http",
            **{f"HTTP_{name}": value for name, value in headers.items()},
        }
        status: list[str] = []
        answer = b"".join(self.app(environ, lambda line, *_: status.append(line)))
        return int(status[0][:3]), answer.decode(errors="replace")

    def close(self) -> None:
        """Close the databases."""
        self.app._storage.site.close()  # type: ignore[attr-defined]


__all__ = ["Client", "Ended", "Place", "Refused", "Say", "Seen", "lines_of", "quick"]
