"""Text to the compiler's tree, quietly."""

from __future__ import annotations

import ast
import warnings

__all__ = ["parse", "parses"]


def parse(text: str) -> ast.Module:
    """The tree of `text`.

    The compiler's warnings about the user's escapes and literals are dropped: another linter's business.

    Raises:
        SyntaxError: The text is not Python of the running version, or is nested too deeply for it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (RecursionError, MemoryError) as error:
            raise SyntaxError("nested too deeply for Python's parser") from error
        except ValueError as error:
            raise SyntaxError(str(error)) from error


def parses(text: str) -> bool:
    """Whether `text` is Python."""
    try:
        parse(text)
    except SyntaxError:
        return False
    return True
