# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 3: what a client sees of business cards and what its edits do (C1 to C5, C7, C18)."""

import base64
import random

import pytest

from tests.dav import card, line, replaced, without
from tests.http.company import Office
from tests.http.conftest import EVERY_ENGINE

pytestmark = EVERY_ENGINE

BUSINESS_PHONE = "+1 425 555 0100"
KEPT_BY_THE_DATABASE = ("version", "modified_at")


def row_without(row, *names):
    return {name: value for name, value in row.items() if name not in (*KEPT_BY_THE_DATABASE, *names)}


def test_a_business_card_carries_the_marker_and_the_category(office: Office, nick):
    """C1"""
    _, _, text = office.phone("alice").business_card(nick)
    assert line(text, "X-BCM-KIND") == "business-contact"
    assert set(line(text, "CATEGORIES").split(",")) == {"Customer", "Business"}
    assert line(text, "VERSION") == "3.0"
    assert line(text, "UID") == office.company.row(nick)["uid"]


def test_every_persons_folder_has_the_card(office: Office, nick):
    """C1"""
    for person in ("alice", "bob", "carol", "dave", "erin", "frank"):
        assert office.phone(person).shows(nick), person


def test_business_fields_are_not_shown_unless_asked_for(office: Office, nick):
    """SPEC section 8"""
    _, _, text = office.phone("alice").business_card(nick)
    assert "Trade fair" not in text


# ---------------------------------------------------------------- C2


def test_an_edit_of_one_field_writes_that_column_and_no_other(office: Office, nick):
    """C2, with values that no phone would keep: very long ones, blanks at the ends, a date that is none."""
    long_note = "".join(random.Random(1).choice("äöü xyz\n") for _ in range(60_000)) + "."
    office.company.set(nick, note=long_note, department="  R&D;  ", business_region="a,b;c\\d", home_phone="tel:1")
    office.company.set(nick, manager="Zoë\t𝒬", anniversary="17.5.2010", company=" Contoso , Ltd. ")
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    before = office.company.row(nick)
    assert phone.put(href, replaced(text, BUSINESS_PHONE, "+1 425 555 0199"), etag=etag).status_code == 204
    after = office.company.row(nick)
    assert after["business_phone"] == "+1 425 555 0199"
    assert row_without(before, "business_phone") == row_without(after, "business_phone")
    assert before["version"] != after["version"]


def test_the_record_and_its_history_are_written_when_the_answer_comes(office: Office, nick):
    """C2 and section 10, 1"""
    phone = office.phone("bob", agent="Bob's phone")
    href, etag, text = phone.business_card(nick)
    phone.put(href, replaced(text, "Buyer", "Head buyer"), etag=etag)
    assert office.company.row(nick)["job_title"] == "Head buyer"
    latest = office.company.history(nick)[0]
    assert latest["changes"] == {"job_title": ["Buyer", "Head buyer"]}
    assert (latest["actor"], latest["client"], latest["source"]) == ("bob", "Bob's phone", "dav")


def test_an_edit_reaches_everybody_elses_phone(office: Office, nick):
    alice, bob = office.phone("alice"), office.phone("bob")
    href, etag, text = alice.business_card(nick)
    alice.put(href, replaced(text, "Redmond", "Kirkland"), etag=etag)
    changed, removed = bob.sync()
    assert (changed, removed) == ({href}, set())
    assert ";Kirkland;" in bob.cards[href][1]


def test_a_field_that_a_person_removes_is_emptied(office: Office, nick):
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    phone.put(href, without(text, "NOTE", "TITLE"), etag=etag)
    row = office.company.row(nick)
    assert (row["note"], row["job_title"]) == (None, None)
    phone.sync()
    assert line(phone.cards[href][1], "NOTE") is None


def test_a_card_sent_back_as_it_was_changes_no_record_and_writes_no_history(office: Office, nick):
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    before, history = office.company.row(nick), office.company.history(nick)
    assert phone.put(href, text, etag=etag).status_code == 204
    assert office.company.row(nick) == before
    assert office.company.history(nick) == history


def test_an_edit_in_version_4_is_understood_and_served_as_3(office: Office, nick):
    """C2 and section 3: 4.0 comes in"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    sent = replaced(text, "VERSION:3.0", "VERSION:4.0", "EMAIL;TYPE=internet,pref:", "EMAIL;PREF=1:")
    sent = replaced(
        sent, f"TEL;TYPE=work,voice:{BUSINESS_PHONE}", 'TEL;VALUE=uri;TYPE="work,voice":tel:+1-425-555-0142'
    )
    before = office.company.row(nick)
    assert phone.put(href, sent, etag=etag).status_code == 204
    after = office.company.row(nick)
    assert after["business_phone"] == "+1-425-555-0142"
    assert row_without(before, "business_phone") == row_without(after, "business_phone")
    phone.sync()
    assert line(phone.cards[href][1], "VERSION") == "3.0"


# ---------------------------------------------------------------- C3

PHOTO = base64.b64encode(bytes(range(256)) * 40).decode()
UNMAPPED = (
    f"PHOTO;ENCODING=b;TYPE=JPEG:{PHOTO}",
    "item7.TEL;TYPE=cell;X-ROAMING=yes:+49 151 000",
    "item7.X-ABLabel:Holiday",
    "X-SOCIALPROFILE;TYPE=mastodon;X-USER=nick:https://social.example/@nick",
    "EMAIL;TYPE=home:two@example.com",
    "EMAIL;TYPE=home:three@example.com",
    "EMAIL;TYPE=other;X-MINE=4:four@example.com",
    'X-ODD-ONE;A=b;C="d;e":Joe,Joey\\;x',
    "KEY:https://example.com/key.asc",
)


def test_what_no_column_holds_comes_back_and_survives_edits_from_the_database_side(office: Office, nick):
    """C3"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    sent = replaced(text, "END:VCARD", "\r\n".join([*UNMAPPED, "END:VCARD"]))
    assert phone.put(href, sent, etag=etag).status_code == 204

    def kept():
        got = phone.get(href).text.replace("\r\n ", "").split("\r\n")
        return [each for each in UNMAPPED if each not in got]

    assert not kept()
    office.company.set(nick, job_title="Changed by SQL")
    office.company.run("contact", "edit", nick, "business_city=Bothell", "email=new@example.com")
    phone.sync()
    assert line(phone.cards[href][1], "TITLE") == "Changed by SQL"
    assert not kept()
    other = office.phone("bob", agent="DAVx5/4.4")
    _, etag, text = other.business_card(nick)
    assert other.put(href, replaced(text, "Bothell", "Seattle"), etag=etag).status_code == 204
    assert not kept()


def test_what_the_last_client_did_not_send_back_but_cannot_show_is_kept(office: Office, nick):
    """C3 and C5: a client that drops everything it does not know (iOS is taken to)"""
    alice = office.phone("alice")
    href, etag, text = alice.business_card(nick)
    sent = replaced(text, "END:VCARD", "X-ODD-ONE;A=b:Joe\r\nKEY:https://example.com/key.asc\r\nEND:VCARD")
    alice.put(href, sent, etag=etag)
    bob = office.phone("bob")
    _, etag, text = bob.business_card(nick)
    dropped = without(text, "X-", "KEY", "CATEGORIES", "REV")
    assert bob.put(href, replaced(dropped, "Redmond", "Kirkland"), etag=etag).status_code == 204
    alice.sync()
    assert line(alice.cards[href][1], "X-ODD-ONE") == "Joe"
    assert line(alice.cards[href][1], "KEY") == "https://example.com/key.asc"
    assert office.company.row(nick)["business_city"] == "Kirkland"


# ---------------------------------------------------------------- C4


FORGED = {
    "without the marker": lambda text: without(text, "X-BCM-KIND", "X-BCM-ID"),
    "without any X- line and categories": lambda text: without(text, "X-", "CATEGORIES"),
    "with another marker": lambda text: replaced(text, "X-BCM-KIND:business-contact", "X-BCM-KIND:account"),
    "with another id": lambda text: text.replace("X-BCM-ID:", "X-BCM-ID:9"),
    "with another UID": lambda text: replaced(text, "\r\nUID:", "\r\nUID:forged-"),
    "without a UID": lambda text: without(text, "UID"),
    "without the set-up's category": lambda text: text.replace("CATEGORIES:Customer,Business", "CATEGORIES:Customer"),
    "with another REV and PRODID": lambda text: replaced(text, "\r\nREV:", "\r\nPRODID:x\r\nREV:19"),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_marker_category_uid_and_href_belong_to_the_server(office: Office, nick, forge):
    """C4, and C18: the client ends up with the server's version after its next sync"""
    phone = office.phone("alice", agent="evolution-data-server/3.46")
    href, etag, text = phone.business_card(nick)
    before = office.company.row(nick)
    count = len(phone.cards)
    answer = phone.put(href, replaced(forge(text), "Buyer", "Boss"), etag=etag)
    assert answer.status_code == 204, answer.text
    after = office.company.row(nick)
    assert after["job_title"] == "Boss"
    dropped = ("job_title", "category") if "CATEGORIES" not in forge(text) else ("job_title",)
    assert row_without(before, *dropped) == row_without(after, *dropped)
    changed, removed = phone.sync()
    assert (changed, removed, len(phone.cards)) == ({href}, set(), count)
    served = phone.cards[href][1]
    for name in ("UID", "X-BCM-KIND", "X-BCM-ID"):
        assert line(served, name) == line(text, name)
    assert "Business" in line(served, "CATEGORIES")


def test_a_category_that_a_person_puts_on_a_business_card_is_the_records(office: Office, nick):
    """SPEC section 12"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    phone.put(href, replaced(text, "CATEGORIES:Customer,Business", "CATEGORIES:Customer,Business,VIP"), etag=etag)
    assert set(office.company.row(nick)["category"].split(",")) == {"Customer", "VIP"}


def test_a_record_that_has_the_set_ups_category_itself_takes_another_one(office: Office, nick):
    """The card shows the name once, whoever gave it: an added category is no conflict with it."""
    office.company.run("contact", "edit", nick, "category=Business,Customer")
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    phone.put(href, replaced(text, "CATEGORIES:Business,Customer", "CATEGORIES:Business,VIP"), etag=etag)
    assert set(office.company.row(nick)["category"].split(",")) == {"Business", "VIP"}
    phone.sync()
    assert phone.cards[href][1].count("Business") == 1


# ---------------------------------------------------------------- C5


def test_a_card_without_a_property_that_few_clients_show_leaves_the_column(office: Office, nick):
    """C5, removal policy `keep`"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    label = next(each.partition(".")[0] for each in text.split("\r\n") if each.endswith(":Andrea"))
    phone.put(href, replaced(without(text, label), "Buyer", "Boss"), etag=etag)
    assert office.company.row(nick)["spouse"] == "Andrea"
    phone.sync()
    assert ":Andrea" in phone.cards[href][1]


@pytest.mark.parametrize(("agent", "left"), [("DAVx5/4.4.6 (Android)", "Customer"), ("Evolution/3.46.4", None)])
def test_categories_are_kept_for_clients_that_drop_them_and_cleared_for_others(office: Office, nick, agent, left):
    """C5, client families"""
    phone = office.phone("alice", agent=agent)
    href, etag, text = phone.business_card(nick)
    assert phone.put(href, replaced(without(text, "CATEGORIES"), "Buyer", "Boss"), etag=etag).status_code == 204
    assert office.company.row(nick)["category"] == left


# ---------------------------------------------------------------- C7


@pytest.mark.parametrize(
    ("old", "bad", "column"),
    [
        ("\r\nTITLE:Buyer", "\r\nTITLE:" + "x" * 300, "job_title"),
        ("\r\nBDAY:1980-05-17", "\r\nBDAY:someday", "birthday"),
        ("\r\nBDAY:1980-05-17", "\r\nBDAY:1980-02-31", "birthday"),
        ("\r\nBDAY:1980-05-17", "\r\nBDAY;VALUE=text:about 1980", "birthday"),
        (BUSINESS_PHONE, "1" * 65, "business_phone"),
        ("Redmond", "R" * 129, "business_city"),
    ],
    ids=["text too long", "no date", "no day", "date as text", "number too long", "city too long"],
)
def test_a_value_that_does_not_fit_stays_in_the_card_and_all_others_are_written(office: Office, nick, old, bad, column):
    """C7"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    before = office.company.row(nick)
    answer = phone.put(href, replaced(text, old, bad, "+1 425 555 0101", "+1 425 555 0111"), etag=etag)
    assert answer.status_code == 204
    after = office.company.row(nick)
    assert after["mobile_phone"] == "+1 425 555 0111"
    assert after[column] == before[column]
    assert row_without(before, "mobile_phone") == row_without(after, "mobile_phone")
    phone.sync()
    assert bad in phone.cards[href][1].replace("\r\n ", "")
    assert column in str(office.company.history(nick)[0]["note"])
    # It survives a change of another field, and gives way to a later change of its own.
    office.company.set(nick, business_region="WA")
    phone.sync()
    assert bad in phone.cards[href][1].replace("\r\n ", "")
    new = "1981-01-01" if column == "birthday" else "123"
    office.company.set(nick, **{column: new})
    phone.sync()
    shown = phone.cards[href][1].replace("\r\n ", "")
    assert bad not in shown
    assert new in shown


def test_a_value_that_did_not_fit_can_be_mended_from_the_phone(office: Office, nick):
    """C7"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    phone.put(href, replaced(text, "Buyer", "x" * 300), etag=etag)
    phone.sync()
    href, etag, text = phone.business_card(nick)
    assert phone.put(href, replaced(text.replace("\r\n ", ""), "x" * 300, "x" * 200), etag=etag).status_code == 204
    assert office.company.row(nick)["job_title"] == "x" * 200


def test_an_edit_that_leaves_no_name_is_no_error_and_loses_nothing(office: Office, nick):
    """C7: never a 5xx"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    answer = phone.put(href, replaced(without(text, "FN", "EMAIL"), line(text, "N"), ";;;;"), etag=etag)
    assert answer.status_code == 204
    phone.sync()
    assert line(phone.cards[href][1], "FN")
    assert office.phone("bob").shows(nick)


# ---------------------------------------------------------------- C18


def test_a_changed_card_is_answered_without_an_etag_and_listed_by_the_next_sync_once(office: Office, nick):
    """C18 and RFC 6352 section 6.3.2.3"""
    phone = office.phone("alice")
    href, etag, text = phone.business_card(nick)
    answer = phone.put(href, replaced(text, "Buyer", "Boss"), etag=etag)
    assert (answer.status_code, answer.headers.get("ETag")) == (204, None)
    assert phone.sync() == ({href}, set())
    assert phone.sync() == (set(), set())
    got = phone.get(href)
    assert (got.headers["ETag"], got.text) == phone.cards[href]
    assert phone.put(href, replaced(got.text, "Boss", "Chief"), etag=got.headers["ETag"]).status_code == 204


def test_a_uid_that_a_business_card_has_cannot_be_used_for_a_second_card(office: Office, nick):
    phone = office.phone("alice")
    _, _, text = phone.business_card(nick)
    answer = phone.put("other.vcf", card(line(text, "UID"), "Nick's double"), new=True)
    assert answer.status_code == 409
    assert "no-uid-conflict" in answer.text
