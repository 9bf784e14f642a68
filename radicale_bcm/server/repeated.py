# SPDX-License-Identifier: GPL-3.0-or-later
"""A poll that was answered before, word for word, and nothing has changed: the same answer. Imported by
server.application.

Most requests of a quiet day are these. An answer is kept under everything that it depends on: the request with all its
headers, so also the login, and the file of the logins as it was before that was checked; it is given again only while
the state is the one that it was made in. Requests are not kept, only keyed digests of them.

Only where logins are in a htpasswd file, rights follow from the address, nothing is shared, and nobody wants to read
each request in the log. `[storage] bcm_fast_answers = False` turns this off as well.
"""

import hashlib
import io
import logging
import os
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from radicale.auth import htpasswd
from radicale.log import logger

from radicale_bcm.server import compat, request

if TYPE_CHECKING:
    from radicale_bcm.server.application import BcmApplication

_POLLS = frozenset({"PROPFIND", "REPORT"})
_LONGEST = 4096
"""Bytes of a request's body and of an answer."""
_REMEMBERED = 4096
# What is another one each time, and nobody looks at.
_PASSING = frozenset({"REMOTE_PORT"})

Answer = tuple[str, list[tuple[str, str]], list[bytes]]


class _Known(NamedTuple):
    stamp: tuple[int, str]
    answer: Answer


class Repeated:
    """The answers of one application."""

    def __init__(self, app: "BcmApplication") -> None:
        self._storage: Any = app._storage  # noqa: SLF001
        # The file of the logins; None where answers are not kept.
        is_plain = isinstance(app._auth, htpasswd.Auth) and compat.has_plain_rights(app)  # noqa: SLF001
        self._logins: str | None = app.configuration.get("auth", "htpasswd_filename") if is_plain else None
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, _Known] = {}

    def key_of(self, environ: dict[str, Any]) -> bytes | None:
        """What the answer to a request is kept under; None for one whose answer is not kept. The body is read, and put
        back."""
        if self._logins is None or environ.get("REQUEST_METHOD") not in _POLLS or logger.isEnabledFor(logging.INFO):
            return None
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            if not 0 < length <= _LONGEST:
                return None
            logins = os.stat(self._logins)  # noqa: PTH116 - at every poll, and Path.stat takes twice as long
            body = environ["wsgi.input"].read(length)
        except (OSError, ValueError):
            return None  # the usual way says what is wrong
        environ["wsgi.input"] = io.BytesIO(body)
        said = [f"{name}={value}" for name, value in environ.items() if type(value) is str and name not in _PASSING]
        said.append(f"{logins.st_size} {logins.st_mtime_ns}")
        digest = hashlib.blake2b("\0".join(said).encode("utf-8", "surrogatepass"), key=self._secret)
        digest.update(body)
        return digest.digest()

    def answer(self, key: bytes, environ: dict[str, Any]) -> Answer | None:
        """The answer once more; None if there is none, or something has changed since. DatabaseError as of a read."""
        known = self._known.get(key)
        if known is None:
            return None
        self._storage.pull()
        if self._storage.site.state.stamp() != known.stamp:
            return None
        request.begin(environ)
        return known.answer

    def keep(self, key: bytes, answer: Answer) -> None:
        """Keep the answer to a request that was a poll."""
        stamp = request.current().poll_of
        if stamp is None or sum(map(len, answer[2])) > _LONGEST:
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = _Known(stamp, answer)
