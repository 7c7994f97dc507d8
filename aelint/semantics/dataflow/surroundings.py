"""What the files beside a class say of it, which the file under the linter need not import."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import ClassValue

__all__ = ["texts_around"]


def texts_around(program: Program, cls: ClassValue) -> Iterator[str]:
    """The texts of the files beside that of a class.

    One that defines a class of the same name means its own: a variant of the model, or an older version of it.
    """
    own = re.compile(rf"^[ \t]*class\s+{cls.name}\b", re.MULTILINE)
    texts = (unit.text for unit in program.machine.project.around(cls.module.unit))
    return (text for text in texts if not own.search(text))
