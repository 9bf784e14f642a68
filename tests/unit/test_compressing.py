# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers are compressed where it pays."""

import gzip

import pytest

from radicale_bcm.server.compressing import LEAST, compressed, is_accepted

PLAIN = [("Content-Type", "text/xml"), ("Content-Length", "5")]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("GZIP", True),
        ("gzip; q=0", False),
        ("gzip;q=0.000", False),
        ("", False),
        ("deflate, br", False),
        ("x-gzipped", False),
    ],
)
def test_the_header_decides(header, accepted):
    assert is_accepted(header) is accepted


def test_a_short_answer_stays_as_it_is():
    headers, content = compressed(PLAIN, [b"short"], streamed=False)
    assert (headers, b"".join(content)) == (PLAIN, b"short")


def test_a_long_answer_is_compressed_with_its_new_length():
    whole = b"BEGIN:VCARD\r\n" * LEAST
    headers, content = compressed(PLAIN, [whole[:7], whole[7:]], streamed=False)
    packed = b"".join(content)
    assert gzip.decompress(packed) == whole
    assert dict(headers)["Content-Length"] == str(len(packed))
    assert dict(headers)["Content-Encoding"] == "gzip"
    assert len(packed) < len(whole) / 4


def test_a_stream_is_compressed_as_it_comes_and_closed_when_the_client_leaves():
    closed = []

    def pieces():
        try:
            for number in range(100):
                yield bytes(str(number), "ascii") * 10_000
        finally:
            closed.append(True)

    headers, content = compressed(PLAIN, pieces(), streamed=True)
    assert "Content-Length" not in dict(headers)
    assert gzip.decompress(b"".join(content)).startswith(b"0000")
    assert closed == [True]
    _, content = compressed(PLAIN, pieces(), streamed=True)
    stream = iter(content)
    next(stream)
    stream.close()
    assert closed == [True, True]


def test_what_is_encoded_already_stays():
    headers = [*PLAIN, ("Content-Encoding", "br")]
    assert compressed(headers, [b"x" * 5000], streamed=False) == (headers, [b"x" * 5000])
