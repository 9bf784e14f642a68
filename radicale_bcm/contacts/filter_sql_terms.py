# SPDX-License-Identifier: GPL-3.0-or-later
"""What each condition of a filter is in SQL, for one column. Imported by filter_sql only.

A column can hold what its reader takes for nothing (any client may write "soon" into a SQLite column of dates), or
reads in a way that SQL does not know. Where that is so, a test says which rows it decides.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Float,
    Integer,
    Numeric,
    String,
    Text,
    TypeDecorator,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    type_coerce,
)

from radicale_bcm.contacts.filter_fields import FilterKind
from radicale_bcm.contacts.filter_sql_text import (
    MARIADB,
    SQLITE,
    SqlText,
    like,
    like_folded,
    matches_regex,
    native_type,
)
from radicale_bcm.contacts.filter_terms import (
    NO_WORDS,
    NUMBER,
    YES_WORDS,
    Between,
    DateBetween,
    Empty,
    Equal,
    Like,
    MomentBetween,
    NumberBetween,
    Term,
)
from radicale_bcm.contacts.filter_text import fold

_EXACT_DIGITS = 15  # a double keeps as many
_SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_SURE_DAY = "(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
_SQLITE_YEARLESS = "--[0-9][0-9]-[0-9][0-9]"
_SQLITE_DATE = f"[0-9][0-9][0-9][0-9]{_SQLITE_YEARLESS[1:]}"
_SQLITE_MOMENT = f"{_SQLITE_DATE}[T ][0-9][0-9]:[0-9][0-9]:[0-9][0-9]*"

Bool = ColumnElement[bool]


class Test(NamedTuple):
    """Whether a condition, negation left aside, holds: true or false, never NULL.

    Where `decided` is not None and false, SQL cannot tell.
    """

    condition: Bool
    decided: Bool | None = None


def test_of(kind: FilterKind, term: Term, column: ColumnElement[Any], text: SqlText, engine: str) -> Test | None:
    """The condition on a column, whose text is `text`; None if SQL cannot decide it for this column at all."""
    match kind:
        case "number":
            return _number(term, column, text, engine)
        case "yesno":
            return _yes_no(term, column, text, engine)
        case "date":
            return _date(term, column, text, engine)
        case "moment":
            return _moment(term, column, text, engine)
    if isinstance(term, NumberBetween):  # ids in numerical order
        return _number(term, column, text, engine)
    condition = _text(term, text, engine)
    return None if condition is None else Test(condition)


def _text(term: Term, text: SqlText, engine: str) -> Bool | None:
    match term:
        case Empty():
            return text == ""
        case Equal(folded=True):
            return like_folded(text, (fold(term.text),), engine)
        case Equal():
            return text == term.text
        case Like(folded=True):
            return like_folded(text, term.folded_pattern, engine)
        case Like():
            return like(text, term.pattern, engine)
        case Between():
            return and_(text != "", _within(text, term, term.low, term.high))
    return None


def _within(key: ColumnElement[Any], term: Any, low: Any, high: Any) -> Bool:
    parts = []
    if low is not None:
        parts.append(key > low if term.low_open else key >= low)
    if high is not None:
        parts.append(key < high if term.high_open else key <= high)
    return and_(*parts)


def _yes_no(term: Term, column: ColumnElement[Any], text: SqlText, engine: str) -> Test:
    if engine == MARIADB:
        # Its TRIM takes off spaces only.
        word, decided = text, func.lower(text).in_(["", *YES_WORDS, *NO_WORDS])
    else:
        word, decided = func.trim(text, _SPACES) if engine == SQLITE else func.btrim(text, _SPACES), None
    word = func.lower(word, type_=Text)
    plain = not isinstance(native_type(column, engine), String)
    test = word.in_(YES_WORDS) if not isinstance(term, Empty) else word.not_in([*YES_WORDS, *NO_WORDS])
    return Test(test, None if plain else decided)


def _number(term: Term, column: ColumnElement[Any], text: SqlText, engine: str) -> Test | None:
    if engine == SQLITE:
        return _number_on_sqlite(term, column, text)
    kind = native_type(column, engine)
    if isinstance(kind, Float):
        return None  # its text can be 1e-05
    is_number = matches_regex(text, NUMBER.pattern, engine)
    # What else stands in a column of text may be a number to its reader, such as 1e3.
    decided = None if isinstance(kind, Numeric | Integer) else or_(is_number, text == "")
    if not isinstance(term, NumberBetween):
        return Test(not_(is_number), decided)
    number = cast(text, Numeric(65, 30) if engine == MARIADB else Numeric())
    # In a CASE, because an AND does not say what is evaluated first, and casting other text is an error.
    return Test(case((is_number, _within(number, term, term.low, term.high)), else_=false()), decided)


def _number_on_sqlite(term: Term, column: ColumnElement[Any], text: SqlText) -> Test | None:
    stored = func.typeof(column, type_=Text)
    bare = case((text.bool_op("GLOB")("[+-]*"), func.substr(text, 2)), else_=text)
    plain = and_(
        bare.bool_op("GLOB")("*[0-9]*"),
        not_(bare.bool_op("GLOB")("*[^0-9.]*")),
        not_(bare.bool_op("GLOB")("*.*.*")),
        func.length(bare) <= _EXACT_DIGITS,
    )
    size = func.abs(type_coerce(column, Float), type_=Float)
    # Doubles below are read as text with more digits than a number of ours has; integers above are no doubles.
    sane = and_(size < 1e15, or_(stored == "integer", size == 0, size >= 1e-9))
    decided = case((stored.in_(["integer", "real"]), sane), else_=or_(plain, text == ""))
    if not isinstance(term, NumberBetween):
        return Test(text == "", decided)
    bounds = [bound for bound in (term.low, term.high) if bound is not None]
    if any(len(bound.normalize().as_tuple().digits) > _EXACT_DIGITS for bound in bounds):
        return None
    value = case((stored.in_(["integer", "real"]), cast(column, Float)), else_=cast(text, Float))
    low, high = (bound if bound is None else literal(float(bound), Float) for bound in (term.low, term.high))
    return Test(and_(text != "", _within(value, term, low, high)), decided)


def _date(term: Term, column: ColumnElement[Any], text: SqlText, engine: str) -> Test | None:
    if isinstance(native_type(column, engine), DateTime):
        return None
    if engine == SQLITE:
        full = and_(text.bool_op("GLOB")(_SQLITE_DATE), text >= "0001", _normal("%Y-%m-%d", text) == text)
        leap = "2000" + func.substr(text, 2, type_=Text)
        yearless = and_(text.bool_op("GLOB")(_SQLITE_YEARLESS), _normal("%Y-%m-%d", leap) == leap)
    else:
        # Every month has 28 days; a later one may be none, which only the predicate knows.
        full = matches_regex(text, f"(?!0000)[0-9]{{4}}-{_SURE_DAY}", engine)
        yearless = matches_regex(text, f"--{_SURE_DAY}", engine)
    decided = or_(text == "", full, yearless)
    if isinstance(term, DateBetween):
        return Test(_date_between(term, text, full, yearless), decided)
    condition = _text(term, text, engine)
    return None if condition is None else Test(condition, decided)


def _normal(form: str, text: ColumnElement[Any]) -> ColumnElement[Any]:
    # Without a modifier SQLite gives a 31 February back as it is; for what is no time it gives NULL.
    return func.coalesce(func.strftime(form, text, "+0 days"), "", type_=Text)


def _date_between(term: DateBetween, text: SqlText, full: Bool, yearless: Bool) -> Bool:
    if not term.yearless:
        return and_(full, _within(text, term, term.low, term.high))

    def within(day: ColumnElement[Any]) -> Bool:
        if term.wraps:
            return or_(day >= term.low, day <= term.high)
        return _within(day, term, term.low, term.high)

    in_full, in_yearless = (within(func.substr(text, start, 5, type_=Text)) for start in (6, 3))
    return or_(and_(full, in_full), and_(yearless, in_yearless))


def _moment(term: Term, column: ColumnElement[Any], text: SqlText, engine: str) -> Test | None:
    if engine == SQLITE:
        return _moment_on_sqlite(term, text)
    if not isinstance(native_type(column, engine), DateTime):
        return None
    if not isinstance(term, MomentBetween):
        return Test(column.is_(None))
    low, high = (_bound(bound, column) for bound in (term.low, term.high))
    return Test(and_(column.is_not(None), _within(column, term, low, high)))


def _bound(moment: datetime | None, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
    if moment is None:
        return None
    aware = isinstance(column.type, TypeDecorator) or getattr(column.type, "timezone", False)
    return literal(moment if aware else moment.replace(tzinfo=None), column.type)


def _moment_on_sqlite(term: Term, text: SqlText) -> Test:
    # Text that any program may have written: with T or a space, with fractions and Z or without. To the second it
    # can be compared; text in another form, and what a fraction of a second makes a difference to, is not decided.
    key = func.replace(func.substr(text, 1, 19), " ", "T", type_=Text)
    rest = func.rtrim(func.substr(text, 20, type_=Text), "Z", type_=Text)
    regular = and_(
        text.bool_op("GLOB")(_SQLITE_MOMENT),
        text >= "0001",
        _normal("%Y-%m-%dT%H:%M:%S", key) == key,
        or_(rest == "", and_(rest.bool_op("GLOB")(".[0-9]*"), not_(rest.bool_op("GLOB")(".*[^0-9]*")))),
        not_(text.bool_op("GLOB")("*ZZ")),
    )
    if not isinstance(term, MomentBetween):
        return Test(text == "", or_(regular, text == ""))
    parts: list[Bool] = [text != ""]
    decided: list[Bool] = [or_(regular, text == "")]
    for bound, is_low in ((term.low, True), (term.high, False)):
        if bound is None:
            continue
        second = bound.replace(tzinfo=None, microsecond=0).isoformat()
        parts.append(key >= second if is_low else key <= second)
        if bound.microsecond != (0 if is_low else 999_999):
            decided.append(key != second)
    return Test(and_(*parts), and_(*decided))
