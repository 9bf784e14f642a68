# SPDX-License-Identifier: GPL-3.0-or-later
"""A Radicale storage plugin that shows a company's business contacts in everybody's address book.

`[storage] type = radicale_bcm` in Radicale's configuration; everything else is the `radicale-bcm` command.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radicale_bcm.server.storage import Storage

__version__ = "0.1.0"
__all__ = ["Storage", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazily, so that the command line does not load a whole server to print its help.
    if name == "Storage":
        from radicale_bcm.server.storage import Storage  # noqa: PLC0415

        return Storage
    raise AttributeError(name)
