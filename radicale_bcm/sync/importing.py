# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing files of contacts into the business database, or into an address book as plain contacts. Imported by cli.

What is broken is reported and skipped, the rest comes in. A contact is known by its UID, and one without by its
content: importing a file again brings in nothing twice, so an import that was interrupted is simply repeated.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from json import dumps
from typing import Any, Protocol
from uuid import UUID, uuid5

from radicale_bcm.books import collections, items, view
from radicale_bcm.books.collections import Collection
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import NewItem
from radicale_bcm.books.schema import HREF_LENGTH, UID_LENGTH
from radicale_bcm.business.contract import DEFAULT_TYPE, DuplicateUid, UnknownType
from radicale_bcm.business.record_types import RecordType
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.contacts.vcard import read_cards
from radicale_bcm.sync import column_maps, plain
from radicale_bcm.sync.csv_map import IGNORED, UID, Row
from radicale_bcm.sync.errors import Conflict, Invalid
from radicale_bcm.sync.exported import business_fields, type_of
from radicale_bcm.sync.import_files import ContactFile, Entry
from radicale_bcm.sync.project import Cause, project
from radicale_bcm.sync.records import record_types, refuse_unknown
from radicale_bcm.sync.unit import Site, Unit

BATCH = 200
LONGEST_REASON = 400  # characters
DATABASE = "database"
_QUOTED = 100  # characters of a value in a remark

_NAMESPACE = UUID("6c0f2d0c-3b54-4c1d-8d7e-2f6a6f0b5a11")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Remark:
    """What there is to say about one contact of a file."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class Outcome:
    """What an import did. `skipped` was there already or is no contact, `refused` is broken, `notes` are values that
    were not taken over as a field, `ignored` are columns of CSV files that no field is known for, `columns` what those
    of a file were said to be, now or at an earlier import."""

    imported: int = 0
    skipped: list[Remark] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    ignored: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _remark(file: str, line: int, reason: str) -> Remark:
    # A reason quotes values, and a broken file can have any amount of text in one of them: the ends say enough.
    if len(reason) > LONGEST_REASON:
        half = LONGEST_REASON // 2
        reason = f"{reason[:half]} … {reason[-half:]}"
    return Remark(file, line, reason)


class _Skipped(Exception):
    """Nothing is wrong with a contact, but it is not brought in."""


class _Target(Protocol):
    """Where contacts are brought to. Raises _Skipped, NotAVCard, Invalid."""

    def put_card(self, unit: Unit, text: str) -> list[str]:
        """Bring in a card; what is to be said about its values."""

    def put_row(self, unit: Unit, row: Row) -> list[str]:
        """Bring in a row of a CSV file."""


class Import:
    """One import into `to`: "database", or the path of an address book. Invalid or Conflict for a place that is none.

    `outcome` is true at any time, also after an exception.
    """

    def __init__(
        self,
        site: Site,
        actor: Actor,
        to: str = DATABASE,
        *,
        record_type: str = DEFAULT_TYPE,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.outcome = Outcome()
        self._site = site
        self._actor = actor
        self._columns = dict(columns or {})
        self._type = record_type
        self._custom: Mapping[str, str] = {}
        self._target: _Target = _Records(record_type) if to == DATABASE else _Folder(to)
        if to == DATABASE:
            self._custom = self._check(record_type)

    def _check(self, record_type: str) -> Mapping[str, str]:
        with self._site.business(self._site.origin()).reader() as source:
            known = record_types(source).get(record_type)
            if record_type != DEFAULT_TYPE and (known is None or not known.is_person):
                raise UnknownType(record_type)
            wanted = [name for name in self._columns.values() if name not in (IGNORED, UID)]
            refuse_unknown(source, wanted, record_type)
        return known.fields if known else {}

    def run(self, paths: Sequence[str], *, dry_run: bool = False, progress: Progress | None = None) -> Outcome:
        """Bring in the files, in batches that are each one unit of work. OSError for a file that cannot be read."""
        opened = [ContactFile(path) for path in paths]
        total, before = sum(each.size for each in opened), 0
        for file in opened:
            with closing(file):
                entries = file.entries(partial(self._chosen, file.path), self._custom)
                while batch := list(islice(entries, BATCH)):
                    self._bring(file, batch, dry_run=dry_run)
                    if progress:
                        progress(before + file.position, total)
                if file.ignored:
                    self.outcome.ignored[file.path] = file.ignored
                before += file.size
        return self.outcome

    def _chosen(self, path: str, header: Sequence[str]) -> Mapping[str, str]:
        """What the columns of a file were said to be; saved with its first rows for the next file that has them."""
        with self._site.read() as conn:
            known = column_maps.remembered(conn, header, self._type)
        chosen = column_maps.joined(known, self._columns)
        if chosen:
            self.outcome.columns[path] = chosen
        return chosen

    def _bring(self, file: ContactFile, batch: list[Entry], *, dry_run: bool) -> None:
        """One unit of work; its part of the outcome counts once it is committed."""
        part = Outcome()
        with self._site.write(self._actor) as unit:
            if self._columns and file.header:
                column_maps.remember(unit.conn, file.header, self._type, self.outcome.columns[file.path])
            for entry in batch:
                self._one(unit, part, file.path, entry)
            unit.failed = unit.failed or dry_run
        self.outcome.imported += part.imported
        self.outcome.skipped += part.skipped
        self.outcome.refused += part.refused
        self.outcome.notes += part.notes

    def _one(self, unit: Unit, part: Outcome, path: str, entry: Entry) -> None:
        if entry.reason:
            part.refused.append(_remark(path, entry.line, entry.reason))
            return
        try:
            if entry.text is not None:
                notes = self._target.put_card(unit, entry.text)
            else:
                assert entry.row is not None  # one of the three
                notes = self._target.put_row(unit, entry.row)
        except _Skipped as error:
            part.skipped.append(_remark(path, entry.line, str(error)))
        except NotAVCard as error:
            part.refused.append(_remark(path, entry.line + error.line_number - 1, error.reason))
        except Invalid as error:
            part.refused.append(_remark(path, entry.line, error.reason))
        else:
            part.imported += 1
            part.notes += [_remark(path, entry.line, note) for note in notes]


class _Seen:
    """The UIDs of this import: a dry run cannot find them in the database."""

    def __init__(self) -> None:
        self._uids: set[str] = set()

    def first(self, uid: str) -> None:
        """Skipped if it was seen already."""
        if uid in self._uids:
            raise _Skipped("the same contact stands in the import twice")
        self._uids.add(uid)


class _Records:
    """Business records with their cards. A card can name its own type, unless another than the usual one is given."""

    def __init__(self, record_type: str) -> None:
        self._type = record_type
        self._types: Mapping[str, RecordType] | None = None
        self._seen = _Seen()

    def put_card(self, unit: Unit, text: str) -> list[str]:
        read = codec.summary(text)
        if read.group:
            raise _Skipped("a group of contacts, not a contact")
        record_type = self._type_of(unit, text)
        contact = read.contact | business_fields(text, record_type.fields if record_type else {})
        uid = _fitting_uid(read.uid) or str(uuid5(_NAMESPACE, text))
        return self._put(unit, contact, uid, text, record_type.name if record_type else self._type)

    def _type_of(self, unit: Unit, text: str) -> RecordType | None:
        if self._types is None:
            self._types = record_types(unit.records())
        named = self._types.get(type_of(text)) if self._type == DEFAULT_TYPE else None
        return named if named is not None and named.is_person else self._types.get(self._type)

    def put_row(self, unit: Unit, row: Row) -> list[str]:
        notes = [f"{column}: there is no room for a second value" for column in row.lost]
        return notes + self._put(unit, row.contact, _fitting_uid(row.uid) or _uid_of_row(row), None, self._type)

    def _put(self, unit: Unit, contact: Contact, uid: str, template: str | None, record_type: str) -> list[str]:
        if not display_name(contact):
            raise Invalid("it has no name, company, e-mail address or phone number")
        self._seen.first(uid)
        records = unit.records()
        present = records.get_by_uid(uid)
        if present is not None:
            where = "is in Deleted Items" if present.deleted_at else "is there already"
            raise _Skipped(f"{display_name(contact)} {where} (id {present.id})")
        reasons = records.refusals(contact, record_type)
        fitting = {name: value for name, value in contact.items() if name not in reasons}
        try:
            record = records.insert(fitting, uid=uid, record_type=record_type, at=unit.at)
        except DuplicateUid:
            raise _Skipped(f"{display_name(contact)} is there already") from None
        kept = {name: (contact[name], "") for name in reasons}
        note = {"refused": {name: {"value": contact[name], "reason": why} for name, why in reasons.items()}}
        cause = Cause(unit.actor, note if reasons else None)
        project(unit, unit.origin, record.id, record, cause=cause, template=template, kept=kept)
        return [f"{name} cannot be {_excerpt(contact[name])!r}: {why}" for name, why in reasons.items()]


class _Folder:
    """Plain contacts in one address book, each text as it is."""

    def __init__(self, path: str) -> None:
        self.path = path.strip("/")
        if self.path.count("/") != 1 or not all(self.path.split("/")) or not collections.fits(self.path):
            raise Invalid(f"{path!r} is no place for contacts: write database, or a folder such as /alice/Contacts")
        self._seen = _Seen()

    def put_card(self, unit: Unit, text: str) -> list[str]:
        read = read_cards(text)
        if len(read) != 1:
            raise NotAVCard("more than one card", 1)
        return self._put(unit, str(read[0].uid.value), read[0].serialize())

    def put_row(self, unit: Unit, row: Row) -> list[str]:
        if not display_name(row.contact):
            raise Invalid("it has no name, company, e-mail address or phone number")
        uid = _fitting_uid(row.uid) or _uid_of_row(row)
        lines = codec.ServerLines(uid=uid, version=1, record_id="", marker_property=False)
        rendered = codec.render(None, row.contact, lines)
        text = codec.with_categories(rendered.text.replace("X-BCM-VERSION:1\r\n", "", 1), rendered.categories)
        return [f"{column}: there is no room for a second value" for column in row.lost] + self._put(unit, uid, text)

    def _put(self, unit: Unit, uid: str, text: str) -> list[str]:
        self._seen.first(uid)
        collection = self._collection(unit)
        folder = view.open_folder(unit.conn, collection)
        present = view.find_uid(unit.conn, folder, uid)
        if present is not None:
            raise _Skipped(f"is there already (/{self.path}/{present})")
        href = next(name for name in _hrefs(uid) if view.get(unit.conn, folder, name) is None)
        plain.put(unit, collection, NewItem(href, uid, "VCARD", "", 0, 0, text))
        return []

    def _collection(self, unit: Unit) -> Collection:
        found = collections.get(unit.conn, self.path)
        if found is None:
            props = {"tag": "VADDRESSBOOK", "D:displayname": self.path.partition("/")[2]}
            return collections.create(unit.conn, self.path, props, unit.revision, unit.at)
        if found.tag != "VADDRESSBOOK":
            raise Conflict(f"/{self.path}/ is no address book")
        return found


def _excerpt(value: str) -> str:
    """A value as a remark quotes it: the one that does not fit may be a whole book."""
    return value if len(value) <= _QUOTED else value[: _QUOTED - 1] + "…"


def _fitting_uid(uid: str | None) -> str | None:
    """The UID of a file, if it can be the UID of a record."""
    return uid if uid and len(uid) <= UID_LENGTH and uid.isprintable() else None


def _uid_of_row(row: Row) -> str:
    return str(uuid5(_NAMESPACE, dumps(row.contact, sort_keys=True)))


def _hrefs(uid: str) -> Iterator[str]:
    """Names for the resource of a UID: itself, else a hash, else another one."""
    if len(uid) <= HREF_LENGTH - 4 and not uid.startswith(".") and "/" not in uid and uid.isprintable():
        yield uid if uid.lower().endswith(".vcf") else f"{uid}.vcf"
    salt = 0
    while True:
        yield f"{items.text_etag(uid, str(salt) if salt else '')}.vcf"
        salt += 1
