# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away PostgreSQL and MariaDB servers for tests: own folder, own socket, no network. Imported by conftest."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

START_SECONDS = 120


class Missing(Exception):
    """A server program is not installed."""


def find_program(name: str) -> str:
    """The path of a server program, from PATH or from where distributions put it."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/libexec")
    if found or beside:
        return found or str(beside[0])
    raise Missing(name)


def _memory() -> str | None:
    """A folder in memory if there is one with room enough: creating tables on a disk is most of a test's time."""
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 4 * 2**30
    return str(shared) if roomy else None


class Server:
    """A server of our own. `new_database` gives the URL of an empty database; it can be stopped and started again."""

    account = "nobody"
    socket_name = "socket"
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        # Not pytest's folder: a socket's path has room for about a hundred characters.
        self.folder = Path(tempfile.mkdtemp(prefix="bcm-", dir=_memory()))
        self._prefix: list[str] = []
        try:
            if os.geteuid() == 0:  # neither server wants to run as root
                user = self._user()
                self._prefix = [find_program("setpriv"), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}"]
                self._prefix += ["--clear-groups", "--pdeathsig=KILL"]
                os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    def _user(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(self.account)
        except KeyError:
            return pwd.getpwnam("nobody")

    def _run(self, *command: str) -> None:
        done = subprocess.run([*self._prefix, *command], cwd=self.folder, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout.decode() + done.stderr.decode())

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            command = [*self._prefix, *self._command()]
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:  # PyMySQL leaves its socket open when it is refused
            if probe.connect_ex(str(self.folder / self.socket_name)) != 0:
                return False
        try:
            self.administer("SELECT 1")
        except self._refusal():
            return False
        return True

    def pids(self) -> list[int]:
        """The process that was started; those that serve are its children."""
        return [] if self._process is None else [self._process.pid]

    def stop(self) -> None:
        """Stop the server; its databases stay."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal)
            self._process.wait(START_SECONDS)
            self._process = None

    def close(self) -> None:
        """Stop the server and remove everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of a database that nobody else uses. RuntimeError, with the end of its log, if the server ended by
        itself; it is there again for whoever asks next."""
        if self._process is not None and self._process.poll() is not None:
            status, said = self._process.returncode, (self.folder / "log").read_text(errors="replace")
            self.start()
            raise RuntimeError(f"the server ended by itself, with status {status}:\n{said[-4000:]}")
        return self._url(self._create(""))

    def _create(self, options: str) -> str:
        name = f"bcm_{next(self._numbers)}"
        self.administer(f"CREATE DATABASE {name} {options}")
        return name

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it: hundreds of them would fill the memory."""
        raise NotImplementedError

    def administer(self, statement: str, url: str = "") -> None:
        """Run a statement as the server's owner, in the database of this URL or the server's own. With the driver
        alone: an engine asks for a dozen things before it works."""
        with closing(self._connect(_name(url))) as connection:
            connection.cursor().execute(statement)

    def _initialise(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _url(self, name: str) -> str:
        raise NotImplementedError

    def _connect(self, name: str) -> Any:
        """A connection of the driver that commits each statement."""
        raise NotImplementedError

    def _refusal(self) -> type[Exception]:
        """What the driver raises if the server does not answer."""
        raise NotImplementedError


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


class PostgreSQL(Server):
    """A PostgreSQL cluster with one superuser and no passwords."""

    account = "postgres"
    socket_name = ".s.PGSQL.5432"
    stop_signal = signal.SIGINT  # "fast": does not wait for clients to leave

    def _initialise(self) -> None:
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--username=bcm"]
        self._run(find_program("initdb"), "-D", str(self.folder / "data"), *options)

    def _command(self) -> list[str]:
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off", "max_connections=200")
        options = [part for setting in settings for part in ("-c", setting)]
        return [find_program("postgres"), "-D", str(self.folder / "data"), *options]

    def _url(self, name: str) -> str:
        return f"postgresql://bcm@/{name}?host={self.folder}"

    def drop(self, url: str) -> None:
        self.administer(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")

    def copy_of(self, url: str) -> str:
        """The URL of a new database that is like this one, to which nobody may be connected."""
        return self._url(self._create(f"TEMPLATE {_name(url)}"))

    def _connect(self, name: str) -> Any:
        return self._driver().connect(host=str(self.folder), user="bcm", dbname=name or "postgres", autocommit=True)

    def _refusal(self) -> type[Exception]:
        return self._driver().Error  # type: ignore[no-any-return]

    @staticmethod
    def _driver() -> Any:
        import psycopg

        return psycopg


class MariaDB(Server):
    """A MariaDB server whose root has no password."""

    account = "mysql"

    def _initialise(self) -> None:
        find_program("mariadbd")
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={self.folder / 'data'}"]
        self._run(find_program("mariadb-install-db"), "--no-defaults", *options)

    def _command(self) -> list[str]:
        options = [
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--skip-networking",
            "--innodb-buffer-pool-size=32M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
            "--sync-frm=0",
            "--innodb-log-file-size=16M",
            # What a server in another country and with another habit has: nothing of ours may depend on it.
            "--default-time-zone=+05:30",
            "--character-set-server=latin1",
            "--sql-mode=",
        ]
        return [find_program("mariadbd"), "--no-defaults", *options]

    def _url(self, name: str) -> str:
        return f"mariadb://root@localhost/{name}?unix_socket={self.folder / 'socket'}"

    def drop(self, url: str) -> None:
        self.administer(f"DROP DATABASE IF EXISTS {_name(url)}")

    def _connect(self, name: str) -> Any:
        socket_path = str(self.folder / "socket")
        return self._driver().connect(unix_socket=socket_path, user="root", database=name or None, autocommit=True)

    def _refusal(self) -> type[Exception]:
        return self._driver().Error  # type: ignore[no-any-return]

    @staticmethod
    def _driver() -> Any:
        import pymysql

        return pymysql
