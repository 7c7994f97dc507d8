"""What a file means: an abstract interpreter of Python over PyTorch, and the façade that rules query.

From the ground up: `domain` (what is known of a value), `operators` (what torch does to it), `interpreter` (running a
project without torch), `dataflow` and `formulas` (what is asked of every graph of values), one package of facts for each
family of rules, and `explanation` (what was understood, in words). Each knows those before it and none after.
"""

from __future__ import annotations

from aelint.semantics.dataflow.program import Program
from aelint.semantics.interpreter.project import ProjectFiles
from aelint.semantics.understanding import understand

__all__ = ["Program", "ProjectFiles", "understand"]
