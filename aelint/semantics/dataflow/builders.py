"""Where a block was built: what one of many blocks of a class computes is decided where that one was built."""

from __future__ import annotations

from aelint.rule import Site
from aelint.semantics.dataflow.choices import chosen_at
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Instance, Object, Sym
from aelint.semantics.interpreter.modules import submodules

__all__ = ["built_at", "decided_at"]


def built_at(program: Program, node: Sym) -> Site | None:
    """Where the block was built whose method computed a node; None where the class serves that one place alone."""
    made = (c for c in program.calls if c.result is node and node.site is not None and c.site.node is node.site.node)
    call = next(made, None)  # whoever called the block has the same result
    block = call.context.stack[-1].receiver if call is not None and call.context.stack else None
    if not isinstance(block, Instance) or block.site is None:
        return None
    return block.site if any(_has_others(one, block) for one in program.networks if one is not block) else None


def _has_others(network: Instance, block: Instance) -> bool:
    """Whether a network has the block and, from another place, one of its class: a model that is built twice is no block."""
    parts = [one for _, one in submodules(network) if isinstance(one, Instance) and one.cls is block.cls]
    places = {id(one.site.node) for one in parts if one.site is not None}
    return any(one is block for one in parts) and len(places) > 1


def decided_at(program: Program, node: Sym) -> Site | None:
    """Where a program decided what computes a node: by an argument, where its block or layer was built, or at the call."""
    layer = node.layer if isinstance(node.layer, Object) else None
    if layer is None:
        return built_at(program, node) or node.site
    chosen = chosen_at(program, layer) or built_at(program, node)
    return chosen or (node.site if _is_named_for_itself(program, layer) else None) or layer.site or node.site


def _is_named_for_itself(program: Program, layer: Object) -> bool:
    """Whether the layer is an attribute such as `self.tanh`: it stays what it is, and its call is what another one replaces."""
    kind = layer.name.rpartition(".")[2].lower()
    names = (path for network in program.networks for path, one in submodules(network) if one is layer)
    return any(kind in path.rpartition(".")[2].lower() for path in names)
