# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one filter `field=expression` in Business Central's syntax. Imported by filters only.

    expression = all { "|" all }            either-or; binds less than &
    all        = single { "&" single }      and
    single     = "(" expression ")" | ["<>"] range | [operator] ["@"] value
    range      = value ".." [value] | ".." value
    operator   = "<>" | "=" | "<>=" | "<" | "<=" | ">" | ">="
    value      = text with * and ?, or in single quotes: there & | ( ) = and .. are text, and '' is a quotation mark

* and ? are wildcards inside quotation marks too, as in Microsoft's example 'J & V*'. After "=" (='E*Trade') and where
wildcards mean nothing (ranges, < and >), those in quotation marks are text.
"""

import re
from collections.abc import Collection, Mapping
from typing import NoReturn

from radicale_bcm.contacts.filter_build import Asked, Operand, OperandProblem, Piece, build_term
from radicale_bcm.contacts.filter_error import FilterError
from radicale_bcm.contacts.filter_fields import FilterField, filter_field
from radicale_bcm.contacts.filter_text import Wild
from radicale_bcm.contacts.filter_tree import Node, both, either

MAX_LENGTH = 1000
MAX_NESTING = 50

_OPERATORS = ("<>=", "<>", "<=", ">=", "<", ">", "=")
_ORDERS_WITHOUT_FIELD = re.compile(r"\s*(\w+)\s*(<>|!=|[<>]=?)")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # no database takes them as text


def parse_filter(
    text: str, custom: Mapping[str, str], type_names: Collection[str] | None, limited: bool = True
) -> tuple[FilterField, Node]:
    """The field and the condition of one `field=expression`.

    `custom` are the fields of custom types with their kinds; `type_names` the known record types, None if any name
    may stand for one. Raises FilterError. `limited` is False for what a canonical text gave, which can be longer.
    """
    unstorable = _UNSTORABLE.search(text)
    name, separator, expression = text.partition("=")
    name = name.strip()
    start = len(text) - len(expression)
    if unstorable:
        raise FilterError(name, text, unstorable.start(), "this character is not allowed")
    loose = _ORDERS_WITHOUT_FIELD.match(text)
    if loose:
        written = f"{loose[1]}={loose[2].replace('!=', '<>')}"
        raise FilterError(loose[1], text, loose.start(2), f"after the field comes =, then the operator: {written}…")
    if not separator or not name:
        raise FilterError(name, text, 0 if separator else len(text), "a filter is written field=expression")
    field = filter_field(name, text, custom)
    if limited and len(expression) > MAX_LENGTH:
        raise FilterError(name, text, start + MAX_LENGTH, f"an expression has at most {MAX_LENGTH} characters")
    return field, _Reader(field, text, start, type_names).read()


class _Reader:
    def __init__(self, field: FilterField, text: str, start: int, type_names: Collection[str] | None) -> None:
        self._field = field
        self._text = text
        self._at = start
        self._type_names = type_names
        self._depth = 0

    def read(self) -> Node:
        if not self._text[self._at :].strip():
            self._fail("an expression is missing; '' stands for an empty value", len(self._text))
        node = self._either()
        if self._at < len(self._text):
            self._fail("no parenthesis is open here" if self._next() == ")" else "an operator is missing here")
        return node

    def _either(self) -> Node:
        parts = [self._both()]
        while self._take("|"):
            parts.append(self._both())
        return either(parts)

    def _both(self) -> Node:
        parts = [self._single()]
        while self._take("&"):
            parts.append(self._single())
        return both(parts)

    def _single(self) -> Node:
        if not self._take("("):
            return self._term()
        opened = self._at - 1
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._fail(f"parentheses are nested more than {MAX_NESTING} deep", opened)
        node = self._either()
        if not self._take(")"):
            if self._next():
                self._fail("an operator is missing here")
            self._fail("this parenthesis is not closed", opened)
        self._depth -= 1
        return node

    def _term(self) -> Node:
        self._skip()
        start = self._at
        operator = next((sign for sign in _OPERATORS if self._take(sign)), "")
        self._skip()
        folded_at = self._at
        folded = self._take("@")
        can_range = operator in ("", "<>") and not folded
        low = high = None
        if not self._ahead(".."):
            low = self._operand()
        is_range = self._ahead("..")
        if is_range:
            if not can_range:
                self._fail(f"a range cannot follow {'@' if folded else operator}")
            self._take("..")
            high = self._operand() if low is None or self._operand_ahead() else None
            if self._ahead(".."):
                self._fail("a range has two ends")
        try:
            asked = Asked(folded_at if folded else start, operator, folded, is_range, low, high)
            return build_term(self._field, asked, self._type_names)
        except OperandProblem as problem:
            self._fail(problem.reason, problem.position, problem.suggestions)

    def _operand_ahead(self) -> bool:
        self._skip()
        return self._next() not in ("", "|", "&", ")") and not self._ahead("..")

    def _operand(self) -> Operand:
        self._skip()
        start = self._at
        pieces: list[Piece] = []
        while self._next() not in ("", "|", "&", ")") and not self._ahead(".."):
            self._piece(pieces)
        while pieces and not pieces[-1].quoted and isinstance(pieces[-1].content, str) and pieces[-1].content.isspace():
            pieces.pop()
        if not pieces:
            self._fail("a value is missing here; '' stands for an empty value")
        return Operand(start, tuple(pieces))

    def _piece(self, pieces: list[Piece]) -> None:
        char = self._next()
        after_quote = bool(pieces) and pieces[-1].quoted
        if char == "'" and not after_quote and (not pieces or isinstance(pieces[-1].content, Wild)):
            self._quotation(pieces)
        elif after_quote and char.isspace():
            self._skip()
            if self._operand_ahead():
                self._fail("an operator is missing here")
        elif char in "*?":
            pieces.append(Piece(Wild(char), self._at, False))
            self._at += 1
        elif after_quote:
            self._fail("an operator is missing here, or a second ' for a quotation mark in the text")
        elif char in "(=":
            self._fail(f"{char} in a value must stand in quotation marks: '…{char}…'")
        else:
            pieces.append(Piece(char, self._at, False))
            self._at += 1

    def _quotation(self, pieces: list[Piece]) -> None:
        opened = self._at
        self._at += 1
        pieces.append(Piece("", opened, True))
        while True:
            char = self._next()
            if not char:
                self._fail("this quotation mark is not closed; a quotation mark in a text is written twice", opened)
            if self._ahead("''"):
                self._at += 1
            elif char == "'":
                break
            pieces.append(Piece(Wild(char) if char in "*?" else char, self._at, True))
            self._at += 1
        self._at += 1

    def _skip(self) -> None:
        while self._next().isspace():
            self._at += 1

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _ahead(self, sign: str) -> bool:
        return self._text.startswith(sign, self._at)

    def _take(self, sign: str) -> bool:
        self._skip()
        if not self._ahead(sign):
            return False
        self._at += len(sign)
        return True

    def _fail(self, reason: str, position: int | None = None, suggestions: Collection[str] = ()) -> NoReturn:
        where = self._at if position is None else position
        raise FilterError(self._field.name, self._text, where, reason, suggestions)
