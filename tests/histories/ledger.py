# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss ledger: every value that was acknowledged is current, in Deleted Items or in the history, until somebody
purges it. Imported by the histories."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from radicale_bcm.books import history
from radicale_bcm.books.history import Entry
from radicale_bcm.books.schema import item, trash
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.model import Contact

Row = dict[str, Any]


@dataclass
class Ledger:
    """What was acknowledged: values of records, by database, record and field, and texts of plain contacts, by where
    they were written."""

    values: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    texts: list[tuple[str, str, str]] = field(default_factory=list)

    def wrote(self, database: str, record_id: str, values: dict[str, str]) -> None:
        """Values of a record were acknowledged."""
        self.values[database, record_id] += [(name, value) for name, value in values.items() if value]

    def put(self, path: str, href: str, text: str) -> None:
        """A plain contact was acknowledged."""
        self.texts.append((path, href, text))

    def purged_record(self, database: str, record_id: str) -> None:
        """Nothing of a record need be there any more."""
        self.values.pop((database, record_id), None)

    def purged_plain(self, uids: set[str], places: set[tuple[str, str]]) -> None:
        """Nothing of a plain contact need be there any more, wherever it was before."""
        self.texts = [
            each for each in self.texts if codec.uid_of(each[2]) not in uids and (each[0], each[1]) not in places
        ]

    def check(
        self,
        conn: Connection,
        origins: dict[str, int],
        rows: dict[str, dict[str, Row]],
        erased: dict[str, dict[str, Any]],
    ) -> int:
        """AssertionError for a value that is lost. Returns how many were looked for."""
        by_record: dict[tuple[int | None, str | None], list[Entry]] = defaultdict(list)
        everything = history.entries(conn, limit=None)
        for each in everything:
            by_record[each.origin_id, each.record_id].append(each)
        count = 0
        for (database, record_id), values in self.values.items():
            past = by_record[origins[database], record_id]
            current = fields_of(rows[database].get(record_id, {}))
            copy = erased[database].get(record_id)
            for name, value in values:
                count += 1
                if current.get(name) == value:
                    continue
                if copy is not None and copy.get(name) == value:
                    continue
                assert any(_holds(each, name, value) for each in past), ("lost", database, record_id, name, value)
        return count + self._check_texts(conn, everything)

    def _check_texts(self, conn: Connection, everything: list[Entry]) -> int:
        there = set(conn.execute(select(item.c.text)).scalars()) | set(conn.execute(select(trash.c.text)).scalars())
        there |= {str(each.note["text_before"]) for each in everything if "text_before" in each.note}
        promoted = [json.dumps(each.changes) for each in everything if each.action == "promoted"]
        for path, href, text in self.texts:
            if text in there:
                continue
            contact = codec.read(text)
            name = contact.get("given_name") or contact.get("name") or contact.get("family_name") or ""
            assert any(name in each for each in promoted), ("lost", path, href, text)
        return len(self.texts)


def _holds(entry: Entry, name: str, value: str) -> bool:
    if value in entry.changes.get(name, ()):
        return True
    return value in json.dumps(entry.note, ensure_ascii=False)


def fields_of(row: Row) -> Contact:
    """The fields of a row that are not empty."""
    return {name: _text(name, row[name]) for name in BY_NAME if row.get(name) not in (None, "")}


def _text(name: str, value: Any) -> str:
    if BY_NAME[name].kind == "yesno":
        return "true" if value in (1, "1", "true") else "false"
    if BY_NAME[name].kind == "number":
        return f"{Decimal(str(value)).normalize():f}"  # PostgreSQL says 3.0000
    return str(value)
