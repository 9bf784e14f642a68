# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound on records that vanish from a business database: a database that is suddenly empty is an error and never
"everything was deleted". Imported by the other modules of sync, by cli and server.

Rows that are missing beyond the bound keep their cards until they are back or an administrator confirms. What lies in
Deleted Items was put there on purpose and is not counted.
"""

import json
import logging
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from radicale_bcm.books import cards, setups
from radicale_bcm.books.setups import Origin
from radicale_bcm.sync.unit import Unit

logger = logging.getLogger("radicale")

SHARE = 0.25


class Loss(NamedTuple):
    """So many records of a database, of so many that had a card, were missing when it was looked at."""

    missing: int
    shown: int
    noticed: datetime


def _name(origin: Origin) -> str:
    return f"loss {origin.id}"


def of(conn: Connection, origin: Origin) -> Loss | None:
    """What waits for a decision about this database; None if nothing does."""
    value = setups.setting_value(conn, _name(origin))
    if not value:
        return None
    missing, shown, noticed = json.loads(value)
    return Loss(missing, shown, datetime.fromisoformat(noticed))


def bound(unit: Unit, shown: int) -> int:
    """How many records may vanish in one pass: `max_deletes`, or a quarter of those that have a card."""
    return max(unit.options.max_deletes, int(shown * SHARE))


def admit(unit: Unit, origin: Origin, missing: int, *, confirmed: bool = False) -> bool:
    """Whether so many missing records may take their cards along. If not, that is written down and logged."""
    if not missing:
        return True
    shown = _shown(unit, origin)
    if confirmed or missing <= bound(unit, shown):
        return True
    waiting = of(unit.conn, origin)
    if waiting is None or waiting.missing != missing:
        noticed = waiting.noticed if waiting else unit.at
        setups.set_setting(unit.conn, _name(origin), json.dumps([missing, shown, noticed.isoformat()]))
        logger.error(
            "%d of the %d contacts of the business database %s are missing: their cards stay as they are."
            " If they were deleted on purpose, `radicale-bcm sync now --full --yes` takes the cards away",
            missing,
            shown,
            origin.name,
        )
    return False


def settle(unit: Unit, origin: Origin) -> None:
    """Nothing waits for a decision any more."""
    if of(unit.conn, origin) is not None:
        setups.set_setting(unit.conn, _name(origin), "")
        logger.warning("What was missing in the business database %s is there again or was confirmed", origin.name)


def _shown(unit: Unit, origin: Origin) -> int:
    return len(cards.ids_by_record(unit.conn, origin.id))
