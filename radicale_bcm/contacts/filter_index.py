# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of many filters a record passes, without asking each of them. Every module may import it."""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from radicale_bcm.contacts.filter_fields import FilterField, all_types, values_of
from radicale_bcm.contacts.filter_terms import Equal
from radicale_bcm.contacts.filter_tree import Either, Node, true_of
from radicale_bcm.contacts.filters import Filter

Key = TypeVar("Key", bound=Hashable)


class FilterIndex(Generic[Key]):
    """Bound filters by key. One that asks for a value of a field, such as owner=%me, is found by that value; only
    filters of other kinds are asked one by one."""

    def __init__(self, filters: Mapping[Key, Filter], types: Mapping[str, str] | None = None) -> None:
        self._filters = filters
        self._types = all_types(types)
        self._others: list[Key] = []
        self._by_value: dict[str, tuple[FilterField, dict[str, list[Key]]]] = {}
        for key, each in filters.items():
            self._add(key, each)

    def _add(self, key: Key, filter_: Filter) -> None:
        for field, node in filter_.per_field:
            values = _asked_for(field, node)
            if values:
                _, by_value = self._by_value.setdefault(field.name, (field, {}))
                for value in values:
                    by_value.setdefault(value, []).append(key)
                return
        self._others.append(key)

    def passing(self, fields: Mapping[str, str], meta: Mapping[str, object]) -> set[Key]:
        """The keys of the filters that a record passes; the arguments are those of `Filter.matches`."""
        known: dict[str, list[str]] = {}

        def values(field: FilterField) -> list[str]:
            if field.name not in known:
                known[field.name] = values_of(field, fields, meta, self._types)
            return known[field.name]

        candidates = list(self._others)
        for field, by_value in self._by_value.values():
            for value in values(field):
                candidates += by_value.get(value, ())
        return {
            key
            for key in candidates
            if all(true_of(node, values(field)) for field, node in self._filters[key].per_field)
        }


def _asked_for(field: FilterField, node: Node) -> set[str]:
    """The values of which the field must have one; none if the condition is of another kind."""
    parts = node.parts if isinstance(node, Either) else (node,)
    if field.kind != "text":
        return set()
    found = {part.text for part in parts if isinstance(part, Equal) and not part.negated and not part.folded}
    return found if len(found) == len(parts) else set()
