"""A weight of a loss term is stored, and the term is added without it.

## What it does

Reports a class that takes a weight (`beta`, `kl_weight`, `recon_coeff`, `lambda_gp`), stores it, never reads it again,
and adds up the loss with the term unweighted; or reads its other weights (`alpha`, `gamma`) and not this one.

## Why is this bad?

The model trains with the weight 1 whatever was asked for: a beta-VAE is a plain VAE, a sweep over beta compares equal
runs, and the configuration that is logged is not the one that ran.

## Example

```python
from torch import nn


class BetaVAE(nn.Module):
    def __init__(self, beta=4.0):
        super().__init__()
        self.beta = beta

    def loss_function(self, recons_loss, kld_loss):
        return recons_loss + kld_loss
```

## Use instead

```python
from torch import nn


class BetaVAE(nn.Module):
    def __init__(self, beta=4.0):
        super().__init__()
        self.beta = beta

    def loss_function(self, recons_loss, kld_loss):
        return recons_loss + self.beta * kld_loss
```

## Known limits

The loss must be put together in the class that stores the weight. Weights that are mentioned anywhere else in the
file, as an attribute or a string, are left alone; what the class itself is built with, and a parsed option, do not count.

## References

- Higgins et al., beta-VAE, 2017: https://openreview.net/forum?id=Sy2fzU9gl
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TypeGuard

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.mentions import attributes_read_of, strings_in
from aelint.semantics.domain.values import ClassValue
from aelint.semantics.explanation.wording import place
from aelint.syntax.kept import kept
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.sums import terms_of
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL326",
    name="unread-weight",
    summary="a weight of a loss term is stored and never read, and the term is added without it",
    severity=Severity.WARNING,
    triggers=(("beta", "lam", "weight", "coef", "kl_"), ("self.",)),
    absence=True,
)

_WEIGHT = re.compile(r"^(beta|kl_?beta|lam|lambda_?|lambd|(?P<term>[a-z]\w*?)_(weight|coeff?|lambda|beta|w))$")
_OTHER_WEIGHT = re.compile(r"^(alpha|beta|gamma|delta|eta|lam\w*|\w+_(weight|coeff?|lambda|beta|w))$")
_DIVERGENCE = re.compile(r"(^|_)(kl|kld|dkl)(\d|_|$)|diverg|latent_loss|penalty|regul", re.IGNORECASE)
_NOT_OF_A_TERM = frozenset({"pos", "class", "label", "sample", "loss", "init", "pixel", "importance", "token", "edge"})
_DYNAMIC = frozenset({"vars", "getattr", "setattr", "save_hyperparameters", "__dict__"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each stored weight that nothing reads where its term is added as it is."""
    for owner in program.own_classes:
        stored = _stored(owner.node)
        if not stored or _is_dynamic(owner.node):
            continue
        read = attributes_read_of(owner.name, program.tree)
        mentioned = read | strings_in(program.tree)
        for name, store in stored:
            if not _WEIGHT.match(name):
                continue
            if name not in mentioned:
                yield from _found(program, owner, name, store, read)
            elif name in read:
                yield from _left_out(program, owner, name, store)


def _left_out(program: Program, owner: ClassValue, name: str, store: ast.Assign) -> Iterator[Finding]:
    """A class that inherits the weight, is given it, and alone of its kin does not read it."""
    for heir in (cls for cls in program.own_classes if cls is not owner and owner in cls.mro()):
        strangers = [c.node for c in program.own_classes if c not in heir.mro() and heir not in c.mro()]
        unread = name not in attributes_read_of(heir.name, program.tree, strangers)
        if unread and not _is_dynamic(heir.node) and _is_given(program, heir, name):
            yield from _alone(program, heir, name, store)


def _is_given(program: Program, cls: ClassValue, name: str) -> bool:
    """Whether an object of the class is built with a value for the weight."""
    built = (call for call in every(ast.Call, program.tree) if last_name(call.func) == cls.name)
    return any(keyword.arg == name for call in built for keyword in call.keywords)


def _found(
    program: Program, owner: ClassValue, name: str, store: ast.Assign, read: frozenset[str]
) -> Iterator[Finding]:
    alone = [f for cls in program.own_classes if owner in cls.mro() for f in _alone(program, cls, name, store)]
    if alone:
        yield alone[0]
        return
    match = _WEIGHT.match(name)
    if match is None or match["term"]:
        # Weights of terms that were given up are often kept so that old configurations can be read.
        return
    used = [n for n, _ in _stored(owner.node) if n != name and n in read and _OTHER_WEIGHT.match(n)]
    weighted = [n for n in used if _multiplies(owner.node, n)]
    if len(weighted) >= 2:
        others = ", ".join(f"`{n}`" for n in weighted)
        message = (
            f"`self.{name}` is stored and never read, while the loss is weighted with {others}: the term that it belongs "
            "to has another weight, or none"
        )
        yield Finding(Site(program.unit, store), message)


def _alone(program: Program, cls: ClassValue, name: str, store: ast.Assign) -> Iterator[Finding]:
    """The sum of a class in which the term stands without its weight."""
    added = _unweighted(cls.node, name)
    if added is not None:
        total, term = added
        site, stored = Site(program.unit, total), Site(program.unit, store)
        message = (
            f"`{term}` is added with the weight 1; `self.{name}` is stored ({place(stored, site)}) and never read here. "
            f"Write `self.{name} * {term}`"
        )
        yield Finding(site, message, (Note(stored, "stored here"),))


def _is_dynamic(owner: ast.ClassDef) -> bool:
    return any(last_name(node) in _DYNAMIC for node in walk(owner))


def _stored(owner: ast.ClassDef) -> list[tuple[str, ast.Assign]]:
    """Attributes that `__init__` sets to one of its parameters."""
    found = []
    for method in owner.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            names = {a.arg for a in (*method.args.args, *method.args.kwonlyargs)}
            found += [(k.attribute, k.statement) for k in kept(every(ast.Assign, method)) if k.name in names]
    return found


def _methods(owner: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    return (m for m in owner.body if isinstance(m, ast.FunctionDef) and m.name != "__init__")


def _unweighted(owner: ast.ClassDef, name: str) -> tuple[ast.BinOp, str] | None:
    """The sum in which the term that the weight belongs to stands alone, and the term."""
    match = _WEIGHT.match(name)
    word = match["term"] if match else None
    if word in _NOT_OF_A_TERM:
        return None
    for method in _methods(owner):
        inner = {id(n.left) for n in every(ast.BinOp, method) if isinstance(n.op, ast.Add)}
        for node in walk(method):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and id(node) not in inner:
                operands = [o for o in terms_of(node) if _is_term(o)]
                alone = [o for o in operands if _belongs(_named(o), word)]
                if len(operands) >= 2 and len(alone) == 1:
                    return node, ast.unparse(alone[0])
    return None


def _is_term(node: ast.expr) -> bool:
    """A name of a loss term, or a weighted one."""
    return "loss" in _named(node).lower() or _DIVERGENCE.search(_named(node)) is not None or _is_error(_named(node))


def _is_error(name: str) -> bool:
    return (
        re.search(r"(^|_)(rec|recon|reconstruction|bce|mse|nll|l1|l2|err(or)?)(_|s|$)", name, re.IGNORECASE) is not None
    )


def _named(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="mean" | "sum")):
            return name
        case _:
            return last_name(node)


def _belongs(term: str, word: str | None) -> bool:
    if word is None or word in {"kl", "kld", "beta"}:
        return _DIVERGENCE.search(term) is not None
    return word.lower() in term.lower().split("_")


def _multiplies(owner: ast.ClassDef, name: str) -> bool:
    """Whether a method multiplies something with the attribute and adds it up."""
    operations = [n for method in _methods(owner) for n in every(ast.BinOp, method)]
    sums = [n for n in operations if isinstance(n.op, (ast.Add, ast.Sub))]
    factors = (s for total in sums for n in walk(total) if _is_product(n) for s in (n.left, n.right))
    return any(is_own_attribute(one) and last_name(one) == name for one in factors)


def _is_product(node: ast.AST) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
