# SPDX-License-Identifier: GPL-3.0-or-later
"""The change log of the native schema: whoever changes a record, every consumer hears of it."""

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest

from radicale_bcm.business.accounts import Accounts
from radicale_bcm.business.changes import (
    acknowledge,
    forget_consumer,
    has_pending,
    pending,
    register_consumer,
)
from radicale_bcm.business.contract import DuplicateUid, NotDeleted, RecordMissing, StaleRecord, Unfit
from radicale_bcm.business.open import BusinessDatabase
from radicale_bcm.business.record_types import add_type
from tests.conftest import plain_connection


@pytest.fixture
def consumer(business_database) -> int:
    with business_database.writer() as records:
        return register_consumer(records.connection, "state of this test")


def take(database: BusinessDatabase, consumer: int) -> list[tuple[str, str]]:
    """What is pending, in order and without SQLite's repetitions, acknowledged."""
    with database.writer() as records:
        found = pending(records.connection, consumer)
        assert [change.seq for change in found] == sorted(change.seq for change in found)
        assert all(abs(change.at - datetime.now(UTC)) < timedelta(minutes=2) for change in found)
        acknowledge(records.connection, [change.seq for change in found])
    return list(dict.fromkeys((change.record_id, change.operation) for change in found))


class TestConsumers:
    def test_a_consumer_is_registered_once(self, business_database, consumer):
        with business_database.writer() as records:
            assert register_consumer(records.connection, "state of this test") == consumer
            assert register_consumer(records.connection, "State of this test") != consumer

    def test_consumers_that_register_at_once_are_one(self, business_database):
        found, barrier = [], threading.Barrier(4)

        def register() -> None:
            barrier.wait()
            with business_database.writer() as records:
                found.append(register_consumer(records.connection, "all of us"))

        threads = [threading.Thread(target=register) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1

    def test_a_consumer_hears_of_what_came_after_it(self, business_database, plain_sql):
        plain_sql("INSERT INTO contact (name) VALUES ('Before')")
        with business_database.writer() as records:
            late = register_consumer(records.connection, "late")
        assert take(business_database, late) == []

    def test_each_consumer_has_its_own_rows(self, business_database, consumer, plain_sql):
        with business_database.writer() as records:
            other = register_consumer(records.connection, "other")
        plain_sql("INSERT INTO contact (name) VALUES ('Ann')")
        assert take(business_database, consumer) == [("1", "insert")]
        assert take(business_database, consumer) == []
        assert take(business_database, other) == [("1", "insert")]

    def test_a_forgotten_consumer_leaves_nothing_behind(self, business_database, consumer, plain_sql):
        with business_database.writer() as records:
            register_consumer(records.connection, "other")
        plain_sql("INSERT INTO contact (name) VALUES ('Ann')")
        for _ in range(2):
            with business_database.writer() as records:
                forget_consumer(records.connection, "other")
        plain_sql("INSERT INTO contact (name) VALUES ('Bob')")
        assert plain_sql("SELECT DISTINCT consumer_id FROM change_log") == [(consumer,)]


class TestPending:
    def test_plain_statements_of_another_client_are_seen(self, business_database, consumer, plain_sql):
        plain_sql("INSERT INTO contact (given_name) VALUES ('Ann')")
        assert take(business_database, consumer) == [("1", "insert")]
        plain_sql("UPDATE contact SET nickname = 'Annie'")
        assert take(business_database, consumer) == [("1", "update")]
        plain_sql("DELETE FROM contact")
        assert take(business_database, consumer) == [("1", "delete")]

    def test_a_statement_leaves_one_row_for_each_record(self, business_database, consumer, plain_sql, engine_name):
        plain_sql(*(f"INSERT INTO contact (name) VALUES ('{number}')" for number in range(3)))
        take(business_database, consumer)
        plain_sql("UPDATE contact SET business_city = 'Rome', version = version + 1")
        plain_sql("UPDATE contact SET business_city = 'Oslo'")
        plain_sql("DELETE FROM contact WHERE id = 2")
        rows = plain_sql("SELECT record_id, operation FROM change_log ORDER BY seq")
        assert rows[:3] == [("1", "update"), ("2", "update"), ("3", "update")]
        assert len(rows) == 7
        assert rows[-1] == ("2", "delete")

    def test_what_is_rolled_back_was_never_there(self, business_database, consumer):
        with pytest.raises(KeyError), business_database.writer() as records:  # noqa: PT012
            records.insert({"name": "Ann"})
            assert has_pending(records.connection, consumer)
            raise KeyError
        assert take(business_database, consumer) == []

    def test_our_own_writes_are_changes_too(self, business_database, consumer):
        with business_database.writer() as records:
            record = records.insert({"name": "Ann"})
            record = records.update(record.id, {"name": "Annie"}, record.version)
            records.soft_delete(record.id)
            records.restore(record.id)
            records.soft_delete(record.id)
            records.purge(record.id)
        assert take(business_database, consumer) == [("1", "insert"), ("1", "update"), ("1", "delete")]

    def test_a_changed_key_is_a_record_gone_and_another_come(self, business_database, consumer, plain_sql):
        plain_sql("INSERT INTO contact (name) VALUES ('Ann')")
        take(business_database, consumer)
        plain_sql("UPDATE contact SET id = 77")
        assert take(business_database, consumer) == [("1", "delete"), ("77", "update")]

    def test_an_upsert_is_seen(self, business_database, consumer, plain_sql, engine_name):
        insert = "INSERT INTO contact (uid, name) VALUES ('u', 'Ann')"
        maria = engine_name == "mariadb"
        clause = "ON DUPLICATE KEY UPDATE" if maria else "ON CONFLICT (uid) DO UPDATE SET"
        plain_sql(insert)
        take(business_database, consumer)
        plain_sql(f"{insert} {clause} name = 'Annie'")
        assert take(business_database, consumer)[-1] == ("1", "update")

    def test_a_renamed_account_changes_its_contacts_alone(self, business_database, consumer, plain_sql):
        plain_sql(
            "INSERT INTO account (name) VALUES ('Contoso')",
            "INSERT INTO contact (name, company) VALUES ('Ann', 'Contoso')",
            "INSERT INTO contact (name, company) VALUES ('Bob', 'Fabrikam')",
        )
        take(business_database, consumer)
        plain_sql("UPDATE account SET name = 'Contoso Ltd'")
        assert take(business_database, consumer) == [("1", "update")]
        plain_sql("UPDATE account SET note = 'nothing that a contact shows'")
        assert take(business_database, consumer) == []

    def test_a_custom_value_is_part_of_its_record(self, business_database, consumer, plain_sql):
        with business_database.writer() as records:
            add_type(records.connection, "vip", "business-contact", {"colour": "text"})
            record = records.insert({"name": "Ann"}, record_type="vip")
        take(business_database, consumer)
        for statement in (
            "INSERT INTO custom_value (contact_id, name, value) VALUES (1, 'colour', 'red')",
            "UPDATE custom_value SET value = 'blue'",
            "DELETE FROM custom_value",
        ):
            with business_database.reader() as records:
                before = records.get(record.id)
            plain_sql(statement)
            assert take(business_database, consumer) == [("1", "update")]
            with business_database.reader() as records:
                after = records.get(record.id)
            assert int(after.version) > int(before.version)
            assert after.modified_at >= before.modified_at
            assert after.fields.get("colour") != before.fields.get("colour")

    def test_only_the_rows_that_are_named_are_acknowledged(self, business_database, consumer, plain_sql):
        plain_sql(*(f"INSERT INTO contact (name) VALUES ('{number}')" for number in range(5)))
        with business_database.writer() as records:
            first, second, *_ = pending(records.connection, consumer)
            assert len(pending(records.connection, consumer, limit=2)) == 2
            acknowledge(records.connection, [second.seq, second.seq, 10**12])
            acknowledge(records.connection, [])
            assert [change.record_id for change in pending(records.connection, consumer)] == ["1", "3", "4", "5"]
            acknowledge(records.connection, range(first.seq, first.seq + 1500))
            assert pending(records.connection, consumer) == []

    def test_asking_whether_anything_is_pending_is_right_and_writes_nothing(
        self, business_database, consumer, plain_sql
    ):
        assert not business_database.has_pending(consumer)
        plain_sql("INSERT INTO contact (name) VALUES ('Ann')")
        for _ in range(3):
            assert business_database.has_pending(consumer)
        assert not business_database.has_pending(consumer + 1)
        take(business_database, consumer)
        assert not business_database.has_pending(consumer)


@pytest.mark.servers
@pytest.mark.parametrize("engine_name", ["postgresql", "mariadb"], indirect=True)
class TestSlowTransactions:
    def test_a_change_that_is_committed_late_is_not_lost(self, business_database, consumer, database_url):
        """It took its number first and is committed last: "everything up to" would skip it."""
        with plain_connection(database_url) as slow:
            with slow.begin():
                slow.exec_driver_sql("INSERT INTO contact (name) VALUES ('Slow')")
                with plain_connection(database_url) as fast, fast.begin():
                    fast.exec_driver_sql("INSERT INTO contact (name) VALUES ('Fast')")
                assert take(business_database, consumer) == [("2", "insert")]
                assert take(business_database, consumer) == []
            assert take(business_database, consumer) == [("1", "insert")]

    def test_a_second_change_before_the_acknowledgement_is_not_lost(self, business_database, consumer, plain_sql):
        plain_sql("INSERT INTO contact (name) VALUES ('Ann')")
        with business_database.writer() as records:
            seen = pending(records.connection, consumer)
            plain_sql("UPDATE contact SET name = 'Annie'")
            acknowledge(records.connection, [change.seq for change in seen])
        assert take(business_database, consumer) == [("1", "update")]


@pytest.mark.servers
def test_postgresql_notifies_whoever_listens(postgresql):
    database = BusinessDatabase(postgresql.new_database())
    database.upgrade(create=True)
    with database.writer() as records:
        register_consumer(records.connection, "listener")
    listener = database.engine.raw_connection()
    listener.driver_connection.execute("LISTEN bcm_change")
    with database.writer() as records:
        records.insert({"name": "Ann"})
        records.insert({"name": "Bob"})
    heard = [notify.channel for notify in listener.driver_connection.notifies(timeout=60, stop_after=1)]
    listener.invalidate()
    database.close()
    assert heard == ["bcm_change"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mirror_that_reads_what_is_pending_equals_the_table(business_database, consumer, plain_sql, seed):
    """Random statements by any client; a consumer that re-reads each named record has the same records in the end."""
    rng = random.Random(seed)
    mirror: dict[str, dict[str, str]] = {}
    plain_sql(*(f"INSERT INTO account (name) VALUES ('{name}')" for name in "ABCC"))
    statements = (
        lambda: f"INSERT INTO contact (name, company) VALUES ('{rng.random()}', '{rng.choice('ABCDE')}')",
        lambda: f"INSERT INTO contact (name, account_id) VALUES ('{rng.random()}', {rng.randint(1, 4)})",
        lambda: f"UPDATE contact SET company = '{rng.choice('ABCDE')}' WHERE id = {rng.randint(1, 12)}",
        lambda: f"UPDATE contact SET account_id = {rng.choice(['1', '2', 'NULL'])} WHERE id > {rng.randint(1, 12)}",
        lambda: f"UPDATE account SET name = '{rng.choice('ABCDE')}' WHERE id = {rng.randint(1, 4)}",
        lambda: f"UPDATE contact SET id = id + 20 WHERE id = {rng.randint(1, 12)}",
        lambda: f"DELETE FROM contact WHERE id = {rng.randint(1, 12)}",
        lambda: f"UPDATE contact SET deleted_at = modified_at WHERE id = {rng.randint(1, 12)}",
    )
    for _ in range(15):
        plain_sql(*(rng.choice(statements)() for _ in range(rng.randint(1, 4))))
        with business_database.writer() as records:
            changes = pending(records.connection, consumer)
            ids = {change.record_id for change in changes}
            for record_id in ids:
                mirror.pop(record_id, None)
            mirror |= {record_id: record.fields for record_id, record in records.get_many(ids).items()}
            acknowledge(records.connection, [change.seq for change in changes])
            assert mirror == {record.id: record.fields for record in records.iterate(include_deleted=True)}


class TestAccounts:
    def test_an_account_comes_back_as_it_was_written(self, business_database):
        fields = {"email": "info@example.com", "rating": "4", "active": "true", "business_city": "Rom"}
        with business_database.writer() as records:
            accounts = Accounts(records.connection)
            account = accounts.insert("Contoso", fields, uid="u")
            assert (account.name, account.fields, account.uid, account.type) == ("Contoso", fields, "u", "account")
            assert accounts.get(account.id) == accounts.get_by_uid("u") == account
            assert accounts.find_or_insert("Contoso") == account
            assert accounts.find_or_insert("contoso") != account
            assert [found.name for found in accounts.iterate()] == ["Contoso", "contoso"]
            assert accounts.get("x") is accounts.get("99") is None

    def test_refusals(self, business_database):
        with business_database.writer() as records:
            accounts = Accounts(records.connection)
            account = accounts.insert("Contoso", uid="u")
            for wrong in ({"name": ""}, {"name": "x" * 256}, {"rating": "best"}, {"given_name": "Nick"}):
                with pytest.raises(Unfit):
                    accounts.update(account.id, wrong)
            with pytest.raises(Unfit):
                accounts.insert(" ")
            with pytest.raises(DuplicateUid):
                accounts.insert("Other", uid="u")
            with pytest.raises(RecordMissing):
                accounts.update("99", {"name": "x"})
            with pytest.raises(StaleRecord):
                accounts.update(account.id, {"name": "x"}, "99")
            with pytest.raises(NotDeleted):
                accounts.purge(account.id)
            assert accounts.get(account.id) == account

    def test_renaming_deleting_and_purging_leave_the_contacts(self, business_database):
        with business_database.writer() as records:
            accounts = Accounts(records.connection)
            account = accounts.insert("Contoso")
            record = records.insert({"name": "Ann", "company": "Contoso"})
            renamed = accounts.update(account.id, {"name": "Contoso Ltd", "note": "n"}, account.version)
            assert (renamed.name, renamed.fields) == ("Contoso Ltd", {"note": "n"})
            assert records.get(record.id).fields["company"] == "Contoso Ltd"
            deleted = accounts.soft_delete(account.id, by="alice")
            assert (deleted.deleted_by, accounts.named("Contoso Ltd"), list(accounts.iterate())) == ("alice", [], [])
            assert list(accounts.iterate(include_deleted=True)) == [deleted]
            assert accounts.restore(account.id).deleted_at is None
            accounts.soft_delete(account.id)
            accounts.purge(account.id)
            kept = records.get(record.id)
            assert (kept.fields["company"], kept.account_id) == ("Contoso Ltd", None)
