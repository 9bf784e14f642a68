# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters in Business Central's syntax: parsed once, then a predicate, an SQL criterion and words.
Every module may import it; SQLAlchemy is imported only when a criterion is asked for.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from radicale_bcm.contacts.filter_error import FilterError
from radicale_bcm.contacts.filter_fields import FILTER_FIELDS, FilterField, all_types, values_of
from radicale_bcm.contacts.filter_parse import parse_filter
from radicale_bcm.contacts.filter_terms import Equal, Me, Term
from radicale_bcm.contacts.filter_tree import Node, both, canonical, mapped, terms, true_of, words

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from radicale_bcm.contacts.filter_sql import Narrowing

__all__ = [
    "FILTER_FIELDS",
    "MAX_FILTERS",
    "Explanation",
    "Filter",
    "FilterError",
    "UnboundFilter",
    "describe",
    "explain",
    "parse_canonical",
    "parse_filters",
]

MAX_FILTERS = 100


class UnboundFilter(RuntimeError):
    """A filter with %me was asked about a record before `bind` said who that is: a mistake of the caller."""


class Explanation(NamedTuple):
    """What one condition says about one record."""

    condition: str  # as the person wrote it
    holds: bool
    value: str  # the record's, several joined by ", "


@dataclass(frozen=True)
class _Condition:
    field: FilterField
    node: Node
    text: str


@dataclass(frozen=True, eq=False)
class Filter:
    """Conditions on fields that must all hold; without any, every record passes. Immutable.

    Filters that mean the same up to order, spaces, repetition and short names are equal and have one `canonical`.
    A field that a record does not have is empty: it equals '' and is `<>` every value, and lies in no range.
    """

    conditions: tuple[_Condition, ...] = ()

    @cached_property
    def per_field(self) -> tuple[tuple[FilterField, Node], ...]:
        """All conditions on a field as one, for each field, in the order of their names."""
        nodes: dict[str, list[Node]] = {}
        for condition in self.conditions:
            nodes.setdefault(condition.field.name, []).append(condition.node)
        fields = {condition.field.name: condition.field for condition in self.conditions}
        return tuple((fields[name], both(nodes[name])) for name in sorted(nodes))

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """The canonical filter, one text per field; `parse_canonical` reads them back."""
        return tuple(f"{field.name}={canonical(node)}" for field, node in self.per_field)

    def canonical(self) -> str:
        """A stable text in which equal filters are equal; %me stays what it is until it is bound."""
        return "\n".join(self.expressions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.expressions == other.expressions

    def __hash__(self) -> int:
        return hash(self.expressions)

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return bool(self.conditions)

    @cached_property
    def is_bound(self) -> bool:
        """Whether it has no %me in it."""
        return not any(isinstance(term, Me) for condition in self.conditions for term in terms(condition.node))

    def bind(self, principal: str) -> "Filter":
        """The filter of this principal: %me is their name."""
        if self.is_bound:
            return self

        def named(term: Term) -> Term:
            if isinstance(term, Me):
                return Equal(negated=term.negated, folded=term.folded, text=principal)
            return term

        return Filter(tuple(_Condition(c.field, mapped(c.node, named), c.text) for c in self.conditions))

    def matches(
        self, fields: Mapping[str, str], meta: Mapping[str, object], types: Mapping[str, str] | None = None
    ) -> bool:
        """Whether a record passes. `fields` is its contact; `meta` its `type`, `modified`, `created` (datetimes,
        naive ones in UTC, or ISO text), `id` and `uid`, as far as known; `types` the custom record types, each with
        the type that it derives from. Raises UnboundFilter.
        """
        self._require_bound()
        known = all_types(types)
        return all(true_of(node, values_of(field, fields, meta, known)) for field, node in self.per_field)

    def narrow(
        self, columns: Mapping[str, "ColumnElement[object]"], dialect_name: str, types: Mapping[str, str] | None = None
    ) -> "Narrowing":
        """The SQL criterion (None: no restriction) and whether it is exact. If it is not, it lets every record pass
        that `matches`, and perhaps others: ask `matches` about those.

        `columns` has the columns of the fields by name, and `type`, `modified`, `created`, `id`, `uid`; each
        must hold what the record's reader gives as text. A field whose column is not in it cannot be narrowed by; one
        that is never filled is `sqlalchemy.literal("")`. Dialects: sqlite, postgresql, mariadb (or mysql).
        Raises UnboundFilter.
        """
        from radicale_bcm.contacts.filter_sql import narrow  # noqa: PLC0415 - the rest needs no SQLAlchemy

        self._require_bound()
        return narrow(self.per_field, columns, dialect_name, all_types(types))

    def criterion(
        self, columns: Mapping[str, "ColumnElement[object]"], dialect_name: str, types: Mapping[str, str] | None = None
    ) -> "ColumnElement[bool] | None":
        """`narrow` without the word whether it is exact."""
        return self.narrow(columns, dialect_name, types).criterion

    def _require_bound(self) -> None:
        if not self.is_bound:
            raise UnboundFilter(self.canonical())


def parse_filters(
    texts: Iterable[str],
    custom_fields: Mapping[str, str] | None = None,
    types: Collection[str] | None = None,
) -> Filter:
    """The filter that `field=expression` texts make together. Raises FilterError at the first wrong one.

    `custom_fields` are the fields of custom types with their kinds; `types` the names of the custom record types (a
    type that is none of them and not built in is then an error; None: any name may be one).
    """
    return _parse(texts, custom_fields, types, limited=True)


def parse_canonical(expressions: Iterable[str], custom_fields: Mapping[str, str] | None = None) -> Filter:
    """The filter that `Filter.expressions` was made from, without the limits for what people write.

    A field that no longer exists is a FilterError.
    """
    return _parse(expressions, custom_fields, None, limited=False)


def _parse(
    texts: Iterable[str], custom_fields: Mapping[str, str] | None, types: Collection[str] | None, limited: bool
) -> Filter:
    names = None if types is None else all_type_names(types)
    conditions = []
    for number, text in enumerate(texts):
        if limited and number >= MAX_FILTERS:
            raise FilterError("", text, 0, f"there can be at most {MAX_FILTERS} filters")
        field, node = parse_filter(text, custom_fields or {}, names, limited)
        conditions.append(_Condition(field, node, text.strip()))
    return Filter(tuple(conditions))


def all_type_names(custom: Collection[str]) -> list[str]:
    """The built-in record types and these."""
    return [*all_types(None), *custom]


def describe(filter_: Filter) -> str:
    """The filter as half a sentence, such as 'City is not "Stockholm", and Rating is from 3 to 5'."""
    parts = [f"{field.label} {_asked(field, node)}" for field, node in filter_.per_field]
    return ", and ".join(parts) or "every contact"


def _asked(field: FilterField, node: Node) -> str:
    # Types are always compared in any case, and have names that need no quotation marks.
    return words(node).replace(" in any case", "").replace('"', "") if field.kind == "type" else words(node)


def explain(
    filter_: Filter, fields: Mapping[str, str], meta: Mapping[str, object], types: Mapping[str, str] | None = None
) -> list[Explanation]:
    """What each condition says about a record, in the order in which they were written. Raises UnboundFilter."""
    filter_._require_bound()  # noqa: SLF001 - its own module
    known = all_types(types)
    result = []
    for condition in filter_.conditions:
        values: Sequence[str] = values_of(condition.field, fields, meta, known)
        shown = ", ".join(dict.fromkeys(filter(None, values)))
        result.append(Explanation(condition.text, true_of(condition.node, values), shown))
    return result
