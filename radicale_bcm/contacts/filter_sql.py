# SPDX-License-Identifier: GPL-3.0-or-later
"""A filter as an SQL criterion that agrees with the predicate on SQLite, PostgreSQL and MariaDB, whatever their
collations. Imported by filters when it is asked for a criterion; this and filter_sql_* are the modules of contacts
that import SQLAlchemy.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, not_, or_

from radicale_bcm.contacts.filter_fields import DEFAULT_TYPE, FilterField
from radicale_bcm.contacts.filter_sql_terms import Test, test_of
from radicale_bcm.contacts.filter_sql_text import (
    NAME_SOURCES,
    SqlText,
    display_name_of,
    engine_of,
    nested_calls,
    text_of,
    with_plain_lines,
)
from radicale_bcm.contacts.filter_terms import Equal, Like, Term
from radicale_bcm.contacts.filter_text import fold
from radicale_bcm.contacts.filter_tree import Both, Either, Node

# SQLite takes 32,766 parameters and expressions 1,000 deep. What goes beyond ours is left to the predicate.
MAX_CONDITIONS = 400
MAX_PARAMETERS = 8000
MAX_NESTED_CALLS = 60
MAX_DEPTH = 10  # SQLite's parser keeps at most 100 symbols


class Narrowing(NamedTuple):
    """A criterion (None: no restriction), and whether exactly the records that pass the filter satisfy it."""

    criterion: ColumnElement[bool] | None
    exact: bool


def narrow(
    fields: Iterable[tuple[FilterField, Node]],
    columns: Mapping[str, ColumnElement[Any]],
    dialect_name: str,
    types: Mapping[str, str],
) -> Narrowing:
    """The criterion of conditions that must all hold."""
    budget = _Budget()
    columns = dict(columns)
    for name in ("modified", "created"):
        if f"{name}_at" in columns:
            columns.setdefault(name, columns[f"{name}_at"])
    parts = [_FieldSql(field, columns, engine_of(dialect_name), types, budget).narrow(node) for field, node in fields]
    return _joined(parts)


def _joined(parts: Sequence[Narrowing]) -> Narrowing:
    criteria = [part.criterion for part in parts if part.criterion is not None]
    return Narrowing(and_(*criteria) if criteria else None, all(part.exact for part in parts))


_ANYTHING = Narrowing(None, exact=False)


@dataclass
class _Budget:
    """How much SQL a filter may still become."""

    conditions: int = MAX_CONDITIONS
    parameters: int = MAX_PARAMETERS

    def spend(self, conditions: int, parameters: int) -> bool:
        """Whether there is that much left; it is gone then."""
        if conditions > self.conditions or parameters > self.parameters:
            return False
        self.conditions -= conditions
        self.parameters -= parameters
        return True

    def give_back(self, before: "_Budget") -> None:
        """Forget what was spent since."""
        self.conditions, self.parameters = before.conditions, before.parameters


class _FieldSql:
    """The conditions on one field."""

    def __init__(
        self,
        field: FilterField,
        columns: Mapping[str, ColumnElement[Any]],
        engine: str,
        types: Mapping[str, str],
        budget: _Budget,
    ) -> None:
        self._field = field
        self._engine = engine
        self._types = types
        self._budget = budget
        self._columns = columns
        needed = NAME_SOURCES if field.name == "name" else field.sources
        self._weight = len(needed)
        self._known = all(name in columns for name in needed)
        # One column, or several that are read together, each with its text.
        self._texts: list[tuple[ColumnElement[Any], SqlText]] = []
        if self._known and field.name == "name":
            self._texts = [(columns["name"], display_name_of(self._text))]
        elif self._known:
            self._texts = [(columns[name], self._text(name)) for name in needed]

    def _text(self, name: str) -> SqlText:
        text = text_of(self._columns[name], self._engine)
        if self._field.kind == "type":
            return case((text == "", DEFAULT_TYPE), else_=text)
        return with_plain_lines(text) if self._field.kind == "text" else text

    def narrow(self, node: Node, depth: int = 0) -> Narrowing:
        """The criterion of a condition."""
        if not self._known or depth > MAX_DEPTH:
            return _ANYTHING
        if isinstance(node, Both):
            lists, others = _equals(node.parts, negated=True)
            return _joined([*self._in_list(lists, negated=True), *self._parts(others, depth)])
        if isinstance(node, Either):
            return self._either(node, depth)
        return self._term(node)

    def _parts(self, nodes: Sequence[Node], depth: int) -> list[Narrowing]:
        return [self.narrow(node, depth + 1) for node in nodes]

    def _either(self, node: Either, depth: int) -> Narrowing:
        before = replace(self._budget)
        lists, others = _equals(node.parts, negated=False)
        parts = self._in_list(lists, negated=False)
        parts += self._parts(others, depth)
        criteria = [part.criterion for part in parts if part.criterion is not None]
        if len(criteria) < len(parts):
            # One alternative that SQL does not decide, and the others narrow nothing.
            self._budget.give_back(before)
            return _ANYTHING
        return Narrowing(or_(*criteria), all(part.exact for part in parts))

    def _in_list(self, terms: Sequence[Equal], negated: bool) -> list[Narrowing]:
        if not terms:
            return []
        if not self._budget.spend(self._weight, self._weight * (len(terms) + 1)):
            return [_ANYTHING]
        found = or_(*(text.in_([term.text for term in terms]) for _, text in self._texts))
        return [Narrowing(not_(found) if negated else found, exact=True)]

    def _term(self, term: Term) -> Narrowing:
        folds = nested_calls(_folded_letters(term), self._engine)
        if folds > MAX_NESTED_CALLS or not self._budget.spend(self._weight * 2, self._weight * (2 * folds + 4)):
            return _ANYTHING
        tests = [test_of(self._field.kind, term, column, text, self._engine) for column, text in self._texts]
        if self._field.kind == "type":
            tests.append(self._named_types(term))
        known = [test for test in tests if test is not None]
        if len(known) < len(tests):
            return _ANYTHING
        return _decided(term, known)

    def _named_types(self, term: Term) -> Test:
        names = [name for name, label in self._types.items() if term.holds(name) or term.holds(label)]
        return Test(or_(*(text.in_(names) for _, text in self._texts)))


def _decided(term: Term, tests: Sequence[Test]) -> Narrowing:
    together = and_ if term.of_all else or_
    condition: ColumnElement[bool] = together(*(test.condition for test in tests))
    if term.negated:
        condition = not_(condition)
    undecided = [not_(test.decided) for test in tests if test.decided is not None]
    return Narrowing(or_(*undecided, condition) if undecided else condition, exact=not undecided)


def _folded_letters(term: Term) -> str:
    if isinstance(term, Equal) and term.folded:
        return fold(term.text)
    if isinstance(term, Like) and term.folded:
        return "".join(piece for piece in term.folded_pattern if isinstance(piece, str))
    return ""


def _equals(parts: Sequence[Node], negated: bool) -> tuple[list[Equal], list[Node]]:
    """Comparisons that become one IN list, so that a long list of values is no deep expression, and the rest."""
    lists: list[Equal] = []
    others: list[Node] = []
    for part in parts:
        if isinstance(part, Equal) and not part.folded and part.negated == negated:
            lists.append(part)
        else:
            others.append(part)
    return lists, others
