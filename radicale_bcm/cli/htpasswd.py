# SPDX-License-Identifier: GPL-3.0-or-later
"""Radicale's file of accounts: one `name:hash` a line. For cli only.

Changes are serialised by a lock on the folder and replace the file in one step, so that a server that reads it at the
same time sees the former or the new one. Comments and lines of other programs stay as they are.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from radicale_bcm.cli.names import REFUSED_IN_ACCOUNTS
from radicale_bcm.sync.errors import Conflict, Invalid, NotThere

ROUNDS = 10
"""The cost of a bcrypt hash: about 0.05 seconds for a login that is not remembered."""

LONGEST_PASSWORD = 72
"""Bytes; bcrypt looks at no more."""

_KINDS = (("$2", "bcrypt"), ("$argon2", "argon2"), ("$5$", "sha256"), ("$6$", "sha512"), ("$apr1$", "md5"))


@dataclass(frozen=True, slots=True)
class Account:
    """A line of the file."""

    name: str
    encryption: str


class Accounts:
    """The accounts in a file, which need not exist yet."""

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self.path = path.resolve()
        self._encoding = encoding

    def listed(self) -> list[Account]:
        """All accounts, in the order of the file."""
        return [Account(name, _kind(line.partition(":")[2])) for line in self._lines() if (name := _name(line))]

    def has(self, name: str) -> bool:
        """Whether there is an account of this name."""
        return any(_name(line) == name for line in self._lines())

    def add(self, name: str, password: str, *, dry_run: bool = False) -> None:
        """A new account. Conflict if there is one; Invalid for a name or password that cannot be one."""
        check_name(name)
        hashed = hash_of(password)
        with self._alone():
            lines = self._lines()
            if any(_name(line) == name for line in lines):
                raise Conflict(
                    f"{name} has an account already; `radicale-bcm user password {name}` changes the password"
                )
            self._replace([*lines, f"{name}:{hashed}"], dry_run=dry_run)

    def set_password(self, name: str, password: str, *, dry_run: bool = False) -> None:
        """Another password for an account. NotThere, Invalid."""
        hashed = hash_of(password)
        with self._alone():
            lines = self._lines()
            self._require(name, lines)
            changed = [f"{name}:{hashed}" if _name(line) == name else line for line in lines]
            self._replace(changed, dry_run=dry_run)

    def remove(self, name: str, *, dry_run: bool = False) -> None:
        """Remove an account. NotThere."""
        with self._alone():
            lines = self._lines()
            self._require(name, lines)
            self._replace([line for line in lines if _name(line) != name], dry_run=dry_run)

    def _require(self, name: str, lines: list[str]) -> None:
        if not any(_name(line) == name for line in lines):
            raise NotThere(f"{name} has no account; `radicale-bcm user list` shows those that there are")

    def _lines(self) -> list[str]:
        try:
            text = self.path.read_text(self._encoding)
        except FileNotFoundError:
            return []
        except UnicodeDecodeError as error:
            raise Invalid(f"{self.path} is no text in {self._encoding}") from error
        return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The file itself is replaced, so a lock on it would be a lock on what is no longer there.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _replace(self, lines: list[str], *, dry_run: bool) -> None:
        if dry_run:
            return
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding=self._encoding, newline="\n") as file:
                file.writelines(f"{line}\n" for line in lines)
                self._keep_owner(file.fileno())
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)  # noqa: PTH105 - a name of tempfile
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _keep_owner(self, descriptor: int) -> None:
        """The new file belongs to whoever the old one did: the server has to go on reading it."""
        try:
            old = self.path.stat()
        except FileNotFoundError:
            return
        os.fchmod(descriptor, old.st_mode & 0o777)
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, old.st_uid, old.st_gid)


def _name(line: str) -> str:
    return "" if line.lstrip().startswith("#") else line.partition(":")[0] if ":" in line else ""


def _kind(hashed: str) -> str:
    return next((kind for start, kind in _KINDS if hashed.startswith(start)), "plain")


def check_name(name: str) -> None:
    """Refuse a name that could not log in, or whose address books could have no path."""
    bad = not name or name != name.strip() or name.startswith((".", "#")) or len(name) > 200
    if bad or any(char in "/\\" or char in REFUSED_IN_ACCOUNTS or not char.isprintable() for char in name):
        raise Invalid(f"{name!r} cannot be the name of an account: use letters, digits and - . _ @, such as alice")


def hash_of(password: str) -> str:
    """The bcrypt hash."""
    raw = password.encode("utf-8", "surrogateescape")
    if not raw:
        raise Invalid("an empty password is none")
    if b"\0" in raw or b"\n" in raw:
        raise Invalid("a password is one line of text")
    if len(raw) > LONGEST_PASSWORD:
        raise Invalid(f"a password has at most {LONGEST_PASSWORD} bytes, because bcrypt looks at no more of it")
    return bcrypt.hashpw(raw, bcrypt.gensalt(ROUNDS)).decode("ascii")
