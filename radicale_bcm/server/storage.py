# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage plugin: `[storage] type = radicale_bcm`. Radicale calls discover, move, create_collection and
acquire_lock; one lock is one unit of work (writing) or one snapshot (reading) of the state database."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

from radicale import item as radicale_item
from radicale import pathutils, types
from radicale.config import Configuration
from radicale.log import logger
from radicale.storage import BaseCollection, BaseStorage, ComponentNotFoundError
from sqlalchemy import Connection

from radicale_bcm.books import collections, view
from radicale_bcm.books.history import Actor
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.server import compat, config, hooks, request, storage_hook
from radicale_bcm.server.collection import Collection
from radicale_bcm.server.item import stored_item
from radicale_bcm.server.refusing import refusing
from radicale_bcm.sync import apply, plain, pull, site
from radicale_bcm.sync.errors import Forbidden, Stale
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.unit import Site, Unit

hooks.install()


PRINCIPAL_SECONDS = 5.0

_SITES: WeakKeyDictionary[Configuration, ref[Site]] = WeakKeyDictionary()


def _site(configuration: Configuration, options: Options, *, create: bool) -> Site:
    """The site of a configuration. Radicale's sharing loads a storage of its own: it uses the same connections, and
    they are closed with those of the application."""
    known = _SITES.get(configuration)
    found = known() if known else None
    if found is None or found.is_closed or found.options != options:
        found = site.open_site(options, create=create)
        _SITES[configuration] = ref(found)
    return found


class Session:
    """What one thread has open: a snapshot, or a unit of work. Locks of one thread nest."""

    def __init__(self, open_conn: Callable[[], Connection] | None = None, unit: Unit | None = None) -> None:
        self._open_conn = open_conn
        self.unit = unit
        if unit is not None:
            self.conn = unit.conn
        # The collections that were asked for, as long as nothing has changed.
        self.seen: dict[str, Collection | None] = {}

    @cached_property
    def conn(self) -> Connection:
        """The state database; a snapshot is opened when it is first looked into."""
        assert self._open_conn is not None
        return self._open_conn()


class _Reading:
    """A reading lock. A class, because each request takes two, and the first asks for nothing but the principal."""

    def __init__(self, storage: "Storage") -> None:
        self._storage = storage
        self._snapshot: AbstractContextManager[Connection] | None = None

    def __enter__(self) -> None:
        # Before that, Radicale only asks whether the principal exists.
        if request.current().handling:
            self._storage.pull()
        self._storage.use(Session(self._open))

    def _open(self) -> Connection:
        snapshot = self._storage.site.read()
        conn = snapshot.__enter__()
        self._snapshot = snapshot
        return conn

    def __exit__(self, *error: Any) -> None:
        self._storage.use(None)
        if self._snapshot is not None:
            self._snapshot.__exit__(*error)


class Storage(BaseStorage):
    """Radicale's storage in the state database, with the business contacts in the sync folders."""

    _is_collision_free = True
    _supports_unicode = True
    _supports_trailing_whitespace = True
    _supports_problematic_chars = True

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(config.with_plugin_schema(configuration))
        options, create = config.options_of(self.configuration)
        self.site = _site(configuration, options, create=create)
        self._local = threading.local()
        self._principals: dict[str, float] = {}
        self.remembered: dict[str, Any] = {}
        self.compares_answers: bool = self.configuration.get("storage", "bcm_compare_answers")
        self._size_limit = compat.size_limit(self.configuration)
        self._make_folder_of_shares()

    def _make_folder_of_shares(self) -> None:
        """Radicale's list of shares is kept below filesystem_folder, which its own storage makes at its start."""
        if compat.option(self.configuration, "sharing", "type", "none") != "none":
            with suppress(OSError):  # Radicale says what is wrong as soon as it looks for the list
                Path(self.configuration.get("storage", "filesystem_folder")).mkdir(parents=True, exist_ok=True)

    def shows(self, found: view.Resource) -> bool:
        """Radicale's own storage hides what is larger than `[server] max_resource_size`; a business card is not."""
        return found.card_id is not None or not compat.is_too_large(found.text, self._size_limit)

    @property
    def session(self) -> Session:
        """What this thread has open; only inside acquire_lock."""
        found: Session | None = getattr(self._local, "session", None)
        if found is None:
            raise RuntimeError("the storage is used outside its lock")
        return found

    @property
    def unit(self) -> Unit:
        """The unit of work of this thread; only inside acquire_lock("w")."""
        unit = self.session.unit
        if unit is None:
            raise RuntimeError("the storage is written to under a reading lock")
        return unit

    def acquire_lock(  # type: ignore[override]
        self, mode: str, user: str = "", *_args: Any, **kwargs: Any
    ) -> AbstractContextManager[object]:
        """Open a snapshot ("r") or a unit of work ("w"); nested calls of a thread share the outer one."""
        if getattr(self._local, "session", None) is not None:
            if mode == "w" and self.session.unit is None:
                raise RuntimeError("a writing lock cannot be taken inside a reading one")
            return nullcontext()
        return _Reading(self) if mode == "r" else self._locked(user, kwargs)

    @contextmanager
    def _locked(self, user: str, facts: dict[str, Any]) -> Iterator[None]:
        with self.site.write(Actor(facts.get("actor") or user, request.current().client, "dav")) as unit:
            self.use(Session(unit=unit))
            try:
                yield
            finally:
                self.use(None)
        if unit.has_drawn:
            self.remembered.clear()  # all of it is of a former state
        command = self.configuration.get("storage", "hook")
        if command:
            storage_hook.run(command, Path(self.configuration.get("storage", "filesystem_folder")), user, facts)

    def use(self, session: Session | None) -> None:
        """What this thread has open from now on."""
        self._local.session = session

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """The connection of this thread's lock, or a snapshot of its own: Radicale renders PROPFIND after its lock."""
        found: Session | None = getattr(self._local, "session", None)
        if found is not None:
            yield found.conn
            return
        with self.site.read() as conn:
            yield conn

    def pull(self) -> None:
        """Show what was committed in the business database until now; a reader goes on without it if it is down."""
        try:
            pull.pull_pending(self.site)
        except DatabaseError as error:
            logger.warning("The business database cannot be read, its cards are served as they were: %s", error)

    def discover(
        self,
        path: str,
        depth: str = "0",
        child_context_manager: Callable[[str, str | None], AbstractContextManager[None]] | None = None,
        user_groups: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> Iterator[types.CollectionOrItem]:
        """Radicale's way to everything: the collection or item at a path and, with depth, what is directly in it."""
        sane = pathutils.strip_path(path)
        if not request.current().handling and self._is_known_principal(sane):
            # Radicale only asks whether the principal exists, before every request (H15).
            yield Collection(self, sane, None)
            return
        collection = self.collection_at(sane)
        if collection is None:
            found = self._item_at(sane)
            if found is not None:
                yield found
            return
        if self.session.unit is None:
            # One state in one answer: token and ETag belong to the snapshot in which the members are listed.
            collection.remember_state()
        yield collection
        if depth != "0":
            yield from self._children(collection, child_context_manager, user_groups)

    def _is_known_principal(self, path: str) -> bool:
        """Whether this collection existed a moment ago; if not, it is looked for and remembered."""
        now = time.monotonic()
        if self._principals.get(path, 0.0) > now:
            return True
        if path and "/" not in path and collections.get(self.session.conn, path) is not None:
            self._principals[path] = now + PRINCIPAL_SECONDS
            return True
        return False

    def forget_principals(self) -> None:
        """A collection was deleted: look anew which principals exist."""
        self._principals.clear()

    def _children(
        self,
        collection: Collection,
        guard: Callable[[str, str | None], AbstractContextManager[None]] | None,
        groups: set[str],
    ) -> Iterator[types.CollectionOrItem]:
        for each in collection.get_all():
            if guard:
                with guard(collection.path, each.href):
                    yield each
            else:
                yield each
        conn = self.session.conn
        of_groups = (collections.get(conn, path) for path in compat.group_paths(self.configuration, groups or ()))
        for row in (*collections.children(conn, collection.path), *filter(None, of_groups)):
            child = Collection(self, row.path, row)
            child.remember_state()
            if guard:
                with guard(row.path, None):
                    yield child
            else:
                yield child

    def collection_at(self, path: str) -> Collection | None:
        """The collection at a path; the root always exists."""
        seen = self.session.seen
        if not self.is_steady or path not in seen:
            # Whoever asks for one that is not there asks for the one around it next.
            rows = collections.some(self.session.conn, [path, collections.parent_of(path)])
            for each in (path, collections.parent_of(path)):
                seen[each] = Collection(self, each, rows.get(each)) if each in rows or not each else None
        return seen[path]

    @property
    def is_reading(self) -> bool:
        """Whether this thread is not about to write."""
        found: Session | None = getattr(self._local, "session", None)
        return found is None or found.unit is None

    @property
    def is_steady(self) -> bool:
        """Whether what this lock's connection was asked before is still true: nothing was written under it."""
        unit = self.session.unit
        return unit is None or not unit.has_drawn

    def _item_at(self, path: str) -> radicale_item.Item | None:
        parent = self.collection_at(collections.parent_of(path))
        if parent is None or parent.row is None:
            return None
        found = self.resource_at(parent, path.rpartition("/")[2])
        return stored_item(parent, found, uid=_uid_as_sent(found)) if found else None

    def resource_at(self, parent: Collection, href: str) -> view.Resource | None:
        """What is at an href now. Under a writing lock, what is committed in the business database counts (C6), and
        the ETag of a card that holds already what is being sent is the one that the client knows."""
        found = parent.resource(href)
        if found is None:
            return None
        writing = self.session.unit is not None
        if writing and found.card_id is not None and parent.read_through(found.card_id):
            found = view.get(self.session.conn, parent.folder, href)
            if found is None:
                return None
        if not self.shows(found):
            return None
        if self.session.unit is not None and found.etag != request.current().if_match and parent.holds_already(found):
            found = found._replace(etag=request.current().if_match)
        return found

    def create_collection(
        self,
        href: str,
        items: Iterable[radicale_item.Item] | None = None,
        props: Mapping[str, str] | None = None,
    ) -> tuple[BaseCollection, dict[str, radicale_item.Item], list[str]]:
        """Create a collection, or replace it where props are given (RFC 4791 5.3.1, RFC 5689, PUT on a collection)."""
        path = pathutils.strip_path(href)
        with refusing(self.unit):
            existing = self.collection_at(path)
            if existing is not None and not props:
                return existing, {}, []
            if path and not collections.fits(path):
                raise Forbidden("the path is too long")
            if existing is not None:
                return existing.replace(items or (), props or {})
            row = collections.create(self.unit.conn, path, props or {}, self.unit.revision, self.unit.at)
            created = Collection(self, path, row)
            hrefs = created.fill(items or ()) if row.tag else []
            return created, {}, hrefs

    def move(self, item: radicale_item.Item, to_collection: BaseCollection, to_href: str) -> None:
        """Move an item (RFC 4918 9.9); a business card leaves its folder by C12."""
        source = item.collection
        assert isinstance(source, Collection)
        assert isinstance(to_collection, Collection)
        assert item.href
        assert source.row is not None
        assert to_collection.row is not None
        with refusing(self.unit):
            found = view.get(self.unit.conn, source.folder, item.href)
            if found is None:
                raise ComponentNotFoundError(item.href)
            if request.current().if_match not in ("", "*", found.etag):
                raise Stale("it changed meanwhile")  # Radicale does not ask for MOVE
            try:
                if found.card_id is not None:
                    apply.move_out(self.unit, source.folder, found, to_collection.row, to_href)
                else:
                    apply.refuse_business_target(self.unit, to_collection.folder, to_href)
                    plain.move(self.unit, source.row, item.href, to_collection.row, to_href)
            except Forbidden:
                # Clients have moved it on their side already: it comes back at the next sync.
                apply.refused(self.unit, source.folder, item.href, found.card_id)
                raise

    def verify(self) -> bool:
        """Whether every stored object can be read."""
        readable = True
        for collection in self._everything(""):
            for each in collection.get_all():
                try:
                    each.vobject_item  # noqa: B018
                except Exception as error:  # noqa: BLE001
                    logger.error("Cannot read %r in %r: %s", each.href, collection.path, error)
                    readable = False
        return readable

    def _everything(self, path: str) -> Iterator[Collection]:
        with self.snapshot() as conn:
            rows = collections.children(conn, path)
        for row in rows:
            yield Collection(self, row.path, row)
            yield from self._everything(row.path)


def _uid_as_sent(found: view.Resource) -> str | None:
    """The UID of the card that is being PUT, where that must not matter: a business card's UID belongs to the server
    (C4), and a card without one was given one by us."""
    sent = request.current().cards
    if request.current().method != "PUT" or len(sent) != 1:
        return None
    if found.card_id is not None or sent[0].generated_uid:
        return str(sent[0].uid.value)
    return None
