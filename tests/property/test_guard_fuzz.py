# SPDX-License-Identifier: GPL-3.0-or-later
"""Random and hostile input to the readers: equal to what they replace, never an exception, never superlinear time."""

import contextlib
import gc
import importlib.util
import io
import os
import random
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import radicale.item
import vobject
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from radicale.item import filter as radicale_filter

from radicale_bcm.contacts import guard, linear
from radicale_bcm.contacts.lines import split_cards
from radicale_bcm.contacts.vcard import NotAVCard, is_vcard_text, parse_for_search, read_cards

CORPUS = Path(os.environ.get("BCM_VCARDS") or Path(__file__).parents[3] / "shared" / "vcards")
SECONDS = float(os.environ.get("BCM_FUZZ_SECONDS") or 3)
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", autouse=True)
def _installed():
    assert guard.install().complete


def _pristine(module: ModuleType) -> ModuleType:
    """A private copy of a module as it is installed, without anybody's mends."""
    spec = importlib.util.spec_from_file_location(f"pristine_{module.__name__.replace('.', '_')}", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    return copied


BASE = _pristine(vobject.base)
ITEM = _pristine(radicale.item)


@settings(QUICK, max_examples=1000)
@given(st.text(alphabet='aA.;;:==,,""_ \n\té', max_size=11), st.sampled_from(["", ":x"]))
def test_lines_are_parsed_as_before(text, end):
    """Short ones: the original takes exponential time."""
    before, now = BASE.line_re.match(f"a{text}{end}"), linear.LINE_RE.match(f"a{text}{end}")
    assert (before and before.groupdict()) == (now and now.groupdict())
    if before:
        assert BASE.parseParams(before["params"]) == vobject.base.parseParams(now["params"])


PIECES = [
    "A", " ", "\t", "\r\n", "\n", "\r", "=", "=\r\n", "quoted-", "Printable", "QUOTED-PRINTABLE", "\u2028", "\x0b",
    ":", ";x",
]  # fmt: skip


@settings(QUICK, max_examples=1000)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_logical_lines_are_split_as_before(text):
    for newline in ("\n", ""):
        before = list(BASE.getLogicalLines(io.StringIO(text, newline=newline), True))
        assert list(vobject.base.getLogicalLines(io.StringIO(text, newline=newline), True)) == before
    before = [line for line, _ in BASE.getLogicalLines(io.StringIO(text, newline=""), False)]
    assert [line for line, _ in vobject.base.getLogicalLines(io.StringIO(text, newline=""), False)] == before


CALENDAR_PIECES = [
    "TZID", "TZNAME", "TZID=", "=", ":", " ", "x", "\r\n", "\n", "\r", "PHOTO", ";ENCODING=b", ";encoding=B", ";a",
    "data:", "image/png", ";base64,", "\x00", "\t", "\x0b", "BEGIN:VEVENT\r\n",
]  # fmt: skip


@settings(QUICK, max_examples=1000)
@given(st.lists(st.sampled_from(CALENDAR_PIECES), max_size=20).map("".join))
def test_calendars_are_tidied_as_radicale_does(text):
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vobject, "readComponents", lambda tidied, **_: seen.append(tidied) or [])
        ITEM.read_components(text)
    assert seen == [linear.calendar_text(text)]


VALUES = st.text(alphabet=st.sampled_from('ab,;:\\\\nN" é=^\u2028/'), max_size=12)


@QUICK
@given(
    st.sampled_from(
        [
            "NICKNAME",
            "URL",
            "X-A",
            "NOTE",
            "ORG",
            "ADR",
            "N",
            "CATEGORIES",
            "UID",
            "PRODID",
            "GEO",
            "PHOTO",
            "PHOTO;ENCODING=b",
            "KEY;ENCODING=BASE64",
            "LABEL",
            "item1.CATEGORIES",
        ]
    ),
    VALUES,
)
def test_any_value_comes_back_through_vobject(head, value):
    name = "" if head == "N" else "N:x;;;;\r\n"
    text = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\n{name}{head}:{value}\r\nEND:VCARD\r\n"
    card = vobject.readOne(text)
    for component in (card, type(card).duplicate(card)):
        written = component.serialize().replace("\r\n ", "")
        assert f":{value}\r\n" in written
    assert card.serialize() == card.serialize()


FILTERS = [
    ET.fromstring(f'<prop-filter xmlns="urn:ietf:params:xml:ns:carddav" name="{name}">{inner}</prop-filter>')
    for name in ("FN", "N", "ADR", "ORG", "CATEGORIES", "PHOTO", "X-A", "AGENT")
    for inner in ("", "<text-match>a</text-match>", '<param-filter name="TYPE"><is-not-defined/></param-filter>')
]


def _check(text: str) -> bool:
    """Whether a text is accepted; everything that must hold then is asserted."""
    is_vcard_text(text)
    parse_for_search(text).contents  # noqa: B018 - must not raise
    try:
        cards = read_cards(text)
    except NotAVCard:
        return False
    for card in cards:
        written = card.serialize()
        assert len(cards) > 1 or (written != text) is card.repaired
        assert NOT_XML.search(written) is None
        assert card.name == "VCARD"
        assert card.uid.value
        for element in FILTERS:
            radicale_filter.prop_match(card, element, "CR")
        assert card.contents["fn"]
        assert str(card)
        assert card.serialize() == written
        assert type(card).duplicate(card).serialize() == written
        (again,) = read_cards(written)
        assert (again.serialize(), again.repaired, again.generated_uid) == (written, False, False)
        assert again.uid.value == card.uid.value
    return True


FRAGMENTS = [
    "BEGIN:VCARD\r\n", "END:VCARD\r\n", "begin:vcard\n", "end:vcard", "VERSION:2.1\r\n", "VERSION:4.0\r\n",
    "FN:a\r\n", "FN:\r\n", "N:a;b,c;;;;;;x\r\n", "UID:1\r\n", "UID:\r\n", "item1.UID: \r\n", "AGENT:\r\n",
    "AGENT:x\r\n", "ORG:a, b;;c;\r\n", "PHOTO;ENCODING=b:aGk=\r\n", "PHOTO;BASE64:\r\n aGk=\r\n\r\n",
    "PHOTO;ENCODING=BASE64:!\r\n", "KEY;B:a\r\nbcd\r\n", "NOTE;QUOTED-PRINTABLE:=C3=\r\n",
    "N;CHARSET=x;ENCODING=QUOTED-PRINTABLE:=FF;=3B\r\n", "CATEGORIES:a,,b\\\r\n", "ADR:\\\r\n",
    'X-A;TYPE="a:b",c;=,:"\r\n', "X-A\r\n", ":\r\n", ";:\r\n", " folded\r\n", "\t\r\n", "\r\n", "\n", "\r", "\ufeff",
    "\x00", "\x0b", "\x1a", "\ud800", "\ufffe", "\x85", "\u2028", "=", "\\", "\"", "a", "é", "BEGIN:VCALENDAR\r\n",
    "END:X\r\n", "ENCODING=QUOTED-PRINTABLE",
]  # fmt: skip


@settings(QUICK, max_examples=1000)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), st.sampled_from([True, True, False]))
def test_any_text_is_a_card_or_is_refused(text, framed):
    _check(f"BEGIN:VCARD\r\n{text}\r\nEND:VCARD\r\n" if framed else text)


@QUICK
@given(st.text(max_size=60))
def test_any_characters_are_a_card_or_are_refused(text):
    _check(text)
    assume(text)
    _check(f"BEGIN:VCARD\nFN:{text}\nEND:VCARD\n")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no collection of real cards: set BCM_VCARDS")
def test_damaged_real_cards_are_cards_or_are_refused():
    texts = [path.read_bytes().decode("utf-8", "replace") for path in sorted(CORPUS.rglob("*.vcf"))]
    cards = [piece for text in texts for piece, _ in split_cards(text) if len(piece) < 5_000]
    chance = random.Random(20260101)
    end, accepted = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        text = chance.choice(cards)
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(text) + 1)
            stop = min(len(text), start + chance.choice([0, 1, 1, 5, 40]))
            text = text[:start] + chance.choice(["", "", *FRAGMENTS]) + text[stop:]
        accepted += _check(text)
    assert accepted


def _read_and_search(text: str) -> None:
    for card in read_cards(text):
        card.contents  # noqa: B018 - builds them
        card.serialize()


def _search(text: str) -> None:
    parse_for_search(text).contents  # noqa: B018 - builds them


def _seconds(function: Callable[[str], object], text: str) -> float:
    """Processor time without the garbage collector, whose work grows with all that the process holds."""
    gc.disable()
    try:
        start = time.thread_time()
        with contextlib.suppress(NotAVCard, vobject.base.VObjectError, UnicodeDecodeError):
            function(text)
        return time.thread_time() - start
    finally:
        gc.enable()


REPEATED = [
    ",=", ";", "=", '"', ":", "\\", "a.", "TZID=", "TZID:a ", "PHOTO;ENCODING=b", ";ENCODING=b", "UID:\r\n",
    "BEGIN:VCARD\r\n", "FN\r\n", "AGENT:\r\nBEGIN:VCARD\r\n", "AGENT:\r\nBEGIN:VCARD\r\nEND:VCARD\r\n",
    "BEGIN:VCARD\r\nEND:VCARD\r\n", "END:VCARD\r\n", " \r\n", "\r\n ", "\r", "\ufeff", "=C3", "=\r\n",
    "X;QUOTED-PRINTABLE:a=\r\n", "P;ENCODING=b:\r\n", "\x00", '",', '="', "END:A\r\n",
]  # fmt: skip


@pytest.mark.parametrize("read", [_read_and_search, _search, is_vcard_text, guard.read_calendar, vobject.readOne])
def test_no_text_takes_superlinear_time(read):
    """Sixteen times the text may take a hundred times as long: a quadratic reader would take 256 times."""
    for unit in REPEATED:
        for head in ("", "NOTE;A=", "NOTE;ENCODING=QUOTED-PRINTABLE:"):

            def text(count: int, head: str = head, unit: str = unit) -> str:
                return f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\n{head}{unit * count}\r\nEND:VCARD\r\n"

            long = _seconds(read, text(4_000))
            if long < 0.02:
                continue
            short = min(_seconds(read, text(250)) for _ in range(3))
            for _ in range(3):
                if long < 100 * short:
                    break
                long = min(long, _seconds(read, text(4_000)))
            assert long < 100 * short, (read, head, unit, short, long)


@pytest.mark.parametrize("unit", ["TZID=", "TZID:a", ";ENCODING=b"])
def test_radicales_own_repairs_were_superlinear(unit):
    """So that nobody takes `calendar_text` away as a needless copy."""
    head = "PHOTO" if unit.startswith(";") else "X:"

    def read(text: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vobject, "readComponents", lambda *_, **__: [])
            ITEM.read_components(text)

    long = _seconds(read, head + unit * 4_000)
    assert long > 20 * _seconds(linear.calendar_text, head + unit * 4_000)
