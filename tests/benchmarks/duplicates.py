# SPDX-License-Identifier: GPL-3.0-or-later
"""How many of 500 known duplicates among 10,000 contacts are found, each in a disguise, and how many pairs are false.

    python -m tests.benchmarks.duplicates [--contacts N] [--show N]

The other contacts are the sample's: 21 countries whose people share few names and work for the same companies, which
is harder than most address books. What is a duplicate is known, because it was made one.
"""

import argparse
import random
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

from radicale_bcm.cli.sample import contacts
from radicale_bcm.contacts.model import Contact, display_name
from radicale_bcm.sync.duplicates import Pair, pairs_among
from radicale_bcm.sync.likeness import LISTED, MERGED

SHORT = ["--contacts", "2000"]  # for python -m tests.benchmarks --short
DUPLICATES = 500
Disguise = Callable[[Contact, random.Random], None]
_FORMS = ("GmbH", "AG", "Ltd", "Ltd.", "Limited", "Inc.", "Inc", "LLC", "S.A.", "SARL", "AB", "Oy", "Co.", "B.V.", "")
_FORM = re.compile(r"[ ,]+(?:GmbH|AG|Ltd\.?|Limited|Inc\.?|LLC|S\.A\.|SARL|AB|Oy|Co\.|B\.V\.|A/S|KG|SA)$")
_PHONES = ("business_phone", "mobile_phone", "home_phone")


def _mistyped(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word)) if len(word) > 3 else len(word) - 1
    kind = rng.choice(("drop", "double", "swap", "other"))
    if kind == "drop" and len(word) > 3:
        return word[:place] + word[place + 1 :]
    if kind == "double":
        return word[:place] + word[place] + word[place:]
    if kind == "swap" and place + 1 < len(word):
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + rng.choice("aeionrst") + word[place + 1 :]


def typo(contact: Contact, rng: random.Random) -> None:
    name = rng.choice([each for each in ("given_name", "family_name") if contact.get(each)])
    contact[name] = _mistyped(contact[name], rng)


def swapped(contact: Contact, _rng: random.Random) -> None:
    contact["given_name"], contact["family_name"] = contact["family_name"], contact["given_name"]


def unaccented(contact: Contact, rng: random.Random) -> None:
    german = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "ł": "l", "Ł": "L"})
    for name in ("given_name", "family_name", "company"):
        value = contact.get(name, "")
        if rng.random() < 0.5:
            value = value.translate(german)
        bare = "".join(each for each in unicodedata.normalize("NFKD", value) if not unicodedata.combining(each))
        if bare:
            contact[name] = bare.upper() if rng.random() < 0.2 else bare


def other_phone_format(contact: Contact, rng: random.Random) -> None:
    for name in _PHONES:
        if name in contact:
            digits = re.sub(r"\D", "", contact[name])
            style = rng.choice(("bare", "zeros", "dots", "pairs"))
            contact[name] = {
                "bare": f"+{digits}",
                "zeros": f"00{digits}",
                "dots": "+" + ".".join(re.findall(r".{1,3}", digits)),
                "pairs": "+" + " ".join(re.findall(r".{1,2}", digits)),
            }[style]


def other_company_form(contact: Contact, rng: random.Random) -> None:
    if "company" in contact:
        contact["company"] = f"{_FORM.sub('', contact['company'])} {rng.choice(_FORMS)}".strip()


def private_mail(contact: Contact, rng: random.Random) -> None:
    local = contact.get("email", "").partition("@")[0]
    if local:
        contact["email"] = f"{local}{rng.randrange(100)}@mail.example"


def no_mail(contact: Contact, _rng: random.Random) -> None:
    contact.pop("email", None)


def initial_only(contact: Contact, _rng: random.Random) -> None:
    contact["given_name"] = contact["given_name"][0] + "."


def fewer_fields(contact: Contact, rng: random.Random) -> None:
    for name in list(contact):
        if name not in ("given_name", "family_name", "email", "company", *_PHONES) or (
            name in _PHONES and rng.random() < 0.4
        ):
            del contact[name]


NAME_DISGUISES: tuple[Disguise, ...] = (typo, swapped, unaccented, initial_only)
OTHER_DISGUISES: tuple[Disguise, ...] = (other_phone_format, other_company_form, private_mail, no_mail, fewer_fields)


def _disguised(original: Contact, rng: random.Random) -> tuple[Contact, tuple[str, ...]]:
    contact = dict(original)
    contact.pop("name", None)
    chosen = [rng.choice(NAME_DISGUISES), *rng.sample(OTHER_DISGUISES, rng.choice((1, 2, 2, 3)))]
    for disguise in chosen:
        disguise(contact, rng)
    return contact, tuple(each.__name__ for each in chosen)


def made(total: int, seed: int) -> tuple[dict[str, Contact], dict[frozenset[str], tuple[str, ...]]]:
    """The contacts by id, and the pairs that are one person with their disguises."""
    rng = random.Random(seed)
    people = {str(number): each.fields for number, each in enumerate(contacts(total - DUPLICATES), 1)}
    usable = [key for key, each in people.items() if each.get("given_name") and each.get("family_name")]
    truth: dict[frozenset[str], tuple[str, ...]] = {}
    for number, key in enumerate(rng.sample(usable, DUPLICATES), total - DUPLICATES + 1):
        people[str(number)], disguises = _disguised(people[key], rng)
        truth[frozenset((key, str(number)))] = disguises
    return people, truth


def report(
    found: list[Pair], people: dict[str, Contact], truth: dict[frozenset[str], tuple[str, ...]], show: int
) -> Iterator[str]:
    """The figures, as lines."""
    scores = {frozenset((each.first, each.second)): each for each in found}
    for least, what in ((LISTED, "listed"), (MERGED, "merged by default")):
        hits = {pair for pair, each in scores.items() if each.score >= least}
        right = len(hits & truth.keys())
        yield (
            f"score {least:3} and more ({what}): {right} of {len(truth)} found ({right / len(truth):.1%}),"
            f" {len(hits) - right} false ({(len(hits) - right) / max(1, len(hits)):.1%} of {len(hits)} pairs)"
        )
    total, missed = Counter(), Counter()
    for pair, disguises in truth.items():
        total.update(disguises)
        if pair not in scores:
            missed.update(disguises)
    yield "missed by disguise: " + ", ".join(f"{name} {missed[name]}/{count}" for name, count in total.most_common())
    wrong = [each for pair, each in scores.items() if pair not in truth]
    lost = [pair for pair in truth if pair not in scores]
    for each in sorted(wrong, key=lambda one: -one.score)[:show]:
        yield f"false {each.score} {each.reasons}: {_line(people[each.first])} | {_line(people[each.second])}"
    for pair in lost[:show]:
        yield f"missed {truth[pair]}: " + " | ".join(_line(people[each]) for each in sorted(pair))


def _line(contact: Contact) -> str:
    parts = [display_name(contact), *(contact.get(name, "-") for name in ("company", "email", *_PHONES))]
    return "; ".join(parts)


def main() -> None:
    """Make the contacts, look for duplicates, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="so many false and missed pairs")
    chosen = parser.parse_args()
    people, truth = made(chosen.contacts, chosen.seed)
    begun = time.perf_counter()
    found = pairs_among(people.items(), least=LISTED)
    print(f"{chosen.contacts:,} contacts, {len(truth)} known duplicates: {time.perf_counter() - begun:.1f} s")
    print(*report(found, people, truth, chosen.show), sep="\n")


if __name__ == "__main__":
    main()
