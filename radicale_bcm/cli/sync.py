# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm sync`: start, change, stop and run synchronisation. For cli only."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from radicale_bcm.books.setups import Setup
from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.names import check_path
from radicale_bcm.cli.options import DryRun, Filters, Json, Principal, Yes, confirm
from radicale_bcm.cli.site import actor_of, configuration_of, opened, working
from radicale_bcm.cli.status import as_document
from radicale_bcm.cli.user import lacks_account
from radicale_bcm.sync import asked, pull, setup, status
from radicale_bcm.sync.errors import Invalid
from radicale_bcm.sync.promote import promote_new
from radicale_bcm.sync.setup import ACCESS, ON_DELETE, Choice, Effect
from radicale_bcm.sync.status import Status
from radicale_bcm.sync.unit import Unit

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)

Folder = Annotated[
    str | None,
    typer.Option("--folder", metavar="NAME", help="The address book, /PRINCIPAL/NAME/; made if it is missing."),
]
Category = Annotated[
    str | None, typer.Option("--category", metavar="NAME", help="The category on business cards; `none` is none.")
]
NoFilter = Annotated[bool, typer.Option("--no-filter", help="Show all business contacts again.")]
Access = Annotated[
    str | None,
    typer.Option(
        "--access",
        metavar="|".join(ACCESS),
        help="rw: everything; business-ro: business cards cannot be changed; ro: nothing in the folder can.",
    ),
]
OnDelete = Annotated[
    str | None,
    typer.Option(
        "--on-delete",
        metavar="|".join(ON_DELETE),
        help="A business card is deleted on a phone: the record goes to Deleted Items; only this folder loses it; "
        "it comes back.",
    ),
]
ShowFields = Annotated[
    str | None,
    typer.Option(
        "--show-fields",
        metavar="FIELD,…",
        help="Business fields that cards show as X-BCM- properties, such as owner,rating; `none` is none.",
    ),
]


@app.callback()
def sync() -> None:
    """Who sees which business contacts in which address book.

    For example:
        radicale-bcm sync start --principal alice --folder Contacts
        radicale-bcm sync set --principal alice --filter 'city=Seattle|Redmond' --dry-run
        radicale-bcm sync now
    """


@app.command(short_help="Show the business contacts that pass the filters in a folder.")
def start(
    ctx: typer.Context,
    principal: Principal,
    folder: Folder = None,
    category: Category = None,
    filters: Filters = None,
    no_filter: NoFilter = False,
    access: Access = None,
    on_delete: OnDelete = None,
    show_fields: ShowFields = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Start synchronising: the folder is made if needed, and the business contacts that pass the filters appear in it.

    Plain contacts that are in the folder stay as they are. Where it is synchronised already, this is `sync set`.

    For example:
        radicale-bcm sync start --principal alice --folder Contacts
        radicale-bcm sync start --principal bob --folder Contacts --filter 'owner=%me' --category Customer
        radicale-bcm sync start --principal carol --folder Contacts --access business-ro
    """
    choice = _choice(folder, category, filters, no_filter, access, on_delete, show_fields)
    _carry_out(ctx, principal, choice, setup.start, yes=yes, dry_run=dry_run, as_json=as_json)
    if lacks_account(ctx, principal):
        output.hint(f"{principal} cannot log in yet: radicale-bcm user add {principal}")


@app.command("set", short_help="Change folder, filters, category or access.")
def set_(
    ctx: typer.Context,
    principal: Principal,
    folder: Folder = None,
    category: Category = None,
    filters: Filters = None,
    no_filter: NoFilter = False,
    access: Access = None,
    on_delete: OnDelete = None,
    show_fields: ShowFields = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Change folder, filters, category, access or fields; what is not named stays. A changed folder empties the former
    one.

    Phones follow with their next sync. With --dry-run it says how many contacts match. On a terminal it says how many
    cards leave before they do. Where a person would lose more at once than bcm_max_deletes (or a quarter of the
    folder, if that is more), a script has to say --yes.

    For example:
        radicale-bcm sync set --principal alice --filter 'company=Contoso*' --dry-run
        radicale-bcm sync set --principal alice --no-filter --category none
        radicale-bcm sync set --principal alice --show-fields owner,rating
    """
    choice = _choice(folder, category, filters, no_filter, access, on_delete, show_fields)
    if choice == Choice():
        raise misused(
            "what shall be different? --folder, --category, --filter, --no-filter, --access, --on-delete or"
            " --show-fields"
        )
    _carry_out(ctx, principal, choice, setup.change, yes=yes, dry_run=dry_run, as_json=as_json)


def _carry_out(
    ctx: typer.Context,
    principal: str,
    choice: Choice,
    act: Callable[[Unit, str, Choice], Effect],
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Ask if cards leave and somebody is here to answer, then do it and tell."""
    sure = yes or dry_run
    if choice.folder is not None:
        check_path(configuration_of(ctx), principal, choice.folder)
    with opened(ctx) as site:
        if sys.stdin.isatty() and not sure:
            with site.write(actor_of(ctx)) as unit:
                effect = act(unit, principal, choice)
                unit.failed = True
            if effect.leaving:
                confirm(_question(principal, effect), yes=yes)
            sure = True
        with working(ctx, site, dry_run=dry_run) as unit:
            effect = act(unit, principal, choice)
            if effect.beyond:
                confirm(_question(principal, effect), yes=sure)
            found = _status(unit, principal)
    _tell(found, effect, dry_run=dry_run, as_json=as_json)


def _question(principal: str, effect: Effect) -> str:
    cards = output.counted(effect.leaving, "business card leaves", "business cards leave")
    return f"{cards} the folder of {principal}; the records stay. Go on?"


@app.command(short_help="Take the business contacts out of the folder again.")
def stop(
    ctx: typer.Context, principal: Principal, yes: Yes = False, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Stop synchronising: every business card leaves the folder, plain contacts stay, no record is touched.

    For example:
        radicale-bcm sync stop --principal alice
    """
    with opened(ctx) as site:
        with site.read() as conn:
            (before,) = status.of_all(conn, principal)
        if before.setup.enabled:
            cards = output.counted(before.business_cards, "business card leaves", "business cards leave")
            confirm(f"{cards} /{before.path}/; the records stay. Stop?", yes=yes, dry_run=dry_run)
        with working(ctx, site, dry_run=dry_run) as unit:
            left = setup.stop(unit, principal)
    if as_json:
        output.document({"principal": principal, "removed": left} | ({"dry_run": True} if dry_run else {}))
        return
    verb = "would leave" if dry_run else "left"
    output.say(f"{output.counted(left, 'business card')} {verb} the folder; plain contacts and records stay.")


@app.command(short_help="Bring over what changed, or compare everything.")
def now(
    ctx: typer.Context,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every record with its card, whatever the change log says.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --full: take cards away however many they are.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring over what changed in the business database since the last time, and with bcm_new_contacts = promote the new
    contacts of the sync folders that have the required fields.

    A running server does this by itself within a second. Where a lot of records is missing or deleted at once, or does
    not pass a filter any more, their cards stay until the records are back, or until --full --yes confirms that this
    is on purpose.

    For example:
        radicale-bcm sync now
        radicale-bcm sync now --full --dry-run
        radicale-bcm sync now --full --json
    """
    if yes and not full:
        raise misused("--yes goes with --full: look at everything before cards are taken away")
    with opened(ctx) as site, output.progress("Comparing" if full else "Bringing over") as progress:
        actor = actor_of(ctx)
        if full:
            counts = pull.compare_all(site, actor, progress, confirmed=yes, dry_run=dry_run)
        else:
            counts = pull.pull_all(site, actor, progress, dry_run=dry_run)
        missing = counts.refused
        counts += promote_new(site, actor, dry_run=dry_run)
    if dry_run:
        output.hint("Dry run: nothing was changed.")
    numbers = {"added": counts.added, "changed": counts.changed, "removed": counts.removed, "refused": counts.refused}
    if as_json:
        output.document(numbers | ({"dry_run": True} if dry_run else {}))
    else:
        output.say(", ".join(f"{number:,} {name}" for name, number in numbers.items()) + ".")
    if missing:
        output.hint(
            f"{output.counted(missing, 'record is', 'records are')} missing or deleted in the business database, or"
            " left a filter, and that is too many at once to be believed: their cards stay. If it is on purpose:"
            " radicale-bcm sync now --full --yes"
        )
    if counts.refused:
        raise typer.Exit(1)


def _choice(
    folder: str | None,
    category: str | None,
    filters: list[str] | None,
    no_filter: bool,
    access: str | None,
    on_delete: str | None,
    show_fields: str | None,
) -> Choice:
    if filters and no_filter:
        raise misused("--filter and --no-filter contradict each other")
    for value, allowed, name in ((access, ACCESS, "access"), (on_delete, ON_DELETE, "on-delete")):
        if value is not None and value not in allowed:
            raise misused(f"--{name} is one of {', '.join(allowed)}, not {value!r}")
    return Choice(
        folder=folder,
        filters=() if no_filter else tuple(filters) if filters else None,
        category="" if category is not None and category.strip().lower() == "none" else category,
        access=access,
        on_delete=on_delete,
        shown_fields=None if show_fields is None else _fields(show_fields),
    )


def _fields(listed: str) -> tuple[str, ...]:
    try:
        return () if listed.strip().lower() in ("none", "") else asked.chosen(listed.split(","))
    except Invalid as error:
        raise misused(f"--show-fields: {error.reason}") from None


def _also(own: Setup) -> str:
    return f", business fields {', '.join(own.shown_fields)}" if own.shown_fields else ""


def _status(unit: Unit, principal: str) -> Status:
    return status.of_all(unit.conn, principal)[0]


def _tell(found: Status, effect: Effect, *, dry_run: bool, as_json: bool) -> None:
    numbers = {"matching": effect.matching, "entering": effect.entering, "leaving": effect.leaving}
    if as_json:
        output.document(as_document(found) | numbers | ({"dry_run": True} if dry_run else {}))
        return
    business = output.counted(found.business_cards, "business contact")
    output.say(
        f"/{found.path}/ {'would show' if dry_run else 'shows'} {business}"
        f" ({output.clean(effect.described)}) beside {output.counted(found.plain_contacts, 'plain contact')};"
        f" category {found.setup.category or 'none'}, access {found.setup.access}{_also(found.setup)}."
    )
    if dry_run:
        cards = output.counted(effect.matching, "business contact matches", "business contacts match")
        output.say(f"{cards}; {effect.entering:,} would enter the folder, {effect.leaving:,} would leave.")
