"""`aelint inspect`: what the linter understood of a file, for those who wonder why it speaks or is silent."""

from __future__ import annotations

import argparse

from aelint.cli.terminal import complain, say
from aelint.engine.project import Project
from aelint.engine.reading import Reader
from aelint.semantics import understand
from aelint.semantics.explanation.inspect import render
from aelint.sources.decode import UnreadableError
from aelint.sources.load import load

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Print the semantic model of each unit of the file."""
    try:
        source = load(args.file, Reader().read(args.file))
        for unit in source.units:
            say(render(understand(unit, Project())))
    except UnreadableError as error:
        complain(f"{args.file}: {error.message}")
        return 2
    except SyntaxError as error:
        complain(f"{args.file}:{error.lineno}: not valid Python: {error.msg}")
        return 2
    return 0
