# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501 - requests and cards are easier to read on one line
"""SPEC section 3, C10, C11, C13, C19: contacts that clients create themselves."""

import itertools

import pytest

from tests.dav import Phone, card, line, replaced
from tests.http.company import Office
from tests.http.conftest import EVERY_ENGINE
from tests.http.test_deleting import private

pytestmark = EVERY_ENGINE

_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A name that no other card of these tests has."""
    return f"Plain{next(_numbers)}"


@pytest.fixture
def phone(office: Office) -> Phone:
    """Alice's phone."""
    return office.phone("alice")


ODD_CARDS = {
    "vCard 3.0": lambda uid: card(
        uid, "Андреа 🦄", "TEL;TYPE=CELL:+49 151", "item1.URL:https\\://x.example", "item1.X-ABLabel:_$!<HomePage>!$_"
    ),
    "vCard 4.0 of Thunderbird": lambda uid: card(
        uid, "Four", "EMAIL;PREF=1:four@example.com", "PHOTO:data:image/png;base64,iVBORw0KGgo=", version="4.0"
    ),
    "vCard 2.1": lambda uid: (
        f"BEGIN:VCARD\r\nVERSION:2.1\r\nUID:{uid}\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Gr=C3=BCn;Max\r\n"
        "FN;QUOTED-PRINTABLE:Max=\r\n Green\r\nTEL;HOME;VOICE:1\r\nEND:VCARD\r\n"
    ),
    "LF line ends": lambda uid: card(uid, "Line feed", "NOTE:a\\nb").replace("\r\n", "\n"),
    "folded in odd places": lambda uid: card(uid, "Folded", "NOTE:so\r\n  me\r\n\t text", "X-LONG:" + "é" * 200),
    "commas and semicolons": lambda uid: card(
        uid, "Odd", "NICKNAME:Joe,Joey", "ORG:Acme, Inc.;X;", "URL:https://x/?a;b,c"
    ),
    "blank lines around": lambda uid: "\r\n" + card(uid, "Blank") + "\r\n",
    "byte order mark": lambda uid: "\ufeff" + card(uid, "Marked"),
    "bad base64": lambda uid: card(uid, "Photo", "PHOTO;ENCODING=b;TYPE=JPEG:!!!not base64!!!"),
    "a group": lambda uid: card(
        uid, "Group", "X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:x"
    ),
    "unknown properties": lambda uid: card(uid, "X", "X_UNDER:1", "a.b.X-TWO:2", 'X-P;Q="a:b;c",d:e'),
    "lower case": lambda uid: (
        card(uid, "Lower").replace("BEGIN:VCARD", "begin:vcard").replace("END:VCARD", "end:vcard")
    ),
    "no line end at the end": lambda uid: card(uid, "End").rstrip("\r\n"),
    "long UID": lambda uid: card(f"{uid}-" + "u" * 400, "Long"),
}


@pytest.mark.parametrize("make", ODD_CARDS.values(), ids=ODD_CARDS)
def test_a_new_contact_is_kept_byte_for_byte_and_the_etag_keeps_its_promise(office: Office, phone, name, make):
    """C10 and RFC 6352 section 6.3.2.3"""
    sent = make(f"uid-{name}")
    href = f"{name}.vcf"
    answer = phone.put(href, sent, new=True)
    assert answer.status_code == 201
    got = phone.get(href)
    assert got.content == sent.encode()
    assert got.headers["ETag"] == answer.headers["ETag"]
    assert phone.sync() == ({href}, set())
    assert phone.cards[href][0] == answer.headers["ETag"]
    assert phone.cards[href][1].replace("\r\n", "\n").strip() == sent.replace("\r\n", "\n").strip()
    assert phone.put(href, sent + "\r\n", etag=answer.headers["ETag"]).status_code == 204


def test_a_new_contact_is_no_record(office: Office, phone, name):
    """C10: plain until somebody promotes it"""
    before = office.company.sql("SELECT count(*) AS n FROM contact")
    phone.put(f"{name}.vcf", card(f"uid-{name}", name), new=True)
    assert office.company.sql("SELECT count(*) AS n FROM contact") == before
    assert not [each for each in office.company.run("contact", "list") if each.get("name") == name]
    bob = office.phone("bob")
    assert f"{name}.vcf" not in bob.cards


def test_a_forged_marker_on_a_plain_contact_is_just_text(office: Office, phone, name):
    sent = card(
        f"uid-{name}", name, "X-BCM-KIND:business-contact", "X-BCM-ID:1", "X-BCM-VERSION:1", "CATEGORIES:Business"
    )
    before = office.company.sql("SELECT * FROM contact ORDER BY id")
    assert phone.put(f"{name}.vcf", sent, new=True).status_code == 201
    assert phone.get(f"{name}.vcf").text == sent
    assert phone.put(f"{name}.vcf", replaced(sent, "X-BCM-VERSION:1", "X-BCM-VERSION:2")).status_code == 204
    assert phone.delete(f"{name}.vcf").status_code in (200, 204)
    assert office.company.sql("SELECT * FROM contact ORDER BY id") == before


@pytest.mark.parametrize("missing", ["UID", "FN", "N", "VERSION"])
def test_a_contact_without_a_required_property_is_accepted_and_gets_one(phone, name, missing):
    """C10, RFC 6352 section 5.1: UID; RFC 2426: FN"""
    href = f"{name}.vcf"
    sent = "".join(
        each + "\r\n" for each in card(f"uid-{name}", name).split("\r\n")[:-1] if not each.startswith(missing + ":")
    )
    answer = phone.put(href, sent, new=True)
    assert answer.status_code == 201
    got = phone.get(href)
    if missing in ("UID", "FN"):
        assert "ETag" not in answer.headers
        assert line(got.text, missing)
    phone.sync()
    assert phone.cards[href] == (got.headers["ETag"], got.text)
    # The same again, and an edit that still has none: no duplicate, the same UID.
    uid, count = line(got.text, "UID"), len(phone.cards)
    assert phone.put(href, sent).status_code == 204
    edited = replaced(sent, "END:VCARD", "NOTE:edited\r\nEND:VCARD")
    assert phone.put(href, edited, etag=phone.get(href).headers["ETag"]).status_code == 204
    phone.sync()
    assert (line(phone.cards[href][1], "UID"), line(phone.cards[href][1], "NOTE"), len(phone.cards)) == (
        uid,
        "edited",
        count,
    )


@pytest.mark.parametrize(
    "sent",
    ["", "nonsense", "BEGIN:VCARD\r\n", "BEGIN:VCARD\r\nEND:VCARD\r\n", "END:VCARD\r\n", "\x00\x01\x02"],
    ids=["empty", "nonsense", "no end", "nothing in it", "no begin", "binary"],
)
def test_a_card_that_cannot_be_read_is_refused_alone_with_reason_and_precondition(phone, name, sent):
    """C10, RFC 6352 section 6.3.2.1"""
    phone.put(f"{name}.vcf", card(f"uid-{name}", name))
    phone.sync()
    answer = phone.put(f"{name}-2.vcf", sent)
    assert answer.status_code == 403
    assert "valid-address-data" in answer.text
    assert phone.put(f"{name}.vcf", sent).status_code == 403
    assert phone.sync() == (set(), set())
    assert phone.get(f"{name}-2.vcf").status_code == 404


def test_two_cards_in_one_put_are_refused(phone, name):
    answer = phone.put(f"{name}.vcf", card(f"uid-{name}-1", name) + card(f"uid-{name}-2", name))
    assert 400 <= answer.status_code < 500
    assert phone.sync() == (set(), set())


def test_a_calendar_is_refused_in_an_address_book(phone, name):
    text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\nUID:1\r\nSUMMARY:x\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
    assert 400 <= phone.put(f"{name}.vcf", text).status_code < 500
    assert phone.sync() == (set(), set())


def test_two_different_contacts_with_one_uid_are_a_conflict(phone, name):
    """C10, RFC 6352 section 6.3.2.1"""
    phone.put(f"{name}.vcf", card(f"uid-{name}", name), new=True)
    answer = phone.put(f"{name}-2.vcf", card(f"uid-{name}", "Another"), new=True)
    assert answer.status_code == 409
    assert "no-uid-conflict" in answer.text
    phone.sync()
    assert f"{name}-2.vcf" not in phone.cards


def test_one_uid_in_two_folders_is_no_conflict(office: Office, phone, name):
    target = private(office, "alice")
    phone.put(f"{name}.vcf", card(f"uid-{name}", name), new=True)
    answer = phone.client.put(f"{target}{name}.vcf", content=card(f"uid-{name}", name).encode())
    assert answer.status_code == 201


# ---------------------------------------------------------------- C11


def test_a_plain_contact_is_edited_and_deleted_with_preconditions(phone, name):
    """C11"""
    href = f"{name}.vcf"
    first = phone.put(href, card(f"uid-{name}", name), new=True).headers["ETag"]
    second = phone.put(href, card(f"uid-{name}", name, "NOTE:2"), etag=first)
    assert (second.status_code, bool(second.headers["ETag"])) == (204, True)
    assert phone.put(href, card(f"uid-{name}", name, "NOTE:3"), etag=first).status_code == 412
    assert phone.delete(href, etag=first).status_code == 412
    assert line(phone.get(href).text, "NOTE") == "2"
    phone.sync()
    assert phone.delete(href, etag=second.headers["ETag"]).status_code in (200, 204)
    assert phone.delete(href).status_code == 404
    assert phone.put(href, card(f"uid-{name}", name), etag=first).status_code == 412
    assert phone.sync() == (set(), {href})
    assert phone.sync() == (set(), set())


def test_a_deleted_plain_contact_can_be_restored_as_it_was(office: Office, phone, name):
    """C11"""
    href, sent = f"{name}.vcf", card(f"uid-{name}", name, "X-MINE;A=b:c")
    phone.put(href, sent, new=True)
    phone.sync()
    phone.delete(href)
    phone.sync()
    (found,) = (each for each in office.company.run("deleted", "list") if each["name"] == name)
    assert found["deleted_by"] == "alice"
    office.company.run("deleted", "restore", found["id"])
    assert phone.sync() == ({href}, set())
    assert phone.get(href).text == sent
    assert not [each for each in office.company.run("deleted", "list") if each["name"] == name]


def test_a_contact_that_came_and_went_between_two_syncs_leaves_no_trace(office: Office, phone, name):
    """C15"""
    other = office.phone("alice", agent="tablet")
    other.put(f"{name}.vcf", card(f"uid-{name}", name), new=True)
    other.delete(f"{name}.vcf")
    changed, removed = phone.sync()
    assert not changed
    assert removed <= {f"{name}.vcf"}
    other.put(f"{name}.vcf", card(f"uid-{name}", name), new=True)
    assert phone.sync() == ({f"{name}.vcf"}, set())


# ---------------------------------------------------------------- C13


def test_a_plain_contact_that_is_moved_into_the_sync_folder_stays_plain(office: Office, phone, name):
    """C13"""
    private(office, "alice")
    other = office.phone("alice", "Private")
    sent = card(f"uid-{name}", name, "X-MINE:1")
    other.put(f"{name}.vcf", sent, new=True)
    other.sync()
    before = office.company.sql("SELECT count(*) AS n FROM contact")
    assert other.move(f"{name}.vcf", f"{phone.folder}{name}-moved.vcf").status_code == 201
    assert phone.sync() == ({f"{name}-moved.vcf"}, set())
    assert other.sync() == (set(), {f"{name}.vcf"})
    assert phone.get(f"{name}-moved.vcf").text == sent
    assert office.company.sql("SELECT count(*) AS n FROM contact") == before


def test_a_plain_contact_can_be_renamed_within_the_sync_folder(phone, name):
    phone.put(f"{name}.vcf", card(f"uid-{name}", name), new=True)
    phone.sync()
    assert phone.move(f"{name}.vcf", f"{phone.folder}{name}-2.vcf").status_code == 201
    assert phone.sync() == ({f"{name}-2.vcf"}, {f"{name}.vcf"})


# ---------------------------------------------------------------- C19


def test_a_create_that_comes_twice_is_one_contact(phone, name):
    """C19: the first answer was lost. RFC 9110 section 13.1.2 leaves only 412; the client then finds its card"""
    href, sent = f"{name}.vcf", card(f"uid-{name}", name)
    first = phone.put(href, sent, new=True)
    for _ in range(2):
        assert phone.put(href, sent, new=True).status_code == 412
    assert phone.get(href).headers["ETag"] == first.headers["ETag"]
    assert phone.sync() == ({href}, set())
    assert phone.cards[href] == (first.headers["ETag"], sent)


def test_a_create_without_precondition_that_comes_twice_is_one_contact(phone, name):
    """C19: SyncEvolution, Nextcloud's library"""
    href, sent = f"{name}.vcf", card(f"uid-{name}", name)
    first = phone.put(href, sent)
    phone.sync()
    second = phone.put(href, sent)
    assert (first.status_code, second.status_code) == (201, 204)
    assert first.headers["ETag"] == second.headers["ETag"]
    assert phone.sync() == (set(), set())


def test_an_edit_of_a_plain_contact_that_comes_twice_is_done(phone, name):
    """C19, RFC 9110 section 13.1.1: the state that is asked for is there already"""
    href = f"{name}.vcf"
    old = phone.put(href, card(f"uid-{name}", name)).headers["ETag"]
    sent = card(f"uid-{name}", name, "NOTE:edited")
    first = phone.put(href, sent, etag=old)
    second = phone.put(href, sent, etag=old)
    assert (first.status_code, second.status_code) == (204, 204)
    assert first.headers["ETag"] == second.headers["ETag"]
    assert phone.put(href, card(f"uid-{name}", name, "NOTE:other"), etag=old).status_code == 412


def test_a_retry_under_a_new_name_makes_no_duplicate(phone, name):
    """C19: a client that makes up a new href for each attempt"""
    phone.put(f"{name}-1.vcf", card(f"uid-{name}", name), new=True)
    for number in range(2, 5):
        assert phone.put(f"{name}-{number}.vcf", card(f"uid-{name}", name), new=True).status_code == 409
    assert phone.sync() == ({f"{name}-1.vcf"}, set())


def test_the_hrefs_that_clients_choose_are_kept(phone, name):
    """C10"""
    for href in (
        f"{name} with blanks.vcf",
        f"{name}-ü-名.vcf",
        f"{name}.VCF",
        name,
        f"{name}+&=;@!$().vcf",
        f"{name}%25.vcf",
    ):
        sent = card(f"uid-{href}", name)
        assert phone.put(href, sent, new=True).status_code == 201, href
        assert phone.sync() == ({href}, set())
        assert phone.get(href).text == sent
        assert phone.delete(href).status_code in (200, 204)
        assert phone.sync() == (set(), {href})


def test_a_line_that_is_folded_inside_a_character_is_still_utf_8(phone, name):
    """RFC 2426 2.6 counts octets, and some programs fold there: Zoë must not become ZoÃ«"""
    whole = card(f"uid-{name}", name, "NICKNAME:Zoë", "NOTE:5 €").encode()
    plain = {"Content-Type": "text/vcard"}
    torn = whole.replace("ë".encode(), b"\xc3\r\n \xab").replace("€".encode(), b"\xe2\x82\r\n \xac")
    assert phone.client.put(phone.folder + f"{name}.vcf", content=torn, headers=plain).status_code == 201
    kept = phone.get(f"{name}.vcf").text.replace("\r\n ", "")
    assert "NICKNAME:Zoë\r\n" in kept
    assert "NOTE:5 €\r\n" in kept
    latin = card(f"uid-{name}", name, "NICKNAME:Zoë").encode("latin-1")
    assert phone.client.put(phone.folder + f"{name}.vcf", content=latin, headers=plain).status_code == 204
    assert "NICKNAME:Zoë\r\n" in phone.get(f"{name}.vcf").text


def test_two_cards_at_one_address_are_refused_with_the_reason(phone, name):
    """C10, RFC 6352 5.1"""
    answer = phone.put(f"{name}.vcf", card(f"uid-{name}", name) + card(f"uid-{name}-2", name))
    assert answer.status_code == 403
    assert "valid-address-data" in answer.text
    assert "2 cards" in answer.text
    assert phone.get(f"{name}.vcf").status_code == 404
