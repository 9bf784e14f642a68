# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that many commands have, and the questions that go with them. For cli only."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused, refuse

Json = Annotated[
    bool, typer.Option("--json", callback=output.ask_for_json, help="Print one JSON document and nothing else.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything but keep nothing: show what would happen.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Principal = Annotated[str, typer.Option("--principal", "-p", metavar="NAME", help="Whose folder, by login name.")]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", "-f", metavar="FIELD=EXPR", help="Such as 'company=Contoso*|Fabrikam*'. Repeated: all must hold."
    ),
]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def confirm(question: str, *, yes: bool, dry_run: bool = False) -> None:
    """Ask before something is removed. Nobody to ask: refused."""
    if yes or dry_run:
        return
    if not sys.stdin.isatty():
        raise refuse(f"{question}\nNobody is here to answer, so nothing was done. Add --yes to go ahead.")
    if not typer.confirm(question, err=True):
        raise refuse("nothing was done")


def assignments(texts: list[str]) -> dict[str, str]:
    """The fields of `name=value` arguments; an empty value empties the field."""
    fields: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise misused(f"{text!r} is not field=value, such as given_name=Nick")
        if name in fields:
            raise misused(f"{name} is given twice")
        fields[name] = value
    return fields


def moment(text: str) -> datetime:
    """A time: 2026-01-31, 2026-01-31T12:00 (local unless it says otherwise), or an age such as 30d, 12h, 10m."""
    text = text.strip()
    if text[:-1].isdigit() and text[-1:] in _UNITS:
        try:
            return datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        except OverflowError:
            raise misused(f"{text!r} is too long ago") from None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.astimezone()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise misused(f"{text!r} is no time: 2026-01-31, 2026-01-31T12:00, or an age such as 30d or 12h") from None
