# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule by which a contact's company and account agree, as SQL expressions. Imported by the trigger modules only.

`differs` is the engine's null-safe inequality with places for two operands. In a trigger for INSERT there is no OLD
row, and whatever is set counts as changed.
"""

# Exactly one account of that name that is not deleted, else NULL.
_BY_NAME = (
    "(SELECT CASE WHEN count(*) = 1 THEN min(account.id) END FROM account"
    " WHERE account.name = NEW.company AND account.deleted_at IS NULL)"
)
_STILL = "EXISTS (SELECT 1 FROM account WHERE account.id = NEW.account_id AND account.name = NEW.company)"
_NAME = "(SELECT account.name FROM account WHERE account.id = NEW.account_id)"


def _account_is_set(differs: str | None) -> str:
    changed = f" AND {differs.format('NEW.account_id', 'OLD.account_id')}" if differs else ""
    return f"NEW.account_id IS NOT NULL{changed}"


def account_id(differs: str | None) -> str:
    """The account that the row has to point to. `differs` is None in a trigger for INSERT."""
    unchanged = f" WHEN NOT ({differs.format('NEW.company', 'OLD.company')}) THEN NEW.account_id" if differs else ""
    return (
        f"CASE WHEN {_account_is_set(differs)} THEN NEW.account_id{unchanged}"
        f" WHEN coalesce(NEW.company, '') = '' THEN NULL WHEN {_STILL} THEN NEW.account_id ELSE {_BY_NAME} END"
    )


def company(differs: str | None) -> str:
    """The company that the row has to have, given the account that it came with."""
    return f"CASE WHEN {_account_is_set(differs)} THEN coalesce({_NAME}, NEW.company) ELSE NEW.company END"
