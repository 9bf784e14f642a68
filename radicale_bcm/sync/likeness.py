# SPDX-License-Identifier: GPL-3.0-or-later
"""How much alike two contacts are, from 0 to 100, and which are worth comparing. Pure. Imported by duplicates and
preview.

E-mail address, phone and name are each evidence; so is what contradicts. Nobody is compared with everybody: an index
gives those who share an address, a number, a company or a part of their name.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync.given_names import is_short_form
from radicale_bcm.sync.phone_numbers import comparable, region_of

LISTED = 60
"""From this score on two contacts are worth a look."""
MERGED = 85
"""From this score on they count as one person."""

_EMAILS = ("email", "email2", "email3")
# A fax or a switchboard is many people's.
_OWN_PHONES = (
    "mobile_phone", "home_phone", "home_phone2", "business_phone", "business_phone2", "other_phone", "car_phone",
)  # fmt: skip
_SPELLED = str.maketrans({"ß": "ss", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i"})
_UMLAUTS = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(r"[^\W_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words("dr prof mr mrs ms miss herr frau ing dipl mag sir jr sr ii iii phd md von van de der den la")
_COMPANY_FORMS = _words(
    "ab ag as asa aps bv co company corp corporation cv doo ek ev eg gbr gmbh group gruppe holding inc incorporated kft"
    " kg kgaa kk limited llc llp lp ltd ltda mbh nv ohg oy oyj plc pte pty sa sarl sas sas se sl sl sp spa spol sro srl"
    " the und and u z oo o r l"
)
_ROLES = _words(
    "info office sales contact kontakt support service mail admin hello team accounting billing buchhaltung reception"
    " einkauf vertrieb marketing hr jobs post zentrale empfang noreply"
)
_EXACT = 0.98
_CROWD = 60
_NEIGHBOURS = 12


@lru_cache(maxsize=65536)
def simplified(text: str) -> str:
    """A text without accents, case and punctuation: words separated by single blanks."""
    spelled = text.casefold().translate(_SPELLED)
    bare = "".join(char for char in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(char))
    return " ".join(_WORD.findall(bare))


def company_key(name: str) -> str:
    """A company's name without its legal form."""
    words = simplified(name.replace(".", "").replace("&", " ")).split()
    return " ".join([word for word in words if word not in _COMPANY_FORMS] or words)


def _umlauts(word: str) -> str:
    for written, bare in _UMLAUTS:
        word = word.replace(written, bare)
    return word


@dataclass(frozen=True, slots=True)
class Person:
    """What of a contact is compared. `phones` are E.164, `tails` the last digits of all numbers."""

    id: str
    name: str
    words: tuple[str, ...]
    emails: frozenset[str]
    phones: frozenset[str]
    tails: frozenset[str]
    company: str
    birthday: str


@dataclass(frozen=True, slots=True)
class Match:
    """How alike two contacts are, and what speaks for it."""

    score: int
    reasons: tuple[str, ...]


class Likeness:
    """Compares contacts. `region` is where numbers are dialled from whose contact has no country."""

    def __init__(self, region: str = "") -> None:
        self._region = region

    def person(self, key: str, contact: Contact) -> Person:
        """What is compared of a contact."""
        name = display_name(contact)
        parts = " ".join(contact[part] for part in ("given_name", "middle_name", "family_name") if part in contact)
        words = [word for word in simplified(parts or contact.get("name", "")).split() if word not in _TITLES]
        country = next((contact[each] for each in ("business_country", "home_country") if each in contact), "")
        region = region_of(country) or self._region
        numbers = [comparable(contact[each], region) for each in _OWN_PHONES if each in contact]
        emails = (contact[each].strip().casefold() for each in _EMAILS if each in contact)
        return Person(
            id=key,
            name=name,
            words=tuple(words),
            emails=frozenset(each for each in emails if "@" in each),
            phones=frozenset(number for number, _ in numbers if number),
            tails=frozenset(tail for _, tail in numbers if tail),
            company=company_key(contact.get("company", "")),
            birthday=contact.get("birthday", ""),
        )

    def compare(self, one: Person, other: Person) -> Match:
        """The score of two contacts."""
        names = name_likeness(one.words, other.words)
        found = [*_by_email(one, other, names), *_by_phone(one, other), *_by_name(one, other, names)]
        found += _by_company(one, other, names)
        if one.birthday and other.birthday:
            found.append((15, "birthday") if _same_day(one.birthday, other.birthday) else (-35, ""))
        if names is not None and names >= _EXACT and all(points >= 0 for points, _ in found):
            found.append((10, ""))
        score = max(0, min(100, sum(points for points, _ in found)))
        return Match(score, tuple(reason for points, reason in found if points > 0 and reason))


_Points = Iterable[tuple[int, str]]


def _by_email(one: Person, other: Person, names: float | None) -> _Points:
    same = one.emails & other.emails
    if same and all(_box(each) in _ROLES for each in same):
        yield 25, "shared e-mail"
    elif same:
        # A couple may share an address: a name that is another one is worth a look, and no more.
        yield 75 if names is None or names >= 0.5 else 60, "e-mail"
    elif any(_typo(mine, theirs) for mine in one.emails for theirs in other.emails):
        yield 35, "similar e-mail"
    elif {_domain(each) for each in one.emails} & {_domain(each) for each in other.emails}:
        # Two mailboxes in one house are rather two people.
        yield -15, ""
    elif {_bare_box(each) for each in one.emails} & {_bare_box(each) for each in other.emails} - {""}:
        # People make their addresses of their names: next to an equal name it says little more.
        yield 5 if names is not None and names >= _EXACT else 15, "similar e-mail"


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _box(address: str) -> str:
    return address.partition("@")[0]


def _bare_box(address: str) -> str:
    """The part of an address that is somebody's name, if it is long enough for one."""
    box = address.rpartition("@")[0].strip("0123456789._-+")
    return box if len(box) > 5 and box not in _ROLES else ""


def _typo(one: str, other: str) -> bool:
    """Whether one letter is all that two addresses differ by; a digit makes it another mailbox."""
    if len(one) <= 8 or OSA.distance(one, other, score_cutoff=1) > 1:
        return False
    return _DIGITS.findall(one) == _DIGITS.findall(other)


def _by_phone(one: Person, other: Person) -> _Points:
    if one.phones & other.phones:
        yield 40, "phone"
    elif one.tails & other.tails and not (one.phones and other.phones):
        yield 35, "phone"
    elif one.tails and other.tails:
        yield -5, ""


def _by_name(one: Person, other: Person, names: float | None) -> _Points:
    if names is None:
        return
    if names >= _EXACT:
        yield 50, "name"
    elif names >= 0.84:
        yield 42, "similar name"
    elif names >= 0.72:
        yield 20, "similar name"
    elif one.emails & other.emails:
        yield -5, ""
    else:
        yield -45, ""


def _by_company(one: Person, other: Person, names: float | None) -> _Points:
    if not one.company or not other.company:
        return
    alike = company_likeness(one.company, other.company)
    if alike >= 0.75:
        yield 20 if names is not None and names >= 0.84 else 5, "company"
    elif alike < 0.5:
        yield -10, ""


@lru_cache(maxsize=1 << 16)
def company_likeness(one: str, other: str) -> float:
    """How alike two companies are: by their most different word, in whatever order they stand."""
    if one == other:
        return 1.0
    short, long = sorted((one.split(), other.split()), key=len)
    left, worst = list(long), 1.0
    for word in short:
        best = max(left, key=lambda each: similar(word, each))
        worst = min(worst, similar(word, best))
        left.remove(best)
    # A word of a script without blanks is a whole name, in which one character makes another company.
    return worst * len(short) / len(long) if one.isascii() or len(short) > 1 else worst * 0.74


def _same_day(one: str, other: str) -> bool:
    return one[-5:] == other[-5:] and (one[:4] == other[:4] or "--" in (one[:2], other[:2]))


def similar(one: str, other: str) -> float:
    """How alike two words are: 1 the same, each typing error (a swapped pair is one) counted by their length."""
    return 1.0 if one == other else float(OSA.normalized_similarity(one, other))


@lru_cache(maxsize=1 << 17)
def _word_likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if len(one) == 1 or len(other) == 1:
        return 0.85 if one[0] == other[0] else 0.0
    if is_short_form(one, other):
        return 0.9
    plain = similar(one, other)
    return plain if plain >= 0.98 else max(plain, 0.99 * similar(_umlauts(one), _umlauts(other)))


def name_likeness(one: tuple[str, ...], other: tuple[str, ...]) -> float | None:
    """How alike two names are, in whatever order their words stand; None if one has none.

    The worst of the words that are compared counts: people of one family are not one person.
    """
    if not one or not other:
        return None
    short, long = sorted((one, other), key=len)
    left = list(long)
    worst = 1.0
    for word in short:
        best = max(left, key=lambda each: _word_likeness(word, each))
        worst = min(worst, _word_likeness(word, best))
        left.remove(best)
    if len(short) == 1 and len(long) > 1:
        worst *= 0.8
    elif left:
        worst *= 0.97
    joined = similar("".join(one), "".join(other))
    return max(worst, joined if joined > 0.93 else 0.0)


class Index:
    """Finds those who are worth comparing with a person."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._by_key: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, person: Person) -> None:
        """Take a person in."""
        self._people[person.id] = person
        for key in set(_keys(person)):
            self._by_key[key].append(person.id)

    def near(self, person: Person) -> Iterator[Person]:
        """All others who share something with a person."""
        found = {other for key in _keys(person) for other in self._crowd(key, person)}
        yield from (self._people[other] for other in sorted(found) if other != person.id)

    def pairs(self) -> Iterator[tuple[Person, Person]]:
        """All pairs who share something, each once."""
        seen: set[tuple[str, str]] = set()
        for key in self._by_key:
            for one, other in self._pairs_of(key):
                pair = (one, other) if one < other else (other, one)
                if pair not in seen:
                    seen.add(pair)
                    yield self._people[pair[0]], self._people[pair[1]]

    def _pairs_of(self, key: str) -> Iterator[tuple[str, str]]:
        members = self._by_key[key]
        if len(members) <= _CROWD:
            yield from ((one, other) for index, one in enumerate(members) for other in members[index + 1 :])
            return
        # Everybody of a large company: only those whose names stand next to each other.
        for order in (False, True):
            ranked = sorted(members, key=lambda each: self._rank(each, backwards=order))
            for index, one in enumerate(ranked):
                yield from ((one, other) for other in ranked[index + 1 : index + 1 + _NEIGHBOURS])

    def _rank(self, key: str, *, backwards: bool) -> tuple[str, ...]:
        words = self._people[key].words
        return tuple(reversed(words)) if backwards else tuple(sorted(words))

    def _crowd(self, key: str, person: Person) -> Iterable[str]:
        members = self._by_key.get(key, [])
        if len(members) <= _CROWD:
            return members
        return [each for each in members if set(self._people[each].words) & set(person.words)]


def _keys(person: Person) -> Iterator[str]:
    yield from (f"mail {each}" for each in person.emails)
    yield from (f"phone {each}" for each in person.tails)
    yield from (f"box {box}" for box in map(_bare_box, person.emails) if box)
    if person.company:
        yield from (f"at {person.company} {word[0]}" for word in set(person.words))
        yield f"at {person.company}"
    words = sorted({_umlauts(word) for word in person.words})
    for index, one in enumerate(words):
        for other in words[index + 1 :]:
            yield f"name {one[:4]} {other[0]}"
            yield f"name {other[:4]} {one[0]}"
            yield f"sound {_skeleton(one)} {_skeleton(other)}"
    if len(words) == 1:
        yield f"name {words[0]}"


def _skeleton(word: str) -> str:
    """The consonants of a word, each once in a row."""
    kept = [char for index, char in enumerate(word) if char not in "aeiouyh" and char != word[index - 1 : index]]
    return "".join(kept)[:5] or word[:1]
