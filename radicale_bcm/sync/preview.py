# SPDX-License-Identifier: GPL-3.0-or-later
"""What a promotion would create, grouped by company and by e-mail domain, with duplicate candidates. Reads only.
Imported by cli and server."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from radicale_bcm.business.contract import Record, RecordSource
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync import likeness
from radicale_bcm.sync.candidates import EMAILS, Candidate, text_of
from radicale_bcm.sync.likeness import Likeness, Person
from radicale_bcm.sync.promotion import Decision, Judge, Wish
from radicale_bcm.sync.unit import Site

Progress = Callable[[int, int], None]
_MOST_ALIKE = 5


@dataclass(frozen=True, slots=True)
class Alike:
    """A record, or by its path another plain contact, that could be the same person."""

    id: str
    name: str
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What would become of one contact: `action` is create, merge or refuse; `into` is the record's id of a merge."""

    path: str
    name: str
    email: str
    action: str
    reason: str
    into: str
    duplicates: tuple[Alike, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Contacts of one company, or, of those who name none, of one e-mail domain; both empty for all others."""

    company: str = ""
    domain: str = ""
    contacts: list[Seen] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def groups(
    site: Site, wanted: Sequence[Candidate], wish: Wish, *, region: str = "", progress: Progress | None = None
) -> list[Group]:
    """What promoting these contacts would do. UnknownType, Conflict or Invalid as the promotion itself."""
    found: dict[tuple[str, str], Group] = {}
    with site.read() as conn, site.business(site.origin()).reader() as source:
        judge = Judge(site, source, wish)
        people = _People(source, wanted, region)
        for number, each in enumerate(wanted, 1):
            text = text_of(conn, each)
            if text is None:
                continue
            decision = judge.decide(conn, each, text)
            company, domain = _place(decision.contact, wish)
            group = found.setdefault((company.casefold(), domain), Group(company, domain))
            group.contacts.append(_seen(each, decision, people.like(each)))
            if progress:
                progress(number, len(wanted))
    order = sorted(found, key=lambda key: (key == ("", ""), not key[0], key))
    return [found[key] for key in order]


def _place(contact: Contact, wish: Wish) -> tuple[str, str]:
    company = wish.account or contact.get("company", "")
    return (company, "") if company else ("", _domain(contact))


def _domain(contact: Contact) -> str:
    address = next((contact[name] for name in EMAILS if name in contact), "")
    return address.rpartition("@")[2].strip().lower() if "@" in address else ""


def _seen(candidate: Candidate, decision: Decision, alike: tuple[Alike, ...]) -> Seen:
    contact = decision.contact
    bound: str = ""
    if decision.record is not None:
        bound = decision.record.id
    elif decision.company is not None:
        bound = decision.company.id
    action = "refuse" if decision.refused else "merge" if bound and not decision.resumed else "create"
    email = next((contact[name] for name in EMAILS if name in contact), "")
    name = display_name(contact) or candidate.href
    return Seen(candidate.path, name, email, action, decision.refused, bound, alike)


class _People:
    """The records and the contacts, by what they could be the same by."""

    def __init__(self, source: RecordSource, wanted: Sequence[Candidate], region: str) -> None:
        self._likeness = Likeness(region)
        self._own = {each.path: self._likeness.person(each.path, each.contact) for each in wanted}
        self._index = likeness.Index()
        for key, own in self._own.items():
            self._index.add(own)
            assert key == own.id
        for record in self._near(source, wanted):
            self._index.add(self._likeness.person(record.id, record.fields))

    def _near(self, source: RecordSource, wanted: Sequence[Candidate]) -> Iterator[Record]:
        if wanted:
            yield from source.iterate()

    def like(self, candidate: Candidate) -> tuple[Alike, ...]:
        """Who could be the same, the likeliest first."""
        own = self._own[candidate.path]
        found = [
            Alike(other.id, other.name, match.score, match.reasons)
            for other in self._index.near(own)
            if (match := self._likeness.compare(own, other)).score >= likeness.LISTED
        ]
        return tuple(sorted(found, key=lambda each: -each.score)[:_MOST_ALIKE])


__all__ = ["Alike", "Group", "Person", "Seen", "groups"]
