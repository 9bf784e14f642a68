# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm import`: vCard and CSV files. For cli only."""

from pathlib import Path
from typing import Annotated

import typer

from radicale_bcm.business.contract import DEFAULT_TYPE
from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import DryRun, Json
from radicale_bcm.cli.site import actor_of, opened
from radicale_bcm.cli.takeover import take_over
from radicale_bcm.sync.importing import DATABASE, Import, Outcome, Remark

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_SHOWN = 20


@app.command()
def import_(
    ctx: typer.Context,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="vCard (2.1, 3.0, 4.0) or CSV files; - is a pipe.")
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="database|/PRINCIPAL/FOLDER", help="Business records, or plain contacts in a folder."
        ),
    ] = DATABASE,
    record_type: Annotated[str, typer.Option("--type", metavar="TYPE", help="Of the business records.")] = DEFAULT_TYPE,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=FIELD",
            help="What a column of a CSV file is; COLUMN=- leaves it out. Kept for other files with the same columns.",
        ),
    ] = None,
    collections: Annotated[
        Path | None,
        typer.Option("--collections", metavar="DIR", help="Take over the folder of Radicale's own storage instead."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring in contacts. A broken card or row is reported with its line and skipped, the others come in.

    Everything of a card is kept, its photo too, also what no field of the database holds. Files that were imported
    before bring in nothing twice. CSV files of Outlook, Google and this program are understood as they are; others
    by the names of their columns, and by what --map says now or said for such a file before.

    For example:
        radicale-bcm import contacts.vcf
        radicale-bcm import customers.csv --map 'Kundennr.=customer_id' --map 'Betreuer=owner' --dry-run
        radicale-bcm import private.vcf --to /alice/Private
        radicale-bcm import --collections /var/lib/radicale/collections
    """
    if collections is not None:
        if files:
            raise misused("--collections takes over a folder; FILE… is another import")
        take_over(ctx, collections, dry_run=dry_run, as_json=as_json)
        return
    if not files:
        raise misused("which files? Name FILE…, or --collections DIR")
    with opened(ctx) as site:
        work = Import(site, actor_of(ctx), to, record_type=record_type, columns=_mapping(columns or []))
        try:
            with output.progress("Importing") as progress:
                work.run(files, dry_run=dry_run, progress=progress)
        except Exception:
            if work.outcome.imported and not dry_run:
                done = output.counted(work.outcome.imported, "contact")
                output.hint(f"{done} came in before this; run the command again, it goes on where it stopped.")
            raise
    _tell(work.outcome, dry_run=dry_run, as_json=as_json)
    if work.outcome.refused:
        raise typer.Exit(1)


def _mapping(texts: list[str]) -> dict[str, str]:
    result: dict[str, str] = {}
    for text in texts:
        column, equals, field = text.rpartition("=")
        if not equals or not column.strip() or not field.strip():
            raise misused(f"{text!r} is not COLUMN=FIELD, such as 'Mobile number=mobile_phone'")
        result[column.strip()] = field.strip()
    return result


def _tell(outcome: Outcome, *, dry_run: bool, as_json: bool) -> None:
    if dry_run:
        output.hint("Dry run: nothing was changed.")
    if as_json:
        output.document(outcome.as_dict() | ({"dry_run": True} if dry_run else {}))
        return
    _list("refused", outcome.refused)
    _list("skipped", outcome.skipped)
    _list("note", outcome.notes)
    for path, columns in outcome.columns.items():
        output.hint(f"{path}: with {output.clean(', '.join(f'{name}={field}' for name, field in columns.items()))}")
    for path, names in outcome.ignored.items():
        output.hint(f"{path}: no field is known for {output.clean(', '.join(names))}; see --map")
    output.say(
        f"{output.counted(outcome.imported, 'contact')} {'would come' if dry_run else 'came'} in,"
        f" {len(outcome.skipped):,} skipped, {len(outcome.refused):,} refused."
    )


def _list(what: str, remarks: list[Remark]) -> None:
    for each in remarks[:_SHOWN]:
        output.hint(f"{what}: {each.file}:{each.line}: {output.clean(each.reason)}")
    if len(remarks) > _SHOWN:
        output.hint(f"{what}: … and {len(remarks) - _SHOWN:,} more (--json lists all)")
