# SPDX-License-Identifier: GPL-3.0-or-later
"""The option that says where phone numbers are dialled from. For cli only."""

from typing import Annotated

import typer

from radicale_bcm.cli.failures import misused
from radicale_bcm.sync.phone_numbers import region_of

Region = Annotated[
    str,
    typer.Option(
        "--region",
        metavar="COUNTRY",
        help="Where phone numbers without a country code belong, such as DE; a contact's own address goes first.",
    ),
]


def checked(country: str) -> str:
    """The code of a country, "" for none."""
    found = region_of(country)
    if country and not found:
        raise misused(f"{country!r} is no country: use a code such as DE or US")
    return found
