# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones that remember every token that they ever got, with what they had then. Imported by the histories."""

import random
import re
from collections.abc import Set
from dataclasses import dataclass, field

from sqlalchemy import Connection

from radicale_bcm.books import collections, delta, items, revisions, view
from radicale_bcm.books.revisions import InvalidToken
from radicale_bcm.books.view import Folder, Resource
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.model import Contact
from radicale_bcm.sync import pull
from tests.histories.world import World

# What a card shows of the fields that histories change.
_VISIBLE = ("given_name", "family_name", "company", "job_title", "business_city", "business_country", "note")


@dataclass
class Memory:
    """A token with the replica of that moment; `seen` counts the states that were observed before it,
    `switches` the changes of the database."""

    token: str
    revision: int
    replica: dict[str, tuple[str, str]]
    seen: int
    switches: int


@dataclass
class Watch:
    """What all phones of one folder know: their memories, and every state in which the folder ever was."""

    path: str
    memories: list[Memory] = field(default_factory=list)
    states: list[frozenset[str]] = field(default_factory=list)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    revision: int = -1

    def observe(self, world: World, conn: Connection) -> None:
        """Take down which members the folder has now, as it was committed."""
        folder = view.open_folder(conn, world.collection(conn, self.path))
        if folder.revision == self.revision:
            return
        self.revision = folder.revision
        hrefs = [each.href for each in view.briefs(conn, folder)]
        assert len(hrefs) == len(set(hrefs)), ("two members with one href", sorted(hrefs))
        self.states.append(frozenset(hrefs))


def observe_all(world: World, watches: dict[str, Watch]) -> None:
    """Take down the state of every folder."""
    with world.site.read() as conn:
        stamp = revisions.stamp(conn)
        if stamp == world.observed:
            return
        world.observed = stamp
        for principal in collections.children(conn, ""):
            for each in collections.children(conn, principal.path):
                watches.setdefault(each.path, Watch(each.path)).observe(world, conn)


def look(world: World, watches: dict[str, Watch], chance: random.Random | None = None) -> None:
    """Let every phone sync from every token that it ever got, and compare with the model; with a chance, from its
    latest token and from some other one."""
    pull.pull_all(world.site)
    world.unseen_deletes = 0
    observe_all(world, watches)
    rows = world.rows()
    with world.site.read() as conn:
        numbers = world.card_ids(conn)
        for watch in watches.values():
            folder = view.open_folder(conn, world.collection(conn, watch.path))
            now = {each.href: each for each in view.resources(conn, folder)}
            _check_state(world, watch, conn, folder, now, world.shown(conn, watch.path, rows, numbers))
            for memory in _chosen(watch.memories, chance):
                _check_delta(world, watch, conn, folder, memory, now)
                world.counts["syncs from a token"] += 1
            if world.wire is not None and watch.strange:
                assert world.wire.sync(world.site, watch.path, watch.strange[-1]) is None, "a strange token is taken"
            for token in watch.strange if chance is None else watch.strange[-1:]:
                _check_refused(conn, folder, token)
                world.counts["syncs from a token of before a restore"] += 1
            _remember(world, watch, conn, folder, now)


def _chosen(memories: list[Memory], chance: random.Random | None) -> list[Memory]:
    if chance is None or len(memories) < 3:
        return memories
    return [memories[-1], chance.choice(memories[:-1])]


def _check_refused(conn: Connection, folder: Folder, token: str) -> None:
    """A token that was issued after the backup that was restored is strange, although its number is used again."""
    try:
        revisions.read_token(conn, folder.collection.id, token)
    except InvalidToken:
        return
    raise AssertionError(("a token of a history that never was is taken", token))


def _check_state(
    world: World,
    watch: Watch,
    conn: Connection,
    folder: Folder,
    now: dict[str, Resource],
    wanted: dict[int, Contact],
) -> None:
    business = {href: each for href, each in now.items() if each.card_id not in (None, view.GROUP_CARD)}
    plain = {href: each.text for href, each in now.items() if each.card_id is None}
    world.let_arrive(watch.path, plain)
    assert plain == world.plain[watch.path], "plain contacts"
    shown = {each.card_id or 0: each for each in business.values()}
    assert len(shown) == len(business), "a card twice"
    assert set(shown) == set(wanted), ("business cards", watch.path, sorted(shown), sorted(wanted))
    category = world.category_of(watch.path)
    for number, fields in wanted.items():
        contact = codec.read(shown[number].text)
        for name in _VISIBLE:
            assert contact.get(name, "") == fields.get(name, ""), (number, name, contact.get(name), fields.get(name))
        names = codec.split_categories(fields.get("category", ""))
        if category and category.lower() not in [name.lower() for name in names]:
            names.append(category)
        found = codec.split_categories(contact.get("category", ""))
        assert found == names, ("categories", watch.path, number, found, names)
        asked = {name: fields[name] for name in world.fields_of(watch.path) if fields.get(name)}
        said = dict(re.findall(r"^X-BCM-(OWNER|RATING):(.*)\r$", shown[number].text, re.MULTILINE))
        assert {name.lower(): value for name, value in said.items()} == asked, ("fields", watch.path, number, said)
    _check_group(world, watch, now, [each.uid for each in business.values()])
    uids = [each.uid for each in now.values()]
    assert len(uids) == len(set(uids)), ("two members with one UID", sorted(uids))
    briefs = {each.href: each.etag for each in view.briefs(conn, folder)}
    assert briefs == {href: each.etag for href, each in now.items()}, "short and long list"
    assert view.counts(conn, folder) == (len(plain), len(business)), "counts"
    assert view.find(conn, folder, now) == now, "single looks"
    for each in now.values():
        known = watch.texts.get((each.href, each.etag))
        if known is None:
            # A new text: nothing is the same as before about it.
            assert codec.uid_of(each.text) == each.uid
            assert view.find_uid(conn, folder, each.uid) == each.href
            watch.texts[each.href, each.etag] = each.text
        else:
            assert known == each.text, ("one ETag, two texts", each)


def _check_group(world: World, watch: Watch, now: dict[str, Resource], uids: list[str]) -> None:
    """The group card is there where it has to be, and lists the business cards, in both dialects."""
    found = [each for each in now.values() if each.card_id == view.GROUP_CARD]
    assert len(found) == world.has_group(watch.path), "group card"
    for each in found:
        lines = each.text.replace("\r\n ", "").split("\r\n")
        for head in ("MEMBER:urn:uuid:", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:"):
            assert sorted(line.removeprefix(head) for line in lines if line.startswith(head)) == sorted(uids)


def _check_delta(
    world: World, watch: Watch, conn: Connection, folder: Folder, memory: Memory, now: dict[str, Resource]
) -> None:
    since = revisions.read_token(conn, folder.collection.id, memory.token)
    current = {href: (each.etag, each.text) for href, each in now.items()}
    if since == folder.revision:
        assert memory.replica == current, ("the token is the same, the members are not", memory.token)
        return
    assert since < folder.revision, "a token of the future"
    told = delta.since(conn, folder, since)
    _check_wire(world, watch, memory, told.changed, told.removed, now)
    assert not told.changed & told.removed
    replica = {href: value for href, value in memory.replica.items() if href not in told.removed}
    assert told.changed <= set(now), ("told of what is not there", told.changed - set(now))
    replica |= {href: current[href] for href in told.changed}
    where = (watch.path, memory.token, told)
    assert replica == current, (
        where,
        {href: (replica.get(href, ("",))[0], current.get(href, ("",))[0])
         for href in replica.keys() | current.keys() if replica.get(href) != current.get(href)},
    )  # fmt: skip
    # Each observation is a committed state; the one before the token's is the token's own.
    known = frozenset().union(*watch.states[memory.seen - 1 :])
    assert told.removed <= known, ("told as removed, but not there since that token", where, told.removed - known)
    buried = items.removed_since(conn, folder.collection.id, since)
    for href in told.changed:
        same = memory.replica.get(href) == current[href]
        # A plain contact may have been written anew, or deleted and made again, or stood meanwhile where a card was
        # before and is again. A card that went along to another database is another record's from then on, even if
        # that says the same.
        may_be = now[href].card_id is None or href in buried or memory.switches != world.switches
        assert not same or may_be, ("told as changed, but is not", where, href)


def _check_wire(
    world: World, watch: Watch, memory: Memory, changed: Set[str], removed: Set[str], now: dict[str, Resource]
) -> None:
    """The application answers a delta sync with the same, each once, and the next token."""
    if world.wire is None:
        return
    answer = world.wire.sync(world.site, watch.path, memory.token)
    assert answer is not None, ("the token is refused over HTTP", memory.token)
    assert answer[0] == {href: now[href].etag for href in changed}, ("told over HTTP", watch.path, answer, changed)
    assert answer[1] == removed, ("told over HTTP as removed", watch.path, answer, removed)
    world.counts["syncs over HTTP"] += 1


def _remember(world: World, watch: Watch, conn: Connection, folder: Folder, now: dict[str, Resource]) -> None:
    token = view.token(conn, folder)
    if any(memory.token == token for memory in reversed(watch.memories)):
        return
    replica = {href: (each.etag, each.text) for href, each in now.items()}
    watch.memories.append(Memory(token, folder.revision, replica, len(watch.states), world.switches))
