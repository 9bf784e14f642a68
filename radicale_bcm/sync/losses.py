# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound on what a business database takes away by itself: a database that is suddenly empty, or a program that
changes all rows at once, is an error and never "everything was deleted". Imported by the other modules of sync, by cli
and server.

Beyond the bound cards stay as they are until their records are back or an administrator confirms: those whose record is
missing, deleted or no person any more, and those that pass a filter no longer, each filter for itself. What went within
the last `deletes_window` counts, so that it makes no difference whether it comes at once or row by row.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from radicale_bcm.books import cards, membership, setups
from radicale_bcm.books.membership import Audience
from radicale_bcm.books.setups import Origin
from radicale_bcm.sync.unit import Unit

logger = logging.getLogger("radicale")

SHARE = 0.25
# Among the numbers of audiences, the key of what is gone from the database altogether.
_GONE = "gone"


class Loss(NamedTuple):
    """So many records of a database, of so many that had a card, were missing when it was looked at; or so many cards
    of an audience, of so many that it has, did not pass its filter any more."""

    missing: int
    shown: int
    noticed: datetime


def of(conn: Connection, origin: Origin) -> Loss | None:
    """What waits for a decision about the records of this database; None if nothing does."""
    return _waiting(conn, origin.id).get(_GONE)


def leaving(conn: Connection, origin_id: int) -> dict[int, Loss]:
    """What waits for a decision about the filters of this database, by audience."""
    return {int(key): each for key, each in _waiting(conn, origin_id).items() if key != _GONE}


def all_waiting(conn: Connection, origin: Origin) -> list[Loss]:
    """Both."""
    return list(_waiting(conn, origin.id).values())


def bound(unit: Unit, shown: int) -> int:
    """How many of so many may go within the window: what a phone may delete, or a quarter, whichever is larger."""
    return max(unit.options.most_losses, int(shown * SHARE))


HELD = (
    "so many went at once that it is not believed: their cards stay until the records are back, or until"
    " `radicale-bcm sync now --full --yes` says that it is on purpose"
)
"""What a person is told of a card that is shown because of the bound."""


def never_beyond(unit: Unit, origin: Origin, count: int) -> bool:
    """Whether so many more cannot be beyond any bound, without counting what is shown."""
    most = max((sum(each.values()) for each in _recent(unit, origin).values()), default=0)
    return count + most <= unit.options.most_losses and not _waiting(unit.conn, origin.id)


def admit(unit: Unit, origin: Origin, missing: int, *, confirmed: bool = False) -> bool:
    """Whether so many records that are gone may take their cards along. If not, that is written down and logged."""
    shown = len(cards.ids_by_record(unit.conn, origin.id)) if missing else 0
    what = f"contacts of the business database {origin.name} are missing or deleted: their cards stay as they are"
    return _is_admitted(unit, origin, _GONE, missing, shown, what, confirmed=confirmed)


def admit_leaving(unit: Unit, origin: Origin, audience: Audience, misfits: int, *, confirmed: bool = False) -> bool:
    """Whether so many cards may leave an audience because their records do not pass its filter any more."""
    shown = len(membership.members(unit.conn, audience.id)) if misfits else 0
    filters = " and ".join(audience.filters)
    what = f"contacts that passed the filter {filters} do not any more: their cards stay in the folders"
    return _is_admitted(unit, origin, str(audience.id), misfits, shown, what, confirmed=confirmed)


def went(unit: Unit, origin: Origin, gone: int, left: Mapping[int, int]) -> None:
    """Count what a look at the database took away: so many records' cards, and so many cards out of each audience."""
    fresh = {_GONE: gone} | {str(number): count for number, count in left.items()}
    fresh = {key: count for key, count in fresh.items() if count}
    if fresh:
        recent = _recent(unit, origin)
        for key, count in fresh.items():
            recent.setdefault(key, {})[unit.at.isoformat()] = count
        setups.set_setting(unit.conn, _went_name(origin), json.dumps(recent))


def settle(unit: Unit, origin: Origin, audience_id: int | None = None) -> None:
    """Nothing waits for a decision any more, about the records or about an audience."""
    waiting, key = _waiting(unit.conn, origin.id), _GONE if audience_id is None else str(audience_id)
    if waiting.pop(key, None) is not None:
        _save(unit, origin, waiting)
        what = "What was missing in" if audience_id is None else "What did not pass a filter any more of"
        logger.warning("%s the business database %s is there again or was confirmed", what, origin.name)


def _is_admitted(unit: Unit, origin: Origin, key: str, count: int, shown: int, what: str, *, confirmed: bool) -> bool:
    if not count or confirmed:
        return True
    recent = sum(_recent(unit, origin).get(key, {}).values())
    if count + recent <= bound(unit, shown + recent):
        return True
    waiting = _waiting(unit.conn, origin.id)
    before = waiting.get(key)
    if before is None or before.missing != count:
        waiting[key] = Loss(count, shown, before.noticed if before else unit.at)
        _save(unit, origin, waiting)
        advice = "If that is on purpose, `radicale-bcm sync now --full --yes` takes them away"
        logger.error("%d of the %d %s. %s", count, shown, what, advice)
    return False


def _name(origin_id: int) -> str:
    return f"loss {origin_id}"


def _went_name(origin: Origin) -> str:
    return f"went {origin.id}"


def _waiting(conn: Connection, origin_id: int) -> dict[str, Loss]:
    value = setups.setting_value(conn, _name(origin_id))
    found: Any = json.loads(value) if value else {}
    if isinstance(found, list):  # as it was written before filters had a bound
        found = {_GONE: found}
    return {key: Loss(each[0], each[1], datetime.fromisoformat(each[2])) for key, each in found.items()}


def _save(unit: Unit, origin: Origin, waiting: Mapping[str, Loss]) -> None:
    told = {key: [each.missing, each.shown, each.noticed.isoformat()] for key, each in waiting.items()}
    setups.set_setting(unit.conn, _name(origin.id), json.dumps(told) if told else "")


def _recent(unit: Unit, origin: Origin) -> dict[str, dict[str, int]]:
    """How many went when, within the window."""
    value = setups.setting_value(unit.conn, _went_name(origin))
    since = unit.at - timedelta(seconds=unit.options.deletes_window)
    found: dict[str, dict[str, int]] = json.loads(value) if value else {}
    kept = {
        key: {at: count for at, count in each.items() if datetime.fromisoformat(at) > since}
        for key, each in found.items()
    }
    return {key: each for key, each in kept.items() if each}
