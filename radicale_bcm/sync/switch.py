# SPDX-License-Identifier: GPL-3.0-or-later
"""Going from one business database to another while people go on synchronising. Imported by cli, server and sync.site.

Everything that takes long is done before and after: the cards of the new database are made, and contacts that are taken
along are inserted there, in batches that nobody sees; then one short unit of work turns every folder over; then texts
catch up. What is intended is written down first, so that an interrupted switch is finished at the next start.
"""

import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from radicale_bcm.books import cards, origins, setups
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import Actor
from radicale_bcm.books.setups import Origin
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync import carry, databases, pull, setup
from radicale_bcm.sync.carry import Pair
from radicale_bcm.sync.errors import Invalid
from radicale_bcm.sync.pull import BATCH, Progress
from radicale_bcm.sync.unit import Site, Unit

logger = logging.getLogger("radicale")

CHOICES = ("keep", "remove", "import")
_INTENT = "switching"
# A switch that began on another machine longer ago than this is taken for interrupted.
_LONGEST = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the cards of the former database, and how many folders show the new one.

    `imported` contacts were inserted into the new database, `bound` ones were there already or found back to it.
    """

    former: str
    current: str
    kept: int = 0
    removed: int = 0
    imported: int = 0
    bound: int = 0
    folders: int = 0
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """A switch that was begun and is not finished."""

    former: int
    target: int
    choice: str
    host: str
    process: int
    at: str


def intent(conn: Connection) -> Intent | None:
    """The switch that is under way, if one is."""
    value = setups.setting_value(conn, _INTENT)
    return Intent(*json.loads(value)) if value else None


def preview(site: Site, name: str, choice: str) -> Outcome:
    """What a switch would do, as far as it can be told beforehand. Changes nothing."""
    with site.read() as conn:
        former, target = _both(conn, name)
        count = len(origins.shown(conn, former.id))
        folders = sum(each.enabled for each in setups.all_setups(conn))
    if former.id == target.id:
        return Outcome(former.name, target.name)
    with site.business(target).reader() as source:
        shown = source.count()
    found = Outcome(former.name, target.name, folders=folders, shown=shown)
    if choice == "keep":
        return replace(found, kept=count)
    return replace(found, removed=count) if choice == "remove" else replace(found, imported=count)


def switch(site: Site, actor: Actor, name: str, choice: str, progress: Progress | None = None) -> Outcome:
    """Make another business database the current one. A switch that was interrupted is taken up again.

    To switch to the current one gives up a switch that was begun. NotThere, Invalid; DatabaseError if the new database
    cannot be used: then nothing has changed.
    """
    if choice not in CHOICES:
        raise Invalid(f"what becomes of the cards of the former database? {', '.join(CHOICES)}, not {choice!r}")
    with site.read() as conn:
        former, target = _both(conn, name)
    if former.id == target.id:
        _give_up(site, actor)
        return Outcome(former.name, target.name)
    site.business(target).upgrade(create=False)
    try:
        pull.pull_all(site, actor)
        pull.finish(site)
    except DatabaseError as error:
        logger.warning("The former database cannot be read, its contacts are as their cards are: %s", error)
    with site.write(actor) as unit:
        wanted = Intent(former.id, target.id, choice, socket.gethostname(), os.getpid(), unit.at.isoformat())
        setups.set_setting(unit.conn, _INTENT, json.dumps(astuple(wanted)))
    outcome = _carry_out(site, actor, wanted, progress)
    pull.catch_up(site, actor, progress)
    return outcome


def resume(site: Site, actor: Actor) -> None:
    """Finish a switch whose process was killed. A database that cannot be used now puts it off to the next start."""
    with site.read() as conn:
        begun = intent(conn)
    if begun is None or _is_running(begun):
        return
    try:
        outcome = _carry_out(site, actor, begun, None)
        logger.warning("The interrupted switch to the business database %s was finished", outcome.current)
    except DatabaseError as error:
        logger.warning("The interrupted switch to another business database waits: %s", error)


def _is_running(begun: Intent) -> bool:
    if begun.host != socket.gethostname():
        return datetime.now(UTC) - datetime.fromisoformat(begun.at) < _LONGEST
    if begun.process == os.getpid():
        return False
    try:
        os.kill(begun.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _both(conn: Connection, name: str) -> tuple[Origin, Origin]:
    former = setups.current_origin(conn)
    if former is None:
        raise Invalid("no business database is known yet: run `radicale-bcm init`")
    return former, databases.named(conn, name)


def _give_up(site: Site, actor: Actor) -> None:
    with site.write(actor) as unit:
        begun = intent(unit.conn)
        if begun is not None:
            origins.forget_setting(unit.conn, _INTENT)


def _carry_out(site: Site, actor: Actor, wanted: Intent, progress: Progress | None) -> Outcome:
    with site.read() as conn:
        former, target = setups.get_origin(conn, wanted.former), setups.get_origin(conn, wanted.target)
    site.feed_of(target)  # from here on its changes are logged, so that what follows misses none
    if wanted.choice == "import":
        _take_along(site, actor, former, target, progress)
    with site.read() as conn:
        pairs = carry.pairs(conn, former, target)
        leave = frozenset({*(each.record_id for each in pairs.values()), *carry.bonds(conn, target)})
    pull.load(site, target, actor, leave, progress)
    with site.write(actor) as unit:
        outcome = _turn(unit, former, target, wanted)
    site.forget_origin()
    return outcome


def _take_along(site: Site, actor: Actor, former: Origin, target: Origin, progress: Progress | None) -> None:
    """Insert what folders show of the former database into the new one."""
    with site.read() as conn:
        done, bonded = carry.pairs(conn, former, target), set(carry.bonds(conn, target).values())
        wanted = [
            record_id
            for record_id, card_id in origins.shown(conn, former.id).items()
            if record_id not in done and card_id not in bonded
        ]
    for start in range(0, len(wanted), BATCH):
        with site.write(actor) as unit:
            carry.take(unit, former, target, wanted[start : start + BATCH])
        if progress:
            progress(min(start + BATCH, len(wanted)), len(wanted))


def _turn(unit: Unit, former: Origin, target: Origin, wanted: Intent) -> Outcome:
    """The switch itself, in one unit of work."""
    if unit.origin.id != former.id or intent(unit.conn) is None:
        return Outcome(former.name, unit.origin.name)  # another process was faster
    known_before = origins.count(unit.conn, target.id)
    bound = _bind_again(unit, target)
    outcome = Outcome(former.name, target.name, bound=len(bound))
    if wanted.choice == "import":
        outcome = _move_over(unit, former, target, outcome)
    if wanted.choice == "keep":
        databases.freeze(unit, former)
        outcome = replace(outcome, kept=len(origins.shown(unit.conn, former.id)))
    else:
        left = len(origins.shown(unit.conn, former.id))
        databases.close(unit, former)
        outcome = replace(outcome, removed=left)
    unit.make_current(target)
    folders = 0
    for each in setups.all_setups(unit.conn):
        if each.enabled:
            setup.show_current(unit, each)
            folders += 1
    setup.retire_unused(unit)
    origins.forget_setting(unit.conn, _INTENT)
    carry.forget_pairs(unit.conn, former, target)
    pull.set_loaded(unit, target, complete=not (bound or outcome.imported or outcome.bound or known_before))
    return replace(outcome, folders=folders, shown=len(origins.shown(unit.conn, target.id)))


def _bind_again(unit: Unit, target: Origin) -> dict[int, str]:
    """Give the records of the new database the cards back that went along to other databases before."""
    bonds = carry.bonds(unit.conn, target)
    if not bonds:
        return {}
    there = unit.records(target).get_many(list(bonds))
    back: dict[int, str] = {}
    gone_along: dict[int, dict[str, int]] = {}
    for record_id, card_id in bonds.items():
        card = cards.get(unit.conn, card_id)
        if card is not None and card.origin_id != target.id and record_id in there:
            back[card_id] = record_id
            gone_along.setdefault(card.origin_id, {})[card.record_id] = card_id
    free = _free(unit, target, back)
    origins.move_cards(unit.conn, target.id, free, unit.revision)
    for origin_id, some in gone_along.items():
        kept = {record_id: card_id for record_id, card_id in some.items() if card_id in free}
        carry.keep_bonds(unit.conn, setups.get_origin(unit.conn, origin_id), kept)
    carry.forget_bonds(unit.conn, target)
    return free


def _move_over(unit: Unit, former: Origin, target: Origin, outcome: Outcome) -> Outcome:
    """Make the cards of contacts that were taken along cards of their new records: same place, same UID."""
    now, taken = origins.shown(unit.conn, former.id), carry.pairs(unit.conn, former, target)
    late = [record_id for record_id in now if record_id not in taken]
    for start in range(0, len(late), BATCH):
        carry.take(unit, former, target, late[start : start + BATCH])
    pairs = {number: pair for number, pair in carry.pairs(unit.conn, former, target).items() if number in now}
    carry.catch_up(unit, former, target, pairs)
    moving = _free(unit, target, {now[number]: pair.record_id for number, pair in pairs.items()})
    unfit = {now[number]: pair for number, pair in pairs.items() if pair.unfit}
    for card_id, pair in unfit.items():
        _keep_unfit(unit, card_id, pair)
    origins.move_cards(unit.conn, target.id, moving, unit.revision)
    carry.keep_bonds(unit.conn, former, {number: now[number] for number in pairs if now[number] in moving})
    inserted = sum(pair.inserted for pair in pairs.values())
    return replace(outcome, imported=inserted, bound=outcome.bound + len(pairs) - inserted)


def _free(unit: Unit, target: Origin, wanted: Mapping[int, str]) -> dict[int, str]:
    """Those cards that can become the cards of these records: a record keeps a card that somebody has seen."""
    there = cards.of_records(unit.conn, target.id, wanted.values())
    seen = origins.was_ever_shown(unit.conn, [each.id for each in there.values()])
    free: dict[int, str] = {}
    taken: set[str] = set()
    for card_id, record_id in wanted.items():
        card: Card | None = there.get(record_id)
        if record_id in taken or (card is not None and card.id in seen):
            continue
        if card is not None:
            cards.forget(unit.conn, card.id)
        free[card_id] = record_id
        taken.add(record_id)
    return free


def _keep_unfit(unit: Unit, card_id: int, pair: Pair) -> None:
    """What does not fit into the new database stays in the card, as with an edit."""
    card = cards.get(unit.conn, card_id)
    if card is not None:
        kept = card.kept_values | {name: (value, "") for name, value in pair.unfit.items()}
        cards.change(unit.conn, card, {"kept": json.dumps(kept)})
