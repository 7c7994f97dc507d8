"""Bytes to text, keeping what is needed to write the same bytes back."""

from __future__ import annotations

import codecs
import io
import tokenize
from dataclasses import dataclass

__all__ = [
    "DATA_LIMIT",
    "SOURCE_LIMIT",
    "Decoded",
    "TooLargeError",
    "UnreadableError",
    "decode_python",
    "decode_text",
    "encode_python",
    "refuse_large",
]

SOURCE_LIMIT = 2 * 1024 * 1024
"""Larger source is generated or data; a tree takes several hundred times as much memory as its text."""
DATA_LIMIT = 100 * 1024 * 1024
"""A notebook may hold pictures, which cost nothing but their reading."""


class UnreadableError(Exception):
    """Why a file is not Python that can be read, in words for the user.

    Args:
        message: What is wrong and what to do about it, without the file's name.
        row: 1-based row of the fault in the file, or in the notebook cell `cell`.
        column: 1-based column of the fault.
        cell: 1-based index of the notebook's code cell.
    """

    def __init__(self, message: str, row: int = 1, column: int = 1, cell: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column
        self.cell = cell


class TooLargeError(UnreadableError):
    """A file that nobody wrote by hand."""


@dataclass(frozen=True, slots=True)
class Decoded:
    r"""The text with its line ends normalised to "\n", and how it was stored."""

    text: str
    encoding: str = "utf-8"
    bom: bool = False
    newline: str = "\n"

    def encode(self, text: str) -> bytes:
        """The bytes of `text` in the form in which the file was stored."""
        body = text.replace("\n", self.newline) if self.newline != "\n" else text
        return (codecs.BOM_UTF8 if self.bom else b"") + body.encode(self.encoding)


def decode_python(data: bytes) -> Decoded:
    """Python source as PEP 263 reads it.

    Raises:
        UnreadableError: The bytes are not text in the encoding that they declare.
        TooLargeError: There are too many.
    """
    refuse_large(data, SOURCE_LIMIT)
    _refuse_other_kinds(data)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if "unknown encoding" in str(error) or "encoding problem" in str(error):
            raise UnreadableError(
                f"the encoding that it declares does not exist or does not fit ({error.msg})"
            ) from error
        encoding = "utf-8"
    return _decoded(data, "utf-8" if encoding == "utf-8-sig" else encoding)


def encode_python(text: str) -> bytes:
    """The bytes of a text that is not saved yet, in the encoding that its first rows declare."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text[:1000].encode("utf-8", "replace")).readline)
        return text.encode(encoding)
    except (SyntaxError, UnicodeEncodeError, LookupError):
        return text.encode("utf-8", "surrogatepass")


def decode_text(data: bytes) -> Decoded:
    """Prose or JSON: UTF-8, with or without a byte order mark.

    Raises:
        UnreadableError: The bytes are not UTF-8.
        TooLargeError: There are too many.
    """
    refuse_large(data, DATA_LIMIT)
    _refuse_other_kinds(data)
    return _decoded(data, "utf-8")


def refuse_large(data: bytes, limit: int) -> None:
    """Raise for data above the limit.

    Raises:
        TooLargeError: The message says the limit.
    """
    if len(data) > limit:
        raise TooLargeError(f"larger than {limit >> 20} MiB, so it is taken for generated code or data")


def _refuse_other_kinds(data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableError("the file is UTF-16; Python reads UTF-8, so save it as UTF-8")
    if (at := data.find(b"\0")) >= 0:
        raise UnreadableError(
            "the file contains a NUL byte: it is binary or damaged, not Python source", *_place(data, at)
        )


def _decoded(data: bytes, encoding: str) -> Decoded:
    bom = data.startswith(codecs.BOM_UTF8)
    body = data[len(codecs.BOM_UTF8) :] if bom else data
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        at = error.start
        what = f"byte 0x{body[at]:02x} is not valid {encoding.upper()}"
        advice = "save the file as UTF-8 or declare its encoding in the first line (`# -*- coding: latin-1 -*-`)"
        raise UnreadableError(f"{what}; {advice}", *_place(body, at)) from error
    newline = _newline(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Decoded(text, encoding, bom, newline)


def _newline(text: str) -> str:
    """The line end that the file uses: the first one decides, as in ruff and black."""
    feed, carriage = text.find("\n"), text.find("\r")
    if carriage < 0 or 0 <= feed < carriage:
        return "\n"
    return "\r\n" if feed == carriage + 1 else "\r"


def _place(data: bytes, at: int) -> tuple[int, int]:
    before = data[:at].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
