# SPDX-License-Identifier: GPL-3.0-or-later
"""What the storage knows of the request that it serves. Radicale passes the storage neither headers nor the reason
of a refusal, so both travel beside it, in a context variable of the request's thread."""

from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from radicale_bcm.contacts.vcard import Card


@dataclass(slots=True)
class Request:
    """One HTTP request. The storage writes `refusal` and `withhold_etag`, our Application answers by them. `poll_of` is
    the stamp of the state from which alone the answer follows, where it does."""

    method: str = ""
    path: str = ""
    client: str = ""
    if_match: str = ""
    cards: list[Card] = field(default_factory=list)
    refusal: Exception | None = None
    unreadable: str = ""
    withhold_etag: bool = False
    stream: Iterator[bytes] | None = None
    poll_of: tuple[int, str] | None = None
    # Our Application says when it begins to handle the request; until then Radicale only asks for the principal.
    handling: bool = True


_current: ContextVar[Request] = ContextVar("radicale_bcm_request")


def current() -> Request:
    """The request of this thread; an empty one outside of any."""
    found = _current.get(None)
    if found is None:
        found = Request()
        _current.set(found)
    return found


def begin(environ: dict[str, Any]) -> Request:
    """A request starts."""
    request = Request(
        method=str(environ.get("REQUEST_METHOD", "")).upper(),
        path=str(environ.get("PATH_INFO", "")),
        client=str(environ.get("HTTP_USER_AGENT", "")),
        if_match=str(environ.get("HTTP_IF_MATCH", "")).strip(),
    )
    _current.set(request)
    return request


def is_sent_back() -> bool:
    """Whether what is being PUT looks like a business card that was served: a guess at where to look first."""
    sent = current().cards
    return len(sent) == 1 and "\nX-BCM-" in sent[0].serialize()
