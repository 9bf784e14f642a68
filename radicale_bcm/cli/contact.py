# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm contact`: the business records. For cli only."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from radicale_bcm.business.accounts import Account
from radicale_bcm.business.contract import ACCOUNT_TYPE, DEFAULT_TYPE, Record
from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import DryRun, Filters, Json, Yes, assignments, confirm
from radicale_bcm.cli.site import actor_of, opened, working
from radicale_bcm.contacts.fields import FIELDS
from radicale_bcm.contacts.model import display_name
from radicale_bcm.sync import records

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)

Selector = Annotated[str, typer.Argument(metavar="ID", help="The id, UID, or a name or e-mail address of only one.")]
Fields = Annotated[list[str] | None, typer.Argument(metavar="FIELD=VALUE…", help="The fields; FIELD= empties one.")]

_NAMES = ", ".join(field.name for field in FIELDS)


@app.callback()
def contact() -> None:
    """The business contacts. What is changed here is on every phone with its next sync.

    For example:
        radicale-bcm contact add given_name=Nick family_name=Brigandi email=nick@example.com company='Contoso, Ltd.'
        radicale-bcm contact list --filter 'company=Contoso*'
        radicale-bcm contact edit nick@example.com mobile_phone='+1 425 555 0101'
    """


@app.command("list")
def list_(
    ctx: typer.Context,
    filters: Filters = None,
    record_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this type; `account` lists the companies.")
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those in Deleted Items instead.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=0, metavar="N", help="At most so many.")] = None,
    as_json: Json = False,
) -> None:
    """List the business contacts, all or those that pass filters.

    In a filter, * stands for any characters, | for or, <> for not, @ for any letter case, .. for a range.

    For example:
        radicale-bcm contact list
        radicale-bcm contact list --filter 'company=Contoso*|Fabrikam*' --filter 'city=<>Stockholm'
        radicale-bcm contact list --filter 'modified=2026-01-01..' --json
    """
    with opened(ctx) as site, site.business(site.origin()).reader() as source:
        if record_type == ACCOUNT_TYPE:
            _print_accounts(records.accounts_of(source)[:limit], as_json=as_json)
            return
        wanted = list(filters or ()) + ([f"type={record_type}"] if record_type else [])
        found: Iterable[Record] = (
            source.list_deleted()
            if deleted
            else records.listed(site, source, wanted, me=actor_of(ctx).name, limit=limit)
        )
        _print(list(found)[:limit], as_json=as_json)


@app.command()
def show(ctx: typer.Context, selector: Selector, as_json: Json = False) -> None:
    """Show everything about one contact, a deleted one too.

    For example:
        radicale-bcm contact show 17
        radicale-bcm contact show 'Nick Brigandi'
        radicale-bcm contact show nick@example.com --json
    """
    with opened(ctx) as site, site.business(site.origin()).reader() as source:
        found = records.find(site, source, selector, deleted=True)
    if as_json:
        output.document(as_document(found))
        return
    rows: list[tuple[str, object]] = [("id", found.id), ("uid", found.uid), ("type", found.type)]
    rows += sorted_fields(found.fields.items())
    rows.append(("modified", output.local(found.modified_at)))
    if found.deleted_at:
        rows.append(("deleted", f"{output.local(found.deleted_at)} by {found.deleted_by or 'somebody'}"))
    output.pairs(rows)


@app.command(
    epilog=f"Fields: {_NAMES}, and those of custom types (`radicale-bcm type list`). "
    "Dates are YYYY-MM-DD, or --MM-DD without a year; yes/no fields take true or false."
)
def add(
    ctx: typer.Context,
    fields: Fields = None,
    record_type: Annotated[str, typer.Option("--type", metavar="TYPE", help="The record type.")] = DEFAULT_TYPE,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a business contact. A company that is no account yet becomes one.

    For example:
        radicale-bcm contact add given_name=Nick family_name=Brigandi email=nick@example.com
        radicale-bcm contact add name='Contoso, Ltd.' --type account
    """
    given = assignments(fields or [])
    if not given:
        raise misused("which fields? for example given_name=Nick family_name=Brigandi email=nick@example.com")
    added: Record | Account
    with opened(ctx) as site, working(ctx, site, dry_run=dry_run) as unit:
        known = records.record_types(unit.records()).get(record_type)
        if known is not None and not known.is_person:
            added = records.add_account(unit, given, record_type)
        else:
            added = records.add(unit, given, record_type)
    if as_json:
        output.document({"id": added.id, "uid": added.uid} | ({"dry_run": True} if dry_run else {}))
        return
    name = added.name if isinstance(added, Account) else display_name(added.fields)
    output.say(f"{'Would add' if dry_run else 'Added'} {output.clean(name)}, id {added.id}.")


@app.command(epilog=f"Fields: {_NAMES}, and those of custom types (`radicale-bcm type list`).")
def edit(
    ctx: typer.Context,
    selector: Selector,
    fields: Fields = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Change fields of a contact; FIELD= empties one. Nothing else is touched.

    For example:
        radicale-bcm contact edit 17 mobile_phone='+1 425 555 0101' pager=
    """
    changes = assignments(fields or [])
    if not changes:
        raise misused("which fields? for example mobile_phone='+1 425 555 0101'")
    with opened(ctx) as site, working(ctx, site, dry_run=dry_run) as unit:
        before = records.find(site, unit.records(), selector)
        after = records.edit(unit, before.id, changes)
    if as_json:
        output.document(as_document(after) | ({"dry_run": True} if dry_run else {}))
        return
    names = [name for name, _ in sorted_fields((before.fields | after.fields).items())]
    changed = [name for name in names if before.fields.get(name) != after.fields.get(name)]
    for name in changed:
        old, new = (output.clean(each.fields.get(name, "")) or "(empty)" for each in (before, after))
        output.say(f"{name}: {old} -> {new}")
    if not changed:
        output.say("That is how it was already.")


@app.command()
def delete(
    ctx: typer.Context,
    selectors: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids, UIDs, names or e-mail addresses.")],
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Move contacts to Deleted Items. They leave every phone and can be restored until they are purged.

    For example:
        radicale-bcm contact delete 17 nick@example.com
        radicale-bcm deleted restore 17
    """
    with opened(ctx) as site:
        with site.business(site.origin()).reader() as source:
            chosen = {each.id: each for each in (records.find(site, source, selector) for selector in selectors)}
        wanted = [each for each in chosen.values() if each.deleted_at is None]
        names = ", ".join(output.clean(display_name(each.fields)) for each in wanted[:5])
        more = ", …" if len(wanted) > 5 else ""
        if wanted:
            question = f"Move {output.counted(len(wanted), 'contact')} to Deleted Items ({names}{more})?"
            confirm(question, yes=yes, dry_run=dry_run)
        with working(ctx, site, dry_run=dry_run) as unit:
            for each in wanted:
                records.delete(unit, each.id)
    if as_json:
        output.document({"deleted": [each.id for each in wanted]} | ({"dry_run": True} if dry_run else {}))
        return
    verb = "would be" if dry_run else "is" if len(wanted) == 1 else "are"
    output.say(f"{output.counted(len(wanted), 'contact')} {verb} in Deleted Items.")


_ORDER = {field.name: number for number, field in enumerate(FIELDS)}


def sorted_fields(items: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Fields in the order of the field table, custom ones at the end."""
    return sorted(items, key=lambda each: (_ORDER.get(each[0], len(_ORDER)), each[0]))


def as_document(record: Record) -> dict[str, Any]:
    """The JSON object of a record: id, uid, type, its fields, modified, deleted. `name` is always what people read."""
    deleted = None
    if record.deleted_at is not None:
        deleted = {"at": output.iso(record.deleted_at), "by": record.deleted_by}
    return (
        {"id": record.id, "uid": record.uid, "type": record.type}
        | dict(sorted_fields(({"name": display_name(record.fields)} | record.fields).items()))
        | {"modified": output.iso(record.modified_at), "deleted": deleted}
    )


def _print(found: list[Record], *, as_json: bool) -> None:
    if as_json:
        output.document([as_document(each) for each in found])
        return
    rows = [
        (each.id, display_name(each.fields), each.fields.get("company"), each.fields.get("email"),
         each.fields.get("mobile_phone") or each.fields.get("business_phone"))
        for each in found
    ]  # fmt: skip
    output.table(
        ("id", "name", "company", "e-mail", "phone"), rows, "No contact. Add one: radicale-bcm contact add --help"
    )


def _print_accounts(found: list[Account], *, as_json: bool) -> None:
    if as_json:
        output.document(
            [{"id": each.id, "uid": each.uid, "type": each.type, "name": each.name, **each.fields,
              "modified": each.modified_at, "deleted": None} for each in found]
        )  # fmt: skip
        return
    rows = [(each.id, each.name, each.fields.get("business_city"), each.fields.get("company_phone")) for each in found]
    output.table(("id", "name", "city", "phone"), rows, "No account.")
