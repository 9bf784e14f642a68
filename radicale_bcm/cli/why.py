# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm why`: why a contact is, or is not, in somebody's folder. For cli only."""

from typing import Annotated, Any

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.options import Json
from radicale_bcm.cli.site import opened
from radicale_bcm.sync import why as reasons
from radicale_bcm.sync.why import Answer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("why")
def why_(
    ctx: typer.Context,
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Whose folder, by login name.")],
    record: Annotated[
        str, typer.Argument(metavar="RECORD", help="An id, a UID, or a name or e-mail address that only one has.")
    ],
    as_json: Json = False,
) -> None:
    """Say why this contact is, or is not, in this person's folder.

    For example:
        radicale-bcm why alice 42
        radicale-bcm why alice nick@example.com
        radicale-bcm why alice 'Nick Brigandi' --json
    """
    with opened(ctx) as site:
        found = reasons.why(site, principal, record)
    if as_json:
        output.document(_as_document(found))
        return
    who = f"{output.clean(found.name) or 'A contact without a name'} (id {output.clean(found.record_id)})"
    where = f"/{output.clean(found.path)}/" if found.path else f"any folder of {output.clean(found.principal)}"
    place = f", as {output.clean(found.href)}" if found.shown else ""
    output.say(f"{who} {'is' if found.shown else 'is not'} in {where}{place}.")
    for each in found.conditions:
        value = f"it has {output.clean(each.value)}" if each.value else "it has no value"
        output.say(f"  {'yes' if each.holds else 'NO '}  {output.clean(each.condition)}  ({value})")
    if found.shown and not found.conditions and not found.reasons:
        output.say("  Nothing is filtered: every business contact is shown.")
    for reason in found.reasons:
        output.say(f"  {output.clean(reason[:1].upper() + reason[1:])}.")


def _as_document(found: Answer) -> dict[str, Any]:
    return {
        "principal": found.principal,
        "path": f"/{found.path}/" if found.path else None,
        "id": found.record_id,
        "name": found.name,
        "shown": found.shown,
        "href": found.href or None,
        "reasons": list(found.reasons),
        "conditions": [
            {"condition": each.condition, "holds": each.holds, "value": each.value} for each in found.conditions
        ],
    }
