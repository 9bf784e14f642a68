# SPDX-License-Identifier: GPL-3.0-or-later
"""The production server: granian with several workers and keep-alive. Imported by cli."""

import encodings.idna  # noqa: F401 - a look-up of a host name imports it, and a worker may be forked meanwhile
import os
import socket
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces

from radicale_bcm.server.config import load
from radicale_bcm.server.metrics import MULTIPROCESS
from radicale_bcm.server.storage import Storage

THREADS = 8
READY_SECONDS = 60


def serve(config_path: Path, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT. Prints one line with the URL when it is ready to answer.

    Opens the databases once before the workers start, so that a mistake is one clear message and a migration is done
    by one process. Raises database.errors.DatabaseError, RuntimeError for the configuration, OSError for the port.
    """
    os.environ["RADICALE_CONFIG"] = str(config_path)
    storage = Storage(load(str(config_path)))
    storage.site.close()
    if storage.configuration.get("storage", "bcm_metrics"):
        # Here the workers count together; made before any of them looks for it.
        os.environ.setdefault(MULTIPROCESS, tempfile.mkdtemp(prefix="radicale-bcm-metrics-"))
    port = _free_port(host, port)
    server = Granian(
        "radicale_bcm.server.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        websockets=False,
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=30,
    )
    startup = server.startup

    def start(*args: Any) -> None:
        startup(*args)  # type: ignore[no-untyped-call]
        # Not before: a worker that is forked while another thread imports something waits for that import for ever.
        threading.Thread(target=_announce, args=(host, port), daemon=True).start()

    server.startup = start  # type: ignore[method-assign]
    server.serve()


def _free_port(host: str, port: int) -> int:
    """The port, checked before any worker starts; 0 takes any that is free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def _announce(host: str, port: int) -> None:
    """Print the URL as soon as a worker answers."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        connection = HTTPConnection(reached, port, timeout=READY_SECONDS)
        try:
            connection.request("OPTIONS", "/")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
            continue
        finally:
            connection.close()
        shown = f"[{host}]" if ":" in host else host
        print(f"radicale-bcm serves http://{shown}:{port}/", flush=True)  # noqa: T201 - what the command promises
        return
