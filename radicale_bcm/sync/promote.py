# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion: a plain contact becomes a business contact or an account. Imported by cli and server.

Each contact is one unit of work. The business database is committed first; what a crash leaves behind is recognised
by its UID when the promotion is run again, and finished.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from radicale_bcm.books import cards, history, membership, places, revisions
from radicale_bcm.books.cards import Card
from radicale_bcm.books.history import Actor, Subject
from radicale_bcm.business.accounts import Account, Accounts
from radicale_bcm.business.contract import DEFAULT_TYPE, DuplicateUid, Record, RecordError
from radicale_bcm.business.records import Records
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts import combine
from radicale_bcm.contacts.filters import Filter
from radicale_bcm.contacts.lines import parse
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync import candidates, guard
from radicale_bcm.sync.candidates import Candidate
from radicale_bcm.sync.project import Cause, project, refresh, shown_contact
from radicale_bcm.sync.promoted_from import Source, source_of
from radicale_bcm.sync.promotion import ACTION, Decision, Judge, Wish, missing_fields
from radicale_bcm.sync.pull import Counts
from radicale_bcm.sync.unit import Site, Unit

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Promoted:
    """A contact that was promoted; `path` is where it was, `notes` what else there is to say."""

    id: str
    uid: str
    path: str
    name: str
    type: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A contact, or a selector, that was not promoted."""

    path: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What promotions did."""

    created: list[Promoted] = field(default_factory=list)
    merged: list[Promoted] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Promotion:
    """Promotes contacts by one wish. UnknownType, Conflict or Invalid for a wish that cannot be.

    `outcome` is true at any time, also after an exception.
    """

    def __init__(self, site: Site, actor: Actor, wish: Wish) -> None:
        self.outcome = Outcome()
        self._site = site
        self._actor = actor
        self._wish = wish
        with site.business(site.origin()).reader() as source:
            self.type = Judge(site, source, wish).type

    def run(self, wanted: Sequence[Candidate], *, dry_run: bool = False, progress: Progress | None = None) -> Outcome:
        """Promote these contacts, one after the other. A dry run judges each as if it were the only one."""
        for number, each in enumerate(wanted, 1):
            part = Outcome()
            with self._site.write(self._actor) as unit:
                self._one(unit, part, each)
                unit.failed = unit.failed or dry_run or bool(part.refused)
            self.outcome.created += part.created
            self.outcome.merged += part.merged
            self.outcome.refused += part.refused
            if progress:
                progress(number, len(wanted))
        return self.outcome

    def _one(self, unit: Unit, part: Outcome, candidate: Candidate) -> None:
        source = source_of(unit, candidate)
        if source is None:
            part.refused.append(Refusal(candidate.path, "it is no plain contact any more"))
            return
        candidate = replace(candidate, uid=source.place[1])
        decision = Judge(self._site, unit.records(), self._wish).decide(unit.conn, candidate, source.text)
        if decision.refused:
            part.refused.append(Refusal(candidate.path, decision.refused))
            return
        work = _Work(unit, candidate, source, self._wish, decision)
        try:
            done = work.person(self.type.name) if self.type.is_person else work.account(self.type.name)
        except DuplicateUid:
            part.refused.append(Refusal(candidate.path, "another program made a record of it just now; try again"))
        except RecordError as error:
            part.refused.append(Refusal(candidate.path, str(error)))
        else:
            bound = decision.record is not None or decision.company is not None
            (part.merged if bound and not decision.resumed else part.created).append(done)


class _Work:
    """The promotion of one contact in its unit of work."""

    def __init__(self, unit: Unit, candidate: Candidate, source: Source, wish: Wish, decision: Decision) -> None:
        self.unit = unit
        self.candidate = candidate
        self.source = source
        self.wish = wish
        self.decision = decision
        self.notes = [f"{name} stays in the card only: {why}" for name, why in decision.kept.items()]

    def person(self, record_type: str) -> Promoted:
        """Make or complete the record and its card; on a move the card takes the place of the contact."""
        unit, decision = self.unit, self.decision
        if decision.record is None:
            record, card = self._create(record_type)
        else:
            if not self.wish.copy:
                self.source.take_away(unit)
            record, card = self._bind(decision.record)
        if not self.wish.copy:
            take = decision.record is None or decision.resumed or decision.same_uid
            self._settle(card, take=take)
        return self._told(record.id, record.uid, display_name(record.fields), record.type)

    def _create(self, record_type: str) -> tuple[Record, Card]:
        unit, decision = self.unit, self.decision
        self._open_account()
        record = unit.records().insert(decision.fields, uid=decision.uid, record_type=record_type, at=unit.at)
        if not self.wish.copy:
            self.source.hand_over(unit, record)
        return record, self._project(record, decision.text, self._kept(), before={})

    def _bind(self, record: Record) -> tuple[Record, Card]:
        """Complete a record that is there. Its values stay, and so do the lines of its card."""
        unit, decision = self.unit, self.decision
        locked = unit.records().get(record.id, lock=True)
        assert locked is not None
        card = project(unit, unit.origin, locked.id, locked)
        assert card is not None
        guard.show_again(unit, self.candidate.collection.path, card, guard.UNFOLLOW)
        if decision.resumed and _is_bare(card, locked):
            return locked, self._project(locked, decision.text, self._kept(), before=None)
        merged = combine.gain(card.text, decision.text)
        wanted = combine.filled(shown_contact(locked, card.kept_values), decision.contact, merged)
        if self.wish.account:
            wanted["company"] = self.wish.account
            self._open_account()
        reasons = unit.records().refusals(wanted, locked.type)
        kept = card.kept_values | {name: (wanted[name], locked.fields.get(name, "")) for name in reasons}
        changes = {
            name: value for name, value in wanted.items() if name not in reasons and locked.fields.get(name) != value
        }
        stored = unit.records().update(locked.id, changes, locked.version) if changes else locked
        return stored, self._project(stored, merged, kept, before=locked.fields)

    def _kept(self) -> dict[str, tuple[str, str]]:
        wanted = self.decision.contact | ({"company": self.wish.account} if self.wish.account else {})
        return {name: (wanted[name], "") for name in self.decision.kept}

    def _project(
        self, record: Record, template: str, kept: Mapping[str, tuple[str, str]], before: Mapping[str, str] | None
    ) -> Card:
        cause = Cause(self.unit.actor, self._note(), before, ACTION)
        card = project(self.unit, self.unit.origin, record.id, record, cause=cause, template=template, kept=kept)
        assert card is not None
        return card

    def _note(self) -> dict[str, Any]:
        note: dict[str, Any] = {"from": self.candidate.path, "copy": self.wish.copy}
        if self.decision.record is not None and not self.decision.resumed:
            note["bound"] = self.decision.record.id
        if self.decision.kept:
            note["refused"] = {
                name: {"value": self._kept()[name][0], "reason": why} for name, why in self.decision.kept.items()
            }
        if self.decision.record is not None and not self.wish.copy:
            # What the record has otherwise is nowhere else any more.
            note["text_before"] = self.source.text
        return note

    def _settle(self, card: Card, *, take: bool) -> None:
        """Let the card stand where the contact stood, or say that it does not."""
        unit, collection = self.unit, self.candidate.collection
        if not places.is_shown(unit.conn, collection, card):
            shows = bool(membership.open_epochs(unit.conn, collection.id))
            reason = "the filter of this folder leaves it out" if shows else "this folder is no sync folder"
            self.notes.append(f"it leaves /{collection.path}/: {reason}")
        elif take:
            to = self.source.place
            moved = places.move(unit.conn, collection, card, to, unit.revision, unit.at)
            current = cards.get(unit.conn, card.id)
            if moved and current is not None and current.revision != unit.revision:
                refresh(unit, current)

    def _open_account(self) -> None:
        records = self.unit.records()
        if self.wish.account and isinstance(records, Records):
            Accounts(records.connection).find_or_insert(self.wish.account)

    def account(self, account_type: str) -> Promoted:
        """Make or complete the account. On a move the contact leaves the folder; what an account has no field for can
        be had back from Deleted Items."""
        unit, decision = self.unit, self.decision
        records = unit.records()
        assert isinstance(records, Records)
        accounts = Accounts(records.connection)
        found = decision.company
        if found is None:
            rest = {name: value for name, value in decision.fields.items() if name != "name"}
            found = accounts.insert(decision.fields["name"], rest, uid=decision.uid, account_type=account_type)
        else:
            empty = {n: v for n, v in decision.fields.items() if n != "name" and not found.fields.get(n)}
            found = accounts.update(found.id, empty) if empty else found
        if not self.wish.copy:
            self._leave(found)
        changes = {name: ("", value) for name, value in decision.fields.items()}
        subject = Subject(found.name, path=self.candidate.collection.path, href=self.candidate.href)
        note = self._note() | {"account": found.id, "text_before": self.source.text}
        history.write(unit.conn, unit.revision, unit.at, unit.actor, ACTION, subject, changes, note)
        return self._told(found.id, found.uid, found.name, found.type)

    def _leave(self, account: Account) -> None:
        self.source.take_away(self.unit)
        says_more = _says_more(self.source.text, self.decision.contact, account)
        if says_more and self.source.keep_in_trash(self.unit, account.name):
            self.notes.append("what an account has no field for is in Deleted Items")

    def _told(self, record_id: str, uid: str, name: str, record_type: str) -> Promoted:
        return Promoted(record_id, uid, self.candidate.path, name, record_type, tuple(self.notes))


def _is_bare(card: Card, record: Record) -> bool:
    """Whether a card says nothing but what its record's fields say: nobody has put anything into it yet."""
    lines = codec.ServerLines(uid=card.uid, version=card.version, record_id=record.id, marker_property=False)
    return combine.unmapped_alike(card.text, codec.render(None, shown_contact(record, {}), lines).text)


def _says_more(text: str, contact: Contact, account: Account) -> bool:
    """Whether a card says anything that an account cannot."""
    held = {account.name, *account.fields.values()}
    names = ("given_name", "family_name", "name", "file_as")
    if any(value not in held for name, value in contact.items() if name not in names):
        return True
    return any(line.name in ("PHOTO", "LOGO") or line.name.startswith("X-SOCIAL") for line in parse(text))


def promote_new(site: Site, actor: Actor, *, dry_run: bool = False) -> Counts:
    """With `bcm_new_contacts = promote`: promote what has the required fields in the sync folders; else do nothing.

    What lacks one stays plain and counts for nothing.
    """
    if site.options.new_contacts != "promote":
        return Counts()
    with site.read() as conn:
        ready = [each for each in candidates.listed(conn, Filter(), None, None) if _is_ready(site, each)]
    if not ready:
        return Counts()
    outcome = Promotion(site, actor, Wish(DEFAULT_TYPE)).run(ready, dry_run=dry_run)
    return Counts(added=len(outcome.created), changed=len(outcome.merged), refused=len(outcome.refused))


def _is_ready(site: Site, candidate: Candidate) -> bool:
    if candidate.card_id is not None:
        return False
    return not candidate.is_company and not missing_fields(candidate.contact, site.options.required_fields)


_SCHEDULE = Actor("", "schedule", "command")


class NewContacts:
    """The server's periodic pass: promote_new whenever anything in the state has changed since the last time."""

    def __init__(self) -> None:
        self._seen: tuple[int, str] | None = None

    def __call__(self, site: Site) -> None:
        """Look once."""
        if site.options.new_contacts != "promote":
            return
        with site.read() as conn:
            stamp = revisions.stamp(conn)
        if stamp != self._seen:
            self._seen = stamp
            promote_new(site, _SCHEDULE)
