# SPDX-License-Identifier: GPL-3.0-or-later
"""A pytest plugin for Radicale's own suite: its calendars become address books, its events contacts. Used by run.py.

Every MKCALENDAR makes an address book, and every calendar object that is sent becomes a card with the same UID; the
media type and the name of a failed precondition in the answers become those of calendars again. Only
the tests that are about storing are run this way; those about time and recurrence would make no sense.
"""

import re
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import pytest
import radicale.tests

GENERIC = (
    "test_add_event",
    "test_add_event_duplicate_uid",
    "test_update_event_no_etag_strict_preconditions_true",
    "test_update_event_with_etag_strict_preconditions_true",
    "test_update_event_with_etag_mismatch",
    "test_add_event_with_etag",
    "test_update_event_uid_event",
    "test_put_whole_calendar",
    "test_put_whole_calendar_case_sensitive_uids",
    "test_verify",
    "test_delete",
    "test_move",
    "test_move_unicode",
    "test_move_between_collections",
    "test_move_between_collections_duplicate_uid",
    "test_move_between_collections_overwrite",
    "test_move_between_collections_overwrite_uid_conflict",
    "test_delete_collection",
    "test_delete_collection_global_forbid_base",
    "test_delete_collection_global_forbid_explicit_permit",
    "test_delete_collection_global_permit_explicit_forbid",
    "test_delete_root_collection",
    "test_overwrite_collection_global_forbid",
    "test_overwrite_collection_global_forbid_explict_permit",
    "test_overwrite_collection_global_permit",
    "test_overwrite_collection_global_permit_explict_forbid",
    "test_propfind",
    "test_propfind_getctag",
    "test_proppatch",
    "test_proppatch_multiple1",
    "test_proppatch_multiple2",
    "test_proppatch_set_and_remove",
    "test_report_sync_collection_no_change",
    "test_report_sync_collection_add",
    "test_report_sync_collection_delete",
    "test_report_sync_collection_create_delete",
    "test_report_sync_collection_modify_undo",
    "test_report_sync_collection_move",
    "test_report_sync_collection_move_undo",
    "test_report_sync_collection_invalid_sync_token",
    "test_report_sync_collection_invalid_sync_token_with_user",
    "test_propfind_sync_token",
    "test_propfind_same_as_sync_collection_sync_token",
    "test_authorization",
    "test_principal_collection_creation",
    "test_collections_and_items",
)

_MKCOL = (
    '<mkcol xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
    "<CR:addressbook/></resourcetype></prop></set></mkcol>"
)
_COMPONENT = re.compile(r"BEGIN:(VEVENT|VTODO|VJOURNAL)\r?\n(.*?)END:\1", re.DOTALL)
_request = radicale.tests.BaseTest.request


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what makes sense for cards."""
    left_out = [item for item in items if item.name not in GENERIC]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _value(body: str, name: str) -> str:
    found = re.search(rf"^{name}[^:\n]*:(.*?)\r?$", body, re.MULTILINE)
    return found[1] if found else ""


def _as_cards(text: str) -> str:
    cards = {}
    for number, match in enumerate(_COMPONENT.finditer(text)):
        body = match[2]
        uid, name = _value(body, "UID"), _value(body, "SUMMARY") or "Event"
        # Events that differ in anything make cards that differ.
        rest = sha256(body.encode()).hexdigest()
        lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{name}", f"N:{name};;;;", f"NOTE:{match[1]} {rest}"]
        # The parts of a recurring event have one UID; cards have no parts.
        cards[uid or number] = "\r\n".join([*(line for line in lines if line != "UID:"), "END:VCARD", ""])
    return "".join(cards.values())


def _as_address_book(self: Any, method: str, path: str, data: str | None = None, *args: Any, **kwargs: Any) -> Any:
    if method == "MKCALENDAR":
        method, data = "MKCOL", _MKCOL
    elif data is not None and "BEGIN:VCALENDAR" in data:
        data = _as_cards(data)
    status, headers, answer = _request(self, method, path, data, *args, **kwargs)
    if headers.get("Content-Type", "").startswith("text/vcard"):
        headers["Content-Type"] = headers["Content-Type"].replace("text/vcard", "text/calendar")
    if status == HTTPStatus.CONFLICT:
        answer = answer.replace("urn:ietf:params:xml:ns:carddav", "urn:ietf:params:xml:ns:caldav")
    return status, headers, answer


radicale.tests.BaseTest.request = _as_address_book
