# SPDX-License-Identifier: GPL-3.0-or-later
"""What administrators do: promotion, undo, purge, another business database, backup and restore. Imported by the
histories."""

import copy

from radicale_bcm.books import history, items, setups, view
from radicale_bcm.books.history import Entry
from radicale_bcm.contacts import card as codec
from radicale_bcm.sync import backup, candidates, guard, pull, restoring, switch, trash, undo
from radicale_bcm.sync.promote import Promotion
from radicale_bcm.sync.promotion import Wish
from radicale_bcm.sync.undo import Undone
from radicale_bcm.sync.unit import Unit
from tests.histories.stage import ADMIN, MAIN, OTHER, Crash
from tests.histories.steps import Life, Step
from tests.histories.world import Purging

UNDOABLE = 25


def promote(life: Life) -> str:
    """A plain contact, of a sync folder or not, becomes a business contact or an account."""
    found = sorted((path, href) for path, mine in life.world.plain.items() for href in mine)
    if not found:
        return "nothing"
    path, href = life.random.choice(found)
    wish = Wish(
        "account" if life.random.random() < 0.1 else "business-contact",
        copy=life.random.random() < 0.2,
        on_duplicate=life.random.choice(("merge", "merge", "create", "skip")),
        force=True,
    )
    with life.world.site.read() as conn:
        (chosen,), refused = candidates.chosen(conn, [f"/{path}/{href}"])
    assert not refused
    states = life.world.stage.states
    try:
        outcome = Promotion(life.world.site, ADMIN, wish).run([chosen])
    except Crash:
        assert life.world.stage.states == states, "something is committed after the state"
        raise
    if outcome.refused:
        return f"promote {path}/{href}: refused: {outcome.refused[0].reason}"
    kind = "created" if outcome.created else "merged"
    (done,) = outcome.created or outcome.merged
    life.world.counts[f"promoted: {kind}{', a copy' if wish.copy else ''}, {wish.record_type}"] += 1
    if wish.record_type != "account":
        _show_again(life, path, done.id, guard.UNFOLLOW)
    if not wish.copy:
        text = life.world.plain[path].pop(href)
        if kind == "created" and wish.record_type != "account":
            _expect_same_place(life, path, href, done.id, codec.uid_of(text) or "")
    return f"promote {path}/{href} {wish}: {kind} {done.id}"


def _expect_same_place(life: Life, path: str, href: str, record_id: str, uid: str) -> None:
    """Where the folder shows the new record, a phone sees an edit: same href, same UID (SPEC section 5)."""
    with life.world.site.read() as conn:
        folder = view.open_folder(conn, life.world.collection(conn, path))
        number = life.world.card_ids(conn).get(record_id)
        shown = {each.card_id: each for each in view.all_cards(conn, folder)}
    if number in shown:
        assert (shown[number].href, shown[number].uid) == (href, uid), (path, href, shown[number])
        life.world.counts["promoted in its place"] += 1


def _show_again(life: Life, path: str, record_id: str, kind: str) -> None:
    with life.world.site.read() as conn:
        number = life.world.card_ids(conn).get(record_id)
    for person in life.world.people.values():
        if number is not None and person.path == path and person.enabled and person.hidden.get(number) == kind:
            del person.hidden[number]


def undo_change(life: Life) -> str:
    """Some change of the last time is taken back."""
    with life.world.acting("admin", "command") as unit:
        latest = history.entries(unit.conn, limit=UNDOABLE)
        if not latest:
            return "nothing"
        entry = life.random.choice(latest)
        outcome = undo.undo(unit, [entry])
    for done in outcome.undone:
        life.world.counts[f"undone: {done.did} {'a record' if done.record else 'a plain contact'}"] += 1
        _follow_undo(life, entry, done)
    return f"undo {entry.action} of {entry.record_id or entry.path + '/' + entry.href}: {outcome}"


def _follow_undo(life: Life, entry: Entry, done: Undone) -> None:
    if done.did == "shown":
        kind = guard.UNFOLLOW if entry.action == "unfollowed" else guard.KIND
        _show_again(life, entry.path, entry.record_id or "", kind)
        return
    if done.record is not None and done.did != "demoted":
        return
    places = {(entry.path, entry.href)} if done.record is None else set()
    if "from" in entry.note:
        path, _, href = str(entry.note["from"]).strip("/").rpartition("/")
        places.add((path, href))
    with life.world.site.read() as conn:
        for path, mine in life.world.plain.items():
            found = {each.href: each.text for each in items.get_all(conn, life.world.collection(conn, path).id)}
            # A move that a crash had left may be finished by now.
            life.world.let_arrive(path, {href: text for href, text in found.items() if (path, href) not in places})
            changed = {href for href in found.keys() | mine.keys() if found.get(href) != mine.get(href)}
            assert {(path, href) for href in changed} <= places, ("an undo changed something else", changed, places)
            mine.clear()
            mine.update(found)


def purge(life: Life) -> str:
    """Some of the Deleted Items go for good."""
    with life.world.acting("admin", "command") as unit:
        listed = trash.listed(unit)
        if not listed:
            return "nothing"
        chosen = life.random.sample(listed, min(len(listed), life.random.choice((1, 1, 2))))
        uids = {_uid_of(unit, each.id) for each in chosen}
        places = {(each.path.strip("/"), _href_of(unit, each.id)) for each in chosen if each.path}
        life.world.purging = [
            Purging(each.id, _uid_of(unit, each.id), set(_promoted_from(unit, each.id)))
            for each in chosen
            if not each.path
        ]
        places |= {place for each in life.world.purging for place in each.places}
        trash.purge(unit, [each.id for each in chosen])
    for each in chosen:
        if not each.path:
            life.world.ledger.purged_record(life.world.model.current, each.id)
    life.world.ledger.purged_plain(uids, places)
    return f"purge {[each.id for each in chosen]}"


def _uid_of(unit: Unit, wanted: str) -> str:
    if wanted.startswith("plain-"):
        (kept,) = items.trashed(unit.conn, [int(wanted.removeprefix("plain-"))])
        return codec.uid_of(kept.text) or ""
    record = unit.records().get(wanted)
    return record.uid if record else trash.erased_records(unit.records())[wanted].uid


def _href_of(unit: Unit, wanted: str) -> str:
    (kept,) = items.trashed(unit.conn, [int(wanted.removeprefix("plain-"))])
    return kept.href


def _promoted_from(unit: Unit, record_id: str) -> list[tuple[str, str]]:
    """Where the plain contacts were that became this record: they are purged with it."""
    found = []
    for each in history.entries(unit.conn, record=(unit.origin.id, record_id), limit=None):
        if each.action == "promoted":
            path, _, href = str(each.note.get("from")).strip("/").rpartition("/")
            found.append((path, href))
    return found


def switch_database(life: Life) -> str:
    """The company goes over to its other database."""
    world = life.world
    choice = life.random.choice(switch.CHOICES)
    target = OTHER if world.model.current == MAIN else MAIN
    pull.pull_all(world.site)
    world.unseen_deletes = 0
    shown = _what_would_be_kept(life)
    try:
        outcome = switch.switch(world.site, ADMIN, target, choice)
    except Crash:
        # It is finished at the next start, or was not begun.
        world.stage.restart()
        world.crashed = True
        with world.site.read() as conn:
            if (setups.current_origin(conn) or world.site.origin()).name != target:
                return f"switch to {target}, {choice}: crashed before it began"
            begun = switch.intent(conn)
        assert begun is None, "the switch was not finished"
        pull.catch_up(world.site, ADMIN)
        outcome = switch.Outcome("", target)
        world.counts["a switch finished after a crash"] += 1
    world.model.current = target
    world.switches += 1
    with world.site.read() as conn:
        # What went along from the target before is bound to its record there again, and is no kept card.
        bound = set(world.card_ids(conn).values())
    for person in world.people.values():
        person.kept = shown.get(person.name, set()) - bound if choice == "keep" else set()
    world.counts[f"switched: {choice}"] += 1
    return f"switch to {target}, {choice}: {outcome}"


def _what_would_be_kept(life: Life) -> dict[str, set[int]]:
    world, rows = life.world, life.world.rows()
    found: dict[str, set[int]] = {}
    with world.site.read() as conn:
        numbers = world.card_ids(conn)
    for person in world.people.values():
        if person.enabled:
            mine = world.matching(person, rows, numbers)
            world.model.kept |= mine
            found[person.name] = set(mine)
    return found


def make_backup(life: Life) -> str:
    """Both databases are copied, and what the model and the phones know is remembered."""
    path = life.world.stage.backup
    path.unlink(missing_ok=True)
    backup.write(life.world.site, ADMIN, path)
    life.backup = (life.world.remembered(), life.number)
    return "backup"


def restore_backup(life: Life) -> str:
    """Everything is as it was when the backup was made, and no phone takes it for what it had since."""
    world = life.world
    if life.backup is None or life.backup[0].current != world.model.current:
        return "nothing"
    world.check_ledger()
    world.leave()
    world.stage.watching(on=False)
    archive = backup.Archive(world.stage.backup)
    restoring.restore(world.site, ADMIN, archive)
    archive.close()
    world.stage.restart()
    world.stage.watching(on=True)
    world.model = copy.deepcopy(life.backup[0])
    world.unseen_deletes = 0
    world.restored = True
    return "restore the backup"


ADMIN_STEPS: tuple[tuple[Step, int], ...] = (
    (promote, 8),
    (undo_change, 6),
    (purge, 2),
    (switch_database, 2),
    (make_backup, 1),
    (restore_backup, 1),
)
