# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - these statements are made of constants and of our own column names
"""MariaDB's triggers. Imported by business.triggers only.

A trigger cannot write to the table that fired it, so BEFORE triggers set NEW. What foreign keys do of themselves fires
no trigger: contacts leave a removed account by an UPDATE of ours. Statements carry no percent sign, which the driver
would take for a parameter.
"""

from collections.abc import Iterator, Sequence

from radicale_bcm.business import agreement
from radicale_bcm.business.expressions import NEW_UUID, NOW

_DIFFERS = "NOT ({0} <=> {1})"
_NOW = NOW["mariadb"]
_UUID = NEW_UUID["mariadb"]


def _log(operation: str, record: str) -> str:
    return (
        "INSERT INTO change_log (consumer_id, record_id, operation, changed_at)"
        f" SELECT id, {record}, '{operation}', {_NOW} FROM change_consumer;"
    )


def _fill(kind: str) -> str:
    return (
        f"SET NEW.uid = coalesce(nullif(NEW.uid, ''), {_UUID});"
        f" SET NEW.type = coalesce(nullif(NEW.type, ''), '{kind}');"
        f" SET NEW.version = coalesce(NEW.version, 1); SET NEW.created_at = coalesce(NEW.created_at, {_NOW});"
        " SET NEW.modified_at = coalesce(NEW.modified_at, NEW.created_at);"
    )


_KEEP = (
    "SET NEW.uid = coalesce(nullif(NEW.uid, ''), OLD.uid); SET NEW.type = coalesce(nullif(NEW.type, ''), OLD.type);"
    " IF NEW.version IS NULL OR NEW.version <= OLD.version THEN SET NEW.version = OLD.version + 1; END IF;"
    " SET NEW.created_at = coalesce(NEW.created_at, OLD.created_at);"
    f" IF NEW.modified_at IS NULL OR NEW.modified_at = OLD.modified_at THEN SET NEW.modified_at = {_NOW}; END IF;"
)


def _agree(differs: str | None) -> str:
    return f"SET NEW.account_id = {agreement.account_id(differs)}; SET NEW.company = {agreement.company(differs)};"


def _as_json(columns: Sequence[str]) -> str:
    pairs = ", ".join(f"'{name}', OLD.{name}" for name in columns)
    custom = "(SELECT JSON_OBJECTAGG(v.name, v.value) FROM custom_value v WHERE v.contact_id = OLD.id)"
    # The merge drops NULLs.
    return f"JSON_MERGE_PATCH('{{}}', JSON_OBJECT({pairs}, 'custom', {custom}))"


def _triggers(columns: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    erased = _as_json(columns)
    yield "bcm_contact_before_insert", "BEFORE INSERT ON contact", _fill("business-contact") + _agree(None)
    yield "bcm_contact_before_update", "BEFORE UPDATE ON contact", _KEEP + _agree(_DIFFERS)
    yield "bcm_contact_insert", "AFTER INSERT ON contact", _log("insert", "NEW.id")
    yield (
        "bcm_contact_update",
        "AFTER UPDATE ON contact",
        f"IF OLD.id <> NEW.id THEN {_log('delete', 'OLD.id')} END IF; {_log('update', 'NEW.id')}",
    )
    yield (
        "bcm_contact_erase",
        "BEFORE DELETE ON contact",
        f"INSERT INTO contact_erased (record_id, uid, erased_at, data) VALUES (OLD.id, OLD.uid, {_NOW}, {erased});",
    )
    yield "bcm_contact_delete", "AFTER DELETE ON contact", _log("delete", "OLD.id")
    yield "bcm_account_before_insert", "BEFORE INSERT ON account", _fill("account")
    yield "bcm_account_before_update", "BEFORE UPDATE ON account", _KEEP
    yield (
        "bcm_account_update",
        "AFTER UPDATE ON account",
        "UPDATE contact SET company = NEW.name WHERE account_id = NEW.id AND NOT (company <=> NEW.name);",
    )
    yield (
        "bcm_account_delete",
        "BEFORE DELETE ON account",
        "UPDATE contact SET account_id = NULL WHERE account_id = OLD.id;",
    )
    touch = f"UPDATE contact SET version = version + 1, modified_at = {_NOW} WHERE id IN"
    yield "bcm_custom_insert", "AFTER INSERT ON custom_value", f"{touch} (NEW.contact_id);"
    yield "bcm_custom_update", "AFTER UPDATE ON custom_value", f"{touch} (OLD.contact_id, NEW.contact_id);"
    yield "bcm_custom_delete", "AFTER DELETE ON custom_value", f"{touch} (OLD.contact_id);"


def statements(contact_columns: Sequence[str]) -> Iterator[str]:
    """CREATE OR REPLACE TRIGGER of everything."""
    for name, event, body in _triggers(contact_columns):
        yield f"CREATE OR REPLACE TRIGGER {name} {event} FOR EACH ROW BEGIN {body} END"
