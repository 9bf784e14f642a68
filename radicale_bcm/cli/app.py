# SPDX-License-Identifier: GPL-3.0-or-later
"""The command with its global options, and the table of its subcommands. For cli only.

A subcommand's module is imported when it runs, so that `--help` and completion do not wait for databases and Radicale.
"""

import re
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from radicale_bcm import __version__
from radicale_bcm.cli import output

# Name, module, and the line in the overview.
_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("init", "init", "Write a configuration, create the databases and the first user."),
    ("demo", "demo", "A complete running example with sample contacts."),
    ("serve", "serve", "Run the server."),
    ("check", "check", "Validate configuration, databases and a round trip."),
    ("status", "status", "What is synchronised where."),
    ("user", "user", "Accounts of the people who log in."),
    ("contact", "contact", "The business contacts: list, show, add, edit, delete."),
    ("type", "record_type", "Record types of your own."),
    ("sync", "sync", "Start, change, stop and run synchronisation."),
    ("deleted", "deleted", "Deleted Items and quarantines: list, restore, confirm, purge."),
    ("import", "importing", "Bring in vCard and CSV files."),
    ("export", "export", "Write vCard and CSV files."),
    ("promote", "promote", "Make business contacts of plain contacts."),
    ("duplicates", "duplicates", "Find and merge records that are one person."),
    ("why", "why", "Why a contact is, or is not, in somebody's folder."),
    ("history", "history", "Who changed what from what to what."),
    ("database", "database", "The business databases: list, add, switch, forget."),
    ("undo", "undo", "Take changes back."),
    ("backup", "backup", "Both databases in one file."),
    ("restore", "restore", "Put a backup in the place of the databases."),
    ("verify", "verify", "Compare every card with its record."),
)
_EXAMPLE = re.compile(r"\n\n(?=(?:[^\n]*:\n)?    )")
_MODULES = {name: module for name, module, _ in _COMMANDS}
_LINES = {name: line for name, _, line in _COMMANDS}


class LazyGroup(TyperGroup):
    """The subcommands of the table: a line for the overview, the module itself when one of them runs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _keep_examples(self)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        """The names, in the order of the table."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """What the overview shows of a subcommand."""
        line = _LINES.get(cmd_name)
        return None if line is None else TyperCommand(cmd_name, help=line, short_help=line)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand; whoever asked for JSON hears in JSON of wrong arguments, too."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            said = getattr(error, "format_message", None)
            if said is not None and "--json" in sys.argv:
                output.document({"error": said()})
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The subcommand itself, imported now."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, _loaded(name) if name and found else None, rest


def _loaded(name: str) -> Any:
    module = import_module(f"radicale_bcm.cli.{_MODULES[name]}")
    command = typer.main.get_command(module.app)
    command.name = name
    _keep_examples(command)
    return command


def _keep_examples(command: Any) -> None:
    """Indented lines of a help text are examples: they are not to be filled like a paragraph."""
    text = command.help or ""
    command.help = _EXAMPLE.sub("\n\n\b\n", text)
    for each in getattr(command, "commands", {}).values():
        _keep_examples(each)


app = typer.Typer(
    name="radicale-bcm",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"radicale-bcm {__version__}")
        raise typer.Exit


@app.callback()
def radicale_bcm(
    ctx: typer.Context,
    config: Annotated[
        str | None,
        typer.Option(
            "-C",
            "--config",
            metavar="FILE",
            envvar="RADICALE_CONFIG",
            help="Radicale's configuration file; without it, Radicale's default places are looked at.",
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Business contacts of a database in everybody's address book, through the Radicale CardDAV server.

        A first look:    radicale-bcm demo
        A real one:      radicale-bcm init /srv/contacts --user alice
                         radicale-bcm -C /srv/contacts/radicale.ini contact add name='Nick Brigandi'
                         radicale-bcm -C /srv/contacts/radicale.ini sync start --principal alice --folder Contacts
                         radicale-bcm -C /srv/contacts/radicale.ini serve

    Exit status: 0 done, 1 refused, 2 wrong usage, 3 a database cannot be used.
    """
    output.prepare()
    ctx.obj = config
