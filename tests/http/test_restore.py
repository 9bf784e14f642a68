# SPDX-License-Identifier: GPL-3.0-or-later
"""backup and restore while a server runs and phones follow it."""

from pathlib import Path

import pytest

from tests.dav import Server, card, replaced
from tests.http.company import Company, Office, Refused
from tests.http.conftest import make_company


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def office(request, tmp_path: Path):
    company = make_company(request.param, request, tmp_path)
    company.hire("alice")
    with Server(company.config, workers=2) as server:
        office = Office(company, server)
        yield office
        office.close()


def again(phone):
    """What clients do whose token is refused: they ask for everything once."""
    answer = phone.report(phone.token)
    assert answer.status_code == 403
    assert "valid-sync-token" in answer.text
    phone.token = ""
    phone.cards.clear()
    phone.sync()


def test_tokens_of_before_a_restore_are_refused_and_everything_is_as_it_was(office: Office):
    company: Company = office.company
    nick = company.add(given_name="Nick", family_name="Brigandi", mobile_phone="+1 425 555 0101")
    phone = office.phone("alice")
    assert phone.put("p.vcf", card("p", "Plain"), new=True).status_code == 201
    phone.sync()
    before = {href: text for href, (_, text) in phone.cards.items()}
    early = office.phone("alice")
    target = company.folder / "backup.zip"
    made = company.run("backup", str(target))
    assert (made["contacts"], made["items"]) == (1, 1)
    with pytest.raises(Refused):
        company.run("backup", str(target))

    href, etag, text = phone.business_card(nick)
    assert phone.put(href, replaced(text, "0101", "0199"), etag=etag).status_code in (200, 201, 204)
    assert phone.put("late.vcf", card("late", "Late"), new=True).status_code == 201
    late = company.add(given_name="Late", family_name="Comer")
    phone.sync()
    assert len(phone.cards) == 4

    assert company.run("restore", str(target), "--dry-run")["dry_run"]
    with pytest.raises(Refused):
        company.run("restore", str(target))
    done = company.run("restore", str(target), "--yes")
    assert Path(done["replaced"]).exists()
    again(phone)
    again(early)
    for each in (phone, early):
        assert {href: text for href, (_, text) in each.cards.items()} == before
    assert phone.sync() == (set(), set())
    assert company.row(nick)["mobile_phone"] == "+1 425 555 0101"
    assert company.run("verify")["differences"] == []

    # The server goes on without a restart: edits, changes by other programs, new tokens.
    href, etag, text = phone.business_card(nick)
    assert phone.put(href, replaced(text, "0101", "0177"), etag=etag).status_code in (200, 201, 204)
    assert company.row(nick)["mobile_phone"] == "+1 425 555 0177"
    company.set(nick, job_title="Boss")
    changed, removed = early.sync()
    assert (changed, removed) == ({href}, set())
    assert "TITLE:Boss" in early.cards[href][1]

    # And back again to what the restore replaced.
    company.run("restore", done["replaced"], "--yes", "--no-copy")
    again(phone)
    assert phone.shows(late)
    assert "late.vcf" in phone.cards
    assert "0199" in phone.business_card(nick)[2]
    assert company.run("verify")["differences"] == []
