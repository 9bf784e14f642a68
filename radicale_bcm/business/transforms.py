# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the columns of an application and the text of a field. Pure. Imported by business only."""

import html
import json
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, Date, DateTime, Integer, Numeric
from sqlalchemy.types import TypeEngine

from radicale_bcm.business.fit import meaning
from radicale_bcm.business.mapping import Times

SHADOWS = ("upper", "lower", "same", "digits")
RANDOM = ("@uuid", "@hex17")
MADE = (*RANDOM, "@now", "@now_unix")


class _Text(HTMLParser):
    """Collects the text of HTML, with a line for each block."""

    _BLOCKS = frozenset({"p", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"})
    _HIDDEN = frozenset({"script", "style", "head"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        """A line break, or the beginning of a block."""
        self._hidden += tag in self._HIDDEN
        if tag == "br":
            self._parts.append("\n")
        elif tag in self._BLOCKS:
            self._end_line()

    def handle_endtag(self, tag: str) -> None:
        """The end of a block."""
        self._hidden -= tag in self._HIDDEN and self._hidden > 0
        if tag in self._BLOCKS:
            self._end_line()

    def handle_data(self, data: str) -> None:
        """Text; blanks and line ends in it are one blank."""
        if not self._hidden:
            lines = "".join(self._parts[-1:])
            blank = " " if data[:1].isspace() and not lines.endswith(("\n", " ")) and self._parts else ""
            end = " " if data[-1:].isspace() and data.strip() else ""
            self._parts.append(blank + " ".join(data.split()) + end)

    def _end_line(self) -> None:
        if self._parts and not "".join(self._parts[-3:]).endswith("\n"):
            self._parts.append("\n")

    def text(self) -> str:
        """What was collected."""
        return "\n".join(line.strip() for line in "".join(self._parts).split("\n")).strip("\n")


def text_of_html(value: str) -> str:
    """The text that HTML shows."""
    reader = _Text()
    reader.feed(value)
    reader.close()
    return reader.text()


def html_of_text(value: str) -> str:
    """HTML that shows a text."""
    return "<p>" + "<br>".join(html.escape(line, quote=False) for line in value.split("\n")) + "</p>"


def _translated(value: str, language: str) -> str:
    """A text that is kept in several languages, as a JSON object."""
    try:
        known = json.loads(value)
    except ValueError:
        return value
    if not isinstance(known, dict):
        return value
    return str(known.get(language) or next((each for each in known.values() if each), ""))


TRANSFORMS: dict[str, tuple[Callable[[str, str], str], Callable[[str, str], str]]] = {
    "html": (lambda value, _: text_of_html(value), lambda value, _: html_of_text(value)),
    "json": (_translated, lambda value, _: value),
    "upper": (lambda value, _: value, lambda value, _: value.upper()),
    "lower": (lambda value, _: value, lambda value, _: value.lower()),
}
"""name -> (column to field, field to column); what follows a colon is handed on."""


def field_text(kind: str, transform: str, value: Any) -> str:
    """The field's text that a column's value means; "" if it is empty or means nothing there."""
    if isinstance(value, dict | list):
        value = json.dumps(value)
    text = meaning("multiline" if transform else kind, value) or ""
    if transform and text:
        name, _, detail = transform.partition(":")
        text = meaning(kind, TRANSFORMS[name][0](text, detail)) or ""
    return text.strip() if kind == "text" else text


def joined(values: Sequence[str]) -> str:
    """Several columns as the lines of one text."""
    return "\n".join(value for value in values if value)


def split_lines(text: str, count: int) -> list[str]:
    """The lines of a text for several columns: what is too much goes into the last one."""
    lines = [line for line in text.split("\n") if line.strip()]
    return [*lines[: count - 1], ", ".join(lines[count - 1 :]), *([""] * count)][:count]


def column_value(kind: str, transform: str, text: str, column: TypeEngine[Any]) -> Any:
    """What a column is given for a field's text. ValueError where its type has no such value."""
    if text and transform:
        name, _, detail = transform.partition(":")
        text = TRANSFORMS[name][1](text, detail)
    if kind == "yesno":
        meant = text == "true"
        return None if not text else meant if isinstance(column, Boolean) else int(meant)
    if not text:
        return None
    if isinstance(column, Boolean):
        raise ValueError("it says yes or no only")  # noqa: TRY004 - as documented: of the text, not of our caller
    if isinstance(column, DateTime):
        return datetime.fromisoformat(text)
    if isinstance(column, Date):
        return date.fromisoformat(text)
    if isinstance(column, Integer):
        return int(text)
    return Decimal(text) if isinstance(column, Numeric) else text


def shadow(how: str, text: str | None) -> str | None:
    """What a column repeats of a value."""
    if text is None or how == "same":
        return text
    if how == "digits":
        return "".join(char for char in text if char.isdigit())
    return text.upper() if how == "upper" else text.lower()


def made(value: Any, times: Times | None, now: datetime) -> Any:
    """A constant, or what stands for it."""
    if value == "@uuid":
        return str(uuid4())
    if value == "@hex17":
        return secrets.token_hex(9)[:17]
    if value == "@now_unix":
        return int(now.timestamp())
    if value == "@now":
        local = now.astimezone(ZoneInfo(times.time_zone if times else "UTC")).replace(tzinfo=None)
        return local.replace(microsecond=0) if times is None or times.granularity >= 1 else local
    return value


def moment(value: Any, times: Times) -> datetime | None:
    """The moment that a column's value means; None for what is none."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(float(value), UTC)
        except (ValueError, OverflowError, OSError):
            return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=ZoneInfo(times.time_zone))).astimezone(UTC)


def column_moment(value: datetime, times: Times, column: TypeEngine[Any]) -> Any:
    """A moment as a column of times can be compared with."""
    if times.unit == "unix":
        return int(value.timestamp())
    if isinstance(column, DateTime) and column.timezone:
        return value
    local = value.astimezone(ZoneInfo(times.time_zone)).replace(tzinfo=None)
    return local if isinstance(column, DateTime) else local.isoformat(sep=" ")
