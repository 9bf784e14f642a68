# SPDX-License-Identifier: GPL-3.0-or-later
"""SPEC section 5 as a phone sees it: what becomes of a contact that is promoted, and of duplicates that are merged."""

import itertools
import json

import pytest

from tests.dav import card, line, replaced
from tests.http.company import Company, Office, Refused

_numbers = itertools.count(1)


@pytest.fixture
def andrea(office: Office):
    """A contact that alice typed into her phone: href and text."""
    number = next(_numbers)
    href = f"{number}-ANDREA.vcf"
    text = card(
        f"andrea-{number}", f"Andrea Dunker{number}", f"EMAIL:andrea{number}@fabrikam.example", "ORG:Fabrikam;Sales",
        "item1.TEL:+1 425 555 0100", "item1.X-ABLabel:Hotline", "PHOTO;ENCODING=b;TYPE=JPEG:QUJD",
    )  # fmt: skip
    assert office.phone("alice").put(href, text, new=True).status_code == 201
    return href, text


def refusals(office: Office, *args: str):
    with pytest.raises(Refused) as caught:
        office.company.run("promote", *args)
    assert caught.value.status == 1
    return json.loads(caught.value.args[1])["refused"]


def test_a_phone_sees_an_edit_and_no_duplicate(office: Office, andrea):
    phone, bob = office.phone("alice"), office.phone("bob")
    href, text = andrea
    known = set(phone.cards)
    (done,) = office.company.run("promote", f"/alice/Contacts/{href}")["created"]
    assert phone.sync() == ({href}, set())
    assert set(phone.cards) == known
    _, shown = phone.cards[href]
    assert line(shown, "X-BCM-KIND") == "business-contact"
    assert line(shown, "X-BCM-ID") == done["id"]
    assert line(shown, "UID") == line(text, "UID") == done["uid"]
    assert line(shown, "X-ABLabel") == "Hotline"
    assert line(shown, "PHOTO") == "QUJD"
    assert phone.sync() == (set(), set())
    changed, removed = bob.sync()
    assert (len(changed), removed) == (1, set())
    assert bob.shows(done["id"])


def test_a_path_may_stand_as_it_does_in_an_address(office: Office):
    phone = office.phone("alice")
    phone.put("Ärzte 1.vcf", card("doctor-1", "Dr. Ärzte", "EMAIL:dr@doctors.example"), new=True)
    (done,) = office.company.run("promote", "/alice/Contacts/%C3%84rzte%201.vcf")["created"]
    assert done["path"] == "/alice/Contacts/Ärzte 1.vcf"


def test_what_the_phone_writes_then_goes_into_the_record(office: Office, andrea):
    phone = office.phone("alice")
    href, text = andrea
    etag_before = phone.cards[href][0]
    (done,) = office.company.run("promote", f"andrea{href.partition('-')[0]}@fabrikam.example")["created"]
    assert phone.put(href, replaced(text, "Sales", "Service"), etag=etag_before).status_code == 412
    phone.sync()
    etag, shown = phone.cards[href]
    assert phone.put(href, replaced(shown, "Sales", "Service"), etag=etag).status_code == 204
    assert office.company.row(done["id"])["department"] == "Service"
    office.company.set(done["id"], department="Support")
    phone.sync()
    assert line(phone.cards[href][1], "ORG") == "Fabrikam;Support"
    assert phone.delete(href).status_code in (200, 204)
    assert office.company.row(done["id"])["deleted_at"] is not None


def test_an_edit_that_was_written_before_the_promotion_and_comes_without_if_match_is_merged(office: Office, andrea):
    """C6a: Thunderbird's way."""
    phone = office.phone("alice", agent="Thunderbird")
    href, text = andrea
    (done,) = office.company.run("promote", f"/alice/Contacts/{href}")["created"]
    assert phone.put(href, replaced(text, "Fabrikam;Sales", "Fabrikam;Service")).status_code in (201, 204)
    row = office.company.row(done["id"])
    assert (row["department"], row["company"]) == ("Service", "Fabrikam")
    phone.sync()
    assert line(phone.cards[href][1], "X-BCM-ID") == done["id"]


def test_as_an_account_she_leaves_the_folder(office: Office, andrea):
    phone = office.phone("alice")
    href, _ = andrea
    (done,) = office.company.run("promote", f"/alice/Contacts/{href}", "--as", "account")["created"]
    assert done["type"] == "account"
    assert phone.sync() == (set(), {href})
    assert phone.get(href).status_code == 404
    assert done["id"] in [each["id"] for each in office.company.run("contact", "list", "--type", "account")]


def test_copied_both_exist(office: Office, andrea):
    phone = office.phone("alice")
    href, text = andrea
    (done,) = office.company.run("promote", f"/alice/Contacts/{href}", "--copy")["created"]
    changed, removed = phone.sync()
    assert (len(changed), removed) == (1, set())
    assert href not in changed
    assert phone.get(href).text == text.replace("\r\n", "\n") or phone.get(href).content == text.encode()
    assert phone.shows(done["id"])


def test_merged_the_records_card_stays_and_the_contact_is_gone(office: Office, andrea):
    href, _ = andrea
    number = href.partition("-")[0]
    mail = f"ANDREA{number}@fabrikam.example"
    there = office.company.add(given_name="A.", family_name="Dunker", email=mail, company="Contoso")
    phone = office.phone("alice")
    card_href, _, before = phone.business_card(there)
    (done,) = office.company.run("promote", f"/alice/Contacts/{href}")["merged"]
    assert done["id"] == there
    assert phone.sync() == ({card_href}, {href})
    shown = phone.cards[card_href][1]
    assert line(shown, "UID") == line(before, "UID")
    assert line(shown, "ORG") == "Contoso;Sales"
    assert line(shown, "PHOTO") == "QUJD"
    assert office.company.row(there)["other_phone"] == "+1 425 555 0100"


def test_who_lacks_a_name_or_an_address_is_refused_and_the_others_go_on(office: Office, andrea):
    phone = office.phone("alice")
    number = next(_numbers)
    phone.put(f"n{number}.vcf", card(f"n{number}", f"No Mail{number}"), new=True)
    phone.sync()
    href, _ = andrea
    paths = [f"/alice/Contacts/{each}" for each in (f"n{number}.vcf", href)]
    with pytest.raises(Refused) as caught:
        office.company.run("promote", *paths)
    assert caught.value.status == 1
    document = json.loads(caught.value.args[1])
    assert [each["path"] for each in document["created"]] == [paths[1]]
    assert [each["path"] for each in document["refused"]] == [paths[0]]
    assert "e-mail" in document["refused"][0]["reason"]
    assert phone.sync() == ({href}, set())
    assert [each["path"] for each in refusals(office, f"nobody{number}")] == [f"nobody{number}"]
    (forced,) = office.company.run("promote", f"n{number}", "--force")["created"]
    assert forced["name"] == f"No Mail{number}"


def test_a_dry_run_and_a_preview_change_nothing(office: Office, andrea):
    phone = office.phone("alice")
    href, _ = andrea
    assert office.company.run("promote", f"/alice/Contacts/{href}", "--dry-run")["created"]
    preview = office.company.run("promote", f"/alice/Contacts/{href}", "--preview")
    assert [group["company"] for group in preview["groups"]] == ["Fabrikam"]
    assert phone.sync() == (set(), set())


def test_a_merged_away_duplicate_leaves_the_phone(office: Office, andrea):
    href, text = andrea
    office.company.run("promote", f"/alice/Contacts/{href}")
    number = href.partition("-")[0]
    name, mail = line(text, "FN"), line(text, "EMAIL")
    second = office.company.add(name=name.upper(), email=mail, nickname=f"Andy{number}", home_phone="+49 30 123456")
    phone = office.phone("alice")
    gone, _, _ = phone.business_card(second)
    found = office.company.run("duplicates", second)["duplicates"]
    assert [each["second"] for each in found] == [second]
    with pytest.raises(Refused):
        office.company.run("duplicates", second, "--merge")
    (merged,) = office.company.run("duplicates", second, "--merge", "--yes")["merged"]
    assert phone.sync() == ({href}, {gone})
    assert line(phone.cards[href][1], "NICKNAME") == f"Andy{number}"
    assert line(phone.cards[href][1], "PHOTO") == "QUJD"
    assert second in [each["id"] for each in office.company.run("deleted", "list")]
    assert merged["first"] != second


def test_sync_now_brings_new_contacts_in_where_that_is_configured(tmp_path):
    company = Company(tmp_path)
    company.hire("alice")
    cards = card("u1", "Ann Lee", "EMAIL:ann@example.com") + card("u2", "No Mail")
    (tmp_path / "phone.vcf").write_text(cards)
    company.run("import", str(tmp_path / "phone.vcf"), "--to", "/alice/Contacts")
    assert company.run("sync", "now")["added"] == 0
    company.configure("bcm_new_contacts = plain", "bcm_new_contacts = promote")
    assert company.run("sync", "now") == {"added": 1, "changed": 0, "removed": 0, "refused": 0}
    assert [each["email"] for each in company.run("contact", "list")] == ["ann@example.com"]
    (status,) = company.run("status")
    assert (status["business_cards"], status["plain_contacts"]) == (1, 1)
    assert company.run("verify")["differences"] == []
