# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over the folder of Radicale's own storage: collections, properties, items. Imported by cli.

Texts, names and properties come over as they are, so ETags stay as well. What is here already is never changed: run
again, it only fetches what it has not fetched yet, and without that draws no revision.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radicale_bcm.books import collections, history, items, view
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Actor, Subject
from radicale_bcm.books.items import NewItem
from radicale_bcm.sync.errors import NotThere
from radicale_bcm.sync.pull import Progress
from radicale_bcm.sync.unit import Site, Unit

ROOT = "collection-root"
PROPERTIES = ".Radicale.props"
_OWN = ".Radicale"
_BATCH = 200

Read = Callable[[str, str, str], NewItem]
"""(href, text, tag of the collection) -> the item, with that text as far as it can be served; any exception says why
it cannot be taken over."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A file or folder that did not come over as it is, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What was taken over, what was here already, what could not be read, and what is kept although it differs."""

    collections: int = 0
    items: int = 0
    unchanged: int = 0
    unreadable: list[Remark] = field(default_factory=list)
    kept: list[Remark] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For machines."""

        def listed(remarks: list[Remark]) -> list[dict[str, str]]:
            return [{"path": each.path, "reason": each.reason} for each in remarks]

        return {
            "collections": self.collections,
            "items": self.items,
            "unchanged": self.unchanged,
            "unreadable": listed(self.unreadable),
            "kept": listed(self.kept),
        }


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder of the old storage: its path as a collection, and the names of its files."""

    place: Path
    path: str
    files: tuple[str, ...]


class Takeover:
    """One run. `encoding` is that of the files; `outcome` grows as it goes on."""

    def __init__(self, site: Site, actor: Actor, folder: Path, read: Read, encoding: str = "utf-8") -> None:
        self._site = site
        self._actor = actor
        self._read = read
        self._encoding = encoding
        self._root = folder / ROOT if (folder / ROOT).is_dir() else folder
        self.outcome = Outcome()

    def run(self, *, dry_run: bool = False, progress: Progress | None = None) -> None:
        """Take over everything, in units of work of some hundred items.

        NotThere if this is no such folder. An interrupted run is finished by the next one.
        """
        if not self._root.is_dir():
            raise NotThere(f"there is no folder {self._root}")
        folders = list(self._folders(self._root, "", ()))
        # Any other folder of a disk would come over as collections without a kind.
        if not any((each.place / PROPERTIES).exists() for each in folders):
            raise NotThere(f"{self._root} has no collections of Radicale: name the folder that has {ROOT} in it")
        total, done = sum(len(each.files) for each in folders), 0
        for each in folders:
            for size in self._take(each, dry_run=dry_run):
                done += size
                if progress:
                    progress(done, total)

    def _folders(self, place: Path, path: str, above: tuple[Path, ...]) -> Iterator[_Folder]:
        real = place.resolve()
        if real in above:
            self._unreadable(path, "this folder is a link to one above it")
            return
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            self._unreadable(path, error.strerror or str(error))
            return
        files, below = [], []
        for entry in entries:
            if entry.name.startswith(_OWN):
                continue
            if not _is_name(entry.name):
                self._unreadable(f"{path}/{entry.name}", "Radicale does not show names like this")
            elif entry.is_dir():
                below.append(entry)
            elif entry.is_file():
                files.append(entry.name)
            else:
                self._unreadable(f"{path}/{entry.name}", "this is no file")
        yield _Folder(place, path, tuple(files))
        for entry in below:
            name = f"{path}/{entry.name}".lstrip("/")
            if entry.is_symlink():
                self._kept(name, f"a link to {entry.path and Path(entry.path).resolve()}: taken over as a copy")
            yield from self._folders(Path(entry.path), name, (*above, real))

    def _take(self, folder: _Folder, *, dry_run: bool) -> Iterator[int]:
        """Take over a folder; yields how many files are done with."""
        if folder.path and not collections.fits(folder.path):
            self._unreadable(folder.path, "the path is too long")
            yield len(folder.files)
            return
        try:
            props = self._properties(folder)
        except (OSError, ValueError, TypeError) as error:
            self._unreadable(folder.path, f"its properties cannot be read: {error}")
            yield len(folder.files)
            return
        if not props.get("tag"):
            for name in folder.files:
                self._unreadable(f"{folder.path}/{name}", "its folder is neither address book nor calendar")
        wanted = folder.files if props.get("tag") else ()
        for start in range(0, max(len(wanted), 1), _BATCH):
            part = wanted[start : start + _BATCH]
            with self._site.write(self._actor) as unit:
                # Created anew by each batch of a dry run, which keeps nothing.
                found = self._collection(unit, folder, props, first=start == 0)
                if found is not None and part:
                    self._items(unit, found, folder, part, tag=props["tag"])
                unit.failed = dry_run
            yield len(part)
        yield len(folder.files) - len(wanted)

    def _properties(self, folder: _Folder) -> dict[str, str]:
        try:
            text = (folder.place / PROPERTIES).read_text(self._encoding)
        except FileNotFoundError:
            return {}
        found = json.loads(text)
        if not isinstance(found, dict):
            raise TypeError(f"{PROPERTIES} holds no JSON object")
        return {str(name): str(value) for name, value in found.items()}

    def _collection(self, unit: Unit, folder: _Folder, props: dict[str, str], *, first: bool) -> Collection | None:
        found = collections.get(unit.conn, folder.path)
        if found is None:
            if not folder.path and not props:
                return None
            self.outcome.collections += first
            return collections.create(unit.conn, folder.path, props, unit.revision, unit.at)
        if found.props == props:
            return found
        if found.props:
            same_kind = found.tag == props.get("tag", "")
            if first:
                other = f"it is of another kind here ({found.tag or 'folder'}): left out with its items"
                self._kept(folder.path, "it has other properties here" if same_kind else other)
            return found if same_kind else None
        # A principal's collection, made when the person logged in here for the first time.
        self.outcome.collections += first
        collections.set_props(unit.conn, found.id, props, unit.revision, unit.at)
        return collections.get(unit.conn, folder.path)

    def _items(self, unit: Unit, target: Collection, folder: _Folder, names: tuple[str, ...], *, tag: str) -> None:
        here = view.find(unit.conn, view.open_folder(unit.conn, target), names)
        gone = items.removed_since(unit.conn, target.id, 0)
        fresh: list[NewItem] = []
        for name in names:
            path = f"{folder.path}/{name}"
            text = self._text(folder.place / name, path)
            if text is None:
                continue
            if name in here:
                self._already_here(path, text, here[name], tag)
            elif name in gone:
                self._kept(path, "it was deleted here since")
            else:
                new = self._made(path, name, text, tag)
                if new is not None:
                    fresh.append(new)
        if fresh:
            items.put_many(unit.conn, target.id, fresh, unit.revision, unit.at)
            subject = Subject(f"{len(fresh)} items", path=target.path)
            note = {"from": str(folder.place)}
            history.write(unit.conn, unit.revision, unit.at, unit.actor, "taken over", subject, {}, note)
            self.outcome.items += len(fresh)

    def _already_here(self, path: str, text: str, found: view.Resource, tag: str) -> None:
        if found.card_id is not None:
            self._kept(path, "a business card has this name here")
        elif found.text == text:
            self.outcome.unchanged += 1
        else:
            new = self._made(path, found.href, text, tag)
            if new is not None and new.text == found.text:
                self.outcome.unchanged += 1
            elif new is not None:
                self._kept(path, "it was changed here since")

    def _text(self, file: Path, path: str) -> str | None:
        try:
            text = file.read_bytes().decode(self._encoding)
        except OSError as error:
            self._unreadable(path, error.strerror or str(error))
        except UnicodeError:
            self._unreadable(path, f"its text is not {self._encoding.upper()}")
        else:
            return text
        return None

    def _made(self, path: str, name: str, text: str, tag: str) -> NewItem | None:
        try:
            new = self._read(name, text, tag)
        except Exception as error:  # noqa: BLE001 - a reader of calendars raises whatever it likes, one file spoils no others
            self._unreadable(path, str(error) or type(error).__name__)
            return None
        if not items.fits(name, new.uid):
            self._unreadable(path, "its name or its UID is too long")
            return None
        return new

    def _unreadable(self, path: str, reason: str) -> None:
        self.outcome.unreadable.append(Remark(f"/{path.lstrip('/')}", reason))

    def _kept(self, path: str, reason: str) -> None:
        self.outcome.kept.append(Remark(f"/{path.lstrip('/')}", reason))


def _is_name(name: str) -> bool:
    """Whether Radicale shows files and folders of this name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not name.startswith(".") and not name.endswith("~")
