# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what operators want to see, for whoever listens. Imported by the other modules of sync; server listens.

Nothing is counted for anybody else, and what is counted names nobody.
"""

from collections.abc import Callable

REFUSED_FIELDS = "refused_fields"
QUARANTINED = "quarantined"

_listeners: list[Callable[[str, int], None]] = []


def listen(listener: Callable[[str, int], None]) -> None:
    """Call this with a name and a number whenever something is counted."""
    _listeners.append(listener)


def count(name: str, number: int = 1) -> None:
    """So many more of it. A unit of work that is rolled back later has been counted all the same."""
    for listener in _listeners:
        listener(name, number)
