# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts for a file: the records of the business database, or what a folder shows. Imported by cli.

Pieces of text are given one after the other, so that any number of contacts fits into memory.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from radicale_bcm.books import cards, collections, view
from radicale_bcm.books.history import Actor
from radicale_bcm.business.contract import Record
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.model import Contact
from radicale_bcm.sync import pull, records
from radicale_bcm.sync.errors import Invalid, NotThere
from radicale_bcm.sync.exported import text_of
from radicale_bcm.sync.project import is_person
from radicale_bcm.sync.unit import Site

DATABASE = "database"
FORMATS = ("vcard", "csv")
BATCH = 500


class Export:
    """One export from `source`: "database", or the path of an address book. Invalid or NotThere for neither.

    `written` counts contacts. What is pending in the business database is brought over first, so that the file has
    what the database has.
    """

    def __init__(self, site: Site, actor: Actor, source: str = DATABASE, *, filters: Sequence[str] = ()) -> None:
        self.written = 0
        self.total = 0
        self._site = site
        self._source = source
        self._filters = filters
        self._me = actor.name
        if source == DATABASE:
            pull.pull_all(site, actor)
            with site.business(site.origin()).reader() as business:
                self.total = 0 if filters else business.count()
        elif filters:
            raise Invalid("a folder is exported whole: its own filter says what it shows")
        else:
            self._path = _checked(site, source)

    def pieces(self, file_format: str) -> Iterator[str]:
        """The file, piece by piece. FilterError."""
        if self._source != DATABASE:
            yield from self._folder_csv() if file_format == "csv" else self._folder_cards()
        else:
            yield from self._record_rows() if file_format == "csv" else self._record_cards()

    def _batches(self) -> Iterator[list[Record]]:
        with self._site.business(self._site.origin()).reader() as source:
            found = (each for each in records.listed(self._site, source, self._filters, me=self._me) if is_person(each))
            while batch := list(islice(found, BATCH)):
                yield batch

    def _record_cards(self) -> Iterator[str]:
        origin = self._site.origin()
        for batch in self._batches():
            with self._site.read() as conn:
                shown = cards.of_records(conn, origin.id, [each.id for each in batch])
            for record in batch:
                card = shown.get(record.id)
                text, categories = (card.text, card.categories) if card else _rendered(record)
                self.written += 1
                yield text_of(text, categories, record.uid, record.type, record.fields)

    def _record_rows(self) -> Iterator[str]:
        with self._site.business(self._site.origin()).reader() as source:
            types = records.record_types(source).values()
        custom = dict.fromkeys(name for each in types for name in each.fields)
        columns = ["uid", "type", *(field.name for field in FIELDS), *custom]
        yield _row(columns)
        for batch in self._batches():
            self.written += len(batch)
            for record in batch:
                own = {"uid": record.uid, "type": record.type}
                yield _row((own.get(name) or record.fields.get(name, "")) for name in columns)

    def _shown(self) -> Iterator[str]:
        """The texts of a folder as clients get them."""
        with self._site.read() as conn:
            collection = collections.get(conn, self._path)
            if collection is not None:
                for each in view.resources(conn, view.open_folder(conn, collection)):
                    if each.card_id == view.GROUP_CARD:
                        continue
                    self.written += 1
                    yield each.text

    def _folder_cards(self) -> Iterator[str]:
        for text in self._shown():
            yield text if text.endswith(("\n", "\r")) else text + "\r\n"

    def _folder_csv(self) -> Iterator[str]:
        columns = ["uid", *(field.name for field in FIELDS)]
        yield _row(columns)
        for text in self._shown():
            try:
                fields: Contact = codec.read(text)
            except NotAVCard:
                continue
            yield _row((codec.uid_of(text) or "" if name == "uid" else fields.get(name, "")) for name in columns)


def _checked(site: Site, path: str) -> str:
    wanted = path.strip("/")
    if wanted.count("/") != 1:
        raise Invalid(f"{path!r} holds no contacts: write database, or a folder such as /alice/Contacts")
    with site.read() as conn:
        found = collections.get(conn, wanted)
    if found is None or found.tag != "VADDRESSBOOK":
        raise NotThere(f"there is no address book /{wanted}/")
    return wanted


def _rendered(record: Record) -> tuple[str, str]:
    """A record that came in this moment and has no card yet."""
    lines = codec.ServerLines(uid=record.uid, version=1, record_id=record.id, modified=record.modified_at)
    rendered = codec.render(None, record.fields, lines)
    return rendered.text, codec.join_categories(rendered.categories)


def _row(values: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(list(values))
    return line.getvalue()
