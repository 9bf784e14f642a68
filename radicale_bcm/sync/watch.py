# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the business database and files inside a server: woken by notifications, polling underneath. Imported by
server; the only module that imports watchdog.

A lost notification loses nothing, because every look asks the change log. Of all workers on all machines one looks;
readers look for themselves, so that nobody's freshness depends on it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

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
_LEAD_SECONDS = 2.0
# However often it is woken: our own edits wake it too, and readers look for themselves.
_REST_SECONDS = 0.1
# A file is written before its transaction is committed, and the commit itself writes nothing more that can be seen.
_AGAIN = (0.05, 0.2, 0.5)
_FILES_SECONDS = 5.0
_SETTLE_SECONDS = 0.3
# Opening and reading a file are events too, and our own reading must not wake us.
_REPLACED: list[type[FileSystemEvent]] = [FileCreatedEvent, FileMovedEvent, FileDeletedEvent]
# A database is written for as long as it is open. A text file is written when it is closed; the databases that may be
# beside it are not.
_WRITTEN, _CLOSED = [*_REPLACED, FileModifiedEvent], [*_REPLACED, FileClosedEvent]


class Watcher:
    """A background thread that shows changes of the business database as they come, and compares everything once a
    day. `also` are further periodic passes. One of all the processes that share a state does it; where that one is
    gone, another does."""

    def __init__(self, site: Site, also: tuple[Callable[[Site], None], ...] = ()) -> None:
        self._site = site
        self._also = also
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._leadership = site.state.leadership("watcher")
        self._leads = threading.Event()
        self._observer: BaseObserver | None = None
        self._watched: dict[Path, int] = {}
        self._reconsider = self._finish = 0.0
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

    @property
    def leads(self) -> bool:
        """Whether this one looks, of all."""
        return self._leads.is_set()

    def _run(self) -> None:
        listener = threading.Thread(target=self._listen, name="radicale-bcm-listen", daemon=True)
        listener.start()
        again: list[float] = []
        while not self._stopped.is_set():
            pause = self._site.options.poll_interval
            pause = self._follow(pause, observe=not again) if self._lead() else max(pause, _LEAD_SECONDS)
            if self._wake.wait(min(pause, again.pop(0) if again else pause)):
                again = list(_AGAIN)
                # Most writes are our own. Three threads that hear of each one would cost a PUT a fifth of its time.
                self._stop_observer()
            self._wake.clear()
            self._stopped.wait(_REST_SECONDS)
        self._stop_observer()
        self._leadership.release()

    def _lead(self) -> bool:
        if not self._leadership.held():
            self._leads.clear()
            self._stop_observer()
            return False
        if not self._leads.is_set():
            logger.info("This worker follows the business database from now on")
            self._leads.set()
        return True

    def _follow(self, pause: float, *, observe: bool) -> float:
        """Look, and say how long to wait before the next look. From now on be woken by the file, if `observe`."""
        try:
            if observe:
                self._watch_file()
            self._look()
        except DatabaseError as error:
            logger.warning("Cannot follow the business database: %s", error)
            return max(pause, _RETRY_SECONDS)
        except Exception:
            logger.exception("Following the business database failed; trying again")
            return max(pause, _RETRY_SECONDS)
        return pause

    def _look(self) -> None:
        while pull.has_pending(self._site) and not self._stopped.is_set():
            pull.pull(self._site)
        if time.monotonic() > self._finish:
            self._finish = time.monotonic() + _LEAD_SECONDS
            pull.finish(self._site)
        for each in self._also:
            each(self._site)
        if time.monotonic() < self._reconsider:
            return
        self._reconsider = time.monotonic() + RECONSIDER_SECONDS
        pull.reconsider(self._site)
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
        """Be woken by writes to a SQLite business database, its -wal included. The files themselves are watched, not
        their folder, where our own state may be written all the time."""
        path = sqlite_path(self._site.business(self._site.origin()).engine)
        stamps = {} if path is None else _stamps([path, Path(f"{path}-wal")])
        there = {each: stamp[-1] for each, stamp in stamps.items() if stamp}  # the inode tells one file from another
        if there == self._watched and self._observer is not None:
            return
        self._stop_observer()
        self._watched = there
        if there:
            self._observer = _observe(self._wake, {each: (each.name,) for each in there}, _WRITTEN)

    def _stop_observer(self) -> None:
        if self._observer is not None:
            self._observer.stop()
        self._observer, self._watched = None, {}

    def _listen(self) -> None:
        """Be woken by NOTIFY of a PostgreSQL business database; a lost connection is only slower."""
        while not self._stopped.is_set():
            if not self._leads.wait(_LEAD_SECONDS):
                continue
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
            while self._leads.is_set() and not self._stopped.is_set() and self._site.origin().id == origin_id:
                for _ in driver.notifies(timeout=_RETRY_SECONDS, stop_after=1):
                    self._wake.set()
        finally:
            connection.invalidate()
            connection.close()


class FileWatch:
    """Calls `changed` in a thread of its own after one of these files was written, replaced or removed, once they have
    been left alone for a moment. `files` says which, anew after each change. Whatever `changed` raises is logged."""

    def __init__(self, files: Callable[[], Iterable[Path]], changed: Callable[[], object]) -> None:
        self._files = files
        self._changed = changed
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="radicale-bcm-files", daemon=True)
        self._paths = [each.absolute() for each in files()]
        self._known = _stamps(self._paths)

    def start(self) -> "FileWatch":
        """Start watching."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        observer = _observe(self._wake, _folders(self._paths), _CLOSED)
        while not self._stopped.is_set():
            # Not every file system tells of changes, so they are looked at in any case.
            self._wake.wait(_FILES_SECONDS)
            self._wake.clear()
            if _stamps(self._paths) == self._known:
                continue
            self._known = self._settled()
            try:
                self._changed()
            except Exception:
                logger.exception("A changed file could not be read")
            paths = [each.absolute() for each in self._files()]
            if paths != self._paths:
                observer.stop()
                self._paths, self._known = paths, _stamps(paths)
                observer = _observe(self._wake, _folders(paths), _CLOSED)
        observer.stop()

    def _settled(self) -> dict[Path, tuple[int, ...] | None]:
        """What the files are like as soon as nobody writes: an editor's half must not be read."""
        before, now = None, _stamps(self._paths)
        while before != now:
            time.sleep(_SETTLE_SECONDS)
            before, now = now, _stamps(self._paths)
        return now


def _stamps(paths: Iterable[Path]) -> dict[Path, tuple[int, ...] | None]:
    found: dict[Path, tuple[int, ...] | None] = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            found[path] = None
        else:
            found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _folders(paths: Iterable[Path]) -> dict[Path, tuple[str, ...]]:
    """The folders of files, each with their names: a file may be replaced as a whole."""
    names: dict[Path, tuple[str, ...]] = {}
    for path in paths:
        names[path.parent] = (*names.get(path.parent, ()), path.name)
    return names


def _observe(
    wake: threading.Event, places: Mapping[Path, tuple[str, ...]], events: list[type[FileSystemEvent]]
) -> BaseObserver:
    """Be woken by these events at these places, files or folders, where names of files begin like this."""
    observer = Observer()
    observer.daemon = True
    for place, names in places.items():
        try:
            watch = observer.schedule(_Waker(wake, names), str(place), event_filter=events)
            if getattr(watch, "is_file", False):
                # Since watchdog 7.1 the folder of a file is watched and the file picked out of what is heard: each
                # write to our own state, if it is there too, would run three threads for nothing.
                watch.path = str(place)
        except OSError as error:  # no such folder, or too many watches: polling goes on
            logger.info("Cannot watch %s: %s", place, error)
    observer.start()
    return observer


class _Waker(FileSystemEventHandler):
    def __init__(self, wake: threading.Event, names: tuple[str, ...]) -> None:
        self._wake = wake
        self._names = names

    def on_any_event(self, event: FileSystemEvent) -> None:
        """A file was written, or another one took its place."""
        if any(str(path).rpartition("/")[2].startswith(self._names) for path in (event.src_path, event.dest_path)):
            self._wake.set()
