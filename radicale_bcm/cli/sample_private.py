# SPDX-License-Identifier: GPL-3.0-or-later
"""Private contacts as people have them in their own address book: vCard 3.0 texts, for the demo users and for tests.
For cli and tests only.
"""

import uuid
from random import Random

from radicale_bcm.cli.sample_west import COUNTRIES

_NAMESPACE = uuid.UUID("6f2f3c8e-6f0b-4d52-9a53-0d7f7e0c8b11")

# Each card between BEGIN, VERSION, UID and END. They are written the way different phones and programs write theirs.
_CARDS = (
    """FN:Mum
N:;Mum;;;
TEL;TYPE=home,voice:+44 131 496 0102
TEL;TYPE=cell:+44 7700 900102
BDAY:1954-03-08
item1.ADR;TYPE=home:;;12 Mill Lane;Edinburgh;;EH2 4AD;United Kingdom
item1.X-ABADR:gb
NOTE:Allergic to walnuts. Call on Sundays.
CATEGORIES:Family""",
    """FN:Dr. Farah Haddad (dentist)
N:Haddad;Farah;;Dr.;
ORG:Haddad & Partners Dental Practice
TEL;TYPE=work,voice:+44 20 7946 0188
URL:https://www.dentist.example.org/
NOTE:Next check-up in March\\, 8:30.\\nBring the insurance card.""",
    """FN:Jonas
N:;Jonas;;;
NICKNAME:Jojo
item1.TEL:+44 7700 900155
item1.X-ABLabel:climbing
item2.X-ABDATE:2019-08-24
item2.X-ABLabel:_$!<Anniversary>!$_
BDAY:--11-02
CATEGORIES:Friends""",
    """FN:Aunt Ingrid
N:Lindgren;Ingrid;;;
TEL;TYPE=HOME:+46 8 465 004 27
EMAIL;TYPE=INTERNET,HOME:ingrid@lindgren.example.net
ADR;TYPE=HOME:;;Björkvägen 4;Stockholm;;111 22;Sweden
CATEGORIES:Family""",
    """FN:Riverside Primary School
ORG:Riverside Primary School
X-ABShowAs:COMPANY
N:;;;;
TEL;TYPE=work:+44 161 496 0140
EMAIL;TYPE=internet,work:office@riverside-school.example.org
item1.TEL:+44 161 496 0149
item1.X-ABLabel:report an absence""",
    """FN:Plumber (Gary)
N:;Gary;;;
TEL;TYPE=CELL:+44 7700 900177
X-EVOLUTION-FILE-AS:Plumber
NOTE:Fixed the boiler. Cash or bank transfer.""",
    """FN:Dad
N:;Dad;;;
TEL;TYPE=cell,pref:+44 7700 900103
EMAIL;TYPE=internet:dad@family.example.net
BDAY:1951-12-19
CATEGORIES:Family""",
    """FN:Pizzeria Da Enzo
N:;;;;
ORG:Pizzeria Da Enzo
TEL;TYPE=work,voice:+44 20 7946 0120
NOTE:Closed on Mondays.""",
    """FN:Nadia Benali
N:Benali;Nadia;;;
TEL;TYPE=CELL:+33 6 39 98 12 34
EMAIL;TYPE=INTERNET:nadia@benali.example.com
IMPP;X-SERVICE-TYPE=XMPP:xmpp:nadia@chat.example.org
CATEGORIES:Friends,Choir""",
    """FN:Mrs. Osei (upstairs)
N:Osei;;;Mrs.;
TEL;TYPE=home:+44 20 7946 0131
NOTE:Has our spare key.""",
    """FN:Vet: Park Lane Animal Clinic
N:;;;;
ORG:Park Lane Animal Clinic
TEL;TYPE=work:+44 113 496 0165
item1.TEL:+44 113 496 0166
item1.X-ABLabel:emergency
URL:https://www.parklane-vet.example.com/""",
    """FN:Tom (football coach)
N:;Tom;;;
TEL;TYPE=cell:+44 7700 900121
X-SOCIALPROFILE;TYPE=club:https://club.example.org/tom""",
)


def plain_contacts(n: int, seed: int = 1) -> list[str]:
    """`n` private contacts as vCard 3.0 texts with their UIDs, the same ones for the same `seed`.

    Family, dentist and plumber come first; after a dozen, friends with a name and a telephone number.
    """
    rng = Random(seed)
    return [_card(_CARDS[i] if i < len(_CARDS) else _friend(rng), f"{seed}/{i}") for i in range(n)]


def _friend(rng: Random) -> str:
    country = rng.choice(COUNTRIES)
    woman = rng.random() < 0.5
    given, family = rng.choice(country.given[woman]), rng.choice(country.families)[woman]
    email = f"{given.latin}.{family.latin}{rng.randrange(1000)}@mail.example.net"
    return "\n".join(
        (
            f"FN:{given.text} {family.text}",
            f"N:{family.text};{given.text};;;",
            f"TEL;TYPE=CELL:+44 7700 900{rng.randrange(1000):03}",
            f"EMAIL;TYPE=INTERNET:{email}",
            "CATEGORIES:Friends",
        )
    )


def _card(body: str, name: str) -> str:
    uid = uuid.uuid5(_NAMESPACE, name)
    lines = ("BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", *body.split("\n"), "END:VCARD", "")
    return "\r\n".join(lines)
