# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database package promises, on every engine."""

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pymysql
import pytest
import sqlalchemy
from sqlalchemy import Column, Integer, MetaData, Table, func, select

from radicale_bcm.database import engine as engines
from radicale_bcm.database.engine import open_engine, transaction
from radicale_bcm.database.errors import (
    BadUrl,
    Busy,
    DatabaseError,
    ReadOnly,
    Rejected,
    StorageFull,
    Unavailable,
    WrongSchema,
    translate,
    translated,
    url_safe,
)
from radicale_bcm.database.types import MARIADB_TABLE, JsonText, Key, LongText, Number, Utc, YesNo, parse_utc, utc_text
from tests.servers import Server

THING = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("key", Key(40), unique=True),
    Column("at", Utc),
    Column("text", LongText),
    Column("json", JsonText),
    Column("yes", YesNo),
    Column("number", Number),
    **MARIADB_TABLE,
)


@pytest.fixture
def engine(empty_engine):
    with transaction(empty_engine, write=True) as connection:
        THING.create(connection)
    return empty_engine


def _insert(engine, **values) -> None:
    with transaction(engine, write=True) as connection:
        connection.execute(THING.insert(), values)


def _all(engine, column):
    with transaction(engine, write=False) as connection:
        return list(connection.execute(select(column).order_by(THING.c.key)).scalars())


def test_values_come_back_as_they_were(engine):
    at = datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=-5)))
    long = "é😀\n" * 100_000
    _insert(engine, key="k", at=at, text=long, json={"ü": [1, None, "😀"]}, yes="true", number="2.50")
    with transaction(engine, write=False) as connection:
        row = connection.execute(select(THING)).one()
    assert row.at == at
    assert row.at.utcoffset() == timedelta(0)
    assert (row.text, row.json, row.yes, row.number) == (long, {"ü": [1, None, "😀"]}, "true", "2.5")


def test_keys_differ_by_case_accent_and_trailing_space(engine):
    keys = ["a", "A", "a ", "á", "ä", "ß", "ss", "😀"]
    for key in keys:
        _insert(engine, key=key)
    assert _all(engine, THING.c.key) == sorted(keys)
    with pytest.raises(Rejected):
        _insert(engine, key="a ")


def test_lower_knows_all_scripts_and_like_tells_case(engine):
    for key in ("ÄRGER", "ärger", "Ωmega"):
        _insert(engine, text=key)
    with transaction(engine, write=False) as connection:
        found = connection.execute(select(THING.c.text).where(THING.c.text.ilike("%ÄRG%"))).scalars()
        assert set(found) == {"ÄRGER", "ärger"}
        found = connection.execute(select(THING.c.text).where(func.lower(THING.c.text) == "ωmega")).scalars()
        assert list(found) == ["Ωmega"]
        assert connection.execute(select(THING.c.text).where(THING.c.text.like("%ärg%"))).scalars().all() == ["ärger"]


def test_a_naive_datetime_is_refused(engine):
    with pytest.raises(Exception, match="naive"):
        _insert(engine, key="k", at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_an_exception_rolls_back(engine):
    with pytest.raises(KeyError), transaction(engine, write=True) as connection:  # noqa: PT012
        connection.execute(THING.insert(), {"key": "k"})
        raise KeyError
    assert _all(engine, THING.c.key) == []


def test_a_reading_transaction_is_one_snapshot(engine):
    _insert(engine, key="a")
    with transaction(engine, write=False) as connection:
        assert len(connection.execute(select(THING)).all()) == 1
        _insert(engine, key="b")
        assert len(connection.execute(select(THING)).all()) == 1
    assert _all(engine, THING.c.key) == ["a", "b"]


@pytest.mark.servers
@pytest.mark.parametrize("engine_name", ["postgresql", "mariadb"], indirect=True)
def test_a_writing_transaction_sees_what_others_committed_meanwhile(engine, engine_name):
    """SQLite has one writer at a time."""
    with transaction(engine, write=True) as connection:
        assert connection.execute(select(THING)).all() == []
        _insert(engine, key="a")
        assert len(connection.execute(select(THING)).all()) == 1


def test_writing_in_a_reading_transaction_is_refused(engine):
    with pytest.raises(ReadOnly), transaction(engine, write=False) as connection:
        connection.execute(THING.insert(), {"key": "k"})
    _insert(engine, key="l")  # on the same pooled connection
    assert _all(engine, THING.c.key) == ["l"]


def _driver(engine, **mode):
    with transaction(engine, **mode) as connection:
        return connection.connection.driver_connection


def test_sqlite_uses_a_connection_again_and_closes_it_with_the_engine(tmp_path):
    (tmp_path / "a.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/a.sqlite")
    first = _driver(engine, write=True)
    assert _driver(engine, write=False) is first
    with transaction(engine, write=False) as connection, transaction(engine, write=True) as other:
        assert connection.connection.driver_connection is not other.connection.driver_connection
    with pytest.raises(ZeroDivisionError), transaction(engine, write=True) as connection:
        assert connection.exec_driver_sql("CREATE TABLE t (x)").rowcount / 0
    assert engines.first_row(engine, "SELECT count(*) FROM sqlite_schema") == (0,)
    last = _driver(engine, write=False)
    engine.dispose()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        last.execute("SELECT 1")
    assert _driver(engine, write=True) is not last
    engine.dispose()


def test_a_connection_in_use_when_the_engine_is_closed_is_closed_when_it_is_given_back(tmp_path):
    (tmp_path / "a.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/a.sqlite")
    with transaction(engine, write=False) as connection:
        driver = connection.connection.driver_connection
        engine.dispose()
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    del connection
    assert _driver(engine, write=False) is not driver
    engine.dispose()


def test_sqlite_leaves_a_file_that_is_another_one_now(tmp_path):
    place = tmp_path / "a.sqlite"
    place.touch()
    engine = open_engine(f"sqlite:///{place}")
    with transaction(engine, write=True) as connection:
        connection.exec_driver_sql("CREATE TABLE of_the_first (x)")
    place.rename(tmp_path / "moved.sqlite")
    place.touch()
    tables = "SELECT count(*) FROM sqlite_schema"
    with transaction(engine, write=False) as connection:
        assert connection.exec_driver_sql(tables).scalar() == 0
    place.rename(tmp_path / "moved too.sqlite")
    with pytest.raises(Unavailable):
        engines.first_row(engine, tables)
    place.touch()
    assert engines.first_row(engine, tables) == (0,)
    engine.dispose()


def _in_a_transaction(engine, query):
    with transaction(engine, write=False) as connection:
        return tuple(connection.exec_driver_sql(query).one())


@pytest.mark.servers
@pytest.mark.parametrize("ask", [engines.first_row, _in_a_transaction])
@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_a_server_s_connection_is_used_again_until_it_is_lost_or_old(name, ask, request, monkeypatch):
    server = request.getfixturevalue(name)
    engine = open_engine(server.new_database())
    query = "SELECT pg_backend_pid()" if name == "postgresql" else "SELECT connection_id()"
    first = ask(engine, query)
    assert ask(engine, query) == first
    with pytest.raises(DatabaseError):
        ask(engine, "SELECT nonsense")
    second = ask(engine, query)
    assert ask(engine, query) == second
    server.administer(f"SELECT pg_terminate_backend({second[0]})" if name == "postgresql" else f"KILL {second[0]}")
    time.sleep(0.3)
    third = ask(engine, query)
    assert third != second
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ask(engine, query) not in (None, third) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert ask(engine, query) == third
    monkeypatch.setattr(engines, "RECYCLE_SECONDS", -1)
    fourth = ask(engine, query)
    assert fourth != third
    monkeypatch.undo()
    assert ask(engine, query) == fourth
    engine.dispose()
    assert ask(engine, query) != fourth
    engine.dispose()


@pytest.mark.parametrize("only_ours", [False, True])
def test_sqlite_reads_text_that_is_no_utf_8(tmp_path, only_ours):
    (tmp_path / "a.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/a.sqlite", only_ours=only_ours)
    with transaction(engine, write=True) as connection:
        connection.exec_driver_sql("CREATE TABLE t AS SELECT CAST(x'41FF42' AS TEXT) AS x")
    found = []
    for _ in range(3):
        try:
            with transaction(engine, write=False) as connection:
                found.append(connection.exec_driver_sql("SELECT x FROM t").scalar())
        except DatabaseError as error:
            found.append("refused" if "decode" in str(error) else str(error))
    engine.dispose()
    assert found == ["refused" if only_ours else "A\ufffdB", "A\ufffdB", "A\ufffdB"]


def test_sqlite_keeps_its_compiled_statements_between_reading_and_writing(tmp_path):
    """PRAGMA query_only, and many others, make SQLite compile all statements of the connection anew."""
    (tmp_path / "a.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/a.sqlite")
    with transaction(engine, write=True) as connection:
        THING.metadata.create_all(connection)
        said: list[str] = []
        connection.connection.driver_connection.set_trace_callback(said.append)
    for key in "abc":
        _all(engine, THING.c.key)
        _insert(engine, key=key)
    engine.dispose()
    assert [line.split()[0] for line in said] == [
        "COMMIT",
        *("BEGIN", "SELECT", "COMMIT", "BEGIN", "INSERT", "COMMIT") * 3,
    ]


def test_a_lock_that_is_not_to_be_had_is_busy(engine, database_url, monkeypatch):
    monkeypatch.setattr(engines, "LOCK_SECONDS", 1)
    _insert(engine, key="k")
    other = open_engine(database_url)
    statement = select(THING).with_for_update()
    with transaction(engine, write=True) as mine:
        mine.execute(statement).all()
        with pytest.raises(Busy), transaction(other, write=True) as theirs:
            theirs.execute(statement).all()
    with transaction(other, write=True) as theirs:
        assert len(theirs.execute(statement).all()) == 1
    other.dispose()


def test_an_unknown_table_or_column_is_a_wrong_schema(engine):
    for statement in ("SELECT 1 FROM nothing_like_it", "SELECT nothing_like_it FROM thing"):
        with pytest.raises(WrongSchema), transaction(engine, write=False) as connection:
            connection.exec_driver_sql(statement)


@pytest.mark.servers
@pytest.mark.parametrize("engine_name", ["postgresql", "mariadb"], indirect=True)
def test_text_that_does_not_fit_is_rejected_by_the_servers(engine, engine_name):
    """SQLite knows no lengths; fit.py checks them."""
    with pytest.raises(Rejected):
        _insert(engine, key="x" * 41)


def test_a_forked_child_makes_connections_of_its_own(engine):
    _insert(engine, key="parent")
    child = os.fork()
    if child == 0:
        try:
            _insert(engine, key="child")
            os._exit(0)
        except BaseException:  # noqa: BLE001
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _all(engine, THING.c.key) == ["child", "parent"]


def test_a_missing_sqlite_file_is_unavailable_and_not_created(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/none.sqlite")
    with pytest.raises(Unavailable), transaction(engine, write=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_sqlite_is_set_up_for_durability(tmp_path):
    (tmp_path / "a b #.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/a b%20#.sqlite")
    with transaction(engine, write=True) as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "recursive_triggers")
        }
    engine.dispose()
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30000,
        "recursive_triggers": 0,
    }


def test_a_full_disk_is_told_apart(tmp_path):
    (tmp_path / "small.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/small.sqlite")
    with transaction(engine, write=True) as connection:
        THING.create(connection)
        connection.exec_driver_sql("PRAGMA max_page_count = 10")
    with pytest.raises(StorageFull):
        _insert(engine, key="k", text="x" * 100_000)
    _insert(engine, key="k")
    engine.dispose()


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    engine = open_engine(f"sqlite:///{tmp_path}/letter.txt")
    with pytest.raises(Unavailable), transaction(engine, write=False):
        pass


@pytest.mark.parametrize("url", ["", "nonsense", "oracle://host/db", "sqlite://", "sqlite:///:memory:", "http://[::1"])
def test_a_url_that_cannot_be_meant_is_refused(url):
    with pytest.raises(BadUrl):
        open_engine(url)


def test_a_foreign_sqlite_file_keeps_its_journal_mode(tmp_path):
    (tmp_path / "theirs.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/theirs.sqlite", own=False)
    with transaction(engine, write=True) as connection:
        THING.create(connection)
    with transaction(engine, write=False) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
    engine.dispose()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.lookup("53100")("full"), StorageFull),
        (psycopg.errors.lookup("53300")("too many clients"), Unavailable),
        (psycopg.errors.lookup("57P01")("shutting down"), Unavailable),
        (psycopg.errors.lookup("25006")("hot standby"), ReadOnly),
        (psycopg.errors.lookup("42501")("no right"), ReadOnly),
        (psycopg.errors.lookup("40P01")("deadlock"), Busy),
        (psycopg.errors.lookup("40001")("serialisation"), Busy),
        (psycopg.errors.lookup("55P03")("lock timeout"), Busy),
        (psycopg.errors.lookup("57014")("statement timeout"), Busy),
        (psycopg.errors.lookup("22001")("too long"), Rejected),
        (psycopg.errors.lookup("23505")("unique"), Rejected),
        (psycopg.errors.lookup("42P01")("no table"), WrongSchema),
        (psycopg.OperationalError("connection refused"), Unavailable),
        (psycopg.errors.lookup("42601")("syntax"), DatabaseError),
        (pymysql.err.OperationalError(1021, "disk full"), StorageFull),
        (pymysql.err.OperationalError(1114, "table full"), StorageFull),
        (pymysql.err.InternalError(1030, "Got error 28 from storage engine"), StorageFull),
        (pymysql.err.OperationalError(1290, "--read-only"), ReadOnly),
        (pymysql.err.OperationalError(1142, "denied"), ReadOnly),
        (pymysql.err.OperationalError(1213, "deadlock"), Busy),
        (pymysql.err.OperationalError(1205, "lock wait"), Busy),
        (pymysql.err.OperationalError(2006, "gone away"), Unavailable),
        (pymysql.err.OperationalError(1045, "wrong password"), Unavailable),
        (pymysql.err.OperationalError(1049, "no database"), Unavailable),
        (pymysql.err.InterfaceError(0, ""), Unavailable),
        (pymysql.err.IntegrityError(1062, "duplicate"), Rejected),
        (pymysql.err.DataError(1406, "too long"), Rejected),
        (pymysql.err.ProgrammingError(1146, "no table"), WrongSchema),
        (sqlalchemy.exc.TimeoutError("pool"), Busy),
        (sqlalchemy.exc.InvalidRequestError("ours"), DatabaseError),
    ],
)
def test_every_driver_says_the_same_in_the_end(error, expected):
    assert type(translate(error)) is expected
    if not isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        assert type(translate(sqlalchemy.exc.DBAPIError("SELECT 1", {}, error))) is expected


def test_no_database_error_is_a_value_error_and_others_pass():
    assert not issubclass(DatabaseError, ValueError)
    assert translate(ValueError("x")) is None
    with pytest.raises(ValueError, match="mine"), translated("sqlite:///x"):
        raise ValueError("mine")


def test_a_password_is_never_shown():
    assert "s3cret" not in url_safe("postgresql://me:s3cret@host/db")
    assert "s3cret" not in url_safe("s3cret")
    engine = open_engine("mariadb://me:s3cret@127.0.0.1:1/db")
    with pytest.raises(Unavailable) as caught, transaction(engine, write=False):
        pass
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.servers
@pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning")  # PyMySQL's, when refused
@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_an_engine_works_again_after_the_server_was_restarted(name, request):
    server: Server = request.getfixturevalue(name)
    engine = open_engine(server.new_database())
    with transaction(engine, write=True) as connection:
        THING.create(connection)
    server.stop()
    try:
        with pytest.raises(Unavailable), transaction(engine, write=False):
            pass
    finally:
        server.start()
    _insert(engine, key="again")
    assert _all(engine, THING.c.key) == ["again"]
    server.stop()  # and with a connection that nobody noticed was lost
    server.start()
    _insert(engine, key="and again")
    engine.dispose()
    gc.collect()  # so that the warnings come while they are expected


@pytest.mark.servers
def test_a_connection_lost_within_a_transaction_is_unavailable(postgresql):
    engine = open_engine(postgresql.new_database())
    with pytest.raises(Unavailable), transaction(engine, write=True) as connection:  # noqa: PT012
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        postgresql.administer(f"SELECT pg_terminate_backend({pid})")
        time.sleep(0.2)
        connection.exec_driver_sql("SELECT 1")
    with transaction(engine, write=True) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-17T10:20:30.000000Z",
        "2026-05-17 10:20:30",
        "2026-05-17T10:20:30",
        "2026-05-17T12:20:30+02:00",
        "2026-05-17 10:20:30.000",
        " 2026-05-17T10:20:30Z ",
        1779013230,
        "20260517T102030Z",
    ],
)
def test_any_iso_form_of_a_moment_is_read(text):
    assert parse_utc(text) == datetime(2026, 5, 17, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0000-00-00 00:00:00", 1e300])
def test_what_is_no_moment_is_none(text):
    assert parse_utc(text) is None


def test_text_order_is_time_order():
    moments = [
        datetime(999, 12, 31, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 1, UTC),
    ]
    assert sorted(map(utc_text, moments)) == list(map(utc_text, moments))
    assert [parse_utc(utc_text(moment)) for moment in moments] == moments


_UPGRADE = (
    "import sys; from radicale_bcm.business.open import BusinessDatabase as B; b = B(sys.argv[1]);"
    " sys.stdin.readline(); print(b.upgrade(create=True)); b.close()"
)


def test_servers_that_start_at_once_upgrade_once(new_database_url: Callable[[], str]):
    url = new_database_url()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([sys.executable, "-c", _UPGRADE, url], **pipes) for _ in range(3)]
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=300) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], answers
    assert sorted(answer[0].strip() for answer in answers) == ["False", "False", "True"]


def test_an_upgrade_that_was_killed_is_finished_by_the_next(new_database_url: Callable[[], str]):
    """Killed after the n-th statement, for every n: the next upgrade ends with the same tables."""
    script = (
        "import os, signal, sys, sqlalchemy; from radicale_bcm.business.open import BusinessDatabase as B;"
        " b = B(sys.argv[1]); left = [int(sys.argv[2])]\n"
        "def count(*_):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sqlalchemy.event.listen(b.engine, 'before_cursor_execute', count); b.upgrade(create=True); b.close()"
    )
    url = new_database_url()
    for statements in (6, 18, 30, 45, 300):
        done = subprocess.run([sys.executable, "-c", script, url, str(statements)], check=False, timeout=300)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    else:
        pytest.fail("never got through")
