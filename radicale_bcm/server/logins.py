# SPDX-License-Identifier: GPL-3.0-or-later
"""bcrypt is slow on purpose, and clients send the password with every request: what a stored hash said to a password is
remembered. Imported by server.application.

It is remembered by the hash: a password that was changed, or an account that was removed, counts from the next request
on, and nobody has to wait for anything to expire. Passwords are not kept, only keyed digests.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

from radicale.auth import BaseAuth, htpasswd

REMEMBERED = 4096


def remember(auth: BaseAuth) -> None:
    """Let Radicale's htpasswd login remember; any other kind is left alone, with Radicale's own cache."""
    verify = getattr(auth, "_verify", None)
    if not isinstance(auth, htpasswd.Auth) or verify is None:
        return
    auth._verify = _remembering(verify)  # type: ignore[assignment]  # noqa: SLF001
    # Radicale's own cache asks the file only after seconds. The file's content it reads again when that changes.
    auth._cache_logins = False  # noqa: SLF001
    auth._htpasswd_cache = True  # noqa: SLF001


def _remembering(verify: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    key = secrets.token_bytes(32)
    known: OrderedDict[bytes, Any] = OrderedDict()
    lock = Lock()

    def remembered(hash_value: str, password: str) -> Any:
        """What the check of this password against this hash says."""
        said = f"{len(hash_value)} {hash_value}{password}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(said, key=key).digest()
        with lock:
            if digest in known:
                known.move_to_end(digest)
                return known[digest]
        answer = verify(hash_value, password)
        with lock:
            known[digest] = answer
            if len(known) > REMEMBERED:
                known.popitem(last=False)
        return answer

    return remembered
