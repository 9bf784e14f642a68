# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the versions of Radicale that this plugin works with: the one place that knows.

Imported by the other modules of server.
"""

import base64
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from radicale.app import Application
from radicale.app.base import Access
from radicale.app.propfind import xml_propfind_response
from radicale.app.report import xml_item_response
from radicale.config import Configuration
from radicale.item import check_and_sanitize_items


def _takes(function: Callable[..., Any], *names: str) -> bool:
    return set(names) <= set(inspect.signature(function).parameters)


HAS_FAST_ANSWERS = (
    _takes(Access.__init__, "rights", "user", "user_groups", "path")
    and _takes(xml_propfind_response, "self", "props", "max_resource_size", "write", "raw_permissions")
    and _takes(xml_item_response, "base_prefix", "href", "found_props")
    and _takes(Application.do_REPORT, "environ", "base_prefix", "path", "user", "user_groups")
)
"""Whether Radicale can be asked for the pieces of the fast answers as 3.9 can; its own way is always there."""


def option(configuration: Configuration, section: str, name: str, default: Any) -> Any:
    """A setting that older versions do not have."""
    try:
        return configuration.get(section, name)
    except KeyError:
        return default


def size_limit(configuration: Configuration) -> int | None:
    """Items above this many bytes are not shown (`[server] max_resource_size`); None where there is no limit."""
    limit = option(configuration, "server", "max_resource_size", None)
    return None if limit is None else int(limit)


def is_too_large(text: str, limit: int | None) -> bool:
    """Whether the text has more bytes than that."""
    return limit is not None and len(text) * 4 > limit and len(text.encode("utf-8", "surrogatepass")) > limit


def group_paths(configuration: Configuration, groups: Iterable[str]) -> Iterator[str]:
    """Where the collections of a user's groups are."""
    folder = option(configuration, "group", "group_collections_folder", "GROUPS")
    if folder:
        for group in sorted(groups):
            yield f"{folder}/{base64.b64encode(group.encode()).decode('ascii')}"


def check_items(configuration: Configuration, components: list[Any], tag: str) -> None:
    """Radicale's check of what a file holds; newer versions bound how often an event may recur."""
    arguments: dict[str, Any] = {"tag": tag}
    parameters = inspect.signature(check_and_sanitize_items).parameters
    if "max_vevent_rrule_occurrence" in parameters:
        limit = option(configuration, "server", "max_vevent_rrule_occurrence", 0)
        arguments["max_vevent_rrule_occurrence"] = limit
    check_and_sanitize_items(components, **arguments)
