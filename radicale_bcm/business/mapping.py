# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mapping says: which tables of an existing application hold contacts, and what their columns mean.

Plain data; `mapping_file` reads it from TOML, `mapped_tables` finds it in a database. Imported by business and sync.
"""

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from typing import Any, Literal

Unknown = Literal["create", "refuse", "keep"]
"""What happens to a text that a lookup does not find: a new row, or it is not written and stays in the card."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A column that says whether a row is deleted, with its value for each."""

    column: str
    deleted: Any = True
    live: Any = False


@dataclass(frozen=True, slots=True)
class Times:
    """Columns with the time of the last change, each the row's own.

    `unit` is datetime or unix (seconds); a datetime without a zone is in `time_zone`. Changes may be committed up to
    `overlap` seconds after the time that they carry, so that much is looked at again.
    """

    columns: tuple[str, ...]
    unit: str = "datetime"
    time_zone: str = "UTC"
    granularity: float = 1.0
    overlap: float = 60.0


@dataclass(frozen=True, slots=True)
class ColumnField:
    """A field in columns of the person's row. Several columns are the lines of one text. `shadows` are columns that
    the application keeps beside it: column -> upper, lower or same."""

    columns: tuple[str, ...]
    transform: str = ""
    shadows: Dictionary[str, str] = field(default_factory=dict)
    write: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """A table between persons (or companies and whatever else) and the rows of a list, each link with its own flags.

    `own` points to the person, `other` to the row; `where` tells the persons' links from those of others.
    """

    table: str
    own: str
    other: str
    key: str = ""
    where: Dictionary[str, Any] = field(default_factory=dict)
    primary: str = ""
    deleted: Flag | None = None
    order: tuple[str, ...] = ()
    insert: Dictionary[str, Any] = field(default_factory=dict)
    update: Dictionary[str, Any] = field(default_factory=dict)
    modified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """A field in another table's row, to which a column of the person's row points: the company, a country, a title.

    `codes` are further columns of that table by which it is found; `where` limits it; `insert` completes a new row.
    `link` is a table in which the application links the person to the same row, and maybe to others, as well.
    """

    column: str
    table: str
    key: str
    text: str
    codes: tuple[str, ...] = ()
    transform: str = ""
    where: Dictionary[str, Any] = field(default_factory=dict)
    unknown: Unknown = "refuse"
    insert: Dictionary[str, Any] = field(default_factory=dict)
    modified: tuple[str, ...] = ()
    write: bool = True
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Fields in rows of their own: e-mail addresses, phones, a company behind a link.

    Without a `link` the rows belong to one person each (`own`), with one they may be shared: a change then links
    another row and never edits one. `slots` are the fields in the order of the rows, by the value of `type_column`
    ("" where there is none). `shadows` are columns of the row that repeat its value: upper, lower, same or digits.
    """

    table: str
    key: str
    value: str
    slots: Dictionary[str, tuple[str, ...]]
    type_column: str = ""
    own: str = ""
    link: Link | None = None
    primary: str = ""
    order: tuple[str, ...] = ()
    find_by: str = ""
    shadows: Dictionary[str, str] = field(default_factory=dict)
    deleted: Flag | None = None
    where: Dictionary[str, Any] = field(default_factory=dict)
    insert: Dictionary[str, Any] = field(default_factory=dict)
    update: Dictionary[str, Any] = field(default_factory=dict)
    unknown: Unknown = "create"
    modified: tuple[str, ...] = ()
    write: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields of the slots."""
        return tuple(name for names in self.slots.values() for name in names)


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a person, which become its categories. They are never written."""

    table: str
    key: str
    text: str
    link: Link
    transform: str = ""
    deleted: Flag | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """How an application's tables are read and written as contacts.

    `where` are columns of the person's table with the value that makes a row a contact; a new row gets them too.
    `insert` and `update` are further columns that a new or a changed row gets. Values that begin with @ are made up:
    @uuid, @hex17, @now, @now_unix. `scan` is how often, in seconds, all keys are compared to notice rows that are gone.
    """

    name: str
    table: str
    key: str
    fields: Dictionary[str, ColumnField]
    lookups: Dictionary[str, Lookup] = field(default_factory=dict)
    rows: tuple[Rows, ...] = ()
    tags: tuple[Tags, ...] = ()
    write: bool = True
    where: Dictionary[str, Any] = field(default_factory=dict)
    deleted: Flag | None = None
    modified: Times | None = None
    created: str = ""
    insert: Dictionary[str, Any] = field(default_factory=dict)
    update: Dictionary[str, Any] = field(default_factory=dict)
    scan: float = 3600.0
    fingerprint: str = ""

    @property
    def field_names(self) -> frozenset[str]:
        """All fields that have a place."""
        names = {*self.fields, *self.lookups, *(name for each in self.rows for name in each.fields)}
        return frozenset(names | ({"category"} if self.tags else set()))

    @property
    def writable(self) -> frozenset[str]:
        """The fields that can be written."""
        if not self.write:
            return frozenset()
        columns = {name for name, each in self.fields.items() if each.write}
        lookups = {name for name, each in self.lookups.items() if each.write}
        return frozenset(columns | lookups | {name for each in self.rows if each.write for name in each.fields})
