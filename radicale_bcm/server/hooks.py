# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mended in Radicale when the plugin is imported, for the stock server as well as for ours: how cards are
read, and that a request is known to the storage. Imported by server.storage."""

import io
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import radicale.app
import radicale.app.base
import radicale.app.propfind
import radicale.item
from radicale import httputils, pathutils

from radicale_bcm.contacts import guard
from radicale_bcm.contacts.escaping import decode_folded
from radicale_bcm.contacts.lines import NotAVCard
from radicale_bcm.contacts.vcard import is_vcard_text, read_cards
from radicale_bcm.server import bodies, compat, request

_installed = False
_USUAL_LENGTH = 500


def install() -> None:
    """Mend vobject and put our reader in front of Radicale's; harmless when repeated."""
    global _installed  # noqa: PLW0603
    if _installed:
        return
    guard.install()
    httputils.decode_request = _decoding(httputils.decode_request)
    # Asked a dozen times in a request, about the same few paths.
    pathutils.sanitize_path = _remembering(pathutils.sanitize_path)  # type: ignore[assignment]
    pathutils.strip_path = _remembering(pathutils.strip_path)  # type: ignore[assignment]
    compat.remember_formats()
    radicale.item.read_components = read_components  # type: ignore[assignment]
    radicale.app.Application._handle_request = _announcing(  # type: ignore[method-assign]  # noqa: SLF001
        radicale.app.Application._handle_request  # noqa: SLF001
    )
    radicale.app.propfind.ApplicationPartPropfind._collect_allowed_items = _narrowing(  # type: ignore[method-assign, assignment]  # noqa: SLF001
        radicale.app.propfind.ApplicationPartPropfind._collect_allowed_items  # noqa: SLF001
    )
    radicale.app.base.ApplicationBase._read_xml_request_body = _checking(  # type: ignore[method-assign]  # noqa: SLF001
        radicale.app.base.ApplicationBase._read_xml_request_body  # noqa: SLF001
    )
    _installed = True


def _remembering(function: Callable[[str], str]) -> Callable[[str], str]:
    remembered = lru_cache(maxsize=4096)(function)

    def of_path(path: str) -> str:
        """The same, remembered for paths of a usual length."""
        return remembered(path) if len(path) < _USUAL_LENGTH else function(path)

    return of_path


def read_components(text: str) -> list[Any]:
    """Read a request body or file: vCards losslessly and by our own reader, everything else by Radicale's."""
    current = request.current()
    if not is_vcard_text(text):
        try:
            found = guard.read_calendar(text)
            if not found:
                current.unreadable = "it has no line BEGIN:VCARD" if text.strip() else "it is empty"
            return found
        except Exception as error:
            if "BEGIN:VCALENDAR" not in text.upper():
                current.unreadable = f"it has no line BEGIN:VCARD ({error})" if text.strip() else "it is empty"
            raise
    try:
        cards = read_cards(text)
    except NotAVCard as error:
        current.unreadable = str(error)
        raise
    if len(cards) > 1:
        current.unreadable = f"there are {len(cards)} cards in it, and a contact is one"
    if len(cards) == 1 and cards[0].generated_uid and current.method == "PUT":
        # From the address too: the same text without a UID at two addresses is two contacts; sent twice to one, one.
        cards = [cards[0].adopt_uid(str(uuid5(NAMESPACE_URL, f"{current.path}\n{text}")))]
    current.cards = cards
    return list(cards)


def _decoding(original: Callable[..., str]) -> Callable[..., str]:
    def decode_request(configuration: Any, environ: dict[str, Any], text: bytes) -> str:
        """A body as text: UTF-8 with a line folded inside a character is no Latin-1."""
        said = str(environ.get("CONTENT_TYPE") or "").lower()
        if "charset=" not in said or "charset=utf-8" in said:
            found = decode_folded(text)
            if found is not None:
                return found
        return original(configuration, environ, text)

    return decode_request


def _checking(original: Callable[..., Any]) -> Callable[..., Any]:
    def read_xml_request_body(self: Any, environ: dict[str, Any], *args: Any) -> Any:
        """Read an XML body; RuntimeError, which is 400, for one that would bring Radicale to its knees."""
        raw = httputils.read_raw_request_body(self.configuration, environ)
        environ["wsgi.input"] = io.BytesIO(raw)
        if raw:
            bodies.check_text(httputils.decode_request(self.configuration, environ, raw))
        root = original(self, environ, *args)
        if root is not None:
            bodies.check_request(request.current().method, root)
        return root

    return read_xml_request_body


def _narrowing(original: Callable[..., Iterable[tuple[Any, ...]]]) -> Callable[..., Iterable[tuple[Any, ...]]]:
    def collect_allowed_items(self: Any, items: Iterable[Any], *args: Any) -> Iterable[tuple[Any, ...]]:
        """What the rights allow, without writing where a set-up is read-only: PROPFIND then says so (C20)."""
        for item, permission, *rest in original(self, items, *args):
            yield item, "r" if permission == "w" and getattr(item, "read_only", False) else permission, *rest

    return collect_allowed_items


def _announcing(original: Callable[..., Any]) -> Callable[..., Any]:
    def handle_request(self: Any, environ: dict[str, Any], *args: Any) -> Iterable[Any]:
        if "CONTENT_TYPE" in environ:
            environ["CONTENT_TYPE"] = bodies.usable_content_type(environ.get("CONTENT_TYPE"))
        if not bodies.is_readable_login(environ.get("HTTP_AUTHORIZATION", "")):
            del environ["HTTP_AUTHORIZATION"]  # nobody is logged in, and 401 asks for a login
        request.begin(environ).handling = not getattr(self, "says_when_it_handles", False)
        return original(self, environ, *args)  # type: ignore[no-any-return]

    return handle_request
