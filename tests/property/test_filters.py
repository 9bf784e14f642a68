# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the expression, the record and the engine: SQL and predicate agree, and only FilterError is raised."""

import os
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, ColumnElement, Date, DateTime, Engine, Integer, MetaData, String, Table, Text, select

from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.filter_text import Wild, fold, matcher, tidy
from radicale_bcm.contacts.filters import FILTER_FIELDS, Filter, FilterError, parse_canonical, parse_filters
from radicale_bcm.contacts.model import Contact
from tests.conftest import plain_connection

EXAMPLES = 20_000 if os.environ.get("BCM_LONG") else 500
ROWS = 150
CHECK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

# Letters whose cases are odd, wildcards of every engine, escape characters, spaces that collations ignore.
LETTERS = "aAbBzZåÅéßẞſsSkK\u212aıiIİσς'*?%_!^[]\\|&(). -@=<>0195\n\rǅ\U0001f600"
CUSTOM_TYPES = {"customer": "business-contact", "Supplier": "account", "vip": "customer"}

_dice = random.Random(7)
POOL = ["".join(_dice.choices(LETTERS, k=_dice.randint(1, 4))) for _ in range(25)]
POOL += ["Straße", "STRASSE", "STRAßE", "kelvin", "\u212aelvin", "a", "A", "a ", "b%", "E*Trade", "J & V", "O'Brien"]
OPERANDS = {
    "number": ["0", "1", "2.5", "3", "-1", "+3", "3.0", ".5", "10", "99999999999", "0.0001", "1234567890123.5"],
    "date": [
        "1980", "1980-05", "1980-05-17", "2000-02-29", "--05-17", "--05", "--02-29", "--12-20", "--01-10",
        "*-05-*", "1980*", "????-05-1?",
    ],
    "moment": [
        "2026", "2026-01", "2026-01-01", "2026-01-01T10:00", "2026-01-01 10:00:00", "2026-01-01T10:00:00.5",
        "2026-01-01T10:00:00.500000Z", "2026-01-01T12:00+02:00", "2025-12-31T23:59:59.999999Z",
    ],
    "yesno": ["yes", "no", "TRUE", "0"],
    "type": ["Person", "company", "business-contact", "vip", "Cust*", "*o*", "nothing"],
    "id": ["1", "2", "10", "07", "1?", "*1*", "abc"],
}  # fmt: skip
NAMES = (
    "name",
    "email",
    "phone",
    "city",
    "note",
    "birthday",
    "active",
    "rating",
    "modified",
    "created",
    "type",
    "id",
    "uid",
    "company",
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _value(dice: random.Random, kind: str) -> str:
    """A value that suits the kind of field, written in one of the ways."""
    if dice.random() < 0.1:
        return "''"
    text = _operand(dice, kind)
    if kind != "text":
        return dice.choice([text, _quoted(text)])
    cut = _quoted(text[: len(text) // 2 + 1])
    shapes = [
        _quoted(text),
        text.strip(),
        f"{cut}*",
        f"*{_quoted(text)}",
        f"*{cut}*",
        f"?{cut}*",
        f"{cut}?",
        f"*{_quoted(text[-1])}",
    ]
    return dice.choice(shapes)


def _operand(dice: random.Random, kind: str) -> str:
    if kind in OPERANDS:
        return dice.choice(OPERANDS[kind])
    return dice.choice(POOL) if dice.random() < 0.6 else "".join(dice.choices(LETTERS, k=dice.randint(1, 3)))


def _term(dice: random.Random, kind: str) -> str:
    """A condition; most suit the kind of field."""
    if kind in ("yesno", "type") or dice.random() < 0.5:
        marks = ["", "<>", "="] + (["@", "<>@", "=@", "<>=@"] if kind in ("text", "id", "type") else [])
        return dice.choice(marks) + _value(dice, kind)
    low, high = sorted((_quoted(_operand(dice, kind)), _quoted(_operand(dice, kind))))
    forms = [f"{low}..{high}", f"..{low}", f"{low}..", f">{low}", f">={low}", f"<{low}", f"<={low}"]
    return dice.choice([*forms, f"<>{low}..{high}"])


def _expression(dice: random.Random, kind: str, depth: int = 0) -> str:
    parts = [_term(dice, kind) if depth == 2 or dice.random() < 0.8 else f"({_expression(dice, kind, depth + 1)})"]
    while dice.random() < 0.35:
        parts += [dice.choice(["|", "&", " | "]), _term(dice, kind)]
    return "".join(parts)


def sound_filters(seed: int) -> list[str]:
    """One to three filters; those that happen to be wrong (a range that ends before it begins) are drawn again."""
    dice = random.Random(seed)
    while True:
        names = dice.choices(NAMES, k=dice.choice([1, 1, 2, 3]))
        texts = [f"{name}={_expression(dice, _kind(name))}" for name in names]
        try:
            parse_filters(texts)
        except FilterError:
            continue
        return texts


def _kind(name: str) -> str:
    return FILTER_FIELDS[{"city": "business_city"}.get(name, name)].kind


# Drawn by a generator of our own from one number: twenty times as fast as from strategies.
FILTERS = st.integers(0, 2**40).map(sound_filters)


# Rows


def _text(dice: random.Random) -> str | None:
    draw = dice.random()
    if draw < 0.25:
        return None if draw < 0.15 else ""
    return dice.choice(POOL) if draw < 0.7 else "".join(dice.choices(LETTERS, k=dice.randint(1, 5)))


def _moment(dice: random.Random) -> datetime:
    edges = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    steps = [
        timedelta(),
        timedelta(microseconds=1),
        timedelta(microseconds=500_000),
        timedelta(seconds=1),
        timedelta(days=20),
    ]
    return dice.choice(edges) + dice.choice([1, -1]) * dice.choice(steps)


def row(dice: random.Random, number: int, text_columns: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: _text(dice) for name in text_columns}
    if dice.random() < 0.5:
        values["name"] = None
    values["birthday"] = dice.choice(
        [None, "", "1980-05-17", "1980-12-31", "2000-02-29", "--05-17", "--02-29", "--12-24", "--01-02"]
    )
    values["rating"] = dice.choice([None, 0, 1, 3, 2.5, -1, 10, 99999999999])
    values["active"] = dice.choice([None, True, False])
    values["uid"] = f"{_text(dice)}{number}"
    values["type"] = dice.choice([None, "business-contact", "account", "customer", "Supplier", "vip", "unheard-of"])
    values["created_at"], values["modified_at"] = _moment(dice), _moment(dice)
    return values


TEXTS = (
    "name", "given_name", "family_name", "company", "nickname", "file_as", "business_city", "note",
    *(source for name in ("email", "phone") for source in FILTER_FIELDS[name].sources),
)  # fmt: skip


# The records of our own schema


@pytest.fixture
def native(business_database: BusinessDatabase, engine_name: str) -> BusinessDatabase:
    """A native database whose rows another program wrote; on SQLite, values that do not suit their columns too."""
    table = sqlalchemy.Table("contact", MetaData(), autoload_with=business_database.engine)
    dice = random.Random(engine_name)
    raw = Table("contact", MetaData(), *(Column(column.name) for column in table.columns))
    with business_database.engine.begin() as connection:
        for number in range(ROWS):
            values = row(dice, number, TEXTS)
            if engine_name == "sqlite":
                values |= _oddities(dice)
            elif engine_name == "mariadb":
                values |= {name: values[name].replace(tzinfo=None) for name in ("created_at", "modified_at")}
            connection.execute((raw if engine_name == "sqlite" else table).insert(), values)
    return business_database


def _oddities(dice: random.Random) -> dict[str, Any]:
    # What any client can put into a SQLite column.
    odd: dict[str, list[Any]] = {
        "rating": ["abc", " 3 ", "1e3", 1e16, 1e-12, 0.1 + 0.2, "1_0", "٣", 12345678901234567, "inf", "+3"],
        "active": ["true", " Yes ", "on", "maybe", 2, "F", ""],
        "birthday": ["soon", " 1980-05-17", "1980-05-17T10:00:00", "1980-02-31", "0000-01-01", "1980-13-01", "--02-30"],
        "modified_at": [
            "2026-01-01",
            "2026-01-01 10:00:00",
            "2026-01-01T10:00:00+02:00",
            1767261600,
            "x",
            "20260101T100000Z",
        ],
        "created_at": ["2026-01-01 10:00", "2026-01-01T10:00:00.5", "2026-01-01T10:00:60"],
    }
    chosen: dict[str, Any] = {name: dice.choice(values) for name, values in odd.items() if dice.random() < 0.3}
    for name in ("modified_at", "created_at"):
        chosen.setdefault(name, _moment(dice).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return chosen


def test_the_criterion_finds_what_the_predicate_lets_pass(native: BusinessDatabase, engine_name: str) -> None:
    """On our own schema, read by its own reader: exactly those where it says so, otherwise no fewer."""
    with native.reader() as records:
        everyone = list(records.iterate())
        columns = records.columns()
        assert len(everyone) == ROWS

        def found(criterion: ColumnElement[bool] | None) -> set[str]:
            return set(records.find_ids(criterion))

        def passes(wanted: Filter) -> set[str]:
            return {
                each.id
                for each in everyone
                if wanted.matches(
                    each.fields,
                    {
                        "id": each.id,
                        "uid": each.uid,
                        "type": each.type,
                        "modified": each.modified_at,
                        "created": each.created_at,
                    },
                    CUSTOM_TYPES,
                )
            }

        check(found, passes, columns, engine_name)


def check(
    found: Callable[[ColumnElement[bool] | None], set[str]],
    passes: Callable[[Filter], set[str]],
    columns: Mapping[str, ColumnElement[Any]],
    engine_name: str,
) -> None:
    seen = {"exact": 0, "some": 0}

    @CHECK
    @given(FILTERS)
    def agree(texts: list[str]) -> None:
        wanted = parse_filters(texts)
        narrowed = wanted.narrow(columns, engine_name, CUSTOM_TYPES)
        by_sql, by_predicate = found(narrowed.criterion), passes(wanted)
        if narrowed.exact:
            assert by_sql == by_predicate, wanted.canonical()
        else:
            assert by_sql >= by_predicate, wanted.canonical()
        seen["exact"] += narrowed.exact
        seen["some"] += 0 < len(by_predicate) < ROWS

    agree()
    # The generator must not drift into filters that decide nothing.
    assert seen["some"] > EXAMPLES / 5
    assert seen["exact"] > EXAMPLES / 5


# A table of somebody else, with collations that disregard case, accents and trailing spaces

_HOSTILE = {"sqlite": "NOCASE", "postgresql": "bcm_blind", "mariadb": "utf8mb4_general_ci"}


def _plain_engine(url: str) -> Engine:
    return sqlalchemy.create_engine(url) if url.startswith("sqlite") else plain_connection(url).engine


@pytest.fixture
def hostile(database_url: str, engine_name: str) -> Iterator[tuple[Engine, Table]]:
    """An application's table."""
    engine = _plain_engine(database_url)
    text = String(64, collation=_HOSTILE[engine_name])
    table = Table(
        "person",
        MetaData(),
        Column("key", Integer, primary_key=True),
        *(Column(name, text) for name in TEXTS),
        Column("rating", sqlalchemy.Numeric(20, 6, asdecimal=True) if engine_name != "sqlite" else Integer),
        Column("active", Integer),
        Column("birthday", Date),
        Column("uid", Text(collation=_HOSTILE[engine_name])),
        Column("type", text),
        Column("created_at", DateTime(timezone=engine_name == "postgresql")),
        Column("modified_at", DateTime),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )
    with engine.begin() as connection:
        if engine_name == "postgresql":
            blind = "CREATE COLLATION bcm_blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
            connection.exec_driver_sql(blind)
        table.create(connection)
        dice = random.Random(engine_name)
        for number in range(ROWS):
            values = row(dice, number, TEXTS) | {"key": number + 1}
            values["birthday"] = dice.choice([None, date(1980, 5, 17), date(2000, 2, 29)])
            values["active"] = dice.choice([None, 0, 1, 2])
            for name in ("created_at", "modified_at"):
                if engine_name != "postgresql" or name == "modified_at":
                    values[name] = values[name].replace(tzinfo=None)
                if engine_name == "mariadb":
                    values[name] = values[name].replace(microsecond=0)
            if engine_name == "sqlite":
                values["rating"] = dice.choice([None, 0, 1, 3, -1])
            connection.execute(table.insert(), values)
    yield engine, table
    engine.dispose()


def test_the_criterion_does_not_depend_on_the_collation_of_a_foreign_table(
    hostile: tuple[Engine, Table], engine_name: str
) -> None:
    engine, table = hostile
    columns: dict[str, ColumnElement[Any]] = {column.name: column for column in table.columns}
    columns["id"] = columns.pop("key")
    columns |= {"modified": columns.pop("modified_at"), "created": columns.pop("created_at")}
    with engine.connect() as connection:
        rows = [(_contact(each), _meta(each)) for each in connection.execute(select(table)).mappings()]

        def found(criterion: ColumnElement[bool] | None) -> set[str]:
            wanted = select(table.c.key)
            return {str(key) for key in connection.scalars(wanted if criterion is None else wanted.where(criterion))}

        def passes(wanted: Filter) -> set[str]:
            return {str(meta["id"]) for contact, meta in rows if wanted.matches(contact, meta, CUSTOM_TYPES)}

        check(found, passes, columns, engine_name)


def _contact(values: Mapping[str, Any]) -> Contact:
    return {name: str(value) for name, value in values.items() if name in BY_NAME and value not in (None, "")}


def _meta(values: Mapping[str, Any]) -> dict[str, object]:
    return {
        "id": values["key"], "uid": values["uid"], "type": values["type"],
        "modified_at": values["modified_at"], "created_at": values["created_at"],
    }  # fmt: skip


LARGEST = [
    "phone=" + "|".join(str(n) for n in range(250)),
    "phone=" + "&".join(f"<>{n}" for n in range(180)),
    "phone=" + "|".join(f"{n}*" for n in range(200)),
    "phone=" + "|".join(f"@{n}ab*" for n in range(120)),
    "name=" + "|".join(f"@{n}ab*" for n in range(120)),
    "name=@*" + "abcdefghijklmnopqrstuvwxyzåäöéèüßñ" * 20,
    "note=@" + "".join(chr(code) for code in range(0x391, 0x500)),
    "company=" + "(" * 50 + "a*" + ")" * 50,
    "name=" + "(" * 50 + "a*" + "".join(f"|{n}*)&@*{n}b" for n in range(50)),
    "note=@*" + "[]^-!*?%_" * 20,
]


def test_the_largest_filters_are_still_sql(database_url: str, engine_name: str) -> None:
    """Whatever a filter is, every engine takes the statement; what would be too much is narrowed by less."""
    engine = _plain_engine(database_url)
    table = Table("large", MetaData(), Column("id", Integer), *(Column(name, Text) for name in BY_NAME))
    columns = {column.name: column for column in table.columns}
    with engine.begin() as connection:
        table.create(connection)
        contact = dict.fromkeys(("name", "company", "note", "home_phone"), "aB" * 2000)
        connection.execute(table.insert(), {"id": 1, **contact})
        for text in LARGEST:
            wanted = parse_filters([text] + ["phone=" + "|".join(f"{n}{m}" for n in range(180)) for m in range(20)])
            criterion = wanted.criterion(columns, engine_name)
            assert criterion is not None
            assert connection.execute(select(table.c.id).where(criterion)).all() or not wanted.matches(
                contact, {"id": 1}
            )
    engine.dispose()


# Without a database


@CHECK
@given(FILTERS)
def test_a_canonical_filter_reads_back_as_the_same_filter(texts: list[str]) -> None:
    wanted = parse_filters(texts)
    again = parse_canonical(wanted.expressions)
    assert again == wanted
    assert again.expressions == wanted.expressions


@CHECK
@given(FILTERS, st.randoms())
def test_order_does_not_count(texts: list[str], dice: random.Random) -> None:
    shuffled = [*texts, *texts]
    dice.shuffle(shuffled)
    assert parse_filters(shuffled) == parse_filters(texts)


@CHECK
@given(st.sampled_from([*NAMES, "owner", "nonsense", ""]), st.text(LETTERS + "%me,;\0\ud800", max_size=20))
def test_anything_is_either_a_filter_or_a_filter_error_that_points_into_the_text(name: str, expression: str) -> None:
    text = f"{name}={expression}"
    try:
        wanted = parse_filters([text]).bind("somebody*")
    except FilterError as wrong:
        error = wrong
    else:
        assert parse_canonical(wanted.expressions) == wanted
        wanted.matches({}, {})
        return
    assert error.expression == text
    assert 0 <= error.position <= len(text)
    assert re.fullmatch(r"filter: .+\n  .+\n +\^", str(error))


@CHECK
@given(st.lists(st.sampled_from([*Wild, "a", "b", "ab", "."]), max_size=8), st.text("ab.", max_size=12))
def test_wildcards_match_as_a_regular_expression_would(pieces: list[str | Wild], text: str) -> None:
    regex = "".join({Wild.ONE: ".", Wild.MANY: ".*"}[p] if isinstance(p, Wild) else re.escape(p) for p in pieces)
    assert matcher(tidy(pieces))(text) == bool(re.fullmatch(regex, text, re.DOTALL))


@CHECK
@given(st.text())
def test_folding_keeps_the_length_and_is_done_once(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)
    assert text.isascii() is False or fold(text) == text.lower()
