"""A network gets its layers before the `__init__` of `nn.Module` has run.

## What it does

Reports a layer, a network or a parameter that a constructor sets on `self` where neither it nor a statement before it
calls the `__init__` of a base class; and a network, with layers of its own or without, whose constructor never runs it.

## Why is this bad?

`nn.Module.__init__` makes the tables in which layers and parameters are registered. Without it the first layer raises
`AttributeError: cannot assign module before Module.__init__() call`, and the network is never built. One without
layers is built, and raises when it is called.

## Example

```python
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self, code_size=16):
        self.encoder = nn.Linear(784, code_size)
        self.decoder = nn.Linear(code_size, 784)

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Use instead

```python
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self, code_size=16):
        super().__init__()
        self.encoder = nn.Linear(784, code_size)
        self.decoder = nn.Linear(code_size, 784)

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Known limits

Classes with several bases, with decorators or with a base that cannot be read are left alone. So is a constructor that
hands `self` to a function, which may call `__init__` there.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.trace import Store
from aelint.semantics.domain.values import ClassValue, Function, Instance, Sym
from aelint.semantics.interpreter.kinds import is_module, is_network
from aelint.syntax.names import is_own_attribute, uses
from aelint.syntax.walk import every, holds

RULE = Rule(
    code="AEL140",
    name="uninitialized-module",
    summary="a network gets its layers before `nn.Module.__init__` has run",
    severity=Severity.ERROR,
    triggers=(("module",), ("def __init__",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the first layer of each constructor that calls no other one before, and constructors that call none at all."""
    for cls in program.classes:
        start = cls.namespace.get("__init__")
        if cls.module.unit is not program.unit or not isinstance(start, Function) or isinstance(start.node, ast.Lambda):
            continue
        early = _set_early(program, cls, start.node) if _is_plain(cls) else None
        if early is not None:
            store, statement = early
            site = store.site
            what = f"`self.{store.name}` is set before `nn.Module.__init__` has made the tables for layers: torch raises here"
        elif _is_plain(cls) and _never_initializes(program, cls, start.node):
            statement = _first_statement(start.node)
            site = Site(program.unit, statement)
            what = f"`{cls.name}.__init__` never runs `nn.Module.__init__`: torch raises when the network is called, or given a layer"
        else:
            continue
        rewrite = _with_call(Site(program.unit, statement), statement, start.node)
        yield Finding(site, f"{what}. Call `super().__init__()` first", (), rewrite)


def _is_plain(cls: ClassValue) -> bool:
    """Whether the class is a network by one line of ancestors, all of which can be read."""
    bases = [c.bases for c in cls.mro()]
    return is_network(cls) and cls.fully_known and not cls.decorators and all(len(one) <= 1 for one in bases)


def _set_early(program: Program, cls: ClassValue, start: ast.AST) -> tuple[Store, ast.stmt] | None:
    """The first layer that the constructor sets, and its statement, if no other `__init__` has run by then."""
    stores = [
        s for s in program.stores if s.name and _is_own(s, cls) and _is_registered(s) and holds(start, s.site.node)
    ]
    for statement in getattr(start, "body", []):
        if _may_initialize(statement, cls):
            return None
        for store in stores:
            if holds(statement, store.site.node):
                return store, statement
    return None


def _never_initializes(program: Program, cls: ClassValue, start: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the constructor of something that is called as a network runs no other one, and no subclass does so in its place."""
    heirs = [one for one in program.classes if cls in one.mro()]
    called = any(isinstance(one.find("forward"), Function) for one in heirs)
    own = any(_may_initialize(statement, cls) for statement in start.body)
    return called and not own and not any(_calls_modules(one) for one in heirs)


def _calls_modules(cls: ClassValue) -> bool:
    """Whether a method spells `Module.__init__`, past the constructors between."""
    return any("Module.__init__" in ast.unparse(n) for n in every(ast.Attribute, cls.node) if n.attr == "__init__")


def _first_statement(start: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    """The first statement behind the docstring."""
    return start.body[1] if len(start.body) > 1 and ast.get_docstring(start) is not None else start.body[0]


def _is_own(store: Store, cls: ClassValue) -> bool:
    return isinstance(store.target, Instance) and cls in store.target.cls.mro()


def _is_registered(store: Store) -> bool:
    return is_module(store.value) or (isinstance(store.value, Sym) and store.value.op == "parameter")


def _may_initialize(part: ast.AST, cls: ClassValue, entered: tuple[str, ...] = ()) -> bool:
    """Whether a statement calls an `__init__`, or hands `self` to something that may; the class's own methods are looked into."""
    for call in every(ast.Call, part):
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"__init__", "__setstate__"}:
            return True
        if any(isinstance(a, ast.Name) and a.id == "self" for a in (*call.args, *(k.value for k in call.keywords))):
            return True
        name = call.func.attr if isinstance(call.func, ast.Attribute) and is_own_attribute(call.func) else ""
        if name and name not in entered:
            method = cls.find(name)
            if not isinstance(method, Function) or _may_initialize(method.node, cls, (*entered, name)):
                return True
    return False


def _with_call(first: Site, statement: ast.stmt, start: ast.AST) -> Rewrite | None:
    """The call in front of the first layer, where the constructor has none at all."""
    if any(n.attr == "__init__" for n in every(ast.Attribute, start)) or uses(start, "super"):
        return None
    indent = " " * statement.col_offset
    return Rewrite(
        "call `super().__init__()` first", ((first, f"super().__init__()\n{indent}{first.text}"),), Applicability.UNSAFE
    )
