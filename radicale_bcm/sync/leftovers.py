# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of everybody's contacts that are there only while somebody works with them, and go even if that process is
killed: the next one removes them. Imported by backup and restoring.

Whoever works with a copy holds a lock that ends with the process, so it is certain whether a copy is left. Only
folders and files of our own names and of the same account are looked at, and no link is followed.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "radicale-bcm-copy-"
_LOCK = "in-use"
# Between the making of a folder and that of its lock.
_MOMENT_SECONDS = 60


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder for copies that nobody else can read, removed at the end; those that were left go first. OSError."""
    for each in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_ours(each, stat.S_ISDIR) and _is_left(each / _LOCK, made=each):
            shutil.rmtree(each, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, (Path(name) / _LOCK).open("xb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


@contextmanager
def draft_of(target: Path) -> Iterator[tuple[Path, int]]:
    """A file beside the target, to be filled and linked there; removed at the end, and those that were left go first.
    It and its descriptor, which the caller closes. OSError."""
    for each in target.parent.glob(f".{target.name}.*"):
        if each.suffix[1:].isdigit() and _is_ours(each, stat.S_ISREG) and _is_left(each, made=each):
            with suppress(OSError):
                each.unlink()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)  # it holds everybody's contacts
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield draft, descriptor
    finally:
        draft.unlink(missing_ok=True)


def _is_ours(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return kind(found.st_mode) and found.st_uid == os.getuid()


def _is_left(lock: Path, *, made: Path) -> bool:
    """Whether nobody holds a lock any more."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:
        with suppress(OSError):
            return time.time() - made.stat().st_mtime > _MOMENT_SECONDS
        return False
    except OSError:
        return False
