# SPDX-License-Identifier: GPL-3.0-or-later
"""The `bcm_` options in Radicale's [storage] section, from its configuration to plain Options.

The same file serves the server and the command line. Unknown values are errors that say what is allowed.
"""

import os
from collections import OrderedDict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from radicale import config
from radicale.config import Configuration

from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.sync.options import MARKERS, Options
from radicale_bcm.sync.setup import ON_DELETE


def _one_of(*allowed: str) -> Any:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
        return value

    return check


def _markers(value: str) -> str:
    for name in _names(value):
        if name not in MARKERS:
            raise ValueError(f"{name!r} is not one of {', '.join(MARKERS)}")
    return value


def _required(value: str) -> str:
    for name in _names(value):
        if name not in BY_NAME and name != "phone":
            near = get_close_matches(name, [*BY_NAME, "phone"], n=1)
            raise ValueError(f"there is no field {name!r}" + (f"; is {near[0]} meant?" if near else ""))
    return value


def _names(value: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in value.split(","))))


def _up_to(most: int) -> Any:
    """A whole number from 0 to that: what is larger is no time any more, or a slip of the pen."""

    def check(value: str) -> int:
        number = int(value) if len(str(value)) < 20 else most + 1
        if not 0 <= number <= most:
            raise ValueError(f"{value!r} is not between 0 and {most}")
        return number

    return check


def _seconds(value: str) -> float:
    number = float(value)
    if not 0 < number <= 86400:
        raise ValueError(f"{value!r} is not between 0 and 86400")
    return number


def _url(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError(f"{value!r} is not an address such as https://contacts.example.com")
    return value


def _option(value: str, text: str, kind: Any) -> dict[str, Any]:
    return {"value": value, "help": text, "type": kind}


PLUGIN_CONFIG_SCHEMA = {
    "storage": OrderedDict(
        bcm_state_url=_option("", "state database; default: SQLite below filesystem_folder", str),
        bcm_database_url=_option("", "business database that is used first; default: SQLite beside the state", str),
        bcm_marker=_option("", f"how business contacts are marked: {', '.join(MARKERS)}", _markers),
        bcm_public_url=_option("", "address under which clients reach this server", _url),
        bcm_on_conflict=_option("database", "who wins a field that both sides changed", _one_of("database", "client")),
        bcm_on_delete=_option("trash", "what a client's delete of a business card does", _one_of(*ON_DELETE)),
        bcm_max_deletes=_option("20", "business cards that one person may delete in the window", _up_to(10**9)),
        bcm_deletes_window=_option("600", "the window, in seconds", _up_to(366 * 86400)),
        bcm_retention_days=_option("0", "days after which Deleted Items are purged; 0 is never", _up_to(36500)),
        bcm_new_contacts=_option("plain", "what becomes of new contacts", _one_of("plain", "promote")),
        bcm_required_fields=_option("name, email", "what a contact needs to be promoted", _required),
        bcm_poll_interval=_option("1", "seconds between two looks at the business database", _seconds),
        bcm_metrics=_option("False", "numbers for Prometheus below /.well-known/radicale-bcm/", bool),
        bcm_fast_answers=_option("True", "render the frequent answers straight from the state database", bool),
        bcm_compare_answers=_option("False", "debug: compute each fast answer in Radicale's way too and compare", bool),
    )
}


def with_plugin_schema(configuration: Configuration) -> Configuration:
    """Radicale's configuration, with our options read and checked. RuntimeError names the option that is wrong."""
    return configuration.copy(PLUGIN_CONFIG_SCHEMA)


def options_of(configuration: Configuration) -> tuple[Options, bool]:
    """Our options, and whether the databases may be created where they are missing.

    They may only at their default place: an explicit address that leads nowhere is a mistake, or a disk that is not
    mounted, and must not become an empty database.
    """

    def get(name: str) -> Any:
        return configuration.get("storage", name)

    home = Path(get("filesystem_folder")) / "bcm"
    default = not get("bcm_state_url")
    markers = _names(get("bcm_marker"))
    if default:
        home.mkdir(parents=True, exist_ok=True)
    options = Options(
        state_url=_expanded(get("bcm_state_url")) or f"sqlite:///{home / 'state.db'}",
        database_url=_expanded(get("bcm_database_url")) or f"sqlite:///{home / 'business.db'}",
        marker=markers or None,
        public_url=get("bcm_public_url"),
        on_conflict=get("bcm_on_conflict"),
        on_delete=get("bcm_on_delete"),
        max_deletes=get("bcm_max_deletes"),
        deletes_window=get("bcm_deletes_window"),
        new_contacts=get("bcm_new_contacts"),
        required_fields=_names(get("bcm_required_fields")),
        poll_interval=get("bcm_poll_interval"),
        retention_days=get("bcm_retention_days"),
    )
    return options, default


def _expanded(url: str) -> str:
    """`$NAME` in an address comes from the environment, so that passwords need not stand in the file."""
    return os.path.expandvars(url)


def load(path: str | None = None) -> Configuration:
    """Radicale's configuration from a file, from RADICALE_CONFIG, or from Radicale's default places."""
    return config.load(_places(path))


def files_of(configuration: Configuration, path: str | None = None) -> list[Path]:
    """The files that a configuration is read from, and those that Radicale reads once, when it starts."""
    found = [Path(name) for name, _ in _places(path)]
    if configuration.get("rights", "type") == "from_file":
        found.append(Path(configuration.get("rights", "file")))
    return found


def _places(path: str | None) -> list[tuple[str, bool]]:
    wanted = path or os.environ.get("RADICALE_CONFIG")
    return config.parse_compound_paths(None if wanted else config.DEFAULT_CONFIG_PATH, wanted)
