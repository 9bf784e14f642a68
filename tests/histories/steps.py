# SPDX-License-Identifier: GPL-3.0-or-later
"""What people, phones and other programs do: random steps, each told to the model as well. Imported by the histories;
what administrators do, and accidents, are in `admin` and `accidents`."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection, select

from radicale_bcm.books import cards, items, revisions, view
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.items import NewItem
from radicale_bcm.books.schema import alias
from radicale_bcm.books.schema import card as cards_table
from radicale_bcm.books.view import Resource
from radicale_bcm.contacts import card as codec
from radicale_bcm.sync import apply, guard, plain, pull, records, setup, trash
from radicale_bcm.sync.apply import Sent
from radicale_bcm.sync.errors import Refused
from radicale_bcm.sync.setup import Choice
from tests.dav import card
from tests.histories.stage import Row
from tests.histories.wire import Wire
from tests.histories.world import Model, Person, World

FILTERS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    ("owner=%me",),
    ("city=Seattle|Redmond",),
    ("company=Contoso*",),
    ("owner=%me", "rating=2.."),
    ("city=<>Seattle",),
    ("category=*VIP*",),
    ("owner=alice",),
)
CITIES = ("Seattle", "Redmond", "Bremen", "")
COMPANIES = ("Contoso Ltd", "Fabrikam", "")
OWNERS = ("alice", "bob", "carol", "")
CATEGORIES = ("", "VIP", "Business", "business,VIP")
FIELDS: tuple[tuple[str, ...], ...] = ((), ("owner",), ("rating", "owner"), ("rating",))
SETUP_CATEGORIES = ("Business", "", "Customer", "VIP")
FOLDERS = ("Contacts", "Contacts", "Work")

Step = Callable[["Life"], str]


class Life:
    """One history: a world and its chance."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.seed = seed
        self.random = random.Random(seed)
        self.number = 0
        self.steps: tuple[tuple[Step, int], ...] = STEPS
        self.backup: tuple[Model, int] | None = None

    def uuid(self) -> str:
        """A new UID."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def prologue(self) -> list[str]:
        """Something to happen to."""
        return [each(self) for each in (sql_insert, start, sql_insert, start, add, bring_over)]

    def step(self) -> str:
        """Let something happen. Returns what it was."""
        (chosen,) = self.random.choices([step for step, _ in self.steps], [weight for _, weight in self.steps])
        return self.attempt(chosen)

    def attempt(self, chosen: Step) -> str:
        """Let this happen, which may be refused. Returns what came of it."""
        try:
            told = chosen(self)
        except Refused as error:
            told = f"{chosen.__name__} refused: {error.reason}"
        kind = (
            "nothing to do"
            if told == "nothing"
            else "refused"
            if ": refused" in told or " refused: " in told
            else "done"
        )
        self.world.counts[f"{chosen.__name__}: {kind}"] += 1
        return told

    # What there is

    def any_record(self, *, deleted: bool = False) -> str | None:
        """The id of some record."""
        found = [number for number, row in self.world.rows().items() if (row["deleted_at"] is not None) == deleted]
        return self.random.choice(found) if found else None

    def anybody(self, *, enabled: bool | None = None) -> Person | None:
        """Some person."""
        found = [each for each in self.world.people.values() if enabled is None or each.enabled == enabled]
        return self.random.choice(found) if found else None

    def business_card(self) -> tuple[Person, Resource] | None:
        """Some business card that somebody sees."""
        person = self.anybody(enabled=True)
        if person is None:
            return None
        with self.world.site.read() as conn:
            folder = view.open_folder(conn, self.world.collection(conn, person.path))
            shown = sorted(view.all_cards(conn, folder), key=lambda each: each.card_id or 0)
        return (person, self.random.choice(shown)) if shown else None

    def contact_values(self) -> dict[str, str]:
        """Values of a business contact."""
        self.number += 1
        choose = self.random.choice
        return {
            "given_name": f"Person{self.number}",
            "family_name": choose(("Brigandi", "Ng", "")),
            "business_city": choose(CITIES),
            "company": choose(COMPANIES),
            "owner": choose(OWNERS),
            "rating": choose(("1", "3", "")),
            "category": choose(CATEGORIES),
        }

    def one_value(self) -> dict[str, str]:
        """A value to change."""
        values = self.contact_values() | {"note": f"Note {self.number}"}
        name = self.random.choice(sorted(values))
        return {name: values[name]}


# The business database, by other programs


def sql_insert(life: Life) -> str:
    values: dict[str, str | None] = {name: value or None for name, value in life.contact_values().items()}
    if life.random.random() < 0.2:
        # A record with the UID of somebody's plain contact.
        texts = [text for texts in life.world.plain.values() for text in texts.values()]
        uids = {row["uid"] for row in life.world.rows().values()}
        free = [uid for uid in map(codec.uid_of, texts) if uid and uid not in uids]
        if free:
            values["uid"] = life.random.choice(free)
    marks = ", ".join("?" for _ in values)
    life.world.sql(f"INSERT INTO contact ({', '.join(values)}) VALUES ({marks})", *values.values())
    return f"INSERT {values}"


def sql_update(life: Life) -> str:
    number = life.any_record()
    if number is None:
        return sql_insert(life)
    ((name, value),) = life.one_value().items()
    life.world.sql(f"UPDATE contact SET {name} = ? WHERE id = ?", value or None, number)
    return f"UPDATE {number} {name}={value}"


def sql_update_many(life: Life) -> str:
    before, after = life.random.choice(CITIES), life.random.choice(CITIES)
    life.world.sql("UPDATE contact SET business_city = ? WHERE business_city = ?", after or None, before)
    return f"UPDATE all {before} -> {after}"


def sql_delete(life: Life) -> str:
    number = life.any_record(deleted=life.random.random() < 0.3)
    if number is None:
        return "nothing"
    if life.world.unseen_deletes == 2:
        bring_over(life)  # more at once are another story: tests/contract/test_trust_deleted.py
    life.world.sql("DELETE FROM contact WHERE id = ?", number)
    life.world.unseen_deletes += 1
    return f"DELETE {number}"


def sql_trash(life: Life) -> str:
    number = life.any_record()
    life.world.sql("UPDATE contact SET deleted_at = '2026-01-01 00:00:00', deleted_by = 'x' WHERE id = ?", number)
    return f"trashed by SQL: {number}"


def sql_restore(life: Life) -> str:
    number = life.any_record(deleted=True)
    life.world.sql("UPDATE contact SET deleted_at = NULL, deleted_by = NULL WHERE id = ?", number)
    return f"restored by SQL: {number}"


def sql_type(life: Life) -> str:
    number = life.any_record()
    kind = life.random.choice(("account", "business-contact", "business-contact"))
    life.world.sql("UPDATE contact SET type = ? WHERE id = ?", kind, number)
    return f"type of {number}: {kind}"


def sql_uid(life: Life) -> str:
    """A card keeps its UID, whatever becomes of the record's."""
    number = life.any_record()
    life.world.sql("UPDATE contact SET uid = ? WHERE id = ?", life.uuid(), number)
    return f"another UID for {number}"


def bring_over(life: Life) -> str:
    counts = pull.pull_all(life.world.site)
    life.world.unseen_deletes = 0
    return f"pull {counts}"


def compare(life: Life) -> str:
    return f"compare {pull.compare_all(life.world.site)}"


# The business database, by commands


def add(life: Life) -> str:
    values = life.contact_values()
    with life.world.acting("admin", "command") as unit:
        record = records.add(unit, values)
    life.world.ledger.wrote(life.world.model.current, record.id, values)
    return f"add {record.id} {values}"


def edit(life: Life) -> str:
    number = life.any_record()
    if number is None:
        return add(life)
    values = life.one_value()
    row = life.world.rows()[number]
    with life.world.acting("admin", "command") as unit:
        records.edit(unit, number, values)
    if row["type"] == "account":
        # Nobody is shown what another program writes there: what it said before, and says still, is not ours.
        values = {name: value for name, value in values.items() if str(row[name] or "") != value}
    life.world.ledger.wrote(life.world.model.current, number, values)
    return f"edit {number} {values}"


def delete(life: Life) -> str:
    number = life.any_record()
    if number is None:
        return "nothing"
    with life.world.acting("admin", "command") as unit:
        records.delete(unit, number)
    return f"delete {number}"


def restore(life: Life) -> str:
    """Deleted Items come back, those too that another program removed."""
    with life.world.acting("admin", "command") as unit:
        deleted = [each.id for each in trash.listed(unit) if not each.id.startswith("plain-")]
        if not deleted:
            return "nothing"
        number = life.random.choice(deleted)
        trash.restore(unit, [number])
    with life.world.site.read() as conn:
        restored = life.world.card_ids(conn).get(number, 0)
    for person in life.world.people.values():
        # Those see it again, too, whose own delete of it is beyond the bound.
        if person.hidden.get(restored) == "quarantine":
            del person.hidden[restored]
    return f"restore {number}"


# Set-ups


def start(life: Life) -> str:
    person = life.anybody()
    assert person is not None
    choose, maybe = life.random.choice, life.random.random
    choice = Choice(
        folder=choose(FOLDERS) if not person.folder or maybe() < 0.4 else None,
        filters=choose(FILTERS) if maybe() < 0.7 else None,
        category=choose(SETUP_CATEGORIES) if maybe() < 0.3 else None,
        access=choose(("rw", "rw", "business-ro", "ro")) if maybe() < 0.3 else None,
        on_delete=choose(setup.ON_DELETE) if maybe() < 0.4 else None,
        shown_fields=choose(FIELDS) if maybe() < 0.3 else None,
    )
    with life.world.acting("admin", "command") as unit:
        setup.start(unit, person.name, choice)
    folder = choice.folder or person.folder
    if person.enabled and folder != person.folder:
        # What was deleted among the kept cards stays deleted, in the other folder too.
        person.hidden = {
            number: kind for number, kind in person.hidden.items() if number in person.kept and kind == "unfollow"
        }
    person.folder, person.enabled = folder, True
    life.world.plain.setdefault(person.path, {})
    for name in ("filters", "category", "access", "on_delete", "shown_fields"):
        value = getattr(choice, name)
        if value is not None:
            setattr(person, name, value)
    return f"start {person.name} {choice}"


def stop(life: Life) -> str:
    person = life.anybody(enabled=True)
    if person is None:
        return "nothing"
    with life.world.acting("admin", "command") as unit:
        setup.stop(unit, person.name)
    person.enabled = False
    person.hidden.clear()
    person.kept.clear()
    return f"stop {person.name}"


def decide_quarantine(life: Life) -> str:
    person = life.anybody(enabled=True)
    if person is None or "quarantine" not in person.hidden.values():
        return "nothing"
    confirmed = life.random.random() < 0.5
    with life.world.acting("admin", "command") as unit:
        (guard.confirm if confirmed else guard.restore)(unit, person.name)
    waiting = {number for number, kind in person.hidden.items() if kind == "quarantine"}
    for number in waiting:
        if confirmed and number in person.kept:
            person.hidden[number] = "unfollow"  # its record is in a database that nothing touches any more
        else:
            del person.hidden[number]
    return f"quarantine of {person.name}: {'confirmed' if confirmed else 'restored'}"


# Phones


def put_plain(life: Life) -> str:
    person = life.anybody()
    assert person is not None
    folders = sorted(path for path in life.world.plain if path.startswith(f"{person.name}/"))
    path = person.path if person.path in folders and life.random.random() < 0.6 else life.random.choice(folders)
    mine = sorted(life.world.plain[path])
    href, uid = f"plain{life.number}.vcf", life.uuid()
    if mine and life.random.random() < 0.4:
        href = life.random.choice(mine)
        uid = codec.uid_of(life.world.plain[path][href]) or uid
    elif life.random.random() < 0.7:
        # A phone writes a card anew that the folder showed once, or that another shows, at its own address or not.
        with life.world.site.read() as conn:
            folder = view.open_folder(conn, life.world.collection(conn, path))
            shown = {each.href for each in view.briefs(conn, folder)}
            known = [each for each in _addresses(conn) if each[0] not in shown]
        if known:
            old_href, old_uid = life.random.choice(known)
            kind = life.random.random()
            href = old_href if kind < 0.7 else href
            uid = old_uid if kind > 0.3 else uid
    life.number += 1
    text = card(uid, f"Plain {life.number}")
    _put(life, path, href, uid, text)
    life.world.plain[path][href] = text
    life.world.ledger.put(path, href, text)
    if life.random.random() < 0.1:
        with life.world.once_more():
            assert not _put(life, path, href, uid, text), "the same once more is a change"
        life.world.counts["a PUT repeated"] += 1
    return f"put {path}/{href} {uid}"


def _addresses(conn: Connection) -> list[tuple[str, str]]:
    """href and UID of every business card, shown or not, and of their other places."""
    own = select(cards_table.c.href, cards_table.c.uid).order_by(cards_table.c.id)
    other = select(alias.c.href, alias.c.uid).order_by(alias.c.collection_id, alias.c.card_id)
    return [tuple(row) for query in (own, other) for row in conn.execute(query)]


def _put(life: Life, path: str, href: str, uid: str, text: str) -> bool:
    """A PUT, or what Radicale and our collection do with one. Returns whether anything was changed."""
    world = life.world
    if world.wire is not None:
        pull.pull_pending(world.site)  # as the application does first: what stands there is what it sees
        with world.site.read() as conn:
            _refuse_put(conn, world, path, href, uid)
            before = revisions.stamp(conn)
        if not world.is_done(world.wire.put(world.site, path, href, text)):
            raise Refused("by the application")
        with world.site.read() as conn:
            return revisions.stamp(conn) != before
    with world.acting(path.partition("/")[0]) as unit:
        collection = _refuse_put(unit.conn, world, path, href, uid)
        plain.put(unit, collection, NewItem(href, uid, "VCARD", "", 0, 0, text))
    return "revision" in vars(unit)


def _refuse_put(conn: Connection, world: World, path: str, href: str, uid: str) -> Collection:
    collection = world.collection(conn, path)
    folder = view.open_folder(conn, collection)
    before = view.get(conn, folder, href)
    if before is not None and before.card_id is not None:
        raise Refused("a business card stands there")
    taken = view.find_uid(conn, folder, uid)
    if taken not in (None, href) or (before is not None and before.uid != uid):
        raise Refused("the UID is in use")
    return collection


def delete_plain(life: Life) -> str:
    found = sorted((path, href) for path, mine in life.world.plain.items() for href in mine)
    if not found:
        return put_plain(life)
    path, href = life.random.choice(found)
    wire = life.world.wire
    if wire is not None:
        if not life.world.is_done(wire.delete(life.world.site, path, href)):
            raise Refused("by the application")
    else:
        with life.world.acting(path.partition("/")[0]) as unit:
            plain.delete(unit, life.world.collection(unit, path), href)
    del life.world.plain[path][href]
    return f"delete {path}/{href}"


def restore_plain(life: Life) -> str:
    """Deleted Items of a folder come back, if their place is free."""
    with life.world.acting("admin", "command") as unit:
        deleted = [each for each in trash.listed(unit) if each.id.startswith("plain-")]
        if not deleted:
            return "nothing"
        chosen = life.random.choice(deleted)
        path = chosen.path.strip("/")
        (old,) = items.trashed(unit.conn, [int(chosen.id.removeprefix("plain-"))])
        trash.restore(unit, [chosen.id])
    life.world.plain[path][old.href] = old.text
    return f"restore plain {path}/{old.href}"


def move_plain(life: Life) -> str:
    found = sorted((path, href) for path, mine in life.world.plain.items() for href in mine)
    if not found:
        return "nothing"
    path, href = life.random.choice(found)
    name = path.partition("/")[0]
    target = life.random.choice(sorted(each for each in life.world.plain if each.startswith(f"{name}/")))
    to = href if life.random.random() < 0.7 else f"moved{life.number}.vcf"
    life.number += 1
    uid = codec.uid_of(life.world.plain[path][href]) or ""
    if life.world.wire is not None and target != path:
        if not life.world.is_done(life.world.wire.move(life.world.site, path, href, target, to)):
            raise Refused("by the application")
        life.world.plain[target][to] = life.world.plain[path].pop(href)
        return f"move {path}/{href} to {target}/{to}"
    with life.world.acting(name) as unit:
        folder = view.open_folder(unit.conn, life.world.collection(unit, target))
        there = view.get(unit.conn, folder, to)
        taken = view.find_uid(unit.conn, folder, uid)
        if there is not None or (taken is not None and target != path):
            raise Refused("something is there")
        apply.refuse_business_target(unit, folder, to)
        plain.move(unit, life.world.collection(unit, path), href, folder.collection, to)
    life.world.plain[target][to] = life.world.plain[path].pop(href)
    return f"move {path}/{href} to {target}/{to}"


def edit_card(life: Life) -> str:
    found = life.business_card()
    if found is None:
        return "nothing"
    person, shown = found
    ((name, value),) = life.one_value().items()
    name, text = edited(shown.text, name, value)
    told = f"{person.name} edits {shown.href} {name}={value}"
    rows = life.world.rows()
    how = _edit(life, person, shown, text)
    if how not in ("edited", "kept"):
        return f"{told}: {how}"
    number = shown.card_id or 0
    if how == "kept":
        life.world.counts["edits of a kept card"] += 1
        _edit_kept(life, person, number, name, value)
    elif name != "category":
        record_id = _record_of(life, number)
        # What another program wrote and the phone only says again is not the phone's.
        if str(rows[record_id][name] or "") != value:
            life.world.ledger.wrote(life.world.model.current, record_id, {name: value})
    if life.random.random() < 0.15:
        # The answer was lost, and the phone sends it once more.
        before = life.world.rows()
        with life.world.once_more():
            _edit(life, person, shown, text)
        assert _without_times(life.world.rows()) == _without_times(before), "an edit that was repeated is another one"
        life.world.counts["an edit repeated"] += 1
    return told


def _without_times(rows: dict[str, Row]) -> dict[str, Row]:
    return {
        number: {n: v for n, v in row.items() if n not in ("modified_at", "version")} for number, row in rows.items()
    }


def _record_of(life: Life, card_id: int) -> str:
    with life.world.site.read() as conn:
        own = cards.get(conn, card_id)
    assert own is not None
    return own.record_id


def _edit_kept(life: Life, person: Person, number: int, name: str, value: str) -> None:
    fields = life.world.model.kept[number]
    if name == "category":
        # The set-up's is nobody's: with or without it, nothing was changed. These phones show no categories, so
        # that all of them are left out means nothing.
        names, sent = codec.split_categories(fields.get(name, "")), codec.split_categories(value)
        own = [each for each in names if each.lower() != person.category.lower()]
        after = [each for each in sent if each.lower() != person.category.lower()]
        also = [each for each in names if each not in own]
        value = fields.get(name, "") if own == after or not after else codec.join_categories([*also, *after])
    if value:
        fields[name] = value
    else:
        fields.pop(name, None)


def _edit(life: Life, person: Person, shown: Resource, text: str) -> str:
    wire = life.world.wire
    if wire is not None:
        status = wire.put(life.world.site, person.path, shown.href, text, shown.etag)
        if not life.world.is_done(status):
            return "gone meanwhile" if status == 412 else "refused"
        return "kept" if shown.card_id in person.kept else "edited"
    with life.world.acting(person.name) as unit:
        folder = view.open_folder(unit.conn, life.world.collection(unit, person.path))
        own = cards.get(unit.conn, shown.card_id or 0)
        assert own is not None
        current = apply.read_through(unit, own)
        folder = view.open_folder(unit.conn, life.world.collection(unit, person.path))
        now = view.get(unit.conn, folder, shown.href)
        if current is None or now is None or now.card_id != shown.card_id:
            return "gone meanwhile"
        sent = Sent(text, "test", matched=now.etag == shown.etag)
        try:
            apply.edit_card(unit, folder, current, sent)
        except Refused:
            apply.refused(unit, folder, shown.href, shown.card_id)
            return "refused"
    return "kept" if own.id in person.kept else "edited"


def edited(text: str, name: str, value: str) -> tuple[str, str]:
    """Which field a phone changes, and the card that it sends."""
    text = text.replace("\r\n ", "")
    heads = {"business_city": "ADR", "company": "ORG", "note": "NOTE", "category": "CATEGORIES"}
    name = name if name in heads else "note"
    head = heads[name]
    line = {"ADR": f"ADR;TYPE=work:;;;{value};;;", "ORG": f"ORG:{value}", "CATEGORIES": f"CATEGORIES:{value}"}
    text = re.sub(rf"^{head}[;:].*\r\n", "", text, flags=re.MULTILINE)
    added = line.get(head, f"NOTE:{value}") + "\r\n" if value else ""
    return name, text.replace("END:VCARD", f"{added}END:VCARD")


def delete_card(life: Life) -> str:
    found = life.business_card()
    if found is None:
        return "nothing"
    person, shown = found
    told = _delete(life, person, shown)
    return f"{person.name} deletes {shown.href}: {told}"


def _delete(life: Life, person: Person, shown: Resource, move_to: str | None = None) -> str:
    if life.world.wire is not None:
        return _delete_over(life.world.wire, life, person, shown, move_to)
    moved: Resource | None = None
    with life.world.acting(person.name) as unit:
        collection = life.world.collection(unit, person.path)
        own = cards.get(unit.conn, shown.card_id or 0)
        assert own is not None
        current = apply.read_through(unit, own)
        folder = view.open_folder(unit.conn, collection)
        now = view.get(unit.conn, folder, shown.href)
        if current is None or now is None or now.card_id != shown.card_id:
            return "gone meanwhile"
        try:
            if move_to is None:
                apply.delete_card(unit, folder, current)
            else:
                target = view.open_folder(unit.conn, life.world.collection(unit, move_to))
                if view.get(unit.conn, target, shown.href) or view.find_uid(unit.conn, target, shown.uid):
                    return "something is there"
                apply.move_out(unit, folder, now, target.collection, shown.href)
                moved = view.get(unit.conn, view.open_folder(unit.conn, target.collection), shown.href)
                assert moved is not None
        except Refused:
            apply.refused(unit, folder, shown.href, shown.card_id)
            return "refused"
        after = unit.records().get(own.record_id)
    if moved is not None and move_to is not None:
        _arrived(life, move_to, moved)
    return _deleted(life, person, own.id, is_live=after is not None and after.deleted_at is None)


def _delete_over(wire: Wire, life: Life, person: Person, shown: Resource, move_to: str | None) -> str:
    world = life.world
    if move_to is None:
        status = wire.delete(world.site, person.path, shown.href, shown.etag)
    else:
        status = wire.move(world.site, person.path, shown.href, move_to, shown.href)
    if not world.is_done(status):
        return "refused" if status == 403 else "gone meanwhile"
    with world.site.read() as conn:
        own = cards.get(conn, shown.card_id or 0)
        assert own is not None
        moved = view.get(conn, view.open_folder(conn, world.collection(conn, move_to)), shown.href) if move_to else None
    if move_to is not None:
        assert moved is not None
        _arrived(life, move_to, moved)
    row = world.rows().get(own.record_id)
    return _deleted(life, person, own.id, is_live=row is not None and row["deleted_at"] is None)


def _arrived(life: Life, path: str, moved: Resource) -> None:
    life.world.plain[path][moved.href] = moved.text
    life.world.ledger.put(path, moved.href, moved.text)


def _deleted(life: Life, person: Person, number: int, *, is_live: bool) -> str:
    told = person.on_delete
    if number in person.kept or person.on_delete == "unfollow":
        person.hidden[number] = told = "unfollow"
    elif person.on_delete == "trash" and is_live:
        person.hidden[number] = told = "quarantine"
    life.world.counts[f"a card deleted: {told}"] += 1
    return told


def move_card(life: Life) -> str:
    found = life.business_card()
    if found is None:
        return "nothing"
    person, shown = found
    told = _delete(life, person, shown, f"{person.name}/Private")
    return f"{person.name} moves {shown.href} out: {told}"


def write_group(life: Life) -> str:
    """A phone edits or deletes the group card."""
    person = life.anybody(enabled=True)
    if person is None or not life.world.has_group(person.path):
        return "nothing"
    with life.world.acting(person.name) as unit:
        folder = view.open_folder(unit.conn, life.world.collection(unit, person.path))
        assert folder.group is not None
        try:
            apply.write_group(unit, folder)
        except Refused:
            apply.refused(unit, folder, folder.group.href, view.GROUP_CARD)
    return f"{person.name} writes to the group card"


def change_markers(life: Life) -> str:
    """The configuration is changed and the server started anew."""
    world = life.world
    with_group = life.random.random() < 0.5
    world.stage.options = replace(world.stage.options, marker=("property", "category", *["group"] * with_group))
    world.site.options = world.stage.options
    with world.acting("admin") as unit:
        setup.follow_markers(unit)
    pull.compare_all(world.site)
    return f"group cards: {with_group}"


def write_in_vain(life: Life) -> str:
    """A refused write of a plain contact."""
    person = life.anybody(enabled=True)
    if person is None or not life.world.plain[person.path]:
        return "nothing"
    href = life.random.choice(sorted(life.world.plain[person.path]))
    with life.world.acting(person.name) as unit:
        folder = view.open_folder(unit.conn, life.world.collection(unit, person.path))
        apply.refused(unit, folder, href, None)
    return f"refused at {person.path}/{href}"


STEPS: tuple[tuple[Step, int], ...] = (
    (sql_insert, 8),
    (sql_update, 12),
    (sql_update_many, 2),
    (sql_delete, 3),
    (sql_trash, 2),
    (sql_restore, 3),
    (sql_type, 2),
    (sql_uid, 1),
    (bring_over, 6),
    (compare, 1),
    (add, 6),
    (edit, 6),
    (delete, 2),
    (restore, 3),
    (start, 14),
    (stop, 3),
    (decide_quarantine, 4),
    (put_plain, 14),
    (delete_plain, 5),
    (restore_plain, 2),
    (move_plain, 4),
    (edit_card, 10),
    (delete_card, 10),
    (move_card, 2),
    (write_in_vain, 1),
    (write_group, 1),
    (change_markers, 1),
)
