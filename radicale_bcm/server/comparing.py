# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast answers against Radicale's own, for a debugging option. Imported by server.application."""

import xml.etree.ElementTree as ET
from typing import Any

from radicale import types
from radicale.log import logger

from radicale_bcm.server import request


def canonical(content: bytes) -> Any:
    """A multistatus as data: its responses and their properties without regard to their order."""

    def of(element: ET.Element) -> Any:
        children = sorted((of(child) for child in element), key=repr)
        text = (element.text or "").strip() if not children else ""
        return element.tag, sorted(element.attrib.items()), text, children

    return of(ET.fromstring(content))  # noqa: S314 - our own answer


def compare(fast: types.WSGIResponse, own: types.WSGIResponse, path: str) -> types.WSGIResponse:
    """Radicale's answer, with an error in the log if the fast one says something else."""
    current = request.current()
    stream, current.stream = current.stream, None
    ours = b"".join(stream) if stream is not None else fast[2]
    theirs = own[2]
    same = fast[0] == own[0] and (
        ours == theirs
        or (isinstance(ours, bytes) and isinstance(theirs, bytes) and canonical(ours) == canonical(theirs))
    )
    if not same:
        logger.error("The fast answer to %s on %r is not Radicale's:\n%r\n%r", current.method, path, ours, theirs)
    return own
