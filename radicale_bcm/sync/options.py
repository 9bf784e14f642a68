# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator configures, as plain data. Imported by sync, server and cli."""

from dataclasses import dataclass

MARKERS = ("property", "category", "group", "link", "photo-badge")
DEFAULT_CATEGORY = "Business"


@dataclass(frozen=True, slots=True)
class Options:
    """The `bcm_` options of Radicale's [storage] section, read and checked.

    `marker` is None for the default: property, category, and link as soon as `public_url` is set.
    Times are in seconds. `max_losses` is `max_deletes` for what a business database takes away by itself, and the same
    unless a test says otherwise.
    """

    state_url: str
    database_url: str
    marker: tuple[str, ...] | None = None
    public_url: str = ""
    on_conflict: str = "database"
    on_delete: str = "trash"
    max_deletes: int = 20
    deletes_window: int = 600
    max_losses: int | None = None
    new_contacts: str = "plain"
    required_fields: tuple[str, ...] = ("name", "email")
    poll_interval: float = 1.0
    retention_days: int = 0

    @property
    def most_losses(self) -> int:
        """How many cards a business database may take away within the window."""
        return self.max_deletes if self.max_losses is None else self.max_losses

    @property
    def markers(self) -> tuple[str, ...]:
        """The ways in which a business card is marked."""
        if self.marker is not None:
            return self.marker
        return ("property", "category", "link") if self.public_url else ("property", "category")
