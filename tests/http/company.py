# SPDX-License-Identifier: GPL-3.0-or-later
"""A company to test with: an installation made by the real commands, its server, its people, its database."""

import io
import json
import sqlite3
from contextlib import closing, redirect_stderr, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy
from sqlalchemy.pool import NullPool

from radicale_bcm.cli.app import app
from radicale_bcm.cli.failures import report
from tests.dav import Phone, Server

PASSWORD = "a-password"


class Refused(Exception):
    """A command ended with another status than 0."""

    def __init__(self, status: int, output: str) -> None:
        super().__init__(status, output)
        self.status = status


def run_command(*args: str) -> str:
    """Run a command in this process, which is faster than starting Python for it; its output, or Refused."""
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            app(list(args))
        except SystemExit as ended:
            status = ended.code or 0
        except Exception as error:  # noqa: BLE001 - as cli.main does
            status = report(error)
    if status:
        raise Refused(status, out.getvalue() + err.getvalue())
    return out.getvalue()


class Company:
    """An installation in a folder; `database` and `state` are addresses, None for SQLite files in the folder."""

    def __init__(self, folder: Path, database: str | None = None, state: str | None = None) -> None:
        self.folder = folder
        self.config = folder / "radicale.ini"
        self.database = database or f"sqlite:///{folder / 'business.db'}"
        self.state = state or f"sqlite:///{folder / 'state.db'}"
        addresses = ["--database", database] if database else []
        addresses += ["--state", state] if state else []
        run_command("init", str(folder), "--user", "alice", "--password", PASSWORD, *addresses)
        # Radicale answers every 403 late, against guessing; a test has no time for that.
        self.configure("delay = 1", "delay = 0")
        # All tests together delete more than one person may.
        self.configure("bcm_max_deletes = 20", "bcm_max_deletes = 1000")
        self._names = {"alice"}

    def configure(self, old: str, new: str, config: Path | None = None) -> None:
        """Change a line of the configuration, or write the changed one to another file."""
        text = self.config.read_text()
        assert old in text, old
        (config or self.config).write_text(text.replace(old, new))

    def run(self, *args: str) -> Any:
        """Run `radicale-bcm -C … ARGS --json` and return its document."""
        return json.loads(run_command("-C", str(self.config), *args, "--json"))

    def add(self, **fields: str) -> str:
        """`contact add`; the id."""
        return str(self.run("contact", "add", *(f"{name}={value}" for name, value in fields.items()))["id"])

    def hire(self, name: str, *choices: str, folder: str = "Contacts", sync: bool = True) -> None:
        """Give a person an account, and `sync start` with these options."""
        if name not in self._names:
            users = self.folder / "users"
            lines = users.read_text().splitlines()
            hashed = next(line.partition(":")[2] for line in lines if line.startswith("alice:"))
            users.write_text("\n".join([*lines, f"{name}:{hashed}"]) + "\n")
            self._names.add(name)
        if sync:
            self.run("sync", "start", "--principal", name, "--folder", folder, *choices)

    @cached_property
    def _engines(self) -> dict[str, sqlalchemy.Engine]:
        return {}

    def sql(self, statement: str, *, url: str | None = None) -> list[dict[str, Any]]:
        """Run a statement as any other program does: own connection, none of our settings, committed at once."""
        url = url or self.database
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as client, client:
                client.row_factory = sqlite3.Row
                return [dict(row) for row in client.execute(statement).fetchall()]
        if url not in self._engines:
            driver = url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:")
            self._engines[url] = sqlalchemy.create_engine(driver, poolclass=NullPool)
        with self._engines[url].begin() as client:
            result = client.exec_driver_sql(statement)
            return [dict(row._mapping) for row in result] if result.returns_rows else []

    def row(self, record_id: str) -> dict[str, Any]:
        """A row of the contact table."""
        (row,) = self.sql(f"SELECT * FROM contact WHERE id = {int(record_id)}")
        return row

    def set(self, record_id: str, **values: str) -> None:
        """A plain UPDATE by another program."""
        columns = ", ".join("{} = '{}'".format(name, value.replace("'", "''")) for name, value in values.items())
        self.sql(f"UPDATE contact SET {columns} WHERE id = {int(record_id)}")

    def history(self, record_id: str) -> list[dict[str, Any]]:
        """The history of a record, latest first, with `changes` and `note` as objects."""
        rows = self.sql(f"SELECT * FROM history WHERE record_id = '{int(record_id)}' ORDER BY id DESC", url=self.state)
        return [row | {name: json.loads(row[name]) for name in ("changes", "note")} for row in rows]


class Office:
    """A company whose server runs."""

    def __init__(self, company: Company, server: Server) -> None:
        self.company = company
        self.server = server
        self._clients: dict[tuple[str, str], httpx.Client] = {}

    def phone(self, user: str, folder: str = "Contacts", agent: str = "test", owner: str | None = None) -> Phone:
        """A phone that has synced once; with `owner`, one that looks at somebody else's folder and has not."""
        phone = Phone(self.client(user, agent), f"/{owner or user}/{folder}/")
        if owner is None:
            phone.sync()
        return phone

    def client(self, user: str, agent: str = "test") -> httpx.Client:
        """The HTTP client of a person's program."""
        if (user, agent) not in self._clients:
            self._clients[user, agent] = self.server.client(user, PASSWORD, agent)
        return self._clients[user, agent]

    def close(self) -> None:
        """Close all connections."""
        for each in self._clients.values():
            each.close()
