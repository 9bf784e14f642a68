# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of everybody's contacts go, even if the process that made them is killed."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from radicale_bcm.sync import leftovers
from radicale_bcm.sync.leftovers import draft_of, private_folder

CHILD = """
import sys, time
from pathlib import Path
from radicale_bcm.sync.leftovers import draft_of, private_folder
with private_folder() as folder, draft_of(Path(sys.argv[1])) as (draft, descriptor):
    (folder / "copy").write_text("everybody")
    print(folder, draft, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files."""
    found = tmp_path / "temporary"
    found.mkdir()
    monkeypatch.setenv("TMPDIR", str(found))
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


@contextmanager
def working(target: Path) -> Iterator[tuple[subprocess.Popen[str], Path, Path]]:
    """A process that has made its copies, killed at the end."""
    with subprocess.Popen([sys.executable, "-c", CHILD, str(target)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        folder, draft = map(Path, child.stdout.readline().split())
        try:
            yield child, folder, draft
        finally:
            child.kill()


def begin(target: Path) -> None:
    with private_folder(), draft_of(target) as (_, descriptor):
        os.close(descriptor)


def test_the_next_one_removes_what_a_killed_one_left(tmp_path: Path, temporary: Path):
    target = tmp_path / "backup.zip"
    with working(target) as (child, folder, draft):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert draft.stat().st_mode & 0o777 == 0o600
        begin(target)
        assert (folder / "copy").exists(), "it is at work still"
        assert draft.exists()
        child.kill()
        child.wait()
        assert (folder / "copy").exists()
        assert draft.exists()
    begin(target)
    assert list(temporary.iterdir()) == []
    assert {each.name for each in tmp_path.iterdir()} == {"temporary"}


def test_what_is_not_ours_stays(tmp_path: Path, temporary: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (temporary / f"{leftovers.PREFIX}link").symlink_to(elsewhere)
    (temporary / f"{leftovers.PREFIX}file").touch()
    (temporary / "another").mkdir()
    (tmp_path / ".backup.zip.old").touch()
    (tmp_path / ".other.zip.12").touch()
    (tmp_path / ".backup.zip.13").symlink_to(elsewhere / "file")
    begin(tmp_path / "backup.zip")
    assert (elsewhere / "file").exists()
    assert len(list(temporary.iterdir())) == 3
    assert {".backup.zip.old", ".other.zip.12", ".backup.zip.13"} <= {each.name for each in tmp_path.iterdir()}


def test_a_folder_without_a_lock_may_just_have_been_made(temporary: Path):
    made = temporary / f"{leftovers.PREFIX}new"
    made.mkdir()
    with private_folder():
        assert made.exists()
    os.utime(made, (0, time.time() - 3600))
    with private_folder():
        assert not made.exists()


def test_somebody_elses_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch):
    made = temporary / f"{leftovers.PREFIX}old"
    made.mkdir()
    os.utime(made, (0, 0))
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with private_folder():
        assert made.exists()
