# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm duplicates`: records that are one person. For cli only."""

from dataclasses import asdict
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.options import DryRun, Json, Yes, confirm
from radicale_bcm.cli.region import Region, checked
from radicale_bcm.cli.site import actor_of, opened
from radicale_bcm.sync import duplicates, records
from radicale_bcm.sync.duplicates import Merging, Pair
from radicale_bcm.sync.likeness import LISTED, MERGED

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("duplicates")
def duplicates_(
    ctx: typer.Context,
    selectors: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="Only pairs with these contacts; all without any.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Merge the pairs that are alike enough.")] = False,
    score: Annotated[
        int | None,
        typer.Option(
            "--min-score",
            min=1,
            max=100,
            metavar="N",
            help=f"How alike they have to be; {LISTED} to be listed, {MERGED} to be merged.",
        ),
    ] = None,
    region: Region = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """List records that could be one person, by e-mail, phone and name, with a score; or merge them.

    In a merge the older record stays, with its values, and gains what only the other has: empty fields, further
    addresses and numbers, photo, categories, note. The other goes to Deleted Items and leaves every phone.

    For example:
        radicale-bcm duplicates
        radicale-bcm duplicates --min-score 90 --merge
        radicale-bcm duplicates 17 --merge --dry-run
    """
    where = checked(region)
    merged: list[Pair] = []
    with opened(ctx) as site:
        with site.business(site.origin()).reader() as source, output.progress("Comparing") as progress:
            only = {records.find(site, source, each).id for each in selectors} if selectors else None
            pairs = duplicates.find(source, least=score or LISTED, region=where, only=only, progress=progress)
        sure = [each for each in pairs if each.score >= (score or MERGED)]
        if merge and sure:
            gone = output.counted(len(sure), "record goes", "records go")
            confirm(f"Up to {gone} to Deleted Items. Merge?", yes=yes, dry_run=dry_run)
            work = Merging(site, actor_of(ctx), least=score or MERGED, region=where)
            try:
                with output.progress("Merging") as progress:
                    merged = work.run(sure, dry_run=dry_run, progress=progress)
            except Exception:
                if work.merged and not dry_run:
                    output.hint(f"{output.counted(len(work.merged), 'pair')} merged before this; run it again.")
                raise
    if as_json:
        found = {"duplicates": [asdict(each) for each in pairs], "merged": [asdict(each) for each in merged]}
        output.document(found | ({"dry_run": True} if dry_run else {}))
        return
    _tell(pairs, "No duplicates.")
    if merge:
        left = (
            f"; {len(pairs) - len(sure):,} less alike: --min-score {LISTED} merges them too"
            if len(sure) < len(pairs)
            else ""
        )
        output.say(f"{output.counted(len(merged), 'pair')} {'would be ' if dry_run else ''}merged{left}.")


def _tell(pairs: list[Pair], empty: str) -> None:
    rows = [
        (each.score, each.first, each.first_name, each.second, each.second_name, ", ".join(each.reasons))
        for each in pairs
    ]
    output.table(("score", "id", "name", "id", "name", "same"), rows, empty)
