# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm init`: a folder with everything that a first installation needs. For cli only."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.htpasswd import check_name, hash_of
from radicale_bcm.cli.installation import Installation, Made
from radicale_bcm.cli.options import DryRun, Json
from radicale_bcm.cli.user import ask_password

app = typer.Typer(rich_markup_mode=None, add_completion=False)

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="The business database: postgresql://user:password@host/name, mariadb://… or sqlite:////path. "
        "Without it, a SQLite file in DIR.",
    ),
]
State = Annotated[
    str | None, typer.Option("--state", metavar="URL", help="The plugin's own database; never the same one.")
]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; made if it is missing.")] = Path(),
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="The first account.")] = None,
    password: Annotated[str | None, typer.Option("--password", metavar="PASSWORD", help="Its password.")] = None,
    database: Database = None,
    state: State = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write a commented configuration, create the databases and the first user, and say how to go on.

    Can be run again: what is there stays as it is, what is missing is made, a new user is added.

    For example:
        radicale-bcm init /srv/contacts --user alice
        radicale-bcm init . --user alice --database postgresql://bcm@localhost/crm --state postgresql://bcm@localhost/state
    """
    installation = Installation(folder, database, state)
    installation.check()
    name = user or _ask_name()
    check_name(name)
    known = installation.accounts.has(name)
    if not known:
        secret = password if password is not None else ask_password(name)
        hash_of(secret)
    if dry_run:
        made = installation.plan()
    else:
        with output.progress("Creating the databases") as progress:
            site, made = installation.prepare(progress)
        site.close()
        if not known:
            installation.accounts.add(name, secret)
    (made.kept if known else made.made).append(f"the account {name}" + (", with the password it has" if known else ""))
    _tell(installation, name, made, dry_run=dry_run, as_json=as_json)


def _ask_name() -> str:
    if not sys.stdin.isatty():
        raise misused("which user? add --user NAME --password PASSWORD")
    return str(typer.prompt("Name of the first user", err=True))


def _tell(installation: Installation, name: str, made: Made, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        document = {"configuration": str(installation.file), "user": name, "created": made.made, "kept": made.kept}
        output.document(document | ({"dry_run": True} if dry_run else {}))
        return
    for line in made.made:
        output.say(f"{'would create' if dry_run else 'created'}  {line}")
    for line in made.kept:
        output.say(f"kept     {line}")
    if dry_run:
        return
    command = f"radicale-bcm -C {installation.file}"
    output.say(
        "",
        "How to go on:",
        f"  {command} contact add given_name=Nick family_name=Brigandi email=nick@example.com",
        f"  {command} import contacts.vcf",
        f"  {command} sync start --principal {name} --folder Contacts",
        f"  {command} serve",
        f"Then add the address http://127.0.0.1:5232/{name}/ as a CardDAV account to an address-book program.",
    )
