# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm import --collections`: takes over the folder of Radicale's own storage. For cli only."""

from functools import partial
from pathlib import Path

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.site import actor_of, opened, plugin_configuration
from radicale_bcm.sync.takeover import Remark, Takeover

_SHOWN = 20


def take_over(ctx: typer.Context, folder: Path, *, dry_run: bool, as_json: bool) -> None:
    """Bring collections, their properties and items into the state database. Exit status 1 if one could not be read."""
    from radicale_bcm.server.reading import read_item  # noqa: PLC0415 - few commands need Radicale's reader

    configuration = plugin_configuration(ctx)
    encoding = configuration.get("encoding", "stock")
    with opened(ctx) as site:
        work = Takeover(site, actor_of(ctx), folder.expanduser(), partial(read_item, configuration), encoding)
        with output.progress("Taking over") as progress:
            work.run(dry_run=dry_run, progress=progress)
    outcome = work.outcome
    if dry_run:
        output.hint("Dry run: nothing was changed.")
    if as_json:
        output.document(outcome.as_dict() | ({"dry_run": True} if dry_run else {}))
    else:
        _list("could not be read", outcome.unreadable)
        _list("kept as it is here", outcome.kept)
        output.say(
            f"{output.counted(outcome.collections, 'collection')} and {output.counted(outcome.items, 'item')}"
            f" {'would be' if dry_run else 'were'} taken over; {outcome.unchanged:,} were here already,"
            f" {len(outcome.kept):,} differ here, {len(outcome.unreadable):,} could not be read."
        )
    if outcome.unreadable:
        raise typer.Exit(1)


def _list(what: str, remarks: list[Remark]) -> None:
    for each in remarks[:_SHOWN]:
        output.hint(f"{what}: {output.clean(each.path)}: {output.clean(each.reason)}")
    if len(remarks) > _SHOWN:
        output.hint(f"{what}: … and {len(remarks) - _SHOWN:,} more (--json lists all)")
