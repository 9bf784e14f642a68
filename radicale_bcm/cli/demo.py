# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm demo`: a complete running example in a folder of its own. For cli only."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from radicale_bcm.cli import demo_data, output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.init import Database, State
from radicale_bcm.cli.installation import Installation
from radicale_bcm.cli.options import Json
from radicale_bcm.cli.serve import Port, Workers, run
from radicale_bcm.sync import status
from radicale_bcm.sync.status import Status

app = typer.Typer(rich_markup_mode=None, add_completion=False)

PORT = 5232


def _usual_folder() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "radicale-bcm" / "demo"


@app.command()
def demo(
    port: Port = PORT,
    contacts: Annotated[int, typer.Option("--contacts", min=1, max=1_000_000, help="Sample contacts.")] = 200,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Prepare everything, but run no server.")] = False,
    directory: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="The folder; ~/.local/share/radicale-bcm/demo without it."),
    ] = None,
    database: Database = None,
    state: State = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Run a complete example: sample business contacts, two users with address books, a server on this machine.

    Run it again, and it goes on with what is there. To begin anew, remove the folder.

    For example:
        radicale-bcm demo
        radicale-bcm demo --port 8080 --contacts 5000 --directory /tmp/demo
        radicale-bcm demo --database postgresql://bcm@localhost/crm --state postgresql://bcm@localhost/state
    """
    if as_json and not no_serve:
        raise misused("--json goes with --no-serve")
    installation = Installation(directory or _usual_folder(), database, state)
    installation.check()
    with output.progress("Preparing the sample contacts") as progress:
        site, _ = installation.prepare(progress)
        try:
            demo_data.fill_database(site, contacts, progress)
            demo_data.fill_folders(site)
            with site.read() as conn:
                found = [each for name in demo_data.USERS for each in status.of_all(conn, name)]
        finally:
            site.close()
    passwords = demo_data.open_accounts(installation.accounts, installation.folder / "passwords")
    url = f"http://127.0.0.1:{PORT if port is None else port}/"
    if as_json:
        users = [{"name": name, "password": passwords[name], "url": f"{url}{name}/"} for name in passwords]
        output.document({"configuration": str(installation.file), "url": url, "users": users})
        return
    _explain(installation, url, passwords, found)
    if not no_serve:
        sys.stdout.flush()
        run(str(installation.file), "127.0.0.1", PORT if port is None else port, workers)


def _explain(installation: Installation, url: str, passwords: dict[str, str], found: list[Status]) -> None:
    command = f"radicale-bcm -C {shlex.quote(str(installation.file))}"
    output.say(f"The demo is in {installation.folder}", "", "Users:")
    for each in found:
        name = each.setup.principal
        who = "every business contact" if not each.setup.filters else " and ".join(each.setup.filters)
        output.say(
            f"  {name:<6} password {passwords[name]}   {url}{each.path}/",
            f"         {each.business_cards} business contacts ({who}) beside {each.plain_contacts} private ones",
        )
    alice = f"-u alice:{passwords['alice']}"
    output.say(
        "",
        "Connect an address book to the address " + url,
        "  Thunderbird       Address Book > New Address Book > Add CardDAV Address Book: user name alice, this address",
        "  Evolution, KDE    new CardDAV address book with the address of alice's folder above",
        "  DAVx5, iPhone     this machine's name instead of 127.0.0.1, and TLS: see the README",
        "",
        "Look at what a phone sees:",
        f"  curl {alice} {url}alice/{demo_data.FOLDER}/",
        f"  curl {alice} -X PROPFIND -H 'Depth: 1' {url}alice/{demo_data.FOLDER}/",
        "",
        "Change a business contact, and look again; every connected address book follows at its next sync:",
        f"  {command} contact edit nick@example.com job_title='Chief Buyer' mobile_phone='+1 425 555 0199'",
        f"  {_sql(installation)}",
        "",
        "And then:",
        f"  {command} status",
        f"  {command} contact list --filter 'company=Contoso*'",
        f"  {command} sync set --principal bob --filter owner=%me --dry-run",
        f"  {command} history nick@example.com",
        "",
    )


def _sql(installation: Installation) -> str:
    statement = "UPDATE contact SET note = 'Changed by SQL' WHERE email = 'nick@example.com'"
    url = make_url(installation.options().database_url)
    if url.get_backend_name() == "sqlite":
        return f'sqlite3 {shlex.quote(url.database or "")} "{statement}"'
    if url.get_backend_name() == "postgresql":
        address = url.set(drivername="postgresql", password=None).render_as_string()
        return f'psql {shlex.quote(address)} -c "{statement}"'
    host = f"-h {url.host} " if url.host else ""
    return f'mariadb {host}-u {url.username} -p {url.database} -e "{statement}"'
