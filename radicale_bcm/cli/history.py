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
from radicale_bcm.sync.unit import Site

app = typer.Typer(rich_markup_mode=None, add_completion=False)

# What the history says beside the fields, in the order in which it is told.
_SAYS = {
    "from": "from {}",
    "replaced_by": "replaced by {}",
    "undoes": "takes back #{}",
    "confirmed": "deleted by {}",
    "merged_into": "merged into {}",
    "merged": "merged with {}",
    "bound": "bound to {}",
}


@app.command("history")
def history_(
    ctx: typer.Context,
    record: Annotated[
        str | None,
        typer.Argument(
            metavar="RECORD",
            help="Id, UID, name or e-mail address of a business contact, or the path of a plain contact or a folder.",
        ),
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

    The number in front of a change is what `radicale-bcm undo` takes.

    For example:
        radicale-bcm history nick@example.com
        radicale-bcm history --by alice --since 2d
        radicale-bcm history /alice/Contacts/
    """
    after = moment(since) if since else None
    with opened(ctx) as site:
        subject, place = _of(site, record) if record is not None else (None, None)
        with site.read() as conn:
            found = history.entries(conn, record=subject, place=place, actor=by, since=after, limit=limit)
    if record is not None and not found and by is None and after is None:
        raise NotThere(f"nothing is known about {record!r}: see `radicale-bcm contact list`")
    if as_json:
        output.document([_document(each) for each in found])
        return
    for each in found:
        _print(each)
    if not found:
        output.hint("No change.")


def _of(site: Site, record: str) -> tuple[tuple[int, str] | None, tuple[str, str] | None]:
    """What is asked for: a record, or the place of a plain contact, whose href is empty for a folder."""
    if record.startswith("/"):
        if record.endswith("/"):
            return None, (record.strip("/"), "")
        path, _, href = record.strip("/").rpartition("/")
        return None, (path, href)
    origin = site.origin()
    try:
        with site.business(origin).reader() as source:
            return (origin.id, records.find(site, source, record, deleted=True).id), None
    except NotThere:
        return (origin.id, record), None  # purged, but its history stays


def _document(each: Entry) -> dict[str, Any]:
    return {
        "id": str(each.id),
        "at": output.iso(each.at),
        "actor": each.actor or None,
        "client": each.client or None,
        "source": each.source,
        "action": each.action,
        "record": each.record_id,
        "name": each.label,
        "path": f"/{each.path}/{each.href}" if each.path else None,
        "changes": {name: [old, new] for name, (old, new) in each.changes.items()},
        "note": each.note,
    }


def _print(each: Entry) -> None:
    who = each.actor or {"database": "another program, in the database", "command": "a command"}.get(
        each.source, "somebody"
    )
    through = f" ({output.clean(each.client)})" if each.client else ""
    number = f" (id {each.record_id})" if each.record_id else f" (/{each.path}/{each.href})" if each.path else ""
    name = output.clean(each.label)
    said = "".join(f", {output.clean(text.format(each.note[key]))}" for key, text in _SAYS.items() if key in each.note)
    output.say(f"#{each.id}  {output.local(each.at)}  {output.clean(who)}{through}: {each.action} {name}{number}{said}")
    for field, (old, new) in each.changes.items():
        output.say(f"    {field}: {output.clean(old) or '(empty)'} -> {output.clean(new) or '(empty)'}")
    for field, about in (each.note.get("refused") or {}).items():
        output.say(
            f"    {field}: refused {output.clean(about.get('value', ''))}: {output.clean(about.get('reason', ''))}"
        )
    for field, about in (each.note.get("overruled") or {}).items():
        output.say(f"    {field}: overruled {output.clean(about)}")
    if each.note.get("purged"):
        output.say("    (its values were purged)")
