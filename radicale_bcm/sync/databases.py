# SPDX-License-Identifier: GPL-3.0-or-later
"""The business databases that are known: list, add, forget. Imported by cli and server; going to another one is
`switch`.

A database that was forgotten stays behind as an origin without an address, because old sync-tokens still ask about its
cards; added again, it is the same one.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from radicale_bcm.books import collections, membership, origins, setups
from radicale_bcm.books.history import Actor
from radicale_bcm.books.setups import Origin
from radicale_bcm.business.mapped import MappedDatabase
from radicale_bcm.business.mapping_file import InvalidMapping, preset_names, read_file
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.database.errors import WrongSchema, url_safe
from radicale_bcm.sync import audience
from radicale_bcm.sync.errors import Conflict, Invalid, NotThere
from radicale_bcm.sync.unit import Site, Unit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def listed(conn: Connection) -> list[Origin]:
    """The databases that are known, by name."""
    return [each for each in setups.origins(conn) if each.url]


def named(conn: Connection, name: str) -> Origin:
    """The database of this name. NotThere."""
    known = listed(conn)
    for each in known:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in known)
    raise NotThere(f"no business database is called {name!r}, only {names}: `database add NAME --url URL` adds one")


def kept(conn: Connection, origin: Origin) -> int:
    """How many cards of this database folders show."""
    return len(origins.shown(conn, origin.id))


def add(site: Site, actor: Actor, name: str, url: str, mapping: Path | None, *, dry_run: bool = False) -> Origin:
    """Get to know a database; in an empty one our schema is created. Nothing is shown of it until a switch.

    One that is known by this name already, and has moved, is known by its new address from then on. Invalid, Conflict,
    or DatabaseError where it cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} cannot be the name of a database: letters, digits, dot, - and _, such as crm")
    if mapping is not None:
        return _add_mapped(site, actor, name, url, mapping, dry_run=dry_run)
    business = BusinessDatabase(url)
    try:
        others = [] if business.exists() else business.other_tables()
        if others:
            some = ", ".join(others[:5]) + (", …" if len(others) > 5 else "")
            raise Conflict(
                f"{business.url} holds tables of another application ({some}). Take an empty database, or describe"
                " those tables in a mapping: --mapping FILE"
            )
        if dry_run and not business.exists():
            with site.read() as conn:
                _refuse_name(conn, name, None)
            return Origin(0, name, url, None, "", current=False)
        business.upgrade(create=True)
        identity = business.identity()
    finally:
        business.close()
    with site.write(actor) as unit:
        unit.failed = dry_run
        return _remember(unit.conn, name, {"url": url, "mapping": None}, identity)


def _add_mapped(site: Site, actor: Actor, name: str, url: str, mapping: Path, *, dry_run: bool) -> Origin:
    """An application's own tables: nothing is created, and everything that the mapping names has to be there."""
    path = str(mapping) if str(mapping) in preset_names() and not mapping.exists() else str(mapping.absolute())
    try:
        read_file(path)
    except (InvalidMapping, OSError) as error:
        raise Invalid(str(error)) from error
    business = MappedDatabase(url, path)
    try:
        business.upgrade(create=False)
        identity = business.identity()
    except WrongSchema as error:
        raise Invalid(f"the mapping does not fit the database {business.url}: {error.cause}") from error
    finally:
        business.close()
    with site.write(actor) as unit:
        unit.failed = dry_run
        return _remember(unit.conn, name, {"url": url, "mapping": path}, identity)


def _refuse_name(conn: Connection, name: str, identity: str | None) -> None:
    for each in listed(conn):
        if each.name == name and each.identity != identity:
            raise Conflict(f"another database is called {name} already: {url_safe(each.url)}")


def _remember(conn: Connection, name: str, values: Mapping[str, Any], identity: str) -> Origin:
    _refuse_name(conn, name, identity)
    same = next((each for each in setups.origins(conn) if each.identity == identity), None)
    if same is None:
        return setups.add_origin(conn, {**values, "name": name, "identity": identity, "current": False})
    if same.url and same.name != name:
        raise Conflict(f"this database is known already, as {same.name}")
    setups.change_origin(conn, same.id, {**values, "name": name})
    return setups.get_origin(conn, same.id)


def forget(unit: Unit, origin: Origin) -> int:
    """Take the cards that folders keep of a database out of them, and its address off the list. The database itself is
    not touched. Returns how many cards left. Conflict for the current one."""
    if origin.id == unit.origin.id:
        raise Conflict(f"{origin.name} is the current database: switch to another one first")
    left = kept(unit.conn, origin)
    close(unit, origin)
    setups.change_origin(unit.conn, origin.id, {"name": f"(forgotten {origin.id})", "url": "", "mapping": None})
    return left


def close(unit: Unit, origin: Origin) -> None:
    """Let no folder show cards of this database any more."""
    for each in origins.open_epochs(unit.conn, origin.id):
        membership.close_epoch(unit.conn, each.id, unit.revision)
        collections.touch(unit.conn, each.collection_id, unit.revision, unit.at)
    freeze(unit, origin)


def freeze(unit: Unit, origin: Origin) -> None:
    """Let what folders show of this database stay as it is."""
    for each in membership.active_audiences(unit.conn, origin.id):
        membership.set_active(unit.conn, each.id, False)
    audience.look_again(unit)
