# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion, merging of duplicates and export on every engine: what becomes of records, cards and folders."""

import pytest

from radicale_bcm.books import cards, collections, delta, history, items, membership, places, setups, view
from radicale_bcm.books.history import Actor
from radicale_bcm.books.items import NewItem
from radicale_bcm.business.accounts import Accounts
from radicale_bcm.contacts import card as codec
from radicale_bcm.contacts.filters import Filter, parse_filters
from radicale_bcm.sync import (
    candidates,
    databases,
    duplicates,
    plain,
    preview,
    pull,
    records,
    setup,
    switch,
    trash,
    verify,
)
from radicale_bcm.sync.errors import Conflict, Invalid
from radicale_bcm.sync.options import Options
from radicale_bcm.sync.promote import Promotion, promote_new
from radicale_bcm.sync.promotion import Wish
from radicale_bcm.sync.setup import Choice
from radicale_bcm.sync.site import open_site
from tests.dav import card, line

ACTOR = Actor("tester", "test", "command")
FOLDERS = ("alice/Contacts", "bob/Contacts")
ANDREA = card(
    "andrea-1", "Andrea Dunker", "EMAIL;TYPE=WORK:andrea@example.com", "ORG:Contoso;Sales", "TITLE:Buyer",
    "item1.TEL:+1 425 555 0100", "item1.X-ABLabel:Hotline", "PHOTO;ENCODING=b;TYPE=JPEG:QUJD", "X-ODD;X-P=1:kept",
    "BDAY:someday", "CATEGORIES:Friends,Business",
)  # fmt: skip


class World:
    """A site with the sync folder of alice, and what tests do with it."""

    def __init__(self, new_database_url, **options) -> None:
        self.site = open_site(Options(new_database_url("state"), new_database_url("business"), **options), create=True)
        with self.site.write(ACTOR) as unit:
            setup.start(unit, "alice", Choice(folder="Contacts"))

    def put(self, href, text, folder="alice/Contacts"):
        with self.site.write(ACTOR) as unit:
            collection = collections.get(unit.conn, folder)
            if collection is None:
                collection = collections.create(unit.conn, folder, {"tag": "VADDRESSBOOK"}, unit.revision, unit.at)
            plain.put(unit, collection, NewItem(href, codec.uid_of(text), "VCARD", "", 0, 0, text))

    def add(self, **fields):
        with self.site.write(ACTOR) as unit:
            return records.add(unit, fields).id

    def promote(self, *selectors, dry_run=False, **wish):
        with self.site.read() as conn:
            if selectors:
                chosen, unknown = candidates.chosen(conn, selectors)
                assert not unknown
            else:
                chosen = list(candidates.listed(conn, Filter(), None, None))
        return Promotion(self.site, ACTOR, Wish(**wish)).run(chosen, dry_run=dry_run)

    def folder(self, path="alice/Contacts"):
        """href -> (uid, text, whether it is a business card)"""
        with self.site.read() as conn:
            folder = view.open_folder(conn, collections.get(conn, path))
            return {each.href: (each.uid, each.text, each.card_id is not None) for each in view.resources(conn, folder)}

    def record(self, record_id):
        with self.site.business(self.site.origin()).reader() as source:
            return source.get(record_id)

    def records(self):
        with self.site.business(self.site.origin()).reader() as source:
            return list(source.iterate())

    def accounts(self):
        with self.site.business(self.site.origin()).reader() as source:
            return list(Accounts(source.connection).iterate())

    def history(self, record_id):
        with self.site.read() as conn:
            return history.entries(conn, record=(self.site.origin().id, record_id))

    def is_sound(self):
        """Every card is what its record says, and nothing is pending that would change one."""
        before = self.folder()
        assert verify.differences(self.site, ACTOR) == []
        assert self.folder() == before
        return True


@pytest.fixture
def world(new_database_url):
    made = World(new_database_url)
    yield made
    made.site.close()


class TestMove:
    def test_the_card_goes_on_at_the_same_href_and_uid(self, world):
        world.put("4711.vcf", ANDREA)
        outcome = world.promote("andrea@example.com")
        (done,) = outcome.created
        assert (done.path, done.name, done.uid) == ("/alice/Contacts/4711.vcf", "Andrea Dunker", "andrea-1")
        assert outcome.merged == outcome.refused == []
        folder = world.folder()
        assert set(folder) == {"4711.vcf"}
        uid, text, is_business = folder["4711.vcf"]
        assert (uid, is_business) == ("andrea-1", True)
        assert line(text, "UID") == "andrea-1"
        assert line(text, "X-BCM-KIND") == "business-contact"
        for kept in ("item1.TEL:+1 425 555 0100", "item1.X-ABLabel:Hotline", "X-ODD;X-P=1:kept", "BDAY:someday"):
            assert f"\r\n{kept}\r\n" in text
        assert line(text, "PHOTO") == "QUJD"
        assert world.is_sound()

    def test_the_record_has_the_fields_and_the_history_says_so(self, world):
        world.put("4711.vcf", ANDREA)
        (done,) = world.promote("Andrea Dunker").created
        fields = world.record(done.id).fields
        assert fields["email"] == "andrea@example.com"
        assert (fields["company"], fields["department"], fields["job_title"]) == ("Contoso", "Sales", "Buyer")
        assert fields["category"] == "Friends", "what the server adds to cards is nobody's category"
        (entry,) = world.history(done.id)
        assert entry.action == "promoted"
        assert entry.actor == "tester"
        assert entry.changes["email"] == ("", "andrea@example.com")
        assert entry.note["from"] == "/alice/Contacts/4711.vcf"

    def test_a_second_run_finds_nothing_to_do(self, world):
        world.put("4711.vcf", ANDREA)
        world.promote()
        outcome = world.promote()
        assert outcome.created == outcome.merged == outcome.refused == []
        assert len(world.records()) == 1

    def test_another_persons_folder_shows_the_card_too_and_keeps_a_plain_contact_of_the_same_uid(self, world):
        with world.site.write(ACTOR) as unit:
            setup.start(unit, "bob", Choice(folder="Contacts"))
        world.put("4711.vcf", ANDREA)
        world.put("mine.vcf", ANDREA, "bob/Contacts")
        (done,) = world.promote("/alice/Contacts/4711.vcf").created
        bobs = world.folder("bob/Contacts")
        assert bobs["mine.vcf"][2] is False
        assert sum(each[2] for each in bobs.values()) == 1
        assert len({uid for uid, _, _ in bobs.values()}) == 2
        (again,) = world.promote("/bob/Contacts/mine.vcf").merged
        assert again.id == done.id
        assert {href: is_business for href, (_, _, is_business) in world.folder("bob/Contacts").items()} == {
            "mine.vcf": True
        }
        assert world.is_sound()

    def test_a_value_that_fits_no_column_stays_in_the_card(self, world):
        world.put("1.vcf", card("u1", "Long", f"TITLE:{'x' * 300}", "EMAIL:long@example.com"))
        (done,) = world.promote().created
        assert "job_title" not in world.record(done.id).fields
        assert any("job_title" in note for note in done.notes)
        assert line(world.folder()["1.vcf"][1], "TITLE") == "x" * 300
        assert world.is_sound()

    def test_a_filter_that_leaves_the_record_out_lets_it_leave_and_says_so(self, world):
        with world.site.write(ACTOR) as unit:
            setup.change(unit, "alice", Choice(filters=["company=Fabrikam"]))
        world.put("4711.vcf", ANDREA)
        (done,) = world.promote().created
        assert any("filter" in note for note in done.notes)
        assert world.folder() == {}

    def test_a_contact_of_another_address_book_leaves_it_and_appears_in_the_sync_folder(self, world):
        world.put("4711.vcf", ANDREA, "alice/Private")
        (done,) = world.promote("andrea-1").created
        assert any("no sync folder" in note for note in done.notes)
        assert world.folder("alice/Private") == {}
        assert [is_business for _, _, is_business in world.folder().values()] == [True]

    def test_a_uid_that_lies_in_deleted_items_is_not_brought_back(self, world):
        world.put("4711.vcf", ANDREA)
        (first,) = world.promote().created
        with world.site.write(ACTOR) as unit:
            records.delete(unit, first.id)
        world.put("4711.vcf", ANDREA)
        (second,) = world.promote().created
        assert second.id != first.id
        assert world.record(first.id).deleted_at is not None
        assert {href: uid for href, (uid, _, _) in world.folder().items()} == {"4711.vcf": "andrea-1"}
        with world.site.write(ACTOR) as unit:
            trash.restore(unit, [first.id])
        folder = world.folder()
        assert len(folder) == 2
        assert len({uid for uid, _, _ in folder.values()}) == 2, "no two cards of a folder share href or UID"


class TestInterrupted:
    """The business database was committed, the state was not."""

    @pytest.fixture
    def torn(self, world, monkeypatch):
        world.put("4711.vcf", ANDREA)
        whole = world.promote(dry_run=True)
        assert len(whole.created) == 1
        with pytest.raises(KeyError), world.site.write(ACTOR) as unit:  # noqa: PT012
            source = world.site.business(world.site.origin())
            with source.writer() as writing:
                writing.insert(
                    {"name": "", "family_name": "Andrea Dunker", "email": "andrea@example.com", "company": "Contoso",
                     "department": "Sales", "job_title": "Buyer", "other_phone": "+1 425 555 0100",
                     "category": "Friends"}, uid="andrea-1", at=unit.at,
                )  # fmt: skip
            raise KeyError
        return world

    @pytest.mark.parametrize("projected", [False, True], ids=["at once", "after the change log was read"])
    def test_it_is_finished_and_the_end_is_the_same(self, torn, projected, new_database_url):
        whole = World(new_database_url)
        whole.put("4711.vcf", ANDREA)
        whole.promote()
        if projected:
            pull.pull_all(torn.site)
            assert len(torn.folder()) == 2
            (other,) = set(torn.folder()) - {"4711.vcf"}
        outcome = torn.promote()
        assert [each.path for each in outcome.created] == ["/alice/Contacts/4711.vcf"]
        assert len(torn.records()) == 1
        assert set(torn.folder()) == {"4711.vcf"}
        assert plain_lines(torn.folder()["4711.vcf"][1]) == plain_lines(whole.folder()["4711.vcf"][1])
        if projected:
            with torn.site.read() as conn:
                gone = items.removed_since(conn, collections.get(conn, "alice/Contacts").id, 0)
            assert other in gone, "a phone that saw it has to hear that it is gone"
        assert torn.is_sound()
        whole.site.close()

    def test_neither_skip_nor_create_keeps_it_from_being_finished(self, torn):
        outcome = torn.promote(on_duplicate="skip")
        assert len(outcome.created) == 1
        assert outcome.refused == []
        assert torn.promote(on_duplicate="create").created == []


def plain_lines(text):
    """A card without what tells one run from another."""
    return [each for each in text.split("\r\n") if not each.startswith(("REV:", "X-BCM-VERSION:", "X-BCM-ID:"))]


class TestMerge:
    @pytest.fixture
    def nick(self, world):
        return world.add(
            given_name="Nicholas", family_name="Brigandi", email2="NICK@Example.com", company="Contoso, Ltd.",
            mobile_phone="+1 425 555 0101", business_city="Redmond",
        )  # fmt: skip

    NICK = card(
        "phone-1", "Nick Brigandi", "EMAIL;TYPE=HOME,PREF:nick@private.example", "EMAIL:nick@example.com",
        "ORG:Fabrikam", "TITLE:Buyer", "TEL;TYPE=CELL:+1 206 555 0199", "TEL;TYPE=WORK:+1 425 555 0100",
        "X-HOBBY:chess",
        "ADR;TYPE=WORK:;;1 Main Street;Seattle;WA;98101;USA", "item1.URL:https://nick.example", "item1.X-ABLabel:Blog",
        "EMAIL:third@example.com", "EMAIL:fourth@example.com",
    )  # fmt: skip

    def test_the_databases_values_stay_and_empty_fields_are_filled(self, world, nick):
        world.put("x.vcf", self.NICK)
        outcome = world.promote()
        assert [(each.id, each.path) for each in outcome.merged] == [(nick, "/alice/Contacts/x.vcf")]
        fields = world.record(nick).fields
        assert (fields["given_name"], fields["company"]) == ("Nicholas", "Contoso, Ltd.")
        assert (fields["mobile_phone"], fields["business_phone"]) == ("+1 425 555 0101", "+1 425 555 0100")
        assert fields["job_title"] == "Buyer"
        assert "name" not in fields, "the display name is the database's too"
        assert "business_street" not in fields, "addresses are not mixed"
        assert fields["email2"] == "NICK@Example.com"
        assert {fields["email"], fields["email3"]} == {"nick@private.example", "third@example.com"}

    def test_the_records_href_and_uid_stay_and_the_contacts_are_gone(self, world, nick):
        (before,) = world.folder().items()
        world.put("x.vcf", self.NICK)
        world.promote()
        ((href, (uid, text, _)),) = world.folder().items()
        assert (href, uid) == (before[0], before[1][0])
        for gained in ("X-HOBBY:chess", "TEL;TYPE=CELL:+1 206 555 0199", "EMAIL:fourth@example.com"):
            assert f"\r\n{gained}\r\n" in text, gained
        assert "1 Main Street;Seattle" in text
        assert "X-ABLabel:Blog" in text
        assert world.is_sound()
        with world.site.read() as conn:
            assert "x.vcf" in items.removed_since(conn, collections.get(conn, "alice/Contacts").id, 0)

    def test_by_name_and_company_where_no_address_is_known(self, world):
        there = world.add(name="Andrea DUNKER", company="CONTOSO")
        world.put("a.vcf", ANDREA)
        (merged,) = world.promote().merged
        assert merged.id == there
        assert world.record(there).fields["email"] == "andrea@example.com"

    def test_the_same_name_alone_is_another_person(self, world):
        world.add(name="Andrea Dunker")
        world.put("a.vcf", ANDREA)
        assert len(world.promote().created) == 1

    def test_skip_leaves_the_contact_alone(self, world, nick):
        world.put("x.vcf", self.NICK)
        before = world.folder()
        (refused,) = world.promote(on_duplicate="skip").refused
        assert nick in refused.reason
        assert world.folder() == before

    def test_create_makes_another_record(self, world, nick):
        world.put("x.vcf", self.NICK)
        (created,) = world.promote(on_duplicate="create").created
        assert created.id != nick
        assert len(world.records()) == 2

    def test_two_contacts_of_one_address_become_one_record(self, world):
        world.put("1.vcf", card("u1", "Ann Lee", "EMAIL:ann@example.com"))
        world.put("2.vcf", card("u2", "Ann Lee", "EMAIL:ANN@example.com", "TITLE:Chef"))
        outcome = world.promote()
        assert (len(outcome.created), len(outcome.merged)) == (1, 1)
        (record,) = world.records()
        assert record.fields["job_title"] == "Chef"

    def test_a_card_that_this_folder_no_longer_followed_comes_back(self, world, nick):
        with world.site.write(ACTOR) as unit:
            collection = collections.get(unit.conn, "alice/Contacts")
            (shown,) = list(view.resources(unit.conn, view.open_folder(unit.conn, collection)))
            membership.exclude(unit.conn, collection.id, shown.card_id, "unfollow", unit.revision, unit.at)
        assert world.folder() == {}
        world.put("x.vcf", self.NICK)
        world.promote()
        assert list(world.folder()) == [shown.href]

    def test_what_is_there_as_no_person_is_refused(self, world):
        """Another program made an account of it: it has no card that the contact could become."""
        world.put("x.vcf", self.NICK)
        uid = codec.uid_of(self.NICK)
        with world.site.write(ACTOR) as unit:
            record = unit.records().insert({"given_name": "Nick"}, uid=uid, record_type="business-contact", at=unit.at)
            unit.records().connection.exec_driver_sql(f"UPDATE contact SET type = 'account' WHERE id = {record.id}")
        pull.pull_all(world.site)
        for on_duplicate in ("merge", "create", "skip"):
            (refusal,) = world.promote(on_duplicate=on_duplicate).refused
            assert "of the type account" in refusal.reason
        assert list(world.folder()) == ["x.vcf"]

    def test_a_card_that_takes_the_contacts_place_is_told_as_gone_from_its_own_of_long_ago(self, world):
        """It stood beside the contact, was unfollowed, and comes back in the contact's place."""
        world.put("x.vcf", self.NICK)
        with world.site.write(ACTOR) as unit:
            unit.records().insert(
                {"given_name": "Nick"}, uid=codec.uid_of(self.NICK), record_type="business-contact", at=unit.at
            )
        pull.pull_all(world.site)
        (beside,) = world.folder().keys() - {"x.vcf"}
        with world.site.write(ACTOR) as unit:
            collection = collections.get(unit.conn, "alice/Contacts")
            token = view.open_folder(unit.conn, collection).revision
            card_id = view.get(unit.conn, view.open_folder(unit.conn, collection), beside).card_id
            membership.exclude(unit.conn, collection.id, card_id, "unfollow", unit.revision, unit.at)
        world.promote("/alice/Contacts/x.vcf")
        assert list(world.folder()) == ["x.vcf"]
        with world.site.read() as conn:
            folder = view.open_folder(conn, collections.get(conn, "alice/Contacts"))
            assert delta.since(conn, folder, token) == ({"x.vcf"}, {beside})


class TestCopy:
    def test_both_exist_and_a_second_run_makes_nothing(self, world):
        world.put("4711.vcf", ANDREA)
        (done,) = world.promote(copy=True).created
        assert done.uid != "andrea-1"
        folder = world.folder()
        assert len(folder) == 2
        assert folder["4711.vcf"] == ("andrea-1", ANDREA, False)
        again = world.promote(copy=True)
        assert again.created == []
        assert len(world.records()) == 1
        assert world.folder()["4711.vcf"] == ("andrea-1", ANDREA, False)
        assert world.is_sound()

    def test_a_move_afterwards_goes_into_the_copy(self, world):
        world.put("4711.vcf", ANDREA)
        (copied,) = world.promote(copy=True).created
        (moved,) = world.promote().merged
        assert moved.id == copied.id
        assert len(world.folder()) == 1


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (card("u", "No Mail"), "no e-mail address"),
            (card("u", "x@example.com", "EMAIL:x@example.com").replace("N:x@example.com;", "N:;"), "no name"),
            (card("u", "Contoso", "ORG:Contoso", "EMAIL:i@example.com").replace("N:Contoso;", "N:;"), "no name"),
            (card("u", "Contoso", "ORG:Contoso", "EMAIL:i@example.com", "X-ABShowAs:COMPANY"), "a company"),
            (card("u", "All", "KIND:group", "EMAIL:i@example.com"), "a group"),
        ],
    )
    def test_with_the_reason_and_the_others_go_on(self, world, text, reason):
        world.put("1.vcf", text)
        world.put("2.vcf", ANDREA)
        outcome = world.promote("/alice/Contacts/1.vcf", "/alice/Contacts/2.vcf")
        assert [(each.path, reason in each.reason) for each in outcome.refused] == [("/alice/Contacts/1.vcf", True)]
        assert len(outcome.created) == 1
        assert world.folder()["1.vcf"][1:] == (text, False)

    def test_force_promotes_all_the_same(self, world):
        world.put("1.vcf", card("u", "No Mail"))
        assert len(world.promote(force=True).created) == 1

    def test_which_fields_are_required_is_configured(self, new_database_url):
        world = World(new_database_url, required_fields=("phone", "company"))
        world.put("1.vcf", card("u1", "Nobody"))
        world.put("2.vcf", card("u2", "Ann", "ORG:Contoso", "TEL:+1 425 555 0100"))
        outcome = world.promote()
        assert [each.reason for each in outcome.refused] == ["it has no phone number and no company"]
        assert [each.name for each in outcome.created] == ["Ann"]
        world.site.close()

    def test_an_unknown_type_is_refused_before_anything_happens(self, world):
        world.put("1.vcf", ANDREA)
        with pytest.raises(Exception, match="no record type nonsense"):
            world.promote(record_type="nonsense")
        assert world.records() == []


class TestAccounts:
    def test_as_an_account_she_leaves_the_folder(self, world):
        world.put("4711.vcf", ANDREA)
        (done,) = world.promote(record_type="account").created
        assert (done.type, done.name) == ("account", "Andrea Dunker")
        assert world.folder() == {}
        assert world.records() == []
        (account,) = world.accounts()
        assert account.fields["email"] == "andrea@example.com"
        with world.site.write(ACTOR) as unit:
            kept = [each.id for each in trash.listed(unit)]
            trash.restore(unit, kept)
        assert world.folder()["4711.vcf"][1] == ANDREA, "nothing that an account has no field for is lost"

    def test_an_account_needs_a_name_only(self, world):
        world.put("1.vcf", card("u", "Fabrikam", "ORG:Fabrikam", "X-ABShowAs:COMPANY"))
        (done,) = world.promote(record_type="account").created
        assert done.name == "Fabrikam"
        assert done.notes == ()
        world.put("1.vcf", card("u2", "Fabrikam", "ORG:Fabrikam", "EMAIL:info@fabrikam.example"))
        (again,) = world.promote(record_type="account").merged
        assert again.id == done.id
        assert world.accounts()[0].fields["email"] == "info@fabrikam.example"

    def test_a_person_is_linked_to_the_account_that_is_named(self, world):
        world.put("4711.vcf", ANDREA)
        (done,) = world.promote(account="Fabrikam Inc.").created
        (account,) = world.accounts()
        record = world.record(done.id)
        assert (record.fields["company"], record.account_id) == ("Fabrikam Inc.", account.id)
        assert line(world.folder()["4711.vcf"][1], "ORG") == "Fabrikam Inc.;Sales"

    def test_company_text_links_only_where_one_account_has_that_name(self, world):
        with world.site.write(ACTOR) as unit:
            for name in ("Contoso", "Twin", "Twin"):
                records.add_account(unit, {"name": name})
        world.put("1.vcf", ANDREA)
        world.put("2.vcf", card("u2", "Ann", "ORG:Twin", "EMAIL:ann@example.com"))
        world.put("3.vcf", card("u3", "Bo", "ORG:Nobody", "EMAIL:bo@example.com"))
        done = {each.name: world.record(each.id) for each in world.promote().created}
        assert done["Andrea Dunker"].account_id is not None
        assert done["Ann"].account_id is done["Bo"].account_id is None
        with pytest.raises(Conflict):
            world.promote(account="Twin")


def test_a_custom_type_is_a_person_with_its_own_fields(world):
    with world.site.write(ACTOR) as unit:
        records.add_type(unit, "supplier", "business-contact", {"payment_days": "number"})
        records.add_type(unit, "shop", "account", {})
    world.put("4711.vcf", ANDREA)
    (done,) = world.promote(record_type="supplier").created
    assert done.type == "supplier"
    with world.site.write(ACTOR) as unit:
        records.edit(unit, done.id, {"payment_days": "30"})
    text = world.folder()["4711.vcf"][1]
    assert line(text, "X-BCM-KIND") == "supplier"
    assert line(text, "X-BCM-UDF-PAYMENT-DAYS") == "30"
    world.put("2.vcf", card("u2", "Corner shop"))
    (shop,) = world.promote("u2", record_type="shop").created
    assert shop.type == "shop"
    assert world.is_sound()


class TestKeptCards:
    """SPEC section 6: cards kept of a former database are promoted like plain contacts."""

    @pytest.fixture
    def kept(self, world, new_database_url):
        world.put("4711.vcf", ANDREA)
        world.promote()
        with world.site.write(ACTOR) as unit:
            setup.start(unit, "bob", Choice(folder="Contacts"))
        databases.add(world.site, ACTOR, "second", new_database_url(), None)
        switch.switch(world.site, ACTOR, "second", "keep")
        assert world.records() == []
        return world

    def test_the_card_stays_where_it_is_in_every_folder(self, kept):
        before = {path: {href: uid for href, (uid, _, _) in kept.folder(path).items()} for path in FOLDERS}
        assert [len(each) for each in before.values()] == [1, 1]
        with kept.site.read() as conn:
            revision = view.open_folder(conn, collections.get(conn, FOLDERS[0])).revision
        (done,) = kept.promote("andrea@example.com").created
        assert {path: {href: uid for href, (uid, _, _) in kept.folder(path).items()} for path in FOLDERS} == before
        assert kept.record(done.id).fields["department"] == "Sales"
        text = kept.folder()["4711.vcf"][1]
        assert line(text, "X-BCM-ID") == done.id
        assert line(text, "PHOTO") == "QUJD"
        with kept.site.read() as conn:
            told = delta.since(conn, view.open_folder(conn, collections.get(conn, FOLDERS[0])), revision)
        assert told == ({"4711.vcf"}, set())
        assert kept.is_sound()
        assert kept.promote().created == []

    def test_merged_the_kept_card_leaves_every_folder(self, kept):
        there = kept.add(name="A. Dunker", email="ANDREA@example.com")
        (merged,) = kept.promote().merged
        assert merged.id == there
        for path in FOLDERS:
            ((_, (_, text, _)),) = kept.folder(path).items()
            assert line(text, "X-BCM-ID") == there
        assert kept.is_sound()

    def test_copied_it_stays_beside_the_new_one(self, kept):
        (done,) = kept.promote("Andrea Dunker", copy=True).created
        assert len(kept.folder()) == 2
        assert kept.promote("Andrea Dunker", copy=True).merged[0].id == done.id

    def test_switching_back_binds_it_again(self, kept):
        kept.promote()
        switch.switch(kept.site, ACTOR, "main", "remove")
        assert set(kept.folder()) == {"4711.vcf"}
        assert len(kept.records()) == 1
        assert kept.is_sound()


class TestSelectors:
    def test_ambiguous_and_unknown_ones_are_refused_with_what_to_do(self, world):
        world.put("1.vcf", card("u1", "Ann", "EMAIL:a@example.com"))
        world.put("2.vcf", card("u2", "Ann", "EMAIL:b@example.com"))
        with world.site.read() as conn:
            found, refused = candidates.chosen(conn, ["Ann", "nobody", "b@EXAMPLE.com", "/alice/Contacts", "/x/y.vcf"])
        assert [each.uid for each in found] == ["u2"]
        reasons = dict(refused)
        assert "/alice/Contacts/1.vcf, /alice/Contacts/2.vcf" in reasons["Ann"]
        assert "--preview" in reasons["nobody"]
        assert "--folder Contacts" in reasons["/alice/Contacts"]
        assert set(reasons) == {"Ann", "nobody", "/alice/Contacts", "/x/y.vcf"}

    def test_all_takes_the_sync_folders_only_and_filters_ask_for_fields(self, world):
        world.put("1.vcf", ANDREA)
        world.put("2.vcf", card("u2", "Ann", "ORG:Fabrikam"))
        world.put("3.vcf", card("u3", "Secret"), "alice/Private")
        world.put("4.vcf", card("u4", "Group", "X-ADDRESSBOOKSERVER-KIND:group"))
        with world.site.read() as conn:

            def found(*filters, principal=None, folder=None):
                wanted = parse_filters(filters).bind("")
                return [each.uid for each in candidates.listed(conn, wanted, principal, folder)]

            assert found() == ["andrea-1", "u2"]
            assert found("company=Contoso") == ["andrea-1"]
            assert found(principal="alice", folder="Private") == found(folder="/alice/Private") == ["u3"]
            with pytest.raises(Invalid):
                found(folder="Private")


def test_the_preview_groups_by_company_and_domain_and_changes_nothing(world):
    andreas = {"given_name": "Andreas", "family_name": "Dunker", "email": "dunker@private.example"}
    there = world.add(company="Contoso Ltd.", **andreas)
    world.put("1.vcf", ANDREA)
    world.put("2.vcf", card("u2", "Ann Lee", "EMAIL:ann@fabrikam.example"))
    world.put("3.vcf", card("u3", "Bo Lee", "EMAIL:bo@fabrikam.example"))
    world.put("4.vcf", card("u4", "Carl"))
    before, records_before = world.folder(), world.records()
    with world.site.read() as conn:
        wanted = list(candidates.listed(conn, Filter(), None, None))
    groups = preview.groups(world.site, wanted, Wish())
    assert [(each.company, each.domain, len(each.contacts)) for each in groups] == [
        ("Contoso", "", 1), ("", "fabrikam.example", 2), ("", "", 1),
    ]  # fmt: skip
    (andrea,) = groups[0].contacts
    assert andrea.action == "create"
    assert [each.id for each in andrea.duplicates] == [there]
    assert groups[2].contacts[0].action == "refuse"
    assert (world.folder(), world.records()) == (before, records_before)


def test_new_contacts_are_promoted_by_themselves_where_that_is_configured(new_database_url):
    world = World(new_database_url, new_contacts="promote")
    world.put("1.vcf", ANDREA)
    world.put("2.vcf", card("u2", "No Mail"))
    world.put("3.vcf", card("u3", "Secret", "EMAIL:s@example.com"), "alice/Private")
    counts = promote_new(world.site, ACTOR)
    assert (counts.added, counts.refused) == (1, 0)
    assert {href: each[2] for href, each in world.folder().items()} == {"1.vcf": True, "2.vcf": False}
    assert promote_new(world.site, ACTOR).added == 0
    world.site.close()


def test_by_default_new_contacts_stay_plain(world):
    world.put("1.vcf", ANDREA)
    assert promote_new(world.site, ACTOR).added == 0
    assert world.folder()["1.vcf"][2] is False


class TestDuplicates:
    def test_a_merge_keeps_all_that_only_the_other_had(self, world):
        first = world.add(
            given_name="Nick", family_name="Brigandi", email="nick@example.com", note="One", category="Customer",
        )  # fmt: skip
        world.put("x.vcf", ANDREA.replace("Andrea Dunker", "Nick Brigandi").replace("BDAY:someday", "BDAY:1980-05-17"))
        (second,) = world.promote(on_duplicate="create").created
        with world.site.write(ACTOR) as unit:
            records.edit(unit, second.id, {"note": "Two", "email2": "nick@example.com"})
        with world.site.business(world.site.origin()).reader() as source:
            (pair,) = duplicates.find(source)
        assert (pair.first, pair.second) == (first, second.id)
        assert {"e-mail", "name"} <= set(pair.reasons)
        assert len(world.folder()) == 2
        assert duplicates.Merging(world.site, ACTOR).run([pair], dry_run=True)
        assert len(world.folder()) == 2
        assert duplicates.Merging(world.site, ACTOR).run([pair])
        fields = world.record(first).fields
        assert (fields["email"], fields["email2"]) == ("nick@example.com", "andrea@example.com")
        assert fields["note"] == "One\n\nTwo"
        assert fields["category"] == "Customer,Friends"
        assert (fields["birthday"], fields["company"]) == ("1980-05-17", "Contoso")
        assert world.record(second.id).deleted_by == "tester"
        ((_, (_, text, _)),) = world.folder().items()
        assert line(text, "PHOTO") == "QUJD"
        assert "X-ODD;X-P=1:kept" in text
        assert "X-ABLabel:Hotline" in text
        assert [each.action for each in world.history(first)][:1] == ["merged"]
        assert world.is_sound()

    def test_three_of_one_person_become_one(self, world):
        for number in range(3):
            world.add(given_name="Nick", family_name="Brigandi", email="nick@example.com",
                      mobile_phone="+1 425 555 0101" if number == 2 else "")  # fmt: skip
        with world.site.business(world.site.origin()).reader() as source:
            pairs = duplicates.find(source)
        assert len(pairs) == 3
        assert len(duplicates.Merging(world.site, ACTOR).run(pairs)) == 2
        (left,) = world.records()
        assert left.fields["mobile_phone"] == "+1 425 555 0101"


def test_where_a_card_stands_can_be_told(world):
    world.put("4711.vcf", ANDREA)
    (done,) = world.promote().created
    with world.site.read() as conn:
        card_ = cards.of_record(conn, world.site.origin().id, done.id)
        collection = collections.get(conn, "alice/Contacts")
        assert places.of(conn, collection.id, card_) == ("4711.vcf", "andrea-1")
        assert places.is_shown(conn, collection, card_)
        assert setups.of_principal(conn, "alice").collection_id == collection.id
