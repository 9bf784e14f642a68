# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm type`: record types. For cli only."""

from typing import Annotated

import typer

from radicale_bcm.business.contract import ACCOUNT_TYPE, DEFAULT_TYPE
from radicale_bcm.business.record_types import KINDS
from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import DryRun, Json
from radicale_bcm.cli.site import opened, working
from radicale_bcm.sync import records

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def record_type() -> None:
    """Record types: business-contact (a person), account (a company), and your own derived from either.

    For example:
        radicale-bcm type add supplier --from business-contact --field payment_days:number --field since:date
        radicale-bcm contact add --type supplier name='Ada Ltd' payment_days=30
    """


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the new type.")],
    base: Annotated[
        str, typer.Option("--from", metavar="TYPE", help=f"{DEFAULT_TYPE}, {ACCOUNT_TYPE} or another type of yours.")
    ] = DEFAULT_TYPE,
    field: Annotated[
        list[str] | None, typer.Option("--field", metavar="NAME:KIND", help=f"A field of its own: {', '.join(KINDS)}.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Define a record type with fields of its own.

    For example:
        radicale-bcm type add supplier --from business-contact --field payment_days:number
    """
    fields: dict[str, str] = {}
    for text in field or []:
        key, _, kind = text.partition(":")
        if key in fields:
            raise misused(f"{key} is given twice")
        fields[key] = kind or "text"
    with opened(ctx) as site, working(ctx, site, dry_run=dry_run) as unit:
        made = records.add_type(unit, name, base, fields)
    if as_json:
        document = {"name": made.name, "from": made.base, "fields": dict(made.fields)}
        output.document(document | ({"dry_run": True} if dry_run else {}))
        return
    output.say(f"{'Would define' if dry_run else 'Defined'} {made.name}, a {made.base}.")


@app.command("list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """List the record types with their fields.

    For example:
        radicale-bcm type list
    """
    with opened(ctx) as site, site.business(site.origin()).reader() as source:
        found = list(records.record_types(source).values())
    if as_json:
        output.document(
            [{"name": e.name, "from": e.base, "synchronised": e.is_person, "fields": dict(e.fields)} for e in found]
        )
        return
    rows = [
        (e.name, e.base, "yes" if e.is_person else "no", ", ".join(f"{name}:{kind}" for name, kind in e.fields.items()))
        for e in found
    ]
    output.table(("name", "from", "synchronised", "fields of its own"), rows, "No type.")
