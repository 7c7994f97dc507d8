"""Where a block was built: what one of many blocks of a class computes is decided where that one was built."""

from __future__ import annotations

from aelint.rule import Site
from aelint.semantics.program import Program
from aelint.semantics.values import Instance, Sym

__all__ = ["built_at"]


def built_at(program: Program, node: Sym) -> Site | None:
    """Where the block was built whose method computed a node; None where the class serves that one place alone."""
    made = (c for c in program.calls if c.result is node and node.site is not None and c.site.node is node.site.node)
    call = next(made, None)  # whoever called the block has the same result
    block = call.context.stack[-1].receiver if call is not None and call.context.stack else None
    if not isinstance(block, Instance) or block.site is None:
        return None
    alike = (one.site for one in program.machine.instances if isinstance(one, Instance) and one.cls is block.cls)
    places = {id(site.node) for site in alike if site is not None}
    return block.site if len(places) > 1 else None
