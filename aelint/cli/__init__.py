"""The command line. Only the modules of this package print.

Exit codes: 0 nothing found, 1 findings, 2 the run could not be done or is incomplete.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

FAILED = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` and return its exit code."""
    if argv is None:  # the process ends with the command, and its memory need not be searched for dead cycles first
        atexit.register(gc.freeze)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        from aelint._version import VERSION  # noqa: PLC0415 - the parser is not needed for this

        print(f"aelint {VERSION}")  # noqa: T201
        return 0
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no arrows must not end the run
            stream.reconfigure(errors="backslashreplace")
    from aelint.cli.parser import parse  # noqa: PLC0415

    try:
        args = parse(arguments)
        code: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code
