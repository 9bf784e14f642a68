# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm verify`: every card against its record. For cli only."""

from dataclasses import asdict
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.options import Json
from radicale_bcm.cli.site import actor_of, opened
from radicale_bcm.sync import verify

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("verify")
def verify_(
    ctx: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs.")] = False,
    as_json: Json = False,
) -> None:
    """Compare every card, and who sees it, with the business database. Exit status 1 if anything differs.

    There should never be a difference: please report one. --repair renders the cards anew.

    For example:
        radicale-bcm verify
        radicale-bcm verify --repair --json
    """
    with opened(ctx) as site, output.progress("Comparing") as progress:
        found = verify.differences(site, actor_of(ctx), progress)
        if found and repair:
            verify.repair(site, actor_of(ctx), progress)
    if as_json:
        output.document({"differences": [asdict(each) for each in found], "repaired": bool(found and repair)})
    else:
        rows = [(each.record_id, each.name, each.reason) for each in found]
        output.table(("record", "name", "difference"), rows, "Every card is what its record says.")
        if found and repair:
            output.say(f"{output.counted(len(found), 'difference')} mended.")
    if found and not repair:
        raise typer.Exit(1)
