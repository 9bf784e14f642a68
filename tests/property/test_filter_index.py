# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of many filters says what each filter says."""

import random

from radicale_bcm.contacts.filter_index import FilterIndex
from radicale_bcm.contacts.filters import parse_filters

VALUES = ("", "alice", "bob", "Bob", "a*b", "Seattle", "1", "3", "true")
EXPRESSIONS = (
    "{f}={v}", "{f}==@'{v}'", "{f}=<>{v}", "{f}=''", "{f}=<>''", "{f}=alice|bob", "{f}=alice|b*", "{f}==alice&=bob",
    "{f}=(alice|bob)&<>bob", "{f}=*o*", "{f}=@ALICE|bob", "{f}=%me", "{f}=%me|bob", "{f}=='a*b'",
)  # fmt: skip
FIELDS = ("owner", "email", "business_city", "name", "note", "category")


def test_the_index_finds_exactly_the_filters_that_a_record_passes():
    chance = random.Random(20)
    for _ in range(40):
        filters = {}
        for key in range(60):
            texts = []
            for _ in range(chance.randint(0, 3)):
                value = chance.choice(VALUES[1:])
                texts.append(chance.choice(EXPRESSIONS).format(f=chance.choice(FIELDS), v=value))
            if chance.random() < 0.2:
                texts.append(chance.choice(("rating=2..", "type=Person", "active=yes", "id=7", "type=investor")))
            filters[key] = parse_filters(texts).bind(chance.choice(("alice", "bob")))
        types = {"investor": "business-contact"}
        index = FilterIndex(filters, types)
        for _ in range(40):
            names = (*FIELDS, "email2", "given_name")
            fields = {name: value for name in names if (value := chance.choice(VALUES))}
            fields |= {"rating": chance.choice(("1", "3")), "active": chance.choice(("true", "false"))}
            meta = {"id": chance.choice(("7", "8")), "uid": "u", "type": chance.choice(("investor", "account"))}
            wanted = {key for key, each in filters.items() if each.matches(fields, meta, types)}
            assert index.passing(fields, meta) == wanted
