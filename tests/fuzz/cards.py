# SPDX-License-Identifier: GPL-3.0-or-later
"""The readers of vCards and of files of contacts, under spoilt input."""

import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts import edit, guard, lines
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.vcard import is_vcard_text, parse_for_search, read_cards
from radicale_bcm.sync.errors import Refused
from radicale_bcm.sync.importing import Import
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from tests.contract.trust import ADMIN
from tests.fuzz.mutate import Spoiler

_HEAD = "BEGIN:VCARD\r\nVERSION:{}\r\n"
CARDS = (
    _HEAD.format("3.0")
    + "UID:1\r\nFN:Nick Brigandi\r\nN:Brigandi;Nick;;;\r\nORG:Contoso\\, Ltd.;Sales\r\nTITLE:Manager\r\n"
    "TEL;TYPE=work,voice:+1 206 555 0100\r\nEMAIL;TYPE=INTERNET:nick@example.com\r\n"
    "item1.ADR;TYPE=work:;;1 Main St;Seattle;WA;98101;US\r\nitem1.X-ABADR:us\r\nBDAY:1980-05-17\r\n"
    "NOTE:One\\nTwo\\; three\r\nCATEGORIES:Business,VIP\r\nX-BCM-KIND:business-contact\r\nX-BCM-VERSION:3\r\n"
    "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=\r\nURL:http://example.com/a?b=c\\,d\r\nREV:2026-01-01T00:00:00Z\r\nEND:VCARD\r\n",
    _HEAD.format("4.0") + 'UID:urn:uuid:2\r\nFN:Zoë\r\nN:Ünal;Zoë;;;\r\nTEL;VALUE=uri;TYPE="voice,work":tel:+49-1\r\n'
    "BDAY:--0517\r\nANNIVERSARY:20200229\r\nKIND:individual\r\nPHOTO:data:image/png;base64,iVBORw0KGgo=\r\n"
    "ADR;LABEL=\"a^nb\":;;Str. 1;Bremen;;28195;DE\r\n"
    "RELATED;TYPE=spouse;VALUE=text:Jo\r\nMEMBER:urn:uuid:3\r\nEND:VCARD\r\n",
    _HEAD.format("2.1") + "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg\r\nFN:Jörg\r\n"
    "TEL;HOME;VOICE:1\r\nPHOTO;JPEG;ENCODING=BASE64:\r\n /9j/4AAQSkZJRg==\r\n\r\n"
    "AGENT:\r\nBEGIN:VCARD\r\nVERSION:2.1\r\nN:A\r\nEND:VCARD\r\nNOTE;QUOTED-PRINTABLE:a=0D=0A=\r\nb\r\nEND:VCARD\r\n",
    _HEAD.format("3.0") + "FN:Group\r\nN:Group;;;;\r\nUID:g\r\nX-ADDRESSBOOKSERVER-KIND:group\r\n"
    "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1\r\nEND:VCARD\r\n",
)  # fmt: skip
FRAGMENTS = (
    "BEGIN:VCARD\r\n", "END:VCARD\r\n", "VERSION:2.1\r\n", "FN:\r\n", "UID:\r\n", "item1.", ";TYPE=", ";VALUE=uri",
    ";CHARSET=zip", ";ENCODING=b", ";ENCODING=QUOTED-PRINTABLE", ";BASE64", "=C3=", "\\n", "\\,", "\\", 'X;A="b:c",',
    "AGENT:\r\n", "PHOTO:data:", "BDAY:", "--02-30", "T25:00", "ADR:", "N:", "X-BCM-VERSION:", "X-BCM-ID:",
    "CATEGORIES:", ",=", "BEGIN:VCALENDAR\r\n",
)  # fmt: skip
TABLES = (
    "name,email,company,birthday,note\nNick Brigandi,nick@example.com,\"Contoso, Ltd.\",1980-05-17,\"a\nb\"\nJo,,,,\n",
    "First Name;Last Name;E-mail Address;Mobile Phone;Categories\nZoë;Ünal;z@example.com;+49 1;VIP;x\n",
    "sep=;\nuid;given_name;family_name;active;rating\n1;A;B;yes;3\n2;C;;no;\n",
    "Name,Given Name,Phone 1 - Type,Phone 1 - Value,E-mail 1 - Value\nA B,A,Work,1,a@example.com ::: b@example.com\n",
    "name\temail\nA\ta@example.com\n",
)  # fmt: skip
_TABLE_FRAGMENTS = (
    '"', '""', "\n\"", ",", ";", "\t", "sep=", "name", "email", "uid", "birthday", "=1+1", "\r", "::: ",
    "BEGIN:VCARD\r\n", "E-mail 1",
)  # fmt: skip
_LINES = codec.ServerLines(
    uid="u", version=2, record_id="7", modified=datetime(2026, 1, 1, tzinfo=UTC), marker_property=True
)


def check_fast_reading(text: str) -> bool:
    """Whether a card is read the fast way; asserts that the thorough one says the same."""
    usual = lines._parse_usual(text)
    if usual is None:
        return False
    assert _content(usual) == _content(lines._parse_any(text)), "the fast reading of a card says something else"
    return True


def _content(parsed: list[lines.Line]) -> list[tuple[object, ...]]:
    # Heads are compared by what they say: one that was forgotten is made anew.
    return [(each.group, each.name, each.params, each.head.strict, each.value, each.raw) for each in parsed]


class Cards:
    """A text is cards, or is refused as a whole; what is accepted is stable, and can be edited and rendered."""

    def __init__(self, chance: random.Random) -> None:
        guard.install()
        self._spoiler = Spoiler(chance, FRAGMENTS, longest=20_000)  # it is read a dozen times

    def make(self) -> str:
        """An input."""
        return self._spoiler.spoilt(self._spoiler.chance.choice(CARDS), CARDS)

    def try_it(self, text: str) -> str:
        """Read it in every way. Returns what came of it."""
        check_fast_reading(text)
        is_vcard_text(text)
        parse_for_search(text).contents  # noqa: B018 - must not raise
        try:
            cards = read_cards(text)
        except NotAVCard:
            return "refused"
        for each in cards:
            self._check(each.serialize())
        return "accepted"

    def _check(self, text: str) -> None:
        (again,) = read_cards(text)
        assert again.serialize() == text, "what was accepted is not stable"
        codec.summary(text)
        contact = codec.read(text)
        made = codec.render(text, contact, _LINES)
        rendered = codec.with_categories(made.text, made.categories)
        assert codec.read(rendered) == contact, "what was rendered says something else"
        assert codec.render(rendered, contact, _LINES) == made, "rendered twice, it differs"
        edit.decide(edit.Texts(rendered, text, rendered), contact, client_wins=False, client="fuzz")
        edit.without_marker(rendered)


class Files:
    """A file is brought in, or its parts are refused with a reason."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._spoilers = {
            ".csv": (Spoiler(chance, _TABLE_FRAGMENTS), TABLES),
            ".vcf": (Spoiler(chance, FRAGMENTS), CARDS),
        }
        self._folder = tempfile.TemporaryDirectory(prefix="bcm-fuzz-")
        folder = Path(self._folder.name)
        options = Options(state_url=f"sqlite:///{folder}/state.db", database_url=f"sqlite:///{folder}/business.db")
        self._site = open_site(options, create=True)
        self._file = folder / "file"

    def make(self) -> tuple[str, bytes]:
        """An input: the file's suffix and content."""
        kind = self._chance.choice((".csv", ".vcf"))
        spoiler, corpus = self._spoilers[kind]
        text = spoiler.spoilt("".join(self._chance.choices(corpus, k=self._chance.choice((1, 1, 3)))), corpus)
        encoding = self._chance.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1"))
        suffix = self._chance.choice((kind, kind, kind, ".txt", ".csv", ".vcf"))
        return suffix, text.encode(encoding, "surrogatepass" if encoding != "latin-1" else "replace")

    def try_it(self, given: tuple[str, bytes]) -> str:
        """Bring it in."""
        suffix, content = given
        path = self._file.with_suffix(suffix)
        path.write_bytes(content)
        try:
            outcome = Import(self._site, ADMIN).run([str(path)], dry_run=True)
        except Refused as error:
            return self._look("refused", error.reason)
        came = "accepted" if outcome.imported else "refused"
        return self._look(came, *(each.reason for each in (*outcome.refused, *outcome.notes, *outcome.skipped)))

    def _look(self, came: str, *reasons: str) -> str:
        for each in reasons:
            assert 0 < len(each) < 2_000, "a reason too long to read"
        return came

    def close(self) -> None:
        """Remove what was made."""
        self._site.close()
        self._folder.cleanup()
