# SPDX-License-Identifier: GPL-3.0-or-later
"""Many clients at once, on a server of two workers: one wins each round, nobody gets a 5xx (FACTS.md, H9 and H18)."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from tests.dav import card, replaced
from tests.http.company import PASSWORD, Office

ROUNDS = 20
CLIENTS = 6


@pytest.mark.parametrize("kind", ["business", "plain"])
def test_of_racing_edits_with_one_if_match_exactly_one_wins(office: Office, nick, kind):
    phone = office.phone("alice")
    if kind == "plain":
        href = "racing.vcf"
        phone.put(href, card("uid-racing", "Racing", "TITLE:Buyer"))
    else:
        href, _, _ = phone.business_card(nick)
    titles = set()
    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as pool:
        clients = [stack.enter_context(closing(office.server.client("alice", PASSWORD))) for _ in range(CLIENTS)]
        title = "Buyer"
        for number in range(ROUNDS):
            got = phone.get(href)
            etag = got.headers["ETag"]

            def edit(each: int, number=number, text=got.text, etag=etag, title=title):
                sent = replaced(text, f"TITLE:{title}\r\n", f"TITLE:{number}-{each}\r\n").encode()
                return clients[each].put(phone.folder + href, content=sent, headers={"If-Match": etag}).status_code

            statuses = list(pool.map(edit, range(CLIENTS)))
            assert sorted(statuses) == [204] + [412] * (CLIENTS - 1)
            title = f"{number}-{statuses.index(204)}"
            titles.add(title)
            assert f"TITLE:{title}\r\n" in phone.get(href).text
    if kind == "business":
        assert office.company.row(nick)["job_title"] == title
        known = [each["changes"].get("job_title", ["", ""])[1] for each in office.company.history(nick)]
        assert len([each for each in known if each in titles]) == ROUNDS


def test_racing_edits_of_different_fields_without_if_match_are_all_there(office: Office, nick):
    """C6a"""
    phone = office.phone("alice")
    href, _, text = phone.business_card(nick)
    edits = [
        ("Buyer", "Boss"),
        ("+1 425 555 0100", "1"),
        ("+1 425 555 0101", "2"),
        ("Redmond", "Kirkland"),
        ("Andrea", "Zoe"),
    ]
    with ThreadPoolExecutor(len(edits)) as pool, ExitStack() as stack:
        clients = [stack.enter_context(closing(office.server.client("alice", PASSWORD))) for _ in edits]

        def edit(number: int):
            return clients[number].put(phone.folder + href, content=replaced(text, *edits[number]).encode()).status_code

        assert set(pool.map(edit, range(len(edits)))) == {204}
    row = office.company.row(nick)
    names = ("job_title", "business_phone", "mobile_phone", "business_city", "spouse")
    assert [row[name] for name in names] == ["Boss", "1", "2", "Kirkland", "Zoe"]


def test_racing_creates_deletes_and_syncs_leave_every_replica_right(office: Office, nick):
    """C15: one state in one answer, whoever writes meanwhile"""
    names = [f"racer{number}" for number in range(4)]
    with ThreadPoolExecutor(6) as pool, ExitStack() as stack:
        watcher = office.phone("alice")
        clients = [stack.enter_context(closing(office.server.client("alice", PASSWORD))) for _ in names]

        def write(number: int):
            seen = []
            path = watcher.folder + names[number]
            for round_ in range(8):
                text = card(f"uid-{names[number]}-{round_}", "Racer").encode()
                seen.append(clients[number].put(f"{path}-{round_}.vcf", content=text).status_code)
                if round_ % 2:
                    seen.append(clients[number].delete(f"{path}-{round_}.vcf").status_code)
                office.company.set(nick, job_title=f"{number}-{round_}")
            return seen

        written = [pool.submit(write, number) for number in range(len(names))]
        while not all(each.done() for each in written):
            watcher.sync()
        statuses = {status for each in written for status in each.result()}
    assert statuses == {201, 200}
    watcher.sync()
    assert watcher.cards == office.phone("alice").cards
    mine = {href for href in watcher.cards if href.startswith("racer")}
    assert mine == {f"{name}-{number}.vcf" for name in names for number in range(0, 8, 2)}
    for href in mine:
        watcher.delete(href)


def test_racing_creates_of_one_href_and_of_one_uid_make_one_card(office: Office):
    phone = office.phone("alice")
    with ThreadPoolExecutor(CLIENTS) as pool, ExitStack() as stack:
        clients = [stack.enter_context(closing(office.server.client("alice", PASSWORD))) for _ in range(CLIENTS)]
        for number in range(5):

            def create(each: int, number=number):
                href = f"one-{number}.vcf" if number % 2 else f"one-{number}-{each}.vcf"
                text = card(f"uid-one-{number}", "One").encode()
                answer = clients[each].put(phone.folder + href, content=text, headers={"If-None-Match": "*"})
                return answer.status_code

            statuses = sorted(pool.map(create, range(CLIENTS)))
            assert statuses == [201] + [412 if number % 2 else 409] * (CLIENTS - 1)
            (href,) = phone.sync()[0]
            phone.delete(href)
            phone.sync()
