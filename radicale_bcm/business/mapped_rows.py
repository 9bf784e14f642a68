# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that stand in rows of their own: e-mail addresses, phones, a company behind a link. Imported by business only.

Rows that are shared are never edited: another row is linked, and the former link is marked as the application marks it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Connection, Select, Table, and_, delete, func, insert, select, update

from radicale_bcm.business.mapped_tables import Tables, both, live, matching, stored
from radicale_bcm.business.mapping import Flag, Link, Rows, Times
from radicale_bcm.business.rows import chunks
from radicale_bcm.business.transforms import RANDOM, made, shadow


class Entry(NamedTuple):
    """A row of a person: the keys of its link and of itself, its type, value, and whether it is the primary one."""

    owner: Any
    link: Any
    row: Any
    type: str
    value: str
    primary: bool
    times: tuple[Any, ...] = ()


class RowsOf:
    """Reads and writes the rows that one part of a mapping describes."""

    def __init__(self, spec: Rows, tables: Tables) -> None:
        self.spec = spec
        self._times = tables.mapping.modified
        self._rows: Table = tables.table(spec.table)
        self._link: Table | None = tables.table(spec.link.table) if spec.link else None
        self._select = self._make_select()

    # Reading

    @property
    def owner(self) -> Any:
        """The column that points to the person."""
        if self.spec.link is None or self._link is None:
            return self._rows.c[self.spec.own]
        return self._link.c[self.spec.link.own]

    def _make_select(self) -> Select[Any]:
        spec, rows = self.spec, self._rows
        times = [rows.c[name] for name in spec.modified]
        criteria = both(live(rows, spec.deleted), matching(rows, spec.where))
        order = [rows.c[name] for name in spec.order]
        source: Any = rows
        primary = rows.c[spec.primary] if spec.primary else None
        link_key: Any = rows.c[spec.key]
        if spec.link and self._link is not None:
            link = self._link
            source = link.join(rows, link.c[spec.link.other] == rows.c[spec.key])
            criteria += both(live(link, spec.link.deleted), matching(link, spec.link.where))
            order = [link.c[name] for name in spec.link.order] + order
            primary = link.c[spec.link.primary] if spec.link.primary else primary
            link_key = link.c[spec.link.key] if spec.link.key else link.c[spec.link.other]
            times += [link.c[name] for name in spec.link.modified]
        kind = rows.c[spec.type_column] if spec.type_column else None
        named = [self.owner, link_key, rows.c[spec.key], rows.c[spec.value]]
        named += [each for each in (kind, primary) if each is not None]
        first = [func.coalesce(primary, False if _is_boolean(primary) else 0).desc()] if primary is not None else []
        found = select(*named, *times).select_from(source).where(*criteria)
        return found.order_by(self.owner, *first, *order, link_key)

    def read(self, connection: Connection, keys: Sequence[Any]) -> dict[Any, list[Entry]]:
        """The rows of these persons in their order, the primary one first."""
        found: dict[Any, list[Entry]] = {}
        for some in chunks(list(keys)):
            for row in connection.execute(self._select.where(self.owner.in_(some))):
                entry = self._entry(tuple(row))
                if entry.value:
                    found.setdefault(entry.owner, []).append(entry)
        return found

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        owner, link, key, value, *rest = row
        kind = str(rest.pop(0) or "") if self.spec.type_column else ""
        has_primary = bool(self.spec.primary or (self.spec.link and self.spec.link.primary))
        primary = bool(rest.pop(0)) if has_primary else False
        return Entry(owner, link, key, kind, str(value or "").strip(), primary, tuple(rest))

    def fields(self, entries: Sequence[Entry]) -> dict[str, str]:
        """The fields that a person's rows are."""
        found: dict[str, str] = {}
        for kind, names in self.spec.slots.items():
            of_kind = [each for each in entries if each.type == kind]
            found.update((name, each.value) for name, each in zip(names, of_kind, strict=False))
        return found

    # Writing

    def reason_against(self, connection: Connection, value: str) -> str | None:
        """Why a value cannot be linked: nobody has it, or several do."""
        if self.spec.link is None or not value:
            return None
        count = len(self._find(connection, value, None))
        if count > 1 and not self.spec.find_by:
            return "more than one has this name"
        return "there is none of this name" if not count and self.spec.unknown != "create" else None

    def write(self, connection: Connection, key: Any, changes: Mapping[str, str], now: datetime) -> None:
        """Give a person these values; the rows that no field shows stay as they are."""
        entries = self.read(connection, [key]).get(key, [])
        shown = self.fields(entries)
        for kind, names in self.spec.slots.items():
            if not set(names) & changes.keys():
                continue
            of_kind = [each for each in entries if each.type == kind]
            values = [changes.get(name, shown.get(name, "")) for name in names]
            wanted = list(dict.fromkeys(filter(None, values)))
            self._write_kind(connection, (key, kind), of_kind[: len(names)], wanted, now)
        first = changes.get(self._first_field(), shown.get(self._first_field(), ""))
        self._set_primary(connection, key, first, now)

    def _first_field(self) -> str:
        return next(iter(self.spec.slots.values()))[0]

    def _write_kind(
        self,
        connection: Connection,
        of: tuple[Any, str],
        now_there: Sequence[Entry],
        wanted: Sequence[str],
        now: datetime,
    ) -> None:
        leaving = [each for each in now_there if each.value not in wanted]
        there = {each.value for each in now_there}
        coming = [value for value in wanted if value not in there]
        if self.spec.link is None:
            for entry, value in zip(leaving, coming, strict=False):
                self._update_row(connection, entry.row, self._values(value) | self._made(self.spec.update, now))
            leaving, coming = leaving[len(coming) :], coming[len(leaving) :]
        for entry in leaving:
            self._remove(connection, entry, now)
        for value, identity in zip(coming, self._identities(len(coming), now), strict=True):
            self._add(connection, *of, value, now, identity)

    def _identities(self, count: int, now: datetime) -> list[dict[str, Any]]:
        """Keys for new rows of the person, in the order in which they are read: an application's times of creation may
        be those of a second, and random keys would turn the second and the third address round."""
        spec = self.spec.link or self.spec
        if spec.key and str(spec.insert.get(spec.key, "")) in RANDOM:
            made_up = sorted(made(spec.insert[spec.key], self._times, now) for _ in range(count))
            return [{spec.key: each} for each in made_up]
        return [{} for _ in range(count)]

    def _values(self, value: str) -> dict[str, Any]:
        return {self.spec.value: value} | {column: shadow(how, value) for column, how in self.spec.shadows.items()}

    def _made(self, constants: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        return _constants(constants, self._times, now)

    def _update_row(self, connection: Connection, row: Any, values: Mapping[str, Any]) -> None:
        here = self._rows.c[self.spec.key] == row
        connection.execute(update(self._rows).where(here).values(stored(self._rows, values)))

    def _at_link(self, entry: Entry) -> Any:
        link, spec = self._link, self.spec.link
        assert link is not None
        assert spec is not None
        if spec.key:
            return link.c[spec.key] == entry.link
        here = [link.c[spec.own] == entry.owner, link.c[spec.other] == entry.row]
        return and_(*here, *both(matching(link, spec.where)))

    def _remove(self, connection: Connection, entry: Entry, now: datetime) -> None:
        if self.spec.link is not None and self._link is not None:
            flag, table, here = self.spec.link.deleted, self._link, self._at_link(entry)
            constants = self._made(self.spec.link.update, now)
        else:
            flag, table, here = self.spec.deleted, self._rows, self._rows.c[self.spec.key] == entry.row
            constants = self._made(self.spec.update, now)
        if flag is None:
            connection.execute(delete(table).where(here))
        else:
            values = stored(table, {flag.column: flag.deleted, **constants})
            connection.execute(update(table).where(here).values(values))

    def _add(
        self, connection: Connection, key: Any, kind: str, value: str, now: datetime, identity: dict[str, Any]
    ) -> None:
        if self.spec.link is None:
            self._insert_row(connection, value, kind, now, {self.spec.own: key, **identity})
            return
        found = self._find(connection, value, kind)
        row = found[0] if found else self._insert_row(connection, value, kind, now, {})
        assert self._link is not None
        attach(connection, self._link, self.spec.link, self._times, (key, row), now, identity)

    def _insert_row(self, connection: Connection, value: str, kind: str, now: datetime, also: Mapping[str, Any]) -> Any:
        values = {**self.spec.where, **self._made(self.spec.insert, now), **self._values(value), **also}
        if self.spec.type_column:
            values[self.spec.type_column] = kind
        return _inserted(connection, self._rows, self.spec.key, values, self.spec.deleted)

    def _find(self, connection: Connection, value: str, kind: str | None) -> list[Any]:
        """The rows that have a value already, and are not deleted."""
        rows, by = self._rows, self.spec.find_by
        criteria = both(live(rows, self.spec.deleted), matching(rows, self.spec.where))
        if by:
            criteria.append(rows.c[by] == shadow(self.spec.shadows.get(by, "same"), value))
        else:
            criteria.append(func.lower(rows.c[self.spec.value]) == value.lower())
        if kind is not None and self.spec.type_column:
            criteria.append(rows.c[self.spec.type_column] == kind)
        key = rows.c[self.spec.key]
        return list(connection.execute(select(key).where(*criteria).order_by(key).limit(2)).scalars())

    def _set_primary(self, connection: Connection, key: Any, first: str, now: datetime) -> None:
        """One row is the primary one: that of the first field, or the first that is left. Others are touched only
        where their flag is wrong."""
        table, column = self._primary_column()
        entries = self.read(connection, [key]).get(key, [])
        if table is None or not entries:
            return
        typed = bool(self.spec.type_column)
        if typed and sum(each.primary for each in entries) == 1:
            return
        same = (each for each in entries if each.value.casefold() == first.casefold() and not typed)
        chosen = next(same, entries[0])
        constants = self._made(self.spec.link.update if self.spec.link else self.spec.update, now)
        for each in entries:
            if each.primary != (each is chosen):
                here = self._at_link(each) if self.spec.link else self._rows.c[self.spec.key] == each.row
                flag = each is chosen
                connection.execute(update(table).where(here).values(stored(table, {column: flag, **constants})))

    def _primary_column(self) -> tuple[Table | None, str]:
        if self.spec.link and self.spec.link.primary:
            return self._link, self.spec.link.primary
        return (self._rows, self.spec.primary) if self.spec.primary else (None, "")


def _is_boolean(column: Any) -> bool:
    return column is not None and isinstance(column.type, Boolean)


def attach(
    connection: Connection,
    table: Table,
    link: Link,
    times: Times | None,
    pair: tuple[Any, Any],
    now: datetime,
    own_key: Mapping[str, Any] | None = None,
) -> None:
    """Link a person and a row, with this key where the link has one. A link that was taken away before is the same
    one again: many applications allow only one for each pair."""
    own, other = pair
    here = and_(table.c[link.own] == own, table.c[link.other] == other, *both(matching(table, link.where)))
    identity = table.c[link.key] if link.key else table.c[link.other]
    former = connection.execute(select(identity).where(here).order_by(identity).limit(1)).scalar()
    if former is not None:
        again = {link.deleted.column: link.deleted.live} if link.deleted else {}
        values = again | _constants(link.update, times, now)
        at = table.c[link.key] == former if link.key else here
        if values:
            connection.execute(update(table).where(at).values(stored(table, values)))
        return
    values = {**link.where, **_constants(link.insert, times, now), **(own_key or {}), link.own: own, link.other: other}
    if link.primary:
        values.setdefault(link.primary, False)
    _inserted(connection, table, link.key, values, link.deleted)


def follow(
    connection: Connection,
    table: Table,
    link: Link,
    times: Times | None,
    change: tuple[Any, Any, Any],
    now: datetime,
) -> None:
    """Keep a link beside a column of the person that points to the same row: (person, before, after). The row that is
    pointed to is linked; others stay linked, unless nothing is pointed to any more."""
    own, before, after = change
    mine = [table.c[link.own] == own, *both(matching(table, link.where), live(table, link.deleted))]
    if after is not None:
        there = select(table.c[link.own]).where(*mine, table.c[link.other] == after).limit(1)
        if connection.execute(there).first() is None:
            attach(connection, table, link, times, (own, after), now)
    elif before is not None:
        here = and_(*mine, table.c[link.other] == before)
        if link.deleted is None:
            connection.execute(delete(table).where(here))
        else:
            values = {link.deleted.column: link.deleted.deleted, **_constants(link.update, times, now)}
            connection.execute(update(table).where(here).values(stored(table, values)))


def _constants(values: Mapping[str, Any], times: Times | None, now: datetime) -> dict[str, Any]:
    return {name: made(value, times, now) for name, value in values.items()}


def _inserted(connection: Connection, table: Table, key: str, values: dict[str, Any], flag: Flag | None) -> Any:
    """Insert a row that is not deleted; its key."""
    if flag is not None:
        values.setdefault(flag.column, flag.live)
    done = connection.execute(insert(table).values(stored(table, values))).inserted_primary_key
    if not key or key in values:
        return values.get(key)
    return done[0] if done else None
