# SPDX-License-Identifier: GPL-3.0-or-later
"""The mends of vobject: each is shown to be needed (a process without them), and to hold."""

import copy
import importlib.util
import io
import json
import logging
import re
import subprocess
import sys
import time
from types import ModuleType, SimpleNamespace

import pytest
import vobject

from radicale_bcm.contacts import guard

LINES = [
    "NICKNAME:Joe,Joey",
    "NOTE:one, two; three",
    r"URL:https\://example.com/a;b?c\,d",
    "X-ABUID:5AD380FD\\:ABPerson",
    "IMPP;X-SERVICE-TYPE=Skype:skype:a,b",
    "TITLE:Head, Sales",
    "PHOTO:data:image/png;base64,iVBORw0KGgo=",
    "PHOTO;ENCODING=b;TYPE=PNG:not base64, really",
    "KEY;ENCODING=B:abc",
    "LOGO;ENCODING=BASE64:aGVsbG8=",
    "SOUND;ENCODING=8BIT:plain",
    "ORG:Acme;Sales;",
    "ORG:Acme, Inc.;X",
    r"ORG:Acme\: Sons;R\;D",
    r"ADR;TYPE=WORK:;;A\: 1,2;b;c;d;e",
    "ADR:;;a,b;c;d;e;f;g,h;i",
    r"UID:urn:uuid:a,b",
    "PRODID:-//a,b//c;d",
    r"CATEGORIES:a\:b,c",
    "X-TRAILING:backslash\\",
]
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\n{}\r\nFN:x\r\nN:x;;;;\r\nEND:VCARD\r\n"
NAMES = ["N:a,b;c;;;", "N:a;b;c;d;e;f;g", r"N:a\:b;c;;;", "N:only"]

EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x,y//EN
BEGIN:VEVENT
UID:a,b
DTSTAMP:20260101T000000Z
DTSTART:20260101T100000Z
DTEND:20260101T110000Z
SUMMARY:one\\, two\\; three\\:four, five
CATEGORIES:a,b\\,c
ATTENDEE;CN="A, B";ROLE=REQ-PARTICIPANT:mailto:a@example.com
RRULE:FREQ=WEEKLY;COUNT=3
DESCRIPTION:long folded text, long folded text, long folded text, long
  goes on\\n here
X-FOO;A=b,c;D:e,f
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT15M
DESCRIPTION:x
END:VALARM
END:VEVENT
END:VCALENDAR
"""
ZONE = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VTIMEZONE
TZID:Europe/Vienna
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Vienna:20260105T090000
DURATION:PT1H
EXDATE;TZID=Europe/Vienna:20260112T090000
RRULE:FREQ=WEEKLY;UNTIL=20260301T000000Z
SUMMARY:umlauts äöü
END:VEVENT
END:VCALENDAR
"""
OTHERS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VTODO
UID:t
DTSTAMP:20260101T000000Z
DUE;VALUE=DATE:20260101
PRIORITY:5
RESOURCES:a,b
REQUEST-STATUS:2.0;Success
GEO:1.0;2.0
COMMENT:a, b\\\\c
ATTACH;ENCODING=BASE64;VALUE=BINARY:aGVsbG8=
END:VTODO
BEGIN:VJOURNAL
UID:j
DTSTAMP:20260101T000000Z
DTSTART:20260101
END:VJOURNAL
BEGIN:VFREEBUSY
UID:f
DTSTAMP:20260101T000000Z
FREEBUSY:20260101T000000Z/PT1H
END:VFREEBUSY
END:VCALENDAR
"""
SOFT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VEVENT
UID:q
DTSTAMP:20260101T000000Z
DTSTART:20260101T000000Z
SUMMARY;ENCODING=QUOTED-PRINTABLE:soft=C3=A4 bre=
ak
DTSTART_X:1
END:VEVENT
END:VCALENDAR
"""
BROKEN = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nno colon here\nEND:VEVENT\nEND:VCALENDAR\n"
CUT = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nSUMMARY:never closed\n"
CALENDARS = [EVENT, EVENT.replace("\n", "\r\n"), ZONE, OTHERS, SOFT, BROKEN, CUT]

OUTCOME = """
def outcome(text):
    try:
        first = next(vobject.readComponents(text, allowQP=True))
        copied = type(first).duplicate(first)
        return [first.serialize(), copied.serialize(), str(first)]
    except Exception as error:
        return [type(error).__name__]
"""


def _run(code: str, given: object = None, timeout: float = 300) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
    )
    return done.stdout


def _outcome(text: str) -> list[str]:
    space: dict[str, object] = {"vobject": vobject}
    exec(OUTCOME, space)
    return space["outcome"](text)  # type: ignore[no-any-return, operator]


@pytest.fixture(scope="module", autouse=True)
def _installed():
    assert guard.install().complete


@pytest.fixture(scope="module")
def original():
    """What vobject makes of cards and calendars in a process that never imported the guard."""
    code = f"import json, sys, vobject\n{OUTCOME}\nprint(json.dumps([outcome(text) for text in json.load(sys.stdin)]))"
    texts = [CARD.format(line) for line in LINES] + [_named(line) for line in NAMES] + CALENDARS
    return dict(zip(texts, json.loads(_run(code, texts)), strict=True))


@pytest.fixture(scope="module")
def pristine() -> ModuleType:
    """A private copy of vobject.base as it was installed: the oracle for reading lines."""
    spec = importlib.util.spec_from_file_location("pristine_base", vobject.base.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _named(line: str) -> str:
    return CARD.format("NOTE:x").replace("N:x;;;;", line)


@pytest.mark.parametrize("line", LINES)
def test_a_value_comes_back_as_it_was(line, original):
    """Read, written, copied: the line is there; without the guard it is changed, or the card is refused."""
    text = CARD.format(line)
    name, _, value = line.rpartition(":") if line.startswith("SOUND") else line.partition(":")
    for written in _outcome(text)[:2]:
        unfolded = written.replace("\r\n ", "")
        assert any(
            got.partition(":")[0].startswith(name.split(";")[0]) and got.endswith(value)
            for got in unfolded.split("\r\n")
        ), written
    before = original[text]
    assert len(before) == 1 or not all(f":{value}\r\n" in out.replace("\r\n ", "") for out in before[:2])


@pytest.mark.parametrize("line", NAMES)
def test_a_name_comes_back_as_it_was(line):
    for written in _outcome(_named(line))[:2]:
        assert f"\r\n{line}\r\n" in written


def test_too_many_name_components_were_lost_before(original):
    assert "\r\nN:a;b;c;d;e\r\n" in original[_named("N:a;b;c;d;e;f;g")][0]


@pytest.mark.parametrize("calendar", CALENDARS)
def test_calendars_are_read_and_written_as_before(calendar, original):
    now = _outcome(calendar)
    before = original[calendar]
    assert len(before) == (1 if calendar in {BROKEN, CUT} else 3)
    assert now[:2] == before[:2]


@pytest.mark.parametrize("calendar", [EVENT, ZONE, OTHERS])
def test_calendars_read_without_quoted_printable_are_the_same(calendar, original):
    assert vobject.readOne(calendar).serialize() == original[calendar][0]


def test_values_are_what_a_search_expects():
    card = vobject.readOne(
        CARD.format(
            "NICKNAME:Joe,Joey\r\nURL:https\\://example.com\r\nORG:Acme, Inc.;X\r\nCATEGORIES:a,b\r\nUID:a\\,b\r\n"
            "ADR:;;1 Main St\\nSuite 2;b,c;;;US\r\nPHOTO;ENCODING=b:aGk=\r\nNOTE:C:\\temp\\nnew"
        )
    )
    assert card.nickname.value == "Joe,Joey"
    assert card.url.value == "https://example.com"
    assert card.org.value == ["Acme, Inc.", "X"]
    assert card.categories.value == ["a", "b"]
    assert card.uid.value == "a,b"
    assert card.adr.value.street == "1 Main St\nSuite 2"
    assert card.adr.value.city == ["b", "c"]
    assert "b c" in str(card.adr.value)
    assert card.photo.value == b"hi"
    assert card.note.value == "C:\\temp\nnew"


def test_a_changed_value_is_written_anew():
    card = vobject.readOne(
        CARD.format(
            "NICKNAME:a\\:b,c\r\nORG:A;B;\r\nCATEGORIES:x,y,\r\nPHOTO;ENCODING=B:aGk=\r\nUID:1\r\nADR:;;s;c;;;;too;many"
        )
    )
    card.nickname.value = "d,e"
    card.org.value = ["C, D", "E"]
    card.n.value.given = "Joe;y"
    card.adr.value.city = ["one", "two"]
    card.categories.value.append("z,z")
    card.photo.value = b"new"
    card.uid.value = "2"
    written = card.serialize()
    for line in (
        "NICKNAME:d\\,e",
        "ORG:C\\, D;E",
        "N:x;Joe\\;y;;;",
        "ADR:;;s;one,two;;;",
        "CATEGORIES:x,y,,z\\,z",
        "PHOTO;ENCODING=B:bmV3",
        "UID:2",
    ):
        assert f"\r\n{line}\r\n" in written, (line, written)


def test_values_that_a_program_adds_are_written():
    card = vobject.vCard()
    card.add("fn").value = "a;b"
    card.add("org").value = "Acme"
    card.add("photo").value = b"hi"
    card.add("categories").value = ["a", "b,c"]
    card.add("adr").value = vobject.vcard.Address(street="s", country=None)
    card.add("n").value = vobject.vcard.Name(family=["a", "b"])
    written = card.serialize()
    for line in ("FN:a\\;b", "ORG:Acme", "PHOTO;ENCODING=B:aGk=", "CATEGORIES:a,b\\,c", "ADR:;;s;;;;", "N:a,b;;;;"):
        assert f"\r\n{line}\r\n" in written, (line, written)


def test_copies_carry_the_value_as_it_was_read():
    line = vobject.readOne(CARD.format("NICKNAME:a\\:b,c")).nickname
    for copied in (copy.copy(line), type(line).duplicate(line), copy.deepcopy(line)):
        assert copied.serialize() == "NICKNAME:a\\:b,c\r\n"
    copied = type(line).duplicate(line)
    copied.value = "changed"
    assert line.serialize() == "NICKNAME:a\\:b,c\r\n"
    assert copied.serialize() == "NICKNAME:changed\r\n"


FREEZING = "A;B=" + ",=" * 200 + '"'


def test_a_line_that_froze_the_process_is_refused_at_once():
    with pytest.raises(subprocess.TimeoutExpired):
        _run(f"import vobject\ntry:\n vobject.base.parseLine({FREEZING!r})\nexcept Exception: pass", timeout=2)
    start = time.thread_time()
    with pytest.raises(vobject.base.ParseError):
        vobject.base.parseLine(FREEZING)
    assert time.thread_time() - start < 1


def test_a_folded_photo_is_joined_in_linear_time():
    def seconds(count: int) -> float:
        text = "PHOTO;ENCODING=b:" + ("A" * 71 + "=\r\n ") * count
        start = time.thread_time()
        assert len(list(vobject.base.getLogicalLines(io.StringIO(text)))) == 1
        return time.thread_time() - start

    assert min(seconds(40_000) for _ in range(3)) < 12 * min(seconds(5_000) for _ in range(3)) * 2


def test_unusual_lines_are_split_as_before(pristine):
    for text in ("a\rb", "a\r\n b", "\r\n\r\n x", " a\nb", "a\n\n b\n", "a\x0bb\u2028c\n d", "x\r\n\r", "\n \n a"):
        before = [line for line, _ in pristine.getLogicalLines(io.StringIO(text, newline=""), False)]
        assert [line for line, _ in vobject.base.getLogicalLines(io.StringIO(text, newline=""), False)] == before
        before = list(pristine.getLogicalLines(io.StringIO(text), True))
        assert list(vobject.base.getLogicalLines(io.StringIO(text), True)) == before


def test_the_pattern_reads_the_corners_as_before(pristine):
    for line in (
        "a:",
        ":a",
        "a;:b",
        "a;;b:c",
        "a.b.c:d",
        "a;b=c=d:e",
        'a;b="c:d"="e";f:g',
        'a;b=c="d:e":f',
        'a;b="c:d',
        "a;b,c,=d:e",
        'a;b="x"y:z',
        "a b:c",
        "a\n:b",
        "a:b\nc",
        "é:b",
        "a;é=b:c",
        'a;b=,"c",:d',
    ):
        before, now = pristine.line_re.match(line), guard.LINE_RE.match(line)
        assert (before and before.groupdict()) == (now and now.groupdict()), line


def test_installing_again_changes_nothing():
    decode = vobject.vcard.VCardTextBehavior.__dict__["decode"]
    first = guard.install()
    assert guard.install() is first
    assert vobject.vcard.VCardTextBehavior.__dict__["decode"] is decode
    assert first.known_version
    assert first.version == "0.9.9"
    assert len(first.applied) == 6


def test_an_unknown_version_is_warned_about(caplog, monkeypatch):
    monkeypatch.setattr(vobject.base, "VERSION", "7.0")
    with caplog.at_level(logging.WARNING, guard.__name__):
        report = guard._install()
    assert not report.known_version
    assert "7.0" in caplog.text


def test_a_mend_that_does_not_fit_is_taken_back_and_reported(caplog, monkeypatch):
    owner = SimpleNamespace(name="former", other=1)

    def mend(journal: guard._Journal) -> None:
        journal.replace(owner, "name", "new")
        journal.replace(owner, "missing", 0)

    def without_effect(journal: guard._Journal) -> None:
        journal.replace(owner, "other", 2)

    monkeypatch.setattr(guard, "_MENDS", (("missing", mend, lambda: True), ("vain", without_effect, lambda: False)))
    with caplog.at_level(logging.WARNING, guard.__name__):
        report = guard._install()
    assert not report.complete
    assert dict(report.failed) == {"missing": report.failed[0][1], "vain": "has no effect"}
    assert re.search("could not be mended .missing.: AttributeError", caplog.text)
    assert vars(owner) == {"name": "former", "other": 1}
