# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm status`: what is synchronised where. For cli only."""

from typing import Annotated, Any

import typer

from radicale_bcm.books import membership
from radicale_bcm.cli import output
from radicale_bcm.cli.options import Json
from radicale_bcm.cli.site import opened
from radicale_bcm.database.errors import DatabaseError, url_safe
from radicale_bcm.sync import losses, pull, status, switch
from radicale_bcm.sync.status import Status
from radicale_bcm.sync.unit import Site

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("status")
def status_(
    ctx: typer.Context,
    principal: Annotated[
        str | None, typer.Option("--principal", "-p", metavar="NAME", help="Only this person.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what is synchronised where: database, folder, filter, counts, last change, quarantines.

    For example:
        radicale-bcm status
        radicale-bcm status --principal alice --json
    """
    with opened(ctx) as site:
        with site.read() as conn:
            found = status.of_all(conn, principal)
        behind, missing = _behind(site)
    if as_json:
        state = {"up_to_date": behind is None, "missing_records": missing}
        output.document([as_document(each) | state for each in found])
        return
    if found and found[0].origin:
        output.say(f"Business database: {found[0].origin.name} ({url_safe(found[0].origin.url)})")
    output.hint(*([behind] if behind else []))
    rows = [
        (each.setup.principal, f"/{each.path}/", "on" if each.setup.enabled else "off", each.business_cards,
         each.plain_contacts, each.quarantined or "", each.setup.category or "none", each.setup.access,
         " and ".join(each.setup.filters) or "everybody", ", ".join(each.setup.shown_fields),
         output.local(each.changed_at))
        for each in found
    ]  # fmt: skip
    columns = (
        "principal",
        "folder",
        "sync",
        "business",
        "plain",
        "quarantined",
        "category",
        "access",
        "filter",
        "fields",
        "changed",
    )
    output.table(
        columns, rows, "Nothing is synchronised yet: radicale-bcm sync start --principal NAME --folder Contacts"
    )
    for each in found:
        if each.quarantined:
            name = each.setup.principal
            cards = output.counted(each.quarantined, "deleted card is", "deleted cards are")
            output.hint(
                f"{name}: {cards} set aside because they were many at once: radicale-bcm deleted confirm --principal"
                f" {name}, or deleted restore --principal {name}"
            )


def as_document(each: Status) -> dict[str, Any]:
    """The JSON object of a principal."""
    return {
        "principal": each.setup.principal,
        "folder": each.folder,
        "path": f"/{each.path}/" if each.path else None,
        "filter": list(each.setup.filters),
        "category": each.setup.category or None,
        "access": each.setup.access,
        "on_delete": each.setup.on_delete,
        "shown_fields": list(each.setup.shown_fields),
        "enabled": each.setup.enabled,
        "business_cards": each.business_cards,
        "plain_contacts": each.plain_contacts,
        "quarantined": each.quarantined,
        "last_change": output.iso(each.changed_at),
        "database": each.origin.name if each.origin else None,
    }


def _behind(site: Site) -> tuple[str | None, int]:
    """What is wrong with the way from the business database to the cards, if anything is, and how many of its records
    are missing without an explanation."""
    with site.read() as conn:
        lost = losses.of(conn, site.origin())
        leaving = losses.leaving(conn, site.origin().id)
        filters = {number: membership.get_audience(conn, number).filters for number in leaving}
        begun = switch.intent(conn)
    told: list[str] = []
    if lost:
        since = output.local(lost.noticed)
        told.append(
            f"{lost.missing:,} of {lost.shown:,} contacts are missing or deleted in the business database since"
            f" {since}, and their cards stay as they were."
        )
    told += [
        f"{each.missing:,} of {each.shown:,} contacts do not pass the filter {' and '.join(filters[number])} any more"
        f" since {output.local(each.noticed)}, and their cards stay in the folders."
        for number, each in leaving.items()
    ]
    if told:
        advice = "They come back by themselves; if it is on purpose: radicale-bcm sync now --full --yes"
        return "\n".join([*told, advice]), lost.missing if lost else 0
    if begun:
        return "A switch to another business database is under way, or was interrupted: run it again.", 0
    try:
        if pull.has_pending(site):
            message = "Changes of the business database wait to be shown; a server or `sync now` brings them."
            return message, 0
    except DatabaseError as error:
        return f"The business database cannot be read, its contacts are shown as they were: {error}", 0
    return None, 0
