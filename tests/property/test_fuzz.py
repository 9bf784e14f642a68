# SPDX-License-Identifier: GPL-3.0-or-later
"""A little of the fuzzing, always with the same inputs; `python -m tests.fuzz all --minutes 10` is all of it."""

import random

import pytest

from tests.fuzz.cards import Cards
from tests.fuzz.run import run

INPUTS = {"vcard": 150, "import": 100, "filter": 400, "http": 400, "wire": 60}


@pytest.mark.parametrize("target", INPUTS)
def test_spoilt_input_is_accepted_or_refused(target):
    """No exception, no 5xx, no traceback, no second of processor time, and what is stored stays in order."""
    outcome = run(target, 20260101, inputs=INPUTS[target])
    assert not outcome.failures, "\n".join(told for _, told in outcome.failures.values())
    assert outcome.inputs == INPUTS[target]
    assert len(outcome.came) > 1


FOUND = {
    "a head that is folded, after base64": (
        "VERSION:2.1\r\nN:A\r\nPHOTO;JPEG;ENCODING=BASE64:\r\n /9j/4AAQ\r\n\r\nAGE\r\n RSION:2.1",
        "accepted",
    ),
    "a long name, after base64": (
        "VERSION:2.1\r\nN:A\r\nPHOTO;JPEG;ENCODING=BASE64:\r\n" + "NOTE" * 50 + ";QUOTED-PRINTABLE:a=0D=0A=\r\nb",
        "accepted",
    ),
    "a frame that is said to be base64": (
        "VERSION:3.0\r\nFN:A\r\nCATEGORIES:B\r\nPHOTO;ENCODING=b:iVBORw0KGgo=\r\nEND;BASE64:VCARD",
        "accepted",
    ),
    "a card in a card without a control character": ("FN:A\r\nBEGIN:VC\x7fARD\r\nN:A", "refused"),
    "the same after base64": ("PHOTO;ENCODING=b:j/4AAQ==\r\nBEGIN:VCA\x7fRD\r\n\nN:A", "refused"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_long_runs_found(name):
    inside, came = FOUND[name]
    assert Cards(random.Random(1)).try_it(f"BEGIN:VCARD\r\n{inside}\r\nEND:VCARD\r\n") == came
