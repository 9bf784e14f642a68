# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sample contacts need to know about a country. For cli.sample and its data modules only."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Letters that Unicode does not decompose into a base letter and marks, and the two alphabets with a simple rule each.
_SPELLINGS = (
    "ß=ss ø=o ł=l æ=ae œ=oe đ=d ı=i þ=th ð=d "
    "а=a б=b в=v г=g д=d е=e з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ы=y э=e і=i ї=i "
    "є=ie ґ=g ж=zh ч=ch ш=sh щ=shch ю=iu я=ia ь= ъ= ё=e "
    "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=u φ=f χ=ch ψ=ps ω=o "
)
_LETTERS = {ord(spelling[0]): spelling[2:] for spelling in _SPELLINGS.split()}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def slug(text: str) -> str:
    """The lower-case ASCII form of a Latin, Cyrillic or Greek text: what stands for it in an e-mail address.

    Other letters are left out, so texts in other scripts bring their Latin form along (see `Word`).
    """
    composed = unicodedata.normalize("NFC", text.lower()).translate(_LETTERS)
    plain = unicodedata.normalize("NFKD", composed).translate(_LETTERS)
    joined = "".join(c if c.isascii() and c.isalnum() else "-" for c in plain if not unicodedata.combining(c))
    return "-".join(part for part in joined.split("-") if part)


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, and as it stands in an e-mail address."""

    text: str
    latin: str

    @classmethod
    def read(cls, source: str) -> "Word":
        """From "text" or "text=latin"; an underscore in the text stands for a space."""
        text, _, latin = source.replace("_", " ").partition("=")
        return cls(text, slug(latin or text))


@dataclass(frozen=True, slots=True)
class Place:
    """A city with its postal code and telephone numbers; "#" in a pattern is a digit."""

    city: str
    region: str
    postal_code: str
    phones: tuple[str, ...]

    @classmethod
    def read(cls, source: str) -> "Place":
        """From "city; region; postal code; phone pattern; further phone pattern …"."""
        city, region, postal_code, *phones = (part.strip() for part in source.split(";"))
        return cls(city, region, postal_code, tuple(phones))


@dataclass(frozen=True, slots=True)
class Job:
    """A department and what a man and a woman are called who work there."""

    department: str
    titles: tuple[str, str]

    @classmethod
    def read(cls, source: str) -> "Job":
        """From "department: title" or "department: man's title / woman's title"."""
        department, _, titles = source.partition(":")
        man, _, woman = titles.partition(" / ")
        return cls(department.strip(), (man.strip(), (woman or man).strip()))


def _lines(source: str) -> list[str]:
    return [line.strip() for line in source.strip().splitlines()]


class Country:
    """Names, places, companies, jobs and number formats of one country."""

    def __init__(
        self,
        name: str,
        share: int,
        *,
        women: str,
        men: str,
        families: str,
        places: str,
        streets: str,
        street: str,
        mobiles: str,
        jobs: str,
        trades: str,
        firms: str,
        known: str = "",
        display: str = "",
        umlauts: bool = False,
        looks: tuple[int, int] = (0, 14),
    ) -> None:
        """Read the tables of a data module.

        `share` is how many of each block of contacts live here. `women`, `men`, `families` and `trades` are words
        separated by spaces; a family name may have a woman's form after a slash. `street` and `firms` are format
        strings, `known` are companies that come first ("name=latin"), `display` is the order of the display name
        where it is not given name, space, family name; with `umlauts`, ä is ae in an e-mail address and not a.
        `looks` is a range of sample_photo.LOOKS.
        """

        def read(source: str) -> Word:
            word = Word.read(source)
            return Word(word.text, slug(word.text.translate(_UMLAUTS))) if umlauts else word

        self.name = name
        self.share = share
        self.given = ([read(word) for word in men.split()], [read(word) for word in women.split()])
        pairs = [word.partition("/") for word in families.split()]
        self.families = [(read(man), read(woman or man)) for man, _, woman in pairs]
        self.places = [Place.read(line) for line in _lines(places)]
        self.streets = [part.strip() for part in streets.split(";")]
        self.street = street
        self.mobiles: Sequence[str] = [part.strip() for part in mobiles.split(";")]
        self.jobs = [Job.read(line) for line in _lines(jobs)]
        self.trades = [read(word) for word in trades.split()]
        self.firms = _lines(firms)
        self.known = [read(line) for line in _lines(known)] if known else []
        self.display = display
        self.looks = looks
