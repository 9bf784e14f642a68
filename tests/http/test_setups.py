# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker in all its forms over HTTP (SPEC section 3): none enters the database, whatever a client does to it."""

import struct
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from random import Random
from urllib.parse import unquote

import httpx
import pytest

from radicale_bcm.cli.sample_photo import portrait
from radicale_bcm.contacts import marker
from tests.dav import Phone, Server, card, line, without
from tests.http.company import Company, Office

ALL = "property, category, group, link, photo-badge"
MAKE_BOOK = (
    '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
    "<C:addressbook/></resourcetype></prop></set></mkcol>"
)
LIST = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
PUBLIC = "https://contacts.example.com"


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A company that marks in every way, with one contact, alice's folder and bob's read-only one."""
    company = Company(tmp_path_factory.mktemp("marked"))
    company.configure("bcm_marker =", f"bcm_marker = {ALL}")
    company.configure("bcm_public_url =", f"bcm_public_url = {PUBLIC}")
    company.add(given_name="Nick", family_name="Brigandi", email="nick@example.com", note="A note")
    company.hire("alice")
    company.hire("bob", "--access", "business-ro")
    with Server(company.config) as server, closing(Office(company, server)) as opened:
        yield opened


def _group(phone: Phone) -> tuple[str, str, str]:
    return phone.find("X-ADDRESSBOOKSERVER-KIND:group")


def _members(text: str) -> list[str]:
    lines = text.replace("\r\n ", "").split("\r\n")
    apple = [each.partition("MEMBER:urn:uuid:")[2] for each in lines if each.startswith("X-ADDRESSBOOKSERVER-MEMBER:")]
    assert apple == [each.partition(":urn:uuid:")[2] for each in lines if each.startswith("MEMBER:")]
    return apple


def _jpeg(width: int, height: int) -> str:
    """The beginning of a JPEG of this size, as another program would write it."""
    head = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    return b64encode(head + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(200)).decode()


def test_a_business_card_carries_every_marker(marked: Office):
    _, _, text = marked.phone("alice").business_card("1")
    assert line(text, "X-BCM-KIND") == "business-contact"
    assert line(text, "CATEGORIES") == "Business"
    assert line(text, "URL") == f"{PUBLIC}/.web/record/1"
    assert "PHOTO;ENCODING=b;TYPE=PNG;X-BCM-BADGE=1:" in text
    assert b64encode(marker.badge()).decode() in text.replace("\r\n ", "")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: without(text, "X-BCM-", "CATEGORIES", "bcm1.", "PHOTO"), id="drops all"),
        pytest.param(lambda text: text, id="sends all back"),
        pytest.param(
            lambda text: without(text, "PHOTO").replace(
                "END:VCARD", f"PHOTO;ENCODING=b;TYPE=JPEG:{_jpeg(83, 89)}\r\nEND:VCARD"
            ),
            id="writes the badge as JPEG",
        ),
        pytest.param(
            lambda text: without(text, "PHOTO").replace(
                "END:VCARD", f"PHOTO:data:image/png;base64\\,{b64encode(marker.badge()).decode()}\r\nEND:VCARD"
            ),
            id="writes the badge as a data URI",
        ),
        pytest.param(
            lambda text: without(text, "X-BCM-", "bcm1.").replace(
                "END:VCARD", f"X-BCM-KIND:account\r\nX-BCM-ID:99\r\nURL:{PUBLIC}/.web/record/1\r\nEND:VCARD"
            ),
            id="forges",
        ),
    ],
)  # fmt: skip
def test_no_marker_that_a_client_drops_sends_back_or_forges_enters_the_database(marked: Office, change):
    phone = marked.phone("alice")
    href, etag, text = phone.business_card("1")
    before = marked.company.row("1")
    assert phone.put(href, change(text), etag=etag).status_code in (200, 201, 204)
    assert marked.company.row("1") == before
    phone.sync()
    after = phone.business_card("1")[2]
    assert without(after, "X-BCM-VERSION") == without(text, "X-BCM-VERSION")


def test_a_photo_of_a_persons_own_takes_the_place_of_the_badge_and_the_badge_never_takes_its(marked: Office):
    company = marked.company
    own = company.add(given_name="Own", family_name="Photo")
    phone = marked.phone("alice")
    href, etag, text = phone.business_card(own)
    picture = b64encode(portrait(Random(1), long_hair=False)).decode()
    mine = without(text, "PHOTO").replace("END:VCARD", f"PHOTO;ENCODING=b;TYPE=PNG:{picture}\r\nEND:VCARD")
    assert phone.put(href, mine, etag=etag).status_code in (200, 201, 204)
    phone.sync()
    shown = phone.business_card(own)[2].replace("\r\n ", "")
    assert picture in shown
    assert shown.count("PHOTO") == 1
    # A phone that still has the badge sends it back with another edit.
    late = text.replace("END:VCARD", "NOTE:Late\r\nEND:VCARD")
    assert phone.put(href, late).status_code in (200, 201, 204)
    late = without(late, "PHOTO").replace("END:VCARD", f"PHOTO;ENCODING=b;TYPE=JPEG:{_jpeg(83, 89)}\r\nEND:VCARD")
    assert phone.put(href, late).status_code in (200, 201, 204)
    phone.sync()
    assert company.row(own)["note"] == "Late"
    assert picture in phone.business_card(own)[2].replace("\r\n ", "")


def test_a_real_photo_in_a_line_that_kept_our_parameter_is_a_real_photo(marked: Office):
    own = marked.company.add(given_name="Kept", family_name="Parameter")
    phone = marked.phone("alice")
    href, etag, text = phone.business_card(own)
    picture = _jpeg(96, 96)
    photo = f"PHOTO;ENCODING=b;TYPE=JPEG;X-BCM-BADGE=1:{picture}\r\n"
    phone.put(href, without(text, "PHOTO").replace("END:VCARD", f"{photo}END:VCARD"), etag=etag)
    phone.sync()
    assert picture in phone.business_card(own)[2].replace("\r\n ", "")


def test_a_card_that_is_moved_out_of_the_folder_loses_every_marker(marked: Office):
    own = marked.company.add(given_name="Moved", family_name="Out")
    phone = marked.phone("alice")
    href, _, _ = phone.business_card(own)
    client = phone.client
    client.request("MKCOL", "/alice/Private/", content=MAKE_BOOK)
    assert phone.move(href, f"/alice/Private/{href}").status_code in (201, 204)
    text = client.get(f"/alice/Private/{href}").text
    assert "FN:Moved Out" in text
    for trace in ("X-BCM", "PHOTO", "/.web/record", "CATEGORIES:Business"):
        assert trace not in text


def test_the_group_lists_the_business_contacts_and_follows_them(marked: Office):
    """In listings, sync-collection, multiget and GET, in one href and UID, counted neither as plain nor as business."""
    phone = marked.phone("alice")
    href, etag, text = _group(phone)
    business = sorted(line(each, "UID") or "" for _, each in phone.cards.values() if "X-BCM-ID:" in each)
    assert _members(text) == business
    assert line(text, "FN") == "Business"
    got = phone.get(href)
    assert (got.headers["ETag"], got.text) == (etag, text)
    status = marked.company.run("status", "--principal", "alice")[0]
    assert (status["business_cards"], status["plain_contacts"]) == (len(business), 0)
    listed = phone.client.request("PROPFIND", phone.folder, headers={"Depth": "1"}, content=LIST).text
    assert href in listed
    assert etag in listed.replace("&quot;", '"')
    report = (
        '<C:addressbook-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><getetag/>'
        f"<C:address-data/></prop><href>{phone.folder}{href}</href></C:addressbook-multiget>"
    )
    assert "X-ADDRESSBOOKSERVER-MEMBER" in phone.client.request("REPORT", phone.folder, content=report).text
    added = marked.company.add(given_name="New", family_name="Member")
    assert href in phone.sync()[0]
    uid = line(phone.business_card(added)[2], "UID")
    assert _members(_group(phone)[2]) == sorted([*business, uid or ""])
    # An edit of a member leaves the group alone.
    marked.company.set(added, note="Changed")
    changed, removed = phone.sync()
    assert href not in changed | removed
    marked.company.run("contact", "delete", added, "--yes")
    assert href in phone.sync()[0]
    assert _members(_group(phone)[2]) == business
    assert _group(phone)[0] == href


def test_a_client_that_edits_or_deletes_the_group_has_it_again_at_its_next_sync(marked: Office):
    phone = marked.phone("alice")
    href, etag, text = _group(phone)
    before = marked.company.sql("SELECT * FROM contact")
    answer = phone.put(href, without(text, "MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"), etag=etag)
    assert answer.status_code in (200, 201, 204)
    assert "ETag" not in answer.headers
    assert href in phone.sync()[0]
    assert _group(phone)[2] == text
    assert phone.delete(href).status_code in (200, 204)
    assert phone.sync() == ({href}, set())
    assert _group(phone)[2] == text
    assert phone.move(href, f"/alice/Contacts/{'x' + href}").status_code in (403, 409)
    assert href in phone.sync()[0]
    # Another card cannot take its UID, and it is nothing that could be promoted.
    uid = line(text, "UID") or ""
    assert phone.put("other.vcf", card(uid, "Other"), new=True).status_code in (403, 409)
    assert marked.company.sql("SELECT * FROM contact") == before


def test_nobody_writes_to_the_group_of_a_read_only_set_up(marked: Office):
    phone = marked.phone("bob")
    href, etag, text = _group(phone)
    assert phone.put(href, without(text, "MEMBER"), etag=etag).status_code == 403
    assert href in phone.sync()[0]
    assert phone.delete(href).status_code == 403
    assert href in phone.sync()[0]
    assert _group(phone)[2] == text


def test_a_search_finds_the_group_as_any_other_card(marked: Office):
    phone = marked.phone("alice")
    query = (
        '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><getetag/></prop><C:filter>'
        '<C:prop-filter name="X-ADDRESSBOOKSERVER-KIND"><C:text-match>group</C:text-match></C:prop-filter></C:filter>'
        "</C:addressbook-query>"
    )
    found: httpx.Response = phone.client.request("REPORT", phone.folder, headers={"Depth": "1"}, content=query)
    assert found.status_code == 207
    assert found.text.count("<response>") == 1
    assert _group(phone)[0] in unquote(found.text)


def test_markers_that_are_turned_off_leave_with_the_next_sync_and_come_back(tmp_path_factory: pytest.TempPathFactory):
    company = Company(tmp_path_factory.mktemp("turned"))
    company.add(given_name="Nick", family_name="Brigandi")
    company.hire("alice")
    phone = Phone(httpx.Client(), "/alice/Contacts/")
    seen = []
    for markers in ("property", ALL, "category"):
        company.configure("bcm_marker =", f"bcm_marker = {markers}\n#")
        with Server(company.config) as server, server.client("alice", "a-password") as client:
            phone.client = client
            phone.sync()
            texts = [text for _, text in phone.cards.values()]
            groups = [text for text in texts if "KIND:group" in text]
            (business,) = [text for text in texts if text not in groups]
            seen.append((len(groups), "X-BCM-KIND" in business, "PHOTO" in business, "CATEGORIES:Business" in business))
    assert seen == [(0, True, False, True), (1, True, True, True), (0, False, False, True)]


def test_a_folder_that_was_changed_to_goes_on_following_the_database(marked: Office):
    """The audience that one folder leaves can be the one that the other shows."""
    company = marked.company
    company.hire("carol")
    company.run("sync", "set", "--principal", "carol", "--folder", "Second")
    phone = marked.phone("carol", "Second")
    added = company.sql("INSERT INTO contact (given_name) VALUES ('Late') RETURNING id")[0]["id"]
    phone.sync()
    assert phone.shows(str(added))
