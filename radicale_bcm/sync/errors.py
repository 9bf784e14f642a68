# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person or a client can be refused for. Imported by sync, server and cli.

Refused                        the request is understood and not allowed; nothing changed
├── Forbidden                  this principal, set-up or folder does not allow it (HTTP 403)
├── Conflict                   something stands in the way (HTTP 409)
├── Stale                      it changed since the client saw it (HTTP 412)
├── Invalid                    what was given cannot be used; says what to do (HTTP 400)
└── NotThere                   there is no such principal, record, folder (HTTP 404)

Databases that cannot be used raise `database.errors.DatabaseError` (HTTP 503, exit status 3).
"""


class Refused(Exception):
    """A request that is not carried out. `reason` is a sentence for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Forbidden(Refused):
    """Not allowed here."""


class Conflict(Refused):
    """Something stands in the way."""


class Stale(Refused):
    """It is not what the client saw any more."""


class Invalid(Refused):
    """Cannot be used as it is."""


class NotThere(Refused):
    """There is no such thing."""
