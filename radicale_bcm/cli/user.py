# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm user`: accounts in Radicale's htpasswd file. For cli only."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused, refuse
from radicale_bcm.cli.htpasswd import Accounts
from radicale_bcm.cli.options import DryRun, Json, Yes, confirm
from radicale_bcm.cli.site import configuration_of
from radicale_bcm.sync.errors import Refused

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name with which the person logs in.")]
Password = Annotated[
    str | None,
    typer.Option("--password", metavar="PASSWORD", help="Without it the command asks; better where others can look."),
]


@app.callback()
def user() -> None:
    """Accounts of the people who log in, in the htpasswd file of the configuration.

    For example:
        radicale-bcm user add alice
        radicale-bcm user list
    """


@app.command()
def add(
    ctx: typer.Context, name: Name, password: Password = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Add an account. The password is stored as a bcrypt hash.

    For example:
        radicale-bcm user add alice
        radicale-bcm user add bob --password 'correct horse battery staple'
    """
    accounts = _accounts(ctx)
    accounts.add(name, password if password is not None else ask_password(name), dry_run=dry_run)
    if as_json:
        output.document({"name": name})
        return
    output.say(f"{name} can log in{' (dry run: not written)' if dry_run else ''}.")
    output.hint(f"Next: radicale-bcm sync start --principal {name} --folder Contacts")


@app.command("list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """List the accounts.

    For example:
        radicale-bcm user list
    """
    found = _accounts(ctx).listed()
    if as_json:
        output.document([{"name": each.name, "encryption": each.encryption} for each in found])
        return
    rows = [(each.name, each.encryption) for each in found]
    output.table(("name", "encryption"), rows, "There is no account yet: radicale-bcm user add NAME")


@app.command()
def remove(ctx: typer.Context, name: Name, yes: Yes = False, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Remove an account: the person cannot log in any more. Address books, set-up and history stay.

    For example:
        radicale-bcm user remove bob
    """
    accounts = _accounts(ctx)
    accounts.remove(name, dry_run=True)
    confirm(f"Remove 1 account, {name}? The address books stay.", yes=yes, dry_run=dry_run)
    accounts.remove(name, dry_run=dry_run)
    if as_json:
        output.document({"removed": [name]})
        return
    output.say(f"{name} has no account any more{' (dry run: not written)' if dry_run else ''}.")
    output.hint(f"Is this person's folder still wanted? radicale-bcm sync stop --principal {name}")


@app.command()
def password(
    ctx: typer.Context, name: Name, password: Password = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Give an account another password.

    A running server notices by itself, after the seconds for which it remembers logins.

    For example:
        radicale-bcm user password alice
    """
    accounts = _accounts(ctx)
    if not accounts.has(name):
        accounts.remove(name, dry_run=True)  # refuses with the reason, before anybody is asked for a password
    accounts.set_password(name, password if password is not None else ask_password(name), dry_run=dry_run)
    if as_json:
        output.document({"name": name})
        return
    output.say(f"{name} has a new password{' (dry run: not written)' if dry_run else ''}.")


def ask_password(name: str) -> str:
    """Ask on the terminal, twice."""
    if not sys.stdin.isatty():
        raise misused("nobody is here to type a password: add --password PASSWORD")
    return str(typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True))


def lacks_account(ctx: typer.Context, name: str) -> bool:
    """Whether the accounts are in a file that can be read, and nobody in it has this name."""
    try:
        return not _accounts(ctx).has(name)
    except (Refused, OSError):
        return False


def _accounts(ctx: typer.Context) -> Accounts:
    configuration = configuration_of(ctx)
    kind = configuration.get("auth", "type")
    if kind != "htpasswd":
        raise refuse(f"accounts are no matter of this command: [auth] type is {kind}, not htpasswd")
    encryption = configuration.get("auth", "htpasswd_encryption")
    if encryption not in ("bcrypt", "autodetect"):
        raise refuse(f"[auth] htpasswd_encryption is {encryption}: set it to bcrypt, which this command writes")
    return Accounts(Path(configuration.get("auth", "htpasswd_filename")), configuration.get("encoding", "stock"))
