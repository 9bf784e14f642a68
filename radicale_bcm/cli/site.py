# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the site that the configuration describes. For cli only."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import typer
from radicale.config import DEFAULT_CONFIG_PATH, Configuration

from radicale_bcm.books.history import Actor
from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused, refuse
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.server import config
from radicale_bcm.sync import pull
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site, Unit


def configuration_of(ctx: typer.Context) -> Configuration:
    """Radicale's configuration with our options, from -C, RADICALE_CONFIG or Radicale's default places."""
    path: str | None = ctx.obj
    for name in (path or "").split(os.pathsep):
        if name and not name.startswith("?") and not Path(name).expanduser().is_file():
            raise misused(f"there is no file {name}; `radicale-bcm init DIR` writes one")
    return config.with_plugin_schema(config.load(path))


def plugin_configuration(ctx: typer.Context) -> Configuration:
    """The same, refused if it is not about this plugin."""
    configuration = configuration_of(ctx)
    kind = configuration.get("storage", "type")
    if kind != "radicale_bcm":
        found = ctx.obj or "no configuration file was given, and Radicale's default places"
        raise refuse(
            f"{found}: [storage] type is {kind!r}, not radicale_bcm.\n"
            "Name the file with -C FILE or RADICALE_CONFIG; `radicale-bcm init DIR` writes one."
        )
    return configuration


def configuration_path(ctx: typer.Context) -> str:
    """Where the server reads the same configuration."""
    return ctx.obj or DEFAULT_CONFIG_PATH


def actor_of(ctx: typer.Context) -> Actor:
    """Who runs this command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "admin"
    run: str = ctx.find_root().meta.setdefault("radicale_bcm.run", token_hex(6))
    return Actor(name or "admin", ctx.command_path, "command", run)


@contextmanager
def opened(ctx: typer.Context) -> Iterator[Site]:
    """The site of the configuration, closed at the end."""
    options, create = config.options_of(plugin_configuration(ctx))
    with output.progress("Loading the business contacts") as progress:
        site = open_site(options, create=create, progress=progress)
    try:
        yield site
    finally:
        site.close()


@contextmanager
def working(ctx: typer.Context, site: Site, *, dry_run: bool) -> Iterator[Unit]:
    """One unit of work; a dry run is rolled back at its end."""
    with site.write(actor_of(ctx)) as unit:
        yield unit
        unit.failed = unit.failed or dry_run
    if dry_run:
        output.hint("Dry run: nothing was changed.")
        return
    with suppress(DatabaseError):  # it is done already; this only takes our own changes off the log
        pull.pull_all(site)
