"""A condition has the same outcome whatever the data: a bare string joined by `or`, a test that its branch decides, a number that is to be `True`.

## What it does

Reports `if "conv" or "head" in name:`, where the first string is not compared with anything, and a test like
`index % n == 0` inside of a branch that holds for `index == 0` only. Reports `strength == True` where `strength` is
declared as a number and is another one than 0 and 1, and a `seed` with the default 0 that is asked for as a truth value,
`seed or None`.

## Why is this bad?

A string that is not empty is true, and zero is a multiple of every number, and `True` is equal to 1 alone. One
of the two branches never runs: every layer gets the first initialisation, every batch an update that was meant for each
n-th, and noise of strength 0.1 counts as none. A seed of zero that counts as none gives each call another split: rows of the test
set are trained on.

## Example

```python
from torch import nn


def init_weights(model):
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            if "blocks" or "head" in name:
                nn.init.kaiming_normal_(module.weight)
            else:
                nn.init.xavier_uniform_(module.weight)
```

## Use instead

```python
from torch import nn


def init_weights(model):
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            if "blocks" in name or "head" in name:
                nn.init.kaiming_normal_(module.weight)
            else:
                nn.init.xavier_uniform_(module.weight)
```

## Known limits

Only these forms are looked for; other constants in conditions are mostly switches for development. A number counts as
declared by an annotation, by `type=float` of an option or by a constant in the same function; one that takes the place
of a flag, as in `pad=0.1`, may be meant. A comparison with `False` holds for 0, and is left alone.

## References

- https://docs.python.org/3/reference/expressions.html#boolean-operations
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.declared_numbers import numbers_as_flags
from aelint.semantics.dataflow.zero_seeds import zero_seeds
from aelint.semantics.explanation.wording import place
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL137",
    name="constant-condition",
    summary="a condition has the same outcome whatever the data: a bare string, a test its branch decides, a number as a flag",
    severity=Severity.WARNING,
    triggers=(("torch",), (" or ", "%", "true", "seed")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each condition that its own text decides, or the declaration of what it compares."""
    for node in walk(program.tree):
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                yield from _bare_strings(program, test)
        if isinstance(node, ast.If):
            yield from _multiples_of_zero(program, node)
    for seed in zero_seeds(program):
        message = (
            f"`{seed.name}` is 0 unless told ({place(seed.default, seed.site)}), and 0 is no true value: the default, a seed like any other, "
            f"counts as none here, and every run draws other numbers. Ask `{seed.name} is None`"
        )
        yield Finding(seed.site, message, (Note(seed.default, "the default"),))
    for one in numbers_as_flags(program):
        message = (
            f"`{one.name}` is {one.number} here and declared as a number ({place(one.declared, one.site)}), and only 1 is equal to "
            f"True: this has the same outcome for every other one. Compare it with 0: `{one.name} > 0`"
        )
        yield Finding(one.site, message, (Note(one.declared, "a number"),))


def _bare_strings(program: Program, test: ast.expr) -> Iterator[Finding]:
    for part in (n for n in every(ast.BoolOp, test) if isinstance(n.op, ast.Or)):
        compared = next((v for v in part.values if isinstance(v, ast.Compare) and _is_membership(v)), None)
        for value in part.values:
            if (
                isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and value.value
                and compared is not None
            ):
                right = ast.unparse(compared.comparators[0])
                message = (
                    f"`{ast.unparse(value)}` is compared with nothing, and a string is true, so this always holds; write "
                    f"`{ast.unparse(value)} {_operator(compared)} {right}`"
                )
                yield Finding(Site(program.unit, part), message)
                break


def _is_membership(node: ast.Compare) -> bool:
    return len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.Eq, ast.NotIn))


def _operator(node: ast.Compare) -> str:
    return {ast.In: "in", ast.NotIn: "not in"}.get(type(node.ops[0]), "==")


def _multiples_of_zero(program: Program, branch: ast.If) -> Iterator[Finding]:
    match branch.test:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq()], comparators=[ast.Constant(value=0)]):
            pass
        case _:
            return
    body = [n for s in branch.body for n in walk(s)]
    if any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in body):
        return
    for node in body:
        match node:
            case ast.BinOp(left=ast.Name(id=left), op=ast.Mod()) if left == name:
                message = (
                    f"`{name}` is 0 in this branch, so `{ast.unparse(node)}` is 0 for every interval and decides nothing; "
                    "count the batches instead"
                )
                yield Finding(Site(program.unit, node), message, (Note(Site(program.unit, branch.test), "the branch"),))
