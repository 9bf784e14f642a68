# SPDX-License-Identifier: GPL-3.0-or-later
"""Round trips of arbitrary contacts and of every sample card: nothing changes, nothing is lost."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from radicale_bcm.contacts.card import ServerLines, normalised, read, render, with_categories
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.lines import NotAVCard, parse

SERVER = ServerLines(
    "uid-1", 3, "42", modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), link="https://crm.example/42"
)

_PIECES = [
    "a",
    "B",
    " ",
    ",",
    ";",
    "\\",
    "\n",
    "\r\n",
    ":",
    '"',
    "'",
    "^",
    "=",
    "=3D",
    "é",
    "😀",
    "\u200f",
    "שלום",
    "\x00",
]
_PIECES += [
    "\t",
    "\\n",
    "tel:",
    "im:",
    "mailto:",
    "a@b.c",
    "http://x,y;z",
    "X-BCM-ID:",
    "END:VCARD",
    "x" * 80,
    "\u2028",
    "\xa0",
]
_DATES = ["1980-05-17", "--05-17", "--02-29", "19800517", "1604-01-02", "junk", "1980-02-30", "--0517"]
_PLACES = ["business", "home", "other", "moon"]
_BOTH = [field for field in FIELDS if field.direction == "both"]


def _value(field, choice, text):
    if field.kind == "date":
        return _DATES[choice % len(_DATES)]
    return _PLACES[choice % len(_PLACES)] if field.name == "mailing_address" else text


def contacts():
    """Contacts with some of the two-way fields."""
    texts = st.one_of(st.lists(st.sampled_from(_PIECES), max_size=5).map("".join), st.text(max_size=6))
    pairs = st.lists(st.tuples(st.sampled_from(_BOTH), st.integers(0, 7), texts), max_size=12)
    return pairs.map(lambda found: {each[0].name: _value(*each) for each in found if _value(*each)})


TEMPLATE_LINES = st.sampled_from(
    [
        "FN:Someone",
        "N:Some;One;;;",
        "N;ALTID=1;LANGUAGE=jp:x;y",
        'N;SORT-AS="A,B":Some;One;;;',
        "EMAIL:a@x",
        "EMAIL;PREF=1:b@x",
        "EMAIL;TYPE=work,pref:c@x",
        "EMAIL:d@x",
        "EMAIL:",
        "item1.EMAIL;TYPE=internet:e@x",
        "item1.X-ABLabel:Mine",
        "TEL;TYPE=work:1",
        "TEL;WORK;VOICE:2",
        "TEL;TYPE=work:3",
        'TEL;VALUE=uri;TYPE="work,voice":tel:+4',
        "item2.TEL:5",
        "item2.X-ABLabel:_$!<Main>!$_",
        "TEL;TYPE=work,fax:6",
        "TEL;TYPE=isdn:7",
        "X-MS-TEL;TYPE=COMPANY:8",
        "ADR;TYPE=work:Box 1;;S;C;;;",
        "ADR;TYPE=work,pref:;E;S;C;R;P;L",
        "ADR;TYPE=home,pref:;;H;;;;",
        "ADR:;;O;;;;",
        "item3.ADR;TYPE=home:;;Z;;;;",
        "item3.X-ABADR:de",
        "LABEL;TYPE=work:S",
        "ORG:A;B;C;D",
        "ORG:Second",
        "NOTE:first",
        "NOTE:second",
        "NOTE;ENCODING=QUOTED-PRINTABLE:=C3=A4=0A",
        "URL:https://a",
        "URL:https://crm.example/42",
        "bcm1.URL:https://old",
        "bcm1.X-ABLabel:Business contact record",
        "URL;TYPE=home:https://b",
        "IMPP;X-SERVICE-TYPE=Jabber:xmpp:a@b",
        "X-JABBER:c@d",
        "BDAY:19800517",
        "BDAY;X-APPLE-OMIT-YEAR=1604:1604-05-17",
        "BDAY;VALUE=text:circa 1800",
        "ANNIVERSARY:2000-01-01",
        "X-EVOLUTION-ANNIVERSARY:2000-01-01",
        "item4.X-ABDATE:2000-01-01",
        "item4.X-ABLabel:_$!<Anniversary>!$_",
        "X-SPOUSE:Eve",
        "item5.X-ABRELATEDNAMES:Eve",
        "item5.X-ABLabel:_$!<Spouse>!$_",
        "RELATED;TYPE=spouse;VALUE=text:Eve",
        "X-MS-SPOUSE;N:Family;Eve",
        "SORT-STRING:One",
        "X-EVOLUTION-FILE-AS:One\\, Some",
        "X-MS-OL-DEFAULT-POSTAL-ADDRESS:2",
        "CATEGORIES:A,B\\,C",
        "X-BCM-ID:999",
        "X-BCM-VERSION:1",
        "UID:other",
        "REV:19990101T000000Z",
        "PHOTO:data:image/png;base64\\,QUJD",
        "PHOTO;ENCODING=BASE64;JPEG:QUJD",
        "PHOTO;ENCODING=b:broken!",
        "PRODID:one",
        "PRODID:two",
        'X-Custom;X-P="a;b":v\\,w',
        "no colon",
        "bad name:x",
        "AGENT:",
    ]
)
TEMPLATES = st.builds(
    lambda version, lines, end: end.join(
        ["BEGIN:VCARD", *([f"VERSION:{version}"] if version else []), *lines, "END:VCARD", ""]
    ),
    st.sampled_from(["2.1", "3.0", "4.0", ""]),
    st.lists(TEMPLATE_LINES, max_size=14),
    st.sampled_from(["\r\n", "\n"]),
)


@given(contacts())
def test_what_is_rendered_is_read_again(contact):
    text = render(None, contact, SERVER).text
    expected = normalised(contact)
    category = expected.pop("category", None)
    assert read(text) == expected
    assert normalised(expected) == expected
    names = render(None, contact, SERVER).categories
    assert read(with_categories(text, names)).get("category") == category


@given(contacts())
def test_a_rendered_card_is_a_plain_vcard_30(contact):
    """Lines end in CRLF, are folded at 75 octets, and each has a name and a head that any reader takes."""
    text = render(None, contact, SERVER).text
    physical = text.split("\r\n")
    assert physical.pop() == ""
    assert not any("\n" in line or "\r" in line for line in physical)
    assert all(len(line.encode()) <= 75 for line in physical)
    lines = parse(text)
    assert all(line.head.strict for line in lines)
    assert "".join(line.raw for line in lines) == text
    for name in ("FN", "N", "UID", "VERSION"):
        assert sum(line.name == name for line in lines) == 1


@given(TEMPLATES, st.lists(contacts(), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_rendering_into_any_template_says_what_the_contact_says_and_is_stable(template, changes):
    text = template
    for contact in [read(template, link=SERVER.link), *changes]:
        once = render(text, contact, SERVER)
        assert render(once.text, contact, SERVER) == once
        expected = normalised(contact)
        expected.pop("category", None)
        assert read(once.text, link=SERVER.link) == expected
        text = once.text


@given(contacts(), contacts())
def test_rendering_does_not_depend_on_the_way_there_where_all_lines_are_ours(first, second):
    """A changed card and a card written anew carry the same contact."""
    through = render(render(None, first, SERVER).text, second, SERVER)
    assert read(through.text) == read(render(None, second, SERVER).text)


UNMAPPED = st.lists(
    st.sampled_from(
        [
            'X-Odd;X-P="a;b,c:d";x-q=1:v\\,w;x\\n',
            "item9.X-SOCIALPROFILE;type=twitter:https://x.example/~a,b;c",
            "item9.X-ABLabel:_$!<Friend>!$_",
            "EMAIL;TYPE=x400:4th@x",
            "TEL;TYPE=isdn:77",
            "NOTE:another note",
            "PHOTO;ENCODING=b;TYPE=JPEG:" + "QUJD" * 30,
            "GEO:1.5;2.5",
            "item8.X-ABRELATEDNAMES:Uncle Bob",
            "item8.X-ABLabel:_$!<Uncle>!$_",
            "X-BCM-UNREADABLE:no colon",
            "KEY;TYPE=PGP;ENCODING=b:QUJD",
        ]
    ),
    unique=True,
)


@given(UNMAPPED, st.lists(contacts(), min_size=1, max_size=4))
def test_what_no_field_holds_survives_any_sequence_of_changes(content, changes):
    """Lines keep their text and order; only the parameter that keeps them from being read as a field may be added."""
    mapped = ["FN:A", "EMAIL:1@x", "EMAIL:2@x", "EMAIL:3@x", "NOTE:first", "TEL;TYPE=work:1", "ADR;TYPE=work:;;S;;;;"]
    text = "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *mapped, *content, "END:VCARD", ""])
    for contact in changes:
        text = render(text, contact, SERVER).text
        unfolded = text.replace("\r\n ", "").replace(";X-BCM-FIELD=none", "").split("\r\n")
        assert [line for line in unfolded if line in content] == content


_HEADS = [
    "TEL",
    "N",
    "FN",
    "ORG",
    "item1.EMAIL",
    "NOTE",
    "PHOTO",
    "BDAY",
    "ADR",
    "X-A",
    "IMPP",
    "a.b.C",
    "x y",
    "",
    "URL",
    "AGENT",
]
_PARAMS = [
    "",
    ";TYPE=work",
    ";WORK;PREF",
    ';TYPE="a,b"',
    ';X="',
    ";=",
    ";;",
    ";ENCODING=QUOTED-PRINTABLE",
    ";BASE64",
    ";ENCODING=b",
]
_PARAMS += [
    ";CHARSET=ISO-8859-1",
    ";VALUE=uri",
    ";X-BCM-FIELD=email2",
    ";X-BCM-FIELD=none",
    ";X-BCM-NAME=derived",
    ';A=^\'^n,"b"',
]
LINES = st.tuples(
    st.sampled_from(_HEADS),
    st.lists(st.sampled_from(_PARAMS), max_size=2).map("".join),
    st.sampled_from([":", ":", ":", ""]),
    st.lists(st.sampled_from([*_PIECES, "\r\n ", "=\r\n", "=E4", "QUJD"]), max_size=5).map("".join),
).map("".join)


@given(st.lists(LINES, max_size=8), st.sampled_from(["2.1", "3.0", "4.0"]), contacts())
@settings(max_examples=300, deadline=None)
def test_any_text_is_refused_or_becomes_a_stable_card_of_30(content, version, contact):
    template = "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *content, "END:VCARD", ""])
    try:
        carried = read(template, link=SERVER.link)
    except NotAVCard:
        return
    for wanted in (carried, contact):
        once = render(template, wanted, SERVER)
        assert render(once.text, wanted, SERVER) == once
        expected = normalised(wanted)
        expected.pop("category", None)
        assert read(once.text, link=SERVER.link) == expected
        lines = parse(once.text)
        assert all(line.head.strict for line in lines)
        assert sum(line.name == "N" for line in lines) == 1
        assert not any(character in line for line in once.text.split("\r\n") for character in "\r\n")
        template = once.text
