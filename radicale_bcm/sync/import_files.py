# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of contacts, read piece by piece: vCards of any version and CSV, in whatever encoding they are. Imported by
importing only.
"""

import codecs
import csv
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from radicale_bcm.contacts.escaping import decode_folded
from radicale_bcm.contacts.lines import split_cards
from radicale_bcm.sync.csv_dates import is_day_first
from radicale_bcm.sync.csv_map import Columns, Row
from radicale_bcm.sync.errors import Invalid

_CHUNK = 1 << 20
_SPOOL = 64 << 20
_LONGEST_VALUE = 50_000_000
# Bytes that mean nothing in Windows' Western code page.
_NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
_WESTERN = ("latin-1", "cp1252")
_DELIMITERS = ",;\t|"

Chosen = Callable[[Sequence[str]], Mapping[str, str]]
"""From the header of a CSV file to what its columns were said to be."""

csv.field_size_limit(_LONGEST_VALUE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One contact of a file: the text of a card, a row, or the reason why it is neither."""

    line: int
    text: str | None = None
    row: Row | None = None
    reason: str = ""


class ContactFile:
    """A file of contacts. `-` is standard input. OSError if it cannot be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.ignored: list[str] = []
        self.header: list[str] = []
        self._binary = _opened(path)
        self.size = self._binary.seek(0, io.SEEK_END)
        encoding = _encoding(self._binary)
        self._binary.seek(0)
        if encoding in _WESTERN and self.size <= _SPOOL:
            folded = decode_folded(self._binary.read())
            if folded is not None:
                self._binary.close()
                self._binary, encoding = io.BytesIO(folded.encode()), "utf-8"
            self._binary.seek(0)
        # newline="": the line ends of a card are part of its text.
        self._reader = io.TextIOWrapper(self._binary, encoding=encoding, errors="replace", newline="")

    @property
    def position(self) -> int:
        """How many bytes were read, roughly."""
        return 0 if self._binary.closed else self._binary.tell()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def entries(self, chosen: Chosen, custom: Mapping[str, str]) -> Iterator[Entry]:
        """The contacts, in order. `chosen`, from the header, and `custom` are for CSV: see Columns.

        `header` has the columns of a CSV file as soon as they are understood.
        """
        text = self._text()
        first = next((line for line in text if line.strip()), "")
        if not first:
            yield Entry(1, reason="the file is empty")
        elif self.path.lower().endswith((".csv", ".tsv")) or not _looks_like_cards(first, self.path):
            yield from self._rows(chosen, custom)
        else:
            yield from self._cards()

    def _text(self) -> io.TextIOWrapper:
        """The text from its beginning; there is one position only, whoever reads."""
        self._reader.seek(0)
        return self._reader

    def _cards(self) -> Iterator[Entry]:
        found = False
        for text, line in split_cards(iter(self._text())):
            found = True
            yield Entry(line, text=text)
        if not found:
            yield Entry(1, reason="there is no vCard in it: no line says BEGIN:VCARD")

    def _rows(self, chosen: Chosen, custom: Mapping[str, str]) -> Iterator[Entry]:
        line, header = next(self._raw_rows(), (1, []))
        if isinstance(header, str):
            yield Entry(line, reason=header)
            return
        try:
            columns = Columns(header, chosen(header), custom)
        except Invalid as error:
            yield Entry(line, reason=error.reason)
            return
        self.header = columns.header
        columns.day_first = self._day_first(columns)
        used: set[int] = set()
        rows = self._raw_rows()
        next(rows)
        for line, values in rows:
            if isinstance(values, str):
                yield Entry(line, reason=values)
                continue
            if not any(value.strip() for value in values):
                continue
            if any(value.strip() for value in values[len(header) :]):
                yield Entry(line, reason=f"the row has {len(values)} values for {len(header)} columns")
                continue
            used.update(index for index, value in enumerate(values) if value.strip())
            yield Entry(line, row=columns.read(values))
        self.ignored = columns.ignored(used)

    def _day_first(self, columns: Columns) -> bool:
        wanted = columns.date_columns()
        if not wanted:
            return False
        rows = self._raw_rows()
        next(rows, None)
        found = is_day_first(
            values[index]
            for _, values in rows
            if not isinstance(values, str)
            for index in wanted
            if index < len(values)
        )
        self._binary.seek(0)
        return found

    def _raw_rows(self) -> Iterator[tuple[int, list[str] | str]]:
        """Each row with the number of its first line; a text instead of the values is what is wrong with it."""
        text = self._text()
        position, first = _first_line(text)
        delimiter = _delimiter(first)
        text = self._text()
        for _ in range(position):
            text.readline()
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        while True:
            line = position + reader.line_num + 1
            try:
                yield line, next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, f"no readable CSV: {error}"


def _opened(path: str) -> BinaryIO:
    if path != "-":
        source: BinaryIO = Path(path).open("rb")  # noqa: SIM115 - ContactFile closes it
        if source.seekable():
            return source
    else:
        source = sys.stdin.buffer
    # A pipe can be read once only, and its encoding is not known before it was read.
    spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115 - ContactFile closes it
    shutil.copyfileobj(source, spool, _CHUNK)
    return spool  # type: ignore[return-value]


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk


def _encoding(file: BinaryIO) -> str:
    """UTF-8 with or without a mark, UTF-16 with one (or with the zeros that ASCII has in it), else Windows' or ISO's
    Western one."""
    file.seek(0)
    start = file.read(8)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in start:
        return "utf-16-be" if start.index(0) % 2 == 0 else "utf-16-le"
    return "utf-8" if _decodes(file, codecs.getincrementaldecoder("utf-8")().decode) else _western(file)


def _decodes(file: BinaryIO, decode: Callable[[bytes, bool], str]) -> bool:
    try:
        for chunk in _chunks(file):
            decode(chunk, False)
        decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _western(file: BinaryIO) -> str:
    return _WESTERN[0] if any(not _NOT_CP1252.isdisjoint(chunk) for chunk in _chunks(file)) else _WESTERN[1]


def _looks_like_cards(first: str, path: str) -> bool:
    return path.lower().endswith((".vcf", ".vcard")) or first.strip("\ufeff \t\r\n").upper().startswith("BEGIN:VCARD")


def _first_line(text: io.TextIOWrapper) -> tuple[int, str]:
    """How many lines stand before the header, and the header; Excel's `sep=;` is the former."""
    for number, line in enumerate(text):
        if line.strip():
            if line.strip().lower().startswith("sep="):
                return number + 1, line.strip()[4:5] * 2
            return number, line
    return 0, ""


def _delimiter(header: str) -> str:
    outside = "".join(part for index, part in enumerate(header.split('"')) if index % 2 == 0)
    return max(_DELIMITERS, key=lambda each: (outside.count(each), -_DELIMITERS.index(each)))
