# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm promote`: plain contacts become business contacts. For cli only."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from radicale_bcm.business.contract import DEFAULT_TYPE
from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import DryRun, Filters, Json
from radicale_bcm.cli.region import Region, checked
from radicale_bcm.cli.site import actor_of, opened
from radicale_bcm.contacts.filters import parse_filters
from radicale_bcm.sync import candidates, preview
from radicale_bcm.sync.candidates import Candidate
from radicale_bcm.sync.preview import Group
from radicale_bcm.sync.promote import Outcome, Promotion, Refusal
from radicale_bcm.sync.promotion import ON_DUPLICATE, Wish
from radicale_bcm.sync.unit import Site

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_SHOWN = 20


@app.command()
def promote(
    ctx: typer.Context,
    selectors: Annotated[
        list[str] | None,
        typer.Argument(metavar="SELECTOR…", help="Paths (/alice/Contacts/x.vcf), UIDs, names or e-mail addresses."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All plain contacts of the sync folders.")] = False,
    principal: Annotated[
        str | None, typer.Option("--principal", "-p", metavar="NAME", help="With --all: only this person's.")
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", metavar="NAME", help="With --all: this address book, whatever it is.")
    ] = None,
    filters: Filters = None,
    record_type: Annotated[
        str, typer.Option("--as", metavar="TYPE", help="business-contact, account, or a type of your own.")
    ] = DEFAULT_TYPE,
    copy: Annotated[
        bool, typer.Option("--copy/--move", help="The contact stays beside the record, or becomes its card.")
    ] = False,
    account: Annotated[
        str, typer.Option("--account", metavar="NAME", help="The account they belong to; made if there is none.")
    ] = "",
    on_duplicate: Annotated[
        str,
        typer.Option(
            "--on-duplicate",
            metavar="|".join(ON_DUPLICATE),
            help="The database has the person already: complete that record, leave the contact alone, or make another.",
        ),
    ] = "merge",
    force: Annotated[bool, typer.Option("--force", help="Promote also what lacks required fields.")] = False,
    show: Annotated[
        bool, typer.Option("--preview", help="Show what would be created, by company and domain; change nothing.")
    ] = False,
    region: Region = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make business contacts of plain contacts. Phones see an edit, not a new contact: href and UID stay.

    A person needs a name and an e-mail address (bcm_required_fields); an account only a name. Whoever the database has
    already, by e-mail address or else by name and company, is completed: its own values stay. Run it again after an
    interruption: it goes on, and makes nothing twice. Exit status 1 if any was refused.

    For example:
        radicale-bcm promote --preview
        radicale-bcm promote /alice/Contacts/4711.vcf andrea@example.com
        radicale-bcm promote --all --principal alice --filter 'company=Contoso*' --account 'Contoso, Ltd.'
        radicale-bcm promote 'Fabrikam Inc.' --as account
    """
    if selectors and every:
        raise misused("name contacts, or take --all")
    if not selectors and not every and not show:
        raise misused("which contacts? name them, or take --all; --preview shows which there are")
    if selectors and (principal or folder or filters):
        raise misused("--principal, --folder and --filter choose among --all")
    if on_duplicate not in ON_DUPLICATE:
        raise misused(f"--on-duplicate is one of {', '.join(ON_DUPLICATE)}")
    wish = Wish(record_type, copy, account.strip(), on_duplicate, force)
    with opened(ctx) as site:
        wanted, unknown = _chosen(site, selectors, principal, folder, filters)
        if show:
            with output.progress("Looking for duplicates") as progress:
                groups = preview.groups(site, wanted, wish, region=checked(region), progress=progress)
            _show(groups, unknown, as_json=as_json)
            return
        work = Promotion(site, actor_of(ctx), wish)
        try:
            with output.progress("Promoting") as progress:
                work.run(wanted, dry_run=dry_run, progress=progress)
        except Exception:
            done = len(work.outcome.created) + len(work.outcome.merged)
            if done and not dry_run:
                output.hint(f"{output.counted(done, 'contact')} promoted before this; run it again, it goes on.")
            raise
    work.outcome.refused[:0] = [Refusal(*each) for each in unknown]
    _tell(work.outcome, dry_run=dry_run, as_json=as_json)
    if work.outcome.refused:
        raise typer.Exit(1)


def _chosen(
    site: Site,
    selectors: list[str] | None,
    principal: str | None,
    folder: str | None,
    filters: list[str] | None,
) -> tuple[list[Candidate], list[tuple[str, str]]]:
    with site.read() as conn:
        if selectors:
            return candidates.chosen(conn, selectors)
        wanted = parse_filters(filters or []).bind(principal or "")
        return list(candidates.listed(conn, wanted, principal, folder)), []


def _tell(outcome: Outcome, *, dry_run: bool, as_json: bool) -> None:
    if dry_run:
        output.hint("Dry run: nothing was changed.")
    if as_json:
        output.document(outcome.as_dict() | ({"dry_run": True} if dry_run else {}))
        return
    for what, done in (("created", outcome.created), ("merged", outcome.merged)):
        for each in done[:_SHOWN]:
            output.say(f"{what}: {output.clean(each.name)} (id {each.id}), from {output.clean(each.path)}")
            for note in each.notes:
                output.say(f"    {output.clean(note)}")
        if len(done) > _SHOWN:
            output.say(f"{what}: … and {len(done) - _SHOWN:,} more (--json lists all)")
    for refused in outcome.refused:
        output.hint(f"refused: {output.clean(refused.path)}: {output.clean(refused.reason)}")
    verb = "would be " if dry_run else ""
    output.say(
        f"{output.counted(len(outcome.created), 'record')} {verb}created,"
        f" {len(outcome.merged):,} {verb}merged, {len(outcome.refused):,} refused."
    )


def _show(groups: list[Group], unknown: list[tuple[str, str]], *, as_json: bool) -> None:
    seen = [each for group in groups for each in group.contacts]
    numbers = {what: sum(each.action == what for each in seen) for what in ("create", "merge", "refuse")}
    if as_json:
        refused: list[dict[str, Any]] = [asdict(Refusal(*each)) for each in unknown]
        refused += [{"path": each.path, "reason": each.reason} for each in seen if each.action == "refuse"]
        output.document({"groups": [each.as_dict() for each in groups], **numbers, "refused": refused})
        return
    for path, reason in unknown:
        output.hint(f"refused: {output.clean(path)}: {output.clean(reason)}")
    for group in groups:
        title = group.company or (f"@{group.domain}" if group.domain else "without company and e-mail address")
        output.say(f"{output.clean(title)}: {output.counted(len(group.contacts), 'contact')}")
        for each in group.contacts:
            what = {"create": "would be created", "merge": f"would go into record {each.into}"}.get(each.action)
            line = f"    {each.name} <{each.email}> {each.path}: {what or f'refused, {each.reason}'}"
            output.say(output.clean(line))
            for other in each.duplicates:
                why = ", ".join(other.reasons)
                output.say(output.clean(f"        {other.score} % like {other.name} ({other.id}): {why}"))
    output.say(
        f"{output.counted(numbers['create'], 'record')} would be created,"
        f" {numbers['merge']:,} merged, {numbers['refuse'] + len(unknown):,} refused."
    )
