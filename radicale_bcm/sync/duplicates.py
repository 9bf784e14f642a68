# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that are one person: finding and merging them. Imported by cli and server.

A merge is one unit of work. The older record survives with its values, its href and its UID, and gains everything
that only the other had; the other goes to Deleted Items, and its card leaves every folder.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from radicale_bcm.books.history import Actor
from radicale_bcm.business.contract import Record, RecordSource
from radicale_bcm.contacts import combine
from radicale_bcm.contacts.card import join_categories, split_categories
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync.likeness import LISTED, MERGED, Index, Likeness
from radicale_bcm.sync.project import Cause, is_person, project, shown_contact
from radicale_bcm.sync.unit import Site, Unit

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that could be one person; `first` is the older one."""

    first: str
    second: str
    first_name: str
    second_name: str
    score: int
    reasons: tuple[str, ...]


def find(
    source: RecordSource,
    *,
    least: int = LISTED,
    region: str = "",
    only: Collection[str] | None = None,
    progress: Progress | None = None,
) -> list[Pair]:
    """The pairs that reach a score, the likeliest first; with `only`, those that have one of these records.

    `region` is where numbers without a country code are dialled from, for contacts without a country.
    """
    people = ((record.id, record.fields) for record in source.iterate() if is_person(record))
    total = source.count() if progress else 0
    return pairs_among(people, least=least, region=region, only=only, progress=progress, total=total)


def pairs_among(
    people: Iterable[tuple[str, Contact]],
    *,
    least: int = LISTED,
    region: str = "",
    only: Collection[str] | None = None,
    progress: Progress | None = None,
    total: int = 0,
) -> list[Pair]:
    """The same among contacts by id."""
    likeness, index = Likeness(region), Index()
    for number, (key, contact) in enumerate(people, 1):
        index.add(likeness.person(key, contact))
        if progress:
            progress(number, total)
    found = []
    for one, other in index.pairs():
        if only is not None and one.id not in only and other.id not in only:
            continue
        match = likeness.compare(one, other)
        if match.score >= least:
            first, second = sorted((one, other), key=lambda each: _age(each.id))
            found.append(Pair(first.id, second.id, first.name, second.name, match.score, match.reasons))
    return sorted(found, key=lambda each: (-each.score, _age(each.first), _age(each.second)))


def _age(record_id: str) -> tuple[int, str]:
    return (len(record_id), record_id)


class Merging:
    """Merges pairs, one unit of work each. `merged` is true at any time, also after an exception."""

    def __init__(self, site: Site, actor: Actor, *, least: int = MERGED, region: str = "") -> None:
        self.merged: list[Pair] = []
        self._site = site
        self._actor = actor
        self._least = least
        self._likeness = Likeness(region)
        self._survivor: dict[str, str] = {}

    def run(self, pairs: Sequence[Pair], *, dry_run: bool = False, progress: Progress | None = None) -> list[Pair]:
        """Merge these pairs, in their order. Those that are no longer alike by then stay as they are."""
        for number, pair in enumerate(pairs, 1):
            done = self._one(pair, dry_run=dry_run)
            if done is not None:
                self.merged.append(done)
                self._survivor[done.second] = done.first
            if progress:
                progress(number, len(pairs))
        return self.merged

    def _one(self, pair: Pair, *, dry_run: bool) -> Pair | None:
        first, second = sorted((self._now(pair.first), self._now(pair.second)), key=_age)
        if first == second:
            return None
        with self._site.write(self._actor) as unit:
            unit.failed = dry_run
            one, other = (unit.records().get(each, lock=True) for each in (first, second))
            if one is None or other is None or one.deleted_at or other.deleted_at:
                return None
            people = [self._likeness.person(each.id, each.fields) for each in (one, other)]
            match = self._likeness.compare(*people)
            if match.score < self._least:
                return None
            merge(unit, one, other)
        return Pair(first, second, people[0].name, people[1].name, match.score, match.reasons)

    def _now(self, record_id: str) -> str:
        while record_id in self._survivor:
            record_id = self._survivor[record_id]
        return record_id


def merge(unit: Unit, survivor: Record, other: Record) -> Record:
    """Let one record be both; both are locked, and are persons. Returns the survivor as it is now."""
    records, origin = unit.records(), unit.origin
    card, leaving = project(unit, origin, survivor.id, survivor), project(unit, origin, other.id, other)
    assert card is not None
    assert leaving is not None
    theirs = shown_contact(other, leaving.kept_values)
    text = combine.gain(card.text, leaving.text)
    wanted = combine.filled(shown_contact(survivor, card.kept_values), theirs, text) | _joined(survivor.fields, theirs)
    own = {name: value for name, value in other.fields.items() if name not in BY_NAME}
    wanted |= {name: value for name, value in own.items() if not survivor.fields.get(name)}
    reasons = records.refusals(wanted, survivor.type)
    changes = {name: value for name, value in wanted.items() if name not in reasons}
    kept = card.kept_values | {
        name: (wanted[name], survivor.fields.get(name, "")) for name in reasons if name in BY_NAME
    }
    stored = records.update(survivor.id, changes, survivor.version) if changes else survivor
    # The other card leaves first, so that nothing of it stands in the survivor's way.
    gone = records.soft_delete(other.id, by=unit.actor.name, at=unit.at)
    project(unit, origin, other.id, gone, cause=Cause(unit.actor, {"merged_into": survivor.id}))
    note = {"merged": other.id, "name": display_name(other.fields)}
    cause = Cause(unit.actor, note, survivor.fields, "merged")
    project(unit, origin, survivor.id, stored, cause=cause, template=text, kept=kept)
    return stored


def _joined(ours: Contact, theirs: Contact) -> Contact:
    """Fields of which a record can have both values: categories, and notes one below the other."""
    found: Contact = {}
    names = [each for fields in (ours, theirs) for each in split_categories(fields.get("category", ""))]
    category = join_categories(names)
    if category != ours.get("category", ""):
        found["category"] = category
    note, more = ours.get("note", ""), theirs.get("note", "")
    if more and more.strip() not in note:
        found["note"] = f"{note.rstrip()}\n\n{more}" if note else more
    return found
