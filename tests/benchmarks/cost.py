# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server's answers cost: CPU time of its processes, wall time, peak memory. Linux only (/proc)."""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.client import Operation

_TICK = os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    found, queue = [], [pid]
    while queue:
        each = queue.pop()
        found.append(each)
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            with suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
                queue += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time so far of processes and their descendants: to the nanosecond, or, where threads have ended and taken
    theirs along, to a tick of the clock, usually 10 ms."""
    return sum(_of_process(each) for pid in pids for each in _family(pid))


def _of_process(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        living = sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    ticks = (int(fields[11]) + int(fields[12])) / _TICK
    return living / 1e9 if ticks - living / 1e9 < 2 / _TICK else ticks


def peak_mb(pid: int) -> float:
    """The largest peak of resident memory among a process and its descendants, in MB."""
    peaks = [
        int(line.split()[1]) / 1024
        for each in _family(pid)
        for line in Path(f"/proc/{each}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    ]
    return max(peaks, default=0.0)


@dataclass(frozen=True)
class Cost:
    """Of one repetition, in milliseconds."""

    cpu_ms: float
    wall_ms: float
    repetitions: int


_BURST_SECONDS = 0.1
_MOST = 100
_AFTERWARDS_SECONDS = 0.2


def measure(pids: Sequence[int], operation: Operation, *, seconds: float = 1.0, least: int = 3) -> Cost:
    """Repeat an operation until the server spent `seconds` of CPU time or five times as long has passed.

    Short ones are repeated in bursts of a tenth of a second: what runs between two readings of the clock empties the
    processor's caches, and an answer of half a millisecond then costs two.
    """
    given = operation.prepare()
    began = time.perf_counter()
    operation.run(given)
    took = time.perf_counter() - began
    size = max(1, min(_MOST, int(_BURST_SECONDS / took))) if operation.repeats else 1
    began, wall, cpu, count = time.perf_counter(), 0.0, 0.0, 0
    while count < least or (cpu < seconds and time.perf_counter() - began < 5 * seconds):
        given = operation.prepare()
        spent, started = cpu_seconds(pids), time.perf_counter()
        for _ in range(size):
            operation.run(given)
        wall += time.perf_counter() - started
        if not operation.repeats:
            time.sleep(_AFTERWARDS_SECONDS)  # what the server still does for an edit that it has answered counts too
        cpu += cpu_seconds(pids) - spent
        count += size
    count *= operation.each
    return Cost(cpu / count * 1000, wall / count * 1000, count)
