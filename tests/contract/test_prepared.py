# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements that go around SQLAlchemy's execution promise, on every engine."""

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, bindparam, event, insert, select, union_all
from sqlalchemy.exc import IntegrityError

from radicale_bcm.database.engine import looking, transaction
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.database.prepared import Prepared, together
from radicale_bcm.database.types import MARIADB_TABLE, Key

THING = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", Key(40), unique=True),
    **MARIADB_TABLE,
)
KEYS, IDS = bindparam("keys", expanding=True), bindparam("ids", expanding=True)
NAMES = [f"k{number}" for number in range(9)]
ALL = Prepared(select(THING.c.id, THING.c.key).order_by(THING.c.id))
BOTH = Prepared(select(THING.c.key).where(THING.c.key.in_(KEYS), THING.c.id.in_(IDS)), "keys", "ids")
EITHER = Prepared(
    union_all(select(THING.c.key).where(THING.c.key.in_(KEYS)), select(THING.c.key).where(THING.c.id.in_(IDS))),
    "keys",
    "ids",
)
ADD = Prepared(insert(THING).inline())


@pytest.fixture
def engine(empty_engine: Engine) -> Engine:
    with transaction(empty_engine, write=True) as conn:
        THING.create(conn)
        conn.execute(insert(THING), [{"id": number, "key": key} for number, key in enumerate(NAMES)])
    return empty_engine


@pytest.fixture(params=[False, True], ids=["", "heard"])
def heard(request: pytest.FixtureRequest, engine: Engine) -> bool:
    """Somebody may listen for statements, who then hears of all."""
    if request.param:
        event.listen(engine, "before_cursor_execute", lambda *_: None)
    return bool(request.param)


@pytest.mark.usefixtures("heard")
def test_lists_of_any_length_are_sought(engine: Engine):
    with transaction(engine, write=False) as conn:
        for _ in range(7):  # psycopg prepares what comes often
            for keys in ([], NAMES[:1], NAMES[1:2], NAMES[:2], NAMES[3:8], ["none"], NAMES):
                for ids in ([], [0], [1], [1, 2, 3], list(range(9))):
                    values = {"keys": keys, "ids": ids}
                    named = [NAMES[number] for number in ids]
                    assert sorted(BOTH.column(conn, values)) == sorted(set(keys) & set(named))
                    wanted = sorted([key for key in keys if key in NAMES] + named)
                    assert sorted(EITHER.column(conn, values)) == wanted
                    assert [sorted(rows) for rows in together(conn, (EITHER, values), (BOTH, values))] == [
                        [(key,) for key in wanted],
                        [(key,) for key in sorted(set(keys) & set(named))],
                    ]


@pytest.mark.usefixtures("heard")
def test_a_reading_transaction_is_one_snapshot(engine: Engine):
    everything = list(enumerate(NAMES))
    with transaction(engine, write=False) as conn:
        assert list(ALL.all(conn, {})) == everything
        with transaction(engine, write=True) as other:
            ADD.run(other, {"id": 20, "key": "new"})
        assert list(map(list, together(conn, (ALL, {}), (ALL, {})))) == [everything] * 2
    with transaction(engine, write=False) as conn:
        assert list(map(list, together(conn, (ALL, {}), (ALL, {})))) == [[*everything, (20, "new")]] * 2


@pytest.mark.usefixtures("heard")
def test_without_a_transaction_each_statement_sees_what_is_there(engine: Engine):
    with looking(engine) as conn:
        before = len(ALL.all(conn, {}))
        if not conn.in_transaction():  # SQLAlchemy begins one for whoever listens
            with transaction(engine, write=True) as other:
                ADD.run(other, {"id": 20, "key": "new"})
            assert len(ALL.all(conn, {})) == before + 1
    with transaction(engine, write=True) as conn:
        ADD.run(conn, {"id": 21, "key": "newer"})


@pytest.mark.usefixtures("heard")
def test_what_is_written_first_is_part_of_the_transaction(engine: Engine):
    with pytest.raises(ZeroDivisionError), transaction(engine, write=True) as conn:
        assert ADD.run(conn, {"id": 20, "key": "new"}) / 0
    with transaction(engine, write=False) as conn:
        assert len(ALL.all(conn, {})) == len(NAMES)
    with transaction(engine, write=True):
        pass  # nothing at all


@pytest.mark.usefixtures("heard")
def test_what_the_database_refuses_says_so_and_leaves_the_connection_usable(engine: Engine):
    for first in (True, False):
        with pytest.raises(DatabaseError) as caught, transaction(engine, write=True) as conn:  # noqa: PT012
            if not first:
                ALL.all(conn, {})
            ADD.run(conn, {"id": 1, "key": "k1"})
        assert isinstance(caught.value.__cause__, IntegrityError)
        with transaction(engine, write=False) as conn:
            assert len(together(conn, (ALL, {}), (ALL, {}))[1]) == len(NAMES)
