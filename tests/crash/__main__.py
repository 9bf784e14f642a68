# SPDX-License-Identifier: GPL-3.0-or-later
"""The long proofs: `python -m tests.crash` does all of them, `python -m tests.crash calls faults stops` some.

calls   kills each operation at every write, sync, truncation and removal of a file, starts again and looks
power   the same, and what was not synced is lost, all of it or a part
faults  lets each call of the disk and each statement fail: full, read-only, I/O errors when writing and reading
servers lets each statement fail on PostgreSQL
stops   stops PostgreSQL 50 times at once under load

`--every N` takes every n-th point only, `--only NAME` one operation.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.crash import stops
from tests.crash.faults import FAULTS, ON_SERVERS, failed
from tests.crash.killed import Ends, killed, undisturbed
from tests.crash.operations import ON_FILES, OPERATIONS, Operation, furnish, remember_cards
from tests.crash.place import Place, quick
from tests.crash.server_place import ServerPlace
from tests.servers import PostgreSQL

PROOFS = ("calls", "power", "faults", "servers", "stops")


def new_place(folder: Path, server: PostgreSQL | None = None) -> Place:
    """A furnished installation, on SQLite or on a server."""
    place = ServerPlace(folder, server) if server else Place(folder)
    furnish(place)
    remember_cards(place)
    return place


def every_fault(
    place: Place, operation: Operation, ends: Ends, fault: str, every: int, *, lasting: bool
) -> Iterator[tuple[int, str]]:
    """The n-th call fails, for n from 1 to as many as there are; what went wrong, or "" for a point without fault."""
    at = 1
    while (wrong := failed(place, operation, ends, fault, at, lasting=lasting)) is not None:
        yield from ((at, each) for each in wrong or [""])
        at += every


def _calls(place: Place, operation: Operation, every: int) -> Iterator[tuple[int, str]]:
    ends = undisturbed(place, operation)
    for at in range(1, ends.calls + 1, every):
        yield from ((at, each) for each in [*killed(place, operation, ends, at)] or [""])


def _power(place: Place, operation: Operation, every: int) -> Iterator[tuple[int, str]]:
    ends = undisturbed(place, operation)
    for at in (*range(1, ends.calls + 1, every), ends.calls + 1):
        seed = at % 3 if at <= ends.calls else 0  # at the last one it has answered already
        yield from ((at, each) for each in [*killed(place, operation, ends, at, power=seed)] or [""])


def _faults(place: Place, operation: Operation, every: int, kinds: Sequence[str] = FAULTS) -> Iterator[tuple[int, str]]:
    ends = undisturbed(place, operation)
    for fault in kinds:
        for lasting in (False, True):
            yield from every_fault(place, operation, ends, fault, every, lasting=lasting)


def main() -> int:
    """The command; 1 if anything was wrong."""
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("proofs", nargs="*", metavar="PROOF", help=f"any of {', '.join(PROOFS)}")
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--only", choices=OPERATIONS, action="append", metavar="NAME")
    parser.add_argument("--stops", type=int, default=50, metavar="N")
    arguments = parser.parse_args()
    bad = 0
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder, quick():
        wanted = [name for name in PROOFS if not arguments.proofs or name in arguments.proofs]
        place = new_place(Path(folder)) if set(wanted) - {"stops", "servers"} else None
        for proof in wanted:
            if proof == "stops":
                print(stops.run(arguments.stops), flush=True)
                continue
            if proof == "servers":
                bad += _on_a_server(Path(folder) / "server", arguments.only or OPERATIONS, arguments.every)
                continue
            assert place is not None
            for name in arguments.only or OPERATIONS:
                look = {"calls": _calls, "power": _power, "faults": _faults}[proof]
                bad += _tell(proof, name, look(place, OPERATIONS[name], arguments.every))
    return 1 if bad else 0


def _on_a_server(folder: Path, names: Iterable[str], every: int) -> int:
    server = PostgreSQL()
    try:
        place = new_place(folder, server)
        looks = {name: _faults(place, OPERATIONS[name], every, ON_SERVERS) for name in names if name not in ON_FILES}
        return sum(_tell("servers", name, found) for name, found in looks.items())
    finally:
        server.close()


def _tell(proof: str, name: str, found: Iterator[tuple[int, str]]) -> int:
    started, points, wrong = time.monotonic(), 0, 0
    for at, each in found:
        points += 1
        if each:
            wrong += 1
            print(f"  {name} at {at}: {each[:800]}", flush=True)
    if points:
        took = time.monotonic() - started
        print(f"{proof} {name}: {points} points, {wrong} wrong ({took:.0f} s)", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
