# SPDX-License-Identifier: GPL-3.0-or-later
"""One office for each engine, shared by all tests: every test makes its own contacts and looks at nothing else."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.dav import Server
from tests.http.company import Company, Office

_numbers = itertools.count(1)


def make_company(engine: str, request: pytest.FixtureRequest, folder: Path) -> Company:
    """A new installation with both databases on an engine."""
    if engine == "sqlite":
        return Company(folder)
    server = request.getfixturevalue(engine)
    return Company(folder, server.new_database(), server.new_database())


def people_of(company: Company) -> None:
    """Those who have a set-up of each kind, all named after what theirs is like."""
    company.hire("alice")
    company.hire("bob")
    company.hire("carol", "--access", "business-ro")
    company.hire("dave", "--access", "ro")
    company.hire("erin", "--on-delete", "unfollow")
    company.hire("frank", "--on-delete", "reject")


ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
EVERY_ENGINE = pytest.mark.parametrize(
    "office", [*ENGINES, pytest.param("mariadb", marks=pytest.mark.servers)], indirect=True
)
"""For the files that tell what a contact's life is: they run on MariaDB as well."""


@pytest.fixture(scope="session", params=ENGINES)
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
