# SPDX-License-Identifier: GPL-3.0-or-later
"""A pytest plugin that leaves out the tests of excluded.txt, each by its whole name. Used by run.py only."""

from pathlib import Path

import pytest


def excluded() -> set[str]:
    """The node ids that are left out."""
    lines = Path(__file__).with_name("excluded.txt").read_text("utf-8").splitlines()
    return {line.split("#")[0].strip() for line in lines} - {""}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Radicale has tests whose name begins like that of another, so --deselect takes too many."""
    left_out = [item for item in items if item.nodeid in excluded()]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
