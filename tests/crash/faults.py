# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the disk or a statement fail under a server or a command: what it answers, what is there, and if it goes on.

The process that met the fault does the same again when the fault is over; a server is asked for something else as well.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from radicale_bcm.database.errors import DatabaseError
from tests.crash import calls, statements
from tests.crash.child import Child, Say
from tests.crash.killed import Ends, differences, phones, prepare
from tests.crash.operations import REQUESTS, Operation
from tests.crash.place import Client, Place

_CODES = {"full": calls.FULL, "eio": {k: v for k, v in calls.EIO.items() if k != "read"}, "read": {"read": 266},
          "read-only": calls.READ_ONLY}  # fmt: skip
FAULTS = (*_CODES, "statement", "statement-full")
ON_SERVERS = ("statement", "statement-full")
# What a phone may be told, besides that it is done; 507 is what a full disk is called.
_STATUSES = {"full": ("507", "503"), "statement-full": ("507",)}


class Failing(Client):
    """A server whose disk fails while it handles its first request."""

    fault: "Fault"

    def __call__(self, *request: Any, **headers: Any) -> tuple[int, str]:
        """The first request meets the fault; the same server is asked for something else afterwards."""
        if self.fault.over:
            return super().__call__(*request, **headers)
        with self.fault.happening():
            answer = super().__call__(*request, **headers)
        after = super().__call__("GET", "/alice/Contacts/Petra.vcf")[0]
        return answer[0], f"{after}"


class Fault:
    """One fault: the n-th call of its kind, or with `lasting` all from the n-th on."""

    def __init__(self, kind: str, at: int, *, lasting: bool) -> None:
        self.kind, self.at, self.lasting = kind, at, lasting
        self.over = self.met = False

    @contextmanager
    def happening(self) -> Iterator[None]:
        """It happens in here, once."""
        count: Callable[[], int] = lambda: calls.CALLS.count  # noqa: E731
        with ExitStack() as stack:
            if self.kind in _CODES:
                calls.CALLS.reset(fail_at=self.at, codes=_CODES[self.kind], lasting=self.lasting)
                stack.callback(calls.CALLS.reset)
            else:
                full = self.kind == "statement-full"
                made = stack.enter_context(statements.failing(self.at, lasting=self.lasting, full=full))
                count = lambda: made.count  # noqa: E731
            try:
                yield
            finally:
                self.over, self.met = True, count() >= self.at


def failed(place: Place, operation: Operation, ends: Ends, kind: str, at: int, *, lasting: bool) -> list[str] | None:
    """Do it while the n-th call fails; everything that is wrong then. None if it makes fewer calls than that."""
    prepare(place, operation)
    fault = Fault(kind, at, lasting=lasting)
    child = Child(lambda say: _do_twice(place, operation, fault, say))
    first = child.hear(3)
    if len(first) < 3:
        return [f"{kind}: it ended: {first} {child.end()}"]
    try:
        return [*_wrong(place, operation, ends, kind, child, first)] if json.loads(first[2]) else None
    finally:
        child.end()


def _do_twice(place: Place, operation: Operation, fault: Fault, say: Say) -> None:
    """First with the fault, then, when whoever listens has looked, without."""
    if operation.name in REQUESTS:
        client = Failing(place.config)
        client.fault = fault
        place.client = lambda: client  # type: ignore[method-assign]
        operation.do(place, say)
    else:
        with fault.happening():
            operation.do(place, say)
        say("200")
    say(json.dumps(fault.met))
    say.wait()
    operation.do(place, say)
    say("end")


def _wrong(place: Place, operation: Operation, ends: Ends, kind: str, child: Child, first: list[str]) -> Iterator[str]:
    status, after = first[0], first[1]
    if not _is_honest(operation, kind, status):
        yield f"{kind}: answered {status}"
    if after != "200":
        yield f"{kind}: the server answers {after} afterwards"
    done = None
    if operation.name != "init":
        try:
            now = place.look(None if operation.forgets_tokens else ends.before)
        except DatabaseError as error:
            yield f"{kind}: nobody else can use it: {error}"
            return
        done = not differences(ends.after, now)
        claimed = status in operation.answers
        if not done and (claimed or (differences(ends.before, now) and not operation.steps)):
            yield f"{kind}, {status}: neither before nor after: {differences(ends.after, now)}"
        yield from now.faults
        yield from phones(now)
    child.go_on()
    answer = child.end().answers[3].partition(":")[0]
    if answer not in operation.answers and not ((done is not False or operation.steps) and answer in operation.again):
        yield f"{kind}: repeated: {answer}"
    last = place.look()
    yield from (f"{kind}: repeated: {each}" for each in (*differences(ends.after, last), *last.faults))


def _is_honest(operation: Operation, kind: str, said: str) -> bool:
    """Whether this may be the answer: it was done in spite of the fault, or it could not be done and why."""
    status, _, reason = said.partition(": ")
    if status in operation.answers:
        return True
    if operation.name in REQUESTS:
        return status in _STATUSES.get(kind, ("503",))
    understood = bool(reason) and "should not have happened" not in reason and "Traceback" not in reason
    # 1 is a file that is no database: a backup, a configuration.
    return understood and status in (("refused 3", "refused 1") if kind in _CODES else ("refused 3",))
