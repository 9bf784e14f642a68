# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm backup`: both databases in one file. For cli only."""

from pathlib import Path
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.options import DryRun, Json
from radicale_bcm.cli.site import actor_of, opened
from radicale_bcm.sync import backup
from radicale_bcm.sync.backup import Manifest

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("backup")
def backup_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; nothing may be there yet.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write everything into one file, while the server runs: both databases as they are at one moment.

    The business database is in it unless it is another application's. Keep the file private: it holds everybody's
    contacts, and the addresses of the databases. Configuration and passwords are not in it.

    For example:
        radicale-bcm backup /backup/contacts-$(date +%F).zip
    """
    with opened(ctx) as site:
        manifest = backup.write(site, actor_of(ctx), file, dry_run=dry_run)
    size = 0 if dry_run else file.stat().st_size
    if as_json:
        outcome = {"dry_run": True} if dry_run else {"bytes": size}
        output.document(manifest.as_dict() | {"file": str(file)} | outcome)
        return
    output.say(f"{file}: {described(manifest)}{' (dry run: not written)' if dry_run else f', {size:,} bytes'}.")
    if backup.BUSINESS not in manifest.parts:
        output.hint("The business database is another application's and is not in it: back that up with its own tools.")


def described(manifest: Manifest) -> str:
    """What is in a backup, in words."""
    items = output.counted(manifest.items, "plain contact or event", "plain contacts and events")
    if manifest.contacts is None:
        return items
    return f"{output.counted(manifest.contacts, 'business contact')}, {items}"
