# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that holds an installation: its configuration, its accounts and, by default, its databases.

For cli.init and cli.demo. Everything can be run again: what is there stays, what is missing is made.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from radicale_bcm.cli.htpasswd import Accounts
from radicale_bcm.database.engine import open_engine
from radicale_bcm.database.errors import url_safe
from radicale_bcm.server import config
from radicale_bcm.sync.errors import Conflict, Invalid
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site

_TEXT = """\
# Configuration of Radicale and of its plugin radicale-bcm, written by `radicale-bcm init`. Change it as you like.
# Every command reads it:  radicale-bcm -C {file} …
# After a change:          radicale-bcm -C {file} check

[server]
# Where to listen. Behind a proxy that speaks TLS keep to the loopback address.
hosts = 127.0.0.1:5232

[auth]
# Names and bcrypt hashes: `radicale-bcm user add NAME`.
type = htpasswd
htpasswd_filename = {users}
htpasswd_encryption = bcrypt
htpasswd_cache = True
# bcrypt is slow on purpose, and phones send the password with every request. `radicale-bcm serve` pays it once, until
# the password changes; stock Radicale remembers answers for seconds.
cache_logins = True
cache_successful_logins_expiry = 15
cache_failed_logins_expiry = 15
delay = 1

[rights]
# Everybody sees and changes their own collections and nobody else's.
type = owner_only
# A client that deletes or replaces a whole address book takes every contact in it along.
permit_delete_collection = False
permit_overwrite_collection = False

[storage]
type = radicale_bcm
# Not used by this plugin for contacts; Radicale wants to have one.
filesystem_folder = {folder}
# The plugin's own tables: address books, plain contacts, set-ups, history. An address that leads nowhere is an error
# and never a new database; $NAME in it is taken from the environment.
bcm_state_url = {state}
# The business database that is used first; `radicale-bcm database` knows the others.
bcm_database_url = {database}
# How a business contact is marked, any of: property, category, group, link, photo-badge. Empty is the default:
# property and category, and link as soon as the address below is set.
bcm_marker =
# The address under which people reach this server, such as https://contacts.example.com
bcm_public_url =
# Who wins a field that was changed on both sides: database or client.
bcm_on_conflict = database
# What deleting a business contact on a phone does: trash (Deleted Items), unfollow (only here) or reject.
bcm_on_delete = trash
# More deletes than that by one person within so many seconds are set aside until `deleted confirm` or `restore`.
bcm_max_deletes = 20
bcm_deletes_window = 600
# New contacts from a phone: plain, or promote (those with a name and an e-mail address become business contacts).
bcm_new_contacts = plain
# What a contact needs to be promoted to a person:
# bcm_required_fields = name, email
# Days after which Deleted Items are purged, gone for good; 0 keeps them until `radicale-bcm deleted purge`:
# bcm_retention_days = 0
# Seconds between two looks for changes by other programs, should a notification of the database be lost:
# bcm_poll_interval = 1
# Numbers for Prometheus at /.well-known/radicale-bcm/metrics; whether the server is well stands at …/health always:
# bcm_metrics = True
# Do not set strict_preconditions: Thunderbird and Evolution send no If-Match, and could change nothing any more.

[web]
type = internal

[logging]
# debug, info (who synchronised what, with which program), warning, error
level = warning
mask_passwords = True
"""


@dataclass(slots=True)
class Made:
    """What was made and what was there already, as sentences."""

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


class Installation:
    """An installation in a folder. `database` and `state` are addresses, None for SQLite files in the folder."""

    def __init__(self, folder: Path, database: str | None = None, state: str | None = None) -> None:
        self.folder = _absolute(folder)
        self.file = self.folder / "radicale.ini"
        self.users = self.folder / "users"
        self._wanted = {
            "bcm_database_url": _address(database) if database else _sqlite(self.folder / "business.db"),
            "bcm_state_url": _address(state) if state else _sqlite(self.folder / "state.db"),
        }
        self._given = {
            name for name, value in (("bcm_database_url", database), ("bcm_state_url", state)) if value is not None
        }

    @property
    def accounts(self) -> Accounts:
        """The accounts of the configuration."""
        if not self.exists:
            return Accounts(self.users)
        return Accounts(Path(config.load(str(self.file)).get("auth", "htpasswd_filename")))

    @property
    def exists(self) -> bool:
        """Whether the configuration was written."""
        return self.file.exists()

    def options(self) -> Options:
        """The options of the configuration as it is. RuntimeError if it cannot be read."""
        return config.options_of(config.with_plugin_schema(config.load(str(self.file))))[0]

    def check(self) -> None:
        """Refuse what an existing configuration contradicts. Changes nothing."""
        if not self.exists:
            for url in self._wanted.values():
                open_engine(url).dispose()  # BadUrl and NoDriver before anything is written
            return
        options = self.options()
        found = {"bcm_database_url": options.database_url, "bcm_state_url": options.state_url}
        for name in sorted(self._given):
            if found[name] != self._wanted[name]:
                raise Conflict(
                    f"{self.file} has {name} = {url_safe(found[name])}, and nothing is overwritten.\n"
                    "Use another folder, change the file, or bring in another business database with"
                    " `radicale-bcm database add`."
                )

    def plan(self) -> Made:
        """What `prepare` would make."""
        result = Made()
        for path in (self.folder, self.file, self.users):
            (result.kept if path.exists() else result.made).append(str(path))
        return result

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> tuple[Site, Made]:
        """Make what is missing and open the site; nothing that is there is changed.

        The configuration is written first: its addresses say what is created, also when this is run again after an
        interruption.
        """
        # Contacts and password hashes are nobody else's business.
        os.umask(0o077)
        result = self.plan()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.exists:
            _write_new(self.file, self._text())
        if not self.users.exists():
            _write_new(self.users, "")
        options = self.options()
        for url in (options.state_url, options.database_url):
            path = _file_of(url)
            if path is not None:
                (result.kept if path.exists() else result.made).append(str(path))
            else:
                result.kept.append(f"{url_safe(url)} (tables created if they were missing)")
        return open_site(options, create=True, progress=progress), result

    def _text(self) -> str:
        return _TEXT.format(
            file=self.file,
            users=self.users,
            folder=self.folder / "collections",
            state=self._wanted["bcm_state_url"],
            database=self._wanted["bcm_database_url"],
        )


def _absolute(folder: Path) -> Path:
    path = folder.expanduser().absolute()
    # These end a path somewhere: in the file, in an address, in RADICALE_CONFIG.
    if any(char in "?:;#$%" or not char.isprintable() for char in str(path)) or path.name != path.name.strip():
        raise Invalid(f"{str(path)!r}: please choose a folder without : ; ? # $ % in its path")
    if path.exists() and not path.is_dir():
        raise Conflict(f"{path} is no folder")
    return path


def _sqlite(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def _address(url: str) -> str:
    if not url.isprintable() or url != url.strip():
        raise Invalid("a database address is one line, such as postgresql://user:password@host/name")
    return url


def _file_of(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _write_new(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all, and never in place of another."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
