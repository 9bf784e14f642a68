# SPDX-License-Identifier: GPL-3.0-or-later
"""What the columns of CSV files were said to be, kept for the next file with the same header. Imported by importing
only."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from json import dumps, loads

from sqlalchemy import Connection

from radicale_bcm.books import setups
from radicale_bcm.sync.csv_map import plain_name


def _name(header: Sequence[str], record_type: str) -> str:
    """The setting of a map. The order of the columns does not matter; the type does, because it has its own fields."""
    said = dumps([record_type, sorted(name.strip().casefold() for name in header)])
    return f"columns {sha256(said.encode()).hexdigest()[:32]}"


def remembered(conn: Connection, header: Sequence[str], record_type: str) -> dict[str, str]:
    """column -> field, as it was said for such a header before."""
    value = setups.setting_value(conn, _name(header, record_type))
    return dict(loads(value)) if value else {}


def remember(conn: Connection, header: Sequence[str], record_type: str, columns: Mapping[str, str]) -> None:
    """Keep what the columns of such a header are."""
    setups.set_setting(conn, _name(header, record_type), dumps(dict(columns), ensure_ascii=False))


def joined(known: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """What is known already, with what is said now before it."""
    now = {plain_name(column) for column in said}
    return {column: field for column, field in known.items() if plain_name(column) not in now} | dict(said)
