# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the business database inside a server: woken by notifications, polling underneath. Imported by server; the
only module that imports watchdog.

A lost notification loses nothing, because every look asks the change log; several workers may all look, because the
state lock lets one project and the others find nothing to do.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from radicale_bcm.books import setups
from radicale_bcm.books.history import Actor
from radicale_bcm.database.engine import sqlite_path
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync import pull, trash
from radicale_bcm.sync.unit import Site

logger = logging.getLogger("radicale")

FULL_EVERY = timedelta(hours=24)
RECONSIDER_SECONDS = 15.0
"""How often records that were missing are looked for again."""
NOTIFY_CHANNEL = "bcm_change"
_FULL = "last full comparison"
_SCHEDULE = Actor("", "schedule", "command")
_RETRY_SECONDS = 5.0
# A file is written before its transaction is committed, and the commit itself writes nothing more that can be seen.
_AGAIN = (0.05, 0.2, 0.5)


class Watcher:
    """A background thread that shows changes of the business database as they come, and compares everything once a
    day. `also` are further periodic passes."""

    def __init__(self, site: Site, also: tuple[Callable[[Site], None], ...] = ()) -> None:
        self._site = site
        self._also = also
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._observer: object | None = None
        self._watched: Path | None = None
        self._reconsider = 0.0
        self._thread = threading.Thread(target=self._run, name="radicale-bcm-watch", daemon=True)

    def start(self) -> "Watcher":
        """Start looking."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop, and wait until a pass that runs has ended."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout=30)

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def _run(self) -> None:
        listener = threading.Thread(target=self._listen, name="radicale-bcm-listen", daemon=True)
        listener.start()
        again: list[float] = []
        while not self._stopped.is_set():
            pause = self._site.options.poll_interval
            try:
                self._watch_file()
                self._look()
            except DatabaseError as error:
                logger.warning("Cannot follow the business database: %s", error)
                pause = max(pause, _RETRY_SECONDS)
            except Exception:
                logger.exception("Following the business database failed; trying again")
                pause = max(pause, _RETRY_SECONDS)
            if self._wake.wait(min(pause, again.pop(0) if again else pause)):
                again = list(_AGAIN)
            self._wake.clear()

    def _look(self) -> None:
        while pull.has_pending(self._site) and not self._stopped.is_set():
            pull.pull(self._site)
        if time.monotonic() > self._reconsider:
            self._reconsider = time.monotonic() + RECONSIDER_SECONDS
            pull.reconsider(self._site)
        for each in self._also:
            each(self._site)
        last = self._claim_full()
        if last is None:
            return
        try:
            self._compare()
        except DatabaseError:
            with self._site.write(_SCHEDULE) as unit:
                setups.set_setting(unit.conn, _FULL, last)  # it is still due, here or in another process
            raise

    def _compare(self) -> None:
        counts = pull.compare_all(self._site, _SCHEDULE)
        logger.info("Daily comparison: %s", counts)
        purged = trash.expire(self._site)
        if purged:
            logger.info("%d Deleted Items older than %d days are purged", purged, self._site.options.retention_days)

    def _claim_full(self) -> str | None:
        """When everything was compared last, if this process has to do it now; then no other one does."""
        now = datetime.now(UTC)

        def due(value: str | None) -> bool:
            return value is None or datetime.fromisoformat(value) + FULL_EVERY <= now

        with self._site.read() as conn:
            if not due(setups.setting_value(conn, _FULL)):
                return None
        with self._site.write(_SCHEDULE) as unit:
            last = setups.setting_value(unit.conn, _FULL)
            if not due(last):
                return None
            setups.set_setting(unit.conn, _FULL, now.isoformat())
            return last

    def _watch_file(self) -> None:
        """Be woken by writes to a SQLite business database, its -wal included."""
        path = sqlite_path(self._site.business(self._site.origin()).engine)
        if path == self._watched:
            return
        if self._observer is not None:
            self._observer.stop()  # type: ignore[attr-defined]
        self._watched = path
        if path is None:
            return
        observer = Observer()
        observer.schedule(_Waker(self._wake, path.name), str(path.parent))
        observer.daemon = True
        observer.start()
        self._observer = observer

    def _listen(self) -> None:
        """Be woken by NOTIFY of a PostgreSQL business database; a lost connection is only slower."""
        while not self._stopped.is_set():
            try:
                origin = self._site.origin()
                engine = self._site.business(origin).engine
                if engine.dialect.name == "postgresql":
                    self._listen_on(engine, origin.id)
                else:
                    self._stopped.wait(_RETRY_SECONDS)  # until somebody switches to a database that notifies
            except Exception as error:  # noqa: BLE001 - polling goes on underneath
                logger.debug("Listening for changes stopped: %s", error)
                self._stopped.wait(_RETRY_SECONDS)

    def _listen_on(self, engine: Engine, origin_id: int) -> None:
        connection = engine.raw_connection()
        try:
            driver = connection.driver_connection
            assert driver is not None
            driver.execute(f"LISTEN {NOTIFY_CHANNEL}")
            while not self._stopped.is_set() and self._site.origin().id == origin_id:
                for _ in driver.notifies(timeout=_RETRY_SECONDS, stop_after=1):
                    self._wake.set()
        finally:
            connection.invalidate()
            connection.close()


class _Waker(FileSystemEventHandler):
    def __init__(self, wake: threading.Event, name: str) -> None:
        self._wake = wake
        self._name = name

    def on_modified(self, event: FileSystemEvent) -> None:
        """A file of the database was written."""
        if Path(str(event.src_path)).name.startswith(self._name):
            self._wake.set()
