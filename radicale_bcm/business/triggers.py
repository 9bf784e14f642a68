# SPDX-License-Identifier: GPL-3.0-or-later
"""The triggers of the native schema, as SQL for each engine. Imported by business's migrations only.

What they keep true, whoever writes:
- id, uid, type, version and times are filled; after an UPDATE the version is larger and the time of change is new;
- `company` is the name of the account that `account_id` points to: setting account_id sets company; setting company
  finds the account if exactly one that is not deleted has that name, else there is none; renaming an account renames
  its contacts' company; a contact outlives its account and keeps the name;
- every INSERT, UPDATE and DELETE of a contact, and of its custom values, leaves one row per consumer in change_log
  (SQLite: now and then two);
- a row that is removed leaves a copy in contact_erased.
"""

from collections.abc import Iterator, Sequence

from radicale_bcm.business import triggers_mariadb, triggers_postgresql, triggers_sqlite
from radicale_bcm.business.expressions import family


def statements(dialect_name: str, contact_columns: Sequence[str]) -> Iterator[str]:
    """The statements that replace whatever triggers there were. contact_columns: all columns of `contact`."""
    maker = {
        "sqlite": triggers_sqlite.statements,
        "postgresql": triggers_postgresql.statements,
        "mariadb": triggers_mariadb.statements,
    }[family(dialect_name)]
    return maker(contact_columns)
