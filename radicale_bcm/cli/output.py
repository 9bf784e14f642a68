# SPDX-License-Identifier: GPL-3.0-or-later
"""Printing: one JSON document for machines; tables, sentences and progress for people. For cli only.

Results go to standard output, everything about them (progress, questions, hints) to standard error.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

Progress = Callable[[int, int], None]


class _Asked:
    """Whether the person asked for JSON: what goes wrong is told in JSON then as well."""

    json = False


def prepare() -> None:
    """Let no name of a contact break a terminal that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def ask_for_json(wanted: bool) -> bool:
    """The callback of --json."""
    _Asked.json = _Asked.json or wanted
    return wanted


def json_wanted() -> bool:
    """Whether --json was given."""
    return _Asked.json


def document(value: Any) -> None:
    """Print the one JSON document."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    json.dump(value, sys.stdout, ensure_ascii=not plain, indent=2, default=_as_json)
    sys.stdout.write("\n")
    sys.stdout.flush()


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def local(moment: datetime) -> str:
    """A time as a person at this machine reads it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clean(text: object) -> str:
    """Text of contacts on one line, without anything that a terminal would obey."""
    shown = str(text).replace("\r\n", "\n").replace("\n", " ⏎ ").replace("\t", " ")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


def say(*lines: str) -> None:
    """Print sentences."""
    for line in lines:
        print(line)


def hint(*lines: str) -> None:
    """Tell something beside the result, on standard error."""
    for line in lines:
        print(line, file=sys.stderr)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """A table on a terminal; lines separated by tabs in a pipe; a sentence if there is nothing."""
    if not rows:
        hint(empty)
        return
    texts = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in (columns, *texts):
            print("\t".join(row))
        return
    from rich import box  # noqa: PLC0415 - only where it is seen
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in texts:
        shown.add_row(*map(Text, row))
    Console().print(shown)


def pairs(rows: Sequence[tuple[str, object]]) -> None:
    """Names and values, one on each line."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print(f"{name:<{width}}  {clean(value)}")


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A callback (done, total) that draws a bar on a terminal, and does nothing elsewhere. Total 0 is unknown."""
    if not sys.stderr.isatty() or json_wanted():
        yield lambda _done, _total: None
        return
    bar = _Bar(title)
    try:
        yield bar.move
    finally:
        bar.stop()


class _Bar:
    """A progress bar that appears with the first progress: most commands have none to show."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bars: Any = None

    def move(self, done: int, total: int) -> None:
        if self._bars is None:
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import Progress as Bars  # noqa: PLC0415

            self._bars = Bars(console=Console(stderr=True), transient=True)
            self._bars.add_task(self._title, total=None)
            self._bars.start()
        self._bars.update(self._bars.task_ids[0], completed=done, total=total or None)

    def stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()


def counted(number: int, one: str, many: str | None = None) -> str:
    """1 card, 2 cards."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
