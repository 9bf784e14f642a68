# SPDX-License-Identifier: GPL-3.0-or-later
"""What a promotion would come to: which record, new or not, from which fields. Reads only. Imported by promote and
preview."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID, uuid5

from sqlalchemy import Connection

from radicale_bcm.books import history, view
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.schema import UID_LENGTH
from radicale_bcm.business.accounts import Account, Accounts
from radicale_bcm.business.contract import DEFAULT_TYPE, Record, RecordSource, UnknownType
from radicale_bcm.business.record_types import RecordType
from radicale_bcm.business.records import Records
from radicale_bcm.business.schema import ACCOUNT_FIELDS
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.filters import FilterError
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync import records as record_tools
from radicale_bcm.sync.candidates import EMAILS, Candidate, is_company
from radicale_bcm.sync.errors import Conflict, Invalid
from radicale_bcm.sync.project import is_person
from radicale_bcm.sync.unit import Site

ACTION = "promoted"
ON_DUPLICATE = ("merge", "skip", "create")
# A move and a copy of one contact are different records.
_NAMESPACES = {
    False: UUID("f0b7a1ce-7d0e-4a35-9d0b-3a4b2f5f3c21"),
    True: UUID("2f4c35a4-63f5-4f0c-8f55-9f1b3c0f6ad7"),
}
_NAMES = ("given_name", "family_name")
_NO_NAMES = ("company", *EMAILS, "mobile_phone", "business_phone")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `account` links a person to the account of that name, made if there is none."""

    record_type: str = DEFAULT_TYPE
    copy: bool = False
    account: str = ""
    on_duplicate: str = "merge"
    force: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one contact.

    `refused` is the reason why nothing does. Else `record` (or `company`) is the one that it is bound to; without one,
    a new one is made with `uid`. `resumed`: it was made by this very promotion, which was interrupted. `fields` are
    the values to write, `kept` those that do not fit their column, with the reason.
    """

    contact: Contact
    text: str = ""
    refused: str = ""
    uid: str = ""
    record: Record | None = None
    company: Account | None = None
    resumed: bool = False
    same_uid: bool = False
    fields: Contact = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


class Judge:
    """Decides for one wish, within one open transaction of the business database.

    Raises UnknownType, Conflict or Invalid for a wish that cannot be.
    """

    def __init__(self, site: Site, source: RecordSource, wish: Wish) -> None:
        self._site = site
        self._source = source
        self._wish = wish
        self.type = _type_of(source, wish)
        if wish.account:
            _check_account(source, wish)

    def decide(self, conn: Connection, candidate: Candidate, text: str) -> Decision:
        """What becomes of a plain contact whose text is this."""
        try:
            read = codec.summary(text)
            contact = codec.read(text, ignore_categories=_added_categories(conn, candidate.collection))
        except NotAVCard as error:
            return Decision({}, refused=f"it cannot be read: {error}")
        reason = self._against(contact, text, group=read.group)
        if reason:
            return Decision(contact, text, refused=reason)
        if not self.type.is_person:
            return self._account(candidate, contact, text)
        return self._person(conn, candidate, contact, text)

    def _against(self, contact: Contact, text: str, *, group: bool) -> str:
        if group:
            return "it is a group of contacts"
        if not self.type.is_person:
            return "" if display_name(contact) else "it has no name"
        if self._wish.force:
            return "" if display_name(contact) else "it has nothing to be called by"
        if is_company(contact, text):
            return "it is a company: promote it --as account"
        missing = missing_fields(contact, self._site.options.required_fields)
        return f"it has no {' and no '.join(missing)}" if missing else ""

    def _person(self, conn: Connection, candidate: Candidate, contact: Contact, text: str) -> Decision:
        wanted = contact | ({"company": self._wish.account} if self._wish.account else {})
        reasons = self._source.refusals(wanted, self.type.name)
        fields = {name: value for name, value in wanted.items() if name not in reasons}
        uid, started = self._started(candidate)
        made = Decision(contact, text, uid=uid, fields=fields, kept=reasons)
        if started is not None and not is_person(started):
            return _refused_for(contact, text, started)
        if started is not None:
            same = all(started.fields.get(name) == value for name, value in fields.items())
            resumed = same and not self._is_done(conn, started)
            return replace(made, record=started, resumed=resumed, same_uid=started.uid == candidate.uid)
        if self._wish.on_duplicate == "create":
            return made
        present = self._source.get_by_uid(candidate.uid) if self._wish.copy else None
        if present is None or present.deleted_at is not None:
            present = same_person(self._site, self._source, wanted)
        if present is None:
            return made
        if self._wish.on_duplicate == "skip" or not is_person(present):
            return _refused_for(contact, text, present)
        return replace(made, record=present, uid=present.uid)

    def _is_done(self, conn: Connection, record: Record) -> bool:
        """Whether a promotion that made this record, or was bound to it, came to its end."""
        past = history.entries(conn, record=(self._site.origin().id, record.id))
        return any(each.action == ACTION for each in past)

    def _started(self, candidate: Candidate) -> tuple[str, Record | None]:
        """The UID of the record, and the record if it is there already. One in Deleted Items stays there."""
        for uid in uids_of(candidate, copy=self._wish.copy):
            present = self._source.get_by_uid(uid)
            if present is None or present.deleted_at is None:
                return uid, present
        raise AssertionError

    def _account(self, candidate: Candidate, contact: Contact, text: str) -> Decision:
        accounts = _accounts(self._source)
        fields = {name: contact[name] for name in ACCOUNT_FIELDS if name in contact}
        reasons = self._source.refusals(fields)
        fields = {name: value for name, value in fields.items() if name not in reasons}
        name = display_name(contact)
        too_long = self._source.refusals({"company": name}).get("company")
        if too_long:
            return Decision(contact, text, refused=f"its name: {too_long}")
        uid, started = "", None
        for uid in uids_of(candidate, copy=self._wish.copy):
            started = accounts.get_by_uid(uid)
            if started is None or started.deleted_at is None:
                break
        made = Decision(contact, text, uid=uid, fields={"name": name, **fields}, kept=reasons)
        if started is not None:
            return replace(made, company=started, resumed=started.name == name)
        named = accounts.named(name) if self._wish.on_duplicate != "create" else []
        if not named:
            return made
        if self._wish.on_duplicate == "skip":
            return Decision(contact, text, refused=f"there is an account {name} already (id {named[0].id})")
        return replace(made, company=named[0], uid=named[0].uid)


def _refused_for(contact: Contact, text: str, present: Record) -> Decision:
    name, what = display_name(present.fields), "" if is_person(present) else f", of the type {present.type}"
    return Decision(contact, text, refused=f"the database has {name} already{what} (id {present.id})")


def _type_of(source: RecordSource, wish: Wish) -> RecordType:
    known = record_tools.record_types(source)
    if wish.record_type not in known:
        if wish.record_type == DEFAULT_TYPE:
            return RecordType(DEFAULT_TYPE, None, True, {})
        raise UnknownType(wish.record_type)
    found = known[wish.record_type]
    if not found.is_person:
        _accounts(source)
        if wish.account:
            raise Invalid("--account links a person to an account; an account has none itself")
    return found


def _check_account(source: RecordSource, wish: Wish) -> None:
    named = _accounts(source).named(wish.account)
    if len(named) > 1:
        ids = ", ".join(each.id for each in named)
        raise Conflict(f"there are {len(named)} accounts {wish.account!r} (ids {ids}): rename all but one")
    reason = source.refusals({"company": wish.account}).get("company")
    if reason or not wish.account.strip():
        raise Invalid(f"an account cannot be called {wish.account!r}: {reason or 'it is empty'}")


def _accounts(source: RecordSource) -> Accounts:
    if not isinstance(source, Records):
        raise Invalid("the accounts of this business database belong to its application")
    return Accounts(source.connection)


def _added_categories(conn: Connection, collection: Collection) -> frozenset[str]:
    """What the server adds to business cards in this folder is no category of anybody's."""
    return frozenset(filter(None, view.open_folder(conn, collection).categories.values()))


def uids_of(candidate: Candidate, *, copy: bool) -> Iterator[str]:
    """The UIDs that a record made from a contact could have, always the same and in this order.

    So an interrupted promotion is recognised, and none is made twice.
    """
    if not copy and 0 < len(candidate.uid) <= UID_LENGTH and candidate.uid.isprintable():
        yield candidate.uid
    for number in count():
        yield str(uuid5(_NAMESPACES[copy], f"{candidate.path}\n{candidate.uid}\n{number}"))


def has_name(contact: Contact) -> bool:
    """Whether a contact has a name of its own: one that is more than a company, an address or a number."""
    if any(contact.get(name) for name in _NAMES):
        return True
    name = contact.get("name", "").casefold()
    return name not in ("", "unnamed") and all(name != contact.get(each, "").casefold() for each in _NO_NAMES)


def missing_fields(contact: Contact, required: tuple[str, ...]) -> list[str]:
    """The required fields that a contact lacks, as words."""
    return [_WORDS.get(name, name) for name in required if not _has(contact, name)]


_WORDS = {"name": "name", "email": "e-mail address", "phone": "phone number"}


def _has(contact: Contact, name: str) -> bool:
    if name == "name":
        return has_name(contact)
    if name == "email":
        return any(contact.get(each) for each in EMAILS)
    if name == "phone":
        return any(value for each, value in contact.items() if each.endswith(("_phone", "_phone2")))
    return bool(contact.get(name))


def same_person(site: Site, source: RecordSource, contact: Contact) -> Record | None:
    """The record that is this person already: by e-mail address, else by display name and company.

    Letter case does not matter. Among several with the address, the one with the same name, else the oldest.
    """
    name = display_name(contact).casefold()
    by_mail: dict[str, Record] = {}
    for each in EMAILS:
        for record in _having(site, source, "email", contact.get(each, "")):
            by_mail[record.id] = record
    if by_mail:
        named = [each for each in by_mail.values() if display_name(each.fields).casefold() == name]
        return next(iter(named or by_mail.values()))
    for record in _having(site, source, "company", contact.get("company", "")):
        if display_name(record.fields).casefold() == name and has_name(record.fields):
            return record
    return None


def _having(site: Site, source: RecordSource, name: str, value: str) -> Iterator[Record]:
    if not value.strip() or not value.isprintable():
        return
    quoted = value.strip().replace("'", "''")
    try:
        yield from record_tools.listed(site, source, [f"{name}==@'{quoted}'"])
    except FilterError:
        return
