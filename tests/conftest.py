# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all tests: databases on every engine that this machine has."""

import itertools
import os
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from radicale_bcm.business.open import BusinessDatabase
from tests import templates
from tests.servers import MariaDB, Missing, PostgreSQL, Server

_SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
_RUNNING: dict[str, Server] = {}


def _server(name: str) -> Server:
    if name not in _RUNNING:
        try:
            _RUNNING[name] = _SERVERS[name]()
        except Missing as missing:
            if os.environ.get("BCM_REQUIRE_SERVERS") == "1":
                pytest.fail(f"{name}: {missing} is not installed, and BCM_REQUIRE_SERVERS=1")
            pytest.skip(f"{name}: {missing} is not installed")
    return _RUNNING[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With BCM_REQUIRE_SERVERS=1 no test is skipped for want of a program or module: that is a failure."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and os.environ.get("BCM_REQUIRE_SERVERS") == "1":
        reason = report.longrepr[2]
        if "not installed" in reason or "could not import" in reason:
            report.outcome, report.longrepr = "failed", f"{reason}, and BCM_REQUIRE_SERVERS=1"
    return report


@pytest.fixture(scope="session", autouse=True)
def _servers() -> Iterator[None]:
    """Stops at the end what tests started."""
    yield
    for server in _RUNNING.values():
        server.close()
    _RUNNING.clear()
    templates.remove()


@pytest.fixture(scope="session")
def postgresql() -> Server:
    """A running PostgreSQL server."""
    return _server("postgresql")


@pytest.fixture(scope="session")
def mariadb() -> Server:
    """A running MariaDB server."""
    return _server("mariadb")


ENGINES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.servers),
    pytest.param("mariadb", marks=pytest.mark.servers),
]


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return request.param


@pytest.fixture
def new_database_url(engine_name: str, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Makes URLs of databases on that engine: empty ones, or with the tables of a "state" or "business" database."""
    numbers = itertools.count(1)
    made = []

    def new(kind: str = "") -> str:
        if engine_name == "sqlite":
            path = tmp_path / f"database{next(numbers)}.sqlite"
            return templates.copy_sqlite(kind, path) if kind else f"sqlite:///{path}"
        server = _server(engine_name)
        made.append(templates.copy_server(kind, server) if kind else server.new_database())
        return made[-1]

    yield new
    for url in made:
        _server(engine_name).drop(url)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, new_database_url: Callable[..., str]) -> str:
    """The URL of an empty database; of that of `business_database` for a test that asks for both."""
    return new_database_url("business" if "business_database" in request.fixturenames else "")


@pytest.fixture
def business_database(database_url: str) -> Iterator[BusinessDatabase]:
    """A business database with our schema and no records."""
    database = BusinessDatabase(database_url)
    database.upgrade(create=True)
    yield database
    database.close()


@pytest.fixture
def plain_sql(database_url: str) -> Callable[..., list[tuple[object, ...]]]:
    """Runs statements as any other SQL client does: its own connection, none of our settings, committed at once."""

    def run(*statements: str) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        if database_url.startswith("sqlite"):
            with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as client, client:
                for statement in statements:
                    rows = client.execute(statement).fetchall()
            return rows
        with plain_connection(database_url) as client, client.begin():
            for statement in statements:
                result = client.exec_driver_sql(statement)
                rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows

    return run


def plain_connection(url: str) -> sqlalchemy.Connection:
    """A connection to a server without any setting of ours."""
    driver_url = url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:")
    return sqlalchemy.create_engine(driver_url, poolclass=NullPool).connect()
