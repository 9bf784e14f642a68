# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter expressions, under spoilt input: an error that points at a character, or the same answer from SQL and from
the predicate."""

import random
import tempfile
from pathlib import Path

from radicale_bcm.contacts.filters import FilterError, describe, parse_canonical, parse_filters
from radicale_bcm.sync import records
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.site import open_site
from tests.contract.trust import ADMIN
from tests.contract.world import people
from tests.fuzz.mutate import Spoiler

EXPRESSIONS = (
    "company=Contoso*|Fabrikam*", "city=<>Stockholm", "name=@*berg*", "modified=2026-01-01..", "rating=3..5",
    "type=Person", "owner=%me", "email==@'a@b.example'", "birthday=--05-17", "birthday=1980..1990-05", "note=''",
    "note=<>''&<>x*", "rating=>2&<=4", "active=yes", "phone=*555*", "id=1|2|10", "created=..2026-06-30T12:00:00Z",
    "name=(a*|b*)&<>*z", "uid=old-?", "given_name=@ä??*", "category=VIP|'A & B'", "company='it''s'|*\"*",
    "modified=2026-01|2027", "type=<>Company", "rating=<>3&(1|2|3..5)", "city=?*",
)  # fmt: skip
_FRAGMENTS = (
    "=", "<>", "..", "|", "&", "(", ")", "'", "''", "@", "*", "?", "%me", "<", ">=", "name=", "rating=", "type=",
    "modified=", "1..", "..5", "2026-02-30", "T24:00", "+99:99", "*a", "a|", "yes", "Person", "((", "%", "_",
)  # fmt: skip


class Expressions:
    """A filter is refused with a position, or means the same everywhere."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._spoiler = Spoiler(chance, _FRAGMENTS)
        self._folder = tempfile.TemporaryDirectory(prefix="bcm-fuzz-")
        folder = Path(self._folder.name)
        options = Options(state_url=f"sqlite:///{folder}/state.db", database_url=f"sqlite:///{folder}/business.db")
        self._site = open_site(options, create=True)
        odd = [
            {"given_name": each} for each in ("Åse", "ſtraße", "a*b", "100%", "under_score", "it's", "İ", "back\\slash")
        ]
        with self._site.write(ADMIN) as unit:
            for row in people("old", 12, 1) + odd:
                records.add(unit, {name: value for name, value in row.items() if value and name != "uid"})

    def make(self) -> list[str]:
        """An input: one filter or several."""
        count = self._chance.choice((1, 1, 1, 2))
        return [self._spoiler.spoilt(self._chance.choice(EXPRESSIONS), EXPRESSIONS) for _ in range(count)]

    def try_it(self, texts: list[str]) -> str:
        """Parse it, and ask both ways."""
        try:
            parsed = parse_filters(texts)
        except FilterError as error:
            return self._look(error)
        assert parse_canonical(parsed.expressions) == parsed, "its canonical text means something else"
        describe(parsed)
        bound = parsed.bind("alice")
        with self._site.business(self._site.origin()).reader() as source:
            try:
                found = [each.id for each in records.listed(self._site, source, texts, me="alice")]
            except FilterError:
                return "refused"
            everybody = list(records.listed(self._site, source, []))
            wanted = [each.id for each in everybody if bound.matches(each.fields, records.meta(each))]
        assert found == wanted, "SQL and predicate do not agree"
        return "accepted"

    def _look(self, error: FilterError) -> str:
        assert 0 <= error.position <= len(error.expression), "it points nowhere"
        assert len(str(error)) < 2_000 + len(error.field), "an error too long to read"
        return "refused"

    def close(self) -> None:
        """Remove what was made."""
        self._site.close()
        self._folder.cleanup()
