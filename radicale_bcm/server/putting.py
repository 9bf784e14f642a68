# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast way of the usual PUT: one card, to a place in an address book, under the conditions that are met. Imported
by server.application.

Radicale makes two objects of vobject's and four of its own for each PUT, and asks for each three times. Here the card
goes from the request to `Collection.write` as it is. Whatever is unusual is left to Radicale, before anything is done:
then the request is as if nobody had read it. `[storage] bcm_fast_answers = False` turns this off as well.
"""

import io
import logging
from collections.abc import Mapping
from http import client
from typing import TYPE_CHECKING, Any

from radicale import httputils, pathutils, types
from radicale.app.base import Access
from radicale.item.filter import TIMESTAMP_MAX, TIMESTAMP_MIN
from radicale.log import logger

from radicale_bcm.books.collections import parent_of
from radicale_bcm.books.items import NewItem
from radicale_bcm.books.view import Resource
from radicale_bcm.contacts.vcard import Card, is_vcard_text
from radicale_bcm.server import compat, hooks, request
from radicale_bcm.server.collection import Collection
from radicale_bcm.server.storage import Storage

if TYPE_CHECKING:
    from radicale_bcm.server.application import BcmApplication


def answer(
    app: "BcmApplication", environ: dict[str, Any], path: str, user: str, groups: set[str]
) -> types.WSGIResponse | None:
    """The answer to a PUT that was stored or refused; None if Radicale has to answer: nothing has happened then."""
    storage = app._storage  # noqa: SLF001
    assert isinstance(storage, Storage)
    if not user or path.endswith("/") or compat.has_more_for_put(app) or logger.isEnabledFor(logging.DEBUG):
        return None
    if "w" not in Access(app._rights, user, groups, path).parent_permissions:  # noqa: SLF001
        return None
    try:
        raw = httputils.read_raw_request_body(app.configuration, environ)
    except RuntimeError:
        return httputils.BAD_REQUEST
    except TimeoutError:
        return httputils.REQUEST_TIMEOUT
    environ["wsgi.input"] = io.BytesIO(raw)
    card = _card(httputils.decode_request(app.configuration, environ, raw))
    uid = card.plain_uid if card else None
    if card is None or uid is None or compat.is_too_large_for_put(app, card.serialize()):
        return None
    place = pathutils.strip_path(path)
    new = NewItem(place.rpartition("/")[2], uid, "VCARD", "", TIMESTAMP_MIN, TIMESTAMP_MAX, card.serialize())
    with storage.acquire_lock("w", user, path=path, request="PUT", actor=user):
        folder = _address_book(storage, place)
        if folder is None:
            return None
        found = storage.resource_at(folder, new.href)
        if not _is_usual(folder, found, new, environ):
            return None
        try:
            # What is there, with its own ETag.
            after = folder.write(folder.resource(new.href) if found else None, new, repaired=card.repaired)
        except ValueError:
            if request.current().refusal is None:
                raise
            return httputils.BAD_REQUEST  # our Application knows the refusal and its status
    return client.NO_CONTENT if found else client.CREATED, {"ETag": after.etag}, None, None


def _card(text: str) -> Card | None:
    """The one card of a request, which came with a UID."""
    if not is_vcard_text(text):
        return None
    try:
        cards = hooks.read_components(text)
    except ValueError:
        return None
    return cards[0] if len(cards) == 1 and not cards[0].generated_uid else None


def _address_book(storage: Storage, place: str) -> Collection | None:
    """The address book that a place is in; None if the place is a collection itself."""
    if storage.collection_at(place) is not None:
        return None
    found = storage.collection_at(parent_of(place))
    return found if found is not None and found.row is not None and found.row.tag == "VADDRESSBOOK" else None


def _is_usual(folder: Collection, found: Resource | None, new: NewItem, environ: Mapping[str, Any]) -> bool:
    """Whether the preconditions are met and the UID is the right one (RFC 6352 5.1). Radicale has the words if not."""
    if_match = environ.get("HTTP_IF_MATCH", "")
    if found is None:
        return not if_match and not folder.has_uid(new.uid)
    # The UID of a business card is the server's, whatever a client sends (C4).
    is_same = found.card_id is not None or found.uid == new.uid
    return is_same and if_match in ("", "*", found.etag) and environ.get("HTTP_IF_NONE_MATCH", "") != "*"
