# SPDX-License-Identifier: GPL-3.0-or-later
"""Revisions and sync-tokens of the state database (RFC 6578). Imported by the other modules of books and by sync.

A revision is drawn at most once in a write transaction, by raising the counter under its row lock: no later revision
can be committed before an earlier one. Each is stored with a random nonce, so that a token which was issued after the
backup that somebody restored is known to be strange, although its number is used again.
"""

import re
import secrets
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, exists, insert, literal_column, select, update

from radicale_bcm.books.schema import collection, counter, revision
from radicale_bcm.database.prepared import Asked, Prepared

TOKEN_PREFIX = "http://radicale.org/ns/sync/"  # noqa: S105 - no password
_TOKEN = re.compile(re.escape(TOKEN_PREFIX) + r"([0-9]{1,18})-([0-9]{1,18})-([0-9a-f]{16})")

LOCK_QUERY = str(select(counter.c.revision).where(counter.c.id == literal_column("1")).with_for_update())
"""Takes the write lock of the whole state, until the transaction ends: the counter's row. On SQLite the transaction
itself is the lock."""
_RAISING = update(counter).where(counter.c.id == 1).values(revision=counter.c.revision + 1)
_RAISE = Prepared(_RAISING)
_RAISED = Prepared(_RAISING.returning(counter.c.revision))
_CURRENT = Prepared(select(counter.c.revision).where(counter.c.id == 1))
_OF_REVISION = select(revision.c.nonce).where(revision.c.revision == bindparam("revision"))
_NONCE = Prepared(_OF_REVISION)
# SQLite gives the number of a collection that was deleted to a new one.
_NONCE_SINCE = Prepared(
    _OF_REVISION.where(
        exists().where(
            collection.c.id == bindparam("collection_id"), collection.c.created_revision <= bindparam("revision")
        )
    )
)
_INSERT = Prepared(insert(revision).inline())
# Both in one round trip, where an UPDATE can be part of a statement.
_RAISED_HERE = _RAISING.returning(counter.c.revision).cte("raised")
_DRAWN = Prepared(
    insert(revision)
    .from_select(
        ["revision", "nonce", "at"],
        select(
            _RAISED_HERE.c.revision,
            bindparam("nonce", type_=revision.c.nonce.type),
            bindparam("at", type_=revision.c.at.type),
        ),
    )
    .returning(revision.c.revision)
)
_NEWEST = select(counter.c.revision, revision.c.nonce).join(revision, revision.c.revision == counter.c.revision)
_STAMP = Prepared(_NEWEST)
STAMP_QUERY = str(_NEWEST)
"""What `stamp` asks, for whoever has no transaction."""


class InvalidToken(ValueError):
    """A sync-token that was not issued for this collection, or before a restore (RFC 6578 3.2: valid-sync-token)."""

    def __init__(self, token: str, reason: str) -> None:
        super().__init__(token, reason)
        self.token = token
        self.reason = reason

    def __str__(self) -> str:
        return f"sync-token {self.token!r}: {self.reason}"


def current(conn: Connection) -> int:
    """The latest committed revision, or the one of this transaction."""
    return int(_CURRENT.one(conn, {})[0])


Stamp = tuple[int, str]
"""The latest revision with its nonce: equal stamps mean that nothing at all has changed."""

STAMP: Asked = (_STAMP, {})
"""What to ask for the stamp; the row is one."""


def stamp(conn: Connection) -> Stamp:
    """The stamp of this moment."""
    number, nonce = _STAMP.one(conn, {})
    return int(number), str(nonce)


def draw(conn: Connection, at: datetime) -> int:
    """Raise the counter and store the new revision with its nonce."""
    drawn = {"nonce": secrets.token_hex(8), "at": at}
    if conn.dialect.name == "postgresql":
        return int(_DRAWN.one(conn, drawn)[0])
    if conn.dialect.update_returning:
        number = int(_RAISED.one(conn, {})[0])
    else:
        _RAISE.run(conn, {})
        number = current(conn)
    _INSERT.run(conn, {"revision": number, **drawn})
    return number


def token(conn: Connection, collection_id: int, number: int, latest: Stamp | None = None) -> str:
    """The sync-token of a collection at a revision that was drawn before. `latest` is the stamp, where it is known."""
    if latest is not None and latest[0] == number:
        nonce = latest[1]
    else:
        (nonce,) = _NONCE.one(conn, {"revision": number})
    return f"{TOKEN_PREFIX}{number}-{collection_id}-{nonce}"


class Claim(NamedTuple):
    """What a sync-token says of itself."""

    text: str
    revision: int
    nonce: str


def claim(collection_id: int, text: str) -> Claim:
    """What a token says. Raises InvalidToken for anything that this collection cannot have issued."""
    match = _TOKEN.fullmatch(text)
    if not match:
        raise InvalidToken(text, "not of this server")
    if int(match[2]) != collection_id:
        raise InvalidToken(text, "issued for another collection")
    return Claim(text, int(match[1]), match[3])


def proof(collection_id: int, claimed: Claim) -> Asked:
    """What to ask the database, for `proved`."""
    return _NONCE_SINCE, {"revision": claimed.revision, "collection_id": collection_id}


def proved(claimed: Claim, rows: list[Any]) -> int:
    """The revision that a token stands for, by the answer to `proof`. Raises InvalidToken."""
    if not rows or rows[0][0] != claimed.nonce:
        reason = "from another history, such as one before a restore from backup or a deletion"
        raise InvalidToken(claimed.text, reason)
    return claimed.revision


def read_token(conn: Connection, collection_id: int, text: str) -> int:
    """The revision that a token stands for. Raises InvalidToken for anything that this collection did not issue."""
    claimed = claim(collection_id, text)
    statement, values = proof(collection_id, claimed)
    return proved(claimed, statement.all(conn, values))


def is_started(conn: Connection) -> bool:
    """Whether a state database has its counter."""
    return _CURRENT.first(conn, {}) is not None


def start(conn: Connection) -> None:
    """Give a new state database its counter and first revision; harmless where they exist."""
    if not is_started(conn):
        conn.execute(insert(counter), {"id": 1, "revision": 0})
        draw(conn, datetime.now(UTC))


def drawn_at(conn: Connection, number: int) -> datetime | None:
    """When a revision was drawn."""
    return conn.execute(select(revision.c.at).where(revision.c.revision == number)).scalar_one_or_none()
