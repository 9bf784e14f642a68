# SPDX-License-Identifier: GPL-3.0-or-later
"""A second, small reader of vCards, for judging the first: it shares no code with `radicale_bcm.contacts`.

It asks one question: does this card still say everything that that one said?
"""

import base64
import binascii
import codecs
import quopri
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

# What the server owns in a business card (SPEC C4), besides everything that begins with X-BCM-.
SERVER_OWNED = frozenset({"BEGIN", "END", "VERSION", "UID", "REV", "CATEGORIES"})
# A business card is vCard 3.0, which has one N: those of other languages in a 4.0 card stay, but under another name.
WRAPPED = "in X-BCM-UNREADABLE:"
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# CR CR LF is what copying in text mode makes of CRLF.
_BREAK = re.compile(r"\r\r\n|\r\n|\r|\n")
_BEGIN = re.compile(r"\ufeff?BEGIN\s*:\s*VCARD\s*\Z", re.IGNORECASE)
_END = re.compile(r"END\s*:\s*VCARD\s*\Z", re.IGNORECASE)
_BASE64 = re.compile(r"\s*[A-Za-z0-9+/=]+\s*\Z")
_HEAD = re.compile(r"(?:([A-Za-z0-9_-]+)\.)?([A-Za-z0-9_-]+)((?:;.*)?)\Z", re.DOTALL)
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)\Z|--(\d\d)-?(\d\d)\Z")
_DATA = re.compile(r"data:([\w.+-]+/([\w.+-]+))?[^,]*?base64\\?,(.*)\Z", re.IGNORECASE | re.DOTALL)
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"})
_LISTS = frozenset({"N", "ADR", "NICKNAME"})
_STRUCTURED = frozenset({"N", "ADR", "ORG"})
_MEDIA = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
# How a value travels, not what it is.
_TRANSPORT = frozenset({"ENCODING", "CHARSET"})


def decode(data: bytes) -> str:
    """The text of a file, as an importer has to guess it."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(name)
    if b"\0" in data[:4]:
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le")
    # Some programs fold a line between the bytes of a character.
    for each in (data, re.sub(rb"\r?\n[ \t]", b"", data)):
        with suppress(UnicodeDecodeError):
            return each.decode("utf-8")
    return data.decode("latin-1" if re.search(b"[\x81\x8d\x8f\x90\x9d]", data) else "cp1252")


def split(text: str) -> list[tuple[str, int]]:
    """The cards of a text, each verbatim with its last line end, and the number of its first line.

    One that has no END ends where the next begins.
    """
    cards: list[tuple[str, int]] = []
    current: list[str] = []
    depth = first = 0
    for number, line in enumerate(physical(text), 1):
        bare = line.rstrip("\r\n")
        if _BEGIN.match(bare):
            if depth and not _agent(current):
                cards.append(("".join(current), first))
                depth = 0
            if depth == 0:
                current, first = [], number
            depth += 1
        if depth:
            current.append(line)
        if depth and _END.match(bare):
            depth -= 1
            if depth == 0:
                cards.append(("".join(current), first))
    if depth:
        cards.append(("".join(current), first))
    return cards


def _agent(lines: list[str]) -> bool:
    said = [line for line in lines if line.strip()]
    return bool(said) and re.match(r"(?:\w+\.)?AGENT(?:;[^:]*)?:\s*\Z", said[-1], re.IGNORECASE) is not None


def physical(text: str) -> Iterator[str]:
    """The lines of a text with their ends."""
    start = 0
    for match in _BREAK.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]


def is_complete(text: str) -> bool:
    """Whether a person would call this a vCard: it begins, it ends, and it says something in between."""
    lines = [line.strip() for line in _BREAK.split(text) if line.strip()]
    begins = [line for line in lines if _BEGIN.match(line)]
    ends = [line for line in lines if _END.match(line)]
    return len(begins) == len(ends) and bool(begins) and any(each.name not in SERVER_OWNED for each in read(text))


def logical(text: str) -> list[str]:
    """The content lines of a card, unfolded, soft line breaks of quoted-printable and bare base64 lines included."""
    parts = _BREAK.split(text)
    lines: list[str] = []
    at = 0
    while at < len(parts):
        line = parts[at]
        at += 1
        if not line.strip():
            continue
        head = line.partition(":")[0].upper()
        if "QUOTED-PRINTABLE" in head and line.rstrip().endswith("="):
            while line.rstrip().endswith("=") and at < len(parts) and not _END.match(parts[at]):
                line = line.rstrip()[:-1] + parts[at]
                at += 1
        while at < len(parts) and parts[at][:1] in (" ", "\t"):
            line += parts[at][1:]
            at += 1
        if re.search(r"[;=](?:BASE64|B)(?:;|\Z)", line.partition(":")[0], re.IGNORECASE):
            while at < len(parts) and _BASE64.match(parts[at]):
                line += parts[at].strip()
                at += 1
        lines.append(line)
    return lines


@dataclass(frozen=True)
class Property:
    """One property: what it is about, what it says, and how it is qualified."""

    name: str
    value: object
    params: frozenset[tuple[str, str]] = frozenset()
    label: str = ""
    raw: str = field(default="", compare=False)


def read(text: str) -> list[Property]:
    """The properties of one card; an AGENT's card inside it is that property's value."""
    lines = _agents_joined(logical(NOT_XML.sub("", text).lstrip("\ufeff")))
    version = next((line.partition(":")[2].strip() for line in lines if line.upper().startswith("VERSION:")), "3.0")
    found = [_parsed(line) for line in lines]
    labels: dict[str, str] = {}
    for group, name, _, value in found:
        if group and name == "X-ABLABEL":
            labels[group.upper()] = _unescaped(value)
    return [_property(each, line, version, labels) for each, line in zip(found, lines, strict=True)]


def _agents_joined(lines: list[str]) -> list[str]:
    """The lines of an AGENT's card become its value."""
    result: list[str] = []
    depth = 0
    for line in lines:
        if _BEGIN.match(line) and result:
            depth += 1
        if depth:
            result[-1] += "\n" + line
            depth -= bool(_END.match(line))
        else:
            result.append(line)
    return result


def _parsed(line: str) -> tuple[str, str, list[tuple[str, str]], str]:
    colon = _colon(line)
    match = _HEAD.match(line[:colon].strip()) if colon > 0 else None
    if match is None:
        return "", "", [], line
    return match[1] or "", match[2].upper(), list(_params(match[3])), line[colon + 1 :]


def _colon(line: str) -> int:
    quoted = False
    for index, mark in enumerate(line):
        if mark == '"':
            quoted = not quoted
        elif mark == ":" and not quoted:
            return index
    return line.find(":")


def _params(text: str) -> Iterator[tuple[str, str]]:
    for part in re.findall(r'((?:"[^"]*"|[^;"]|")+)', text):
        key, equals, rest = part.partition("=")
        if not equals:
            key, rest = ("ENCODING", part) if part.strip().upper() in _ENCODINGS else ("TYPE", part)
        value = rest.replace('"', "").replace("^n", "\n").replace("^'", "").replace("^^", "^")
        for each in value.split(",") if key.strip().upper() == "TYPE" else [value]:
            yield key.strip().upper(), each


def _property(
    parsed: tuple[str, str, list[tuple[str, str]], str], raw: str, version: str, labels: dict[str, str]
) -> Property:
    group, name, params, value = parsed
    if not name:
        return Property("", raw.strip(), raw=raw)
    encodings = {each.upper() for key, each in params if key == "ENCODING"}
    charset = next((each for key, each in params if key == "CHARSET"), "utf-8")
    said = frozenset(_qualifiers(name, params))
    label = labels.get(group.upper(), "") if name != "X-ABLABEL" else ""
    data = _DATA.match(value.strip()) if name in _MEDIA else None
    if data:
        kind = {("TYPE", data[2].lower())} if data[2] else set()
        plain = {each for each in said if each[0] not in ("VALUE", "TYPE", "MEDIATYPE")}
        return Property(name, _bytes(data[3]), frozenset(plain | kind), label, raw)
    if encodings & {"B", "BASE64"}:
        return Property(name, _bytes(value), frozenset(each for each in said if each[0] != "VALUE"), label, raw)
    if "QUOTED-PRINTABLE" in encodings:
        value = _quoted_printable(value, charset)
    return Property(name, _meaning(name, value, version, dict(params)), said, label, raw)


def _qualifiers(name: str, params: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, value in params:
        if key in _TRANSPORT or key.startswith("X-BCM-"):
            continue
        if key == "TYPE":
            kind = value.strip().lower().removeprefix("type=")
            if kind:
                yield key, kind.removeprefix("image/") if name in _MEDIA else kind
        elif key == "VALUE":
            # The kinds of value that mean something else than the usual one of that property.
            kind = {"url": "uri"}.get(value.lower(), value.lower())
            if (kind == "text" and name == "BDAY") or (kind == "uri" and name in _MEDIA):
                yield key, kind
        elif key != "X-APPLE-OMIT-YEAR":
            yield key, value


def _bytes(text: str) -> object:
    bare = re.sub(r"\s", "", text)
    try:
        return base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        return bare


def _quoted_printable(value: str, charset: str) -> str:
    data = quopri.decodestring(value.encode("utf-8", "surrogatepass"))
    for each in (charset, "utf-8"):
        try:
            return data.decode(each)
        except (UnicodeDecodeError, LookupError):
            continue
    # Neither: what is no UTF-8 is Windows' Latin-1, as WHATWG and every mail program have it.
    return data.decode("utf-8", "corpus.latin")


codecs.register_error("corpus.latin", lambda e: (e.object[e.start : e.end].decode("cp1252", "replace"), e.end))


def _unescaped(value: str) -> str:
    return re.sub(r"\\([nN\\,;:])", lambda match: "\n" if match[1] in "nN" else match[1], value)


def _split_at(value: str, separator: str) -> list[str]:
    parts, last, escaped = [], 0, False
    for index, mark in enumerate(value):
        if escaped:
            escaped = False
        elif mark == "\\":
            escaped = True
        elif mark == separator:
            parts.append(value[last:index])
            last = index + 1
    return [*parts, value[last:]]


def _meaning(name: str, value: str, version: str, params: dict[str, str]) -> object:
    """What a value says, whatever the version of vCard in which it says so."""
    if name in _STRUCTURED or name in _LISTS:
        lists = name in _LISTS and version != "2.1"
        parts = [
            tuple(_text(each) for each in (_split_at(part, ",") if lists else [part]))
            for part in (_split_at(value, ";") if name in _STRUCTURED else [value])
        ]
        while parts and not any(parts[-1]):
            parts.pop()
        return tuple(parts)
    text = _text(value)
    if name == "TEL":
        return re.sub(r"\Atel:", "", text, flags=re.IGNORECASE)
    if name == "EMAIL":
        return re.sub(r"\Amailto:", "", text, flags=re.IGNORECASE)
    if name == "IMPP":
        return re.sub(r"\Aim:(?=[^\s@:]+@[^\s@:]+\Z)", "", text, flags=re.IGNORECASE)
    if name == "BDAY" or "ANNIVERSARY" in name or name == "X-ABDATE":
        return _date(text, params.get("X-APPLE-OMIT-YEAR"))
    return text


def _text(value: str) -> str:
    return _BREAK.sub("\n", _unescaped(value)).strip()


def _date(text: str, omitted: str | None) -> str:
    match = _DATE.match(text)
    if match is None:
        return text
    if match[1] is None or match[1] == omitted:
        return f"--{match[2] or match[4]}-{match[3] or match[5]}"
    return "-".join(match.group(1, 2, 3))


# ---------------------------------------------------------------- comparing


def categories(card: list[Property], text: str) -> set[str]:
    """The categories of a card, in lower case."""
    found: set[str] = set()
    for each in card:
        if each.name == "CATEGORIES":
            value = _parsed(each.raw)
            raw = each.value if any(key == "ENCODING" for key, _ in value[2]) else value[3]
            found.update(_text(part).lower() for part in _split_at(str(raw), ","))
    return found - {""}


def lost(sent: str, got: str, *, ignore: frozenset[str] = frozenset()) -> list[str]:
    """What a sender wrote that a business card does not say any more: one short text for each such thing."""
    before, after = read(sent), read(got)
    left = [each for each in after if each.name not in SERVER_OWNED and each.name not in ("", "X-BCM-UNREADABLE")]
    wrapped = [str(each.value) for each in after if each.name == "X-BCM-UNREADABLE"]
    missing: list[str] = []
    for each in before:
        if each.name in SERVER_OWNED or each.name.startswith("X-BCM-") or each.name in ignore:
            continue
        if each.name == "FN" and not each.value:
            continue
        if each.name == "X-ABLABEL" and any(other.label == each.value for other in before):
            continue  # judged with the property that it is about
        if each.name == "":
            if not any(_same_words(text, str(each.value)) for text in wrapped):
                missing.append(f"a line without a name: {each.value!r:.60}")
            continue
        match = next((other for other in left if _says(other, each)), None)
        if match is None:
            missing.append(_explained(each, left, wrapped, after))
        else:
            left.remove(match)
    missing = [each for each in missing if each]
    gone = categories(before, sent) - categories(after, got) if "CATEGORIES" not in ignore else set()
    return missing + [f"CATEGORIES {name}" for name in sorted(gone)]


def _same_words(one: str, other: str) -> bool:
    return "".join(_unescaped(one).split()) == "".join(_unescaped(other).split())


def _says(got: Property, sent: Property) -> bool:
    return (
        got.name == sent.name
        and got.value == sent.value
        and got.label == sent.label
        and not {each for each in sent.params if each[0] != "SORT-AS"} - got.params
    )


def _explained(sent: Property, left: list[Property], wrapped: list[str], after: list[Property]) -> str:
    same = [each for each in left if each.name == sent.name]
    equal = next((each for each in same if each.value == sent.value), None)
    if equal is not None:
        left.remove(equal)
        if equal.label != sent.label:
            return f"{sent.name} label {sent.label!r}, now {equal.label!r}"
        return f"{sent.name} parameters {sorted(sent.params - equal.params)}"
    if any(_same_words(text, sent.raw) or text.upper().startswith(sent.name) for text in wrapped):
        return f"{WRAPPED} {sent.name}"
    if sent in after:
        return f"{sent.name} once less: {sent.value!r:.60}"
    return f"{sent.name} {sent.value!r:.80}, now {[each.value for each in same]!r:.120}"


def malformed(text: str) -> list[str]:
    """What a strict reader of vCard 3.0 would not take in a card that the server wrote."""
    found = read(text)
    wrong = [f"a line without a name: {each.raw!r:.60}" for each in found if not each.name]
    for name in ("BEGIN", "VERSION", "UID", "FN", "N", "END"):
        count = sum(each.name == name for each in found)
        if count != 1:
            wrong.append(f"{count} {name}")
    wrong += [
        f"{each.name} is quoted-printable" for each in found if "QUOTED-PRINTABLE" in each.raw.partition(":")[0].upper()
    ]
    if re.search(r"(?<!\r)\n|\r(?!\n)", text):
        wrong.append("line ends that are no CRLF")
    if NOT_XML.search(text):
        wrong.append("a character that XML cannot carry")
    return wrong
