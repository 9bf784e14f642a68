# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards as Radicale gets them: the text as it was sent, and vobject's contents when they are asked for."""

import copy
import os
import pickle
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import radicale.item
import vobject
from radicale.item import filter as radicale_filter

from radicale_bcm.contacts import guard
from radicale_bcm.contacts.lines import parse, split_cards
from radicale_bcm.contacts.vcard import Card, NotAVCard, build, is_vcard_text, parse_for_search, read_cards

CORPUS = Path(os.environ.get("BCM_VCARDS") or Path(__file__).parents[3] / "shared" / "vcards")

PLAIN = """\
BEGIN:VCARD
VERSION:3.0
PRODID:-//Example//EN
UID:5ad380fd-b2de-4261-ba99-de1d1db52fbe
N:Brigandi;Nick;;Mr.;
FN:Mr. Nick Brigandi
item1.X-ABLabel:_$!<HomePage>!$_
item1.url;type=pref:https\\://example.com/a,b
NICKNAME:Joe,Joey
ORG:Acme, Inc.;Sales;
ADR;TYPE=WORK:;;Main Street 1;Vienna;;1010;Austria
TEL;TYPE=WORK;TYPE=VOICE:+43 1 234567
CATEGORIES:Business,Friends
NOTE:first line\\nsecond, with a long text that goes on until it has to be fol
 ded; here
PHOTO;ENCODING=b;TYPE=PNG:aGVsbG8=
X-EMPTY:
END:VCARD
""".replace("\n", "\r\n")

OLD = (
    "begin:vcard\r\nversion:2.1\r\nn;charset=ISO-8859-1;encoding=quoted-printable:M=FCller;J=F6rg\r\n"
    "tel;work;voice:1\r\nnote;encoding=quoted-printable:one=0D=0A=\r\ntwo\r\n"
    "photo;jpeg;encoding=base64:\r\n aGVs\r\n bG8=\r\n\r\nend:vcard\r\n"
)


@pytest.fixture(scope="module", autouse=True)
def _installed():
    assert guard.install().complete


def _one(text: str) -> Card:
    (card,) = read_cards(text)
    return card


ACCEPTED_VERBATIM = {
    "as every program writes it": PLAIN,
    "LF only": PLAIN.replace("\r\n", "\n"),
    "CR only": PLAIN.replace("\r\n ", "").replace("\r\n", "\r"),
    "no final line end": PLAIN.rstrip(),
    "byte order mark": "\ufeff" + PLAIN,
    "blank lines around and within": "\r\n\r\n" + PLAIN.replace("ORG", "\r\n  \r\nORG") + "\r\n \r\n",
    "two N": PLAIN.replace("NICKNAME", "N:Other;Name;;;\r\nNICKNAME"),
    "no VERSION": PLAIN.replace("VERSION:3.0\r\n", ""),
    "VERSION at the end": PLAIN.replace("VERSION:3.0\r\n", "").replace("END:", "VERSION:3.0\r\nEND:"),
    "version 4": PLAIN.replace("VERSION:3.0", "VERSION:4.0").replace(
        "PHOTO;ENCODING=b;TYPE=PNG:", "PHOTO:data:image/png;base64,"
    ),
    "bad base64": PLAIN.replace("aGVsbG8=", "a,b;c"),
    "lower case": OLD.replace("end:vcard", "uid:1\r\nfn:x\r\nend:vcard"),
    "two UIDs": PLAIN.replace("NICKNAME", "UID:another\r\nNICKNAME"),
    "line without a colon": PLAIN.replace("NICKNAME", "this is no property\r\nNICKNAME"),
    "an odd name": PLAIN.replace("NICKNAME", "X-messaging/xmpp:a\r\nNICKNAME"),
    "unknown charset": PLAIN.replace("NICKNAME:", "NICKNAME;CHARSET=klingon;ENCODING=QUOTED-PRINTABLE:=FF"),
    "an agent's card": PLAIN.replace("NICKNAME", f"AGENT:\r\n{OLD}NICKNAME"),
    "grouped UID": PLAIN.replace("UID:", "item9.UID:"),
    "folded UID": PLAIN.replace("UID:5ad3", "UI\r\n D:5a\r\n d3"),
    "many parameters": PLAIN.replace("NICKNAME:", 'NICKNAME;A="x:y",z;B=^n;C;=;,=:'),
    "a freezing line": PLAIN.replace("NICKNAME:", "NICKNAME;A=" + ",=" * 500 + '":'),
    "delete and next-line characters": PLAIN.replace("Joey", "\x7f\x85\u2028"),
}


@pytest.mark.parametrize("text", ACCEPTED_VERBATIM.values(), ids=ACCEPTED_VERBATIM)
def test_what_a_person_calls_a_vcard_is_kept_byte_for_byte(text):
    """Also through everything Radicale does with an item before it hands it to the storage, and after a search."""
    assert is_vcard_text(text)
    card = _one(text)
    assert not card.repaired
    assert not card.generated_uid
    assert card.serialize() == text
    radicale.item.check_and_sanitize_items([card], max_vevent_rrule_occurrence=0, tag="VADDRESSBOOK")
    item = radicale.item.Item(collection_path="a/b", vobject_item=card)
    item.prepare()
    assert item.serialize() == text
    assert item.name == "VCARD"
    assert item.uid
    assert item.component_name == ""
    assert card.fn.value is not None
    assert type(card).duplicate(card).serialize() == text
    assert copy.copy(card).serialize() == text
    assert card.serialize() == text
    assert parse_for_search(text).serialize() == text


def test_name_uid_and_text_do_not_build_the_contents():
    card = _one(PLAIN)
    assert (card.name, card.uid.value) == ("VCARD", "5ad380fd-b2de-4261-ba99-de1d1db52fbe")
    assert hasattr(card, "uid")
    assert card.serialize() == PLAIN
    assert type(card).duplicate(card).uid.value == card.uid.value
    assert vars(card)["_contents"] is None
    assert card.contents["uid"][0] is card.uid
    assert isinstance(card, vobject.base.Component)
    assert list(card.components()) == []


def test_contents_are_what_vobject_would_read():
    card, other = _one(PLAIN), vobject.readOne(PLAIN)
    assert set(card.contents) == set(other.contents)
    for name, contents in other.contents.items():
        assert card.contents[name] == contents
        assert [line.group for line in card.contents[name]] == [line.group for line in contents]
        assert [line.behavior for line in card.contents[name]] == [line.behavior for line in contents]
    assert card.photo.value == b"hello"


def test_an_old_card_is_understood():
    card = _one(OLD)
    assert card.n.value.family == "Müller"
    assert card.note.value == "one\r\ntwo"
    assert card.photo.value == b"hello"
    assert card.tel.params == {"TYPE": ["work", "voice"]}
    assert card.fn.value == "Jörg Müller"


def test_a_card_without_uid_or_fn_gets_them():
    for text in (OLD, OLD.replace("\r\n", "\n"), OLD.rstrip(), "\ufeff" + OLD + "\r\n\r\n"):
        card = _one(text)
        assert card.repaired
        assert card.generated_uid
        written = card.serialize()
        eol = "\r\n" if "\r\n" in text else "\n"
        added = f"UID:{card.uid.value}{eol}FN:Jörg Müller{eol}"
        assert written.replace(added, "") == text
        assert card.cleaned == text
        assert _one(written).serialize() == written
        assert not _one(written).generated_uid


@pytest.mark.parametrize(
    "end",
    [
        "AGENT:\r\n\r\nBEGIN:VCARD\r\nEND:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n",
        "NOTE;QUOTED-PRINTABLE:a=\r\nEND:VCARD\r\n",
        "\x85END:VCARD\r\n\x85END:VCARD\r\nEND:VCARD\r\n",
    ],
)
def test_an_odd_end_does_not_hide_what_is_put_in(end):
    card = _one(f"BEGIN:VCARD\r\nTEL;CELL:1\r\n{end}")
    (again,) = read_cards(card.serialize())
    assert again.uid.value == card.uid.value
    assert again.fn.value == "1"
    assert not again.repaired


def test_the_same_text_gets_the_same_uid_again():
    """A client that lost the answer repeats its PUT, and must not be told of a conflict (C19)."""
    assert _one(OLD).uid.value == _one(OLD).uid.value != _one(OLD.replace("M=FC", "B=FC")).uid.value


def test_a_generated_uid_gives_way_to_that_of_the_resource():
    card = _one(OLD).adopt_uid("a,b")
    assert card.uid.value == "a,b"
    assert "UID:a,b\r\n" in card.serialize()
    assert card.serialize().upper().count("UID:") == 1
    own = _one(PLAIN)
    assert own.adopt_uid("other") is own


@pytest.mark.parametrize(
    ("text", "uid"), [("UID:\r\n", None), ("UID:\r\nUID:7\r\n", "7"), ("X-UID:\r\nUID: \r\n", None), ("", None)]
)
def test_an_empty_uid_is_none(text, uid):
    card = _one(f"BEGIN:VCARD\r\nVERSION:3.0\r\n{text}FN:x\r\nEND:VCARD\r\n")
    assert card.repaired
    assert card.generated_uid is (uid is None)
    assert uid in {None, card.uid.value}
    assert card.serialize().replace("X-UID", "").count("UID:") == 1
    assert [line.value for line in card.uid_list] == [card.uid.value]
    assert ("X-UID:\r\n" in card.serialize()) is ("X-UID" in text)


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("N:Last;First;Middle;Dr.;Jr.", "First Last"),
        ("N:;;;;\r\nORG:Acme\\, Inc.;Sales", "Acme, Inc."),
        ("NICKNAME:Nick", "Nick"),
        ("EMAIL:a@example.com", "a@example.com"),
        ("TEL;TYPE=CELL:1", "1"),
        ("NOTE:x", "Unnamed"),
        ("FN:", ""),
    ],
)
def test_a_missing_fn_is_made_from_the_best_there_is(lines, name):
    card = _one(f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\n{lines}\r\nEND:VCARD\r\n")
    assert card.fn.value == name
    assert card.repaired is (lines != "FN:")


def test_characters_that_xml_excludes_are_taken_out():
    card = _one(PLAIN.replace("Joe", "J\x00o\x0b\x1fe\ufffe\ud800"))
    assert card.repaired
    assert card.cleaned == card.serialize() == PLAIN
    assert not card.generated_uid
    ET.fromstring(f"<a>{card.serialize().replace('<', '')}</a>")


def test_utf_16_that_was_read_as_something_else_is_understood():
    text = PLAIN.replace("Joey", "Jürgen €")
    for codec in ("utf-16-be", "utf-16-le"):
        for taken_for in ("utf-8", "latin-1"):
            body = text.encode(codec)
            try:
                wrong = body.decode(taken_for)
            except UnicodeDecodeError:
                continue
            assert is_vcard_text(wrong)
            card = _one(wrong)
            assert (card.serialize(), card.repaired) == (text, True)


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("", "no BEGIN:VCARD", 1),
        ("hello", "no BEGIN:VCARD", 1),
        ("\x89PNG\r\n\x1a\n\x00\x00", "no BEGIN:VCARD", 1),
        ("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "no BEGIN:VCARD", 1),
        (PLAIN[:300], "no END:VCARD", 1),
        (PLAIN + PLAIN[:300], "no END:VCARD", PLAIN.count("\r\n") + 1),
        ("BEGIN:VCARD\r\nEND:VCARD\r\n", "no property", 1),
        ("\r\nBEGIN:VCARD\r\n\x80\x9f:\x81\r\nEND:VCARD\r\n", "no property", 2),
        ("FN:x\r\nEND:VCARD\r\n", "no BEGIN:VCARD", 1),
    ],
)
def test_what_is_none_is_refused_with_the_reason(text, reason, line):
    with pytest.raises(NotAVCard) as refused:
        read_cards(text)
    assert reason in refused.value.reason
    assert refused.value.line_number in {line, 1}


def test_calendars_and_empty_texts_are_left_to_radicale():
    for text in ("", "hello", "BEGIN:VCALENDAR\r\nX:BEGIN:VCARD\r\nEND:VCALENDAR", "BEGIN:VLIST\nEND:VLIST"):
        assert not is_vcard_text(text)
    for text in ("begin : vcard", "\r\n \r\nBEGIN:VCARD\n", "\ufeffBEGIN:VCARD", "END:VCARD\r\n", "  BEGIN:VCARD"):
        assert is_vcard_text(text)


def test_several_cards_have_each_their_own_text():
    cards = read_cards("\ufeff" + PLAIN + "\r\njunk\r\n" + OLD + PLAIN.rstrip())
    assert [card.serialize() for card in cards] == [PLAIN, _one(OLD.rstrip() + "\r\n").serialize(), PLAIN.rstrip()]
    assert [card.generated_uid for card in cards] == [False, True, False]


def test_what_stands_around_a_single_card_is_left_out():
    for text in (f"<html>\r\n{PLAIN}", f"{PLAIN}</html>", f"  {PLAIN}"):
        card = _one(text)
        assert (card.serialize(), card.repaired) == (PLAIN, True)


def test_only_the_lines_that_were_changed_are_written_anew():
    card = _one(PLAIN)
    card.nickname.value = "Jim"
    card.tel.params["TYPE"] = ["CELL"]
    card.add("title").value = "Head, Sales"
    del card.x_empty
    card.contents["url"][0].group = None
    expected = (
        PLAIN.replace("Joe,Joey", "Jim")
        .replace("TEL;TYPE=WORK;TYPE=VOICE", "TEL;TYPE=CELL")
        .replace("X-EMPTY:\r\n", "")
        .replace("item1.url;type=pref", "URL;TYPE=pref")
        .replace("END:VCARD", "TITLE:Head\\, Sales\r\nEND:VCARD")
    )
    assert card.serialize() == expected


def test_a_changed_uid_is_written():
    for touch in (False, True):
        card = _one(PLAIN)
        card.uid.value = "new"
        assert not touch or card.contents
        assert card.serialize() == PLAIN.replace("5ad380fd-b2de-4261-ba99-de1d1db52fbe", "new")
    card = _one(PLAIN)
    card.uid = vobject.base.ContentLine("UID", [], "newer")
    assert card.serialize().count("UID:newer\r\n") == 1
    card.n.value.given = "Nicky"
    assert "N:Brigandi;Nicky;;Mr.;\r\n" in card.serialize()


def test_copies_are_independent():
    card = _one(PLAIN)
    card.nickname.value = "Jim"
    copied = type(card).duplicate(card)
    assert copied.serialize() == card.serialize()
    copied.nickname.value = "Jack"
    copied.fn.value = "Jack"
    assert "Jim" in card.serialize()
    assert "FN:Mr. Nick" in card.serialize()
    assert "NICKNAME:Jack\r\n" in copied.serialize()
    deep = copy.deepcopy(_one(PLAIN))
    assert deep.serialize() == PLAIN
    assert not hasattr(deep, "x_unknown")
    assert pickle.loads(pickle.dumps(_one(PLAIN).serialize())) == PLAIN


def test_a_card_can_be_made_from_nothing_or_from_lines():
    card = Card()
    card.add("fn").value = "x;y"
    assert card.serialize() == "BEGIN:VCARD\r\nFN:x\\;y\r\nEND:VCARD\r\n"
    assert build(parse(PLAIN)).serialize() == PLAIN
    assert build(parse(PLAIN)).nickname.value == "Joe,Joey"


@pytest.mark.parametrize("text", ["", "junk", PLAIN[:200], "BEGIN:VCARD\r\nEND:VCARD", PLAIN + PLAIN, "\x00\ud800"])
def test_reading_for_a_search_never_raises(text):
    card = parse_for_search(text)
    assert isinstance(card.contents, dict)
    assert card.serialize() == text


CARDDAV = "urn:ietf:params:xml:ns:carddav"
PROPERTIES = ["FN", "N", "NICKNAME", "EMAIL", "TEL", "ADR", "ORG", "CATEGORIES", "NOTE", "PHOTO", "UID", "URL"]


def _filters():
    for name in PROPERTIES:
        for inner in (
            "",
            "<is-not-defined/>",
            "<text-match>a</text-match>",
            '<text-match match-type="equals" collation="i;octet" negate-condition="yes">a</text-match>',
            '<text-match match-type="starts-with">m</text-match><text-match match-type="ends-with">m</text-match>',
            '<param-filter name="type"><text-match>work</text-match></param-filter>',
            '<param-filter name="TYPE"><is-not-defined/></param-filter>',
        ):
            yield ET.fromstring(f'<prop-filter xmlns="{CARDDAV}" name="{name}">{inner}</prop-filter>')


def _corpus():
    for path in sorted(CORPUS.rglob("*.vcf")):
        body = path.read_bytes()
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = body.decode("latin-1")
        for piece, _ in split_cards(text):
            yield path.name, piece


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no collection of real cards: set BCM_VCARDS")
def test_real_cards_are_kept_and_can_be_searched():
    filters = list(_filters())
    accepted = refused = 0
    for name, text in _corpus():
        try:
            card = _one(text)
        except NotAVCard:
            refused += 1
            continue
        accepted += 1
        written = card.serialize()
        assert card.repaired or written == text, name
        if len(written) < 100_000:
            for element in filters:
                radicale_filter.prop_match(card, element, "CR")
        assert card.serialize() == written, name
    assert accepted > 20 * refused


def test_filters_find_what_they_should():
    card = _one(PLAIN)

    def found(name: str, text: str, match: str = "contains") -> bool:
        inner = f'<text-match match-type="{match}">{text}</text-match>'
        element = ET.fromstring(f'<prop-filter xmlns="{CARDDAV}" name="{name}">{inner}</prop-filter>')
        return bool(radicale_filter.prop_match(card, element, "CR"))

    assert found("NICKNAME", "joe,joey", "equals")
    assert found("ORG", "Acme, Inc.", "equals")
    assert found("URL", "https://example.com")
    assert found("CATEGORIES", "friends", "equals")
    assert found("ADR", "vienna")
    assert found("N", "brigandi")
    assert found("NOTE", "to be folded; here")
    assert not found("NOTE", "nonsense")


def test_reading_a_card_is_cheap():
    """Generous bounds: about 40 µs to read, and 0.3 ms to build the contents, were measured."""

    def seconds(function, times):
        runs = []
        for _ in range(5):
            start = time.thread_time()
            for _ in range(times):
                function()
            runs.append((time.thread_time() - start) / times)
        return min(runs)

    assert seconds(lambda: read_cards(PLAIN), 200) < 0.0004
    assert seconds(lambda: parse_for_search(PLAIN).contents, 50) < 0.004
