# SPDX-License-Identifier: GPL-3.0-or-later
"""One client cannot hold up the others (FACTS.md: a short line that froze the whole process)."""

import threading
import time
from contextlib import closing

import pytest

from tests.benchmarks.cost import cpu_seconds
from tests.dav import Server, card
from tests.http.company import Office

LINES = {
    "repeated ,= in a parameter": "X-A;B=" + ",=" * 40 + ":c",
    "the same, long": "TEL;TYPE=" + ",=" * 25_000 + ":1",
    "many parameters": "X-A" + ";B=c" * 25_000 + ":d",
    "open quotes": 'X-A;B="' + 'a";' * 12_000 + ":d",
    "many commas": "NICKNAME:" + "a," * 50_000,
    "many semicolons": "ADR:" + ";" * 50_000,
    "many backslashes": "NOTE:" + "\\" * 50_000,
    "many folds": "NOTE:" + "\r\n " * 25_000,
    "quoted-printable": "NOTE;ENCODING=QUOTED-PRINTABLE:" + "=\r\n" * 12_000,
    "many groups": "\r\n".join(f"item{n}.TEL:{n}\r\nitem{n}.X-ABLabel:x" for n in range(5_000)),
    "many e-mail addresses": "\r\n".join(f"EMAIL:{n}@example.com" for n in range(5_000)),
    "many categories": "CATEGORIES:" + ",".join(map(str, range(12_000))),
    "deep nesting": "BEGIN:X\r\n" * 2_000 + "END:X\r\n" * 2_000,
}


@pytest.fixture(scope="module")
def single(office: Office):
    """The same company with one worker, where a frozen process would freeze everybody."""
    with Server(office.company.config, workers=1) as server, closing(Office(office.company, server)) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["plain", "business"])
def test_no_line_that_one_client_sends_holds_up_another(single: Office, kind):
    phone, other = single.phone("alice"), single.phone("bob")
    # How a card is read does not depend on the engine.
    lines = LINES if single.company.database.startswith("sqlite") else dict(list(LINES.items())[:1])
    for name, line in lines.items():
        href, text = "freezing.vcf", card("uid-freezing", "Freezing")
        if kind == "business":
            record = single.company.add(given_name="Freezing", family_name=name)
            phone.sync()
            href, _, text = phone.business_card(record)
        sent = text.replace("END:VCARD", f"{line}\r\nEND:VCARD")
        statuses: list[int] = []
        sender = threading.Thread(
            target=lambda *what, seen=statuses: seen.append(phone.put(*what).status_code), args=(href, sent)
        )
        before = cpu_seconds([single.server.pid])
        sender.start()
        # A server that is held up answers in minutes or never; the client waits for three minutes.
        while True:
            assert other.client.request("PROPFIND", other.folder, headers={"Depth": "0"}).status_code == 207, name
            if not sender.is_alive():
                break
            time.sleep(0.01)
        sender.join()
        assert cpu_seconds([single.server.pid]) - before < 5, name
        assert statuses[0] < 500, name
        phone.delete(href)
