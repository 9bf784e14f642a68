# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm database`: list, add, switch, forget business databases. For cli only."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from radicale_bcm.books.setups import Origin
from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import DryRun, Json, Yes, confirm
from radicale_bcm.cli.site import actor_of, opened, working
from radicale_bcm.database.errors import url_safe
from radicale_bcm.sync import databases
from radicale_bcm.sync import switch as switching
from radicale_bcm.sync.switch import CHOICES, Outcome
from radicale_bcm.sync.unit import Site

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name by which it is known here.")]


@app.callback()
def database() -> None:
    """The business databases: one is current, and its contacts are in the folders.

    For example:
        radicale-bcm database list
        radicale-bcm database add crm --url postgresql://bcm:secret@db.example.com/crm
        radicale-bcm database switch crm --import
    """


@app.command("list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """List the business databases that are known.

    For example:
        radicale-bcm database list --json
    """
    with opened(ctx) as site, site.read() as conn:
        found = [(each, databases.kept(conn, each)) for each in databases.listed(conn)]
    if as_json:
        output.document([_document(each) | {"shown_cards": shown} for each, shown in found])
        return
    rows = [
        (each.name, "current" if each.current else "", shown, url_safe(each.url), each.mapping or "", each.identity)
        for each, shown in found
    ]
    output.table(("name", "", "cards in folders", "url", "mapping", "id"), rows, "No business database is known.")


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="sqlite:////path, postgresql://… or mariadb://…")],
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="FILE", help="Describes the tables of an existing application (TOML)."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Get to know another business database. In an empty one the tables are created; nothing is shown of it yet.

    A database that has moved is added again under its name, with its new address.

    For example:
        radicale-bcm database add crm --url postgresql://bcm:secret@db.example.com/crm
        radicale-bcm database add odoo --url postgresql://odoo@localhost/odoo --mapping odoo.toml
    """
    with opened(ctx) as site:
        found = databases.add(site, actor_of(ctx), name, url, mapping, dry_run=dry_run)
    if as_json:
        output.document(_document(found) | ({"dry_run": True} if dry_run else {}))
        return
    output.say(f"{'Would add' if dry_run else 'Added'} {found.name}, {url_safe(found.url)}.")
    if not dry_run and not found.current:
        output.hint(f"It is not shown yet: radicale-bcm database switch {name} --keep|--remove|--import")


@app.command(short_help="Show the contacts of another business database.")
def switch(
    ctx: typer.Context,
    name: Name,
    keep: Annotated[
        bool, typer.Option("--keep", help="The cards of the former database stay in the folders, without a record.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="They leave the folders; the former database is not touched.")
    ] = False,
    take_along: Annotated[
        bool, typer.Option("--import", help="They become contacts of the new database and stay where they are.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Show the contacts of another business database, and say what becomes of the cards of the former one.

    Sync stays on: each folder gets what its filter finds in the new database. Interrupted, it is finished by the next
    start, or by running it again. Switching back binds the cards to their records again.

    For example:
        radicale-bcm database switch crm --import --dry-run
        radicale-bcm database switch main --remove
    """
    chosen = [choice for choice, given in zip(CHOICES, (keep, remove, take_along), strict=True) if given]
    with opened(ctx) as site:
        choice = _choice(site, name, chosen)
        if dry_run:
            outcome = switching.preview(site, name, choice)
        else:
            _ask(site, name, choice, yes=yes)
            with output.progress(f"Switching to {name}") as progress:
                outcome = switching.switch(site, actor_of(ctx), name, choice, progress)
    _tell(outcome, dry_run=dry_run, as_json=as_json)


@app.command(short_help="Take a former database and its kept cards away.")
def forget(ctx: typer.Context, name: Name, yes: Yes = False, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Take the kept cards of a former database out of the folders, and its address off the list.

    The database itself is not touched; added again, it is the same one.

    For example:
        radicale-bcm database forget old
    """
    with opened(ctx) as site:
        with site.read() as conn:
            found = databases.named(conn, name)
            count = databases.kept(conn, found)
        if count and not found.current:
            cards = output.counted(count, "kept card leaves", "kept cards leave")
            confirm(f"{cards} the folders; the database is not touched. Forget {name}?", yes=yes, dry_run=dry_run)
        with working(ctx, site, dry_run=dry_run) as unit:
            left = databases.forget(unit, found)
    if as_json:
        output.document({"name": name, "removed": left} | ({"dry_run": True} if dry_run else {}))
        return
    verb = "would leave" if dry_run else "left"
    output.say(f"{output.counted(left, 'kept card')} {verb} the folders; the database itself is as it was.")


def _document(found: Origin) -> dict[str, Any]:
    return {
        "name": found.name,
        "url": url_safe(found.url),
        "current": found.current,
        "id": found.identity or None,
        "mapping": found.mapping,
    }


def _choice(site: Site, name: str, chosen: list[str]) -> str:
    if len(chosen) > 1:
        raise misused("one of --keep, --remove and --import, not several")
    if chosen:
        return chosen[0]
    with site.read() as conn:
        if databases.named(conn, name).current:
            return CHOICES[0]
    if not sys.stdin.isatty():
        raise misused("what becomes of the cards of the former database? add --keep, --remove or --import")
    return str(
        typer.prompt(f"What becomes of the cards of the former database? {', '.join(CHOICES)}", err=True)
    ).strip()


def _ask(site: Site, name: str, choice: str, *, yes: bool) -> None:
    """Say how many cards leave, on a terminal, and anywhere if they are more than may go without a confirmation."""
    if choice != "remove" or yes:
        return
    found = switching.preview(site, name, choice)
    if found.removed > (0 if sys.stdin.isatty() else site.options.max_deletes):
        cards = output.counted(found.removed, "card leaves", "cards leave")
        there = output.counted(found.shown, "contact")
        question = f"{cards} the folders; the database {found.former} is not touched, and {name} has {there}. Switch?"
        confirm(question, yes=yes)


def _tell(outcome: Outcome, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.document(asdict(outcome) | ({"dry_run": True} if dry_run else {}))
        return
    if outcome.former == outcome.current:
        output.say(f"{outcome.current} is the current database already.")
        return
    output.say(f"{'Would switch' if dry_run else 'Switched'} from {outcome.former} to {outcome.current}:")
    output.pairs(
        [
            ("kept cards", f"{outcome.kept:,}"),
            ("removed cards", f"{outcome.removed:,}"),
            ("imported contacts", f"{outcome.imported:,}"),
            ("bound to records that were there", f"{outcome.bound:,}"),
            ("folders that show the new database", f"{outcome.folders:,}"),
            ("contacts of it that they show" if not dry_run else "contacts in it", f"{outcome.shown:,}"),
        ]
    )
