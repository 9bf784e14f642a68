# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore: both databases, as they were at one moment, in one archive. Imported by cli.

A ZIP with `manifest.json` and, for each database, a SQLite file or the rows of its tables. The business database is in
it if it has our own schema. A restore replaces each in one transaction, so a server may run meanwhile.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from sqlalchemy import Connection, Engine, Table

from radicale_bcm import __version__
from radicale_bcm.books import copying as state_copying
from radicale_bcm.books import open as books_open
from radicale_bcm.books import setups
from radicale_bcm.books.history import Actor
from radicale_bcm.business import copying as business_copying
from radicale_bcm.business import open as business_open
from radicale_bcm.database import copies, migrate
from radicale_bcm.database.copies import Broken
from radicale_bcm.database.engine import sqlite_path, transaction
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync.errors import Conflict, Invalid, NotThere
from radicale_bcm.sync.leftovers import draft_of, private_folder
from radicale_bcm.sync.unit import Site

FORMAT = "radicale-bcm backup"
VERSION = 1
MANIFEST = "manifest.json"
STATE, BUSINESS = "state", "business"
_TABLES = {STATE: state_copying.TABLES, BUSINESS: business_copying.TABLES}
SCHEMA = {
    STATE: (books_open.MIGRATIONS, books_open.VERSION_TABLE),
    BUSINESS: (business_open.MIGRATIONS, business_open.VERSION_TABLE),
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself: when it was made, and for each database in it its form (sqlite or rows) and
    schema; the revision, and how many business contacts and plain items there were."""

    made_at: datetime
    parts: dict[str, dict[str, Any]]
    revision: int = 0
    contacts: int | None = None
    items: int = 0
    program: str = ""
    database: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "program": self.program,
            "made_at": self.made_at.isoformat(),
            "revision": self.revision,
            "contacts": self.contacts,
            "items": self.items,
            "database": self.database,
            "parts": self.parts,
        }


@dataclass(slots=True)
class _Open:
    """Snapshots of the databases, by their names."""

    conns: dict[str, Connection] = field(default_factory=dict)
    engines: dict[str, Engine] = field(default_factory=dict)


def write(site: Site, actor: Actor, target: Path, *, dry_run: bool = False) -> Manifest:
    """Write a backup that appears complete or not at all. Conflict if the file is there, NotThere if its folder is not;
    OSError; DatabaseError. A dry run looks at the same, and writes no file."""
    if target.exists():
        raise Conflict(f"{target} exists already")
    if not target.parent.is_dir():
        raise NotThere(f"there is no folder {target.parent} for the backup")
    if dry_run:
        with _snapshots(site, actor) as opened:
            return _manifest(opened)
    with draft_of(target) as (draft, descriptor):
        with os.fdopen(descriptor, "wb") as file:
            with _snapshots(site, actor) as opened, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                manifest = _manifest(opened)
                for name in opened.conns:
                    _write_part(archive, name, opened)
                archive.writestr(MANIFEST, json.dumps(manifest.as_dict(), indent=2))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    _sync_folder(target.parent)
    return manifest


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _snapshots(site: Site, actor: Actor) -> Iterator[_Open]:
    """One moment of both databases: nobody of ours is between them while the write lock is held."""
    origin = site.origin()
    with ExitStack() as stack:
        opened = _Open()
        with site.write(actor):
            engines = {STATE: site.state.engine}
            if origin.mapping is None:
                engines[BUSINESS] = site.business(origin).engine
            for name, engine in engines.items():
                conn = stack.enter_context(transaction(engine, write=False))
                copies.begin_snapshot(conn)
                opened.conns[name], opened.engines[name] = conn, engine
        yield opened


def _manifest(opened: _Open) -> Manifest:
    parts = {
        name: {"form": "sqlite" if sqlite_path(engine) else "rows", "schema": migrate.current(engine, SCHEMA[name][1])}
        for name, engine in opened.engines.items()
    }
    state = opened.conns[STATE]
    origin = setups.current_origin(state)
    business = opened.conns.get(BUSINESS)
    return Manifest(
        datetime.now(UTC),
        parts,
        state_copying.highest_revision(state),
        None if business is None else business_copying.contacts(business),
        state_copying.items(state),
        __version__,
        origin.name if origin else "",
    )


def _write_part(archive: zipfile.ZipFile, name: str, opened: _Open) -> None:
    conn = opened.conns[name]
    if sqlite_path(opened.engines[name]):
        with private_folder() as folder:
            copy = folder / "copy"
            copies.write_sqlite(conn, copy)
            archive.write(copy, f"{name}.sqlite")
        return
    for table in _TABLES[name]:
        with archive.open(f"{name}/{table.name}.jsonl", "w", force_zip64=True) as file:
            copies.write_rows(conn, table, cast("BinaryIO", file))


class Archive:
    """A backup to restore. Broken if it is none, or not all of one; OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            damaged = self._zip.testzip()
            if damaged is not None:
                raise Broken(f"{path} is damaged: {damaged}")
            self.manifest = _read_manifest(json.loads(self._zip.read(MANIFEST)))
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, EOFError) as error:
            raise Broken(f"{path} is no backup of radicale-bcm: {error}") from error
        names = set(self._zip.namelist())
        for name, part in self.manifest.parts.items():
            tables = [f"{name}/{table.name}.jsonl" for table in _TABLES[name]]
            files = [f"{name}.sqlite"] if part["form"] == "sqlite" else tables
            missing = [each for each in files if each not in names]
            if missing:
                raise Broken(f"{path} is not complete: {missing[0]} is missing")
            _refuse_newer(name, str(part["schema"]))

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def extract(self, name: str, folder: Path) -> Path | None:
        """The SQLite file of a database, outside the archive; None if it is in the form of rows. Broken."""
        if self.manifest.parts[name]["form"] != "sqlite":
            return None
        target = folder / f"{name}.sqlite"
        with self._zip.open(f"{name}.sqlite") as source, target.open("wb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)
        copies.check_sqlite(target)
        return target

    def rows(self, name: str) -> Callable[[Table], Iterable[dict[str, Any]]]:
        """What gives the rows of a table that is in that form."""

        def read(table: Table) -> Iterator[dict[str, Any]]:
            with self._zip.open(f"{name}/{table.name}.jsonl") as lines:
                yield from copies.read_rows(table, lines)

        return read


def _read_manifest(found: dict[str, Any]) -> Manifest:
    if found["format"] != FORMAT:
        raise ValueError("its manifest says something else")
    if found["version"] != VERSION:
        raise ValueError("a newer program made it")
    parts = {name: dict(part) for name, part in found["parts"].items()}
    if STATE not in parts or set(parts) - {STATE, BUSINESS}:
        raise ValueError("it holds no state database, or something unknown")
    return Manifest(
        datetime.fromisoformat(found["made_at"]),
        parts,
        int(found["revision"]),
        found["contacts"],
        int(found["items"]),
        str(found["program"]),
        str(found["database"]),
    )


def _refuse_newer(name: str, schema: str) -> None:
    head = migrate.head(SCHEMA[name][0])
    if schema > head:
        raise Invalid(f"this backup was made by a newer program (schema {schema} of the {name} database, here {head})")


def is_in_use(site: Site) -> bool:
    """Whether there is anything that a restore would replace."""
    try:
        return site.state.exists()
    except DatabaseError:
        return False
