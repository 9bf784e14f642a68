# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with sync folders, and what tests of history, undo, Deleted Items, verify and backup do with it."""

from datetime import UTC, datetime

from radicale_bcm.books import cards, collections, delta, history, setups, view
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import NewItem
from radicale_bcm.contacts import card as codec
from radicale_bcm.sync import apply, plain, pull, records, setup, undo
from radicale_bcm.sync.apply import Sent
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.site import open_site

ADMIN = Actor("admin", "test", "command", "run-1")
ALICE = Actor("alice", "phone", "dav")
BOOK = "alice/Contacts"


class World:
    """A site; alice has a sync folder."""

    def __init__(self, new_database_url, **options) -> None:
        self.options = Options(new_database_url("state"), new_database_url("business"), **options)
        self.site = open_site(self.options, create=True)
        self.follow("alice")

    def close(self):
        self.site.close()

    def follow(self, principal, *filters, **choice):
        with self.site.write(ADMIN) as unit:
            setup.start(unit, principal, Choice(folder="Contacts", filters=filters, **choice))

    def add(self, **fields):
        with self.site.write(ADMIN) as unit:
            return records.add(unit, fields).id

    def edit(self, record_id, actor=ADMIN, **fields):
        with self.site.write(actor) as unit:
            records.edit(unit, record_id, fields)

    def record(self, record_id):
        with self.site.business(self.site.origin()).reader() as source:
            return source.get(record_id)

    def pull(self):
        return pull.pull_all(self.site)

    def folder(self, path=BOOK):
        """href -> text"""
        with self.site.read() as conn:
            found = view.open_folder(conn, collections.get(conn, path))
            return {each.href: each.text for each in view.resources(conn, found)}

    def card(self, record_id, path=BOOK):
        """href and text of the card of a record in a folder; None if it is not shown."""
        found = [pair for pair in self.folder(path).items() if f"\r\nX-BCM-ID:{record_id}\r\n" in pair[1]]
        return found[0] if found else None

    def token(self, path=BOOK):
        with self.site.read() as conn:
            return view.open_folder(conn, collections.get(conn, path)).revision

    def since(self, revision, path=BOOK):
        """What a client hears that was there at a revision."""
        with self.site.read() as conn:
            found = delta.since(conn, view.open_folder(conn, collections.get(conn, path)), revision)
            return found.changed, found.removed

    def put(self, href, text, path=BOOK, actor=ALICE):
        """A client's PUT."""
        with self.site.write(actor) as unit:
            place = collections.get(unit.conn, path)
            if place is None:
                place = collections.create(unit.conn, path, {"tag": "VADDRESSBOOK"}, unit.revision, unit.at)
            shown = view.open_folder(unit.conn, place)
            found = view.get(unit.conn, shown, href)
            if found is not None and found.card_id is not None:
                old = cards.get(unit.conn, found.card_id)
                apply.edit_card(unit, shown, old, Sent(text, actor.client, matched=True))
            else:
                plain.put(unit, place, NewItem(href, codec.uid_of(text), "VCARD", "", 0, 0, text))

    def delete(self, href, path=BOOK, actor=ALICE):
        """A client's DELETE."""
        with self.site.write(actor) as unit:
            place = collections.get(unit.conn, path)
            shown = view.open_folder(unit.conn, place)
            found = view.get(unit.conn, shown, href)
            if found.card_id is not None:
                apply.delete_card(unit, shown, cards.get(unit.conn, found.card_id))
            else:
                plain.delete(unit, place, href)

    def move(self, href, to, to_href, path=BOOK, actor=ALICE):
        """A client's MOVE of a plain contact."""
        with self.site.write(actor) as unit:
            plain.move(unit, collections.get(unit.conn, path), href, collections.get(unit.conn, to), to_href)

    def history(self, record_id=None, place=None, **wanted):
        """Changes, latest first."""
        origin = self.site.origin().id
        with self.site.read() as conn:
            record = None if record_id is None else (origin, record_id)
            return history.entries(conn, record=record, place=place, **wanted)

    def undo(self, *entries, actor=ADMIN, dry_run=False):
        with self.site.write(actor) as unit:
            outcome = undo.undo(unit, entries)
            unit.failed = dry_run
        return outcome

    def undo_of(self, principal, since):
        with self.site.write(ADMIN) as unit:
            return undo.undo(unit, undo.of_principal(unit, principal, since))

    def setup_of(self, principal):
        with self.site.read() as conn:
            return setups.of_principal(conn, principal)


def now():
    return datetime.now(UTC)
