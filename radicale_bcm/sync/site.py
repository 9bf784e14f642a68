# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a site: databases upgraded, the configured business database known, its records shown. Imported by server
and cli."""

from uuid import uuid4

from radicale_bcm.books import setups
from radicale_bcm.books.history import Actor
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync import pull, setup, switch
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.pull import Progress
from radicale_bcm.sync.unit import Site

FIRST_NAME = "main"
_STARTING = Actor("", "start", "command")


def open_site(options: Options, *, create: bool, progress: Progress | None = None) -> Site:
    """The site of these options, ready for work.

    `create` makes databases that do not exist yet. Raises database.errors.DatabaseError if the state database cannot
    be used; a business database that is down does not keep the site from opening, if it was known before.
    """
    site = Site(options)
    site.state.upgrade(create=create)
    with site.read() as conn:
        ready = setups.setting_value(conn, "identity") is not None and setups.current_origin(conn) is not None
    if not ready:
        _introduce(site, create=create)
    try:
        switch.resume(site, _STARTING)
        _refresh(site, progress)
    except DatabaseError:
        if not ready:
            raise
    return site


def _introduce(site: Site, *, create: bool) -> None:
    """Get to know the configured business database, and make it the current one."""
    business = BusinessDatabase(site.options.database_url)
    business.upgrade(create=create)
    identity = business.identity()
    business.close()
    with site.write(_STARTING) as unit:
        if setups.setting_value(unit.conn, "identity") is None:
            setups.set_setting(unit.conn, "identity", str(uuid4()))
        if setups.current_origin(unit.conn) is None:
            first = {
                "name": FIRST_NAME,
                "url": site.options.database_url,
                "mapping": None,
                "identity": identity,
                "current": True,
            }
            setups.add_origin(unit.conn, first)


def _refresh(site: Site, progress: Progress | None) -> None:
    """Upgrade the current business database and load it, where that was not done yet."""
    origin = site.origin()
    site.business(origin).upgrade(create=False)
    with site.read() as conn:
        loaded = pull.is_loaded(conn, origin)
        shown = setups.setting_value(conn, _SHOWN)
    site.feed()  # from here on changes are logged, so the load misses none
    pull.finish(site)
    rendering = _rendering(site)
    if not loaded or shown != rendering:
        pull.compare_all(site, _STARTING, progress)
        with site.write(_STARTING) as unit:
            pull.set_loaded(unit, origin, complete=True)
            setups.set_setting(unit.conn, _SHOWN, rendering)
            setup.follow_markers(unit)


_SHOWN = "rendering"


def _rendering(site: Site) -> str:
    """What the text of every card depends on besides its record: all are rendered anew where it changes."""
    return f"1 {','.join(site.options.markers)} {site.options.public_url}"
