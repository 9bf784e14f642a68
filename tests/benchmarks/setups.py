# SPDX-License-Identifier: GPL-3.0-or-later
"""Many people with filters of their own over many contacts: what it takes to load, to start, to change, to poll.

    python -m tests.benchmarks.setups [--contacts 100000] [--people 200] [--state URL --database URL]

Times are wall time of this process, with the CPU time beside it; nothing else should be busy on the machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from sqlalchemy import insert, text

from radicale_bcm.books import collections, delta, view
from radicale_bcm.books.history import Actor
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.business.schema import contact
from radicale_bcm.cli.sample import contacts
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.database.engine import sqlite_path, transaction
from radicale_bcm.sync import pull, setup
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site

SHORT = ["--contacts", "500", "--people", "4"]  # for python -m tests.benchmarks --short
ADMIN = Actor("bench", "bench", "command")
BATCH = 1000
CHANGES = 20
POLLS = 200


@dataclass
class Figures:
    """What was measured: name -> times in seconds, wall and CPU."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall.setdefault(name, []).append(time.perf_counter() - wall)
        self.cpu.setdefault(name, []).append(time.process_time() - cpu)

    def print(self) -> None:
        """A table."""
        print(f"\n{'':44}{'times':>6}{'median':>12}{'largest':>12}{'CPU median':>12}")
        for name, times in self.wall.items():
            numbers = (statistics.median(times), max(times), statistics.median(self.cpu[name]))
            print(f"{name:44}{len(times):6}" + "".join(f"{_shown(number):>12}" for number in numbers))


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"


def fill(url: str, wanted: int, owners: list[str]) -> None:
    """A business database with so many contacts, written as any other program would."""
    database = BusinessDatabase(url)
    database.upgrade(create=True)
    samples = contacts(wanted, owners=owners)
    for start in range(0, wanted, BATCH):
        rows = [{name: each.fields.get(name) for name in BY_NAME} for each in samples[start : start + BATCH]]
        with transaction(database.engine, write=True) as connection:
            connection.execute(insert(contact), [{name: _value(name, row[name]) for name in row} for row in rows])
    database.close()


def _value(name: str, value: str | None) -> object:
    kind = BY_NAME[name].kind
    if value is None or kind not in ("yesno", "number"):
        return value
    return value == "true" if kind == "yesno" else float(value)


def filters_of(number: int, people: list[str], countries: list[str]) -> tuple[str, ...]:
    """The filter of a person: no two are equal."""
    country = countries[number % len(countries)]
    return (
        ("owner=%me",),
        (f"country={country}", f"owner=<>{people[number]}"),
        (f"owner=%me|{people[number - 1]}", "email=<>''"),
        (f"name=@*{chr(97 + number % 26)}*", f"owner=%me|{people[number - 2]}|{people[number - 3]}"),
        (f"city={chr(65 + number % 26)}*", f"name=<>{number}"),
    )[number % 5]


def measure(site: Site, people: list[str], figures: Figures) -> None:
    """Everything after the load."""
    countries = _countries(site)
    with figures.timed("start a set-up that shows everything"), site.write(ADMIN) as unit:
        setup.start(unit, "everybody", Choice(folder="Contacts"))
    for number, name in enumerate(people):
        filters = filters_of(number, people, countries)
        with figures.timed("start a set-up with a filter of its own"), site.write(ADMIN) as unit:
            setup.start(unit, name, Choice(folder="Contacts", filters=filters))
    with figures.timed("start a set-up whose filter somebody has"), site.write(ADMIN) as unit:
        setup.start(unit, "twin", Choice(folder="Contacts", filters=(f"owner={people[0]}",)))
    with figures.timed("change the category of the largest set-up"), site.write(ADMIN) as unit:
        setup.change(unit, "everybody", Choice(category="Customer"))
    _change(site, people, figures)
    _poll(site, people, figures)


def _countries(site: Site) -> list[str]:
    engine = site.business(site.origin()).engine
    with transaction(engine, write=False) as connection:
        found = connection.execute(text("SELECT DISTINCT business_country FROM contact"))
        return sorted(each for each in found.scalars() if each)


def _change(site: Site, people: list[str], figures: Figures) -> None:
    engine = site.business(site.origin()).engine
    owners = cycle(people)
    for number in range(1, CHANGES + 1):
        for name, column, value in (
            ("change a contact: stays in its folders", "note", f"Note {number}"),
            ("change a contact: enters and leaves folders", "owner", next(owners)),
            ("change a contact: what no card shows", "rating", str(number % 5 + 1)),
        ):
            with transaction(engine, write=True) as connection:
                changed = text(f"UPDATE contact SET {column} = :value WHERE id = :id")
                connection.execute(changed, {"value": value, "id": number * 37})
            with figures.timed(name):
                pull.pull(site)
    with transaction(engine, write=True) as connection:
        connection.execute(text("UPDATE contact SET note = 'all' WHERE id <= 500"))
    with figures.timed("change 500 contacts at once"):
        pull.pull_all(site)


def _poll(site: Site, people: list[str], figures: Figures) -> None:
    engine = site.business(site.origin()).engine
    before = {name: _token(site, name) for name in (*people, "everybody")}
    for name in people[:POLLS]:
        with figures.timed("an idle poll"):
            assert not pull.has_pending(site)
            assert _token(site, name) == before[name]
    with transaction(engine, write=True) as connection:
        connection.execute(text("UPDATE contact SET note = 'one' WHERE id = 77"))
    pull.pull(site)
    for name in ("everybody", *people[:POLLS]):
        with figures.timed("the answer to a token after one change"), site.read() as conn:
            row = collections.get(conn, f"{name}/Contacts")
            assert row is not None
            delta.since(conn, view.open_folder(conn, row), before[name])


def _token(site: Site, name: str) -> int:
    with site.read() as conn:
        row = collections.get(conn, f"{name}/Contacts")
        assert row is not None
        folder = view.open_folder(conn, row)
        view.token(conn, folder)
        return folder.revision


def _sizes(site: Site) -> None:
    path = sqlite_path(site.state.engine)
    with site.read() as conn:
        counts = {name: conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in ("card", "member")}
    print(f"\nstate: {counts['card']:,} cards, {counts['member']:,} memberships", end="")
    if path is not None:
        size = sum(each.stat().st_size for each in path.parent.glob(path.name + "*"))
        print(f", {size / 1e6:,.0f} MB, {size / max(counts['card'], 1):,.0f} octets for each contact", end="")
    print()


def run(folder: Path, wanted: int, number_of_people: int, state: str | None, database: str | None) -> Figures:
    """All of it."""
    figures = Figures()
    people = [f"person{number:03}" for number in range(number_of_people)]
    options = Options(state or f"sqlite:///{folder / 'state.db'}", database or f"sqlite:///{folder / 'business.db'}")
    with figures.timed("write the contacts with SQL"):
        fill(options.database_url, wanted, people)
    with figures.timed("load the contacts"):
        site = open_site(options, create=True)
    try:
        with figures.timed("open the site again"):
            open_site(options, create=False).close()
        measure(site, people, figures)
        figures.print()
        _sizes(site)
    finally:
        site.close()
    return figures


def main() -> None:
    """The command."""
    about = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.setups", description=about)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--state", help="an empty database for the state, instead of a file")
    parser.add_argument("--database", help="an empty business database, instead of a file")
    chosen = parser.parse_args()
    print(f"{chosen.contacts:,} contacts, {chosen.people} people")
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), chosen.contacts, chosen.people, chosen.state, chosen.database)


if __name__ == "__main__":
    main()
