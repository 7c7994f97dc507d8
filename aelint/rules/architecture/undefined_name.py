"""A method of a network, or a function that the program runs, reads a variable that nothing in the file ever binds.

## What it does

Reports a variable that a method of a network, or a function that the program itself calls, reads and that is neither its own, nor an enclosing function's, nor the
module's, nor one of Python's.

## Why is this bad?

Python looks names up when the line runs: a method that was copied from the encoder into the decoder and still says
`x` where its argument is `z` is found by the first call, often hours into a run, in `sample` or in validation.

## Example

```python
from torch import nn


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 100)

    def forward(self, z):
        batch_size = x.shape[0]
        return self.fc(z).view(batch_size, 5, 20)
```

## Use instead

```python
from torch import nn


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 100)

    def forward(self, z):
        batch_size = z.shape[0]
        return self.fc(z).view(batch_size, 5, 20)
```

## Known limits

Only tensors, numbers and the like: what is called, or used like a module, is a missing import, which other tools find.
Silent in a file with `import *`, `exec`, or that writes to `globals()`, and in notebooks and fragments, where other
cells may bind the name; also in a file that lacks a name before any of its functions is called, as a saved cell does.

## References

- https://docs.python.org/3/reference/executionmodel.html#resolution-of-names
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function
from aelint.semantics.interpreter.kinds import is_network
from aelint.syntax.blocks import blocks
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL125",
    name="undefined-name",
    summary="a method of a network, or a function that the program runs, reads a variable that nothing binds",
    severity=Severity.ERROR,
    triggers=(("def ",), ("torch",)),
)

_KNOWN = frozenset(dir(builtins)) | {
    "__file__", "__builtins__", "__class__", "__path__", "__module__", "__qualname__", "__annotations__",
    "unicode", "long", "xrange", "raw_input", "basestring", "reduce", "unichr", "WindowsError",
    "get_ipython", "display", "profile", "reveal_type",
}  # fmt: skip
"""Python's own names, those of Python 2, and what tools put in."""
_OF_TENSORS = frozenset(
    {
        "shape",
        "size",
        "device",
        "dtype",
        "view",
        "reshape",
        "ndim",
        "dim",
        "detach",
        "new_zeros",
        "new_ones",
        "data",
        "flatten",
    }
)
_MAGIC = frozenset({"exec", "eval", "globals", "locals", "vars"})


def check(program: Program) -> Iterator[Finding]:
    """Yield the first read of each name that no scope binds."""
    unit = program.unit
    if unit.fragment or unit.origins or _is_dynamic(program.tree):
        return
    module = symtable.symtable(unit.text, unit.path, "exec")
    bound = {s.get_name() for s in module.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    for scope in _functions(module):
        bound |= {s.get_name() for s in scope.get_symbols() if s.is_declared_global() and s.is_assigned()}
    if _read_at_once(module) - bound - _KNOWN:
        return  # a cell of something larger: run alone, the file would not come to its functions
    variables = _variables(program.tree)
    guarded = _guarded(program.tree) | _never_run(program.tree)
    for scope in _functions(module):
        missing = {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()} - bound - _KNOWN
        for name in sorted(missing):
            first = _first(variables, name, scope, program)
            if first is not None and id(first) not in guarded:
                message = (
                    f"`{name}` is read here, and nothing that this line can see binds it: the line raises NameError"
                )
                yield Finding(Site(unit, first), message)


def _is_dynamic(tree: ast.Module) -> bool:
    for node in walk(tree):
        match node:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return True
            case ast.Call(func=ast.Name(id=name)) if name in _MAGIC:
                return True
    return False


def _read_at_once(table: symtable.SymbolTable) -> set[str]:
    """The global names that running the file reads before anything calls its functions."""
    read = {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
    return read.union(*(_read_at_once(child) for child in table.get_children() if child.get_type() == "class"))


def _functions(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        if child.get_type() == "function":
            yield child
        yield from _functions(child)


def _variables(tree: ast.Module) -> list[ast.Name]:
    """Every read of a name that is neither called nor used like a module."""
    used = set[int]()
    for node in walk(tree):
        match node:
            case ast.Call(func=ast.Name() as name):
                used.add(id(name))
            case ast.Attribute(value=ast.Name() as name, attr=attr) if attr not in _OF_TENSORS:
                used.add(id(name))
    reads = (n for n in every(ast.Name, tree) if isinstance(n.ctx, ast.Load))
    # Capitals are classes: a missing import.
    return [n for n in reads if id(n) not in used and not n.id[:1].isupper()]


@per_program
def _running(program: Program) -> frozenset[int]:
    """The functions that the statements of the module lead to: what nothing calls may be a fragment."""
    calls = (c for c in program.calls if isinstance(_root(c).node, ast.Call) and not c.context.speculative)
    return frozenset(id(c.callee.node) for c in calls if isinstance(c.callee, Function))


def _root(call: Call) -> Site:
    outermost = call.context.stack[0].site if call.context.stack else None
    return outermost or call.site


def _first(reads: list[ast.Name], name: str, scope: symtable.SymbolTable, program: Program) -> ast.Name | None:
    """The first read in a function that is judged; None in an annotation, which need not be evaluated."""
    owner = next(
        (
            f.node
            for f in program.own_functions
            if ((f.owner is not None and is_network(f.owner)) or id(f.node) in _running(program))
            and isinstance(f.node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and f.name == scope.get_name()
            and scope.get_lineno() in {f.node.lineno, *(d.lineno for d in f.node.decorator_list)}
        ),
        None,
    )
    if owner is None:
        return None
    inside = {id(n) for statement in owner.body for n in walk(statement)} - _annotations(owner)
    found = [n for n in reads if n.id == name and id(n) in inside]
    return min(found, key=lambda n: (n.lineno, n.col_offset), default=None)


def _annotations(owner: ast.AST) -> set[int]:
    found: set[int] = set()
    for node in walk(owner):
        for one in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(one, ast.AST):
                found.update(id(n) for n in walk(one))
    return found


def _guarded(tree: ast.Module) -> set[int]:
    """Names read where a NameError is caught."""
    found: set[int] = set()
    for node in walk(tree):
        if isinstance(node, ast.Try) and any(h.type is None or _catches(h.type) for h in node.handlers):
            found.update(id(n) for statement in node.body for n in walk(statement))
    return found


def _never_run(tree: ast.Module) -> set[int]:
    """Names in statements behind the `return` or `raise` of their own block: what never runs raises nothing."""
    found: set[int] = set()
    for function in every(ast.FunctionDef, tree):
        for block in blocks(function):
            ends = [i for i, s in enumerate(block) if isinstance(s, _ENDS)]
            left = block[ends[0] + 1 :] if ends else []
            found.update(id(n) for statement in left for n in walk(statement))
    return found


_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _catches(kind: ast.expr) -> bool:
    names = {n.id for n in every(ast.Name, kind)}
    return bool(names & {"NameError", "Exception", "BaseException"})
