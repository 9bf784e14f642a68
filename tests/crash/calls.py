# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PTH108, PTH110, PTH119, PTH123, PTH202 - called for each write: as little as possible shall happen here
"""Between SQLite and the operating system: counts what it writes, and kills or fails at the n-th call.

SQLite's own layer for the operating system (its VFS, https://www.sqlite.org/vfs.html) is a table of functions; here
some of them are replaced by ours, in the library that Python's sqlite3 has loaded. Nothing has to be compiled, no other
program is needed, and it works in every process that installs it, for all of its threads and connections.
"""

import _sqlite3
import ctypes
import errno
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

WRITES = ("write", "sync", "truncate", "delete", "shm", "create", "file")

# What the unix VFS answers when the system says ENOSPC, EIO or EROFS. https://www.sqlite.org/rescode.html
FULL = dict.fromkeys(WRITES, sqlite3.SQLITE_FULL)
EIO = {
    "read": sqlite3.SQLITE_IOERR_READ,
    "write": sqlite3.SQLITE_IOERR_WRITE,
    "sync": sqlite3.SQLITE_IOERR_FSYNC,
    "truncate": sqlite3.SQLITE_IOERR_TRUNCATE,
    "delete": sqlite3.SQLITE_IOERR_DELETE,
    "shm": sqlite3.SQLITE_IOERR_SHMMAP,
    "create": sqlite3.SQLITE_CANTOPEN,
    "file": sqlite3.SQLITE_IOERR,
}
READ_ONLY = EIO | {
    "delete": sqlite3.SQLITE_IOERR_DELETE,
    "shm": sqlite3.SQLITE_READONLY_CANTINIT,
    "file": sqlite3.SQLITE_READONLY,
}
del READ_ONLY["read"]

_OPEN_CREATE = 0x4
_P = ctypes.c_void_p
# A name is passed on as the address that it came with: SQLite keeps it, and more stands behind its end.
_Open = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, _P, ctypes.c_int, ctypes.POINTER(ctypes.c_int))
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int)
_Move = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int)
_Shm = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.POINTER(_P))


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int), ("size", ctypes.c_int), ("longest", ctypes.c_int), ("next", _P),
        ("name", ctypes.c_char_p), ("data", _P), ("open", _P), ("delete", _P),
    )  # fmt: skip


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int), ("close", _P), ("read", _P), ("write", _P), ("truncate", _P), ("sync", _P),
        ("file_size", _P), ("lock", _P), ("unlock", _P), ("check_lock", _P), ("control", _P), ("sector", _P),
        ("device", _P), ("shm_map", _P), ("shm_lock", _P), ("shm_barrier", _P), ("shm_unmap", _P), ("fetch", _P),
        ("unfetch", _P),
    )  # fmt: skip


@dataclass
class Calls:
    """What happens at which call. Nothing does until `kill_at` or `fail_at` is set; both count from 1.

    With `power` a kill takes away what was written since the last sync of each file, all or, with a seed, some of it.
    With `lasting` every call from the n-th on fails, until `fail_at` is 0 again.
    """

    kill_at: int = 0
    fail_at: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    lasting: bool = False
    power: int | None = None
    only: str = ""
    count: int = 0
    hits: int = 0
    seen: list[str] = field(default_factory=list)

    def at(self, kind: str, path: str) -> int:
        """One call is about to be made; the error that it shall return instead, or 0."""
        if self.only and self.only not in path:
            return 0
        if kind not in (self.codes or WRITES):
            return 0
        self.count += 1
        self.seen.append(f"{kind} {os.path.basename(path)}")
        if self.kill_at and self.count >= self.kill_at:
            if self.power is not None:
                lose(self.power)
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fail_at and (self.count == self.fail_at or (self.lasting and self.count > self.fail_at)):
            self.hits += 1
            return self.codes[kind]
        return 0

    def reset(self, **values: Any) -> None:
        """Begin to count anew."""
        fresh = Calls(**values)
        self.__dict__.update(fresh.__dict__)


CALLS = Calls()
_kept_alive: list[Any] = []
_tables: dict[int, _Methods] = {}
_paths: dict[int, str] = {}
# path -> what was there before each write since the last sync: (offset, old bytes, old size), oldest first.
_unsynced: dict[str, list[tuple[int, bytes, int]]] = {}


def library() -> ctypes.CDLL:
    """The SQLite library that Python's sqlite3 uses."""
    return ctypes.CDLL(_sqlite3.__file__)


def install() -> Calls:
    """Replace the functions, in this process and its children. The same Calls each time."""
    if _kept_alive:
        return CALLS
    find = library().sqlite3_vfs_find
    find.restype = ctypes.POINTER(_Vfs)
    vfs = find(None).contents
    real_open, real_delete = _Open(vfs.open), _Delete(vfs.delete)

    def open_(this: int, name: int | None, file: int, flags: int, out: Any) -> int:
        path = _text(name)
        creates = flags & _OPEN_CREATE and path and not os.path.exists(path)
        if creates and (code := CALLS.at("create", path)):
            return code
        status = real_open(this, name, file, flags, out)
        if status == 0 and path:
            _paths[file] = path
            _replace_methods(file)
        return int(status)

    def delete(this: int, name: int, sync: int) -> int:
        return CALLS.at("delete", _text(name)) or int(real_delete(this, name, sync))

    opening, deleting = _Open(open_), _Delete(delete)
    _kept_alive.extend((opening, deleting, real_open, real_delete))
    vfs.open = ctypes.cast(opening, _P).value
    vfs.delete = ctypes.cast(deleting, _P).value
    sys.addaudithook(_on_audit)
    return CALLS


def _text(name: int | None) -> str:
    return os.fsdecode(ctypes.string_at(name)) if name else ""


def _replace_methods(file: int) -> None:
    slot = ctypes.cast(file, ctypes.POINTER(_P))
    original = slot[0]
    if original is None:
        return
    if original not in _tables:
        _tables[original] = _table(ctypes.cast(original, ctypes.POINTER(_Methods)).contents)
    slot[0] = ctypes.addressof(_tables[original])


def _table(original: _Methods) -> _Methods:
    table = _Methods()
    whole = original.version >= 3
    size = ctypes.sizeof(_Methods) if whole else _Methods.shm_map.offset  # older tables end there, or a little later
    ctypes.memmove(ctypes.byref(table), ctypes.byref(original), size)
    table.version = original.version if whole else 1
    real_read, real_write = _Move(original.read), _Move(original.write)
    real_truncate, real_sync = _Truncate(original.truncate), _Sync(original.sync)
    real_shm = _Shm(original.shm_map) if table.shm_map else None

    def read(file: int, buffer: int, amount: int, offset: int) -> int:
        return CALLS.at("read", _paths[file]) or int(real_read(file, buffer, amount, offset))

    def write(file: int, buffer: int, amount: int, offset: int) -> int:
        path = _paths[file]
        if code := CALLS.at("write", path):
            return code
        _remember(path, offset, amount)
        return int(real_write(file, buffer, amount, offset))

    def truncate(file: int, size: int) -> int:
        path = _paths[file]
        if code := CALLS.at("truncate", path):
            return code
        _remember(path, size, os.path.getsize(path) if os.path.exists(path) else 0)
        return int(real_truncate(file, size))

    def sync(file: int, flags: int) -> int:
        if code := CALLS.at("sync", _paths[file]):
            return code
        _unsynced.pop(_paths[file], None)
        return int(real_sync(file, flags))

    def shm_map(file: int, region: int, size: int, extend: int, out: Any) -> int:
        assert real_shm is not None
        return (extend and CALLS.at("shm", _paths[file] + "-shm")) or int(real_shm(file, region, size, extend, out))

    made = {
        "read": _Move(read),
        "write": _Move(write),
        "truncate": _Truncate(truncate),
        "sync": _Sync(sync),
    } | ({"shm_map": _Shm(shm_map)} if real_shm else {})
    for name, function in made.items():
        setattr(table, name, ctypes.cast(function, _P).value)
    _kept_alive.extend((*made.values(), real_read, real_write, real_truncate, real_sync, real_shm))
    return table


def _on_audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Files that Python itself writes: a configuration, accounts, a backup."""
    act: Callable[[tuple[Any, ...]], bool] | None = _AUDITED.get(event)
    if act is not None and (CALLS.kill_at or CALLS.fail_at) and act(arguments):
        path = os.fsdecode(arguments[0]) if not isinstance(arguments[0], int) else ""
        if (code := CALLS.at("file", path)) and code:
            number = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}.get(code, errno.EIO)
            raise OSError(number, os.strerror(number), path)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = arguments
    if not isinstance(path, str | bytes):
        return False
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) or any(char in (mode or "") for char in "wax+")


_AUDITED: dict[str, Callable[[tuple[Any, ...]], bool]] = {"open": _writes} | dict.fromkeys(
    ("os.link", "os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir"), lambda _: True
)


def _remember(path: str, offset: int, amount: int) -> None:
    if CALLS.power is None:
        return
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(offset)
        _unsynced.setdefault(path, []).append((offset, file.read(amount), size))


def lose(seed: int) -> None:
    """What a power failure may do: writes since the last sync are not there, all (seed 0) or some of them."""
    chance = random.Random(seed)
    CALLS.reset()
    for path, writes in _unsynced.items():
        kept = [] if not seed else [chance.random() < 0.5 for _ in writes]
        with suppress(FileNotFoundError), open(path, "r+b") as file:
            for number, (offset, old, size) in reversed(list(enumerate(writes))):
                if kept and kept[number]:
                    continue
                file.seek(offset)
                file.write(old)
                if not any(kept[:number]):
                    file.truncate(size)
        # The shared memory index is made anew from the log.
        with suppress(FileNotFoundError):
            os.unlink(path.removesuffix("-wal") + "-shm")
