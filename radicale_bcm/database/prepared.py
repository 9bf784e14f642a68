# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements of the hot paths, compiled once and run on the driver's own cursor. Imported by business and books.

SQLAlchemy takes ten times as long over a short statement as SQLite over its answer. It still builds the SQL, knows the
types and owns the connection; only its execution is gone around.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Text, Update, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError, NoResultFound, StatementError
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BinaryExpression, BindParameter
from sqlalchemy.sql.selectable import CompoundSelect

from radicale_bcm.database.engine import ALL_ON_DRIVER, ON_DRIVER

Values = Mapping[str, Any]
Statement = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete
_Processor = Callable[[Any], Any]


class _Item(NamedTuple):
    """A place of an IN list in the SQL."""

    name: str
    number: int


class _Given(NamedTuple):
    """The place of a value in the SQL."""

    name: str


class _Slot(NamedTuple):
    """Where the value of a parameter comes from: a name of the values, one of a list, or always the same."""

    parameter: str
    name: str | None
    number: int | None
    constant: Any
    process: _Processor | None

    def value(self, values: Values) -> Any:
        if self.name is None:
            return self.constant
        found = values[self.name]
        if self.number is not None:
            # A list shorter than its places ends in repetitions, which an IN does not mind.
            found = found[min(self.number, len(found) - 1)]
        return found if self.process is None else self.process(found)


class _Form:
    """The statement for a dialect, a set of columns to write, and lengths of its IN lists."""

    def __init__(self, statement: Statement, dialect: Dialect, values: Values, lengths: Mapping[str, int]) -> None:
        single = frozenset[str]()
        if dialect.name == _WITH_ARRAYS:
            single = frozenset(name for name, size in lengths.items() if size == 1)
            statement = cast("Statement", visitors.replacement_traverse(statement, {}, partial(_with_array, single)))
            lengths = _NONE
        compiled = statement.compile(dialect=dialect, column_keys=list(values))
        assert isinstance(compiled, SQLCompiler)
        names = {bind.key: name for bind, name in compiled.bind_names.items()}
        given: dict[str, Any] = dict(compiled.construct_params(_check=False))
        given |= {names[name]: _Given(name) for name in values if name in names}
        given |= {names[name]: [_Item(name, index) for index in range(size)] for name, size in lengths.items()}
        given |= {names[name]: _Item(name, 0) for name in single}
        expanded = compiled.construct_expanded_state(given)
        self.sql = expanded.statement
        self._dialect = dialect
        read = (
            statement.selected_columns if isinstance(statement, Select | CompoundSelect) else statement.exported_columns
        )
        self._types = [column.type for column in read]
        self._readers: list[tuple[int, _Processor]] | None = None
        writers: dict[str, Any] = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect)
            for bind, name in compiled.bind_names.items()
            if not bind.expanding
        }
        writers |= expanded.processors
        order, parameters = expanded.positiontup, expanded.parameters
        self._slots = [_slot(name, parameters[name], writers.get(name)) for name in order or parameters]
        self._positional = order is not None
        self._has_lists = any(each.number is not None for each in self._slots)
        simple = self._positional and all(each.name and each.process is None for each in self._slots)
        # Where values are passed as they are: the names in their order, and the lengths of lists.
        self._runs = _runs(self._slots) if simple else None

    def parameters(self, values: Values) -> Any:
        """What the driver is given."""
        if self._runs is not None:
            given: list[Any] = []
            for name, size in self._runs:
                found = values[name]
                if size is None:
                    given.append(found)
                else:
                    given += found
                    if len(found) < size:
                        given += [found[-1]] * (size - len(found))
            return given
        if self._positional:
            if not self._has_lists:
                return [
                    constant if name is None else values[name] if process is None else process(values[name])
                    for _, name, _, constant, process in self._slots
                ]
            return [slot.value(values) for slot in self._slots]
        return {slot.parameter: slot.value(values) for slot in self._slots}

    def rows(self, cursor: Any) -> list[Any]:
        """The answer, with the values that the types of its columns mean."""
        found: list[Any] = cursor.fetchall()
        if self._readers is None:
            self._readers = self._make_readers(cursor.description)
        if not self._readers or not found:
            return found
        read = []
        for row in found:
            made = list(row)
            for index, process in self._readers:
                # NULL is None for every type.
                if made[index] is not None:
                    made[index] = process(made[index])
            read.append(tuple(made))
        return read

    def _make_readers(self, description: Sequence[Any]) -> list[tuple[int, _Processor]]:
        readers: list[tuple[int, _Processor]] = []
        for index, (kind, column) in enumerate(zip(self._types, description, strict=True)):
            process = kind.dialect_impl(self._dialect).result_processor(self._dialect, column[1])
            if process is not None:
                readers.append((index, process))
        return readers


def _runs(slots: Sequence[_Slot]) -> list[tuple[str, int | None]]:
    """The slots, those of one list together with how many they are; None is a single value."""
    runs: list[tuple[str, int | None]] = []
    for slot in slots:
        assert slot.name is not None
        if slot.number:
            runs[-1] = slot.name, slot.number + 1
        else:
            runs.append((slot.name, None if slot.number is None else 1))
    return runs


def _slot(parameter: str, value: Any, process: _Processor | None) -> _Slot:
    if isinstance(value, _Given):
        return _Slot(parameter, value.name, None, None, process)
    if isinstance(value, _Item):
        return _Slot(parameter, value.name, value.number, None, process)
    return _Slot(parameter, None, None, value if process is None else process(value), None)


# Where a list is one value, of any length: psycopg reads a statement with many places anew each time.
_WITH_ARRAYS = "postgresql"


def _with_array(single: Collection[str], element: Any, **_options: Any) -> Any:
    """`= ANY(:list)` for `IN :list`, or `=` for a list of a single value, which is planned once and not each time; None
    for any other part of a statement."""
    if not isinstance(element, BinaryExpression) or element.operator is not operators.in_op:
        return None
    given = element.right
    if not isinstance(given, BindParameter) or not given.expanding:
        return None
    kind = Text() if element.left.type.python_type is str else element.left.type
    if given.key in single:
        return element.left == bindparam(given.key, type_=kind)
    return element.left == any_(bindparam(given.key, type_=ARRAY(kind)))


_NONE: Mapping[str, int] = {}


@cache
def _places(size: int) -> int:
    """Lists of similar lengths share a form."""
    return 1 << (size - 1).bit_length() if size > 1 else 1


def _as_it_is(_form: _Form, cursor: Any) -> Any:
    return cursor


def _count(_form: _Form, cursor: Any) -> int:
    return int(cursor.rowcount)


class Prepared:
    """A statement whose parameters are all given by name. `lists` are those of its IN lists."""

    def __init__(self, statement: Statement, *lists: str) -> None:
        self.statement = statement
        self._lists = lists
        self._forms: dict[Any, _Form] = {}

    def all(self, conn: Connection, values: Values) -> list[Any]:
        """All rows, as tuples."""
        return self._run(conn, values, _Form.rows)  # type: ignore[no-any-return]

    def each(self, conn: Connection, values: Values) -> Iterator[Any]:
        """All rows, one by one where the driver reads them so: for large ones, whose columns are read as they are."""
        return iter(self._run(conn, values, _as_it_is))

    def first(self, conn: Connection, values: Values) -> Any:
        """The first row as a tuple, or None."""
        found = self.all(conn, values)
        return found[0] if found else None

    def one(self, conn: Connection, values: Values) -> Any:
        """The row that must be there. Raises sqlalchemy.exc.NoResultFound."""
        found = self.first(conn, values)
        if found is None:
            raise NoResultFound
        return found

    def column(self, conn: Connection, values: Values) -> list[Any]:
        """The first column."""
        return [row[0] for row in self.all(conn, values)]

    def run(self, conn: Connection, values: Values) -> int:
        """Write; the number of rows that were found."""
        return self._run(conn, values, _count)  # type: ignore[no-any-return]

    def _run(self, conn: Connection, values: Values, read: Callable[[_Form, Any], Any]) -> Any:
        on_driver = conn.get_execution_options().get(ON_DRIVER)
        if on_driver is None or (self._lists and not self.is_usual(values)):
            done = conn.execute(self.statement, dict(values))
            return done.rowcount if read is _count else list(done.all())
        form = self.form(conn, values)
        try:
            return read(form, on_driver(form.sql, form.parameters(values)))
        except conn.dialect.loaded_dbapi.Error as error:
            raise _translated(conn, form.sql, error) from error

    def is_usual(self, values: Values) -> bool:
        """Whether these values have a form: an empty list is written in another way."""
        return not self._lists or all(values[name] for name in self._lists)

    def form(self, conn: Connection, values: Values) -> _Form:
        """The statement for these values."""
        dialect = conn.dialect
        lengths = _NONE
        if self._lists and dialect.name == _WITH_ARRAYS:
            lengths = {name: len(values[name]) == 1 for name in self._lists}
        elif self._lists:
            lengths = {name: _places(len(values[name])) for name in self._lists}
        key = (dialect.name, *values, *lengths.values())
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = _Form(self.statement, dialect, values, lengths)
        return form


Asked = tuple[Prepared, Values]
"""A statement with its values."""


def together(conn: Connection, *asked: Asked) -> list[list[Any]]:
    """All rows of each of several statements, of which none follows from the answer of another: in one round trip where
    the driver can."""
    run_all = conn.get_execution_options().get(ALL_ON_DRIVER)
    if run_all is None or not all(statement.is_usual(values) for statement, values in asked):
        return [statement.all(conn, values) for statement, values in asked]
    forms = [statement.form(conn, values) for statement, values in asked]
    try:
        cursors = run_all([(form.sql, form.parameters(values)) for form, (_, values) in zip(forms, asked, strict=True)])
        return [form.rows(cursor) for form, cursor in zip(forms, cursors, strict=True)]
    except conn.dialect.loaded_dbapi.Error as error:
        raise _translated(conn, "; ".join(form.sql for form in forms), error) from error


def _translated(conn: Connection, sql: str, error: Exception) -> StatementError:
    """What SQLAlchemy would raise; a connection that was lost is not used again."""
    dialect = conn.dialect
    lost = dialect.is_disconnect(error, None, None)  # type: ignore[arg-type]
    if lost and not conn.invalidated:
        conn.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
    )
