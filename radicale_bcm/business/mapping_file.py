# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a mapping from a TOML file: `preset = "odoo"` begins with one of ours, everything else is laid over it.

Imported by business and sync. Whatever is wrong is told with the place in the file; nothing is guessed.
"""

import json
import tomllib
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dictionary
from difflib import get_close_matches
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from radicale_bcm.business.mapping import ColumnField, Flag, Link, Lookup, Mapping, Rows, Tags, Times
from radicale_bcm.business.transforms import MADE, SHADOWS, TRANSFORMS
from radicale_bcm.contacts.fields import BY_NAME

PRESETS = Path(__file__).with_name("presets")
_LARGEST = 1_000_000

T = TypeVar("T")


class InvalidMapping(Exception):
    """A mapping that cannot be used. `place` is the table and key in the file, such as fields.email."""

    def __init__(self, source: str, place: str, reason: str) -> None:
        super().__init__(source, place, reason)
        self.source = source
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        return f"mapping {self.source}: {self.place + ': ' if self.place else ''}{self.reason}"


def preset_names() -> list[str]:
    """The presets that ship with the program."""
    return sorted(each.stem for each in PRESETS.glob("*.toml"))


def read_file(path: str | Path) -> Mapping:
    """The mapping in a file, or the preset of this name if there is no such file. InvalidMapping, OSError."""
    file = Path(path)
    if not file.exists() and str(path) in preset_names():
        file = PRESETS / f"{path}.toml"
    if file.stat().st_size > _LARGEST:
        raise InvalidMapping(str(path), "", "the file is too large for a mapping")
    try:
        return read(file.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise InvalidMapping(str(path), "", f"the file is no UTF-8 text: {error.reason}") from error


def read(text: str, source: str) -> Mapping:
    """The mapping that a text says. InvalidMapping."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidMapping(source, "", str(error) or "nested too deeply") from error
    preset = data.pop("preset", None)
    if preset is not None:
        if preset not in preset_names():
            raise InvalidMapping(source, "preset", f"{preset!r} is none of {', '.join(preset_names())}")
        data = _over(tomllib.loads((PRESETS / f"{preset}.toml").read_text(encoding="utf-8")), data)
    prefix = data.pop("prefix", "")
    if not isinstance(prefix, str):
        raise InvalidMapping(source, "prefix", "a text is needed")
    return _Reader(source, prefix).mapping(data)


def _over(below: dict[str, Any], above: Dictionary[str, Any]) -> dict[str, Any]:
    """Tables are merged, everything else replaces what is there; false takes a table or a field away."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if value is False and isinstance(old, dict | str) and name != "write":
            del merged[name]
        else:
            merged[name] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


class _Reader:
    def __init__(self, source: str, prefix: str) -> None:
        self._source = source
        self._prefix = prefix

    def mapping(self, data: dict[str, Any]) -> Mapping:
        fingerprint = sha256(json.dumps([self._prefix, data], sort_keys=True, default=str).encode()).hexdigest()[:16]
        t = self._table("", data)
        found = Mapping(
            name=t.take("name", str, self._source),
            table=self._named(t.take("table", str)),
            key=t.take("key", str, "id"),
            write=t.choice("write", {"sql": True, "read_only": False}, "read_only"),
            where=t.take("where", dict, {}),
            deleted=t.take("deleted", dict, None, self._flag),
            modified=t.take("modified", dict, None, self._times),
            created=t.take("created", str, ""),
            insert=t.take("insert", dict, {}, self._constants),
            update=t.take("update", dict, {}, self._constants),
            scan=t.take("scan", float, 3600.0),
            fields=t.take("fields", dict, {}, partial(self._each, make=self._field)),
            lookups=t.take("lookups", dict, {}, partial(self._each, make=self._lookup)),
            rows=tuple(t.take("rows", dict, {}, partial(self._all, make=self._rows))),
            tags=tuple(t.take("tags", dict, {}, partial(self._all, make=self._tags))),
            fingerprint=fingerprint,
        )
        t.end()
        self._check(found)
        return found

    def _table(self, place: str, data: Any) -> "_Table":
        return _Table(self._source, place, data)

    def _named(self, name: str) -> str:
        return name.replace("{prefix}", self._prefix)

    def _flag(self, place: str, data: Any) -> Flag:
        t = self._table(place, data)
        found = Flag(t.take("column", str), t.take("deleted", None, True), t.take("live", None, False))
        t.end()
        return found

    def _times(self, place: str, data: Any) -> Times:
        t = self._table(place, data)
        found = Times(
            columns=t.names("columns"),
            unit=t.choice("unit", {"datetime": "datetime", "unix": "unix"}, "datetime"),
            time_zone=t.take("time_zone", str, "UTC"),
            granularity=t.take("granularity", float, 1.0),
            overlap=t.take("overlap", float, 60.0),
        )
        t.end()
        try:
            ZoneInfo(found.time_zone)
        except (KeyError, OSError, ValueError) as error:
            raise InvalidMapping(self._source, f"{place}.time_zone", f"no time zone {found.time_zone!r}") from error
        return found

    def _constants(self, place: str, data: Any) -> dict[str, Any]:
        for column, value in data.items():
            if isinstance(value, str) and value.startswith("@") and value not in MADE:
                raise InvalidMapping(self._source, f"{place}.{column}", f"{value} is none of {', '.join(MADE)}")
            if isinstance(value, dict | list):
                raise InvalidMapping(self._source, f"{place}.{column}", "one value is needed")
        return dict(data)

    def _shadows(self, place: str, data: Any) -> dict[str, str]:
        for column, how in data.items():
            if how not in SHADOWS:
                raise InvalidMapping(self._source, f"{place}.{column}", f"{how!r} is none of {', '.join(SHADOWS)}")
        return dict(data)

    def _transform(self, place: str, name: str) -> str:
        if name and name.partition(":")[0] not in TRANSFORMS:
            raise InvalidMapping(self._source, place, f"{name!r} is none of {', '.join(TRANSFORMS)}")
        return name

    def _each(self, place: str, data: Any, make: Callable[[str, Any], T]) -> dict[str, T]:
        for name in data:
            if name not in BY_NAME:
                raise InvalidMapping(self._source, f"{place}.{name}", f"no field {name!r}{_near(name, BY_NAME)}")
        return {name: make(f"{place}.{name}", value) for name, value in data.items()}

    def _all(self, place: str, data: Any, make: Callable[[str, Any], T]) -> list[T]:
        return [make(f"{place}.{name}", value) for name, value in data.items()]

    def _field(self, place: str, data: Any) -> ColumnField:
        if isinstance(data, str):
            return ColumnField((data,))
        if isinstance(data, list):
            data = {"columns": data}
        t = self._table(place, data)
        columns = (t.take("column", str),) if "column" in data else t.names("columns")
        found = ColumnField(
            columns,
            self._transform(place, t.take("transform", str, "")),
            t.take("shadows", dict, {}, self._shadows),
            t.take("write", bool, True),
        )
        t.end()
        if not columns:
            raise InvalidMapping(self._source, place, "a column is needed")
        return found

    def _lookup(self, place: str, data: Any) -> Lookup:
        t = self._table(place, data)
        found = Lookup(
            column=t.take("column", str),
            table=self._named(t.take("table", str)),
            key=t.take("key", str, "id"),
            text=t.take("text", str, "name"),
            codes=t.names("codes"),
            transform=self._transform(place, t.take("transform", str, "")),
            where=t.take("where", dict, {}),
            unknown=t.choice("unknown", {each: each for each in ("create", "refuse", "keep")}, "refuse"),
            insert=t.take("insert", dict, {}, self._constants),
            modified=t.names("modified"),
            write=t.take("write", bool, True),
            link=t.take("link", dict, None, self._link),
        )
        t.end()
        return found

    def _link(self, place: str, data: Any) -> Link:
        t = self._table(place, data)
        found = Link(
            table=self._named(t.take("table", str)),
            own=t.take("own", str),
            other=t.take("other", str),
            key=t.take("key", str, ""),
            where=t.take("where", dict, {}),
            primary=t.take("primary", str, ""),
            deleted=t.take("deleted", dict, None, self._flag),
            order=t.names("order"),
            insert=t.take("insert", dict, {}, self._constants),
            update=t.take("update", dict, {}, self._constants),
            modified=t.names("modified"),
        )
        t.end()
        return found

    def _rows(self, place: str, data: Any) -> Rows:
        t = self._table(place, data)
        slots = self._slots(place, t.take("fields", None, None))
        found = Rows(
            table=self._named(t.take("table", str)),
            key=t.take("key", str, "id"),
            value=t.take("value", str),
            slots=slots,
            type_column=t.take("type", str, ""),
            own=t.take("own", str, ""),
            link=t.take("link", dict, None, self._link),
            primary=t.take("primary", str, ""),
            order=t.names("order"),
            find_by=t.take("find_by", str, ""),
            shadows=t.take("shadows", dict, {}, self._shadows),
            deleted=t.take("deleted", dict, None, self._flag),
            where=t.take("where", dict, {}),
            insert=t.take("insert", dict, {}, self._constants),
            update=t.take("update", dict, {}, self._constants),
            unknown=t.choice("unknown", {each: each for each in ("create", "refuse", "keep")}, "create"),
            modified=t.names("modified"),
            write=t.take("write", bool, True),
        )
        t.end()
        if bool(found.own) == bool(found.link):
            raise InvalidMapping(self._source, place, "either `own`, the column that points to the person, or a `link`")
        if bool(found.type_column) == ("" in slots):
            raise InvalidMapping(self._source, place, "`fields` by type need a `type` column, a list none")
        return found

    def _slots(self, place: str, data: Any) -> dict[str, tuple[str, ...]]:
        slots = {"": data} if isinstance(data, list) else data
        if not isinstance(slots, dict) or not slots:
            raise InvalidMapping(self._source, f"{place}.fields", "a list of fields is needed, or one for each type")
        found: dict[str, tuple[str, ...]] = {}
        for name, value in slots.items():
            names = [value] if isinstance(value, str) else value
            if not isinstance(names, list) or not names:
                raise InvalidMapping(self._source, f"{place}.fields", "fields are named")
            for each in names:
                if each not in BY_NAME:
                    near = _near(str(each), BY_NAME)
                    raise InvalidMapping(self._source, f"{place}.fields", f"there is no field {each!r}{near}")
            found[name] = tuple(names)
        return found

    def _tags(self, place: str, data: Any) -> Tags:
        t = self._table(place, data)
        found = Tags(
            table=self._named(t.take("table", str)),
            key=t.take("key", str, "id"),
            text=t.take("text", str, "name"),
            link=t.take("link", dict, _NEEDED, self._link),
            transform=self._transform(place, t.take("transform", str, "")),
            deleted=t.take("deleted", dict, None, self._flag),
        )
        t.end()
        return found

    def _check(self, found: Mapping) -> None:
        names = [*found.fields, *found.lookups, *(name for each in found.rows for name in each.fields)]
        names += ["category"] if found.tags else []
        for name in names:
            if names.count(name) > 1:
                raise InvalidMapping(self._source, f"fields.{name}", "the field has more than one place")
        shown = {"name", "given_name", "family_name", "company", "email"}
        if not shown & set(names):
            names_of = ", ".join(sorted(shown))
            raise InvalidMapping(self._source, "fields", f"something to call a contact by is needed: {names_of}")


_NEEDED = object()


class _Table:
    """A TOML table whose keys are taken one by one; what is left over is an error."""

    def __init__(self, source: str, place: str, data: Any) -> None:
        self._source = source
        self._place = place
        if not isinstance(data, dict):
            raise InvalidMapping(source, place, "a table is needed")
        self._data = dict(data)
        self._known: list[str] = []

    def _at(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def take(
        self, name: str, kind: type | None, default: Any = _NEEDED, make: Callable[[str, Any], Any] | None = None
    ) -> Any:
        """The value of a key, made into something else if it is there."""
        self._known.append(name)
        if name not in self._data:
            if default is _NEEDED:
                raise InvalidMapping(self._source, self._at(name), "is missing")
            return default
        value = self._data.pop(name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if kind is not None and not isinstance(value, kind):
            raise InvalidMapping(self._source, self._at(name), f"{_KINDS[kind]} is needed, not {value!r}")
        return make(self._at(name), value) if make else value

    def names(self, name: str) -> tuple[str, ...]:
        """A name or a list of names."""
        value = self.take(name, None, [])
        found: Sequence[Any] = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise InvalidMapping(self._source, self._at(name), "a name or a list of names is needed")
        return tuple(found)

    def choice(self, name: str, allowed: Dictionary[str, T], default: str) -> T:
        """One of a few words."""
        value = self.take(name, str, default)
        if value not in allowed:
            raise InvalidMapping(self._source, self._at(name), f"{value!r} is none of {', '.join(allowed)}")
        return allowed[value]

    def end(self) -> None:
        """Nothing may be left."""
        for name in self._data:
            raise InvalidMapping(self._source, self._at(name), f"there is no such setting{_near(name, self._known)}")


_KINDS: dict[type, str] = {str: "a text", dict: "a table", float: "a number", bool: "true or false"}


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; is {near[0]} meant?" if near else ""
