# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm history`: who changed which field from what to what, from where. For cli only."""

from typing import Annotated, Any

import typer

from radicale_bcm.books import history
from radicale_bcm.books.history import Entry
from radicale_bcm.cli import output
from radicale_bcm.cli.options import Json, moment
from radicale_bcm.cli.site import opened
from radicale_bcm.sync import records
from radicale_bcm.sync.errors import NotThere

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("history")
def history_(
    ctx: typer.Context,
    record: Annotated[
        str | None, typer.Argument(metavar="RECORD", help="Id, UID, name or e-mail address of a contact.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Only what this person changed.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only since then: 2026-01-31, or an age such as 2h or 3d."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many, the latest.")] = 100,
    as_json: Json = False,
) -> None:
    """Show who changed which field from what to what, from where; the latest first.

    For example:
        radicale-bcm history nick@example.com
        radicale-bcm history --by alice --since 2d
    """
    after = moment(since) if since else None
    with opened(ctx) as site:
        origin = site.origin()
        wanted = None
        if record is not None:
            try:
                with site.business(origin).reader() as source:
                    wanted = (origin.id, records.find(site, source, record).id)
            except NotThere:
                wanted = (origin.id, record)  # purged, but its history stays
        with site.read() as conn:
            found = history.entries(conn, record=wanted, actor=by, since=after, limit=limit)
    if record is not None and not found and by is None and after is None:
        raise NotThere(f"nothing is known about {record!r}: see `radicale-bcm contact list`")
    if as_json:
        output.document([_document(each) for each in found])
        return
    for each in found:
        _print(each)
    if not found:
        output.hint("No change.")


def _document(each: Entry) -> dict[str, Any]:
    return {
        "id": str(each.id),
        "at": output.iso(each.at),
        "by": each.actor,
        "from": each.client,
        "source": each.source,
        "action": each.action,
        "record": each.record_id,
        "name": each.label,
        "path": f"/{each.path}/{each.href}" if each.path else None,
        "changes": {name: {"old": old, "new": new} for name, (old, new) in each.changes.items()},
        "note": each.note,
    }


def _print(each: Entry) -> None:
    who = each.actor or {"database": "the database", "command": "a command"}.get(each.source, "somebody")
    through = f" ({output.clean(each.client)})" if each.client else ""
    number = f" (id {each.record_id})" if each.record_id else f" (/{each.path}/{each.href})" if each.path else ""
    name = output.clean(each.label)
    output.say(f"#{each.id}  {output.local(each.at)}  {output.clean(who)}{through}: {each.action} {name}{number}")
    for field, (old, new) in each.changes.items():
        output.say(f"    {field}: {output.clean(old) or '(empty)'} -> {output.clean(new) or '(empty)'}")
    for field, about in (each.note.get("refused") or {}).items():
        output.say(
            f"    {field}: refused {output.clean(about.get('value', ''))}: {output.clean(about.get('reason', ''))}"
        )
    for field, about in (each.note.get("overruled") or {}).items():
        output.say(f"    {field}: overruled {output.clean(about)}")
