# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills an operation at a call, starts again, and says what is wrong then."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.crash.operations import Operation
from tests.crash.place import Ended, Place, Seen


@dataclass
class Ends:
    """What an operation begins with, and what it comes to when nothing happens to it."""

    before: Seen
    after: Seen
    calls: int


def undisturbed(place: Place, operation: Operation) -> Ends:
    """Do it once without a kill."""
    prepare(place, operation)
    before = place.look() if operation.name != "init" else Seen({}, {}, {})
    prepare(place, operation)
    ended = _do(place, operation)
    assert ended.answers[0] in operation.answers, ended.answers
    after = place.look()
    assert after.faults == []
    again = _do(place, operation)
    assert again.answers[0].partition(":")[0] in operation.again, again.answers
    assert differences(after, place.look()) == []
    return Ends(before, after, ended.calls)


def killed(place: Place, operation: Operation, ends: Ends, at: int, **how: Any) -> Iterator[str]:
    """Do it until it is killed at this call, then start again; everything that is wrong then."""
    prepare(place, operation)
    ended = _do(place, operation, kill_at=at, **how)
    done = None
    if operation.name != "init":
        now = place.look(None if operation.forgets_tokens else ends.before)
        done = not differences(ends.after, now)
        if not done and (ended.answers or (differences(ends.before, now) and not operation.steps)):
            yield f"neither before nor after: {differences(ends.after, now)}"
        if done and ended.answers:
            yield from (f"history: {each}" for each in _history(ends.after, now, everything=True))
        elif not operation.steps:
            wanted = ends.after if done else ends.before
            yield from (f"history: {each}" for each in _history(wanted, now, everything=False))
        yield from now.faults
        yield from phones(now)
    again = _do(place, operation)
    answer = again.answers[0].partition(":")[0]
    if answer not in operation.answers and not ((done is not False or operation.steps) and answer in operation.again):
        yield f"repeated: {again.answers}"
    last = place.look()
    yield from (f"repeated: {each}" for each in (*differences(ends.after, last), *last.faults))


def prepare(place: Place, operation: Operation) -> None:
    """Let everything be as before it is done."""
    place.put_back()
    if operation.prepare:
        operation.prepare(place)


def _do(place: Place, operation: Operation, **dies: Any) -> Ended:
    return place.child(lambda say: operation.do(place, say), **dies)


def differences(wanted: Seen, found: Seen) -> list[str]:
    """What is not as it should be."""
    one, other = wanted.what(), found.what()
    return [f"{name}: {_apart(one[name], other[name])}" for name in one if one[name] != other[name]]


def _apart(one: Any, other: Any) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        parts = [
            f"{key}: {_apart(one.get(key), other.get(key))}"
            for key in {**one, **other}
            if one.get(key) != other.get(key)
        ]
        return "{" + ", ".join(parts) + "}"
    if isinstance(one, list) and isinstance(other, list):
        return f"without {[e for e in one if e not in other]} but with {[e for e in other if e not in one]}"
    return f"{other!r}, not {one!r}"


def _history(wanted: Seen, found: Seen, *, everything: bool) -> list[str]:
    size = None if everything else 6  # who did it, only if it was answered
    one, other = (Counter(str(row[:size]) for row in each.history) for each in (wanted, found))
    return [f"lacks {each}" for each in (one - other)] + [f"has {each}" for each in (other - one)]


def phones(now: Seen) -> Iterator[str]:
    """Whoever had everything before and synced once since, and has something else than the folder shows."""
    for path, replica in now.replicas.items():
        if replica != now.shown[path]:
            yield f"a phone that syncs {path} has {_apart(now.shown[path], replica)}"
