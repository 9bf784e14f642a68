# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators ask a server: is it well, and numbers for Prometheus. Imported by server.application.

Both need no login, so they say nothing about anybody, and a look at the databases serves for a second. Numbers are off
by default and need the package prometheus-client.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from radicale.log import logger

from radicale_bcm.server import metrics
from radicale_bcm.server.metrics import Metrics
from radicale_bcm.sync import condition
from radicale_bcm.sync.condition import Condition
from radicale_bcm.sync.unit import Site

HEALTH_PATH = "/.well-known/radicale-bcm/health"
METRICS_PATH = "/.well-known/radicale-bcm/metrics"
_SECONDS = 1.0
_PATIENCE = 10.0
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"

Answer = tuple[str, list[tuple[str, str]], Iterable[bytes]]


class Health:
    """Answers for one site, and counts its requests where that is wanted."""

    def __init__(self, site: Site, *, with_metrics: bool) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._known: tuple[float, Condition] = (-_SECONDS, Condition(state=False, business=False))
        self._metrics: Metrics | None = None
        if with_metrics:
            try:
                self._metrics = metrics.of_process(self.condition)
            except ImportError:
                logger.error("bcm_metrics needs the package prometheus-client: pip install 'radicale-bcm[metrics]'")

    def answer(self, environ: Mapping[str, Any]) -> Answer | None:
        """The answer to a request; None if it is not one of ours."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/.well-known/radicale-bcm/"):
            return None
        method = environ.get("REQUEST_METHOD")
        if path != HEALTH_PATH and (path != METRICS_PATH or self._metrics is None):
            return _answer("404 Not Found", _TEXT, b"There is nothing here.\n")
        if method not in ("GET", "HEAD"):
            return _answer("405 Method Not Allowed", _TEXT, b"GET only.\n", ("Allow", "GET, HEAD"))
        if path == METRICS_PATH and self._metrics is not None:
            status, headers, content = _answer("200 OK", self._metrics.content_type, self._metrics.page())
        else:
            found = self.condition()
            status = "503 Service Unavailable" if found.status == "unavailable" else "200 OK"
            status, headers, content = _answer(status, _JSON, json.dumps(_document(found)).encode() + b"\n")
        return status, headers, [] if method == "HEAD" else content

    def counted(self, method: str, handle: Callable[[], Any]) -> Any:
        """Handle a request, and count it if anybody wants to know."""
        if self._metrics is None:
            return handle()
        started = time.monotonic()
        status = "500"
        try:
            answer = handle()
            status = str(answer[0])[:3]
            return answer
        finally:
            self._metrics.observe(method, status, time.monotonic() - started)

    def condition(self) -> Condition:
        """The condition of the site, at most a second old: who may ask without a login must not be a burden."""
        at, found = self._known
        if time.monotonic() - at < _SECONDS:
            return found
        if not self._lock.acquire(timeout=_PATIENCE):
            return Condition(state=False, business=False)
        try:
            at, found = self._known
            if time.monotonic() - at >= _SECONDS:
                found = condition.of(self._site)
                self._known = (time.monotonic(), found)
            return found
        finally:
            self._lock.release()


def _document(found: Condition) -> dict[str, Any]:
    return {
        "status": found.status,
        "databases": {
            "state": "ok" if found.state else "unavailable",
            "business": "ok" if found.business else "unavailable",
        },
        "lag": None if found.lag is None else round(found.lag, 3),
        "pending": found.pending,
        "quarantines": found.quarantines,
        "missing": found.missing,
    }


def _answer(status: str, kind: str, content: bytes, *more: tuple[str, str]) -> Answer:
    headers = [("Content-Type", kind), ("Content-Length", str(len(content))), ("Cache-Control", "no-store"), *more]
    return status, headers, [content]
