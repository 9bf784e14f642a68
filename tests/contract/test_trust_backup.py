# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore on every engine, and from one to another."""

import json
import threading
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from radicale_bcm.books import collections, revisions, view
from radicale_bcm.books.schema import METADATA as STATE
from radicale_bcm.business.record_types import add_type
from radicale_bcm.business.schema import METADATA as BUSINESS
from radicale_bcm.database.copies import Broken
from radicale_bcm.database.engine import transaction
from radicale_bcm.sync import backup, records, restoring, trash, verify
from radicale_bcm.sync.backup import Archive
from radicale_bcm.sync.errors import Conflict, Invalid
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site
from tests.contract.trust import ADMIN, BOOK, World
from tests.dav import card

NOTE = "a\n\u20ac \U0001f600"
NICK = {"given_name": "Nick", "family_name": "Brigandi", "rating": "4.5", "active": "true", "note": NOTE}


@pytest.fixture
def world(new_database_url):
    world = World(new_database_url)
    with world.site.write(ADMIN) as unit:
        add_type(unit.records().connection, "supplier", "business-contact", {"days": "number"})
    with world.site.write(ADMIN) as unit:
        world.supplier = records.add(unit, {"name": "Sue", "company": "Contoso", "days": "30"}, "supplier").id
    world.nick, world.gone = world.add(**NICK), world.add(name="Gone")
    world.put("p.vcf", card("p", "Plain"))
    world.put("q.vcf", card("q", "Quirin"))
    world.delete("q.vcf")
    world.delete(world.card(world.gone)[0])
    yield world
    world.close()


def written(world, folder: Path) -> Path:
    target = folder / "backup.zip"
    backup.write(world.site, ADMIN, target)
    return target


def restore(site_options, path: Path, url: str = ""):
    archive = Archive(path)
    site = Site(site_options)
    try:
        restoring.restore(site, ADMIN, archive, url)
    finally:
        archive.close()
        site.close()
    return open_site(site_options, create=False)


def business_of(site):
    engine = site.business(site.origin()).engine
    left_out = ("change_log", "change_consumer", "change_note")
    with transaction(engine, write=False) as conn:
        return {
            name: sorted(map(str, (dict(row._mapping) | {"version": 0} for row in conn.execute(select(table)))))
            for name, table in BUSINESS.tables.items()
            if name not in left_out
        }


def state_of(site):
    """What must be as it was; revisions go on, and the restore itself is history."""
    passing = ("revision", "url", "record_version")
    with site.read() as conn:
        return {
            name: sorted(
                str({key: value for key, value in row._mapping.items() if key not in passing})
                for row in conn.execute(select(table))
            )
            for name, table in STATE.tables.items()
            if name not in ("revision", "counter", "setting", "history")
        }


def test_everything_is_as_it_was(world, tmp_path):
    path = written(world, tmp_path)
    business, state, history = business_of(world.site), state_of(world.site), world.history()
    folder = world.folder()
    world.edit(world.nick, note="lost", email="x@example.com")
    late = world.add(name="Late")
    world.put("p.vcf", card("p", "Changed"))
    world.put("late.vcf", card("late", "Late"))
    with world.site.write(ADMIN) as unit:
        trash.purge(unit, [each.id for each in trash.listed(unit)])
    world.site.close()
    world.site = restore(world.options, path)
    assert business_of(world.site) == business
    assert state_of(world.site) == state
    assert world.folder() == folder
    assert [each.action for each in world.history() if each.action != "restored backup"] == [e.action for e in history]
    assert world.history()[0].action == "restored backup"
    assert verify.differences(world.site, ADMIN) == []
    with world.site.write(ADMIN) as unit:
        assert {each.name for each in trash.listed(unit)} == {"Gone", "Quirin"}
    # Life goes on, and an id that was given after the backup is not given again.
    assert int(world.add(name="New")) > int(late)
    world.edit(world.nick, note="again")
    assert verify.differences(world.site, ADMIN) == []


def test_every_sync_token_of_before_is_refused_and_new_ones_count_on(world, tmp_path):
    def token():
        with world.site.read() as conn:
            return view.token(conn, view.open_folder(conn, collections.get(conn, BOOK)))

    before = token()
    path = written(world, tmp_path)
    world.add(name="Late")
    late, revision = token(), world.token()
    world.site.close()
    world.site = restore(world.options, path)
    with world.site.read() as conn:
        number = collections.get(conn, BOOK).id
        for old in (before, late):
            with pytest.raises(revisions.InvalidToken):
                revisions.read_token(conn, number, old)
        assert revisions.read_token(conn, number, token()) > revision


@pytest.mark.servers
def test_a_backup_of_one_engine_is_restored_on_another(tmp_path, postgresql, mariadb):
    def sqlite(name):
        return f"sqlite:///{tmp_path / name}"

    urls = iter([sqlite("a"), sqlite("b")])
    world = World(lambda _kind: next(urls))
    world.nick = world.add(**NICK)
    world.put("p.vcf", card("p", "Plain"))
    folder, path = world.folder(), written(world, tmp_path)
    world.close()
    for number, server in enumerate((postgresql, mariadb)):
        options = Options(server.new_database(), server.new_database())
        site = restore(options, path)
        world.site = site
        assert world.folder() == folder
        assert verify.differences(site, ADMIN) == []
        path = tmp_path / f"again{number}.zip"
        backup.write(site, ADMIN, path)
        site.close()
    options = Options(sqlite("c"), sqlite("d"))
    world.site = restore(options, path)
    assert world.folder() == folder
    assert world.record(world.nick).fields == NICK
    assert int(world.add(name="Next")) > int(world.nick)
    world.close()


def test_a_backup_of_a_busy_site_is_one_moment_of_both_databases(world, tmp_path):
    """Each change is in both databases or in none."""
    stop, failures = threading.Event(), []

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            try:
                world.edit(world.nick, note=f"note {number}")
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            backup.write(world.site, ADMIN, tmp_path / f"{number}.zip")
    finally:
        stop.set()
        writer.join()
    assert failures == []
    world.site.close()
    world.site = restore(world.options, tmp_path / "1.zip")
    note = world.record(world.nick).fields["note"]
    assert note.replace("\n", "\\n") in world.card(world.nick)[1]
    assert next(each.changes["note"][1] for each in world.history(world.nick) if "note" in each.changes) == note
    assert verify.differences(world.site, ADMIN) == []


def test_what_is_no_backup_changes_nothing(world, tmp_path, plain_sql_of):
    path = written(world, tmp_path)
    with pytest.raises(Conflict):
        backup.write(world.site, ADMIN, path)
    assert path.stat().st_mode & 0o077 == 0
    data = path.read_bytes()
    before = state_of(world.site), business_of(world.site)
    broken = {
        "empty": b"",
        "text": b"no archive",
        "cut": data[: len(data) // 2],
        "spoilt": data[: len(data) // 3] + b"\xff" * 40 + data[len(data) // 3 + 40 :],
    }
    for name, content in broken.items():
        target = tmp_path / name
        target.write_bytes(content)
        with pytest.raises(Broken):
            Archive(target)
    for change, error in (
        (lambda m: m | {"format": "other"}, Broken),
        (lambda m: m | {"version": 99}, Broken),
        (lambda m: m | {"parts": {}}, Broken),
        (lambda m: {}, Broken),
        (lambda m: m | {"parts": {k: v | {"schema": "9999"} for k, v in m["parts"].items()}}, Invalid),
    ):
        target = tmp_path / "other.zip"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as made:
            for each in source.namelist():
                content = source.read(each)
                made.writestr(each, json.dumps(change(json.loads(content))) if each == "manifest.json" else content)
        with pytest.raises(error):
            Archive(target)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "less.zip", "w") as made:
        for each in source.namelist():
            if "state" not in each:
                made.writestr(each, source.read(each))
    with pytest.raises(Broken):
        Archive(tmp_path / "less.zip")
    assert (state_of(world.site), business_of(world.site)) == before


def test_rows_that_cannot_be_read_leave_everything_as_it_was(world, tmp_path, engine_name):
    path = written(world, tmp_path)
    before = state_of(world.site), business_of(world.site)
    target = tmp_path / "spoilt.zip"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as made:
        for each in source.namelist():
            content = source.read(each)
            if each.endswith("contact.jsonl"):
                content = content[:-20]
            elif each == "business.sqlite":
                content = content[:4096] + b"\0" * 4096 + content[8192:]
            made.writestr(each, content)
    archive = Archive(target)
    with pytest.raises(Broken):
        restoring.restore(world.site, ADMIN, archive)
    archive.close()
    assert (state_of(world.site), business_of(world.site)) == before
    assert list(tmp_path.glob("*.zip.*")) == []
