# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - these statements are made of constants and of our own column names
"""PostgreSQL's trigger functions. Imported by business.triggers only.

SECURITY DEFINER with a fixed search_path: a client needs rights on the table that it writes and on no other. Statements
carry no percent sign, which the driver would take for a parameter.
"""

from collections.abc import Iterator, Sequence

from radicale_bcm.business import agreement
from radicale_bcm.business.expressions import NEW_UUID, NOW

_DIFFERS = "{0} IS DISTINCT FROM {1}"
_NOW = NOW["postgresql"]
_SEQUENCE = "contact_id_seq"
_UUID = NEW_UUID["postgresql"]


def _log(operation: str, record: str) -> str:
    return (
        "INSERT INTO change_log (consumer_id, record_id, operation, changed_at)"
        f" SELECT id, {record}::text, '{operation}', {_NOW} FROM change_consumer;"
    )


def _fill(kind: str) -> str:
    return f"""
IF TG_OP = 'INSERT' THEN
  NEW.uid := coalesce(nullif(NEW.uid, ''), {_UUID});
  NEW.type := coalesce(nullif(NEW.type, ''), '{kind}');
  NEW.version := coalesce(NEW.version, 1);
  NEW.created_at := coalesce(NEW.created_at, {_NOW});
  NEW.modified_at := coalesce(NEW.modified_at, NEW.created_at);
ELSE
  NEW.uid := coalesce(nullif(NEW.uid, ''), OLD.uid);
  NEW.type := coalesce(nullif(NEW.type, ''), OLD.type);
  IF NEW.version IS NULL OR NEW.version <= OLD.version THEN
    NEW.version := OLD.version + 1;
  END IF;
  NEW.created_at := coalesce(NEW.created_at, OLD.created_at);
  IF NEW.modified_at IS NULL OR NEW.modified_at = OLD.modified_at THEN
    NEW.modified_at := {_NOW};
  END IF;
END IF;"""


_CONTACT_BEFORE = f"""{_fill("business-contact")}
IF TG_OP = 'INSERT' THEN
  NEW.account_id := {agreement.account_id(None)};
  NEW.company := {agreement.company(None)};
ELSE
  NEW.account_id := {agreement.account_id(_DIFFERS)};
  NEW.company := {agreement.company(_DIFFERS)};
END IF;
RETURN NEW;"""

# A client that chose the id itself leaves the sequence behind; the next INSERT without one would collide.
_CONTACT_AFTER = f"""
IF TG_OP = 'INSERT' THEN
  IF EXISTS (SELECT 1 FROM {_SEQUENCE} s
      WHERE NEW.id > s.last_value OR (NEW.id = s.last_value AND NOT s.is_called)) THEN
    PERFORM setval('{_SEQUENCE}', NEW.id);
  END IF;
  {_log("insert", "NEW.id")}
ELSIF TG_OP = 'UPDATE' THEN
  IF OLD.id <> NEW.id THEN
    {_log("delete", "OLD.id")}
  END IF;
  {_log("update", "NEW.id")}
ELSE
  {_log("delete", "OLD.id")}
END IF;
RETURN NULL;"""

_ERASE = f"""
INSERT INTO contact_erased (record_id, uid, erased_at, data)
SELECT r.id::text, r.uid, {_NOW}, jsonb_strip_nulls(to_jsonb(r) || jsonb_build_object('custom',
  (SELECT jsonb_object_agg(v.name, v.value) FROM custom_value v WHERE v.contact_id = r.id)))::text
FROM {{rows}} r"""

_CONTACT_ERASE = f"""{_ERASE.format(rows="contact")} WHERE r.id = OLD.id;
RETURN OLD;"""

_CONTACT_TRUNCATE = f"""{_ERASE.format(rows="contact")};
INSERT INTO change_log (consumer_id, record_id, operation, changed_at)
SELECT c.id, r.id::text, 'delete', {_NOW} FROM change_consumer c, contact r;
RETURN NULL;"""

_ACCOUNT_BEFORE = f"""{_fill("account")}
RETURN NEW;"""

_ACCOUNT_AFTER = """
UPDATE contact SET company = NEW.name WHERE account_id = NEW.id AND company IS DISTINCT FROM NEW.name;
RETURN NULL;"""

_CUSTOM_AFTER = f"""
IF TG_OP <> 'INSERT' THEN
  UPDATE contact SET version = version + 1, modified_at = {_NOW} WHERE id = OLD.contact_id;
END IF;
IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND OLD.contact_id <> NEW.contact_id) THEN
  UPDATE contact SET version = version + 1, modified_at = {_NOW} WHERE id = NEW.contact_id;
END IF;
RETURN NULL;"""

_NOTIFY = """
PERFORM pg_notify('bcm_change', '');
RETURN NULL;"""

_TRIGGERS = (
    ("bcm_contact_before", "BEFORE INSERT OR UPDATE ON contact FOR EACH ROW", _CONTACT_BEFORE),
    ("bcm_contact_after", "AFTER INSERT OR UPDATE OR DELETE ON contact FOR EACH ROW", _CONTACT_AFTER),
    ("bcm_contact_erase", "BEFORE DELETE ON contact FOR EACH ROW", _CONTACT_ERASE),
    ("bcm_contact_truncate", "BEFORE TRUNCATE ON contact FOR EACH STATEMENT", _CONTACT_TRUNCATE),
    ("bcm_account_before", "BEFORE INSERT OR UPDATE ON account FOR EACH ROW", _ACCOUNT_BEFORE),
    ("bcm_account_after", "AFTER UPDATE ON account FOR EACH ROW", _ACCOUNT_AFTER),
    ("bcm_custom_after", "AFTER INSERT OR UPDATE OR DELETE ON custom_value FOR EACH ROW", _CUSTOM_AFTER),
    ("bcm_change_notify", "AFTER INSERT ON change_log FOR EACH STATEMENT", _NOTIFY),
)


def statements(_contact_columns: Sequence[str]) -> Iterator[str]:
    """CREATE OR REPLACE of every function and trigger, in the schema that is current."""
    for name, event, body in _TRIGGERS:
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            f" AS $bcm$ BEGIN {body} END $bcm$"
        )
        # The function looks names up where the tables are, whoever calls it and whatever search_path that one has.
        yield (
            "DO $bcm$ BEGIN EXECUTE 'ALTER FUNCTION "
            f"{name}() SET search_path = ' || quote_ident(current_schema()) || ', pg_temp'; END $bcm$"
        )
        yield f"DROP TRIGGER IF EXISTS {name} ON {event.split(' ON ')[1].split()[0]}"
        yield f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION {name}()"
