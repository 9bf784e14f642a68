# SPDX-License-Identifier: GPL-3.0-or-later
"""How a site is: whether its databases can be used, and what waits. Imported by server; reads only, names nobody."""

from dataclasses import dataclass
from datetime import UTC, datetime

from radicale_bcm.books import origins, setups
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync import losses
from radicale_bcm.sync.errors import Refused
from radicale_bcm.sync.feed import Feed
from radicale_bcm.sync.unit import Site

# Counting what waits stops here: it is a sign of trouble long before.
MOST = 1000
SLOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Condition:
    """`lag` is the age in seconds of the oldest change that is not shown yet; `pending` how many there are, at most
    MOST; `missing` how many records are gone from the business database without being deleted.

    None where that could not be asked.
    """

    state: bool
    business: bool
    lag: float | None = None
    pending: int | None = None
    quarantines: int | None = None
    missing: int | None = None

    @property
    def status(self) -> str:
        """ok; degraded: served as it was, but somebody should look; unavailable: nothing can be served."""
        if not self.state:
            return "unavailable"
        late = (self.lag or 0.0) > SLOW_SECONDS
        return "degraded" if late or not self.business or self.missing else "ok"


def of(site: Site) -> Condition:
    """The condition now. Raises nothing that a database can cause."""
    try:
        with site.read() as conn:
            quarantines = origins.quarantines(conn)
            current = setups.current_origin(conn)
            waiting = losses.all_waiting(conn, current) if current is not None else []
    except DatabaseError:
        return Condition(state=False, business=False)
    missing = sum(each.missing for each in waiting)
    try:
        lag, pending = _behind(site)
    except (DatabaseError, Refused):
        return Condition(state=True, business=False, quarantines=quarantines, missing=missing)
    return Condition(True, True, lag, pending, quarantines, missing)


def _behind(site: Site) -> tuple[float, int | None]:
    feed = site.feed()
    if not feed.has_pending():
        return 0.0, 0
    if not isinstance(feed, Feed):
        return 0.0, None
    found = feed.pending(MOST)
    if not found:
        return 0.0, 0
    oldest = min(each.at for each in found)
    return max(0.0, (datetime.now(UTC) - oldest).total_seconds()), len(found)
