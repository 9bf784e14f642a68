# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong: the process is gone between two commits, or after the last one, and starts again. Imported by the
histories."""

from tests.histories import admin, steps
from tests.histories.stage import Crash
from tests.histories.steps import Life, Step
from tests.histories.world import World

# A unit of work commits the business database, then the state, then takes its changes off the log.
AFTER = (0, 0, 0, 1, 1, 1, 2, 3, 5, 9)
CRASHING: tuple[Step, ...] = (
    steps.add,
    steps.edit,
    steps.delete,
    steps.restore,
    steps.start,
    steps.stop,
    steps.bring_over,
    steps.compare,
    steps.put_plain,
    steps.delete_plain,
    steps.move_plain,
    steps.edit_card,
    steps.edit_card,
    steps.delete_card,
    steps.move_card,
    admin.promote,
    admin.promote,
    admin.undo_change,
    admin.purge,
    admin.switch_database,
)


def crash(life: Life) -> str:
    """Something happens, the process is gone somewhere in it, and the server starts again."""
    world, chosen = life.world, life.random.choice(CRASHING)
    before, number = world.remembered(), life.number
    after = life.random.choice(AFTER)
    # An answer that is lost says nothing of what it was: beneath the application that can be told.
    wire, world.wire = world.wire, None
    world.crashed, world.stage.fuse, world.purging = False, after, []
    try:
        told = life.attempt(chosen)
        where = "after its commit" if world.crashed else "after its answer"
    except Crash:
        # There was no answer. What the business database holds of it is what counts; the state has nothing of it.
        told, where = chosen.__name__, f"at commit {after + 1}"
        world.model = before
        life.number = max(number, life.number)
        # Whoever comes next finishes a move that the business database has: the contact arrives.
        world.model.arriving = world.model.arriving or chosen is steps.move_card
        if chosen is admin.purge:
            _believe_in_purges(world)
    finally:
        world.stage.fuse, world.wire = None, wire
    world.counts[f"crash {where}"] += 1
    world.stage.restart()
    return f"crash {where}: {told}"


def _believe_in_purges(world: World) -> None:
    """Whoever comes next finishes a purge that the business database has: nothing of these records need be left."""
    left = world.rows().keys() | world.erased(world.model.current).keys()
    for each in world.purging:
        if each.record_id not in left:
            world.ledger.purged_record(world.model.current, each.record_id)
            world.ledger.purged_plain({each.uid}, each.places)
            world.counts["a purge finished after a crash"] += 1


def restart(life: Life) -> str:
    """The server is stopped and started."""
    life.world.stage.restart()
    return "restart"


ACCIDENTS: tuple[tuple[Step, int], ...] = ((crash, 8), (restart, 1))
