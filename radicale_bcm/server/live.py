# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker whose configuration is read anew when its files change. Imported by server.wsgi."""

import gc
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from radicale import log
from radicale.config import Configuration

from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.config import files_of, load
from radicale_bcm.server.storage import Storage
from radicale_bcm.sync.promote import NewContacts
from radicale_bcm.sync.watch import FileWatch, Watcher

logger = logging.getLogger("radicale")


class LiveApplication:
    """The WSGI application of one worker: an Application, and another one as soon as the files say something else.

    Requests that run go on with the configuration that they began with. What is wrong is logged, and the running
    configuration stays. Address, port and the number of workers are the server's, and need a restart.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        with _silent():
            log.setup()
        self._configuration = load(path)
        self.application, self._watcher = _made(self._configuration)
        # What is there now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        # A request makes some thousand objects and leaves no cycles: once in several requests is often enough.
        gc.set_threshold(10_000)
        self._files = FileWatch(lambda: files_of(self._configuration, path), self.read_again).start()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        return self.application(environ, start_response)

    def read_again(self) -> bool:
        """Read the configuration, and serve by it from now on; whether that could be done."""
        try:
            configuration = load(self._path)
            if configuration.get("storage", "type") != self._configuration.get("storage", "type"):
                raise RuntimeError("another [storage] type needs a restart")  # noqa: TRY301 - told as any mistake is
            application, watcher = _made(configuration)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, what runs goes on
            logger.error("The configuration was changed and cannot be used, the running one stays: %s", error)  # noqa: TRY400
            _set_level(self._configuration)
            return False
        former, former_watcher = self.application, self._watcher
        self._configuration, self.application, self._watcher = configuration, application, watcher
        logger.warning("The configuration was changed and is in use now")
        if former_watcher is not None:
            former_watcher.stop()
        storage = former._storage  # noqa: SLF001
        if isinstance(storage, Storage):
            # Connections that are in use are closed when they are given back.
            storage.site.close()
        return True

    def close(self) -> None:
        """Stop the threads and close all connections."""
        self._files.stop()
        if self._watcher is not None:
            self._watcher.stop()
        storage = self.application._storage  # noqa: SLF001
        if isinstance(storage, Storage):
            storage.site.close()


@contextmanager
def _silent() -> Iterator[None]:
    # Radicale announces each level that it sets, at that level: three lines that say nothing, from each worker.
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _set_level(configuration: Configuration) -> None:
    own = "trace_filter" in configuration.options("logging")
    trace_filter = [configuration.get("logging", "trace_filter")] if own else []
    with _silent():
        log.set_level(
            configuration.get("logging", "level"), configuration.get("logging", "backtrace_on_debug"), *trace_filter
        )


def _made(configuration: Configuration) -> tuple[BcmApplication, Watcher | None]:
    _set_level(configuration)
    application = BcmApplication(configuration)
    storage = application._storage  # noqa: SLF001
    watcher = Watcher(storage.site, (NewContacts(),)).start() if isinstance(storage, Storage) else None
    return application, watcher
