# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a process of its own, which may be killed; what it says is heard while it goes on."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.crash import calls

SECONDS = 120  # no operation of these proofs takes that long


@dataclass
class Ended:
    """How a child ended: killed, or by itself; `answers` is what it had said by then."""

    killed: bool
    answers: list[str]
    calls: int = 0


class Say:
    """The child's end: say something, or wait until it may go on."""

    def __init__(self, writing: int, waiting: int) -> None:
        self._writing, self._waiting = writing, waiting

    def __call__(self, text: str) -> None:
        """Say it."""
        os.write(self._writing, text.encode() + b"\0")

    def wait(self) -> None:
        """Until Child.go_on."""
        os.read(self._waiting, 1)


class Child:
    """A process that does some work; `dies` is what `Calls` takes."""

    def __init__(self, work: Callable[[Say], None], **dies: Any) -> None:
        reading, writing = os.pipe()
        waiting, going = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            os.close(going)
            _work(Say(writing, waiting), work, dies)
        os.close(writing)
        os.close(waiting)
        self._going = going
        self._pipe = os.fdopen(reading, "rb")
        self._said = b""
        self._ended: Ended | None = None

    def hear(self, count: int) -> list[str]:
        """The first things that it says; fewer if it ends before."""
        while self._said.count(b"\0") < count and (more := os.read(self._pipe.fileno(), 65536)):
            self._said += more
        return self._said.decode().split("\0")[:-1][:count]

    def go_on(self) -> None:
        """Let it go on, if it waits."""
        if self._going >= 0:
            os.close(self._going)
            self._going = -1

    def end(self) -> Ended:
        """Let it come to its end. AssertionError if that is neither its own nor a kill that was asked for."""
        if self._ended is not None:
            return self._ended
        self.go_on()
        with self._pipe:
            said = (self._said + self._pipe.read()).decode().split("\0")[:-1]
        _, status = os.waitpid(self.pid, 0)
        killed = os.WIFSIGNALED(status)
        assert not killed or os.WTERMSIG(status) == signal.SIGKILL, (os.WTERMSIG(status), said)
        assert killed or os.WEXITSTATUS(status) == 0, said
        count = next((int(each[1:]) for each in said if each.startswith("#")), 0)
        self._ended = Ended(killed, [each for each in said if not each.startswith("#")], count)
        return self._ended


def _work(say: Say, work: Callable[[Say], None], dies: dict[str, Any]) -> None:
    status = 1
    try:
        signal.alarm(SECONDS)
        made = calls.install()
        made.reset(**dies)
        work(say)
        say(f"#{made.count}")
        if made.power is not None:  # it has answered, and then the power fails
            calls.lose(made.power)
            os.kill(os.getpid(), signal.SIGKILL)
        status = 0
    except BaseException as error:
        say(f"!{type(error).__name__}: {error}")
        raise
    finally:
        os._exit(status)
