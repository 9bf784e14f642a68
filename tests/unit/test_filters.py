# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: Business Central's documented examples, what is an error and where, and the words for people."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Column, ColumnElement, Integer, MetaData, String, Table

from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.filters import (
    Explanation,
    FilterError,
    UnboundFilter,
    describe,
    explain,
    parse_canonical,
    parse_filters,
)
from radicale_bcm.contacts.model import display_name


def passing(expression: str, *values: str, field: str = "company") -> list[str]:
    """Those of the values that pass."""
    wanted = parse_filters([f"{field}={expression}"])
    return [value for value in values if wanted.matches({field: value} if value else {}, {})]


# What Microsoft's page on filter criteria shows, line by line


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("1100..2100", ["1099", "1100", "1500.5", "2100", "2101"], ["1100", "1500.5", "2100"]),
        ("..2500", ["-1", "2500", "2501"], ["-1", "2500"]),
        ("1200|1300", ["1200", "1250", "1300"], ["1200", "1300"]),
        ("<>0", ["0", "0.0", "1", ""], ["1", ""]),
        (">1200", ["1200", "1201"], ["1201"]),
        (">=1200", ["1199", "1200"], ["1200"]),
        ("<1200", ["1199", "1200"], ["1199"]),
        ("<=1200", ["1200", "1201"], ["1200"]),
        (">200&<1200", ["200", "201", "1199", "1200"], ["201", "1199"]),
        ("5999|8100..8490", ["5999", "6000", "8100", "8490", "8491"], ["5999", "8100", "8490"]),
        ("..1299|1400..", ["1299", "1300", "1399", "1400"], ["1299", "1400"]),
        (">50&<100", ["50", "51", "99", "100"], ["51", "99"]),
        # not on the page
        ("9..10", ["9", "10", "9.5", "100"], ["9", "10", "9.5"]),
        ("(1|2)&<>1", ["1", "2"], ["2"]),
        ("1|2&>5", ["1", "2", "6"], ["1"]),
        ("-1.5", ["-1.5", "-1.50", "1.5"], ["-1.5", "-1.50"]),
        ("<3", ["", "2"], ["2"]),
    ],
)
def test_numbers(expression: str, values: list[str], expected: list[str]) -> None:
    assert passing(expression, *values, field="rating") == expected


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("Bicycle..Car", ["Bicycl", "Bicycle", "Boat", "Car", "Cars"], ["Bicycle", "Boat", "Car"]),
        ("10000..10042", ["10000", "100000", "1000042", "10043"], ["10000", "100000", "1000042"]),
        ("<>A*", ["A", "Abc", "abc", ""], ["abc", ""]),
        ("'man'", ["man", "Man", "manual"], ["man"]),
        ("''", ["", "x"], [""]),
        ("<>''", ["", "x"], ["x"]),
        ("@man*", ["man", "MANual", "Sportsman"], ["man", "MANual"]),
        ("*Co*", ["Co", "aCob", "co"], ["Co", "aCob"]),
        ("*Co", ["Co", "aCo", "Cob"], ["Co", "aCo"]),
        ("Co*", ["Co", "Cob", "aCo"], ["Co", "Cob"]),
        ("Hans?n", ["Hansen", "Hanson", "Hansn", "Hanseen"], ["Hansen", "Hanson"]),
        ("'J & V*'", ["J & V", "J & V Ltd", "J"], ["J & V", "J & V Ltd"]),
        # SPEC section 7
        ("Contoso*|Fabrikam*", ["Contoso Ltd", "Fabrikam", "Acme"], ["Contoso Ltd", "Fabrikam"]),
        ("<>Stockholm", ["Stockholm", "stockholm", ""], ["stockholm", ""]),
        ("@*berg*", ["Bergman", "Heidelberg", "STROMBERG", "Burg"], ["Bergman", "Heidelberg", "STROMBERG"]),
        # not on the page
        ("=Acme", ["Acme", "acme"], ["Acme"]),
        ("O'Brien", ["O'Brien"], ["O'Brien"]),
        ("'O''Brien'", ["O'Brien"], ["O'Brien"]),
        ("*'AT&T'*", ["my AT&T shop", "AT"], ["my AT&T shop"]),
        ("='E*Trade'", ["E*Trade", "EasyTrade"], ["E*Trade"]),
        ("<>='E*Trade'", ["E*Trade", "EasyTrade"], ["EasyTrade"]),
        ("'a..b'", ["a..b", "a"], ["a..b"]),
        ("  a  |  b c  ", ["a", "b c", " a"], ["a", "b c"]),
        ("' a '", ["a", " a "], [" a "]),
        ("100%", ["100%", "100x"], ["100%"]),
        ("a_b", ["a_b", "axb"], ["a_b"]),
        ("a<b>c", ["a<b>c"], ["a<b>c"]),
        ("*", ["", "x"], ["", "x"]),
        ("?*", ["", "x"], ["x"]),
        ("a*&<>*b", ["a", "ab", "b"], ["a"]),
        ("..B", ["", "A", "B", "a"], ["A", "B"]),
        ("<>A..C", ["", "B", "D"], ["", "D"]),
        ("A*b*c", ["Axbxc", "Abc", "AbcX"], ["Axbxc", "Abc"]),
        ("@straße", ["STRAßE", "STRAẞE", "STRASSE"], ["STRAßE", "STRAẞE"]),
        ("@ÅSA", ["åsa", "asa"], ["åsa"]),
        ("@*k*", ["\u212aelvin"], ["\u212aelvin"]),
        ("?", ["é", "\U0001f600", "ab"], ["é", "\U0001f600"]),
    ],
)
def test_texts(expression: str, values: list[str], expected: list[str]) -> None:
    assert passing(expression, *values) == expected


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("1980-05-17", ["1980-05-17", "--05-17", "1980-05-18"], ["1980-05-17"]),
        ("1980-05", ["1980-04-30", "1980-05-01", "1980-05-31", "1980-06-01"], ["1980-05-01", "1980-05-31"]),
        ("1980..1989", ["1979-12-31", "1980-01-01", "1989-12-31", "--06-01"], ["1980-01-01", "1989-12-31"]),
        ("<1980", ["1979-12-31", "1980-01-01", "", "--06-01"], ["1979-12-31"]),
        (">1980", ["1980-12-31", "1981-01-01"], ["1981-01-01"]),
        (">=1980-05", ["1980-04-30", "1980-05-01"], ["1980-05-01"]),
        ("<>1980", ["1980-06-06", "1981-01-01", "", "--06-06"], ["1981-01-01", "", "--06-06"]),
        ("--05-17", ["1980-05-17", "--05-17", "1980-05-18"], ["1980-05-17", "--05-17"]),
        ("--05", ["1980-05-01", "--05-31", "--06-01"], ["1980-05-01", "--05-31"]),
        ("--12-20..--01-10", ["1999-12-24", "--01-01", "--06-01"], ["1999-12-24", "--01-01"]),
        ("*-05-*", ["1980-05-17", "--05-17", "1980-06-05"], ["1980-05-17", "--05-17"]),
        ("''", ["", "1980-05-17", "soon"], ["", "soon"]),
    ],
)
def test_dates(expression: str, values: list[str], expected: list[str]) -> None:
    assert passing(expression, *values, field="birthday") == expected


def test_moments_span_whole_days_in_utc() -> None:
    def passes(expression: str, *clock: int) -> bool:
        moment = datetime(2026, 1, *clock, tzinfo=UTC)
        found = {
            parse_filters([f"modified={expression}"]).matches({}, {key: moment}) for key in ("modified", "modified_at")
        }
        assert len(found) == 1
        return found.pop()

    assert passes("2026-01-01..", 1)
    assert passes("..2026-01-01", 1, 23, 59, 59, 999_999)
    assert not passes("..2026-01-01", 2)
    assert passes("2026-01-02", 2, 12)
    assert not passes(">2026-01-02", 2, 12)
    assert passes(">2026-01-02", 3)
    assert passes("2026-01-01T10:30", 1, 10, 30, 59)
    assert passes("2026-01-01T12:30+02:00", 1, 10, 30, 59)
    assert passes("<>2026-01-02", 3)
    assert not passes("<>2026", 3)
    assert parse_filters(["created=<>2026"]).matches({}, {})
    assert parse_filters(["created=2026"]).matches({}, {"created": datetime(2026, 1, 1)})  # noqa: DTZ001 - naive is UTC


def test_yes_and_no() -> None:
    assert passing("yes", "true", "false", "", field="active") == ["true"]
    assert passing("no", "true", "false", "", field="active") == ["false", ""]
    assert passing("<>TRUE", "true", "false", "", field="active") == ["false", ""]
    assert passing("1|''", "true", "false", "", field="active") == ["true", ""]


def test_types_know_person_and_company_and_what_derives_from_them() -> None:
    custom = {
        "vip": "customer",
        "customer": "business-contact",
        "branch": "account",
        "lost": "nowhere",
        "a": "b",
        "b": "a",
    }

    def found(expression: str) -> list[str]:
        wanted = parse_filters([f"type={expression}"], types=list(custom))
        names = ["business-contact", "account", *custom]
        return [name for name in names if wanted.matches({}, {"type": name}, custom)]

    assert found("Person") == ["business-contact", "vip", "customer"]
    assert found("person") == found("Person")
    assert found("Company") == ["account", "branch"]
    assert found("<>Company&<>Person") == ["lost", "a", "b"]
    assert found("vip|account") == ["account", "vip"]
    with pytest.raises(FilterError, match='no record type "Persn"; did you mean Person'):
        found("Persn")
    assert parse_filters(["type=Persn"]).matches({}, {"type": "persn"})


def test_email_and_phone_mean_any_of_them() -> None:
    contact = {"email": "nick@example.com", "email3": "n@example.org", "home_phone2": "+46 1"}

    def passes(text: str) -> bool:
        return parse_filters([text]).matches(contact, {})

    assert passes("email=*@example.org")
    assert passes("email=nick@example.com")
    assert not passes("email=<>*@example.org"), "one of them does"
    assert passes("email=<>''")
    assert not passes("email=''")
    assert passes("phone=+46*")
    assert parse_filters(["phone=''"]).matches({"home_fax": "1"}, {}), "a fax number is no phone number"


def test_short_names_mean_the_business_address() -> None:
    contact = {"business_city": "A", "business_region": "B", "business_postal_code": "C", "business_country": "D"}
    assert parse_filters(["city=A", "region=B", "postal_code=C", "country=D"]).matches(contact, {})
    assert not parse_filters(["city=A"]).matches({"home_city": "A"}, {})


def test_name_is_the_name_that_is_shown() -> None:
    wanted = parse_filters(["name=@*berg*"])
    assert wanted.matches({"given_name": "Nick", "family_name": "Bergman"}, {})
    assert wanted.matches({"company": "Bergbau"}, {})
    assert not wanted.matches({"name": "Nick", "family_name": "Bergman"}, {})


def test_ids_are_ordered_as_numbers_where_they_are_numbers() -> None:
    assert [n for n in (2, 5, 10, 11) if parse_filters(["id=5..10"]).matches({}, {"id": n})] == [5, 10]
    assert [n for n in ("a", "b1", "c") if parse_filters(["id=b..c"]).matches({}, {"id": n})] == ["b1", "c"]
    assert parse_filters(["uid=urn:uuid:*"]).matches({}, {"uid": "urn:uuid:1"})


def test_all_filters_must_hold_and_none_lets_everything_pass() -> None:
    wanted = parse_filters(["company=A*", "city=B"])
    assert wanted.matches({"company": "Acme", "business_city": "B"}, {})
    assert not wanted.matches({"company": "Acme"}, {})
    assert parse_filters([]).matches({}, {})
    assert not parse_filters([])
    assert parse_filters([]).canonical() == ""


def test_fields_of_custom_types_are_known_when_they_are_told() -> None:
    wanted = parse_filters(["shoe_size=>40"], {"shoe_size": "number"})
    assert wanted.matches({"shoe_size": "100"}, {})
    assert not wanted.matches({"shoe_size": "9"}, {})
    assert parse_canonical(wanted.expressions, {"shoe_size": "number"}) == wanted
    with pytest.raises(FilterError, match="shoe_size"):
        parse_filters(["shoe_size=>40"])


# Me


def test_me_is_bound_to_a_principal() -> None:
    wanted = parse_filters(["owner=%me|''"])
    assert "%me" in wanted.canonical()
    with pytest.raises(UnboundFilter):
        wanted.matches({}, {})
    with pytest.raises(UnboundFilter):
        wanted.narrow({}, "sqlite")
    anna, berta = wanted.bind("anna"), wanted.bind("berta")
    assert anna.canonical() != berta.canonical()
    assert anna.matches({"owner": "anna"}, {})
    assert anna.matches({}, {})
    assert not anna.matches({"owner": "berta"}, {})
    assert anna == parse_filters(["owner=''|anna"])
    assert parse_filters(["owner=<>%ME"]).bind("anna").matches({"owner": "berta"}, {})
    assert parse_filters(["owner=@%user"]).bind("Anna").matches({"owner": "anna"}, {})
    assert parse_filters(["owner='%me'"]).matches({"owner": "%me"}, {})


def test_a_principal_is_no_pattern_and_no_expression() -> None:
    wanted = parse_filters(["owner=%me"]).bind("a*'|b")
    assert wanted.matches({"owner": "a*'|b"}, {})
    assert not wanted.matches({"owner": "ax'|b"}, {})
    assert parse_canonical(wanted.expressions) == wanted


# Canonical texts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["city=A", "company=B"], ["company=B", "business_city=A"]),
        (["city=A|B"], ["city= B | A |B"]),
        (["city=(A)|(B|C)"], ["city=C|B|A"]),
        (["city=A*&*B"], ["city=*B", "city=A**"]),
        (["city=@ABC*"], ["city=@abc*"]),
        (["city='A'"], ["city=A"]),
        (["city==A"], ["city=A"]),
        (["rating=3.0..5"], ["rating=3..5.00"]),
        (["rating=3"], ["rating=3..3"]),
        (["modified=2026"], ["modified=2026-01-01..2026-12-31"]),
        (["modified=>2026"], ["modified=2027.."]),
        (["active=yes"], ["active=<>0"]),
        (["city=?*?"], ["city=??*"]),
    ],
)
def test_filters_that_mean_the_same_are_equal(one: list[str], other: list[str]) -> None:
    assert parse_filters(one) == parse_filters(other)
    assert parse_filters(one).canonical() == parse_filters(other).canonical()
    assert len({parse_filters(one), parse_filters(other)}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("city=A|B&C", "city=(A|B)&C"),
        ("city=A", "city=@A"),
        ("city='A*'", "city=='A*'"),
        ("city=A", "home_city=A"),
        ("city=A", "city=a"),
    ],
)
def test_filters_that_differ_are_not_equal(one: str, other: str) -> None:
    assert parse_filters([one]) != parse_filters([other])


# Errors


@pytest.mark.parametrize(
    ("text", "caret", "reason"),
    [
        ("cty=x", 0, 'no field "cty"; did you mean city'),
        ("  Emial=x", 2, "did you mean email"),
        ("city", 4, "field=expression"),
        ("=x", 0, "field=expression"),
        ("", 0, "field=expression"),
        ("rating>=3", 6, "rating=>="),
        ("rating != 3", 7, "rating=<>"),
        ("city=", 5, "expression is missing"),
        ("city=  ", 7, "expression is missing"),
        ("city=a|", 7, "value is missing"),
        ("city=|a", 5, "value is missing"),
        ("city=a&&b", 7, "value is missing"),
        ("city=<>", 7, "value is missing"),
        ("city=@", 6, "value is missing"),
        ("city=..", 7, "value is missing"),
        ("city=a..b..c", 9, "two ends"),
        ("city=@a..b", 7, "a range cannot follow @"),
        ("city=>a..", 7, "a range cannot follow >"),
        ("city=>a*", 7, "wildcard"),
        ("city=a?..b", 6, "wildcard"),
        ("city=b..a", 8, "ends before it begins"),
        ("city=''..b", 5, "empty value"),
        ("city=(a|b", 5, "not closed"),
        ("city=a)", 6, "no parenthesis"),
        ("city=(a)b", 8, "operator is missing"),
        ("city=((a)b)", 9, "operator is missing"),
        ("city=a(b", 6, "quotation marks"),
        ("city=a=b", 6, "quotation marks"),
        ("city=<>(a|b)", 7, "quotation marks"),
        ("city='abc", 5, "not closed"),
        ("city='a'b", 8, "operator is missing"),
        ("city='a' b", 9, "operator is missing"),
        ("city=a\0b", 6, "not allowed"),
        ("city=\udcff", 5, "not allowed"),
        ("owner=%mee", 6, "did you mean %me"),
        ("owner=a..%me", 9, "%"),
        ("rating=%me", 7, "user name"),
        ("rating=three", 7, "not a number"),
        ("rating=1|x", 9, "not a number"),
        ("rating=3*", 8, "wildcard"),
        ("rating=@3", 7, "@ is for text"),
        ("rating=5..3", 10, "ends before it begins"),
        ("active=maybe", 7, "neither yes nor no"),
        ("active=>no", 7, "no order"),
        ("type=A..B", 5, "no order"),
        ("birthday=17.5.1980", 9, "not a date"),
        ("birthday=1980-02-31", 9, "no such date"),
        ("birthday=1980..--05", 9, "either both"),
        ("modified=yesterday", 9, "not a date or a time"),
        ("modified=2026-01-01T25:00", 9, "no such time"),
        ("modified=2026-13", 9, "no such date"),
        ("modified=>9999", 10, "no time beyond"),
    ],
)
def test_an_error_points_at_the_character(text: str, caret: int, reason: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filters([text])
    error = caught.value
    assert error.expression == text
    assert error.position == caret
    first, shown, below = str(error).split("\n")
    assert reason in first
    assert below == " " * (2 + caret) + "^"
    assert len(shown) == 2 + len(text)


def test_the_caret_stands_under_wide_characters_and_in_long_texts() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filters(["city=漢字(x"])
    assert str(caught.value).split("\n")[2].index("^") == 2 + len("city=") + 4
    with pytest.raises(FilterError) as caught:
        parse_filters([f"city={'a' * 300}({'b' * 300}"])
    _, shown, below = str(caught.value).split("\n")
    assert shown[below.index("^")] == "("
    assert len(shown) < 80


def test_nothing_that_a_terminal_would_obey_is_in_an_error() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filters(["\x1b[31mcity=x\x9b2J|"])
    assert all(char.isprintable() or char == "\n" for char in str(caught.value))


def test_limits() -> None:
    longest = "city=" + "a" * 1000
    assert parse_filters([longest])
    with pytest.raises(FilterError, match="1000"):
        parse_filters([longest + "a"])
    assert parse_filters(["city=" + "(" * 50 + "a" + ")" * 50])
    with pytest.raises(FilterError, match="50") as caught:
        parse_filters(["city=" + "(" * 51 + "a" + ")" * 51])
    assert caught.value.position == 5 + 50
    with pytest.raises(FilterError, match="100"):
        parse_filters(["city=a"] * 101)
    quotes = parse_filters(["city=" + "|".join(f"{n}''" for n in range(180))])
    assert parse_canonical(quotes.expressions) == quotes, "a canonical text may be longer"


@pytest.mark.parametrize(
    "expression", ["*a" * 490 + "*b", "*a?" * 300 + "*b", "*" * 1000, "@" + "*aB" * 300 + "c", "?*" * 400 + "b"]
)
def test_no_pattern_is_slow(expression: str) -> None:
    wanted = parse_filters([f"note={expression}"])
    started = time.process_time()
    wanted.matches({"note": "a" * 100_000}, {})
    assert time.process_time() - started < 10


def test_sqlalchemy_is_imported_only_for_a_criterion() -> None:
    code = "import sys; from radicale_bcm.contacts import filters; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# SQL


_TABLE = Table(
    "t", MetaData(), Column("id", Integer), *(Column(name, String) for name in BY_NAME), Column("type", String)
)
_COLUMNS: dict[str, ColumnElement[Any]] = {column.name: column for column in _TABLE.columns}


# active=yes is not among MariaDB's: a column of text can hold what it cannot trim.
DECIDED = ("city=A*", "city=@a*|''", "email=<>A..B", "name=@*berg*", "type=Person", "id=<>1")


@pytest.mark.parametrize(
    ("text", "dialect"),
    [(text, dialect) for dialect in ("sqlite", "postgresql", "mariadb", "mysql") for text in DECIDED]
    + [("active=yes", "sqlite"), ("active=yes", "postgresql")],
)
def test_texts_and_types_are_decided_by_sql_alone(text: str, dialect: str) -> None:
    assert parse_filters([text]).narrow(_COLUMNS, dialect).exact


def test_no_condition_is_no_criterion_and_exact() -> None:
    narrowed = parse_filters([]).narrow(_COLUMNS, "sqlite")
    assert narrowed.criterion is None
    assert narrowed.exact


def test_what_has_no_column_is_left_to_the_predicate() -> None:
    wanted = parse_filters(["city=A", "email=B"])
    narrowed = wanted.narrow({"business_city": _COLUMNS["business_city"], "email": _COLUMNS["email"]}, "sqlite")
    assert not narrowed.exact
    assert "email" not in str(narrowed.criterion)
    assert "business_city" in str(narrowed.criterion)
    either = parse_filters(["name=A|B"]).narrow({"name": _COLUMNS["name"]}, "sqlite")
    assert either.criterion is None
    assert not either.exact


def test_the_name_in_sql_reads_the_fields_that_the_model_falls_back_on() -> None:
    criterion = str(parse_filters(["name=A"]).criterion(_COLUMNS, "sqlite"))
    for name in BY_NAME:
        assert (f"t.{name} " in criterion) == bool(display_name({name: "x"})), name


def test_an_unknown_engine_is_an_error() -> None:
    with pytest.raises(ValueError, match="oracle"):
        parse_filters(["city=A"]).narrow(_COLUMNS, "oracle")


# Words


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], "every contact"),
        (["city=<>Stockholm", "rating=3..5"], 'Business city is not "Stockholm", and Rating (1 to 5) is from 3 to 5'),
        (["company=Contoso*|Fabrikam"], 'Company (account) begins with "Contoso" or is "Fabrikam"'),
        (["name=@*berg*"], 'Display name contains "berg" in any case'),
        (["owner=%me"], "Owner is you (%me)"),
        (["type=Person"], "Type is Person"),
        (["modified=2026-01-01.."], "Modified is at least 2026-01-01"),
        (["modified=2026-01"], "Modified is from 2026-01-01 to 2026-01-31"),
        (["active=no"], "Active is no"),
        (["birthday=''"], "Birthday is empty"),
        (["rating=(1|2)&<>3"], "Rating (1 to 5) is (1 or 2) and is not 3"),
    ],
)
def test_a_filter_in_words(texts: list[str], expected: str) -> None:
    said = describe(parse_filters(texts)).replace("(is 1 or is 2)", "is (1 or 2)")
    assert said == expected


def test_why_says_which_condition_fails_and_on_what() -> None:
    wanted = parse_filters(["city=<>Stockholm", "email=*@example.org", "type=Person", "modified=2026.."])
    contact = {"business_city": "Stockholm", "email": "a@example.com", "email2": "b@example.org"}
    meta = {"type": "business-contact", "modified": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)}
    assert explain(wanted, contact, meta) == [
        Explanation("city=<>Stockholm", False, "Stockholm"),
        Explanation("email=*@example.org", True, "a@example.com, b@example.org"),
        Explanation("type=Person", True, "business-contact, Person"),
        Explanation("modified=2026..", True, "2026-02-03T04:05:06.000000Z"),
    ]
