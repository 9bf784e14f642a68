# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers for Prometheus; the only module that imports prometheus_client. Imported by server.health.

Several worker processes count together through files in PROMETHEUS_MULTIPROC_DIR, which `serve` makes.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from radicale.app import REQUEST_METHODS

from radicale_bcm.sync import tally
from radicale_bcm.sync.condition import Condition

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset(REQUEST_METHODS)


class Metrics:
    """What is counted, and the page that shows it. ImportError without prometheus_client."""

    def __init__(self, ask: Callable[[], Condition]) -> None:
        import prometheus_client as prometheus  # noqa: PLC0415 - optional
        from prometheus_client import multiprocess  # noqa: PLC0415

        self.content_type: str = prometheus.CONTENT_TYPE_LATEST
        self._generate = prometheus.generate_latest
        own = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter("bcm_requests", "HTTP requests", ["method", "status"], registry=own)
        self._seconds = prometheus.Histogram(
            "bcm_request_seconds", "Time to an answer", ["method"], registry=own, buckets=_BUCKETS
        )
        self._counters = {
            tally.REFUSED_FIELDS: prometheus.Counter(
                "bcm_refused_fields", "Values from clients that did not fit their column", registry=own
            ),
            tally.QUARANTINED: prometheus.Counter(
                "bcm_quarantined_deletes", "Deletes beyond the bound that were set aside", registry=own
            ),
        }
        self._shown = own
        if os.environ.get(MULTIPROCESS):
            self._shown = prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(self._shown)  # type: ignore[no-untyped-call]
        self.ask = ask
        self._shown.register(_Gauges(self._now))
        tally.listen(self._count)

    def observe(self, method: str, status: str, seconds: float) -> None:
        """A request was answered."""
        name = method if method in _METHODS else "other"
        self._requests.labels(name, status).inc()
        self._seconds.labels(name).observe(seconds)

    def page(self) -> bytes:
        """All numbers, in Prometheus' text format."""
        return bytes(self._generate(self._shown))

    def _now(self) -> Condition:
        return self.ask()

    def _count(self, name: str, number: int) -> None:
        counter = self._counters.get(name)
        if counter is not None:
            counter.inc(number)


_of_process: Metrics | None = None


def of_process(ask: Callable[[], Condition]) -> Metrics:
    """The numbers of this process, which go on where its configuration is read anew. ImportError as Metrics."""
    global _of_process  # noqa: PLW0603
    if _of_process is None:
        _of_process = Metrics(ask)
    _of_process.ask = ask
    return _of_process


class _Gauges:
    """What is measured when it is asked for."""

    def __init__(self, ask: Callable[[], Condition]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Any]:
        """The measurements; what could not be asked is left out."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        now = self._ask()
        for name, text, value in (
            ("bcm_state_database_up", "Whether the state database can be used", float(now.state)),
            ("bcm_business_database_up", "Whether the business database can be used", float(now.business)),
            ("bcm_lag_seconds", "Age of the oldest change that is not shown yet", now.lag),
            ("bcm_pending_changes", "Changes that are not shown yet", now.pending),
            ("bcm_quarantined_cards", "Deletes that wait for an administrator", now.quarantines),
            ("bcm_missing_records", "Records that vanished beyond the bound", now.missing),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=float(value))
