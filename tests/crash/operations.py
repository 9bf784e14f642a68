# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done when a process is killed: each with a phone or the command line, from the same installation.

`answers` are what may be said to the first time; `again` to whoever repeats it after it was done already. An operation
with `steps` goes on in several units of work, so a killed one may be partly done, and is finished when it is repeated.
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from alembic.operations import Operations

from radicale_bcm.books.open import MIGRATIONS, VERSION_TABLE
from radicale_bcm.business.open import VERSION_TABLE as BUSINESS_VERSION_TABLE
from radicale_bcm.database import migrate
from radicale_bcm.database.engine import begin, open_engine, transaction
from radicale_bcm.database.errors import DatabaseError
from tests.crash import calls
from tests.crash.child import Say
from tests.crash.place import Place, Refused
from tests.dav import card, replaced
from tests.http.company import PASSWORD, run_command


@dataclass(frozen=True)
class Operation:
    """Something that somebody does. `same` says that a repetition must come to the same end."""

    name: str
    do: Callable[[Place, Say], None]
    answers: tuple[str, ...] = ("done",)
    again: tuple[str, ...] = ("done",)
    steps: bool = False
    prepare: Callable[[Place], None] | None = None
    forgets_tokens: bool = False


OPERATIONS: dict[str, Operation] = {}
# Those that a phone does.
REQUESTS = ("put-new", "put-business", "put-plain", "delete-business", "delete-plain", "move-in", "move-out",
            "get", "list", "report", "sync")  # fmt: skip
# Those that work on files of SQLite.
ON_FILES = ("init", "upgrade", "upgrade-business")


def _add(name: str, do: Callable[[Place, Say], None], **more: Any) -> None:
    OPERATIONS[name] = Operation(name, do, **more)


def furnish(place: Place) -> None:
    """The installation that every operation begins with."""
    place.live.mkdir(parents=True)
    _configure(place)
    run = place.command
    for number, name in enumerate(("Nick", "Ann", "Bea", "Cora", "Dora"), 1):
        fields = [f"given_name={name}", f"family_name=Lee{number}", f"email={name.lower()}@example.com"]
        run("contact", "add", *fields, "business_phone=+1 425 555 0100", "company=Contoso", "spouse=Andrea")
    run("sync", "start", "--principal", "alice", "--folder", "Contacts")
    run("sync", "start", "--principal", "bob", "--folder", "Team", "--category", "none")
    phone = place.client()
    assert phone("MKCOL", "/alice/Private/", _MKCOL)[0] == 201
    for name, folder in (("Paul", "Contacts"), ("Petra", "Contacts"), ("Pia", "Contacts"), ("Pete", "Private")):
        assert phone("PUT", f"/alice/{folder}/{name}.vcf", _plain(name))[0] == 201
    assert phone("DELETE", "/alice/Contacts/Pia.vcf")[0] == 200
    href, text = business_card(phone, "Dora")
    assert phone("DELETE", href)[0] == 200
    href, text = business_card(phone, "Nick")
    assert phone("PUT", href, replaced(text, "0100", "0199"))[0] in (200, 204)
    phone.close()
    run("database", "add", "other", "--url", place.url("other"))
    run("backup", str(place.live / "backup.zip"))
    (place.live / "cards.vcf").write_text("".join(_plain(name) for name in ("Ida", "Ivo")))
    run("contact", "edit", "2", "job_title=Buyer")
    run("contact", "delete", "4", "--yes")
    place.keep()


def _configure(place: Place) -> None:
    run_command("init", str(place.live), "--user", "alice", "--password", PASSWORD, *_addresses(place))
    text = place.config.read_text()
    for old, new in (("type = htpasswd", "type = none"), ("delay = 1", "delay = 0")):
        assert old in text
        text = text.replace(old, new)
    place.config.write_text(text)


def _addresses(place: Place) -> list[str]:
    return ["--state", place.url("state"), "--database", place.url("business")]


def business_card(phone: Any, name: str) -> tuple[str, str]:
    """Path and text of the business card of somebody, as alice's phone has it."""
    status, answer = phone("PROPFIND", "/alice/Contacts/", "", DEPTH="1")
    assert status == 207
    for part in answer.split("<href>")[1:]:
        path = part.partition("<")[0]
        if path.endswith(".vcf"):
            text = phone("GET", path)[1]
            if f"FN:{name} " in text and "X-BCM-KIND" in text:
                return path, text
    raise AssertionError(name)


def _plain(name: str, *more: str) -> str:
    return card(f"uid-{name}", name, f"EMAIL:{name.lower()}@example.org", "X-ODD;P=1:kept", *more)


def _request(place: Place, say: Say, make: Callable[[Any], tuple[Any, ...]], **headers: str) -> None:
    """A phone's request; what the phone had before is read before anything can happen."""
    phone = place.client()
    before = calls.CALLS.__dict__.copy()
    calls.CALLS.reset()
    request = make(phone)
    calls.CALLS.__dict__.update(before)
    status, body = phone(*request, **headers)
    say(str(status))
    say(body)


def _with_etag(place: Place, say: Say, name: str, *pairs: str) -> None:
    """An edit of the card that a phone had before everything, with its ETag."""
    known = json.loads((place.kept.parent / "phone.json").read_text())[name]
    text = replaced(known["text"], *pairs)
    _request(place, say, lambda _: ("PUT", known["path"], text), IF_MATCH=known["etag"])


def remember_cards(place: Place) -> None:
    """Write down what alice's phone has."""
    phone = place.client()
    known = {}
    for name in ("Nick", "Ann", "Bea"):
        path, text = business_card(phone, name)
        known[name] = {"path": path, "text": text, "etag": _etag(phone, path)}
    for name in ("Paul", "Petra"):
        path = f"/alice/Contacts/{name}.vcf"
        known[name] = {"path": path, "text": phone("GET", path)[1], "etag": _etag(phone, path)}
    phone.close()
    (place.kept.parent / "phone.json").write_text(json.dumps(known))


def _etag(phone: Any, path: str) -> str:
    return str(phone("PROPFIND", path, _GETETAG, DEPTH="0")[1].partition("getetag>")[2].partition("<")[0])


def _command(*arguments: str) -> Callable[[Place, Say], None]:
    def run(place: Place, say: Say) -> None:
        filled = [each.replace("LIVE", str(place.live)) for each in arguments]
        try:
            place.command(*filled)
        except Refused as refused:
            say(f"refused {refused.status}: {refused.args[1].strip()}")
        else:
            say("done")

    return run


def _put_new(place: Place, say: Say) -> None:
    _request(place, say, lambda _: ("PUT", "/alice/Contacts/new.vcf", _plain("New")), IF_NONE_MATCH="*")


def _delete(path: str = "", name: str = "") -> Callable[[Place, Say], None]:
    def run(place: Place, say: Say) -> None:
        known = json.loads((place.kept.parent / "phone.json").read_text())[path or name]
        _request(place, say, lambda _: ("DELETE", known["path"]), IF_MATCH=known["etag"])

    return run


def _move(name: str, target: str) -> Callable[[Place, Say], None]:
    def run(place: Place, say: Say) -> None:
        known = json.loads((place.kept.parent / "phone.json").read_text())
        path = known[name]["path"] if name in known else f"/alice/Private/{name}.vcf"
        _request(place, say, lambda _: ("MOVE", path), DESTINATION=f"http://localhost{target}", OVERWRITE="F")

    return run


PHOTO = "PHOTO;ENCODING=b;TYPE=JPEG:" + "QUJD" * 40
_EDIT = ("+1 425 555 0100", "+1 425 555 0777", "END:VCARD", f"X-PHONE;A=b:kept\r\n{PHOTO}\r\nEND:VCARD")
_QUERY = (
    '<?xml version="1.0"?><C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><getetag/>'
    '<C:address-data/></prop><C:filter><C:prop-filter name="FN"><C:text-match>e</C:text-match></C:prop-filter>'
    "</C:filter></C:addressbook-query>"
)
_SYNC = (
    '<?xml version="1.0"?><sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level>'
    "<prop><getetag/></prop></sync-collection>"
)
_OK = ("200", "201", "204")


def _other_program(place: Place) -> None:
    """What another program did and nobody has seen yet."""
    with transaction(open_engine(place.url("business")), write=True) as conn:
        conn.exec_driver_sql("UPDATE contact SET job_title = 'Clerk' WHERE given_name = 'Nick'")
        conn.exec_driver_sql("DELETE FROM contact WHERE given_name = 'Bea'")
        conn.exec_driver_sql("INSERT INTO contact (id, uid, given_name) VALUES (9, 'uid-eve', 'Eve')")
    conn.engine.dispose()


def _read(method: str, body: str = "", path: str = "/alice/Contacts/") -> Callable[[Place, Say], None]:
    return lambda place, say: _request(place, say, lambda _: (method, path, body), DEPTH="1")


_add("put-new", _put_new, answers=_OK, again=(*_OK, "412"))
_add("put-business", lambda place, say: _with_etag(place, say, "Ann", *_EDIT), answers=_OK, again=_OK)
_add(
    "put-plain",
    lambda place, say: _with_etag(place, say, "Paul", "kept", "other"),
    answers=_OK,
    again=_OK,
)
_add("delete-business", _delete(name="Ann"), answers=_OK, again=("404",))
_add("delete-plain", _delete(name="Paul"), answers=_OK, again=("404",))
_add("move-in", _move("Pete", "/alice/Contacts/Pete.vcf"), answers=_OK, again=("404",))
_add("move-out", _move("Ann", "/alice/Private/Ann.vcf"), answers=_OK, again=("404",))
_add(
    "promote",
    _command("promote", "/alice/Contacts/Paul.vcf", "/alice/Contacts/Petra.vcf"),
    again=("done", "refused 1"),
    steps=True,
)
# A read shows first what other programs did.
for _name, _do in {
    "get": _read("GET", path="/alice/Contacts/Petra.vcf"),
    "list": _read("PROPFIND"),
    "report": _read("REPORT", _QUERY),
    "sync": _read("REPORT", _SYNC),
}.items():
    _add(_name, _do, answers=("200", "207"), again=("200", "207"), prepare=_other_program)
_add("sync-now", _command("sync", "now"), prepare=_other_program)
_add("sync-full", _command("sync", "now", "--full"), prepare=_other_program, steps=True)
for _choice in ("keep", "remove", "import"):
    _add(f"switch-{_choice}", _command("database", "switch", "other", f"--{_choice}", "--yes"), steps=True)
_add("restore-record", _command("deleted", "restore", "5"), again=("refused 1",))
_add("restore-plain", _command("deleted", "restore", "plain-1"), again=("refused 1",))
# These two are about many things: each of them is wholly done or not, and a repetition does the rest.
_add("purge", _command("deleted", "purge", "--all", "--yes"), steps=True)
_add(
    "undo",
    _command("undo", "--by", "alice", "--since", "1d"),
    answers=("done", "refused 1"),
    again=("done", "refused 1"),
    steps=True,
)
_add("import", _command("import", "LIVE/cards.vcf"), steps=True)
_add("export", _command("export", "--output", "LIVE/out.vcf"), again=("done", "refused 1"))
_add("edit", _command("contact", "edit", "2", "job_title=Boss", "note=Line"))
_add("delete-record", _command("contact", "delete", "2", "--yes"))
_add("filter", _command("sync", "set", "--principal", "alice", "--filter", "given_name=Nick"))
_add("stop", _command("sync", "stop", "--principal", "alice", "--yes"), again=("refused 1",))
_add("backup", _command("backup", "LIVE/second.zip"), again=("refused 1",))
_add("restore", _command("restore", "LIVE/backup.zip", "--yes"), steps=True, forgets_tokens=True)


def _init(place: Place, say: Say) -> None:
    try:
        run_command("init", str(place.live), "--user", "alice", "--password", PASSWORD, *_addresses(place))
    except Refused as refused:
        say(f"refused {refused.status}: {refused.args[1].strip()}")
    else:
        say("done")


def _empty(place: Place) -> None:
    for each in place.live.iterdir():
        each.unlink()


_add("init", _init, prepare=_empty, steps=True)


def _upgrade(place: Place, say: Say) -> None:
    try:
        place.open().close()
    except DatabaseError as error:
        say(f"refused 3: {error}")
    else:
        say("done")


def _first_schema(place: Place) -> None:
    """Put everything of the state database into one of the first schema."""
    state, old = place.live / "state.db", place.live / "old.db"
    for left in place.live.glob("state.db-*"):
        left.unlink()
    state.rename(old)
    state.touch()
    engine = open_engine(f"sqlite:///{state}")
    with engine.connect() as conn:
        driver: Any = conn.connection.driver_connection
        driver.execute(f"ATTACH '{old}' AS old")
        with begin(conn, write=True):
            scripts = migrate._scripts(MIGRATIONS)
            first = scripts.get_base()
            context = migrate._context(conn, VERSION_TABLE, scripts)
            context.opts["fn"] = context._migrations_fn = lambda rev, _: scripts._upgrade_revs(first, rev)
            with Operations.context(context):
                context.run_migrations()
            conn.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            names = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            for (table,) in conn.exec_driver_sql(names).fetchall():
                if table == VERSION_TABLE:
                    continue
                both = [_columns(conn, side, table) for side in ("main", "old")]
                columns = ", ".join(f'"{each}"' for each in both[0] if each in both[1])
                conn.exec_driver_sql(f'DELETE FROM main."{table}"')
                conn.exec_driver_sql(f'INSERT INTO main."{table}" ({columns}) SELECT {columns} FROM old."{table}"')
    engine.dispose()
    old.unlink()


def _columns(conn: Any, side: str, table: str) -> list[str]:
    return [row[1] for row in conn.exec_driver_sql(f'PRAGMA {side}.table_info("{table}")')]


def _first_business_schema(place: Place) -> None:
    with closing(sqlite3.connect(place.live / "business.db")) as client, client:
        client.execute("DROP TABLE change_note")
        client.execute(f"UPDATE {BUSINESS_VERSION_TABLE} SET version_num = '0001'")


_add("upgrade", _upgrade, prepare=_first_schema)
_add("upgrade-business", _upgrade, prepare=_first_business_schema)

_GETETAG = '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
_MKCOL = (
    '<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop>'
    "<resourcetype><collection/><C:addressbook/></resourcetype></prop></set></mkcol>"
)
