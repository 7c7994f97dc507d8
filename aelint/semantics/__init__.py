"""What a file means: an abstract interpreter of Python over PyTorch, and the façade that rules query."""

from __future__ import annotations

from aelint.semantics.program import Program
from aelint.semantics.project import ProjectFiles
from aelint.semantics.understanding import understand

__all__ = ["Program", "ProjectFiles", "understand"]
