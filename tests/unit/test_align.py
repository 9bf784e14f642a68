# SPDX-License-Identifier: GPL-3.0-or-later
"""An echo that reads differently is no edit."""

import pytest

from radicale_bcm.contacts.align import align, name_edited
from radicale_bcm.contacts.card import ServerLines, read, render

SERVER = ServerLines("u", 1, "1")


def served(contact):
    return render(None, contact, SERVER).text


@pytest.mark.parametrize(
    ("contact", "mark"),
    [
        ({"name": "Nick Brigandi"}, ";X-BCM-NAME=derived"),
        ({"name": "A", "email2": "b@x", "email3": "c@x"}, ";X-BCM-FIELD=email2"),
        ({"name": "A", "home_phone2": "2"}, ";X-BCM-FIELD=home_phone2"),
    ],
)
def test_a_client_that_drops_our_parameters_changes_nothing(contact, mark):
    text = served(contact)
    assert mark in text
    plain = text.replace(mark, "").replace(";X-BCM-FIELD=email3", "").replace(";X-BCM-NAME=derived", "")
    assert read(plain) != contact
    assert align(contact, read(plain)) == contact


def test_a_changed_line_after_a_gap_changes_its_own_field():
    base = {"name": "A", "email": "a@x", "email3": "c@x"}
    assert align(base, {"name": "A", "email": "a@x", "email2": "new@x"}) == base | {"email3": "new@x"}
    assert align(base, {"name": "A", "email": "a@x", "email2": "c@x", "email3": "d@x"}) == base | {"email2": "d@x"}
    assert align({"email": "a", "email2": "b"}, {"email": "b"}) == {"email": "b"}


def test_fn_follows_n_where_the_client_left_fn_alone():
    base = {"given_name": "Nick", "family_name": "Brigandi"}
    sent = read(served(base).replace("N:Brigandi;Nick", "N:Brigandi;Nicholas"))
    assert sent["name"] == "Nick Brigandi"
    assert align(base, sent) == {"given_name": "Nicholas", "family_name": "Brigandi"}
    assert not name_edited(base, sent)


def test_a_name_of_its_own_stays_where_only_n_was_edited():
    base = {"name": "Nicky", "given_name": "Nick"}
    assert align(base, {"name": "Nicky", "given_name": "Nicholas"}) == {"name": "Nicky", "given_name": "Nicholas"}


def test_an_edited_fn_is_an_edit():
    base = {"given_name": "Nick", "family_name": "Brigandi"}
    assert align(base, base | {"name": "Nicky"}) == base | {"name": "Nicky"}
    assert name_edited(base, base | {"name": "Nicky"})
    assert name_edited({"name": "A", "given_name": "B"}, {"given_name": "B"})


def test_a_card_without_n_does_not_empty_the_name():
    base = {"given_name": "Nick", "family_name": "Brigandi"}
    assert align(base, {"name": "Nick Brigandi"}) == base
