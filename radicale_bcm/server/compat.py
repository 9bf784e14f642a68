# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the versions of Radicale that this plugin works with: the one place that knows.

Imported by the other modules of server.
"""

import base64
import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from radicale.app import Application, base
from radicale.app.base import Access
from radicale.app.propfind import xml_propfind_response
from radicale.app.report import xml_item_response
from radicale.config import Configuration
from radicale.item import check_and_sanitize_items
from radicale.rights import authenticated, owner_only, owner_write


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


_USUAL_LENGTH = 500


def remember_formats() -> None:
    """Radicale looks at each letter of every path and login, in every request, and they are the same few."""
    original = getattr(base, "_check_format", None)
    if original is None:
        return

    @lru_cache(maxsize=4096)
    def remembered(kind: Any, text: str, never: tuple[str, ...], always: tuple[str, ...], validation: str) -> bool:
        return bool(original(kind, text, never, always, validation))

    def check_format(storage: Any, text: str, never: Iterable[str], always: Iterable[str], validation: str) -> bool:
        # What a storage supports is an attribute of its class.
        kind: Any = storage if isinstance(storage, type) else type(storage)
        if len(text) > _USUAL_LENGTH:
            return bool(original(kind, text, list(never), list(always), validation))
        return remembered(kind, text, tuple(never), tuple(always), validation)

    base._check_format = check_format  # type: ignore[assignment]  # noqa: SLF001


def has_more_for_put(app: Application) -> bool:
    """Whether something besides the storage wants to know of a PUT, or may refuse it: sharing, hooks, strict
    preconditions, a log of what is sent."""
    configuration = app.configuration
    return bool(
        getattr(getattr(app, "_sharing", None), "_enabled", True)
        or getattr(getattr(app, "_hook", None), "enabled", True)
        or getattr(app, "_strict_preconditions", False)
        or option(configuration, "logging", "request_content_on_notice_condition", None)
        or option(configuration, "storage", "hook", "")
    )


_PLAIN_RIGHTS = (authenticated.Rights, owner_only.Rights, owner_write.Rights)


def has_plain_rights(app: Application) -> bool:
    """Whether who may do what follows from the address and the user alone: no file of rights, no sharing."""
    is_shared = getattr(getattr(app, "_sharing", None), "_enabled", True)
    return type(app._rights) in _PLAIN_RIGHTS and not is_shared  # noqa: SLF001


def is_too_large_for_put(app: Application, text: str) -> bool:
    """Whether Radicale refuses it: it counts characters here."""
    limit = getattr(app, "_max_resource_size", None)
    return limit is not None and len(text) > limit
