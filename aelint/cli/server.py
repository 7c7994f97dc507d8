"""`aelint server`: a language server on standard input and output."""

from __future__ import annotations

import argparse

from aelint.cli.terminal import complain

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Serve one editor until it hangs up."""
    try:
        from aelint.editor.server import serve  # noqa: PLC0415 - pygls is an extra
    except ModuleNotFoundError as error:
        if error.name not in {"pygls", "lsprotocol"}:
            raise
        complain("the editor server needs pygls; install it with `pip install 'aelint[lsp]'`")
        return 2
    from aelint.editor.session import Session  # noqa: PLC0415

    serve(Session(args.config, args.isolated))
    return 0
