# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - these statements are made of constants and of our own column names
"""SQLite's triggers. Imported by business.triggers only.

A trigger cannot change the row that is about to be written, so an AFTER trigger mends it by an UPDATE of its own. That
does not fire the same trigger again, because SQLite leaves recursive_triggers off; where a client turned it on, the
conditions of those UPDATEs end the chain. The client's foreign_keys may be off too, so nothing is left to them alone.
"""

from collections.abc import Iterator, Sequence

from radicale_bcm.business import agreement
from radicale_bcm.business.expressions import NEW_UUID, NOW

_DIFFERS = "{0} IS NOT {1}"
_NOW = NOW["sqlite"]
_UUID = NEW_UUID["sqlite"]
# A function takes at most 127 arguments: 60 columns are 120.
_PAIRS = 60


def _log(operation: str, record: str, when: str = "") -> str:
    return (
        "INSERT INTO change_log (consumer_id, record_id, operation, changed_at)"
        f" SELECT id, {record}, '{operation}', {_NOW} FROM change_consumer{when};"
    )


def _as_json(columns: Sequence[str], row: str) -> str:
    # CAST, because JSON cannot hold the BLOB that a client may have put into a text column. The merge drops NULLs.
    parts = [
        "json_object("
        + ", ".join(f"'{name}', CAST({row}.{name} AS TEXT)" for name in columns[start : start + _PAIRS])
        + ")"
        for start in range(0, len(columns), _PAIRS)
    ]
    parts.append(
        "json_object('custom', (SELECT json_group_object(v.name, v.value) FROM custom_value v"
        f" WHERE v.contact_id = {row}.id))"
    )
    merged = "'{}'"
    for part in parts:
        merged = f"json_patch({merged}, {part})"
    return merged


def _filled(kind: str) -> str:
    return (
        f"uid = coalesce(nullif(NEW.uid, ''), {_UUID}), type = coalesce(nullif(NEW.type, ''), '{kind}'),"
        f" version = coalesce(NEW.version, 1), created_at = coalesce(NEW.created_at, {_NOW}),"
        f" modified_at = coalesce(NEW.modified_at, NEW.created_at, {_NOW})"
    )


_UNFILLED = (
    "(coalesce(NEW.uid, '') = '' OR coalesce(NEW.type, '') = '' OR NEW.version IS NULL"
    " OR NEW.created_at IS NULL OR NEW.modified_at IS NULL)"
)
_KEPT = (
    "uid = coalesce(nullif(NEW.uid, ''), OLD.uid), type = coalesce(nullif(NEW.type, ''), OLD.type),"
    " version = CASE WHEN NEW.version > OLD.version THEN NEW.version ELSE coalesce(OLD.version, 0) + 1 END,"
    " created_at = coalesce(NEW.created_at, OLD.created_at),"
    f" modified_at = CASE WHEN NEW.modified_at IS NULL OR NEW.modified_at IS OLD.modified_at THEN {_NOW}"
    " ELSE NEW.modified_at END"
)
_UNKEPT = "(NEW.version IS NULL OR OLD.version IS NULL OR NEW.version <= OLD.version)"


def _contact(columns: Sequence[str]) -> Iterator[str]:
    account, company = agreement.account_id(None), agreement.company(None)
    # INSERT OR REPLACE removes the rows in its way without firing DELETE triggers.
    replaced = "SELECT id FROM contact WHERE id = NEW.id OR uid = NEW.uid"
    yield (
        f"CREATE TRIGGER bcm_contact_replace BEFORE INSERT ON contact WHEN EXISTS ({replaced}) BEGIN"
        " INSERT INTO contact_erased (record_id, uid, erased_at, data)"
        f" SELECT r.id, r.uid, {_NOW}, {_as_json(columns, 'r')} FROM contact r WHERE r.id IN ({replaced});"
        " INSERT INTO change_log (consumer_id, record_id, operation, changed_at)"
        f" SELECT c.id, r.id, 'delete', {_NOW} FROM change_consumer c, contact r WHERE r.id IN ({replaced}); END"
    )
    yield (
        "CREATE TRIGGER bcm_contact_insert AFTER INSERT ON contact BEGIN"
        f" UPDATE contact SET {_filled('business-contact')}, account_id = {account}, company = {company}"
        f" WHERE id = NEW.id AND ({_UNFILLED} OR NEW.account_id IS NOT ({account}) OR NEW.company IS NOT ({company}));"
        f" {_log('insert', 'NEW.id')} END"
    )
    account, company = agreement.account_id(_DIFFERS), agreement.company(_DIFFERS)
    yield (
        "CREATE TRIGGER bcm_contact_update AFTER UPDATE ON contact BEGIN"
        f" UPDATE contact SET {_KEPT}, account_id = {account}, company = {company}"
        f" WHERE id = NEW.id AND ({_UNKEPT} OR NEW.account_id IS NOT ({account}) OR NEW.company IS NOT ({company}));"
        f" {_log('delete', 'OLD.id', ' WHERE OLD.id <> NEW.id')} {_log('update', 'NEW.id')} END"
    )
    yield (
        "CREATE TRIGGER bcm_contact_erase BEFORE DELETE ON contact BEGIN"
        " INSERT INTO contact_erased (record_id, uid, erased_at, data)"
        f" VALUES (OLD.id, OLD.uid, {_NOW}, {_as_json(columns, 'OLD')}); END"
    )
    yield (
        "CREATE TRIGGER bcm_contact_delete AFTER DELETE ON contact BEGIN"
        f" DELETE FROM custom_value WHERE contact_id = OLD.id; {_log('delete', 'OLD.id')} END"
    )


def _account() -> Iterator[str]:
    yield (
        f"CREATE TRIGGER bcm_account_insert AFTER INSERT ON account WHEN {_UNFILLED} BEGIN"
        f" UPDATE account SET {_filled('account')} WHERE id = NEW.id; END"
    )
    yield (
        "CREATE TRIGGER bcm_account_update AFTER UPDATE ON account BEGIN"
        f" UPDATE account SET {_KEPT} WHERE id = NEW.id AND {_UNKEPT};"
        " UPDATE contact SET company = NEW.name WHERE account_id = NEW.id AND company IS NOT NEW.name; END"
    )
    yield (
        "CREATE TRIGGER bcm_account_delete BEFORE DELETE ON account BEGIN"
        " UPDATE contact SET account_id = NULL WHERE account_id = OLD.id; END"
    )


def _custom_value() -> Iterator[str]:
    for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
        owners = ", ".join(f"{row}.contact_id" for row in rows)
        yield (
            f"CREATE TRIGGER bcm_custom_{event.lower()} AFTER {event} ON custom_value BEGIN"
            f" UPDATE contact SET version = version + 1, modified_at = {_NOW} WHERE id IN ({owners}); END"
        )


def statements(contact_columns: Sequence[str]) -> Iterator[str]:
    """DROP and CREATE TRIGGER of everything."""
    for statement in (*_contact(contact_columns), *_account(), *_custom_value()):
        yield f"DROP TRIGGER IF EXISTS {statement.split()[2]}"
        yield statement
