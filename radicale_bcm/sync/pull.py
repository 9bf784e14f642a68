# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing over what changed in the business database. Imported by server and cli.

Nothing is taken off the change log before the state that shows it is committed. Records that vanish take their cards
along, and cards leave folders because of their filters, only within the bound of `losses`. The business database is
only read meanwhile, in a snapshot that is younger than the log rows: what is committed after it is in the log again,
and another program's write need not wait.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from radicale_bcm.books import cards, membership, origins, setups
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import DATABASE, Actor
from radicale_bcm.books.setups import Origin
from radicale_bcm.business.contract import Record
from radicale_bcm.sync import audience, losses, trash, unfinished
from radicale_bcm.sync.feed import ChangeFeed, Feed
from radicale_bcm.sync.project import Cause, is_person, project, project_all
from radicale_bcm.sync.unit import Site, Unit

BATCH = 500
# Nobody else writes while a batch is compared, and a card that is right already costs nearly as much as one to mend.
_COMPARED = 100
_EVERYTHING = 10**9

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a pass over the business database did to the cards; `refused` are losses that need to be confirmed."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    refused: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.refused + other.refused,
        )


def has_pending(site: Site) -> bool:
    """Whether the current business database logged a change that is not projected yet: one indexed look."""
    return site.feed().has_pending()


def pull(site: Site, actor: Actor = DATABASE, *, limit: int = BATCH) -> Counts:
    """Project what is pending, at most `limit` log rows, in one unit of work.

    The rows are taken off the log after the state was committed: a crash before that only repeats the work.
    """
    origin, feed = site.origin(), site.feed()
    with site.write(actor, state_only=True) as unit:
        if unit.origin.id != origin.id:
            # Another process switched to another database a moment ago.
            site.forget_origin()
            return Counts()
        # Before anything of the business database is read: in a snapshot that is older than the log, a record that was
        # committed in between would be missing, and its row would be taken off the log for nothing.
        pending = feed.pending(limit)
        trash.finish_purges(unit)
        counts = _project_ids(unit, feed, list(dict.fromkeys(each.record_id for each in pending)))
    feed.acknowledge([each.seq for each in pending])
    return counts


def pull_pending(site: Site) -> None:
    """Before a read: show what other programs committed, up to a batch; the rest follows with the next look.

    Raises database.errors.DatabaseError where a database cannot be used.
    """
    if has_pending(site):
        pull(site)


def finish(site: Site) -> None:
    """Do what a process that was killed left to be done, and forget what was done."""
    feed = site.feed()
    if isinstance(feed, Feed) and feed.has_notes():
        with site.write(DATABASE) as unit:
            trash.finish_purges(unit)
            _project_ids(unit, feed, list(dict.fromkeys(each.record_id for each in unit.unfinished())))
            unfinished.drop_done(unit)


def pull_all(site: Site, actor: Actor = DATABASE, progress: Progress | None = None, *, dry_run: bool = False) -> Counts:
    """Project everything that is pending, in several units of work; a dry run in one that is rolled back."""
    if dry_run:
        return _preview(site, actor, progress)
    total = Counts()
    while has_pending(site):
        done = pull(site, actor)
        total += done
        if progress:
            progress(total.added + total.changed + total.removed, 0)
    # What is missing was counted batch by batch; in the end it is looked at as a whole.
    return replace(total, refused=0) + reconsider(site, actor)


def reconsider(site: Site, actor: Actor = DATABASE) -> Counts:
    """Look again for what was beyond the bound, if anything was: it may be back."""
    with site.read() as conn:
        if not losses.all_waiting(conn, site.origin()):
            return Counts()
    return _remove_missing(site, site.origin(), actor)


def _preview(site: Site, actor: Actor, progress: Progress | None) -> Counts:
    """What pull_all would do."""
    origin, feed = site.origin(), site.feed()
    pending = feed.pending(_EVERYTHING) if feed.has_pending() else []
    record_ids = list(dict.fromkeys(each.record_id for each in pending))
    counts, suspects = Counts(), _suspects(site, origin)
    with site.write(actor) as unit:
        for start in range(0, len(record_ids), BATCH):
            counts += _project_ids(unit, feed, record_ids[start : start + BATCH])
            if progress:
                progress(min(start + BATCH, len(record_ids)), len(record_ids))
        if losses.all_waiting(unit.conn, origin):
            counts = replace(counts, refused=0) + _withdraw_missing(unit, origin, suspects)
        unit.failed = True
    return counts


def _project_ids(unit: Unit, feed: ChangeFeed, record_ids: Sequence[str]) -> Counts:
    found = unit.records().get_many(record_ids) if record_ids else {}
    before = cards.of_records(unit.conn, unit.origin.id, record_ids)
    gone = {number for number, card in before.items() if not card.gone and _is_gone(unit, number, found.get(number))}
    counts = Counts()
    if gone and not losses.admit(unit, unit.origin, _count_gone(unit, feed, gone)):
        counts += Counts(refused=len(gone))
        record_ids = [each for each in record_ids if each not in gone]
        gone = set()
    live = {number: found[number] for number in record_ids if number in found and number not in gone}
    with audience.holding(unit, _held(unit, unit.origin, live, before)) as held:
        for record_id in record_ids:
            counts += _bring_over(unit, unit.origin, record_id, found.get(record_id), before.get(record_id))
    losses.went(unit, unit.origin, len(gone), held.left)
    return counts


def _bring_over(unit: Unit, origin: Origin, record_id: str, record: Record | None, before: Card | None) -> Counts:
    """Bring a card up to date, and in any case into the folders where it belongs: a record that was away for a moment
    may be as it was before, and a folder that was filled meanwhile has not got it."""
    after = project(unit, origin, record_id, record)
    outcome = _outcome(before, after)
    if outcome == Counts() and record and after and not after.gone and audience.place(unit, after, record):
        return Counts(changed=1)
    return outcome


def _is_gone(unit: Unit, record_id: str, record: Record | None) -> bool:
    """Whether a record is missing, deleted or no person any more, and not by somebody of ours who was interrupted."""
    if record is not None and record.deleted_at is None and is_person(record):
        return False
    return not unit.unfinished(record_id)


def _held(unit: Unit, origin: Origin, live: Mapping[str, Record], before: Mapping[str, Card]) -> set[int]:
    """The audiences that too many cards would leave, if these records were shown as they are."""
    if losses.never_beyond(unit, origin, len(live)):
        return set()
    held = set(losses.leaving(unit.conn, origin.id))
    shown = {number: card for number, card in before.items() if number in live}
    found = audience.leaving(unit, origin.id, list(live.values()), shown)
    for number in found.keys() - held:
        if not losses.admit_leaving(unit, origin, membership.get_audience(unit.conn, number), found[number]):
            held.add(number)
    return held


def _count_gone(unit: Unit, feed: ChangeFeed, gone: set[str]) -> int:
    """How many shown records the whole log says are gone, not only the part of it that is looked at now."""
    removed = feed.removed() - gone
    if not removed:
        return len(gone)
    shown = cards.ids_by_record(unit.conn, unit.origin.id)
    return len(gone) + sum(each in shown for each in removed)


def _outcome(before: Card | None, after: Card | None) -> Counts:
    was_shown, is_shown = before is not None and not before.gone, after is not None and not after.gone
    if is_shown and not was_shown:
        return Counts(added=1)
    if was_shown and not is_shown:
        return Counts(removed=1)
    if before and after and before.revision != after.revision:
        return Counts(changed=1)
    return Counts()


def compare_all(
    site: Site,
    actor: Actor = DATABASE,
    progress: Progress | None = None,
    *,
    confirmed: bool = False,
    dry_run: bool = False,
) -> Counts:
    """Compare every record with its card and its folders and mend what differs, in several units of work.

    Also the first load of a database: records without a card are shown in bulk. With `confirmed`, cards are taken away
    however many they are. A dry run rolls each unit back.
    """
    origin = site.origin()
    counts = Counts()
    with site.read() as conn:
        size = _COMPARED if is_loaded(conn, origin) else BATCH
    for part in _id_batches(site, origin, progress, size):
        # Read again under the lock: what was read before it may have been edited meanwhile.
        with site.write(actor, state_only=True) as unit:
            found = unit.records(origin).get_many(part)
            counts += _compare_held(unit, origin, found, confirmed=confirmed)
            unit.failed = dry_run
    return counts + _remove_missing(site, origin, actor, confirmed=confirmed, dry_run=dry_run)


def load(site: Site, origin: Origin, actor: Actor, leave: frozenset[str], progress: Progress | None = None) -> Counts:
    """Make the cards of a database that is not the current one, so that a switch to it is short. Nobody sees them yet.

    Records in `leave` are left alone, and so are those whose card some folder shows.
    """
    with site.read() as conn:
        leave |= origins.shown(conn, origin.id).keys()
    counts = Counts()
    for part in _id_batches(site, origin, progress):
        with site.write(actor, state_only=True) as unit:
            wanted = [each for each in part if each not in leave]
            counts += compare(unit, origin, list(unit.records(origin).get_many(wanted).values()))
    return counts


def set_loaded(unit: Unit, origin: Origin, *, complete: bool) -> None:
    """Whether every card of a database is known to be up to date; if not, a comparison is due."""
    setups.set_setting(unit.conn, loaded_name(origin), "yes" if complete else "")


def is_loaded(conn: Connection, origin: Origin) -> bool:
    """Whether every card of a database was up to date once, and changes since then are in its log."""
    return bool(setups.setting_value(conn, loaded_name(origin)))


def loaded_name(origin: Origin) -> str:
    """The setting that says whether a database was compared completely."""
    return f"loaded {origin.id}"


def catch_up(site: Site, actor: Actor, progress: Progress | None = None) -> None:
    """Compare everything if that is due: at the first load, and after a switch."""
    origin = site.origin()
    with site.read() as conn:
        if is_loaded(conn, origin):
            return
    compare_all(site, actor, progress)
    with site.write(actor) as unit:
        set_loaded(unit, origin, complete=True)


def _id_batches(site: Site, origin: Origin, progress: Progress | None, size: int = BATCH) -> Iterable[list[str]]:
    with site.business(origin).reader() as records:
        record_ids = list(records.find_ids())
    for start in range(0, len(record_ids), size):
        yield record_ids[start : start + size]
        if progress:
            progress(min(start + size, len(record_ids)), len(record_ids))


def _compare_held(unit: Unit, origin: Origin, found: Mapping[str, Record], *, confirmed: bool) -> Counts:
    """As compare, within the bound."""
    if confirmed:
        return compare(unit, origin, list(found.values()))
    before = cards.of_records(unit.conn, origin.id, list(found))
    live = {number: each for number, each in found.items() if each.deleted_at is None and is_person(each)}
    gone = [number for number in found.keys() - live.keys() if number in before and not before[number].gone]
    wanted = dict(found) if losses.admit(unit, origin, len(gone)) else live
    with audience.holding(unit, _held(unit, origin, live, before)) as held:
        counts = compare(unit, origin, list(wanted.values()))
    losses.went(unit, origin, len(gone) if wanted is not live else 0, held.left)
    return counts


def compare(unit: Unit, origin: Origin, batch: list[Record]) -> Counts:
    """Bring the cards of some records up to date; those without a card get one."""
    stored = cards.of_records(unit.conn, origin.id, [each.id for each in batch])
    counts = Counts()
    fresh: list[Record] = []
    for record in batch:
        before = stored.get(record.id)
        if before is None:
            fresh.append(record)
            continue
        counts += _bring_over(unit, origin, record.id, record, before)
    return counts + _show_first(unit, origin, fresh)


def _show_first(unit: Unit, origin: Origin, fresh: list[Record]) -> Counts:
    added = project_all(unit, origin, fresh)
    if not added:
        return Counts()
    stored = cards.of_records(unit.conn, origin.id, [each.id for each in fresh])
    audience.place_first(unit, origin.id, stored, fresh)
    return Counts(added=added)


def _remove_missing(
    site: Site, origin: Origin, actor: Actor, *, confirmed: bool = False, dry_run: bool = False
) -> Counts:
    suspects = _suspects(site, origin)
    with site.write(actor, state_only=True) as unit:
        counts = _withdraw_missing(unit, origin, suspects, confirmed=confirmed)
        unit.failed = dry_run
    return counts


def _suspects(site: Site, origin: Origin) -> list[str]:
    """The records that have a card and do not seem to be there, or are deleted. Keeps nobody waiting, however many
    contacts there are: who acts on it looks again, under the lock."""
    with site.read() as conn:
        shown = cards.ids_by_record(conn, origin.id)
    with site.business(origin).reader() as records:
        return list(shown.keys() - set(records.find_ids()))


def _withdraw_missing(unit: Unit, origin: Origin, suspects: Sequence[str], *, confirmed: bool = False) -> Counts:
    """Withdraw the cards whose record is missing, deleted or no person any more, and let cards leave audiences whose
    filter they do not pass any more, all within the bound."""
    counts, cause = Counts(), Cause(unit.actor)
    gone: dict[str, Record | None] = {}
    for start in range(0, len(suspects), BATCH):
        part = suspects[start : start + BATCH]
        found = unit.records(origin).get_many(part)
        shown = cards.of_records(unit.conn, origin.id, part)
        for record_id in (each for each, card in shown.items() if not card.gone):
            record = found.get(record_id)
            if record is None or record.deleted_at is not None or not is_person(record):
                gone[record_id] = record
    if losses.admit(unit, origin, len(gone), confirmed=confirmed):
        losses.settle(unit, origin)
        for record_id, record in gone.items():
            project(unit, origin, record_id, record, cause=cause)
        counts += Counts(removed=len(gone))
    else:
        counts += Counts(refused=len(gone))
        gone = {}
    left: dict[int, int] = {}
    for number in losses.leaving(unit.conn, origin.id):
        each = membership.get_audience(unit.conn, number)
        misfits = audience.misfits(unit, each) if each.active else set()
        if losses.admit_leaving(unit, origin, each, len(misfits), confirmed=confirmed):
            losses.settle(unit, origin, number)
            membership.leave(unit.conn, number, misfits, unit.revision)
            left[number] = len(misfits)
        else:
            counts += Counts(refused=len(misfits))
    if not confirmed:
        losses.went(unit, origin, len(gone), left)
    return counts
