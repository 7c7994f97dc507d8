"""Where a program says that no graph is to be recorded."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.rule import Site
from aelint.semantics.domain.trace import Call
from aelint.syntax.walk import every, holds

__all__ = ["switched_off_at"]


def switched_off_at(call: Call) -> Site:
    """The nearest `with torch.no_grad()` or decorator around the call or around what led to it."""
    site = call.site
    for activation in reversed(call.context.stack):
        function = activation.function.node
        blocks = [*_no_grad_blocks(function, site.node), *getattr(function, "decorator_list", ())]
        off = next((one for one in blocks if _is_no_grad(one)), None)
        if off is not None:
            return Site(site.unit, off)
        if activation.site is None:
            return call.site
        site = activation.site
    return next((Site(site.unit, one) for one in _no_grad_blocks(site.unit.tree, site.node)), call.site)


def _no_grad_blocks(tree: ast.AST, inner: ast.AST) -> Iterator[ast.expr]:
    for block in reversed(every(ast.With, tree)):
        if holds(block, inner):
            yield from (item.context_expr for item in block.items if _is_no_grad(item.context_expr))


def _is_no_grad(node: ast.expr) -> bool:
    return any(word in ast.unparse(node) for word in ("no_grad", "inference_mode", "set_grad_enabled"))
