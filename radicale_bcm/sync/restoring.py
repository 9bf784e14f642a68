# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a backup in the place of the databases. Imported by cli.

The business database is replaced first, the state second, each in one transaction. Before, the state is told that its
cards are to be compared: a restore that was interrupted between the two is caught up by the next start, or repeated.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table

from radicale_bcm.books import copying as state_copying
from radicale_bcm.books import revisions, setups
from radicale_bcm.books.history import Actor, Subject
from radicale_bcm.books.history import write as write_history
from radicale_bcm.books.open import StateDatabase
from radicale_bcm.business import copying as business_copying
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.database import copies, migrate
from radicale_bcm.database.engine import sqlite_path, transaction
from radicale_bcm.sync import pull
from radicale_bcm.sync.backup import BUSINESS, SCHEMA, STATE, Archive
from radicale_bcm.sync.errors import Invalid
from radicale_bcm.sync.leftovers import private_folder
from radicale_bcm.sync.unit import Site

Rows = Callable[[Table], Iterable[dict[str, Any]]]


def restore(site: Site, actor: Actor, archive: Archive, database_url: str = "") -> int:
    """Replace the databases of a site, and draw a revision that makes every earlier sync-token strange. Returns it.

    The caller opens the site anew afterwards, which compares everything. `database_url` is where the business database
    goes, if not where it is now. Broken, Invalid, DatabaseError; the databases are as they were then.
    """
    url = database_url or _current_url(site)
    with private_folder() as folder:
        parts = {name: archive.extract(name, folder) for name in archive.manifest.parts}
        site.state.upgrade(create=True)
        _expect_comparison(site, actor)
        if BUSINESS in parts:
            with closing(BusinessDatabase(url)) as business:
                business.upgrade(create=True)
                _replace_business(business, archive, parts[BUSINESS])
                business.upgrade(create=False)
        number = _replace_state(site, actor, archive, parts[STATE], url if BUSINESS in parts else "")
        site.state.upgrade(create=False)
    site.forget_origin()
    return number


def _current_url(site: Site) -> str:
    if site.state.exists():
        with site.read() as conn:
            origin = setups.current_origin(conn)
        if origin is not None:
            return origin.url
    return site.options.database_url


def _expect_comparison(site: Site, actor: Actor) -> None:
    with site.write(actor) as unit:
        origin = setups.current_origin(unit.conn)
        if origin is not None:
            pull.set_loaded(unit, origin, complete=False)


def _replace_business(target: BusinessDatabase, archive: Archive, copy: Path | None) -> None:
    path = sqlite_path(target.engine)
    if copy is not None and path is not None:
        copies.raise_counters(copy, path)
        copies.replace_sqlite(copy, path)
    elif copy is not None:
        with closing(BusinessDatabase(f"sqlite:///{copy}")) as source:
            source.upgrade(create=False)
            with source.reader() as found, transaction(target.engine, write=True) as conn:
                business_copying.replace(conn, partial(copies.rows_of, found.connection))
    else:
        _same_schema(target.engine, archive, BUSINESS)
        with transaction(target.engine, write=True) as conn:
            business_copying.replace(conn, archive.rows(BUSINESS))


def _replace_state(site: Site, actor: Actor, archive: Archive, copy: Path | None, url: str) -> int:
    path = sqlite_path(site.state.engine)
    with site.read() as conn:
        above = state_copying.highest_revision(conn)
    if copy is not None:
        with closing(StateDatabase(f"sqlite:///{copy}")) as source:
            source.upgrade(create=False)
            if path is None:
                with source.reader() as found, site.state.writer() as conn:
                    state_copying.replace(conn, partial(copies.rows_of, found))
                    return _go_on(conn, actor, archive, above, url)
            with source.writer() as conn:
                number = _go_on(conn, actor, archive, above, url)
        copies.replace_sqlite(copy, path)
        return number
    _same_schema(site.state.engine, archive, STATE)
    with site.state.writer() as conn:
        state_copying.replace(conn, archive.rows(STATE))
        return _go_on(conn, actor, archive, above, url)


def _go_on(conn: Connection, actor: Actor, archive: Archive, above: int, url: str) -> int:
    """What the restored state has to know: a new history of revisions, where its database is, what happened."""
    at = datetime.now(UTC)
    revisions.start(conn)
    number = state_copying.begin_anew(conn, above, at)
    origin = setups.current_origin(conn)
    if origin is not None:
        if url:
            setups.change_origin(conn, origin.id, {"url": url})
        setups.set_setting(conn, pull.loaded_name(origin), "")
    made = archive.manifest.made_at.isoformat()
    write_history(conn, number, at, actor, "restored backup", Subject(archive.path.name), {}, {"made_at": made})
    return number


def _same_schema(engine: Engine, archive: Archive, name: str) -> None:
    here, there = migrate.current(engine, SCHEMA[name][1]), archive.manifest.parts[name]["schema"]
    if here != there:
        raise Invalid(
            f"this backup has schema {there} of the {name} database, and this program {here}: restore it with the"
            f" program that made it ({archive.manifest.program}), then upgrade"
        )
