# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards of many programs: which fields are read, and what a change of a field does to the text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from radicale_bcm.contacts.card import (
    ServerLines,
    fn_of,
    join_categories,
    normalised,
    read,
    render,
    split_categories,
    summary,
    uid_of,
    version_of,
    with_categories,
    with_identity,
    with_uid,
    with_version,
)
from radicale_bcm.contacts.fields import BY_NAME, FIELDS, markdown_table
from radicale_bcm.contacts.lines import NotAVCard, parse
from radicale_bcm.contacts.model import display_name

SERVER = ServerLines("uid-1", 3, "42", modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

APPLE = r"""BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//iOS 17.0//EN
N:Brigandi;Nick;;Dr.;
FN:Dr. Nick Brigandi
ORG:Contoso;Sales
item1.EMAIL;type=INTERNET;type=WORK;type=pref:nick@contoso.example
item1.X-ABLabel:_$!<Work>!$_
EMAIL;type=INTERNET;type=HOME:nick@home.example
TEL;type=CELL;type=VOICE;type=pref:+1 425 555 0101
TEL;type=WORK;type=VOICE:+1 425 555 0100
TEL;type=iPhone;type=CELL:+1 425 555 0199
item2.TEL:+1 425 555 0000
item2.X-ABLabel:_$!<Main>!$_
item3.ADR;type=WORK;type=pref:;;12 Long Street\nFloor 3;Redmond;WA;98052;USA
item3.X-ABADR:us
item4.URL:https\://contoso.example/nick
item4.X-ABLabel:_$!<HomePage>!$_
BDAY;X-APPLE-OMIT-YEAR=1604;value=date:1604-05-17
item5.X-ABDATE;type=pref:2005-06-18
item5.X-ABLabel:_$!<Anniversary>!$_
item6.X-ABRELATEDNAMES;type=pref:Erna
item6.X-ABLabel:_$!<Spouse>!$_
item7.X-ABRELATEDNAMES:Bob
item7.X-ABLabel:_$!<Friend>!$_
X-SOCIALPROFILE;type=twitter:https://twitter.example/nick
PHOTO;ENCODING=b;TYPE=JPEG:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpBQkNERUZHSElKS0xNTk9Q
 UVJTVFVWV1hZWg==
REV:2026-01-01T00:00:00Z
UID:apple-1
END:VCARD
"""

ANDROID = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg;;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BCller
TEL;CELL;PREF:0170 1
TEL;WORK:089 2
TEL;WORK;FAX:089 3
TEL;X-Intern:4711
EMAIL;WORK:joerg@firma.example
ADR;WORK;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:;;Hauptstra=C3=9Fe 1=0D=0A2. Stock;M=C3=BCnchen;;80331;Deutsch=
land
ORG;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:B=C3=A4cker, S=C3=B6hne & Co.
NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Zeile 1=0D=0AZeile 2; =E2=82=AC
X-ANDROID-CUSTOM;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:vnd.android.cursor.item/relation;Tim=C3=B6;1;;;
PHOTO;ENCODING=BASE64;JPEG:QUJD
 REVG

END:VCARD
"""

OUTLOOK = """BEGIN:VCARD
VERSION:2.1
N;LANGUAGE=en-us:Brigandi;Nick;Q.;Mr.;Jr.
FN:Mr. Nick Q. Brigandi Jr.
ORG:Contoso;Sales;Room 5
TITLE:Manager
TEL;WORK;VOICE:1
TEL;HOME;VOICE:2
TEL;CELL;VOICE:3
TEL;WORK;FAX:4
X-MS-TEL;VOICE;ASSISTANT:5
X-MS-TEL;VOICE;COMPANY:6
X-MS-TEL;VOICE;CALLBACK:7
ADR;WORK;PREF:;;One Way;Redmond;WA;98052;USA
LABEL;WORK;PREF;ENCODING=QUOTED-PRINTABLE:One Way=0D=0A=
Redmond, WA  98052
X-MS-OL-DEFAULT-POSTAL-ADDRESS:2
URL;WORK:http://contoso.example
X-MS-MANAGER:Boss
X-MS-ASSISTANT:Helper
X-MS-SPOUSE;N:Brigandi;Erna
X-MS-ANNIVERSARY;VALUE=DATE:20050618
X-MS-IMADDRESS:nick@im.example
EMAIL;PREF;INTERNET:nick@contoso.example
X-MS-OL-DESIGN;CHARSET=utf-8:<card xmlns="http://schemas.microsoft.com/office/outlook/12/electronicbusinesscards"/>
REV:20260101T000000Z
END:VCARD
"""

THUNDERBIRD = """BEGIN:VCARD
VERSION:4.0
EMAIL;PREF=1;TYPE=work:nick@contoso.example
EMAIL;TYPE=home:nick@home.example
FN:Nick Brigandi
N:Brigandi;Nick;;;
NICKNAME:Nicky
TEL;TYPE=work;VALUE=TEXT:1
TEL;VALUE=uri;TYPE="cell,voice":tel:+1-425-555-0101
ADR;TYPE=work:;;One Way;Redmond;WA;98052;USA
BDAY;VALUE=DATE:19800517
ANNIVERSARY;VALUE=DATE:--0618
TZ;VALUE=TEXT:Europe/Berlin
NOTE:Umlaut ü\\, comma
IMPP;TYPE=work:xmpp:nick@im.example
X-CUSTOM1;VALUE=TEXT:one
PHOTO;VALUE=URI:data:image/png;base64\\,QUJD
LOGO:https://contoso.example/logo.png
GENDER:M
UID:tb-1
END:VCARD
"""

EVOLUTION = """BEGIN:VCARD
VERSION:3.0
X-EVOLUTION-FILE-AS:Brigandi\\, Nick
SORT-STRING:Brigandi
X-EVOLUTION-SPOUSE:Erna
X-EVOLUTION-MANAGER:Boss
X-EVOLUTION-ASSISTANT:Helper
X-EVOLUTION-ANNIVERSARY:2005-06-18
TEL;X-EVOLUTION-UI-SLOT=1;TYPE=X-EVOLUTION-ASSISTANT;X-EVOLUTION-E164=555,:555
TEL;TYPE=X-EVOLUTION-COMPANY:666
TEL;TYPE=VOICE:777
FN:Nick Brigandi
N:Brigandi;Nick;;;
EMAIL;X-EVOLUTION-UI-SLOT=1;TYPE=WORK:a@x
ROLE:Engineer
X-JABBER;TYPE=WORK:nick@im.example
X-EVOLUTION-BLOG-URL:http://blog.example
END:VCARD
"""

NOKIA = """BEGIN:VCARD
VERSION:2.1
N:Brigandi;Nick
TEL;PREF;CELL:1
TEL;HOME;VOICE:2
TEL;VOICE:3
TEL;VIDEO:4
EMAIL;ENCODING=8BIT;INTERNET:nick@x
BDAY:19800517
X-CLASS:private
END:VCARD
"""

EXPECTED = {
    "apple": (
        APPLE,
        {
            "prefix": "Dr.",
            "given_name": "Nick",
            "family_name": "Brigandi",
            "name": "Dr. Nick Brigandi",
            "company": "Contoso",
            "department": "Sales",
            "email": "nick@contoso.example",
            "email2": "nick@home.example",
            "mobile_phone": "+1 425 555 0101",
            "business_phone": "+1 425 555 0100",
            "company_phone": "+1 425 555 0000",
            "business_street": "12 Long Street\nFloor 3",
            "business_city": "Redmond",
            "business_region": "WA",
            "business_postal_code": "98052",
            "business_country": "USA",
            "web_page": "https://contoso.example/nick",
            "birthday": "--05-17",
            "anniversary": "2005-06-18",
            "spouse": "Erna",
        },
    ),
    "android": (
        ANDROID,
        {
            "given_name": "Jörg",
            "family_name": "Müller",
            "mobile_phone": "0170 1",
            "business_phone": "089 2",
            "business_fax": "089 3",
            "other_phone": "4711",
            "email": "joerg@firma.example",
            "business_street": "Hauptstraße 1\n2. Stock",
            "business_city": "München",
            "business_postal_code": "80331",
            "business_country": "Deutschland",
            "company": "Bäcker, Söhne & Co.",
            "note": "Zeile 1\nZeile 2; €",
        },
    ),
    "outlook": (
        OUTLOOK,
        {
            "prefix": "Mr.",
            "given_name": "Nick",
            "middle_name": "Q.",
            "family_name": "Brigandi",
            "suffix": "Jr.",
            "name": "Mr. Nick Q. Brigandi Jr.",
            "company": "Contoso",
            "department": "Sales",
            "office": "Room 5",
            "job_title": "Manager",
            "business_phone": "1",
            "home_phone": "2",
            "mobile_phone": "3",
            "business_fax": "4",
            "assistant_phone": "5",
            "company_phone": "6",
            "business_street": "One Way",
            "business_city": "Redmond",
            "business_region": "WA",
            "business_postal_code": "98052",
            "business_country": "USA",
            "mailing_address": "business",
            "web_page": "http://contoso.example",
            "manager": "Boss",
            "assistant": "Helper",
            "spouse": "Erna Brigandi",
            "anniversary": "2005-06-18",
            "im_address": "nick@im.example",
            "email": "nick@contoso.example",
        },
    ),
    "thunderbird": (
        THUNDERBIRD,
        {
            "given_name": "Nick",
            "family_name": "Brigandi",
            "nickname": "Nicky",
            "email": "nick@contoso.example",
            "email2": "nick@home.example",
            "business_phone": "1",
            "mobile_phone": "+1-425-555-0101",
            "business_street": "One Way",
            "business_city": "Redmond",
            "business_region": "WA",
            "business_postal_code": "98052",
            "business_country": "USA",
            "birthday": "1980-05-17",
            "anniversary": "--06-18",
            "note": "Umlaut ü, comma",
            "im_address": "xmpp:nick@im.example",
        },
    ),
    "evolution": (
        EVOLUTION,
        {
            "given_name": "Nick",
            "family_name": "Brigandi",
            "file_as": "Brigandi, Nick",
            "spouse": "Erna",
            "manager": "Boss",
            "assistant": "Helper",
            "anniversary": "2005-06-18",
            "assistant_phone": "555",
            "company_phone": "666",
            "other_phone": "777",
            "email": "a@x",
            "profession": "Engineer",
            "im_address": "nick@im.example",
        },
    ),
    "nokia": (
        NOKIA,
        {
            "given_name": "Nick",
            "family_name": "Brigandi",
            "mobile_phone": "1",
            "home_phone": "2",
            "other_phone": "3",
            "email": "nick@x",
            "birthday": "1980-05-17",
        },
    ),
}


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def content(text: str) -> list[str]:
    """The unfolded lines of a rendered card that are not the server's."""
    server = ("BEGIN", "END", "VERSION", "UID", "REV", "X-BCM-KIND", "X-BCM-ID", "X-BCM-VERSION")
    return [line for line in text.replace("\r\n ", "").split("\r\n")[:-1] if line.split(":")[0] not in server]


def card(*lines: str, version: str = "3.0") -> str:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


def rendered(template: str | None, contact: dict[str, str], server: ServerLines = SERVER) -> list[str]:
    return content(render(template, contact, server).text)


@pytest.mark.parametrize("program", EXPECTED)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_the_fields_of_each_programs_card_are_read(program, end):
    text, expected = EXPECTED[program]
    assert read(text.replace("\n", end)) == expected


@pytest.mark.parametrize("program", EXPECTED)
def test_a_rendered_card_of_each_program_is_30_says_the_same_and_is_stable(program):
    text, expected = EXPECTED[program]
    once = render(crlf(text), expected, SERVER)
    assert read(once.text) == expected
    assert render(once.text, expected, SERVER) == once
    lines = parse(once.text)
    assert all(line.head.strict for line in lines)
    assert not any(line.head.quoted_printable or line.head.charset for line in lines)


def test_an_unchanged_card_keeps_every_line_as_it_was():
    kept = [line for line in content(crlf(APPLE)) if not line.startswith("PRODID")]
    assert [line for line in rendered(crlf(APPLE), read(APPLE)) if not line.startswith("PRODID")] == kept
    assert "PHOTO;ENCODING=b;TYPE=JPEG:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpBQkNERUZHSElKS0xNTk9Q\r\n UVJT" in (
        render(crlf(APPLE), read(APPLE), SERVER).text
    )


def test_a_changed_value_keeps_group_parameters_and_place():
    contact = read(APPLE) | {"email": "new@x", "web_page": "https://x/a,b;c", "company_phone": "99"}
    lines = rendered(crlf(APPLE), contact)
    before = content(crlf(APPLE))
    changed = {
        "item1.EMAIL;type=INTERNET;type=WORK;type=pref:nick@contoso.example": (
            "item1.EMAIL;type=INTERNET;type=WORK;type=pref:new@x"
        ),
        r"item4.URL:https\://contoso.example/nick": "item4.URL:https://x/a,b;c",
        "item2.TEL:+1 425 555 0000": "item2.TEL:99",
    }
    assert lines == [changed.get(line, line) for line in before]


def test_an_emptied_field_takes_its_label_with_it_and_nothing_else():
    contact = read(APPLE)
    for name in ("spouse", "anniversary", "company_phone", *[n for n in contact if n.startswith("business_")]):
        del contact[name]
    gone = ("item2.", "item3.", "item5.", "item6.", "TEL;type=WORK")
    assert rendered(crlf(APPLE), contact) == [line for line in content(crlf(APPLE)) if not line.startswith(gone)]


def test_the_server_owns_its_lines_and_a_forged_marker_changes_nothing():
    forged = card(
        "UID:evil", "REV:19990101T000000Z", "X-BCM-KIND:account", "X-BCM-ID:666", "X-BCM-RATING:5", "x-bcm-version:99",
        "BCM1.URL:https://evil", "BCM1.X-ABLABEL:Business contact record", "CATEGORIES:Mine,Busi\\,ness", "FN:A",
    )  # fmt: skip
    assert read(forged) == {"name": "A", "category": "Mine,Busi\\,ness"}
    server = ServerLines(
        "uid-1", 3, "42", modified=SERVER.modified, link="https://crm.example/42", show=("rating", "active", "size")
    )
    result = render(forged, read(forged) | {"rating": "3", "active": "true", "size": "XL", "owner": "me"}, server)
    assert result.categories == ("Mine", "Busi,ness")
    assert result.text == crlf(
        """BEGIN:VCARD
VERSION:3.0
UID:uid-1
REV:2026-01-02T03:04:05Z
X-BCM-KIND:business-contact
X-BCM-ID:42
X-BCM-VERSION:3
X-BCM-RATING:3
X-BCM-ACTIVE:TRUE
X-BCM-UDF-SIZE:XL
bcm1.URL:https://crm.example/42
bcm1.X-ABLabel:Business contact record
N;X-BCM-NAME=derived:;A;;;
FN:A
END:VCARD
"""
    )
    assert read(result.text) == {"name": "A"}


def test_the_link_is_recognised_by_group_label_or_address():
    link = "https://crm.example/42"
    for lines in (
        ["bcm1.URL:" + link],
        ["item3.URL:https://old.example/42", "item3.X-ABLabel:Business contact record"],
        ["URL:" + link],
    ):
        text = card("FN:A", *lines, "URL:https://own.example")
        assert read(text, link=link) == {"name": "A", "web_page": "https://own.example"}
        assert rendered(text, read(text, link=link), ServerLines("u", 1, "1", link=link)) == [
            f"bcm1.URL:{link}",
            "bcm1.X-ABLabel:Business contact record",
            "N;X-BCM-NAME=derived:;A;;;",
            "FN:A",
            "URL:https://own.example",
        ]


def test_rev_is_the_records_time_in_utc():
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=2)))
    assert "\r\nREV:2026-01-02T01:04:05Z\r\n" in render(None, {}, ServerLines("u", 1, "1", modified=at)).text
    assert "REV" not in render(None, {}, ServerLines("u", 1, "1")).text
    assert "X-BCM-KIND" not in render(None, {}, ServerLines("u", 1, "1", marker_property=False)).text


def test_own_categories_are_read_without_those_of_the_set_ups():
    text = card("FN:A", "CATEGORIES:business,VIP", "CATEGORIES:vip,A\\,B")
    assert read(text, ignore_categories=frozenset({"Business"}))["category"] == "VIP,A\\,B"
    assert "category" not in read(card("FN:A", "CATEGORIES:Business"), ignore_categories=frozenset({"BUSINESS"}))


def test_categories_are_put_before_the_end_of_a_card():
    text = render(None, {"name": "A"}, SERVER).text
    shown = with_categories(text, ["Business", "a,b;c"])
    assert shown == text.replace("END:VCARD", "CATEGORIES:Business,a\\,b\\;c\r\nEND:VCARD")
    assert read(shown)["category"] == "Business,a\\,b;c"
    assert with_categories(text, []) is text
    assert split_categories(join_categories(["x,y", "\\", " z "])) == ["x,y", "\\", "z"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["BDAY:1980-05-17T00:00:00Z"], {"birthday": "1980-05-17"}),
        (["BDAY:--0517"], {"birthday": "--05-17"}),
        (["BDAY:--02-29"], {"birthday": "--02-29"}),
        (["BDAY;VALUE=text:circa 1800"], {}),
        (["BDAY:1980"], {}),
        (["BDAY:1980-13-01"], {}),
        (["EMAIL:a", "EMAIL;TYPE=pref:b", "EMAIL:c", "EMAIL:d"], {"email": "b", "email2": "a", "email3": "c"}),
        (["EMAIL:", "EMAIL:a@x"], {"email": "a@x"}),
        (["TEL;TYPE=work:1", "TEL;TYPE=work:2", "TEL;TYPE=work:3"], {"business_phone": "1", "business_phone2": "2"}),
        (["TEL;TYPE=home,fax:1", "TEL;TYPE=fax:2"], {"home_fax": "1", "other_fax": "2"}),
        (["TEL;TYPE=pager:3", "TEL;TYPE=work,cell:4"], {"pager": "3", "mobile_phone": "4"}),
        (["TEL;TYPE=isdn:1", "TEL:2"], {"other_phone": "2"}),
        (["TEL;VALUE=uri:tel:+49-30-1;ext=5"], {"other_phone": "+49-30-1;ext=5"}),
        (["ADR:Box;Ext;Street;;;;"], {"other_street": "Ext\nStreet"}),
        (["ADR;TYPE=home:;;1;;;;", "ADR;TYPE=home:;;2;;;;"], {"home_street": "1"}),
        (["ADR;TYPE=work,pref:;;1;;;;", "ADR;TYPE=home:;;2;;;;"], {"business_street": "1", "home_street": "2"}),
        (
            ["ADR;TYPE=work:;;1;;;;", "ADR;TYPE=home,pref:;;2;;;;"],
            {"business_street": "1", "home_street": "2", "mailing_address": "home"},
        ),
        (["N:Stevenson;John;Philip,Paul;Dr.;Jr.,M.D."], {
            "family_name": "Stevenson", "given_name": "John", "middle_name": "Philip,Paul", "prefix": "Dr.",
            "suffix": "Jr.,M.D.",
        }),
        (["NOTE:one", "NOTE:two"], {"note": "one"}),
        (["NICKNAME:Joe,Joey"], {"nickname": "Joe,Joey"}),
        (["ORG:Acme, Inc.;X"], {"company": "Acme, Inc.", "department": "X"}),
        (["IMPP:im:a@b"], {"im_address": "a@b"}),
        (['N;SORT-AS="Harten,Rene":van der Harten;Rene'], {
            "family_name": "van der Harten", "given_name": "Rene", "file_as": "Harten,Rene"
        }),
        (["RELATED;TYPE=spouse:urn:uuid:1", "RELATED;TYPE=spouse;VALUE=text:Eve"], {"spouse": "Eve"}),
        (["NOTE;ENCODING=b:QUJD"], {}),
    ],
)  # fmt: skip
def test_lines_are_read_as_fields(lines, expected):
    text = card(*lines)
    assert read(text) == expected
    once = render(text, expected, SERVER)
    assert read(once.text) == expected
    assert render(once.text, expected, SERVER) == once


def test_every_two_way_field_has_a_line():
    """Each alone, and all together, is shown and read back."""
    values = {"date": "1980-05-17", "yesno": "true", "number": "1"}
    contact = {field.name: values.get(field.kind, field.name) for field in FIELDS if field.direction == "both"}
    contact |= {"mailing_address": "home", "category": "A,B"}
    assert read(with_categories(render(None, contact, SERVER).text, ["A", "B"])) == contact
    for name in contact.keys() - {"category"}:
        assert read(render(None, {name: contact[name]}, SERVER).text) == {name: contact[name]}, name


def test_a_gap_among_ordered_fields_is_kept_apart_by_our_parameter():
    contact = {"name": "A", "email2": "b@x", "email3": "c@x", "business_phone2": "2"}
    lines = rendered(None, contact)
    assert "EMAIL;TYPE=internet;X-BCM-FIELD=email2:b@x" in lines
    assert "TEL;TYPE=work,voice;X-BCM-FIELD=business_phone2:2" in lines


def test_a_surplus_line_does_not_move_into_a_field_that_the_database_emptied():
    text = card("FN:A", "EMAIL:1@x", "EMAIL:2@x", "EMAIL:3@x", "EMAIL:4@x", "NOTE:one", "NOTE:two")
    once = render(text, {"name": "A", "email": "1@x", "email3": "3@x"}, SERVER)
    assert content(once.text) == [
        "N;X-BCM-NAME=derived:;A;;;", "FN:A", "EMAIL:1@x", "EMAIL;X-BCM-FIELD=email3:3@x", "EMAIL;X-BCM-FIELD=none:4@x",
        "NOTE;X-BCM-FIELD=none:two",
    ]  # fmt: skip
    assert read(once.text) == {"name": "A", "email": "1@x", "email3": "3@x"}


def test_a_post_office_box_and_further_units_stay_when_the_fields_change():
    text = card("FN:A", "ADR;TYPE=work;LABEL=Old:Box 1;Ext;Street;City;;;", "ORG:A;B;C;D")
    assert rendered(text, {"name": "A", "business_street": "New\nRoad", "company": "Z"})[2:] == [
        "ADR;TYPE=work:Box 1;;New\\nRoad;;;;",
        "ORG:Z;;;D",
    ]
    assert rendered(text, {"name": "A"})[2:] == ["ADR;TYPE=work:Box 1;;;;;;", "ORG:;;;D"]


def test_lines_that_repeat_a_field_for_other_programs_follow_it():
    text = card(
        "FN:A", "X-SPOUSE:Eve", "item1.X-ABRELATEDNAMES:Eve", "item1.X-ABLabel:Spouse", "X-EVOLUTION-SPOUSE:Other"
    )
    assert rendered(text, {"name": "A", "spouse": "Zoe"})[2:] == [
        "X-SPOUSE:Zoe", "item1.X-ABRELATEDNAMES:Zoe", "item1.X-ABLabel:Spouse", "X-EVOLUTION-SPOUSE:Other"
    ]  # fmt: skip
    assert rendered(text, {"name": "A"})[2:] == ["X-EVOLUTION-SPOUSE;X-BCM-FIELD=none:Other"]


def test_a_name_follows_the_parts_unless_it_says_something_else():
    served = render(None, {"given_name": "Nick", "family_name": "Brigandi"}, SERVER).text
    assert "FN:Nick Brigandi" in content(served)
    assert "name" not in read(served)
    assert "name" not in read(served.replace("Nick", "Nicholas"))
    assert read(served.replace("FN:Nick Brigandi", "FN:Nicky"))["name"] == "Nicky"
    assert rendered(None, {"name": "Nicky", "given_name": "Nick"})[:2] == ["FN:Nicky", "N:;Nick;;;"]


def test_a_display_name_alone_gives_phones_a_guess_that_is_not_read_back():
    contact = {"name": "Nick van Brigandi"}
    text = render(None, contact, SERVER).text
    assert content(text) == ["FN:Nick van Brigandi", "N;X-BCM-NAME=derived:Brigandi;Nick van;;;"]
    assert read(text) == contact
    renamed = render(text, {"name": "Zoe"}, SERVER).text
    assert content(renamed) == ["FN:Zoe", "N;X-BCM-NAME=derived:;Zoe;;;"]
    edited = text.replace("FN:Nick van Brigandi", "FN:Nicholas Brigandi").replace(
        "Brigandi;Nick van", "Brigandi;Nicholas"
    )
    assert read(edited) == {"name": "Nicholas Brigandi"}
    only_n = text.replace("Brigandi;Nick van", "Brigandi;Nicholas")
    assert read(only_n) == {"name": "Nick van Brigandi", "given_name": "Nicholas", "family_name": "Brigandi"}
    assert rendered(card("FN:A B", "N:;;;;"), {"name": "A B"}) == ["FN:A B", "N:;;;;"]


@pytest.mark.parametrize(
    ("contact", "fn"),
    [
        ({"name": "N", "given_name": "G"}, "N"),
        ({"given_name": "G", "family_name": "F", "company": "C"}, "G F"),
        ({"family_name": "F"}, "F"),
        ({"company": "C", "email": "e@x"}, "C"),
        ({"email2": "e@x"}, "e@x"),
        ({"mobile_phone": "1"}, "1"),
        ({}, ""),
    ],
)
def test_fn_is_the_name_else_its_parts_else_company_else_email(contact, fn):
    assert display_name(contact) == fn
    assert f"FN:{fn}" in rendered(None, contact)


def test_what_30_has_no_place_for_is_wrapped_and_stays():
    text = card("FN:A", "N:;A;;;", "N;ALTID=1:x;y\\,z", "no colon, but; text", "bad name:v", "PRODID:1", "PRODID:2")
    once = rendered(text, read(text))
    assert once == [
        "FN:A", "N:;A;;;", "X-BCM-UNREADABLE:N\\;ALTID=1:x\\;y\\\\\\,z", "X-BCM-UNREADABLE:no colon\\, but\\; text",
        "X-BCM-UNREADABLE:bad name:v", "PRODID:1", "X-BCM-UNREADABLE:PRODID:2",
    ]  # fmt: skip
    assert rendered(render(text, read(text), SERVER).text, read(text) | {"note": "x"}) == [*once, "NOTE:x"]


@pytest.mark.parametrize(
    ("version", "line", "expected"),
    [
        ("4.0", "PHOTO:data:image/jpeg;base64,QUJD", "PHOTO;TYPE=JPEG;ENCODING=b:QUJD"),
        ("4.0", "PHOTO:data:image/png;base64\\,QUJD", "PHOTO;TYPE=PNG;ENCODING=b:QUJD"),
        ("3.0", "PHOTO;VALUE=uri:data:image/png\\;base64\\,QUJD", "PHOTO;TYPE=PNG;ENCODING=b:QUJD"),
        ("4.0", "PHOTO:data:image/png;base64,QU*D", "PHOTO;VALUE=uri:data:image/png;base64,QU*D"),
        ("4.0", "LOGO;PREF=1:https://x/a,b", "LOGO;PREF=1;VALUE=uri:https://x/a,b"),
        ("4.0", "KEY:data:application/pgp-keys;base64,QUJD", "KEY;TYPE=PGP;ENCODING=b:QUJD"),
        ("2.1", "PHOTO;JPEG;BASE64:QUJD", "PHOTO;TYPE=JPEG;ENCODING=b:QUJD"),
        ("2.1", "PHOTO;VALUE=URL;GIF:http://x", "PHOTO;TYPE=GIF;VALUE=uri:http://x"),
        ("3.0", "PHOTO;ENCODING=b;TYPE=JPEG:broken !", "PHOTO;ENCODING=b;TYPE=JPEG:broken !"),
        ("2.1", "LABEL;WORK;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab,c", "LABEL;TYPE=WORK:a\\nb\\,c"),
        ("2.1", "X-FOO;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:=E4;b,c", "X-FOO:ä;b,c"),
        ("4.0", 'X-FOO;TYPE="a,b":v', "X-FOO;TYPE=a,b:v"),
        ("4.0", "GENDER:M", "GENDER:M"),
        ("4.0", "RELATED;TYPE=friend:urn:uuid:1", "RELATED;TYPE=friend:urn:uuid:1"),
        ("2.1", "TEL;ISDN;X-Odd:1", "TEL;TYPE=ISDN,X-Odd:1"),
        ("2.1", "AGENT:\r\nBEGIN:VCARD\r\nFN:B\r\nEND:VCARD", "AGENT:BEGIN:VCARD\\nFN:B\\nEND:VCARD"),
    ],
)
def test_foreign_lines_become_lines_of_30(version, line, expected):
    text = card("FN:A", "N:;A;;;", line, version=version)
    assert rendered(text, {"given_name": "A"}) == ["FN:A", "N:;A;;;", expected]


def test_mapped_lines_of_40_become_lines_of_30():
    lines = rendered(crlf(THUNDERBIRD), read(THUNDERBIRD))
    assert "TEL;TYPE=cell,voice:+1-425-555-0101" in lines
    assert "BDAY;VALUE=DATE:1980-05-17" in lines
    assert "ANNIVERSARY;VALUE=DATE;X-APPLE-OMIT-YEAR=1604:1604-06-18" in lines
    text = card("FN:A", 'N;SORT-AS="H,R":H;R', version="4.0")
    contact = {"name": "A", "family_name": "H", "given_name": "R", "file_as": "H,R"}
    assert rendered(text, contact) == ["FN:A", "N:H;R;;;", "SORT-STRING:H\\,R"]


def test_the_mailing_address_is_the_preferred_one():
    contact = {"name": "A", "business_street": "1", "home_street": "2", "mailing_address": "business"}
    first = rendered(None, contact)
    assert first[2:] == ["ADR;TYPE=work,pref:;;1;;;;", "ADR;TYPE=home:;;2;;;;", "X-MS-OL-DEFAULT-POSTAL-ADDRESS:2"]
    text = render(None, contact, SERVER).text
    second = render(text, contact | {"mailing_address": "home"}, SERVER).text
    assert content(second)[2:] == [
        "ADR;TYPE=work:;;1;;;;", "ADR;TYPE=home,pref:;;2;;;;", "X-MS-OL-DEFAULT-POSTAL-ADDRESS:1"
    ]  # fmt: skip
    assert read(second)["mailing_address"] == "home"


def test_values_survive_whatever_characters_they_have():
    value = 'a,b;c\\d "q" ünï 😀 \u202bשלום'
    contact = {
        field.name: value for field in FIELDS if field.kind in ("text", "multiline") and field.direction == "both"
    }
    contact |= {"mailing_address": "home", "note": "one\ntwo\\n\n", "business_street": "1\n2"}
    contact.pop("category")
    assert read(render(None, contact, SERVER).text) == contact


def test_characters_that_xml_cannot_carry_are_left_out():
    text = render(card("FN:A", "X-A:b\x01c"), {"name": "A", "note": "x\x00\ud800\x0by"}, SERVER).text
    assert content(text)[2:] == ["X-A:bc", "NOTE:xy"]
    assert normalised({"note": "x\x00y\r\nz"}) == {"note": "xy\nz"}


def test_a_character_that_xml_cannot_carry_hides_no_line_from_the_first_rendering():
    """A picture that is one without it is stored as one at once, and not by the next look, which would be a change."""
    text = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u\r\nFN:Zoë\r\nPHOTO:dat\x7fa:image/png;base64,QUJD\r\nEND:VCARD\r\n"
    first = render(text, read(text), SERVER)
    assert "ENCODING=b:QUJD\r\n" in first.text
    assert render(first.text, read(first.text), SERVER) == first


def test_a_line_without_categories_is_none():
    text = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\nFN:x\r\nN:x;;;;\r\nCATEGORIES:{}\r\nEND:VCARD\r\n"
    assert "category" not in read(text.format("\rX-A:b"))
    assert "category" not in read(text.format(" , "))


def test_what_is_no_card_is_refused():
    for function in (read, uid_of, fn_of, summary, with_identity):
        with pytest.raises(NotAVCard):
            function("BEGIN:VCARD\r\nFN:A\r\n")
    with pytest.raises(NotAVCard):
        render("junk", {}, SERVER)


def test_small_look_ups():
    text = render(None, {"name": "A, B", "company": "C"}, ServerLines("urn:uuid:1,2", 17, "1")).text
    assert (uid_of(text), fn_of(text), version_of(text)) == ("urn:uuid:1,2", "A, B", 17)
    assert version_of(text.upper()) == 17
    assert version_of(card("NOTE:X-BCM-VERSION:5")) is None
    assert version_of("X-BCM-VERSION:x\n") is None
    assert uid_of(card("FN:A")) is None
    found = summary(with_categories(text, ["K"]))
    assert (found.uid, found.fn, found.version, found.group, found.categories) == (
        "urn:uuid:1,2",
        "A, B",
        17,
        False,
        ("K",),
    )
    assert found.contact == {"name": "A, B", "company": "C", "category": "K"}
    assert summary(card("FN:G", "X-ADDRESSBOOKSERVER-KIND:group")).group


def test_uid_and_version_of_a_rendered_card_can_be_replaced():
    text = render(None, {"name": "A"}, ServerLines("u" * 200, 17, "1")).text
    expected = render(None, {"name": "A"}, ServerLines("short", 18, "1")).text
    assert with_version(with_uid(text, "short"), 18) == expected


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_missing_uid_and_fn_are_added_and_all_else_stays(end):
    text = end.join(
        ["junk", "begin:vcard", "", "N:Brigandi;Nick;;;", "version:3.0", "X-ODD; a:\tb", "", "END:VCARD", "tail"]
    )
    before, after = text.split("X-ODD")
    assert with_identity(text, uid="u,1") == f"{before}UID:u,1{end}FN:Nick Brigandi{end}X-ODD{after}"
    assert with_identity(text, uid="u", fn="Given") == f"{before}UID:u{end}FN:Given{end}X-ODD{after}"
    complete = card("UID:1", "FN:A")
    assert with_identity(complete, uid="2", fn="B") is complete
    assert with_identity("BEGIN:VCARD\nORG:Contoso\nEND:VCARD") == "BEGIN:VCARD\nFN:Contoso\nORG:Contoso\nEND:VCARD"
    assert fn_of(with_identity(card("X-A:b"))) == "Unnamed"


def test_the_field_table_fits_a_row_of_mariadb_and_documents_itself():
    assert sum(field.length or 0 for field in FIELDS) < 16_000
    assert len(BY_NAME) == len(FIELDS)
    assert markdown_table().count("\n") == len(FIELDS) + 2
    assert {field.removal for field in FIELDS if field.direction == "out"} == {"keep"}
