# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm check`: whether everything works, and what to mend. For cli only."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import typer
from radicale.config import Configuration

from radicale_bcm.cli import output
from radicale_bcm.cli.failures import UNAVAILABLE
from radicale_bcm.cli.htpasswd import Accounts
from radicale_bcm.cli.options import Json
from radicale_bcm.cli.site import actor_of, plugin_configuration
from radicale_bcm.database.errors import DatabaseError, url_safe
from radicale_bcm.server import config
from radicale_bcm.sync import checking, mapping_check, status
from radicale_bcm.sync.errors import Refused
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Finding(NamedTuple):
    """What one check found. `level` is ok, advice or problem."""

    name: str
    level: str
    message: str
    unavailable: bool = False


@app.command()
def check(ctx: typer.Context, as_json: Json = False) -> None:
    """Validate configuration, accounts, rights, databases, and try a contact out, which is rolled back.

    Says what to mend. Exit status 1 if there is a problem, 3 if a database cannot be used.

    For example:
        radicale-bcm -C /srv/contacts/radicale.ini check
    """
    configuration = plugin_configuration(ctx)
    found = [Finding("configuration", "ok", str(ctx.obj or "Radicale's default places"))]
    found += [*_accounts(configuration), *_rights(configuration), *_files(ctx, configuration)]
    found += _databases(ctx, configuration)
    problems = [each for each in found if each.level == "problem"]
    if as_json:
        checks = [{"name": each.name, "level": each.level, "message": each.message} for each in found]
        output.document({"ok": not problems, "checks": checks})
    else:
        for each in found:
            output.say(f"{each.level:<8} {each.name}: {each.message}".replace("\n", f"\n{'':10}"))
        output.say("", output.counted(len(problems), "problem") if problems else "Everything works.")
    if problems:
        raise typer.Exit(UNAVAILABLE if any(each.unavailable for each in problems) else 1)


def _accounts(configuration: Configuration) -> Iterator[Finding]:
    kind = configuration.get("auth", "type")
    if kind == "none":
        yield Finding("accounts", "problem", "[auth] type is none: everybody is let in; set it to htpasswd")
        return
    if kind != "htpasswd":
        yield Finding("accounts", "ok", f"by {kind}")
        return
    path = Path(configuration.get("auth", "htpasswd_filename"))
    if not os.access(path, os.R_OK):
        yield Finding("accounts", "problem", f"{path} cannot be read; `radicale-bcm user add NAME` makes it")
        return
    try:
        found = Accounts(path, configuration.get("encoding", "stock")).listed()
    except Refused as error:
        yield Finding("accounts", "problem", error.reason)
        return
    names = [each.name for each in found]
    double = sorted({name for name in names if names.count(name) > 1})
    plain = sorted(each.name for each in found if each.encryption == "plain")
    if not names:
        yield Finding("accounts", "problem", f"{path} has none; add one with `radicale-bcm user add NAME`")
    elif double:
        yield Finding("accounts", "problem", f"{path} has {', '.join(double)} twice; Radicale does not start with that")
    elif plain and configuration.get("auth", "htpasswd_encryption") != "plain":
        yield Finding(
            "accounts", "advice", f"{', '.join(plain)}: the password is no hash; `user password` makes it one"
        )
    else:
        yield Finding("accounts", "ok", f"{len(names)} in {path}")
    if path.exists() and path.stat().st_mode & 0o007:
        yield Finding("accounts", "advice", f"{path} can be read by everybody on this machine: chmod o= {path}")


def _rights(configuration: Configuration) -> Iterator[Finding]:
    kind = configuration.get("rights", "type")
    if kind in ("authenticated", "owner_write"):
        message = f"[rights] type is {kind}: people see each other's contacts; owner_only keeps them apart"
        yield Finding("rights", "advice", message)
    else:
        yield Finding("rights", "ok", kind)
    for name in ("permit_delete_collection", "permit_overwrite_collection"):
        if configuration.get("rights", name):
            message = f"[rights] {name} is on: a client can remove a whole address book at once; sync folders refuse"
            yield Finding("rights", "advice", message)
    if configuration.get("storage", "strict_preconditions"):
        message = (
            "[storage] strict_preconditions is on: Thunderbird and Evolution cannot save any change; set it to False"
        )
        yield Finding("clients", "problem", message)


def _files(ctx: typer.Context, configuration: Configuration) -> Iterator[Finding]:
    urls = (configuration.get("storage", "bcm_state_url"), configuration.get("storage", "bcm_database_url"))
    secret = any(url_safe(url) != url and "$" not in url for url in urls if url and "@" in url)
    path = Path(ctx.obj) if ctx.obj and os.pathsep not in ctx.obj else None
    if secret and path is not None and path.stat().st_mode & 0o007:
        yield Finding("secrets", "advice", f"{path} has a password in it and everybody can read it: chmod o= {path}")
    if urls[0] and urls[0] == urls[1]:
        message = "bcm_state_url and bcm_database_url are the same; a backup of one would be a backup of both"
        yield Finding("databases", "advice", message)


def _databases(ctx: typer.Context, configuration: Configuration) -> list[Finding]:
    options, create = config.options_of(configuration)
    try:
        site = open_site(options, create=create)
    except DatabaseError as error:
        return [Finding("databases", "problem", f"{error}; `radicale-bcm init DIR` creates new ones", unavailable=True)]
    except Refused as error:
        return [Finding("databases", "problem", error.reason)]
    try:
        found = [Finding("state database", "ok", url_safe(options.state_url))]
        for name, test in (("business database", _business), ("round trip", _round_trip), ("set-ups", _setups)):
            found.append(_tried(name, ctx, site, test))
            if found[-1].unavailable:
                break
        found += [Finding(each.name, each.level, each.message) for each in mapping_check.remarks(site)]
        return found
    finally:
        site.close()


def _tried(name: str, ctx: typer.Context, site: Site, test: Callable[[typer.Context, Site], str]) -> Finding:
    try:
        return Finding(name, "ok", test(ctx, site))
    except DatabaseError as error:
        return Finding(name, "problem", str(error), unavailable=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, this command is there to tell it
        return Finding(name, "problem", str(error) or type(error).__name__)


def _business(_ctx: typer.Context, site: Site) -> str:
    origin = site.origin()
    with site.business(origin).reader() as source:
        return f"{origin.name}, {url_safe(origin.url)}, {output.counted(source.count(), 'contact')}"


def _round_trip(ctx: typer.Context, site: Site) -> str:
    with site.write(actor_of(ctx)) as unit:
        read_only = unit.records().read_only
        wrong = checking.round_trip(unit)
    if wrong:
        raise Refused(wrong)
    if read_only:
        return "not tried, the database is read-only"
    return "a contact was added, shown, changed and deleted, and everything rolled back"


def _setups(_ctx: typer.Context, site: Site) -> str:
    with site.read() as conn:
        found = status.of_all(conn)
    lost = [each.setup.principal for each in found if each.setup.enabled and not each.path]
    if lost:
        raise Refused(f"the folder of {', '.join(lost)} is gone: `radicale-bcm sync start` makes another")
    on = sum(each.setup.enabled for each in found)
    return f"{on} on" if on else "none yet: `radicale-bcm sync start --principal NAME --folder Contacts`"
