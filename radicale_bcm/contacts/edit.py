# SPDX-License-Identifier: GPL-3.0-or-later
"""What an edited card means: base card, sent card and record in, a decision out. Pure; imported by sync.

The base is the card that the client had when it began to edit. A field counts as edited if it differs between base
and sent card; everything else in the sent card is only an echo and changes nothing.
"""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from radicale_bcm.contacts import lines
from radicale_bcm.contacts.card import join_categories, normalised, read, split_categories
from radicale_bcm.contacts.compared import edited_fields
from radicale_bcm.contacts.fields import BY_NAME
from radicale_bcm.contacts.lines import Line
from radicale_bcm.contacts.marker import is_badge, without_badge
from radicale_bcm.contacts.model import Contact
from radicale_bcm.contacts.slots import LINK_GROUP

# What every mainstream client shows: a sent card without any such line means that the person removed it.
_SHOWN_BY_ALL = frozenset({"FN", "N", "NICKNAME", "ORG", "TITLE", "EMAIL", "TEL", "ADR", "URL", "BDAY", "NOTE"})
_FRAME = frozenset({"BEGIN", "END", "VERSION"})
# Lines that only say something about another line of their group.
_LABELS = frozenset({"X-ABLABEL", "X-ABADR"})
# Clients that show categories; all others are taken to drop them (CLIENTS.md).
_SHOWS_CATEGORIES = re.compile(
    r"evolution|nextcloud|caldavsynchronizer|infcloud|carddavmate|rcmcarddav|sogo", re.IGNORECASE
)
_LONG_VALUE = 400
_SHORT_WINDOW = 12
# A kept text that is not packed; no stream of zlib begins so (RFC 1950 2.2).
_PLAIN, _USUAL_LENGTH = b"BEGIN:VCARD", 1000
# Whatever stands in these lines is meant as that date, even where it cannot be read as one.
_DATES = {"BDAY": "birthday", "ANNIVERSARY": "anniversary", "X-ANNIVERSARY": "anniversary"}
SERVER_GROUP = LINK_GROUP.lower()


class Decision(NamedTuple):
    """What an edit comes to.

    `changes` are the fields to write ("" empties); `overruled` maps a field that changed on both sides to the value
    that lost; `kept` names fields that the card left out and that stay by their removal policy; `unreadable` holds
    dates that are none, and whose fields stay; `template` is the text whose lines carry everything that no field holds.
    """

    changes: dict[str, str]
    template: str
    overruled: dict[str, str]
    kept: tuple[str, ...]
    unreadable: dict[str, str]


class Texts(NamedTuple):
    """The three cards of a merge: what the client had, what it sent, what is served now."""

    base: str
    sent: str
    current: str


def decide(
    texts: Texts,
    record: Mapping[str, str],
    *,
    client_wins: bool,
    client: str = "",
    ignore_categories: frozenset[str] = frozenset(),
    link: str | None = None,
) -> Decision:
    """Merge an edit field by field.

    `record` holds the values that the fields have now. A field that changed on both sides goes to the client if
    `client_wins`, else it stays as the database has it. `client` is the User-Agent, which decides about categories.
    `ignore_categories` and `link` are what the server added to the card.
    """
    texts = Texts(*map(without_badge, (texts.base, texts.sent, texts.current)))
    base = read(texts.base, ignore_categories=ignore_categories, link=link)
    sent = read(texts.sent, ignore_categories=ignore_categories, link=link)
    unreadable = unreadable_dates(texts.sent, sent)
    # What a card can show of the record: a database may hold blanks around a text, which no client ever sees.
    shown = normalised(dict(record))
    hidden = _without(shown, ignore_categories)
    changes: dict[str, str] = {}
    overruled: dict[str, str] = {}
    kept: list[str] = []
    for name in edited_fields(base, sent):
        if BY_NAME[name].direction not in ("both", "in") or name in unreadable:
            continue
        new, now = sent.get(name, ""), shown.get(name, "")
        if not new and _stays(name, client):
            kept.append(name)
        elif new == now:
            continue
        elif now != base.get(name, "") and not client_wins:
            overruled[name] = new
        else:
            if now != base.get(name, ""):
                overruled[name] = record.get(name, "")
            changes[name] = new
    if hidden and "category" in changes:
        # The record has names of its own that the set-up gives as well: what a client does with them says nothing.
        changes["category"] = join_categories([*hidden, *split_categories(changes["category"])])
    known = unreadable_dates(texts.base, base)
    unreadable = {name: value for name, value in unreadable.items() if known.get(name) != value}
    return Decision(changes, merge_lines(texts), overruled, tuple(kept), unreadable)


def unreadable_dates(text: str, contact: Contact) -> dict[str, str]:
    """The dates in a card that are none ("someday", 31 February), by field; `contact` is what the card reads as."""
    found = {_DATES[line.name]: line.text().strip() for line in lines.parse(text) if line.name in _DATES}
    return {name: value for name, value in found.items() if value and name not in contact}


def without_unreadable_dates(text: str, contact: Contact) -> str:
    """A card without the dates that are none, for those fields that the contact has: a card has one birthday."""
    gone = unreadable_dates(text, read(text)).keys() & contact.keys()
    if not gone:
        return text
    return "".join(_ended(line.raw) for line in lines.parse(text) if _DATES.get(line.name) not in gone)


def _without(contact: Contact, ignore_categories: frozenset[str]) -> list[str]:
    """Take these names out of a contact's categories. Returns those that were there."""
    ignored = {name.lower() for name in ignore_categories}
    names = split_categories(contact.get("category", ""))
    hidden = [name for name in names if name.lower() in ignored]
    if hidden:
        contact["category"] = join_categories([name for name in names if name not in hidden])
    return hidden


def _stays(name: str, client: str) -> bool:
    if name == "category":
        return not _SHOWS_CATEGORIES.search(client)
    return BY_NAME[name].removal == "keep"


def nearest_base(
    candidates: Sequence[str], sent: str, ignore_categories: frozenset[str] = frozenset(), link: str | None = None
) -> int:
    """The index of the text from which the sent card differs least: what a client had that does not say so.

    `candidates` are newest first; among equals the newest wins.
    """
    contact = read(sent, ignore_categories=ignore_categories, link=link)
    known = [read(text, ignore_categories=ignore_categories, link=link) for text in candidates]
    distances = [len(edited_fields(each, contact)) for each in known]
    return distances.index(min(distances))


@dataclass(slots=True)
class _Cluster:
    """All lines of one property name, each with the label lines of its group."""

    lines: list[Line]
    labels: dict[str, list[Line]]

    def same_as(self, other: "_Cluster | None") -> bool:
        return other is not None and self.values() == other.values()

    def values(self) -> Sequence[object]:
        return sorted(
            (line.value, sorted((name, tuple(values)) for name, values in line.params), self._label(line))
            for line in self.lines
        )

    def _label(self, line: Line) -> str:
        return "|".join(each.value for each in self.labels.get(line.group or "", ()))


def _clusters(text: str) -> dict[str, _Cluster]:
    labels: dict[str, list[Line]] = {}
    found: dict[str, _Cluster] = {}
    parsed = lines.parse(text)
    for line in parsed:
        if line.name in _LABELS and line.group:
            labels.setdefault(line.group, []).append(line)
    for line in parsed:
        if line.name not in _FRAME and not (line.name in _LABELS and line.group):
            found.setdefault(line.name, _Cluster([], labels)).lines.append(line)
    return found


def _names(text: str) -> set[str]:
    """The names of the clusters."""
    return {line.name for line in lines.parse(text) if not (line.name in _LABELS and line.group)} - _FRAME


def merge_lines(texts: Texts) -> str:
    """The sent text, with the lines of the current one that the client did not mean to change.

    Property by property: what the client left as it was stays as it is now; what it left out stays too, unless every
    client shows that property. Values of fields need no care here: rendering puts the record's into their lines.
    """
    unchanged = texts.base == texts.current
    if unchanged and _names(texts.current) - _SHOWN_BY_ALL <= _names(texts.sent):
        return texts.sent
    base, sent = _clusters(texts.base), _clusters(texts.sent)
    current = base if unchanged else _clusters(texts.current)
    dropped: set[int] = set()
    added: list[_Cluster] = []
    for name, now in current.items():
        mine, then = sent.get(name), base.get(name)
        if mine is None:
            if then is None or name not in _SHOWN_BY_ALL:
                added.append(now)
        elif not unchanged and then is not None and mine.same_as(then) and not now.same_as(mine):
            dropped.update(id(line) for line in mine.lines)
            added.append(now)
    gone = [name for name, mine in sent.items() if name not in current and mine.same_as(base.get(name))]
    for name in gone:
        dropped.update(id(line) for line in sent[name].lines)
    if not dropped and not added:
        return texts.sent
    return _put_together(texts.sent, [line for each in sent.values() for line in each.lines], dropped, added)


def _put_together(sent: str, parsed: list[Line], dropped: set[int], added: list[_Cluster]) -> str:
    raw_dropped = {_key(line) for line in parsed if id(line) in dropped}
    groups = {line.group.lower() for line in lines.parse(sent) if line.group}
    out: list[str] = []
    tail: list[str] = []
    for line in lines.parse(sent):
        if line.name == "END":
            tail.append(line.raw)
        elif _key(line) not in raw_dropped:
            out.append(_ended(line.raw))
    for cluster in added:
        for line in cluster.lines:
            out.extend(_moved(line, cluster.labels.get(line.group or "", ()), groups))
    return "".join(out) + "".join(tail)


def _key(line: Line) -> tuple[str | None, str, str]:
    return (line.group, line.name, line.raw)


def _ended(raw: str) -> str:
    return raw if raw.endswith(("\n", "\r")) else raw + "\r\n"


def _moved(line: Line, labels: Iterable[Line], taken: set[str]) -> list[str]:
    """A line and its labels, in a group that is free in the card they move to."""
    if not line.group:
        return [_ended(line.raw)]
    group, number = line.group, 1
    while group.lower() in taken:
        group, number = f"item{number}", number + 1
    taken.add(group.lower())
    return [_ended(group + each.raw[len(line.group) :]) for each in (line, *labels)]


def shorten(text: str) -> bytes:
    """A text to keep as the base of later merges: in a larger one long values, such as photos, become their hash."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= _USUAL_LENGTH and data.startswith(_PLAIN):
        return data  # packing saves a third of it, and takes longer than to write the row
    if _may_be_folded_long(text):
        parsed = lines.parse(text)
        if any(len(line.value) > _LONG_VALUE and line.name not in _SHOWN_BY_ALL for line in parsed):
            data = "".join(_shortened(line) for line in parsed).encode("utf-8", "surrogatepass")
    # A quarter of a megabyte of tables, which zlib clears each time, is not worth it for a card of a page or two.
    window, memory = (_SHORT_WINDOW, 4) if len(data) <= 1 << _SHORT_WINDOW else (zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)
    packer = zlib.compressobj(6, zlib.DEFLATED, window, memory)
    return packer.compress(data) + packer.flush()


def _may_be_folded_long(text: str) -> bool:
    """Whether a line can be longer than _LONG_VALUE once it is unfolded: one is beyond the 75 octets of a folded one,
    there are as many continuations as that takes, or a soft line break of quoted-printable."""
    return (
        max(map(len, text.split("\n"))) > 76
        or text.count("\n ") + text.count("\n\t") > 4
        or "=\r" in text
        or "=\n" in text
    )


def restore(kept: bytes, *others: str) -> str:
    """A kept text, with the long values put back that one of the other texts still has."""
    data = kept if kept.startswith(_PLAIN) else zlib.decompress(kept)
    text = data.decode("utf-8", "surrogatepass")
    if "\x1asha256:" not in text:
        return text
    known = {
        digest(line.value): line.value
        for other in others
        for line in lines.parse(other)
        if len(line.value) > _LONG_VALUE
    }
    return re.sub(r"\x1asha256:([0-9a-f]{64})", lambda match: known.get(match[1], match[0]), text)


def long_lines(before: str, after: str) -> list[tuple[str, str]]:
    """The lines with long values, such as photos, that one text has and the other has not, each with the digest of its
    value: kept versions do not hold them."""
    try:
        have, had = {line.value for line in lines.parse(after)}, lines.parse(before)
    except lines.NotAVCard:
        return []
    return [
        (_ended(line.raw), digest(line.value))
        for line in had
        if len(line.value) > _LONG_VALUE and line.name not in _SHOWN_BY_ALL and line.value not in have
    ]


def may_have_long_lines(text: str) -> bool:
    """Whether a card can have any; says so much faster than looking at each."""
    if len(text) <= _LONG_VALUE:
        return False
    return text.count("\n ") + text.count("\n\t") > 4 or max(map(len, text.split("\n"))) > _LONG_VALUE


def with_long_lines(text: str, back: Sequence[str], away: Iterable[str]) -> str:
    """A card without the lines whose value has one of the digests `away`, and with the lines `back`, where it has no
    such property then."""
    gone = set(away)
    parsed = lines.parse(text)
    staying = [line for line in parsed if len(line.value) <= _LONG_VALUE or digest(line.value) not in gone]
    present = {line.name for line in staying}
    framed = "BEGIN:VCARD\r\n" + "".join(back) + "END:VCARD\r\n"
    added = [_ended(line.raw) for line in lines.parse(framed)[1:-1] if line.name not in present]
    if not added and len(staying) == len(parsed):
        return text
    head, end, rest = "".join(_ended(line.raw) for line in staying).rpartition("END:VCARD")
    return head + "".join(added) + end + rest


def digest(value: str) -> str:
    """What stands for a long value."""
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _shortened(line: Line) -> str:
    if len(line.value) <= _LONG_VALUE or line.name in _SHOWN_BY_ALL:
        return _ended(line.raw)
    head, _, _ = line.raw.partition(":")
    return f"{head}:\x1asha256:{digest(line.value)}\r\n"


def _is_servers(line: Line) -> bool:
    # X-BCM-UNREADABLE wraps what a client wrote: it is the client's.
    return line.group == SERVER_GROUP or (line.name.startswith("X-BCM-") and line.name != "X-BCM-UNREADABLE")


def without_marker(text: str) -> str:
    """A business card as a plain contact: without what the server owns in it, but with its UID."""
    parsed = [line for line in lines.parse(text) if not is_badge(line)]
    kept = [line for line in parsed if not _is_servers(line)]
    return "".join(_ended(line.raw) for line in kept)
