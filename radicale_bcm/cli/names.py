# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Radicale refuses in every request, whatever the storage: a folder of such a name would be out of reach.

For cli only.
"""

import string

from radicale.config import Configuration

from radicale_bcm.sync.errors import Invalid

_HARMLESS = frozenset(string.ascii_letters + string.digits + "-._@ /")

REFUSED_IN_ACCOUNTS = frozenset(":'\"*?,")
"""What Radicale takes in no name of an account, as it is configured by default."""


def check_path(configuration: Configuration, principal: str, folder: str) -> None:
    """Refuse a folder whose path the server would answer with 400 (`[server] validate_path_value`)."""
    path = f"/{principal}/{folder.strip('/').removeprefix(f'{principal}/')}/"
    if _HARMLESS.issuperset(path):
        return
    from radicale.app import base  # noqa: PLC0415 - few names need it, and it takes a while to load

    from radicale_bcm.server.storage import Storage  # noqa: PLC0415

    # Radicale has this check since 3.6, and no public name for it.
    is_fit = getattr(base, "_check_path_format", None)
    if is_fit is None or "validate_path_value" not in configuration.options("server"):
        return
    kind = configuration.get("server", "validate_path_value")
    if not is_fit(Storage, path, kind):
        raise Invalid(
            f"no client could open {path}: Radicale refuses such a path ([server] validate_path_value is {kind});"
            " use letters, digits, blanks and - . _ @"
        )
