# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample business contacts for `radicale-bcm demo`, tests and benchmarks: the same arguments always give the same
contacts. For cli and tests only.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from radicale_bcm.cli import sample_photo, sample_west, sample_world
from radicale_bcm.cli.sample_country import Country, Job, Place, Word, slug
from radicale_bcm.cli.sample_notes import CATEGORIES, LEAD_SOURCES, NICKNAMES, PROFESSIONS, note
from radicale_bcm.cli.sample_private import plain_contacts

__all__ = ["SampleContact", "contacts", "plain_contacts"]

_DOMAINS = ("com", "net", "org")
_SCRAMBLE = 7919  # a prime that divides no power of ten: k -> k * _SCRAMBLE mod 10**d visits every number once
_START = 5378  # ... beginning somewhere, because a telephone number of zeros looks like a mistake
_STUCK = 20  # names tried for a new company before an existing one takes the next person


@dataclass(frozen=True, slots=True)
class SampleContact:
    """A business contact: the fields that have a value, by their names, and a picture for about one in four."""

    fields: dict[str, str]
    photo: bytes | None = None

    @property
    def photo_type(self) -> str | None:
        """The picture's media type, None where there is no picture."""
        return sample_photo.MEDIA_TYPE if self.photo else None


def contacts(n: int, seed: int = 1, owners: Sequence[str] = ("alice", "bob")) -> list[SampleContact]:
    """The first `n` of an endless list of business contacts, so a shorter list is the beginning of a longer one.

    The first is Nick Brigandi of Contoso, Ltd. E-mail addresses are unique. `owners` are the principals among whom
    most contacts are divided.
    """
    return list(islice(_people(seed, owners), n))


@dataclass(slots=True)
class _Numbers:
    """Hands out each telephone number of some patterns once, in a scattered order."""

    patterns: Sequence[str]
    used: int = 0

    def next(self) -> str | None:
        """An unused number, None when there is none left."""
        index = self.used
        self.used += 1
        for pattern in self.patterns:
            size = int(10 ** pattern.count("#"))
            if index < size:
                digits = iter(f"{(index + _START) * _SCRAMBLE % size:0{pattern.count('#')}d}")
                return "".join(next(digits) if char == "#" else char for char in pattern)
            index -= size
        return None


@dataclass(slots=True)
class _Company:
    name: str
    domain: str
    place: int
    street: str
    phone: str | None
    capacity: int
    first_job: int
    staff: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Market:
    """A country with what was handed out in it so far."""

    country: Country
    rng: Random
    companies: dict[str, _Company] = field(default_factory=dict)
    domains: set[str] = field(default_factory=set)
    open: _Company | None = None
    mobiles: _Numbers = field(init=False)
    phones: list[_Numbers] = field(init=False)

    def __post_init__(self) -> None:
        self.mobiles = _Numbers(self.country.mobiles)
        self.phones = [_Numbers(place.phones) for place in self.country.places]

    def place(self, company: _Company) -> Place:
        return self.country.places[company.place]

    def street(self) -> str:
        number = self.rng.randrange(1, 180)
        return self.country.street.format(
            street=self.rng.choice(self.country.streets),
            n=number,
            number=self.rng.choice(("", "1", "4", "12")),
            d=self.rng.randrange(1, 9),
        )

    def employer(self) -> _Company:
        """The company of the next person: companies fill up one after the other."""
        if self.open is None or len(self.open.staff) >= self.open.capacity:
            self.open = self._founded()
        return self.open

    def _founded(self) -> _Company:
        place = self.rng.randrange(len(self.country.places))
        if len(self.companies) < len(self.country.known):
            name = self.country.known[len(self.companies)]
            capacity = 5
        else:
            name = self._company_name(place)
            capacity = self.rng.choice((1, 2, 3, 4, 5, 6, 8, 12))
        if name.text in self.companies:
            company = self.companies[name.text]
            company.capacity += capacity
            return company
        return self.opened(name.text, self._domain(name.latin), place, self.street(), capacity)

    def opened(self, name: str, domain: str, place: int, street: str, capacity: int) -> _Company:
        """A new company, from now on one of this market's."""
        first_job = self.rng.randrange(len(self.country.jobs))
        company = _Company(name, domain, place, street, self.phones[place].next(), capacity, first_job)
        self.companies[name] = company
        return company

    def _domain(self, latin: str) -> str:
        """A domain of no other company: Weber, Weber & Sons and Weber Brothers would like to have the same."""
        host, count = latin, 1
        while host in self.domains:
            count += 1
            host = f"{latin}{count}"
        self.domains.add(host)
        return f"{host}.example.{self.rng.choice(_DOMAINS)}"

    def _company_name(self, place: int) -> Word:
        for _ in range(_STUCK):
            family, family2 = (man for man, _ in self.rng.sample(self.country.families, 2))
            trade = self.rng.choice(self.country.trades)
            form = self.rng.choice(self.country.firms)
            city = self.country.places[place].city
            name = form.format(family=family.text, family2=family2.text, trade=trade.text, city=city)
            latin = f"{family.latin}-{trade.latin}" if "{family}" in form else f"{trade.latin}-{slug(city)}"
            if name not in self.companies:
                break
        return Word(name, latin)


@dataclass(slots=True)
class _Person:
    given: Word
    family: Word
    woman: bool
    job: Job


def _people(seed: int, owners: Sequence[str]) -> Iterator[SampleContact]:
    rng = Random(seed)
    markets = [_Market(country, rng) for country in sample_west.COUNTRIES + sample_world.COUNTRIES]
    emails: set[str] = set()
    yield _nick(markets[0], emails, owners)
    block = [market for market in markets for _ in range(market.country.share)]
    while True:
        rng.shuffle(block)
        for market in block:
            yield _contact(market, emails, owners)


def _nick(market: _Market, emails: set[str], owners: Sequence[str]) -> SampleContact:
    """The contact that every example in the documentation uses; he opens Contoso's office in Redmond."""
    company = market.open = market.opened("Contoso, Ltd.", "example.com", 0, "4567 Main Street", capacity=6)
    company.first_job = 0
    company.staff.append("Nick Brigandi")
    emails.add("nick@example.com")
    fields = {
        "given_name": "Nick",
        "family_name": "Brigandi",
        "company": company.name,
        "department": "Purchasing",
        "job_title": "Purchasing Manager",
        "email": "nick@example.com",
        "business_phone": market.phones[0].next() or "",
        "mobile_phone": market.mobiles.next() or "",
        "birthday": "1980-05-17",
        "note": "Met at the spring trade fair.\nPrefers a short call before ten to a long e-mail.",
        "owner": owners[0],
        "rating": "5",
        "lead_source": "Trade Show",
        "active": "true",
    } | _office(market, company)
    return SampleContact(fields, sample_photo.portrait(Random(3), long_hair=False))


def _contact(market: _Market, emails: set[str], owners: Sequence[str]) -> SampleContact:
    rng, country = market.rng, market.country
    woman = rng.random() < 0.5
    company = market.employer()
    job = country.jobs[(company.first_job + len(company.staff)) % len(country.jobs)]
    person = _Person(rng.choice(country.given[woman]), rng.choice(country.families)[woman], woman, job)
    fields = _name(person, country, rng) | {
        "company": company.name,
        "department": person.job.department,
        "job_title": person.job.titles[woman],
        "email": _email(person, company.domain, emails),
    }
    fields |= _office(market, company) | _phones(market, company) | _private(market, person) | _business(rng, owners)
    display = fields.get("name") or f"{person.given.text} {person.family.text}"
    if company.staff and rng.random() < 0.4:
        fields["manager"] = company.staff[0]
    company.staff.append(display)
    photo = sample_photo.portrait(rng, long_hair=woman, looks=country.looks) if rng.random() < 0.25 else None
    return SampleContact(fields, photo)


def _name(person: _Person, country: Country, rng: Random) -> dict[str, str]:
    fields = {"given_name": person.given.text, "family_name": person.family.text}
    if country.display:
        fields["name"] = country.display.format(given=fields["given_name"], family=fields["family_name"])
    elif (nickname := NICKNAMES.get(fields["given_name"])) and rng.random() < 0.6:
        fields["nickname"] = nickname
    if country.name == "United States" and rng.random() < 0.2:
        fields["middle_name"] = rng.choice("ABCDEFGHJKLMPRSTW") + "."
    if country.name in {"Germany", "United Kingdom", "United States", "Italy"} and rng.random() < 0.06:
        fields["prefix"] = rng.choice(("Dr.", "Dr.", "Prof."))
    elif country.name == "United States" and rng.random() < 0.03:
        fields["suffix"] = rng.choice(("Jr.", "PhD", "III"))
    return fields


def _email(person: _Person, domain: str, emails: set[str]) -> str:
    local = f"{person.given.latin}.{person.family.latin}"
    address = f"{local}@{domain}"
    count = 1
    while address in emails:
        count += 1
        address = f"{local}{count}@{domain}"
    emails.add(address)
    return address


def _office(market: _Market, company: _Company) -> dict[str, str]:
    place = market.place(company)
    fields = {
        "business_street": company.street,
        "business_city": place.city,
        "business_region": place.region,
        "business_postal_code": place.postal_code,
        "business_country": market.country.name,
        "company_phone": company.phone or "",
        "web_page": f"https://www.{company.domain}/",
    }
    return {name: value for name, value in fields.items() if value}


def _phones(market: _Market, company: _Company) -> dict[str, str]:
    rng, direct = market.rng, market.phones[company.place]
    chances: tuple[tuple[str, float, Callable[[], str | None]], ...] = (
        ("business_phone", 0.85, direct.next),
        ("mobile_phone", 0.7, market.mobiles.next),
        ("business_phone2", 0.04, direct.next),
        ("business_fax", 0.12, direct.next),
        ("assistant_phone", 0.05, direct.next),
        ("home_phone", 0.06, direct.next),
    )
    fields = {name: number for name, chance, take in chances if rng.random() < chance and (number := take())}
    if "assistant_phone" in fields:
        woman = rng.random() < 0.5
        assistant = rng.choice(market.country.given[woman]), rng.choice(market.country.families)[woman]
        order = market.country.display or "{given} {family}"
        fields["assistant"] = order.format(given=assistant[0].text, family=assistant[1].text)
    if rng.random() < 0.1:
        fields["office"] = f"{rng.choice('ABC')} {rng.randrange(1, 6)}{rng.randrange(10, 40)}"
    return fields


def _private(market: _Market, person: _Person) -> dict[str, str]:
    """What is known of some people beside their work."""
    rng, country = market.rng, market.country
    fields: dict[str, str] = {}
    if rng.random() < 0.45:
        born = datetime.date(1958, 1, 1) + datetime.timedelta(days=rng.randrange(365 * 44))
        fields["birthday"] = f"--{born:%m-%d}" if rng.random() < 0.15 else born.isoformat()
    if rng.random() < 0.06:
        fields["spouse"] = rng.choice(country.given[not person.woman]).text
        if rng.random() < 0.5:
            wedding = datetime.date(1990, 4, 1) + datetime.timedelta(days=rng.randrange(365 * 33))
            fields["anniversary"] = wedding.isoformat()
    if rng.random() < 0.1:
        place = rng.choice(country.places)
        fields |= {"home_street": market.street(), "home_city": place.city, "home_country": country.name}
        fields["home_postal_code"] = place.postal_code
        if place.region:
            fields["home_region"] = place.region
    if rng.random() < 0.08:
        fields["email2"] = f"{person.given.latin}{rng.randrange(10, 10_000)}@mail.example.net"
    if rng.random() < 0.05:
        fields["im_address"] = f"xmpp:{person.given.latin}.{person.family.latin}@chat.example.org"
    return fields


def _business(rng: Random, owners: Sequence[str]) -> dict[str, str]:
    """What only a business database knows of a contact."""
    fields = {"active": "false" if rng.random() < 0.06 else "true"}
    if rng.random() < 0.9:
        fields["owner"] = rng.choice(owners)
    if rng.random() < 0.7:
        fields["rating"] = rng.choice("1223333444555")
    if rng.random() < 0.5:
        fields["lead_source"] = rng.choice(LEAD_SOURCES)
    if rng.random() < 0.2:
        fields["category"] = rng.choice(CATEGORIES)
    if rng.random() < 0.15:
        fields["payment_status"] = "Overdue" if rng.random() < 0.2 else "Current"
    if rng.random() < 0.1:
        fields["preferred_method"] = rng.choice(("Phone", "E-mail", "E-mail", "Letter"))
    if rng.random() < 0.05:
        fields["do_not_call"] = "true"
    if rng.random() < 0.05:
        fields["profession"] = rng.choice(PROFESSIONS)
    if rng.random() < 0.55:
        fields["note"] = note(rng)
    return fields
