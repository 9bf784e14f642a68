# SPDX-License-Identifier: GPL-3.0-or-later
"""A promotion of 300 contacts that is killed again and again, at each statement in turn, ends as one that never was.

Every run starts a process of its own, promotes a few contacts and dies before the next statement or commit. In between,
other processes do what they do: bring over what the business database logged, and sync a phone.
"""

import os
import signal
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event

from radicale_bcm.books import collections, delta, items, view
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import NewItem
from radicale_bcm.contacts.filters import Filter
from radicale_bcm.sync import candidates, pull, records, setup, verify
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.promote import Promotion
from radicale_bcm.sync.promotion import Wish
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site
from tests.dav import card

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ACTOR = Actor("tester", "test", "command")
CONTACTS = int(os.environ.get("BCM_KILLED_CONTACTS", "300"))
FOLDER = "alice/Contacts"
# How many statements and commits the promotion of one contact takes, and a few more.
POINTS = 60
# A run gets through so many contacts at most, or it would take hours.
CONTACTS_IN_A_RUN = 6


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The engines that the issue names."""
    return request.param


class Place:
    """A pair of databases with a sync folder full of plain contacts."""

    def __init__(self, new_database_url: Callable[[], str]) -> None:
        self.options = Options(new_database_url(), new_database_url())
        site = open_site(self.options, create=True)
        with site.write(ACTOR) as unit:
            setup.start(unit, "alice", Choice(folder="Contacts"))
            folder = collections.get(unit.conn, FOLDER)
            items.put_many(unit.conn, folder.id, map(_contact, range(CONTACTS)), unit.revision, unit.at)
            for number in range(0, CONTACTS, 10):
                fields = {"given_name": "Ann", "family_name": f"Lee{number}", "email": f"ANN{number}@example.com"}
                records.add(unit, fields, uid=f"there-{number}")
        site.close()

    def child(self, work: Callable[[Site], None], *, dies_at: int = 0) -> bool:
        """Do some work in a process of its own; True if it came to its end."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                site = open_site(self.options, create=False)
                if dies_at:
                    _die_at(dies_at)
                work(site)
                site.close()
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return False
        assert os.WEXITSTATUS(status) == 0
        return True

    def look(self) -> dict[str, object]:
        """Records and folder, without what tells one run from another."""
        site = open_site(self.options, create=False)
        with site.business(site.origin()).reader() as source:
            there = {record.uid: record.fields for record in source.iterate()}
        with site.read() as conn:
            folder = view.open_folder(conn, collections.get(conn, FOLDER))
            resources = view.resources(conn, folder)
            shown = {each.href: (each.uid, each.card_id is not None, _said(each.text)) for each in resources}
        site.close()
        return {"records": there, "folder": shown}


def _contact(number: int) -> NewItem:
    mail = [] if number % 25 == 7 else [f"EMAIL:ann{number}@example.com"]
    more = ["item1.TEL:+1 425 555 0100", "item1.X-ABLabel:Hotline", f"X-ODD;X-P={number}:kept"]
    more.append(f"TITLE:{'x' * (number * 2)}")  # the last ones do not fit their column
    text = card(f"uid-{number}", f"Ann Lee{number}", f"N:Lee{number};Ann;;;", *mail, *more)
    text = text.replace(f"N:Ann Lee{number};;;;\r\n", "", 1)
    # Some phones name the resource after the UID, some do not.
    href = f"uid-{number}.vcf" if number % 2 else f"phone-{number}.vcf"
    return NewItem(href, f"uid-{number}", "VCARD", "", 0, 0, text)


def _said(text: str) -> list[str]:
    own = ("REV:", "X-BCM-VERSION:", "X-BCM-ID:", "UID:there")
    return sorted(line for line in text.replace("\r\n ", "").split("\r\n") if not line.startswith(own))


def _die_at(point: int) -> None:
    """Kill this process at the n-th statement or commit of whatever engine."""
    left = [point]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in ("before_cursor_execute", "commit"):
        event.listen(Engine, moment, count)


def _promote(site: Site) -> None:
    with site.read() as conn:
        wanted = list(candidates.listed(conn, Filter(), None, None))
    Promotion(site, ACTOR, Wish()).run(wanted)


class Replica:
    """What a phone has after ordinary syncs: href -> text."""

    def __init__(self, place: Place) -> None:
        self._options = place.options
        self.cards: dict[str, str] = {}
        self._revision = 0

    def sync(self) -> None:
        """Take over what changed since the last time."""
        site = open_site(self._options, create=False)
        with site.read() as conn:
            folder = view.open_folder(conn, collections.get(conn, FOLDER))
            told = delta.since(conn, folder, self._revision)
            for href in told.removed:
                self.cards.pop(href, None)
            self.cards.update((href, each.text) for href, each in view.find(conn, folder, told.changed).items())
            self._revision = folder.revision
        site.close()


def test_the_end_is_the_same_as_without_a_kill(new_database_url):
    whole, torn = Place(new_database_url), Place(new_database_url)
    assert whole.child(_promote)
    phone = Replica(torn)
    runs = deaths = 0
    while True:
        runs += 1
        assert runs < 20 * CONTACTS, "it makes no progress"
        # 7 divides no number of points: every one has its turn, with few contacts before it and with many.
        if torn.child(_promote, dies_at=1 + runs * 7 % POINTS + POINTS * (runs % CONTACTS_IN_A_RUN)):
            break
        deaths += 1
        if runs % 3 == 0:
            torn.child(lambda site: pull.pull_all(site) and None)
        if runs % 5 == 0:
            phone.sync()
    assert deaths > CONTACTS / CONTACTS_IN_A_RUN
    torn.child(lambda site: pull.pull_all(site) and None)
    expected, found = whole.look(), torn.look()
    assert found["records"] == expected["records"]
    assert found["folder"].keys() == expected["folder"].keys()
    different = {href for href in expected["folder"] if found["folder"][href] != expected["folder"][href]}
    assert not different, [(found["folder"][href], expected["folder"][href]) for href in sorted(different)[:2]]
    phone.sync()
    assert phone.cards.keys() == found["folder"].keys()
    assert {href: _said(text) for href, text in phone.cards.items()} == {
        href: said for href, (_, _, said) in found["folder"].items()
    }
    site = open_site(torn.options, create=False)
    assert verify.differences(site, ACTOR) == []
    site.close()
    print(f"{runs} runs, {deaths} deaths")
