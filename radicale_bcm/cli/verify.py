# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm verify`: every card against its record. For cli only."""

from typing import Annotated, Any

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.options import DryRun, Json
from radicale_bcm.cli.site import actor_of, opened
from radicale_bcm.sync import losses, verify
from radicale_bcm.sync.verify import Difference, Repaired

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("verify")
def verify_(
    ctx: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare every card, and who sees it, with the business database, and the state database with itself. Exit status
    1 if anything differs.

    There should never be a difference: please report one. --repair renders the cards anew, and leaves alone what nobody
    but you can decide; then the exit status is 1 only if something is left.

    For example:
        radicale-bcm verify
        radicale-bcm verify --repair --json
    """
    with opened(ctx) as site, output.progress("Comparing") as progress:
        if repair and not dry_run:
            done = verify.repair(site, actor_of(ctx), progress)
        else:
            found = verify.differences(site, actor_of(ctx), progress)
            done = Repaired(found, [each for each in found if each.mend is None] if repair else found)
        with site.read() as conn:
            held = bool(losses.all_waiting(conn, site.origin()))
    if as_json:
        document: dict[str, Any] = {"differences": [_document(each) for each in done.found]}
        if repair:
            left = [_document(each) for each in done.left]
            document |= {"repaired": bool(done.found) and not left and not dry_run, "left": left}
            document |= {"dry_run": True} if dry_run else {}
        output.document(document)
    else:
        _print(done, repair=repair)
        if repair and dry_run:
            output.hint("Dry run: nothing was changed.")
        if done.left and held:
            output.hint(f"{losses.HELD[:1].upper()}{losses.HELD[1:]}.")
    if done.left:
        raise typer.Exit(1)


def _document(each: Difference) -> dict[str, Any]:
    return {"record_id": each.record_id, "name": each.name, "reason": each.reason, "place": each.place or None}


def _print(done: Repaired, *, repair: bool) -> None:
    rows = [(each.record_id or each.place, each.name, each.reason) for each in done.found]
    output.table(("record", "name", "difference"), rows, "Every card is what its record says.")
    if repair and done.found:
        output.say(f"{output.counted(len(done.found), 'difference')} found, {len(done.left)} left.")
        for each in done.left if len(done.left) < len(done.found) else ():
            output.hint(f"left: {each.record_id or each.place} {output.clean(each.name)}: {output.clean(each.reason)}")
