# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokenizer: every dialect in, nothing lost, linear time."""

import time

import pytest

from radicale_bcm.contacts import heads
from radicale_bcm.contacts.escaping import decode_parameter, encode_parameter
from radicale_bcm.contacts.lines import (
    Line,
    NotAVCard,
    escape,
    fold,
    head_text,
    parse,
    split_cards,
    split_structured,
    unescape,
)
from tests.fuzz.cards import check_fast_reading


def card(*content: str, end: str = "\r\n") -> str:
    return end.join(("BEGIN:VCARD", *content, "END:VCARD", ""))


def only(*content: str, end: str = "\r\n") -> Line:
    """The single line between BEGIN and END."""
    lines = parse(card(*content, end=end))
    assert [line.name for line in lines[:1] + lines[-1:]] == ["BEGIN", "END"]
    assert len(lines) == 3
    return lines[1]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_each_kind_of_line_end_is_read_and_kept_in_raw(end):
    text = card("VERSION:3.0", "FN:A", end=end)
    lines = parse(text)
    assert [(line.name, line.value) for line in lines[1:3]] == [("VERSION", "3.0"), ("FN", "A")]
    assert "".join(line.raw for line in lines) == text


def test_folds_by_space_and_tab_are_undone_and_raw_keeps_them():
    line = only("NOTE:one", "  two", "\tthree")
    assert line.value == "one twothree"
    assert line.raw == "NOTE:one\r\n  two\r\n\tthree\r\n"


def test_a_line_end_of_unicode_inside_a_value_is_no_line_end():
    assert only("NOTE:a\u2028b\x0bc\x85d").value == "a\u2028b\x0bc\x85d"


def test_group_name_and_parameters_are_taken_apart():
    line = only("item1.x-Some_Thing;type=HOME;TYPE=pref;x-a=\"b;c:d,e\",f;X-B=^'q^'^n^^:v:w")
    assert (line.group, line.name, line.value) == ("item1", "X-SOME_THING", "v:w")
    assert line.types() == {"home", "pref"}
    assert line.param("X-A") == "b;c:d,e"
    assert dict(line.params)["X-A"] == ("b;c:d,e", "f")
    assert line.param("X-B") == '"q"\n^'
    assert line.param("X-C") is None


def test_types_of_vcard_21_have_no_name():
    line = only("TEL;WORK;FAX;QUOTED-PRINTABLE:=2B49")
    assert line.params == (("TYPE", ("WORK",)), ("TYPE", ("FAX",)), ("ENCODING", ("QUOTED-PRINTABLE",)))
    assert line.types() == {"work", "fax"}
    assert line.text() == "+49"


@pytest.mark.parametrize("head", ['TYPE="work,voice"', "TYPE=work,TYPE=voice", "WORK,VOICE", "type=work;type=Voice"])
def test_a_list_of_types_is_understood_however_it_is_written(head):
    assert only(f"TEL;{head}:1").types() == {"work", "voice"}


def test_quoted_printable_goes_on_after_a_soft_line_break():
    line = only("NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Gr=C3=BC=", " =C3=9Fe=0D=0Aan alle")
    assert line.text() == "Grü ße\r\nan alle"


@pytest.mark.parametrize(
    ("charset", "encoded", "text"),
    [
        ("ISO-8859-1", "M=FCller", "Müller"),
        ("UTF-16LE", "M=00=FC=00", "Mü"),
        ("WINDOWS-1251", "=CF", "П"),
        ("NONSENSE", "M=C3=BC", "Mü"),
        ("PUNYCODE", "abc", "abc"),
        ("UTF-8", "M=FC", "Mü"),
    ],
)
def test_the_charset_of_a_quoted_printable_value_is_used(charset, encoded, text):
    assert only(f"FN;CHARSET={charset};ENCODING=QUOTED-PRINTABLE:{encoded}").text() == text


def test_base64_of_vcard_21_goes_on_until_its_block_ends():
    text = card("PHOTO;ENCODING=BASE64;JPEG:", "    QUJD", "    REVG", "", "TEL:1")
    lines = parse(text)
    assert [line.name for line in lines] == ["BEGIN", "PHOTO", "TEL", "END"]
    assert lines[1].value.replace(" ", "") == "QUJDREVG"
    bare = parse(card("PHOTO;BASE64:QUJD", "REVG", "TEL:1"))
    assert [(line.name, line.value) for line in bare[1:3]] == [("PHOTO", "QUJDREVG"), ("TEL", "1")]


def test_an_agents_card_becomes_the_agents_value():
    inner = "BEGIN:VCARD\r\nFN:Susan; B\r\nEND:VCARD"
    line = only("AGENT:", inner)
    assert line.name == "AGENT"
    assert line.text().replace("\n", "\r\n") == inner
    assert line.raw == "AGENT:\r\n" + inner + "\r\n"


def test_a_byte_order_mark_and_junk_before_the_card_are_skipped():
    assert parse("\ufeffbegin:vcard\nFN:A\nend:vcard")[1].value == "A"
    assert parse("HTTP/1.1 200 OK\n\n\ufeffBEGIN: VCARD\nFN:A\nEND:VCARD")[1].value == "A"


def test_a_line_without_a_name_is_kept_whole():
    for content in ("no colon here", "bad name: value", "a.b.c:value", ":value"):
        line = only(content)
        assert (line.name, line.value, line.raw) == ("", content, content + "\r\n")


def test_an_unterminated_quote_does_not_swallow_the_value():
    line = only('TEL;TYPE="WORK:123')
    assert (line.name, line.value) == ("TEL", "123")


@pytest.mark.parametrize(
    ("text", "reason", "number"),
    [
        ("", "no BEGIN:VCARD", 1),
        ("\x00\x01garbage\xff", "no BEGIN:VCARD", 1),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\n", "no BEGIN:VCARD", 1),
        ("\nBEGIN:VCARD\nFN:A\n", "no END:VCARD", 2),
        ("BEGIN:VCARD\nFN:A\nBEGIN:VCARD\nEND:VCARD\n", "a card begins before the former one has ended", 3),
        ("BEGIN:VCARD\nEND:VCARD\nBEGIN:VCARD\nEND:VCARD\n", "more than one card", 3),
        ("BEGIN:VCARD\nAGENT:\nBEGIN:VCARD\nEND:VCARD\n", "no END:VCARD", 1),
    ],
)
def test_what_is_no_card_is_refused_with_the_reason_and_the_line(text, reason, number):
    with pytest.raises(NotAVCard) as caught:
        parse(text)
    assert (caught.value.reason, caught.value.line_number) == (reason, number)


def test_split_cards_hands_out_each_card_verbatim_with_its_line_number():
    first = "BEGIN:VCARD\r\nFN:A\r\nAGENT:\r\nBEGIN:VCARD\r\nFN:B\r\nEND:VCARD\r\nEND:VCARD\r\n"
    cut = "BEGIN:VCARD\r\nFN:C\r\n"
    last = "begin:vcard\r\nFN:D\r\nend:vcard"
    text = "\ufeff" + first + "\r\njunk\r\n" + cut + last
    expected = [("\ufeff" + first, 1), (cut, 10), (last, 12)]
    assert list(split_cards(text)) == expected
    assert list(split_cards(text.splitlines(keepends=True))) == expected


@pytest.mark.parametrize("text", ["a,b;c\\d\ne", "", "\\n", "\\", "ünï😀\u200f", ",;", "a\\,b"])
def test_escaping_is_undone_by_unescaping(text):
    assert unescape(escape(text)) == text


def test_apples_colons_are_unescaped_and_strange_escapes_stay():
    assert unescape("https\\://x\\N\\q\\") == "https://x\n\\q\\"


def test_structured_values_are_split_where_the_separator_is_bare():
    assert split_structured(r"a\;b;c\\;d;") == [r"a\;b", r"c\\", "d", ""]
    assert split_structured("a\\") == ["a\\"]
    assert split_structured("") == [""]


@pytest.mark.parametrize("text", ["NOTE:" + "x" * 200, "NOTE:" + "ü😀" * 60, "N" * 75, "é" * 37 + "a", "é" * 38])
def test_folding_keeps_to_75_octets_and_never_cuts_a_character(text):
    folded = fold(text)
    assert all(len(line.encode()) <= 75 for line in folded.split("\r\n"))
    assert folded.replace("\r\n ", "") == text + "\r\n"


@pytest.mark.parametrize("value", ["", "plain", "a b", "a,b", "a;b:c", 'say "x"', "^n", "a\nb", "ü"])
def test_parameter_values_survive_their_encoding(value):
    line = only(head_text(None, "X", (("P", (value,)),)) + ":v")
    assert line.param("P") == value
    assert decode_parameter(encode_parameter(value).strip('"')) == value


@pytest.mark.parametrize(
    "body",
    [
        "X;A=" + '"' * 200_001 + ":x",
        "TEL;TYPE=" + ",=" * 100_000 + ":x",
        "X" + ':"' * 100_000,
        "X" + ';"' * 100_000 + ":x",
        "NOTE:a" + "\r\n b" * 60_000,
        "AGENT:\nBEGIN:VCARD\n" * 8_000 + "END:VCARD\n" * 8_000,
        "AGENT:\nBEGIN:VCARD\nEND:VCARD\n" * 8_000,
        "NOTE;QUOTED-PRINTABLE:a" + "=\r\na" * 60_000,
        "PHOTO;BASE64:a" + "\r\nAAAA" * 40_000,
        "NOTE:" + "\\" * 200_001,
    ],
)
def test_hostile_text_takes_linear_time(body):
    """200 kB are read in a fraction of a second; quadratic work would take minutes."""
    text = card(body)
    start = time.process_time()
    for line in parse(text):
        line.text()
        line.components()
    assert len(list(split_cards(text))) == 1
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("between", "is_usual"),
    [
        ("FN:A\r\nNOTE:long\r\n  and\r\n\tfolded\r\n", True),
        ("FN:A\r\nAGENT:\r\n", True),
        ("FN:A\r\n\r\n", False),
        ("FN:A\n", False),
        ("FN:A\r\rNOTE:b\r\n", False),
        ("FN:A\r\nno colon\r\n", False),
        ('FN:A\r\nTEL;X="a:b":1\r\n', False),
        ("NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\nb\r\n", False),
        ("NOTE;ENCO\r\n DING=QUOTED-PRINTABLE:a=\r\n b\r\n", False),
        ("PHOTO;ENCODING=b:AAAA\r\nBBBB\r\n", False),
        ("AGENT:\r\nBEGIN:VCARD\r\nFN:B\r\nEND:VCARD\r\n", False),
        ("FN:A\r\nbegin : vcard\r\n", False),
        (" X\r\nFN:A\r\n", False),
        ("FN:A\r\n\r\n NOTE:after nothing\r\n", False),
    ],
)
def test_the_fast_reading_of_a_card_is_the_thorough_one(between, is_usual):
    text = f"BEGIN:VCARD\r\n{between}END:VCARD\r\n"
    assert check_fast_reading(text) is is_usual


def test_a_line_that_is_shared_outlives_its_head():
    text = card("VERSION:3.0", "TEL;TYPE=work:1")
    assert check_fast_reading(text)
    heads._cached_head.cache_clear()
    assert check_fast_reading(text)
