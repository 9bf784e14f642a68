# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the disk or a statement fail under a running server: what it answers, what is there then, and if it goes on.

The same server process that met the fault has to serve when the fault is over.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.crash import calls
from tests.crash.killed import Ends, differences
from tests.crash.operations import Operation
from tests.crash.place import Client, Place

FAULTS = ("full", "eio", "read", "statement")
_CODES = {"full": calls.FULL, "eio": {k: v for k, v in calls.EIO.items() if k != "read"}, "read": {"read": 266}}
# What a phone may be told; 5xx of a fault is honest, and 507 is what a full disk is called.
_HONEST = {"full": ("507", "503"), "eio": ("503",), "read": ("503",), "statement": ("503",)}


class Failing(Client):
    """A server whose disk fails while it handles one request, and works again afterwards."""

    fault = ""
    at = 0
    lasting = False

    def __call__(self, *request: Any, **headers: Any) -> tuple[int, str]:
        """The request meets the fault; the same server is asked for something else afterwards."""
        if not self.fault:
            return super().__call__(*request, **headers)
        fault, self.fault = self.fault, ""
        with _failing(fault, self.at, lasting=self.lasting) as hit:
            answer = super().__call__(*request, **headers)
        after = super().__call__("GET", "/alice/Contacts/Petra.vcf")[0]
        return answer[0], json.dumps([hit(), after])


class _failing:  # noqa: N801 - used as a with statement
    def __init__(self, fault: str, at: int, *, lasting: bool) -> None:
        self.fault, self.at, self.lasting, self.count = fault, at, lasting, 0

    def __enter__(self) -> Callable[[], int]:
        if self.fault == "statement":
            # Where somebody listens for statements, all of them are run by SQLAlchemy (database.prepared).
            event.listen(Engine, "before_cursor_execute", _heard)
            event.listen(Engine, "do_execute", self._statement)
            return lambda: self.count >= self.at
        calls.CALLS.reset(fail_at=self.at, codes=_CODES[self.fault], lasting=self.lasting)
        return lambda: calls.CALLS.count >= self.at

    def __exit__(self, *_: object) -> None:
        if self.fault == "statement":
            event.remove(Engine, "do_execute", self._statement)
            event.remove(Engine, "before_cursor_execute", _heard)
        else:
            calls.CALLS.fail_at = 0

    def _statement(self, *_: object) -> None:
        self.count += 1
        if self.count == self.at or (self.lasting and self.count > self.at):
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error


def _heard(*_: object) -> None:
    pass


def failed(place: Place, operation: Operation, ends: Ends, fault: str, at: int, *, lasting: bool) -> list[str] | None:
    """Do it while the n-th call fails; everything that is wrong then. None if it makes fewer calls than that."""
    place.put_back()

    def work(say: Callable[[str], None]) -> None:
        def client() -> Client:
            made = Failing(place.config)
            made.fault, made.at, made.lasting = fault, at, lasting
            return made

        place.client = client  # type: ignore[method-assign]
        operation.do(place, say)

    ended = place.child(work)
    status, (hit, after) = ended.answers[0], json.loads(ended.answers[1])
    return [*_wrong(place, operation, ends, fault, status, after)] if hit else None


def _wrong(place: Place, operation: Operation, ends: Ends, fault: str, status: str, after: int) -> Iterator[str]:
    if status not in operation.answers and status not in _HONEST[fault]:
        yield f"{fault}: answered {status}"
    if after != 200:
        yield f"{fault}: the server answers {after} afterwards"
    now = place.look(ends.before)
    done = not differences(ends.after, now)
    if not done and (status in operation.answers or differences(ends.before, now)):
        yield f"{fault}, {status}: neither before nor after: {differences(ends.after, now)}"
    yield from now.faults
    again = place.child(lambda say: operation.do(place, say)).answers[0]
    if again not in operation.answers and not (done and again in operation.again):
        yield f"{fault}: repeated: {again}"
    last = place.look()
    yield from (f"{fault}: repeated: {each}" for each in (*differences(ends.after, last), *last.faults))
