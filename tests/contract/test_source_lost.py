# SPDX-License-Identifier: GPL-3.0-or-later
"""A source that is emptied, half loaded, forbidden or without its table is an error state, on every engine, with our
own schema and with an application's table: never "everything was deleted"."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from radicale_bcm.books.view import Resource
from radicale_bcm.database.errors import DatabaseError
from radicale_bcm.sync import databases, losses, pull, setup, verify
from tests.contract.world import ADMIN, World, people

COUNT = 60
BOUND = 20  # as it is shipped; a quarter would be less

MAPPING = """
table = "person"
key = "id"
where = { kind = "p" }
[modified]
columns = "changed"
[fields]
name = "fullname"
email = "mail"
"""

Sql = Callable[..., list[tuple[object, ...]]]


class Source:
    """A database whose contacts alice's folder shows, and statements of its owner that do something to it."""

    def __init__(self, world: World, run: Callable[..., object], table: str) -> None:
        self.world = world
        self.run = run
        self.table = table
        self.before = self.shown()
        assert len(self.before) == COUNT

    def shown(self) -> dict[str, Resource]:
        return self.world.folder()

    def look(self, *, full: bool = False) -> pull.Counts:
        """As a server does every second, or once a day."""
        feed = self.world.site.feed()
        for name in ("_next", "_next_scan"):
            if hasattr(feed, name):
                setattr(feed, name, 0.0)
        return pull.compare_all(self.world.site) if full else pull.pull_all(self.world.site)

    def lost(self) -> bool:
        with self.world.site.read() as conn:
            return bool(losses.all_waiting(conn, self.world.site.origin()))


@pytest.fixture(params=["native", "mapped"])
def source(
    request: pytest.FixtureRequest,
    engine_name: str,
    new_database_url: Callable[[], str],
    plain_sql_of: Sql,
    tmp_path: Path,
) -> Iterator[Source]:
    """Each kind of source on each engine."""
    world = World(f"sqlite:///{tmp_path}/state.db", f"sqlite:///{tmp_path}/main.db", new_database_url())
    url = world.urls["new"]
    if request.param == "native":
        world.fill("new", people("some", COUNT, 1))
        world.add()
    else:
        rows = ", ".join(f"({n}, 'p', 'Person {n}', 'p{n}@example.com', '2020-01-01 00:00:00')" for n in range(COUNT))
        columns = "id integer PRIMARY KEY, kind varchar(1), fullname varchar(80), mail varchar(80), changed timestamp"
        insert = f"INSERT INTO person (id, kind, fullname, mail, changed) VALUES {rows}"
        plain_sql_of(world, f"CREATE TABLE person ({columns})", insert, url=url)
        file = tmp_path / "mapping.toml"
        file.write_text(MAPPING)
        databases.add(world.site, ADMIN, "new", url, file)
    world.hire("alice")
    world.switch("new", "remove")
    table = "contact" if request.param == "native" else "person"
    yield Source(world, lambda *statements: plain_sql_of(world, *statements, url=url), table)
    world.site.close()


def _copies(source: Source) -> tuple[str, str]:
    """A copy of the rows, and the statement that brings them back."""
    columns = "id, uid, name, given_name, email" if source.table == "contact" else "*"
    source.run(f"CREATE TABLE the_copy AS SELECT {columns} FROM {source.table}")
    names = f" ({columns})" if source.table == "contact" else ""
    return f"INSERT INTO {source.table}{names} SELECT {columns} FROM the_copy", "DROP TABLE the_copy"


@pytest.mark.parametrize("left", [0, COUNT // 3])
def test_an_emptied_or_half_loaded_table_takes_no_card_away(source: Source, left: int):
    """As a restore from a backup leaves it for a while."""
    back = _copies(source)[0]
    source.run(f"DELETE FROM {source.table}")
    assert source.look().removed == 0
    if left:
        source.run(f"{back} WHERE id <= {left}")
    for full in (False, True, False):
        assert source.look(full=full).removed == 0
    assert source.shown().keys() == source.before.keys()
    assert source.lost()
    source.run(f"DELETE FROM {source.table}", back)
    source.look()
    source.look(full=True)
    assert not source.lost()
    assert source.shown().keys() == source.before.keys()
    source.world.sound()


def _set(source: Source, **values: str) -> None:
    """As another program does with all its rows."""
    native = source.table == "contact"
    columns = {"email": "email" if native else "mail"}
    changed = "" if native else ", changed = CURRENT_TIMESTAMP"
    for name, value in values.items():
        source.run(f"UPDATE {source.table} SET {columns[name]} = '{value}'{changed}")


def test_a_program_that_changes_all_rows_lets_no_card_leave_a_filter(source: Source):
    """Nor when it is looked at in full; a card is as its record says all the same."""
    world = source.world
    with world.site.write(ADMIN) as unit:
        setup.change(unit, "alice", setup.Choice(filters=["email=*@example.com"]))
    before, revision = source.shown(), world.revision()
    assert len(before) == COUNT
    _set(source, email="x@elsewhere.example")
    for full in (False, True, False):
        assert source.look(full=full).refused == COUNT
        assert source.shown().keys() == before.keys()
    assert source.lost()
    assert all("x@elsewhere.example" in each.text for each in source.shown().values())
    assert world.delta(revision) == (set(before), set())
    assert all(each.mend is None for each in verify.differences(world.site, ADMIN))
    _set(source, email="y@example.com")
    source.look()
    assert not source.lost()
    world.sound()
    _set(source, email="z@elsewhere.example")
    assert source.look().refused == COUNT
    # Somebody who looks at one of them does not take it away either.
    if source.table == "contact":
        world.edit(min(before), "END:VCARD", "X-OWN:1\r\nEND:VCARD")
    assert source.shown().keys() == before.keys()
    assert pull.compare_all(world.site, ADMIN, confirmed=True).refused == 0
    assert source.shown() == {}
    assert not source.lost()
    world.sound()


def test_row_by_row_no_more_go_than_at_once(source: Source):
    """The bound is one of ten minutes, as that of a phone (C9)."""
    for number in range(0 if source.table == "person" else 1, 31):
        source.run(f"DELETE FROM {source.table} WHERE id = {number}")
        source.look()
    assert len(source.shown()) == COUNT - BOUND
    assert source.lost()
    source.look(full=True)
    assert len(source.shown()) == COUNT - BOUND


def test_all_records_put_into_deleted_items_by_another_program_are_held(source: Source):
    where = "deleted_at = CURRENT_TIMESTAMP" if source.table == "contact" else "kind = 'x', changed = CURRENT_TIMESTAMP"
    source.run(f"UPDATE {source.table} SET {where}")
    for full in (False, True):
        assert source.look(full=full).removed == 0
    assert source.shown() == source.before
    back = "deleted_at = NULL" if source.table == "contact" else "kind = 'p'"
    source.run(f"UPDATE {source.table} SET {back}")
    source.look()
    source.look(full=True)
    assert not source.lost()
    assert source.shown().keys() == source.before.keys()


def test_a_table_that_is_away_takes_no_card_away(source: Source):
    """An application that is being upgraded, a dump that is being loaded."""
    source.run(f"ALTER TABLE {source.table} RENAME TO elsewhere")
    for full in (False, True):
        # Nothing is logged in our own schema, so that a look at its log may find nothing wrong.
        try:
            assert source.look(full=full) == pull.Counts()
        except DatabaseError:
            continue
        assert not full
    assert source.shown() == source.before
    source.run(f"ALTER TABLE elsewhere RENAME TO {source.table}")
    assert source.look(full=True) == pull.Counts()
    assert source.shown() == source.before


@pytest.mark.servers
@pytest.mark.parametrize("engine_name", ["postgresql", "mariadb"], indirect=True)
def test_a_lost_right_to_read_takes_no_card_away(source: Source, engine_name: str, request: pytest.FixtureRequest):
    """An administrator who changes the rights of our account."""
    server = request.getfixturevalue(engine_name)
    url = source.world.urls["new"]
    name = url.partition("?")[0].rpartition("/")[2]
    account = "reader" if engine_name == "postgresql" else "reader@localhost"
    if engine_name == "postgresql":
        server.administer("DROP ROLE IF EXISTS reader")
        server.administer("CREATE ROLE reader LOGIN")
        grants = [f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {account}"]
        taken = [f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {account}"]
        other = url.replace("bcm@", "reader@")
    else:
        server.administer(f"CREATE OR REPLACE USER {account}")
        grants = [f"GRANT ALL ON {name}.* TO {account}"]
        taken = [f"REVOKE ALL ON {name}.* FROM {account}"]
        other = url.replace("root@", "reader@")
    source.run(*grants)
    mapped = source.table == "person"
    file = Path(source.world.options.state_url.removeprefix("sqlite:///")).parent / "mapping.toml"
    databases.add(source.world.site, ADMIN, "new", other, file if mapped else None)
    source.world.restart()
    assert source.look(full=True) == pull.Counts()
    source.run(*taken)
    source.world.restart()  # MariaDB leaves a connection the rights that it began with
    for full in (False, True):
        with pytest.raises(DatabaseError):
            source.look(full=full)
    assert source.shown() == source.before
    source.run(*grants)
    assert source.look(full=True) == pull.Counts()
    assert source.shown() == source.before
    if engine_name == "postgresql":
        source.world.site.close()
        source.run("DROP OWNED BY reader")
        server.administer("DROP ROLE reader")
