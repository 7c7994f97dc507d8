"""What an exception said, in one line."""

from __future__ import annotations

__all__ = ["said"]


def said(error: BaseException) -> str:
    """Kind and first line of an exception."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else '(no message)'}"
