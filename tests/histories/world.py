# SPDX-License-Identifier: GPL-3.0-or-later
"""A company in one process, and the model of what each of its folders must show. Imported by the histories.

The model looks at nothing of ours but the meaning of a filter: it reads the rows of the business database with plain
SQL, slowly, each time it is asked.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event

from radicale_bcm.books import collections
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Actor
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.filters import parse_filters
from radicale_bcm.contacts.model import Contact
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Unit

PEOPLE = ("alice", "bob", "carol")
MAX_DELETES = 2

Row = dict[str, Any]
_FILES = ("state.db", "business.db")


@dataclass
class Person:
    """What somebody chose, as the model knows it. `hidden` holds the ids of records that only this folder lacks."""

    name: str
    folder: str = ""
    filters: tuple[str, ...] = ()
    category: str = "Business"
    access: str = "rw"
    on_delete: str = "trash"
    enabled: bool = False
    hidden: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The sync folder's."""
        return f"{self.name}/{self.folder}"


def options_in(folder: Path, marker: tuple[str, ...] | None = None) -> Options:
    """A site in a folder."""
    return Options(
        marker=marker,
        state_url=f"sqlite:///{folder / 'state.db'}",
        database_url=f"sqlite:///{folder / 'business.db'}",
        max_deletes=MAX_DELETES,
        deletes_window=100_000,
    )


class Stage:
    """Where histories happen one after another: a site whose databases are empty again at the beginning of each.

    Making new databases, and a new engine that has to compile every statement, takes longer than a history.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.site = open_site(options_in(folder), create=True)
        self._engines = (self.site.state.engine, self.site.business(self.site.origin()).engine)
        for engine in self._engines:
            event.listen(engine, "connect", _hurry)
            engine.dispose()
        for name in _FILES:
            with closing(sqlite3.connect(folder / name)) as client:
                client.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copyfile(folder / name, folder / f"{name}.empty")

    def clear(self, marker: tuple[str, ...] | None) -> None:
        """Begin anew, with these markers."""
        for engine in self._engines:
            engine.dispose()
        for name in _FILES:
            for left in self._folder.glob(f"{name}-*"):
                left.unlink()
            shutil.copyfile(self._folder / f"{name}.empty", self._folder / name)
        self.site.options = options_in(self._folder, marker)
        self.site.forget_origin()

    def connect(self) -> sqlite3.Connection:
        """Another program's connection to the business database."""
        return sqlite3.connect(self._folder / "business.db", isolation_level=None, timeout=30)

    def close(self) -> None:
        """Close all connections."""
        self.site.close()


class World:
    """Databases, people and plain contacts. `plain` maps a collection's path to href -> text."""

    def __init__(self, stage: Stage, marker: tuple[str, ...] | None = None) -> None:
        stage.clear(marker)
        self.site = stage.site
        self.people = {name: Person(name) for name in PEOPLE}
        self.plain: dict[str, dict[str, str]] = {}
        self._client = stage.connect()
        self._client.row_factory = sqlite3.Row
        self._client.execute("PRAGMA synchronous=OFF")
        with self.acting("alice") as unit:
            for name in PEOPLE:
                path = f"{name}/Private"
                props = {"tag": "VADDRESSBOOK"}
                collections.create(unit.conn, path, props, unit.revision, unit.at)
                self.plain[path] = {}

    def close(self) -> None:
        """The history is over."""
        self._client.close()

    @contextmanager
    def acting(self, name: str) -> Iterator[Unit]:
        """A unit of work of a person's phone."""
        with self.site.write(Actor(name, "phone", "dav")) as unit:
            yield unit

    def sql(self, statement: str, *values: Any) -> list[Row]:
        """What another program does to the business database."""
        return [dict(row) for row in self._client.execute(statement, values)]

    def rows(self) -> dict[str, Row]:
        """The records as they stand, by id."""
        return {str(row["id"]): row for row in self.sql("SELECT * FROM contact ORDER BY id")}

    def collection(self, unit_or_conn: Any, path: str) -> Collection:
        """A collection that exists."""
        found = collections.get(getattr(unit_or_conn, "conn", unit_or_conn), path)
        assert found is not None, path
        return found

    def shown(self, path: str) -> dict[str, Contact]:
        """What the folder at a path must show of the business database: record id -> fields."""
        for person in self.people.values():
            if person.enabled and person.path == path:
                return self._shown_to(person)
        return {}

    def _shown_to(self, person: Person) -> dict[str, Contact]:
        wanted = parse_filters(person.filters).bind(person.name)
        found = {}
        for number, row in self.rows().items():
            if row["type"] == "account" or row["deleted_at"] is not None or number in person.hidden:
                continue
            fields = fields_of(row)
            if wanted.matches(fields, {"type": row["type"], "id": number, "uid": row["uid"]}):
                found[number] = fields
        return found

    def has_group(self, path: str) -> bool:
        """Whether the folder must have a group card."""
        shown = any(each.enabled and each.path == path for each in self.people.values())
        return shown and "group" in self.site.options.markers

    def category_of(self, path: str) -> str:
        """The category that business cards carry in a folder."""
        return next((each.category for each in self.people.values() if each.enabled and each.path == path), "")


def fields_of(row: Row) -> Contact:
    """The fields of a row that are not empty."""
    return {name: _text(name, row[name]) for name in BY_NAME if row.get(name) not in (None, "")}


def _text(name: str, value: Any) -> str:
    if BY_NAME[name].kind == "yesno":
        return "true" if value in (1, "1", "true") else "false"
    return str(value)


def _hurry(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
