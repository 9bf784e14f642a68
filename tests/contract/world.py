# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with people and several business databases, seen as a phone sees it. For the tests of this folder."""

import random
from typing import Any

from sqlalchemy import select

from radicale_bcm.books import cards, collections, delta, setups, view
from radicale_bcm.books.history import Actor
from radicale_bcm.books.view import Resource
from radicale_bcm.business import schema
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.sync import apply, databases, setup, switch, verify
from radicale_bcm.sync.apply import Sent
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site

ADMIN = Actor("admin", "test", "command")
PHONE = Actor("alice", "phone", "dav")
CITIES = ("Seattle", "Redmond", "Bellevue")


def people(prefix: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of the contact table, each person with a name that only one has."""
    chance = random.Random(seed)
    return [
        {
            "uid": f"{prefix}-{number}",
            "given_name": f"{prefix} given {number}",
            "family_name": f"Fämily {number}",
            "company": chance.choice((None, "Contoso", "Fabrikam, Inc.", "Adatum; Ltd")),
            "email": f"{prefix}{number}@example.com",
            "business_city": CITIES[number % 3],
            "mobile_phone": f"+1 425 555 {number:04}" if number % 2 else None,
            "note": "One line\nand another" if number % 5 == 0 else None,
            "rating": "3" if number % 4 == 0 else None,
            "birthday": "--05-17" if number % 7 == 0 else None,
        }
        for number in range(count)
    ]


class World:
    """A site with two people, and the business databases that it knows."""

    def __init__(self, state: str, former: str, target: str) -> None:
        self.options = Options(state_url=state, database_url=former, poll_interval=0.1)
        self.site: Site = open_site(self.options, create=True)
        self.urls = {"main": former, "new": target}

    def fill(self, name: str, rows: list[dict[str, Any]]) -> None:
        business = BusinessDatabase(self.urls[name])
        business.upgrade(create=True)
        with business.writer() as source:
            companies = sorted({row["company"] for row in rows if row.get("company")})
            for company in companies:
                known = select(schema.account.c.id).where(schema.account.c.name == company)
                if source.connection.execute(known).first() is None:
                    source.connection.execute(schema.account.insert(), {"name": company})
            if rows:
                source.connection.execute(schema.contact.insert(), rows)
        business.close()

    def add(self, name: str = "new") -> None:
        databases.add(self.site, ADMIN, name, self.urls[name], None)

    def dump(self, name: str) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that the tables with business data hold."""
        business = BusinessDatabase(self.urls[name])
        tables = (schema.contact, schema.account, schema.custom_value, schema.contact_erased, schema.record_type)
        with business.reader() as source:
            run = source.connection.execute
            found = {table.name: list(map(tuple, run(select(table).order_by(*table.primary_key)))) for table in tables}
        business.close()
        return found

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        """The contacts by UID."""
        names = [column.name for column in schema.contact.columns]
        return {row[names.index("uid")]: dict(zip(names, row, strict=True)) for row in self.dump(name)["contact"]}

    def hire(self, principal: str, **choice: Any) -> None:
        with self.site.write(ADMIN) as unit:
            setup.start(unit, principal, Choice(folder="Contacts", **choice))

    def folder(self, principal: str = "alice") -> dict[str, Resource]:
        """What a client sees: href -> resource."""
        with self.site.read() as conn:
            opened = self._open(conn, principal)
            found = list(view.resources(conn, opened))
        assert len({each.href for each in found}) == len({each.uid for each in found}) == len(found)
        return {each.href: each for each in found}

    def _open(self, conn: Any, principal: str) -> view.Folder:
        collection = collections.get(conn, f"{principal}/Contacts")
        assert collection is not None
        return view.open_folder(conn, collection)

    def revision(self, principal: str = "alice") -> int:
        with self.site.read() as conn:
            return self._open(conn, principal).revision

    def delta(self, revision: int, principal: str = "alice") -> tuple[set[str], set[str]]:
        with self.site.read() as conn:
            found = delta.since(conn, self._open(conn, principal), revision)
        return found.changed, found.removed

    def edit(self, href: str, old: str, new: str) -> None:
        """A phone edits a card as it was served."""
        with self.site.write(PHONE) as unit:
            opened = self._open(unit.conn, "alice")
            found = view.get(unit.conn, opened, href)
            assert found is not None
            assert found.card_id is not None
            card = cards.get(unit.conn, found.card_id)
            assert card is not None
            current = apply.read_through(unit, card)
            assert current is not None
            assert old in found.text
            apply.edit_card(unit, opened, current, Sent(found.text.replace(old, new), "phone", matched=True))

    def delete(self, href: str) -> None:
        with self.site.write(PHONE) as unit:
            opened = self._open(unit.conn, "alice")
            found = view.get(unit.conn, opened, href)
            assert found is not None
            card = cards.get(unit.conn, found.card_id or 0)
            assert card is not None
            apply.delete_card(unit, opened, card)

    def switch(self, name: str, choice: str) -> switch.Outcome:
        return switch.switch(self.site, ADMIN, name, choice)

    def restart(self) -> None:
        self.site.close()
        self.site = open_site(self.options, create=False)

    def current(self) -> str:
        with self.site.read() as conn:
            found = setups.current_origin(conn)
        assert found is not None
        return found.name

    def sound(self) -> None:
        """Nothing that the slow oracle would mend."""
        assert verify.differences(self.site, ADMIN) == []
