# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm undo`: takes changes back. For cli only."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import DryRun, Json, moment
from radicale_bcm.cli.site import opened, working
from radicale_bcm.sync import undo
from radicale_bcm.sync.undo import Outcome, Undone

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_DID = {
    "changed": "back to what it was",
    "deleted": "to Deleted Items",
    "restored": "restored",
    "moved": "moved back",
    "shown": "shown in the folder again",
    "demoted": "a plain contact again",
}


@app.command("undo")
def undo_(
    ctx: typer.Context,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="CHANGE…", help="Numbers of changes, as `history` shows them.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Everything that this person changed …")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="… since then: 2026-01-31T12:00, or an age such as 2h."),
    ] = None,
    command: Annotated[
        bool, typer.Option("--command", help="All that the command did which made these changes, such as an import.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take changes back: fields get their former value, deleted contacts come back, created ones go to Deleted Items.

    A field that was changed again since then stays, and is named. An undo stands in the history and can be undone.
    Exit status 1 if anything could not be taken back; the rest is done.

    For example:
        radicale-bcm undo 1234 --dry-run
        radicale-bcm undo --by alice --since 2h
        radicale-bcm undo 1234 --command
    """
    if bool(changes) == bool(by):
        raise misused("which ones? numbers of changes, or --by NAME --since TIME")
    if bool(by) != bool(since) or (by and command):
        raise misused("--by NAME and --since TIME belong together, without --command")
    after = moment(since) if since else None
    with opened(ctx) as site, working(ctx, site, dry_run=dry_run) as unit:
        if by is not None and after is not None:
            found = undo.of_principal(unit, by, after)
        else:
            found = (undo.of_command if command else undo.chosen)(unit, changes or [])
        outcome = undo.undo(unit, found)
    if as_json:
        output.document(_document(outcome) | ({"dry_run": True} if dry_run else {}))
    else:
        _tell(outcome, dry_run=dry_run)
    if outcome.refused:
        raise typer.Exit(1)


def _document(outcome: Outcome) -> dict[str, Any]:
    undone = [asdict(each) | {"change": str(each.change), "path": each.path or None} for each in outcome.undone]
    refused = [{"change": str(each.change), "name": each.name, "reason": each.reason} for each in outcome.refused]
    return {"undone": undone, "refused": refused}


def _tell(outcome: Outcome, *, dry_run: bool) -> None:
    for each in outcome.undone:
        output.say(f"#{each.change}  {output.clean(each.name)}: {_did(each)}")
    for refusal in outcome.refused:
        output.hint(f"#{refusal.change}  {output.clean(refusal.name)} stays: {output.clean(refusal.reason)}")
    verb = "would be" if dry_run else "is" if len(outcome.undone) == 1 else "are"
    output.say(f"{output.counted(len(outcome.undone), 'change')} {verb} taken back.")
    if not outcome.undone and not outcome.refused:
        output.hint("Nothing of that is left: nothing was changed, or all of it was taken back before.")


def _did(each: Undone) -> str:
    fields = f" ({', '.join(each.fields)})" if each.fields else ""
    return _DID.get(each.did, each.did) + fields
