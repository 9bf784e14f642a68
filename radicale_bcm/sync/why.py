# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a contact is, or is not, in a person's folder. Imported by cli and server."""

from dataclasses import dataclass

from sqlalchemy import Connection

from radicale_bcm.books import cards, collections, membership, places, setups
from radicale_bcm.books.cards import Card
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.setups import Origin, Setup
from radicale_bcm.business.accounts import Account
from radicale_bcm.business.contract import Record, RecordSource
from radicale_bcm.contacts.filters import Explanation, explain, parse_filters
from radicale_bcm.contacts.model import display_name
from radicale_bcm.sync import losses, pull, records, vocabulary
from radicale_bcm.sync.errors import Conflict, NotThere
from radicale_bcm.sync.project import is_person
from radicale_bcm.sync.unit import Site
from radicale_bcm.sync.vocabulary import Vocabulary, meta


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about a record and a folder.

    `shown` says whether the folder shows it, `href` where; `reasons` are sentences: what keeps it out, or what is
    unusual about it. `conditions` are those of the person's filters.
    """

    principal: str
    path: str
    record_id: str
    name: str
    shown: bool
    href: str
    reasons: tuple[str, ...]
    conditions: tuple[Explanation, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """What is looked at: in one snapshot of each database."""

    conn: Connection
    origin: Origin
    own: Setup | None
    folder: Collection | None
    record: Record | None
    card: Card | None
    words: Vocabulary


def why(site: Site, principal: str, selector: str) -> Answer:
    """Explain for the record that a selector stands for: an id, a UID, a name or an e-mail address.

    What was committed in the business database until now is brought over first, as before any sync. NotThere if
    nothing was ever known of such a record or person, Conflict if the selector stands for several.
    """
    pull.pull_all(site)
    origin = site.origin()
    with site.read() as conn, site.business(origin).reader() as source:
        own = setups.of_principal(conn, principal)
        folder = collections.by_id(conn, own.collection_id) if own and own.collection_id is not None else None
        record, card = None, None
        try:
            record = records.find(site, source, selector, deleted=True)
        except NotThere:
            card = _lost(conn, origin, selector)
            if card is None:
                kept = _kept(conn, principal, folder, selector)
                if kept is not None:
                    return kept
                company = _company(source, selector)
                if company is None:
                    raise
                return _company_answer(principal, folder, company)
        card = card or (cards.of_record(conn, origin.id, record.id) if record else None)
        return _answer(_Case(conn, origin, own, folder, record, card, vocabulary.of(source)), principal)


def _lost(conn: Connection, origin: Origin, selector: str) -> Card | None:
    """The card of a record that is no longer in its database."""
    wanted = selector.strip().lower()
    found = [
        each
        for each in cards.iterate(conn, origin.id)
        if selector in (each.record_id, each.uid) or (wanted and each.label.lower() == wanted)
    ]
    if len(found) > 1:
        raise Conflict(f"{selector!r} stands for {len(found)} contacts that are no longer in the database: use the id")
    return found[0] if found else None


def _kept(conn: Connection, principal: str, folder: Collection | None, selector: str) -> Answer | None:
    """About a card in the folder that was kept from a former database; None if no such card is meant."""
    wanted = selector.strip().lower()
    if folder is None or not wanted:
        return None
    for former in (each for each in setups.origins(conn) if not each.current):
        for card in cards.iterate(conn, former.id):
            if card.gone or not (wanted in (card.uid, card.label.lower()) or f":{wanted}\n" in _lines(card)):
                continue
            if places.is_shown(conn, folder, card):
                reason = (
                    f"it was kept from the business database {former.name}, which is not the current one, and edits of"
                    f" it touch no database: `radicale-bcm promote` brings it into the current one,"
                    f" `radicale-bcm database forget {former.name}` takes it out of the folders"
                )
                href = places.of(conn, folder.id, card)[0]
                return Answer(principal, folder.path, card.record_id, card.label, True, href, (reason,))
    return None


def _lines(card: Card) -> str:
    """The text, unfolded, in which an e-mail address is the end of a line."""
    return card.text.replace("\r\n ", "").replace("\r\n", "\n").lower()


def _company(source: RecordSource, selector: str) -> Account | None:
    wanted = selector.strip().lower()
    return next((each for each in records.accounts_of(source) if wanted == each.name.lower()), None)


def _company_answer(principal: str, folder: Collection | None, company: Account) -> Answer:
    reason = f"it is an account (id {company.id}), and only persons are synchronised"
    return Answer(principal, folder.path if folder else "", company.id, company.name, False, "", (reason,))


def _answer(case: _Case, principal: str) -> Answer:
    conditions = _conditions(case, principal)
    shown = bool(case.card and case.folder and places.is_shown(case.conn, case.folder, case.card))
    href = places.of(case.conn, case.folder.id, case.card)[0] if case.folder and case.card and shown else ""
    against = [*_about_setup(case, principal), *_about_record(case), *_about_filters(conditions), *_about_folder(case)]
    if not shown and not against:
        against = ["the card is not where its record puts it: `radicale-bcm verify --repair` mends that"]
    elif shown and against:
        held = losses.all_waiting(case.conn, case.origin)
        against += [losses.HELD if held else "it is shown all the same: `radicale-bcm verify --repair` mends that"]
    return Answer(
        principal=principal,
        path=case.folder.path if case.folder else "",
        record_id=case.record.id if case.record else case.card.record_id if case.card else "",
        name=display_name(case.record.fields) if case.record else case.card.label if case.card else "",
        shown=shown,
        href=href,
        reasons=tuple(against or _remarks(case, href)),
        conditions=tuple(conditions),
    )


def _conditions(case: _Case, principal: str) -> list[Explanation]:
    if case.own is None or case.record is None:
        return []
    wanted = parse_filters(case.own.filters, case.words.fields).bind(principal)
    return explain(wanted, case.record.fields, meta(case.record), case.words.bases)


def _about_setup(case: _Case, principal: str) -> list[str]:
    if case.own is None:
        how = f"`radicale-bcm sync start --principal {principal} --folder NAME`"
        return [f"there is no set-up for {principal}: {how} makes one"]
    if not case.own.enabled:
        return [f"synchronisation is stopped for {principal}: `radicale-bcm sync start --principal {principal}`"]
    if case.folder is None:
        return [f"the folder of {principal} does not exist any more"]
    return []


def _about_record(case: _Case) -> list[str]:
    record = case.record
    if record is None:
        return ["its record is not in the business database any more: somebody deleted it there for good"]
    if record.deleted_at is not None:
        who = f" by {record.deleted_by}" if record.deleted_by else ""
        when = record.deleted_at.strftime("%Y-%m-%d %H:%M UTC")
        return [f"it is in Deleted Items since {when}{who}: `radicale-bcm deleted restore {record.id}` brings it back"]
    if not is_person(record):
        return [f"it is of type {record.type}, and only persons are synchronised"]
    return []


def _about_filters(conditions: list[Explanation]) -> list[str]:
    return [
        f"the filter {each.condition} leaves it out: its value is {each.value!r}"
        if each.value
        else f"the filter {each.condition} leaves it out: it has no value there"
        for each in conditions
        if not each.holds
    ]


def _about_folder(case: _Case) -> list[str]:
    if case.own is None or not case.own.enabled or case.folder is None or case.card is None:
        return []
    reasons = {
        "unfollow": "it was deleted in this folder, where a delete only means not to follow it (on_delete = unfollow)",
        "quarantine": (
            "it was deleted in this folder with many others at once, and the delete waits for an administrator:"
            f" `radicale-bcm deleted confirm --principal {case.own.principal}`, or deleted restore"
        ),
    }
    return [
        reason
        for kind, reason in reasons.items()
        if case.card.id in membership.excluded(case.conn, case.folder.id, kind)
    ]


def _remarks(case: _Case, href: str) -> list[str]:
    if case.card is not None and href not in ("", case.card.href):
        return [f"it stands at {href} because something else in the folder has, or had, the address {case.card.href}"]
    return []
