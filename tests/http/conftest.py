# SPDX-License-Identifier: GPL-3.0-or-later
"""One office for each engine, shared by all tests: every test makes its own contacts and looks at nothing else."""

import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.dav import Server
from tests.http.company import Company, Office
from tests.servers import Missing, PostgreSQL

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for all offices."""
    try:
        server = PostgreSQL()
    except Missing as missing:
        if os.environ.get("BCM_REQUIRE_SERVERS") == "1":
            pytest.fail(f"{missing} is not installed, and BCM_REQUIRE_SERVERS=1")
        pytest.skip(f"{missing} is not installed")
    yield server
    server.close()


def make_company(engine: str, request: pytest.FixtureRequest, folder: Path) -> Company:
    """A new installation with both databases on an engine."""
    if engine == "sqlite":
        return Company(folder)
    cluster = request.getfixturevalue("cluster")
    return Company(folder, cluster.new_database(), cluster.new_database())


def people_of(company: Company) -> None:
    """Those who have a set-up of each kind, all named after what theirs is like."""
    company.hire("alice")
    company.hire("bob")
    company.hire("carol", "--access", "business-ro")
    company.hire("dave", "--access", "ro")
    company.hire("erin", "--on-delete", "unfollow")
    company.hire("frank", "--on-delete", "reject")


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A company with its server of two workers."""
    company = make_company(request.param, request, tmp_path_factory.mktemp("office"))
    people_of(company)
    with Server(company.config, workers=2) as server, closing(Office(company, server)) as opened:
        yield opened


@pytest.fixture
def nick(office: Office) -> str:
    """The id of a business contact that only this test knows, with the values of all kinds of fields."""
    number = next(_numbers)
    return office.company.add(
        given_name="Nick",
        family_name=f"Brigandi{number}",
        email=f"nick{number}@example.com",
        business_phone="+1 425 555 0100",
        mobile_phone="+1 425 555 0101",
        business_street="1 Main Street",
        business_city="Redmond",
        job_title="Buyer",
        birthday="1980-05-17",
        spouse="Andrea",
        note="First line\nsecond line",
        category="Customer",
        lead_source="Trade fair",
    )


@pytest.fixture
def newcomer(office: Office) -> str:
    """A person with an account of whom no other test knows, and without a set-up."""
    name = f"newcomer{next(_numbers)}"
    office.company.hire(name, sync=False)
    return name
