# SPDX-License-Identifier: GPL-3.0-or-later
"""Radicale's Application, subclassed where it cannot say what we mean: status codes of refusals, a database that is
down, no ETag on a PUT that was changed. Imported by server.wsgi."""

from collections.abc import Callable, Sequence
from http import client
from typing import Any
from urllib.parse import unquote, urlparse
from xml.sax.saxutils import escape

from radicale import httputils, types
from radicale.app import REQUEST_METHODS, Application
from radicale.config import Configuration
from radicale.log import logger

from radicale_bcm.database.errors import Busy, DatabaseError, StorageFull
from radicale_bcm.server import comparing, compat, compressing, fast, getting, logins, putting, request
from radicale_bcm.server.health import Health
from radicale_bcm.server.repeated import Repeated
from radicale_bcm.server.request import Request
from radicale_bcm.sync.errors import Conflict, Forbidden, NotThere, Refused, Stale
from radicale_bcm.sync.unit import Site

RETRY_SECONDS = 10
_CARDDAV = "urn:ietf:params:xml:ns:carddav"


class BcmApplication(Application):
    """Stock Radicale with honest answers.

    What the storage refused is answered with its own status; a database that cannot be used is 503 with Retry-After,
    so that clients keep their change and try again.
    """

    says_when_it_handles = True

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        logins.remember(self._auth)
        settings = self._storage.configuration
        self.fast_answers: bool = compat.HAS_FAST_ANSWERS and settings.get("storage", "bcm_fast_answers")
        self.compare_answers: bool = settings.get("storage", "bcm_compare_answers")
        self.repeated = Repeated(self)
        site: Site = self._storage.site  # type: ignore[attr-defined]
        self.health = Health(site, with_metrics=settings.get("storage", "bcm_metrics"))

    def _handle_request(self, environ: types.WSGIEnviron) -> Any:
        # Answers are compressed here (compressing), not by Radicale.
        accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
        environ = {**environ, "PATH_INFO": _decoded(environ.get("PATH_INFO", "")), "HTTP_ACCEPT_ENCODING": ""}
        answer = self.health.answer(environ)
        if answer is not None:
            return answer
        status, headers, content = self.health.counted(
            str(environ.get("REQUEST_METHOD", "")), lambda: self._handle_dav(environ)
        )
        if accepted and compressing.is_accepted(accepted):
            streamed = request.current().stream is not None
            headers, content = compressing.compressed(list(headers), content, streamed=streamed)
        return status, headers, content

    def _handle_dav(self, environ: dict[str, Any]) -> Any:
        try:
            key = self.repeated.key_of(environ) if self.fast_answers and not self.compare_answers else None
            again = self.repeated.answer(key, environ) if key else None
            if again is not None:
                return again
            status_line, sent_headers, answers = super()._handle_request(environ)
            if key:
                self.repeated.keep(key, (status_line, sent_headers, list(answers)))
            stream = request.current().stream
            if stream is not None:
                sent_headers = [pair for pair in sent_headers if pair[0] != "Content-Length"]
                return status_line, sent_headers, stream
            return status_line, sent_headers, answers
        except DatabaseError as error:
            status, headers, body, _ = _unavailable(error)
            assert isinstance(body, str)
            content = body.encode()
            everything = [*dict(headers).items(), ("Content-Length", str(len(content)))]
            return f"{status} {client.responses[status]}", everything, [content]


def _decoded(path: str) -> str:
    """The path as text. WSGI servers pass its bytes as Latin-1 (PEP 3333), which Radicale's own server does not."""
    try:
        return path.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return path


def _unavailable(error: DatabaseError) -> types.WSGIResponse:
    logger.error("A database cannot be used: %s", error)
    headers = {"Content-Type": "text/plain; charset=utf-8", "Retry-After": str(RETRY_SECONDS)}
    if isinstance(error, StorageFull):
        return client.INSUFFICIENT_STORAGE, headers, "There is no room left to store anything.", None
    reason = "busy" if isinstance(error, Busy) else "not available"
    return client.SERVICE_UNAVAILABLE, headers, f"A database is {reason}; please try again in a moment.", None


def _error(status: int, element: str, namespace: str, reason: str) -> types.WSGIResponse:
    """An error body with the precondition that failed (RFC 4918 16) and the reason for people."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<error xmlns="DAV:"><{element} xmlns="{namespace}"/>'
        f"<responsedescription>{escape(reason)}</responsedescription></error>"
    )
    return status, {"Content-Type": "text/xml; charset=utf-8"}, body.encode(), None


_STATUS: tuple[tuple[type[Refused], int, str], ...] = (
    (Forbidden, client.FORBIDDEN, "need-privileges"),
    (NotThere, client.NOT_FOUND, "resource-must-be-null"),
    (Conflict, client.CONFLICT, "no-conflicting-lock"),
)


def _corrected(current: Request, answer: types.WSGIResponse) -> types.WSGIResponse:
    """The answer that says what really happened."""
    status, headers, body, text = answer
    if current.unreadable and status == client.BAD_REQUEST:
        return _error(client.FORBIDDEN, "valid-address-data", _CARDDAV, f"This is no vCard: {current.unreadable}")
    if isinstance(current.refusal, Stale):
        return httputils.PRECONDITION_FAILED
    if isinstance(current.refusal, Refused):
        for kind, code, element in _STATUS:
            if isinstance(current.refusal, kind):
                return _error(code, element, "DAV:", current.refusal.reason)
        return client.BAD_REQUEST, {"Content-Type": "text/plain; charset=utf-8"}, current.refusal.reason, None
    if status == client.BAD_GATEWAY:
        # A destination on another server (RFC 4918 9.9.4): nothing is wrong with this one, so nobody shall try again.
        return httputils.FORBIDDEN
    if current.withhold_etag and status in (client.CREATED, client.NO_CONTENT):
        return status, {name: value for name, value in dict(headers).items() if name != "ETag"}, body, text
    old_token = status == client.FORBIDDEN and isinstance(body, bytes) and b"valid-sync-token" in body
    if old_token and current.method == "REPORT" and "thunderbird" in current.client.lower():
        # Thunderbird recovers from an invalid sync-token only if the status is 400.
        return client.BAD_REQUEST, headers, body, text
    return answer


def _is_address(destination: str) -> bool:
    """Whether a Destination header can be read; Radicale takes it for granted."""
    try:
        urlparse(unquote(destination)).port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return False
    return bool(destination)


def _say_who(method: str, args: Sequence[Any], status: int) -> None:
    """Who did what with which program, for whoever wants to know who synchronised when."""
    _, _, path, user, *_ = args
    logger.info("%r with %r: %s %r: %d", user, request.current().client, method, path, status)


def _honest(name: str) -> Callable[..., types.WSGIResponse]:
    quick = name in ("do_PROPFIND", "do_REPORT")

    def do(self: BcmApplication, *args: Any) -> types.WSGIResponse:
        if name == "do_MOVE" and not _is_address(args[0].get("HTTP_DESTINATION", "")):
            return httputils.BAD_REQUEST
        request.current().handling = True
        try:
            answer = None
            if quick and self.fast_answers:
                answer = fast.answer(self, *args[:5])
            elif name == "do_GET" and self.fast_answers:
                answer = getting.answer(self, args[0], *args[2:5])
            elif name == "do_PUT" and self.fast_answers and not self.compare_answers:
                # A PUT cannot be done twice.
                answer = putting.answer(self, args[0], *args[2:5])
            if answer is None or self.compare_answers:
                fast_answer, answer = answer, getattr(super(BcmApplication, self), name)(*args)
                if fast_answer is not None:
                    answer = comparing.compare(fast_answer, answer, args[2])
        except DatabaseError as error:
            return _unavailable(error)
        except ValueError as error:
            if request.current().refusal is None:
                if name not in ("do_REPORT", "do_PUT"):
                    raise
                # An href that is no address, such as http://[ ; a whole address book with nothing in it. Nothing has
                # changed: a REPORT changes nothing, and an exception ends the unit of work of a PUT.
                logger.warning("A %s cannot be read: %s", name.removeprefix("do_"), error)
            answer = httputils.BAD_REQUEST
        corrected = _corrected(request.current(), answer)
        _say_who(name.removeprefix("do_"), args, corrected[0])
        return corrected

    do.__name__ = name
    return do


for _method in REQUEST_METHODS:
    setattr(BcmApplication, f"do_{_method}", _honest(f"do_{_method}"))
