# SPDX-License-Identifier: GPL-3.0-or-later
"""A company in one process, and the model of what each of its folders must show. Imported by the histories.

The model looks at nothing of ours but the meaning of a filter: it reads the rows of the business database with plain
SQL, slowly, each time it is asked.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from radicale_bcm.books import collections, setups
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Actor
from radicale_bcm.books.schema import card as cards_table
from radicale_bcm.contacts.filters import parse_filters
from radicale_bcm.contacts.model import Contact
from radicale_bcm.sync import trash
from radicale_bcm.sync.unit import Site, Unit
from tests.histories.ledger import Ledger, fields_of
from tests.histories.stage import MAIN, Client, Crash, Row, Stage
from tests.histories.wire import DONE, Wire

PEOPLE = ("alice", "bob", "carol")


@dataclass
class Person:
    """What somebody chose, as the model knows it. `hidden` holds the cards that only this folder lacks, `kept` those
    that it keeps of the database that is not the current one."""

    name: str
    folder: str = ""
    filters: tuple[str, ...] = ()
    category: str = "Business"
    access: str = "rw"
    on_delete: str = "trash"
    shown_fields: tuple[str, ...] = ()
    enabled: bool = False
    hidden: dict[int, str] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)

    @property
    def path(self) -> str:
        """The sync folder's."""
        return f"{self.name}/{self.folder}"


@dataclass
class Model:
    """What the model remembers. `plain` maps a collection's path to href -> text, `kept` a kept card to its fields;
    `arriving`: a contact was being moved out when the process was gone, and nobody has seen it arrive."""

    people: dict[str, Person]
    plain: dict[str, dict[str, str]] = field(default_factory=dict)
    kept: dict[int, Contact] = field(default_factory=dict)
    current: str = MAIN
    arriving: bool = False
    ledger: Ledger = field(default_factory=Ledger)


@dataclass
class Purging:
    """A record that is about to be purged: its id and UID, and where the plain contacts were that became it."""

    record_id: str
    uid: str
    places: set[tuple[str, str]]


class World:
    """Databases, people and plain contacts."""

    def __init__(self, stage: Stage, marker: tuple[str, ...] | None = None, wire: Wire | None = None) -> None:
        stage.clear(marker)
        self.stage = stage
        self.wire = wire
        self.model = Model({name: Person(name) for name in PEOPLE})
        self.counts: Counter[str] = Counter()
        self.crashed = False
        self.purging: list[Purging] = []
        self.observed: tuple[int, str] | None = None
        self.unseen_deletes = 0
        self.restored = False
        self.switches = 0
        self._clients: dict[str, Client] = {}
        with self.acting("alice") as unit:
            for name in PEOPLE:
                path = f"{name}/Private"
                props = {"tag": "VADDRESSBOOK"}
                collections.create(unit.conn, path, props, unit.revision, unit.at)
                self.plain[path] = {}

    @property
    def site(self) -> Site:
        """The site, which is another one after a restart."""
        return self.stage.site

    @property
    def people(self) -> dict[str, Person]:
        """By name."""
        return self.model.people

    @property
    def plain(self) -> dict[str, dict[str, str]]:
        """path -> href -> text"""
        return self.model.plain

    @property
    def ledger(self) -> Ledger:
        """What was acknowledged."""
        return self.model.ledger

    def let_arrive(self, path: str, found: dict[str, str]) -> None:
        """Believe in one contact more if a card was being moved out when the process was gone."""
        new = found.keys() - self.plain[path].keys()
        if self.model.arriving and len(new) == 1:
            self.plain[path].update({href: found[href] for href in new})
            self.model.arriving = False
            self.counts["a move finished after a crash"] += 1

    def remembered(self) -> Model:
        """A copy of the model."""
        return copy.deepcopy(self.model)

    def close(self) -> None:
        """The history is over."""
        self.leave()

    def leave(self) -> None:
        """Other programs close their connections."""
        for each in self._clients.values():
            each.close()
        self._clients.clear()

    @contextmanager
    def acting(self, name: str, source: str = "dav") -> Iterator[Unit]:
        """A unit of work of a person's phone. A crash after the commit is an answer that got lost: it happened."""
        before = self.stage.states
        try:
            with self.site.write(Actor(name, "phone", source)) as unit:
                yield unit
        except Crash:
            if self.stage.states == before:
                raise
            self.crashed = True

    def is_done(self, status: int) -> bool:
        """Whether a request did what it was for."""
        self.counts[f"answered over HTTP: {status}"] += 1
        return status in DONE

    @contextmanager
    def once_more(self) -> Iterator[None]:
        """What says nothing new. If the process is gone in it, the answer to the first time stands."""
        try:
            yield
        except Crash:
            self.crashed = True

    def erased(self, name: str) -> dict[str, Contact]:
        """The rows of a database that other programs removed, by id."""
        with self.site.business(self.stage.origins[name]).reader() as source:
            return {number: each.fields for number, each in trash.erased_records(source).items()}

    def check_ledger(self) -> None:
        """Nothing that was acknowledged is lost."""
        origins = {name: origin.id for name, origin in self.stage.origins.items()}
        rows = {name: self.rows(name) for name in origins}
        erased = {name: self.erased(name) for name in origins}
        with self.site.read() as conn:
            self.counts["values looked for in the ledger"] += self.ledger.check(conn, origins, rows, erased)

    def sql(self, statement: str, *values: Any, database: str = "") -> list[Row]:
        """What another program does to a business database."""
        name = database or self.model.current
        if name not in self._clients:
            self._clients[name] = self.stage.connect(name)
        return self._clients[name].run(statement, values)

    def rows(self, database: str = "") -> dict[str, Row]:
        """The records as they stand, by id."""
        found = self.sql("SELECT * FROM contact ORDER BY id", database=database)
        return {str(row["id"]): row for row in found}

    def collection(self, unit_or_conn: Any, path: str) -> Collection:
        """A collection that exists."""
        found = collections.get(getattr(unit_or_conn, "conn", unit_or_conn), path)
        assert found is not None, path
        return found

    def card_ids(self, conn: Connection) -> dict[str, int]:
        """record id -> number of its card, of the current database."""
        origin = setups.current_origin(conn)
        assert origin is not None
        found = select(cards_table.c.record_id, cards_table.c.id).where(cards_table.c.origin_id == origin.id)
        return dict(tuple(row) for row in conn.execute(found))

    def shown(self, conn: Connection, path: str, rows: dict[str, Row], numbers: dict[str, int]) -> dict[int, Contact]:
        """What the folder at a path must show of the business databases: number of the card -> fields."""
        for person in self.people.values():
            if person.enabled and person.path == path:
                found = self.matching(person, rows, numbers) | {
                    number: self.model.kept[number] for number in person.kept
                }
                return {number: fields for number, fields in found.items() if number not in person.hidden}
        return {}

    def matching(self, person: Person, rows: dict[str, Row], numbers: dict[str, int]) -> dict[int, Contact]:
        """The current records that pass a person's filter."""
        wanted = parse_filters(person.filters).bind(person.name)
        found = {}
        for number, row in rows.items():
            if row["type"] == "account" or row["deleted_at"] is not None:
                continue
            fields = fields_of(row)
            if wanted.matches(fields, {"type": row["type"], "id": number, "uid": row["uid"]}):
                found[numbers[number]] = fields
        return found

    def has_group(self, path: str) -> bool:
        """Whether the folder must have a group card."""
        shown = any(each.enabled and each.path == path for each in self.people.values())
        return shown and "group" in self.site.options.markers

    def fields_of(self, path: str) -> tuple[str, ...]:
        """The business fields that business cards show in a folder."""
        return next((each.shown_fields for each in self.people.values() if each.enabled and each.path == path), ())

    def category_of(self, path: str) -> str:
        """The category that business cards carry in a folder."""
        return next((each.category for each in self.people.values() if each.enabled and each.path == path), "")
