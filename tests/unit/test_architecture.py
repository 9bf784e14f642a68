# SPDX-License-Identifier: GPL-3.0-or-later
"""The house stays as it is drawn: arrows point down, and each library has its room."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import radicale_bcm

PACKAGE = Path(radicale_bcm.__file__).parent
ROOMS = {
    "contacts": set[str](),
    "database": set[str](),
    "business": {"contacts", "database"},
    "books": {"contacts", "database"},
    "sync": {"business", "books", "contacts", "database"},
    "server": {"sync", "business", "books", "contacts", "database"},
    "cli": {"server", "sync", "business", "books", "contacts", "database"},
}
# What a module above the databases may know of SQLAlchemy: the types that it hands on.
HANDED_ON = {"Connection", "Engine", "ColumnElement", "Table", "make_url", "URL"}


def modules() -> Iterator[tuple[str, str, Path]]:
    """room, module within the room, file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if len(parts) > 1 and "migrations" not in parts:
            yield parts[0], "/".join(parts[1:]), path


def imports(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Each imported module, with the names taken from it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, set()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, {alias.name for alias in node.names}


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_down_only(room: str) -> None:
    """A room imports only those below it."""
    for own, module, path in modules():
        if own != room:
            continue
        for imported, names in imports(path):
            parts = imported.split(".")
            if parts[0] != "radicale_bcm":
                continue
            below = {parts[1]} if len(parts) > 1 else names & ROOMS.keys()
            assert below <= ROOMS[room] | {room}, f"{room}/{module} imports {imported}"


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("vobject", {"contacts/guard", "contacts/vcard"}),
        ("watchdog", {"sync/watch"}),
        ("radicale", {"server/*", "cli/*"}),
        ("typer", {"cli/*"}),
        ("rich", {"cli/*"}),
        ("granian", {"server/serve"}),
        ("alembic", {"database/migrate"}),
    ],
)
def test_each_library_has_its_room(library: str, allowed: set[str]) -> None:
    """A library is imported where it belongs and nowhere else."""
    for room, module, path in modules():
        for imported, _ in imports(path):
            if imported.split(".")[0] == library:
                assert f"{room}/{module}" in allowed or f"{room}/*" in allowed, f"{room}/{module} imports {library}"


def test_sql_is_built_in_the_rooms_of_the_databases_only() -> None:
    """Above them nothing of SQLAlchemy is used but the types of what is handed on."""
    for room, module, path in modules():
        if room in ("business", "books", "database") or module.startswith("filter_sql"):
            continue
        for imported, names in imports(path):
            if imported.split(".")[0] == "sqlalchemy":
                assert names <= HANDED_ON, f"{room}/{module} takes {names - HANDED_ON} from {imported}"


def test_every_module_says_what_it_is_and_is_short() -> None:
    """A docstring for each module, at most 400 lines."""
    for room, module, path in modules():
        text = path.read_text("utf-8")
        assert ast.get_docstring(ast.parse(text)), f"{room}/{module} has no docstring"
        assert text.count("\n") <= 400, f"{room}/{module} has more than 400 lines"
