"""Bytes to text and back."""

import codecs

import pytest

from aelint.sources.decode import UnreadableError, decode_python, decode_text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x = 1",
        b"x = 1\n",
        b"x = 1\r\ny = 2\r\n",
        b"x = 1\ry = 2\r",
        codecs.BOM_UTF8 + b"x = 1\r\n",
        "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
        "x = 'é→'\n".encode(),
    ],
)
def test_round_trip_gives_the_same_bytes(data):
    decoded = decode_python(data)
    assert "\r" not in decoded.text
    assert decoded.encode(decoded.text) == data


@pytest.mark.parametrize(
    ("data", "words", "row"),
    [
        (b"x = 1\ny = '\xe9'\n", "byte 0xe9 is not valid UTF-8", 2),
        (b"x = 1\n\0", "NUL", 2),
        (b"# coding: klingon\n", "encoding", 1),
        (codecs.BOM_UTF16_LE + "x".encode("utf-16-le"), "UTF-16", 1),
    ],
)
def test_what_cannot_be_read_says_why_and_where(data, words, row):
    with pytest.raises(UnreadableError, match=words) as caught:
        decode_python(data)
    assert caught.value.row == row


def test_prose_declares_no_encoding():
    with pytest.raises(UnreadableError):
        decode_text("# coding: latin-1\né".encode("latin-1"))
