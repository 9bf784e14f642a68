# SPDX-License-Identifier: GPL-3.0-or-later
"""The background watcher of a server: what other programs write is shown soon, and everything is compared daily."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from radicale_bcm.books import cards, setups
from radicale_bcm.books.history import Actor
from radicale_bcm.business.records import Records
from radicale_bcm.database.errors import Busy
from radicale_bcm.sync import pull
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from radicale_bcm.sync.unit import Site
from radicale_bcm.sync.watch import Watcher

ACTOR = Actor("test", "test", "command")
LAST = "last full comparison"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site that is looked at so rarely that only notifications can be the reason for anything."""
    options = Options(f"sqlite:///{tmp_path / 'state.db'}", f"sqlite:///{tmp_path / 'business.db'}", poll_interval=60)
    with closing(open_site(options, create=True)) as opened:
        yield opened


def _sql(site: Site, tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / "business.db", timeout=30)) as client, client:
        client.execute(statement)


def _labels(site: Site) -> list[str]:
    with site.read() as conn:
        return [each.label for each in cards.iterate(conn, site.origin().id) if not each.gone]


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def _set_last(site: Site, age: timedelta) -> str:
    value = (datetime.now(UTC) - age).isoformat()
    with site.write(ACTOR) as unit:
        setups.set_setting(unit.conn, LAST, value)
    return value


def _last(site: Site) -> str | None:
    with site.read() as conn:
        return setups.setting_value(conn, LAST)


def _spoil(site: Site) -> None:
    """Let a card say what its record does not, without any trace in the change log."""
    with site.write(ACTOR) as unit:
        (card,) = cards.iterate(unit.conn, unit.origin.id)
        cards.change(unit.conn, card, {"text": card.text.replace("FN:Nick", "FN:Spoilt"), "label": "Spoilt"})


def test_a_change_of_the_file_wakes_the_watcher(site: Site, tmp_path: Path):
    """The polling interval is a minute here."""
    watcher = Watcher(site).start()
    try:
        assert _within(55, lambda: _last(site) is not None)
        time.sleep(0.5)
        _sql(site, tmp_path, "INSERT INTO contact (given_name) VALUES ('Nick')")
        assert _within(55, lambda: _labels(site) == ["Nick"])
    finally:
        watcher.stop()


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="the kernel's list of what is watched is Linux's")
def test_the_files_are_watched_and_not_their_folder(site: Site, tmp_path: Path):
    """The state is in the same folder: each write of ours would wake the watcher's threads."""

    def watched() -> set[int]:
        lines = [line for each in Path("/proc/self/fdinfo").iterdir() for line in _lines(each)]
        return {int(line.split("ino:")[1].split()[0], 16) for line in lines if line.startswith("inotify")}

    def _lines(path: Path) -> list[str]:
        try:
            return path.read_text().splitlines()
        except OSError:
            return []

    watcher = Watcher(site).start()
    try:
        assert _within(55, lambda: (tmp_path / "business.db").stat().st_ino in watched())
        assert tmp_path.stat().st_ino not in watched()
    finally:
        watcher.stop()


def test_everything_is_compared_once_a_day_by_default(site: Site, tmp_path: Path):
    _sql(site, tmp_path, "INSERT INTO contact (given_name) VALUES ('Nick')")
    pull.pull_all(site)
    _spoil(site)
    recent = _set_last(site, timedelta(hours=23))
    Watcher(site)._look()
    assert _last(site) == recent
    assert _labels(site) == ["Spoilt"]
    _set_last(site, timedelta(hours=25))
    Watcher(site)._look()
    assert _labels(site) == ["Nick"]
    assert datetime.fromisoformat(_last(site) or "") > datetime.now(UTC) - timedelta(minutes=1)


def test_a_new_site_was_compared_when_it_was_loaded(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pull, "compare_all", lambda *_: pytest.fail("compared again"))
    Watcher(site)._look()
    assert _last(site) is not None


def test_a_comparison_that_the_database_did_not_allow_is_still_due(site: Site, monkeypatch: pytest.MonkeyPatch):
    before = _set_last(site, timedelta(days=2))

    def fail(*_: object) -> None:
        raise Busy("sqlite", "held by another program")

    monkeypatch.setattr(pull, "compare_all", fail)
    with pytest.raises(Busy):
        Watcher(site)._look()
    assert _last(site) == before


def test_only_one_of_several_processes_compares(site: Site, monkeypatch: pytest.MonkeyPatch):
    _set_last(site, timedelta(days=2))
    done = []
    monkeypatch.setattr(pull, "compare_all", lambda *_: done.append(1))
    for _ in range(3):
        Watcher(site)._look()
    assert done == [1]


def test_another_program_can_write_while_changes_are_being_shown(site, tmp_path, monkeypatch):
    """The sqlite3 program waits for nobody: what it finds locked it gives up."""
    shown = pull.project

    def meanwhile(*args, **options):
        with closing(sqlite3.connect(tmp_path / "business.db", timeout=0)) as client, client:
            client.execute("INSERT INTO contact (name) VALUES ('Ben')")
        return shown(*args, **options)

    pull.pull_pending(site)
    _sql(site, tmp_path, "INSERT INTO contact (name) VALUES ('Ann')")
    monkeypatch.setattr(pull, "project", meanwhile)
    pull.pull_pending(site)
    assert _labels(site) == ["Ann"]
    monkeypatch.undo()
    pull.pull_pending(site)
    assert sorted(_labels(site)) == ["Ann", "Ben"]


def test_a_comparison_keeps_nobody_waiting_for_long(site, tmp_path, monkeypatch):
    """It reads and renders the records in small parts: nobody writes meanwhile, and 100,000 take a minute"""
    rows = ", ".join(f"('Nick {number}')" for number in range(350))
    _sql(site, tmp_path, f"INSERT INTO contact (name) VALUES {rows}")
    pull.pull_all(site)
    read: list[int] = []
    get_many, write = Records.get_many, site.write

    @contextmanager
    def counting(*args, **options):
        read.append(0)
        with write(*args, **options) as unit:
            yield unit

    def counted(records, record_ids):
        read[-1] += len(record_ids)
        return get_many(records, record_ids)

    monkeypatch.setattr(site, "write", counting)
    monkeypatch.setattr(Records, "get_many", counted)
    assert pull.compare_all(site) == pull.Counts()
    assert sum(read) == 350
    assert max(read) == 100
    read.clear()
    _sql(site, tmp_path, "DELETE FROM contact WHERE id <= 340")
    assert pull.compare_all(site) == pull.Counts(refused=340)
    read.clear()
    assert pull.compare_all(site, confirmed=True) == pull.Counts(removed=340)
    assert len(_labels(site)) == 10
