# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server's answers cost: CPU time of its processes, wall time, peak memory. Linux only (/proc)."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    found, queue = [], [pid]
    while queue:
        each = queue.pop()
        found.append(each)
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            queue += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time so far of a process and its descendants; to a tick of the clock, usually 10 ms."""
    total = 0
    for each in _family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(int(fields[index]) for index in (11, 12, 13, 14))
    return total / _TICK


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


def measure(pid: int, action: Callable[[], object], *, seconds: float = 1.0, least: int = 3) -> Cost:
    """Repeat an action until the server spent `seconds` of CPU time or three times as long has passed."""
    action()
    began, cpu, count = time.perf_counter(), cpu_seconds(pid), 0
    while count < least or (cpu_seconds(pid) - cpu < seconds and time.perf_counter() - began < 3 * seconds):
        action()
        count += 1
    # The clock of /proc runs a little behind.
    wall = time.perf_counter() - began
    time.sleep(0.02)
    return Cost((cpu_seconds(pid) - cpu) / count * 1000, wall / count * 1000, count)
