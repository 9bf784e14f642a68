# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm deleted`: Deleted Items. For cli only."""

import sys
from typing import Annotated, Any

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import DryRun, Json, Principal, Yes, moment
from radicale_bcm.cli.options import confirm as ask
from radicale_bcm.cli.site import actor_of, opened, working
from radicale_bcm.sync import guard, trash
from radicale_bcm.sync.trash import Deleted, Outcome
from radicale_bcm.sync.unit import Unit

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="As `deleted list` shows them.")]
By = Annotated[
    str | None, typer.Option("--principal", "-p", metavar="NAME", help="Everything that this person deleted.")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Only since then: 2026-01-31, or an age such as 2h or 3d.")
]


@app.callback()
def deleted() -> None:
    """Business records and plain contacts that were deleted, restorable until they are purged.

    For example:
        radicale-bcm deleted list
        radicale-bcm deleted restore 17
        radicale-bcm deleted restore --principal alice --since 1h
        radicale-bcm deleted purge --older-than 365d
    """


@app.command("list")
def list_(
    ctx: typer.Context,
    principal: By = None,
    since: Since = None,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="The deletes that wait for your word instead: nothing is deleted yet.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List Deleted Items, the latest first.

    For example:
        radicale-bcm deleted list
        radicale-bcm deleted list --principal alice --since 2d --json
    """
    after = moment(since) if since else None
    with opened(ctx) as site, site.write(actor_of(ctx)) as unit:
        waiting = trash.quarantined(unit, principal)
        found = waiting if quarantined else trash.listed(unit)
        unit.failed = True
    found = [
        each
        for each in found
        if (principal is None or each.deleted_by == principal) and (after is None or each.deleted_at >= after)
    ]
    if as_json:
        output.document([_document(each) for each in found])
        return
    rows = [(e.id, e.name, e.kind, output.local(e.deleted_at), e.deleted_by, e.state, e.path) for e in found]
    output.table(("id", "name", "kind", "deleted", "by", "state", "folder"), rows, "There is none.")
    if waiting and not quarantined:
        output.hint(f"{output.counted(len(waiting), 'delete')} more wait for your word: see deleted list --quarantined")


@app.command(short_help="Bring deleted contacts back into every folder.")
def restore(
    ctx: typer.Context,
    ids: Ids = None,
    principal: By = None,
    since: Since = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring deleted contacts back into every folder they were in; with --principal the quarantined ones as well.

    For example:
        radicale-bcm deleted restore 17 plain-4
        radicale-bcm deleted restore --principal alice --since 1h
    """
    after = moment(since) if since else None
    if bool(ids) == bool(principal) or (ids and since):
        raise misused("which ones? ids, or --principal NAME with or without --since")
    with opened(ctx) as site, working(ctx, site, dry_run=dry_run) as unit:
        outcome = Outcome(trash.restore(unit, ids)) if ids else trash.restore_of(unit, principal or "", after)
    if as_json:
        refused = [{"id": each.id, "reason": reason} for each, reason in outcome.refused]
        document: dict[str, Any] = {"restored": [each.id for each in outcome.restored], "refused": refused}
        output.document(document | ({"dry_run": True} if dry_run else {}))
    else:
        for each in outcome.restored:
            output.say(f"{'Would restore' if dry_run else 'Restored'} {output.clean(each.name)} ({each.id}).")
        for each, reason in outcome.refused:
            output.hint(f"refused: {output.clean(each.name)} ({each.id}): {output.clean(reason)}")
        if not outcome.restored and not outcome.refused:
            output.say("There was nothing to restore.")
    if outcome.refused:
        raise typer.Exit(1)


@app.command(short_help="Carry out deletes that were set aside.")
def confirm(
    ctx: typer.Context,
    principal: Principal,
    ids: Ids = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Carry out deletes that were set aside because they were many at once: the records go to Deleted Items.

    On a terminal it says how many before it does; a script has said what it wants by running this.

    For example:
        radicale-bcm deleted list --quarantined --principal alice
        radicale-bcm deleted confirm --principal alice
    """
    with opened(ctx) as site:
        with site.write(actor_of(ctx)) as unit:
            waiting = trash.quarantined(unit, principal)
            unit.failed = True
        wanted = [each for each in waiting if not ids or each.id in ids]
        if wanted and sys.stdin.isatty():
            question = f"Move {output.counted(len(wanted), 'contact')} to Deleted Items ({_names(wanted)})?"
            ask(question, yes=yes, dry_run=dry_run)
        with working(ctx, site, dry_run=dry_run) as unit:
            done = guard.confirm(unit, principal, ids or None)
    if as_json:
        document: dict[str, Any] = {"confirmed": [each.card.record_id for each in done]}
        output.document(document | ({"dry_run": True} if dry_run else {}))
        return
    verb = "would be" if dry_run else "is" if len(done) == 1 else "are"
    output.say(f"{output.counted(len(done), 'contact')} {verb} in Deleted Items.")


@app.command()
def purge(
    ctx: typer.Context,
    ids: Ids = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Deleted before that: 365d, or a date.")
    ] = None,
    removed_remotely: Annotated[
        bool, typer.Option("--removed-remotely", help="Only what was deleted on phones and other clients.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All Deleted Items.")] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Delete Deleted Items for good. Nothing brings them back.

    For example:
        radicale-bcm deleted purge 17
        radicale-bcm deleted purge --older-than 365d --dry-run
        radicale-bcm deleted purge --removed-remotely --older-than 30d
    """
    before = moment(older_than) if older_than else None
    if not (ids or everything or older_than or removed_remotely):
        raise misused("which ones? ids, --older-than AGE, --removed-remotely or --all")
    with opened(ctx) as site:
        with site.write(actor_of(ctx)) as unit:
            chosen = trash.purgeable(unit, ids or None, before, removed_remotely=removed_remotely)
            unit.failed = True
        if chosen:
            question = f"Delete {output.counted(len(chosen), 'contact')} for good ({_names(chosen)})?"
            ask(question, yes=yes, dry_run=dry_run)
        with working(ctx, site, dry_run=dry_run) as unit:
            count = _purged(unit, chosen)
    if as_json:
        output.document({"purged": count} | ({"dry_run": True} if dry_run else {}))
        return
    output.say(
        f"{output.counted(count, 'contact')} {'would be' if dry_run else 'is' if count == 1 else 'are'} gone for good."
    )


def _purged(unit: Unit, chosen: list[Deleted]) -> int:
    """Purge those that are still deleted; somebody may have restored one while the question was read."""
    still = {each.id for each in trash.listed(unit)}
    return trash.purge(unit, [each.id for each in chosen if each.id in still])


def _names(some: list[Deleted]) -> str:
    return ", ".join(output.clean(each.name) for each in some[:5]) + (", …" if len(some) > 5 else "")


def _document(each: Deleted) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "type": each.kind,
        "deleted_at": output.iso(each.deleted_at),
        "deleted_by": each.deleted_by,
        "folder": each.path or None,
        "state": each.state,
    }
