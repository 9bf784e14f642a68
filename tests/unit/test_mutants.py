# SPDX-License-Identifier: GPL-3.0-or-later
"""The deliberate bugs of `python -m tests.mutants` can still be put into the code as it is now."""

import ast

import pytest

from tests.mutants.__main__ import ROOT, mutated
from tests.mutants.catalogue import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_deliberate_bug_has_its_place(mutant):
    """If this fails the code was changed there: let the entry say the new text."""
    ast.parse(mutated(mutant, ROOT))
    assert all((ROOT / each).exists() for each in mutant.tests if each.startswith("tests/"))


def test_there_are_at_least_twenty():
    assert len({each.name for each in MUTANTS}) == len(MUTANTS) >= 20
