# SPDX-License-Identifier: GPL-3.0-or-later
"""A filter expression as a tree of conditions in a normal form. Imported by the filter modules only."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from radicale_bcm.contacts.filter_terms import Term


@dataclass(frozen=True)
class Either:
    """At least one of several, in canonical order."""

    parts: tuple["Term | Both", ...]


@dataclass(frozen=True)
class Both:
    """All of several, in canonical order."""

    parts: tuple[Term | Either, ...]


Node = Term | Either | Both


def either(parts: Iterable[Node]) -> Node:
    """The parts joined by |: flat, each once, in an order that does not depend on how they were written."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Either) else (part,))]
    unique = sorted({canonical(part): part for part in flat}.items())
    return unique[0][1] if len(unique) == 1 else Either(tuple(part for _, part in unique))


def both(parts: Iterable[Node]) -> Node:
    """The parts joined by &, likewise."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Both) else (part,))]
    unique = sorted({canonical(part): part for part in flat}.items())
    return unique[0][1] if len(unique) == 1 else Both(tuple(part for _, part in unique))


def canonical(node: Node) -> str:
    """The one way to write it."""
    if isinstance(node, Either):
        return "|".join(map(canonical, node.parts))
    if isinstance(node, Both):
        return "&".join(f"({canonical(part)})" if isinstance(part, Either) else canonical(part) for part in node.parts)
    return node.canonical()


def true_of(node: Node, values: Sequence[str]) -> bool:
    """Whether it holds of values that are read together."""
    if isinstance(node, Either):
        return any(true_of(part, values) for part in node.parts)
    if isinstance(node, Both):
        return all(true_of(part, values) for part in node.parts)
    return node.true_of(values)


def words(node: Node) -> str:
    """What it asks for, in words that follow a field's label."""
    if isinstance(node, Either):
        return " or ".join(map(words, node.parts))
    if isinstance(node, Both):
        return " and ".join(f"({words(part)})" if isinstance(part, Either) else words(part) for part in node.parts)
    return node.words()


def terms(node: Node) -> list[Term]:
    """Every condition in it."""
    if isinstance(node, Either | Both):
        return [term for part in node.parts for term in terms(part)]
    return [node]


def mapped(node: Node, change: Callable[[Term], Term]) -> Node:
    """The tree with every condition changed."""
    if isinstance(node, Either):
        return either(mapped(part, change) for part in node.parts)
    if isinstance(node, Both):
        return both(mapped(part, change) for part in node.parts)
    return change(node)
