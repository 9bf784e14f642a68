# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation with so many cards, half of them business cards, made in bulk. Imported by the benchmarks."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import insert

from radicale_bcm.books import collections
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import NewItem
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.business.schema import contact
from radicale_bcm.cli.sample import contacts
from radicale_bcm.contacts.card import ServerLines, render
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.model import Contact
from radicale_bcm.database.engine import transaction
from radicale_bcm.server.config import load, options_of, with_plugin_schema
from radicale_bcm.sync import plain, pull, setup
from radicale_bcm.sync.site import open_site

PASSWORD = "bench-password"
FOLDER = "Contacts"
DISTINCT = 2000
_ADMIN = Actor("admin", "bench", "command")
_BATCH = 5000


def samples(count: int) -> list[Contact]:
    """So many contacts. Only the first are invented; the others have their values and another name and number."""
    known = [dict(each.fields) for each in contacts(min(count, DISTINCT))]
    made = []
    for number in range(count):
        fields = dict(known[number % len(known)])
        if number >= len(known):
            fields["family_name"] = f"{fields.get('family_name', 'Nobody')} {number:05x}"
            fields["business_phone"] = f"+49 30 {number:07}"
            fields["email"] = f"contact{number}@example.net"
        made.append(fields)
    return made


def plain_text(number: int, fields: Contact) -> str:
    """A contact as somebody's own card."""
    return render(None, fields, ServerLines(f"plain-{number}", 1, "0", marker_property=False)).text


def make(
    home: Path, count: int, people: Sequence[str] = ("bench",), state: str | None = None, database: str | None = None
) -> Path:
    """Make an installation in which each of the people sees `count` cards. Returns its configuration."""
    command = [sys.executable, "-m", "radicale_bcm", "init", str(home), "--user", people[0], "--password", PASSWORD]
    command += [*(["--state", state] if state else ()), *(["--database", database] if database else ())]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    users, config = home / "users", home / "radicale.ini"
    hashed = users.read_text().strip().partition(":")[2]
    users.write_text("".join(f"{name}:{hashed}\n" for name in people))
    config.write_text(config.read_text().replace("level = warning", "level = error"))
    sample = samples(count)
    options, _ = options_of(with_plugin_schema(load(str(config))))
    _insert(options.database_url, sample[: count // 2])
    site = open_site(options, create=False)
    try:
        pull.compare_all(site)
        feed = site.feed()
        while changes := feed.pending(_BATCH):
            # All of them are shown already.
            feed.acknowledge([each.seq for each in changes])
        cards = [
            NewItem(f"plain-{number}.vcf", f"plain-{number}", "VCARD", "", 0, 0, plain_text(number, fields))
            for number, fields in enumerate(sample[count // 2 :])
        ]
        for name in people:
            with site.write(_ADMIN) as unit:
                setup.start(unit, name, setup.Choice(folder=FOLDER))
            for start in range(0, len(cards), _BATCH):
                with site.write(Actor(name, "bench", "command")) as unit:
                    folder = collections.get(unit.conn, f"{name}/{FOLDER}")
                    assert folder is not None
                    plain.fill(unit, folder, cards[start : start + _BATCH])
        for engine in (site.state.engine, site.business(site.origin()).engine):
            if engine.dialect.name == "postgresql":
                # What autovacuum does within a minute, which is when measuring begins.
                with transaction(engine, write=True) as connection:
                    connection.exec_driver_sql("ANALYZE")
    finally:
        site.close()
    return config


def _insert(url: str, sample: Sequence[Contact]) -> None:
    """As any other program would write them."""
    database = BusinessDatabase(url)
    for start in range(0, len(sample), _BATCH):
        rows = [{name: _value(name, each.get(name)) for name in BY_NAME} for each in sample[start : start + _BATCH]]
        with transaction(database.engine, write=True) as connection:
            connection.execute(insert(contact), rows)
    database.close()


def _value(name: str, value: str | None) -> object:
    kind = BY_NAME[name].kind
    if value is None or kind not in ("yesno", "number"):
        return value
    return value == "true" if kind == "yesno" else float(value)
