# SPDX-License-Identifier: GPL-3.0-or-later
"""A little of the fuzzing, always with the same inputs; `python -m tests.fuzz all --minutes 10` is all of it."""

import pytest

from tests.fuzz.run import run

INPUTS = {"vcard": 150, "import": 100, "filter": 400, "http": 400, "wire": 60}


@pytest.mark.parametrize("target", INPUTS)
def test_spoilt_input_is_accepted_or_refused(target):
    """No exception, no 5xx, no traceback, no second of processor time, and what is stored stays in order."""
    outcome = run(target, 20260101, inputs=INPUTS[target])
    assert not outcome.failures, "\n".join(told for _, told in outcome.failures.values())
    assert outcome.inputs == INPUTS[target]
    assert len(outcome.came) > 1
