# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of contract tests."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from radicale_bcm.books.open import StateDatabase
from radicale_bcm.database.engine import open_engine
from tests.conftest import plain_connection


@pytest.fixture
def empty_engine(database_url: str) -> Iterator[Engine]:
    """An engine of a database that is there and has no tables."""
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def state(new_database_url: Callable[..., str]) -> Iterator[StateDatabase]:
    """A state database without anything in it."""
    opened = StateDatabase(new_database_url("state"))
    opened.upgrade(create=True)
    yield opened
    opened.close()


@pytest.fixture
def plain_sql_of() -> Callable[..., list[tuple[Any, ...]]]:
    """Runs statements in a world's business database (or that at `url`) as any other SQL client does."""

    def run(world: Any, *statements: str, url: str | None = None) -> list[tuple[Any, ...]]:
        address = url or world.options.database_url
        rows: list[tuple[Any, ...]] = []
        if address.startswith("sqlite"):
            with closing(sqlite3.connect(address.removeprefix("sqlite:///"))) as client, client:
                for statement in statements:
                    rows = client.execute(statement).fetchall()
            return rows
        with plain_connection(address) as client, client.begin():
            for statement in statements:
                result = client.exec_driver_sql(statement)
                rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows

    return run
