# SPDX-License-Identifier: GPL-3.0-or-later
"""What business.contract.RecordSource promises, and what the native schema does for any SQL client, on every engine."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, func

from radicale_bcm.business.contract import (
    DuplicateUid,
    NotDeleted,
    RecordMissing,
    RecordSource,
    StaleRecord,
    Unfit,
    UnknownType,
)
from radicale_bcm.business.erased import list_erased, purge_erased, restore_erased
from radicale_bcm.business.open import VERSION_TABLE, BusinessDatabase
from radicale_bcm.business.record_types import InvalidType, add_type, list_types
from radicale_bcm.business.schema import METADATA, contact
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.database.engine import open_engine, transaction
from radicale_bcm.database.errors import Busy, DatabaseError, Rejected, Unavailable, WrongSchema
from tests.conftest import plain_connection

NICK = {"given_name": "Nick", "family_name": "Brigandi", "email": "nick@example.com", "company": "Contoso"}
SAMPLES = {"yesno": "true", "number": "3", "date": "1980-05-17"}


def insert(database: BusinessDatabase, fields=None, **options):
    with database.writer() as records:
        return records.insert(NICK if fields is None else fields, **options)


def get(database: BusinessDatabase, record_id):
    with database.reader() as records:
        return records.get(record_id)


class TestReading:
    def test_a_record_comes_back_as_it_was_written(self, business_database):
        before = datetime.now(UTC) - timedelta(seconds=1)
        record = insert(business_database, uid="urn:uuid:1")
        assert record.fields == NICK
        assert (record.uid, record.type, record.version) == ("urn:uuid:1", "business-contact", "1")
        assert before < record.created_at <= record.modified_at < before + timedelta(seconds=30)
        assert record.deleted_at is record.deleted_by is record.account_id is None
        with business_database.reader() as records:
            source: RecordSource = records
            assert source.get(record.id) == record
            assert source.get_by_uid("urn:uuid:1") == record
            assert source.get_many([record.id, "999", "nonsense"]) == {record.id: record}

    def test_every_field_holds_its_longest_text_in_the_widest_characters(self, business_database):
        full = {field.name: SAMPLES.get(field.kind) or "😀" * (field.length or 5000) for field in FIELDS}
        assert insert(business_database, full).fields == full

    def test_characters_of_all_scripts_come_back(self, business_database):
        fields = {
            "name": "Łukasz Ωmega 李 😀 אבג",
            "note": "line 1\nline 2\n\ttab \\ ' \" % ; -- \u2028",
            "company": " x ",
        }
        assert insert(business_database, fields).fields == fields

    @pytest.mark.parametrize("record_id", ["", "0", "-1", "x", "1 OR 1=1", "01", "٣", "9" * 30, "1.0", "😀"])
    def test_an_id_that_cannot_be_is_simply_not_found(self, business_database, record_id):
        insert(business_database)
        with business_database.writer() as records:
            assert records.get(record_id) is None
            assert records.get_many([record_id]) == {}
            for refused in (
                lambda: records.update(record_id, {"name": "x"}, "1"),
                lambda: records.soft_delete(record_id),
                lambda: records.restore(record_id),
                lambda: records.purge(record_id),
            ):
                with pytest.raises(RecordMissing):
                    refused()

    def test_a_uid_is_compared_character_by_character(self, business_database):
        uids = ["abc", "ABC", "abc ", "äbc"]
        ids = {insert(business_database, uid=uid).id for uid in uids}
        assert len(ids) == 4
        with business_database.reader() as records:
            assert [records.get_by_uid(uid).uid for uid in uids] == uids
            assert records.get_by_uid("Abc") is None

    def test_iterate_gives_all_records_in_the_order_of_their_keys(self, business_database):
        ids = [insert(business_database, {"name": str(number)}).id for number in range(7)]
        with business_database.writer() as records:
            records.soft_delete(ids[3])
        with business_database.reader() as records:
            assert [record.id for record in records.iterate(batch=2)] == ids[:3] + ids[4:]
            assert [record.id for record in records.iterate(batch=7, include_deleted=True)] == ids
            assert [record.id for record in records.find(limit=3)] == ids[:3]
            assert list(records.find(limit=0)) == []
            assert list(records.find_ids()) == ids[:3] + ids[4:]
            assert records.count() == 6

    def test_find_takes_criteria_on_any_field(self, business_database):
        one = insert(business_database, {"name": "One", "rating": "3", "active": "true", "birthday": "1980-05-17"})
        two = insert(business_database, {"name": "Two", "rating": "4.5", "active": "false"})
        with business_database.reader() as records:
            column = records.columns()
            assert set(column) == set(records.field_kinds())
            for criterion, expected in (
                (column["rating"].between(3, 4), [one]),
                (column["rating"] > 4, [two]),
                (column["active"] == "true", [one]),
                (column["birthday"] >= "1980", [one]),
                (func.lower(column["name"]).like("t%"), [two]),
                (column["id"].in_([int(two.id)]), [two]),
                (column["uid"] == one.uid, [one]),
                (column["type"] == "business-contact", [one, two]),
                (column["modified"] > datetime(2000, 1, 1, tzinfo=UTC), [one, two]),
                (column["created"] > datetime.now(UTC) + timedelta(days=1), []),
            ):
                assert list(records.find(criterion)) == expected
                assert list(records.find_ids(criterion)) == [record.id for record in expected]
                assert records.count(criterion) == len(expected)


class TestWriting:
    def test_an_edit_of_one_field_writes_that_column_only(self, business_database):
        record = insert(business_database)
        written = []
        event.listen(
            business_database.engine,
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: written.append(statement) if statement.startswith("UPDATE") else None,
        )
        with business_database.writer() as records:
            after = records.update(record.id, {"job_title": "Director"}, record.version)
        (update,) = written
        columns = update.partition(" SET ")[2].partition(" WHERE ")[0]
        assert {re.match(r"[a-z_]+", each.lstrip())[0] for each in re.split(r",(?= ?[a-z_]+=)", columns)} == {
            "job_title",
            "version",
            "modified_at",
        }
        assert after.fields == {**NICK, "job_title": "Director"}
        assert after.version != record.version
        assert after.modified_at > record.modified_at

    def test_the_empty_text_empties_a_field(self, business_database, plain_sql):
        record = insert(business_database)
        with business_database.writer() as records:
            after = records.update(record.id, {"email": "", "nickname": ""}, record.version)
        assert after.fields == {name: value for name, value in NICK.items() if name != "email"}
        assert plain_sql("SELECT email FROM contact") == [(None,)]

    @pytest.mark.parametrize(
        "changes",
        [
            {"job_title": "Director", "email": ""},
            {"company": "Contoso"},
            {"company": "", "note": "one\ntwo"},
            {"birthday": "1980-02-29", "anniversary": "--05-17"},
            {"business_phone": "+1 555 1", "business_street": "1 Main St"},
        ],
    )
    def test_a_locked_record_is_told_as_it_is_after_a_change(self, business_database, plain_sql, changes):
        plain_sql("INSERT INTO account (name) VALUES ('Contoso')")
        with business_database.writer() as records:
            made = records.insert({**NICK, "company": "Fabrikam"})
        with business_database.writer() as records:
            locked = records.get(made.id, lock=True)
            after = records.update(made.id, changes, locked.version)
            assert after == records.get(made.id) != locked
            assert list(after.fields) == list(records.get(made.id).fields)

    @pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
    def test_a_trigger_of_somebody_is_seen(self, business_database, plain_sql):
        record = insert(business_database)
        plain_sql(
            "CREATE TRIGGER theirs AFTER UPDATE ON contact WHEN NEW.profession IS NOT 'theirs' BEGIN"
            " UPDATE contact SET profession = 'theirs' WHERE id = NEW.id; END"
        )
        with business_database.writer() as records:
            locked = records.get(record.id, lock=True)
            after = records.update(record.id, {"nickname": "Nicky"}, locked.version)
            assert after.fields["profession"] == "theirs"
            assert after == records.get(record.id)

    @pytest.mark.parametrize("changes", [{"name": "x"}, {}])
    def test_a_stale_version_is_refused_and_nothing_is_written(self, business_database, changes):
        record = insert(business_database)
        with business_database.writer() as records:
            records.update(record.id, {"nickname": "Nicky"}, record.version)
            with pytest.raises(StaleRecord) as caught:
                records.update(record.id, changes, record.version)
            with pytest.raises(StaleRecord):
                records.update(record.id, changes, "not a version")
            now = records.get(record.id)
        assert (caught.value.wanted, caught.value.found) == (record.version, now.version)
        assert now.fields == {**NICK, "nickname": "Nicky"}

    def test_a_change_by_any_other_client_makes_the_version_stale(self, business_database, plain_sql):
        record = insert(business_database)
        plain_sql("UPDATE contact SET nickname = 'Nicky'")
        with business_database.writer() as records, pytest.raises(StaleRecord):
            records.update(record.id, {"name": "x"}, record.version)

    def test_an_update_without_changes_writes_nothing(self, business_database):
        record = insert(business_database)
        with business_database.writer() as records:
            assert records.update(record.id, {}, record.version) == record

    def test_the_same_uid_twice_is_refused_and_the_transaction_goes_on(self, business_database):
        first = insert(business_database, uid="same")
        with business_database.writer() as records:
            with pytest.raises(DuplicateUid):
                records.insert({"name": "x"}, uid="same")
            records.soft_delete(first.id)
            with pytest.raises(DuplicateUid):
                records.insert({"name": "x"}, uid="same")
            records.insert({"name": "Other"})
        with business_database.reader() as records:
            assert [record.fields["name"] for record in records.iterate()] == ["Other"]

    def test_time_of_creation_can_be_given(self, business_database):
        at = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
        record = insert(business_database, at=at)
        assert (record.created_at, record.modified_at) == (at, at)

    def test_a_locked_record_makes_the_other_writer_wait(self, business_database, database_url, monkeypatch):
        monkeypatch.setattr("radicale_bcm.database.engine.LOCK_SECONDS", 1)
        record = insert(business_database)
        other = BusinessDatabase(database_url)
        with business_database.writer() as records:
            records.get(record.id, lock=True)
            with pytest.raises(Busy), other.writer() as theirs:
                theirs.update(record.id, {"name": "x"}, record.version)
        other.close()
        assert get(business_database, record.id) == record

    def test_an_exception_takes_everything_back(self, business_database):
        with pytest.raises(KeyError), business_database.writer() as records:  # noqa: PT012
            records.insert(NICK)
            raise KeyError
        with business_database.reader() as records:
            assert records.count() == 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("given_name", "x" * 129),
            ("given_name", "😀" * 129),
            ("given_name", "nul\x00"),
            ("note", "half a pair \ud83d"),
            ("note", "x" * 1_000_001),
            ("birthday", "17.5.1980"),
            ("birthday", "1981-02-29"),
            ("birthday", "--02-30"),
            ("birthday", "1980-05-17T00:00:00"),
            ("rating", "Excellent"),
            ("rating", "NaN"),
            ("rating", "1e99"),
            ("rating", "1.23456"),
            ("rating", "123456789012"),
            ("active", "perhaps"),
            ("no_such_field", "x"),
        ],
    )
    def test_what_does_not_fit_is_named_and_refused_alone(self, business_database, field, value):
        changes = {"nickname": "fits", field: value}
        record = insert(business_database)
        with business_database.writer() as records:
            refused = records.refusals(changes)
            assert set(refused) == {field}
            assert refused[field]
            with pytest.raises(Unfit) as caught:
                records.update(record.id, changes, record.version)
            assert caught.value.refusals == refused
            with pytest.raises(Unfit):
                records.insert(changes)
            fitting = {name: text for name, text in changes.items() if name not in refused}
            assert records.update(record.id, fitting, record.version).fields == {**NICK, "nickname": "fits"}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("given_name", "😀" * 128),
            ("birthday", "--02-29"),
            ("birthday", "2000-02-29"),
            ("rating", "-2.5"),
            ("rating", "0"),
            ("active", "false"),
            ("note", "x" * 100_000),
        ],
    )
    def test_what_fits_is_taken_and_comes_back(self, business_database, field, value):
        with business_database.writer() as records:
            assert records.refusals({field: value, "name": ""}) == {}
            assert records.insert({field: value}).fields == {field: value}

    def test_a_uid_has_its_limit_too(self, business_database):
        assert insert(business_database, uid="u" * 512).uid == "u" * 512
        for uid in ("u" * 513, "nul\x00"):
            with pytest.raises(Unfit):
                insert(business_database, uid=uid)


class TestDeletedItems:
    def test_a_deleted_record_can_be_restored(self, business_database):
        record = insert(business_database)
        at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        with business_database.writer() as records:
            deleted = records.soft_delete(record.id, by="alice", at=at)
            assert (deleted.deleted_at, deleted.deleted_by, deleted.fields) == (at, "alice", NICK)
            assert deleted.version != record.version
            assert records.soft_delete(record.id, by="bob") == deleted
            assert records.get(record.id) == deleted
            assert records.count() == 0
            assert list(records.list_deleted()) == [deleted]
            restored = records.restore(record.id)
            assert restored.deleted_at is restored.deleted_by is None
            assert restored.fields == NICK
            assert records.restore(record.id) == restored
            assert list(records.list_deleted()) == []

    def test_the_latest_deleted_comes_first(self, business_database):
        ids = [insert(business_database, {"name": str(number)}).id for number in range(3)]
        with business_database.writer() as records:
            for day, record_id in zip((2, 3, 1), ids, strict=True):
                records.soft_delete(record_id, at=datetime(2026, 1, day, tzinfo=UTC))
            assert [record.id for record in records.list_deleted()] == [ids[1], ids[0], ids[2]]

    def test_only_deleted_items_can_be_purged_and_then_nothing_is_left(self, business_database, plain_sql):
        record = insert(business_database)
        with business_database.writer() as records:
            with pytest.raises(NotDeleted):
                records.purge(record.id)
            records.soft_delete(record.id)
            records.purge(record.id)
            with pytest.raises(RecordMissing):
                records.purge(record.id)
        assert plain_sql("SELECT * FROM contact") == plain_sql("SELECT * FROM contact_erased") == []

    def test_an_id_is_never_used_again(self, business_database):
        record = insert(business_database)
        with business_database.writer() as records:
            records.soft_delete(record.id)
            records.purge(record.id)
        assert insert(business_database).id != record.id


class TestPlainSql:
    """INSERT, UPDATE and DELETE by any client are legal."""

    def test_an_insert_may_leave_out_nearly_everything(self, business_database, plain_sql):
        plain_sql(
            "INSERT INTO contact (given_name) VALUES ('Ann')", "INSERT INTO contact (email) VALUES ('b@example.com')"
        )
        with business_database.reader() as records:
            first, second = records.iterate()
        assert (first.fields, second.fields) == ({"given_name": "Ann"}, {"email": "b@example.com"})
        assert len({first.uid, second.uid}) == 2
        assert all(len(record.uid) == 36 for record in (first, second))
        assert (first.type, first.version) == ("business-contact", "1")
        assert abs(datetime.now(UTC) - first.created_at) < timedelta(minutes=1)
        assert abs(datetime.now(UTC) - first.modified_at) < timedelta(minutes=1)

    def test_nulls_and_empty_texts_are_filled_as_well(self, business_database, plain_sql):
        columns = "given_name, uid, type, version, created_at, modified_at"
        plain_sql(
            f"INSERT INTO contact ({columns}) VALUES ('Ann', NULL, NULL, NULL, NULL, NULL)",
            f"INSERT INTO contact ({columns}) VALUES ('Bob', '', '', NULL, NULL, NULL)",
        )
        with business_database.reader() as records:
            found = list(records.iterate())
        assert len({record.uid for record in found}) == 2
        for record in found:
            assert len(record.uid) == 36
            assert record.type == "business-contact"
            assert int(record.version) >= 1
            assert abs(datetime.now(UTC) - record.modified_at) < timedelta(minutes=1)

    def test_an_empty_text_is_an_empty_field(self, business_database, plain_sql):
        plain_sql("INSERT INTO contact (given_name, email, note) VALUES ('Ann', '', '')")
        with business_database.reader() as records:
            assert [record.fields for record in records.iterate()] == [{"given_name": "Ann"}]

    def test_line_ends_and_dates_of_other_programs_are_understood(self, business_database, plain_sql):
        note = "'a' || chr(13) || chr(10) || 'b'" if business_database.url.startswith("post") else "'a\r\nb'"
        plain_sql(
            f"INSERT INTO contact (name, note, birthday, anniversary) VALUES ('Ann', {note}, '1980-05-17 00:00', 'May')"
        )
        with business_database.reader() as records:
            (record,) = records.iterate()
        assert record.fields == {"name": "Ann", "note": "a\nb", "birthday": "1980-05-17"}

    def test_an_update_raises_the_version_and_the_time(self, business_database, plain_sql):
        record = insert(business_database)
        plain_sql("UPDATE contact SET nickname = 'Nicky'")
        after = get(business_database, record.id)
        assert int(after.version) > int(record.version)
        assert after.modified_at > record.modified_at
        assert after.created_at == record.created_at
        plain_sql("UPDATE contact SET version = 0, uid = NULL, type = '', created_at = NULL")
        last = get(business_database, record.id)
        assert int(last.version) > int(after.version)
        assert (last.uid, last.type, last.created_at) == (record.uid, record.type, record.created_at)

    def test_a_client_that_chooses_ids_does_not_spoil_ours(self, business_database, plain_sql):
        plain_sql(
            "INSERT INTO contact (id, name) VALUES (1, 'One')", "INSERT INTO contact (id, name) VALUES (50, 'Fifty')"
        )
        assert int(insert(business_database).id) > 50

    def test_a_deleted_row_is_kept_and_can_be_put_back(self, business_database, plain_sql):
        full = {field.name: SAMPLES.get(field.kind) or f"é😀 {field.name}"[: field.length or 99] for field in FIELDS}
        record = insert(business_database, full, uid="u1")
        other = insert(business_database, {"name": "Other"})
        plain_sql("DELETE FROM contact WHERE uid = 'u1'", f"DELETE FROM contact WHERE id = {other.id}")
        with business_database.writer() as records:
            latest, first = list_erased(records.connection)
            assert (first.record_id, first.uid, first.type, first.fields) == (record.id, "u1", record.type, full)
            assert abs(datetime.now(UTC) - first.erased_at) < timedelta(minutes=1)
            restored = restore_erased(records.connection, first.seq)
            assert (restored.uid, restored.fields) == ("u1", full)
            with pytest.raises(RecordMissing):
                restore_erased(records.connection, first.seq)
            purge_erased(records.connection, latest.seq)
            assert list(list_erased(records.connection)) == []

    @pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
    def test_what_sqlite_lets_anybody_write_is_read_as_well_as_can_be(self, business_database, plain_sql, engine_name):
        """The servers' columns are typed."""
        plain_sql(
            "INSERT INTO contact (name, note, rating, active, created_at, deleted_by, email, office)"
            " VALUES (CAST(x'ff41' AS TEXT), x'c3a9', 'Excellent', 'maybe', 'once upon a time', 7, 8.5, x'')",
            "INSERT INTO contact (name, rating, active, modified_at) VALUES (1, '2.50', 'yes', '2026-05-17 10:00:00')",
            "DELETE FROM contact WHERE id = 1",
        )
        with business_database.writer() as records:
            (first,) = list_erased(records.connection)
            (second,) = records.iterate()
        assert first.fields["note"] == "é"
        assert second.fields == {"name": "1", "rating": "2.5", "active": "true"}
        assert second.modified_at == datetime(2026, 5, 17, 10, tzinfo=UTC)
        plain_sql(
            "INSERT INTO contact (name, note, rating, active, created_at, email)"
            " VALUES (CAST(x'ff41' AS TEXT), x'c3a9', 'Excellent', 'maybe', 'once upon a time', 8.5)"
        )
        with business_database.reader() as records:
            fields = [record.fields for record in records.iterate()][-1]
        assert fields == {"name": "\ufffdA", "note": "é", "email": "8.5"}

    @pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
    def test_replacing_rows_in_sqlite_keeps_what_was_there(self, business_database, plain_sql, engine_name):
        record = insert(business_database, uid="u1")
        plain_sql("INSERT OR REPLACE INTO contact (uid, name) VALUES ('u1', 'New')")
        with business_database.reader() as records:
            assert [erased.fields for erased in list_erased(records.connection)] == [NICK]
            assert records.get(record.id) is None
            assert records.get_by_uid("u1").fields == {"name": "New"}

    @pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
    @pytest.mark.parametrize("pragma", ["recursive_triggers", "foreign_keys"])
    def test_a_sqlite_client_may_have_any_setting(self, business_database, plain_sql, engine_name, pragma):
        record = insert(business_database)
        plain_sql(f"PRAGMA {pragma} = ON", "UPDATE contact SET name = 'A'", "UPDATE contact SET name = 'B'")
        assert get(business_database, record.id).version == "3"


class TestCompanyAndAccount:
    @pytest.fixture
    def accounts(self, plain_sql):
        plain_sql(
            *(f"INSERT INTO account (name) VALUES ('{name}')" for name in ("Contoso", "Fabrikam", "Twin", "Twin"))
        )
        return {"Contoso": "1", "Fabrikam": "2"}

    def state(self, database, record_id="1"):
        record = get(database, record_id)
        return record.fields.get("company"), record.account_id

    def test_a_company_that_is_one_account_is_linked_to_it(self, business_database, plain_sql, accounts):
        plain_sql(
            *(f"INSERT INTO contact (company) VALUES ('{name}')" for name in ("Contoso", "contoso", "Twin", "Nobody"))
        )
        assert [self.state(business_database, str(number)) for number in range(1, 5)] == [
            ("Contoso", "1"),
            ("contoso", None),
            ("Twin", None),
            ("Nobody", None),
        ]

    def test_the_account_that_is_set_gives_the_company(self, business_database, plain_sql, accounts):
        plain_sql("INSERT INTO contact (account_id, company) VALUES (2, 'Whatever')")
        assert self.state(business_database) == ("Fabrikam", "2")
        plain_sql("UPDATE contact SET account_id = 1")
        assert self.state(business_database) == ("Contoso", "1")
        plain_sql("UPDATE contact SET account_id = 3")
        assert self.state(business_database) == ("Twin", "3")
        plain_sql("UPDATE contact SET nickname = 'x', company = 'Twin'")
        assert self.state(business_database) == ("Twin", "3")

    def test_the_company_that_is_set_finds_the_account(self, business_database, plain_sql, accounts):
        record = insert(business_database)
        assert record.account_id == "1"
        with business_database.writer() as records:
            record = records.update(record.id, {"company": "Fabrikam"}, record.version)
            assert (record.fields["company"], record.account_id) == ("Fabrikam", "2")
            record = records.update(record.id, {"company": "Nobody"}, record.version)
            assert (record.fields["company"], record.account_id) == ("Nobody", None)
            record = records.update(record.id, {"company": "Contoso"}, record.version)
            record = records.update(record.id, {"company": ""}, record.version)
            assert ("company" in record.fields, record.account_id) == (False, None)

    def test_a_deleted_account_is_not_found_by_name(self, business_database, plain_sql, accounts):
        plain_sql(
            "UPDATE account SET deleted_at = modified_at WHERE id = 3", "INSERT INTO contact (company) VALUES ('Twin')"
        )
        assert self.state(business_database) == ("Twin", "4")

    def test_renaming_an_account_renames_the_company_of_its_contacts(self, business_database, plain_sql, accounts):
        record = insert(business_database)
        plain_sql("UPDATE account SET name = 'Contoso Ltd' WHERE id = 1")
        after = get(business_database, record.id)
        assert (after.fields["company"], after.account_id) == ("Contoso Ltd", "1")
        assert after.version != record.version
        plain_sql("UPDATE account SET name = 'Twin' WHERE id = 1")
        assert self.state(business_database) == ("Twin", "1")
        plain_sql("UPDATE account SET business_city = 'Rome' WHERE id = 1")
        assert self.state(business_database) == ("Twin", "1")

    def test_a_contact_outlives_its_account(self, business_database, plain_sql, accounts):
        insert(business_database)
        plain_sql("DELETE FROM account WHERE id = 1")
        assert self.state(business_database) == ("Contoso", None)
        plain_sql("UPDATE contact SET nickname = 'x'")
        assert self.state(business_database) == ("Contoso", None)


class TestCustomTypes:
    @pytest.fixture
    def types(self, business_database):
        with business_database.writer() as records:
            add_type(
                records.connection, "vip", "business-contact", {"colour": "text", "budget": "number", "since": "date"}
            )
            add_type(records.connection, "vip-plus", "vip", {"gold": "yesno"})
            add_type(records.connection, "supplier", "account", {"grade": "text"})
            return list_types(records.connection)

    def test_types_inherit_fields(self, types):
        assert list(types) == ["business-contact", "account", "supplier", "vip", "vip-plus"]
        assert dict(types["vip-plus"].fields) == {
            "budget": "number",
            "colour": "text",
            "gold": "yesno",
            "since": "date",
        }
        assert [types[name].is_person for name in ("vip-plus", "supplier", "account")] == [True, False, False]

    def test_custom_fields_are_fields_like_others(self, business_database, types):
        fields = {"name": "Ann", "colour": "rot 😀", "budget": "1200.5", "gold": "true"}
        record = insert(business_database, fields, record_type="vip-plus")
        assert (record.type, record.fields) == ("vip-plus", fields)
        plain = insert(business_database, {"name": "Bob"})
        with business_database.writer() as records:
            after = records.update(record.id, {"colour": "", "budget": "7", "nickname": "x"}, record.version)
            assert after.fields == {"name": "Ann", "budget": "7", "gold": "true", "nickname": "x"}
            assert set(records.refusals({"budget": "lots", "colour": "x", "gold": "1"}, "vip-plus")) == {
                "budget",
                "gold",
            }
            assert set(records.refusals({"colour": "x"})) == {"colour"}
            with pytest.raises(Unfit):
                records.update(plain.id, {"colour": "x"}, plain.version)
            column = records.columns()
            assert [found.id for found in records.find(column["budget"].between(6, 8))] == [record.id]
            assert [found.id for found in records.find(column["gold"] == "true")] == [record.id]
            assert [found.id for found in records.find(column["colour"].is_(None))] == [record.id, plain.id]
            assert records.field_kinds()["budget"] == "number"

    def test_a_custom_value_that_is_no_number_breaks_no_filter(self, business_database, types, plain_sql):
        record = insert(business_database, {"name": "Ann", "budget": "3"}, record_type="vip")
        plain_sql("UPDATE custom_value SET value = 'lots'")
        with business_database.reader() as records:
            assert list(records.find(records.columns()["budget"] > 1)) == []
            assert records.get(record.id).fields == {"name": "Ann"}

    def test_custom_values_survive_an_erased_row(self, business_database, types, plain_sql):
        fields = {"name": "Ann", "colour": "rot", "budget": "3"}
        insert(business_database, fields, record_type="vip", uid="u1")
        plain_sql("DELETE FROM contact")
        assert plain_sql("SELECT * FROM custom_value") == []
        with business_database.writer() as records:
            (erased,) = list_erased(records.connection)
            restored = restore_erased(records.connection, erased.seq)
            assert (restored.type, restored.fields, restored.uid) == ("vip", fields, "u1")

    @pytest.mark.parametrize("name", ["nothing", "account", "supplier", ""])
    def test_a_record_is_of_a_person_type(self, business_database, types, name):
        with pytest.raises(UnknownType):
            insert(business_database, record_type=name)

    @pytest.mark.parametrize(
        ("name", "base", "fields"),
        [
            ("vip", "business-contact", {}),
            ("account", "business-contact", {}),
            ("no spaces", "business-contact", {}),
            ("x" * 65, "business-contact", {}),
            ("a", "business-contact", {"email": "text"}),
            ("a", "business-contact", {"version": "text"}),
            ("a", "business-contact", {"Upper": "text"}),
            ("a", "business-contact", {"f": "picture"}),
            ("a", "business-contact", {"budget": "text"}),
        ],
    )
    def test_a_type_that_makes_no_sense_is_refused(self, business_database, types, name, base, fields):
        with business_database.writer() as records:
            with pytest.raises(InvalidType):
                add_type(records.connection, name, base, fields)
            assert dict(list_types(records.connection)) == dict(types)
            with pytest.raises(UnknownType):
                add_type(records.connection, "b", "nothing", {})


class TestSchema:
    def test_the_migrations_make_what_the_schema_says(self, business_database):
        """If this fails, the field table changed: before the first release mend 0001, later add a migration."""

        def ours(_object, name, kind, *_):
            return name != VERSION_TABLE if kind == "table" else True

        with transaction(business_database.engine, write=False) as connection:
            options = {"compare_type": _same_text_type, "include_object": ours}
            context = MigrationContext.configure(connection, opts=options)
            differences = compare_metadata(context, METADATA)
        assert [item for item in differences if "comment" not in str(item)] == []

    def test_an_upgrade_is_done_once(self, business_database):
        assert business_database.exists()
        assert not business_database.needs_upgrade()
        identity = business_database.identity()
        record = insert(business_database)
        assert business_database.upgrade(create=True) is False
        assert business_database.upgrade(create=False) is False
        assert business_database.identity() == identity
        assert get(business_database, record.id) == record

    def test_a_database_that_never_was_is_not_created_by_accident(self, database_url):
        database = BusinessDatabase(database_url)
        assert not database.exists()
        with pytest.raises((Unavailable, WrongSchema)):
            database.upgrade(create=False)
        with pytest.raises(DatabaseError), database.reader() as records:
            records.count()
        assert not database.exists()
        assert database.other_tables() == []
        database.close()

    def test_a_newer_schema_is_refused(self, business_database, plain_sql):
        plain_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        with pytest.raises(WrongSchema):
            business_database.upgrade(create=True)

    def test_other_tables_are_told_apart(self, database_url, business_database, plain_sql):
        assert business_database.other_tables() == []
        plain_sql("CREATE TABLE llx_socpeople (rowid integer)")
        assert business_database.other_tables() == ["llx_socpeople"]
        assert business_database.other_tables(ignore=["llx_socpeople"]) == []
        plain_sql(f"DROP TABLE {VERSION_TABLE}")
        assert "contact" in business_database.other_tables()

    def test_two_databases_have_two_identities(self, new_database_url):
        identities = set()
        for _ in range(2):
            database = BusinessDatabase(new_database_url())
            database.upgrade(create=True)
            identities.add(database.identity())
            database.close()
        assert len(identities) == 2

    @pytest.mark.servers
    def test_a_client_needs_rights_on_the_table_that_it_writes_only(self, postgresql):
        url = postgresql.new_database()
        database = BusinessDatabase(url)
        database.upgrade(create=True)
        name = f"clerk_{url.split('/')[3].split('?')[0]}"
        with transaction(database.engine, write=True) as connection:
            connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
            connection.exec_driver_sql(f"GRANT INSERT, SELECT, UPDATE, DELETE ON contact TO {name}")
            connection.exec_driver_sql(f"GRANT USAGE ON SEQUENCE contact_id_seq TO {name}")
        with plain_connection(url.replace("bcm@", f"{name}@")) as client, client.begin():
            client.exec_driver_sql("SET search_path = pg_catalog")
            client.exec_driver_sql("INSERT INTO public.contact (name) VALUES ('Ann')")
            client.exec_driver_sql("UPDATE public.contact SET company = 'Contoso'")
            client.exec_driver_sql("DELETE FROM public.contact")
        with database.reader() as records:
            assert [erased.fields for erased in list_erased(records.connection)] == [
                {"name": "Ann", "company": "Contoso"}
            ]
        database.close()

    @pytest.mark.servers
    def test_truncate_keeps_the_rows_too(self, postgresql):
        database = BusinessDatabase(postgresql.new_database())
        database.upgrade(create=True)
        insert(database)
        with transaction(database.engine, write=True) as connection:
            connection.exec_driver_sql("TRUNCATE contact CASCADE")
        with database.reader() as records:
            assert [erased.fields for erased in list_erased(records.connection)] == [NICK]
        database.close()

    def test_a_value_that_breaks_a_constraint_is_rejected(self, business_database):
        with pytest.raises(Rejected), business_database.writer() as records:
            records.connection.execute(contact.insert(), {"name": "x", "account_id": 4711})


def _same_text_type(_context, _inspected, _metadata, inspected_type, metadata_type) -> bool | None:
    """Whether a column's type differs, for Alembic: the length of text counts, and for the rest being text or not."""
    dialect_type = metadata_type.dialect_impl(_context.dialect)
    expected = getattr(dialect_type, "impl_instance", dialect_type)
    if isinstance(expected, sqlalchemy.String) and isinstance(inspected_type, sqlalchemy.String):
        return expected.length is not None and expected.length != inspected_type.length
    return None


def test_open_engine_is_shared_by_nobody(database_url):
    first, second = open_engine(database_url), open_engine(database_url)
    assert first is not second
    first.dispose()
    second.dispose()
