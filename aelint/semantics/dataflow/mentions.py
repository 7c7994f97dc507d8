"""What the files of a program mention, in text alone: a name that nothing mentions is read by nobody.

These are the questions of rules that say "and nothing reads it". They lean to yes: an attribute of any object counts,
and so does a string, which `getattr` or a configuration may turn into a name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.options import parsed_names
from aelint.syntax.walk import every, once_per_node

__all__ = [
    "READS_ANYTHING",
    "attributes_read",
    "attributes_read_in",
    "attributes_read_of",
    "strings",
    "strings_in",
]

READS_ANYTHING = frozenset({"locals", "vars", "getattr", "__dict__", "save_hyperparameters", "asdict", "eval", "exec"})
"""Names whose use may read whatever a scope or an object holds."""


@per_program
def attributes_read(program: Program) -> frozenset[str]:
    """The attributes that any file of the program reads of any object."""
    return frozenset().union(*(attributes_read_in(unit.tree) for unit in program.files))


@per_program
def strings(program: Program) -> frozenset[str]:
    """The strings that are written in any file of the program."""
    return frozenset().union(*(strings_in(unit.tree) for unit in program.files))


@once_per_node
def attributes_read_in(tree: ast.AST) -> frozenset[str]:
    """The attributes that code below a node reads of any object."""
    return frozenset(n.attr for n in every(ast.Attribute, tree) if isinstance(n.ctx, ast.Load))


def attributes_read_of(owner: str, tree: ast.AST, strangers: Iterable[ast.AST] = ()) -> frozenset[str]:
    """The attributes that code reads and that may be those of a class `owner`, which `strangers` are no kin to.

    What stands as an argument where the class is built is what its instances are given, and what is read of parsed
    options is the option: `VAE(beta=args.beta)` reads `beta` of no `VAE`.
    """
    built = (call for call in every(ast.Call, tree) if last_name(call.func) == owner)
    given = {id(value) for call in built for value in (*call.args, *(k.value for k in call.keywords))}
    given |= {id(n) for cls in strangers for n in every(ast.Attribute, cls) if is_own_attribute(n)}
    options = parsed_names(tree)
    return frozenset(
        n.attr
        for n in every(ast.Attribute, tree)
        if isinstance(n.ctx, ast.Load) and id(n) not in given and last_name(n.value) not in options
    )


@once_per_node
def strings_in(tree: ast.AST) -> frozenset[str]:
    """The strings that are written below a node."""
    return frozenset(n.value for n in every(ast.Constant, tree) if isinstance(n.value, str))
