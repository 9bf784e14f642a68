# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm restore`: puts a backup in the place of the databases. For cli only."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.backup import described
from radicale_bcm.cli.failures import refuse
from radicale_bcm.cli.options import DryRun, Json, Yes, confirm
from radicale_bcm.cli.site import actor_of, plugin_configuration
from radicale_bcm.database.copies import Broken
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.server import config
from radicale_bcm.sync import backup, restoring
from radicale_bcm.sync.backup import Archive
from radicale_bcm.sync.errors import Refused
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("restore")
def restore_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    database: Annotated[
        str, typer.Option("--database", metavar="URL", help="Where the business database goes, if not where it is now.")
    ] = "",
    copy: Annotated[
        bool, typer.Option("--copy/--no-copy", help="First write a backup of what is replaced, beside FILE.")
    ] = True,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of both databases. What changed since it was made is gone from them.

    Each is replaced in one transaction, so a server may run meanwhile; then everything is compared. Every device asks
    for everything once, by itself. What is replaced is kept in another backup first.

    For example:
        radicale-bcm restore /backup/contacts-2026-01-31.zip --dry-run
        radicale-bcm restore /backup/contacts-2026-01-31.zip --yes
    """
    options, _ = config.options_of(plugin_configuration(ctx))
    try:
        archive = Archive(file)
    except Broken as error:
        raise refuse(error.reason) from error
    site = Site(options)
    try:
        made = output.local(archive.manifest.made_at)
        question = f"Replace the databases by the backup of {made} ({described(archive.manifest)})?"
        confirm(f"{question}\nWhat changed since then is gone from them.", yes=yes, dry_run=dry_run)
        kept = None
        if not dry_run:
            kept = _kept(site, ctx, file) if copy else None
            try:
                restoring.restore(site, actor_of(ctx), archive, database)
            except Broken as error:
                raise refuse(error.reason) from error
    finally:
        archive.close()
        site.close()
    if not dry_run:
        with output.progress("Comparing") as progress:
            open_site(options, create=False, progress=progress).close()
    if as_json:
        document = archive.manifest.as_dict() | {"file": str(file), "replaced": str(kept) if kept else None}
        output.document(document | ({"dry_run": True} if dry_run else {}))
        return
    output.say(f"{'Would restore' if dry_run else 'Restored'} the backup of {made}: {described(archive.manifest)}.")
    if kept:
        output.say(f"What was there before is in {kept}.")


def _kept(site: Site, ctx: typer.Context, file: Path) -> Path | None:
    """A backup of what will be replaced; None where nothing is there."""
    if not backup.is_in_use(site):
        return None
    target = file.with_name(f"replaced-{datetime.now().astimezone():%Y-%m-%dT%H%M%S.%f}.zip")
    try:
        backup.write(site, actor_of(ctx), target)
    except (DatabaseError, OSError, Refused) as error:
        raise refuse(f"what is there now cannot be kept first ({error}); --no-copy restores without that") from error
    return target
