# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills an installation with the sample contacts, two accounts and their address books. For cli.demo only.

All of it can be repeated: what is there already stays as it is.
"""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid5

from radicale_bcm.books import collections, items, setups
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import NewItem
from radicale_bcm.cli import sample
from radicale_bcm.cli.htpasswd import Accounts
from radicale_bcm.cli.output import Progress
from radicale_bcm.cli.sample import SampleContact
from radicale_bcm.contacts.card import uid_of
from radicale_bcm.sync import plain, records, setup
from radicale_bcm.sync.errors import Conflict
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.unit import Site

USERS = ("alice", "bob")
FOLDER = "Contacts"
PLAIN_CONTACTS = 6
BATCH = 200

_ACTOR = Actor("demo", "radicale-bcm demo", "command")
_NAMESPACE = UUID("d5f9c1d2-5d0f-4f0e-9b8e-7a1f1c0f5a57")
_SAMPLES_STAY = "demo"


def open_accounts(accounts: Accounts, remembered: Path) -> dict[str, str]:
    """The users' passwords: generated at first, read from the file of the folder later."""
    known = {}
    if remembered.exists():
        known = dict(line.split(":", 1) for line in remembered.read_text("utf-8").splitlines() if ":" in line)
    passwords = {name: known.get(name) or secrets.token_urlsafe(9) for name in USERS}
    remembered.touch(mode=0o600)
    remembered.write_text("".join(f"{name}:{password}\n" for name, password in passwords.items()), "utf-8")
    for name, password in passwords.items():
        if not accounts.has(name):
            accounts.add(name, password)
        elif name not in known:
            accounts.set_password(name, password)
    return passwords


def fill_database(site: Site, wanted: int, progress: Progress) -> int:
    """Let there be the first `wanted` sample contacts. Returns how many were added.

    Conflict for a database that somebody uses for something else.
    """
    with site.read() as conn:
        ours = setups.setting_value(conn, _SAMPLES_STAY) is not None
    with site.business(site.origin()).reader() as source:
        uids = {each.uid for each in source.iterate(include_deleted=True)}
    if uids and not ours:
        raise Conflict("this business database has contacts already: the demo wants an empty one of its own")
    with site.write(_ACTOR) as unit:
        setups.set_setting(unit.conn, _SAMPLES_STAY, "yes")
    missing = ((uid, each) for uid, each in _numbered(sample.contacts(wanted, owners=USERS)) if uid not in uids)
    done = 0
    while batch := list(islice(missing, BATCH)):
        with site.write(_ACTOR) as unit:
            for uid, each in batch:
                records.add(unit, each.fields, uid=uid, template=_card_with_photo(each))
        done += len(batch)
        progress(done, max(wanted - len(uids), done))
    return done


def _numbered(samples: Sequence[SampleContact]) -> list[tuple[str, SampleContact]]:
    return [(str(uuid5(_NAMESPACE, str(number))), each) for number, each in enumerate(samples)]


def _card_with_photo(each: SampleContact) -> str | None:
    if each.photo is None or each.photo_type is None:
        return None
    kind = each.photo_type.rpartition("/")[2].upper()
    text = f"PHOTO;ENCODING=b;TYPE={kind}:{b64encode(each.photo).decode('ascii')}"
    folded = text[:75] + "".join(f"\r\n {text[start : start + 74]}" for start in range(75, len(text), 74))
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\n{folded}\r\nEND:VCARD\r\n"


def fill_folders(site: Site) -> None:
    """Both users' folders with their private contacts, synchronised: both see every business contact."""
    private = sample.plain_contacts(PLAIN_CONTACTS * len(USERS))
    with site.write(_ACTOR) as unit:
        for number, name in enumerate(USERS):
            if setups.of_principal(unit.conn, name) is not None:
                continue
            setup.start(unit, name, Choice(folder=FOLDER))
            folder = collections.get(unit.conn, f"{name}/{FOLDER}")
            assert folder is not None  # it was made by the set-up
            for text in private[number * PLAIN_CONTACTS : (number + 1) * PLAIN_CONTACTS]:
                uid = uid_of(text) or items.text_etag(text)
                if items.find_uid(unit.conn, folder.id, uid) is None:
                    plain.put(unit, folder, NewItem(f"{uid}.vcf", uid, "VCARD", "", 0, 0, text))
