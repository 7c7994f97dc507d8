"""Parameters that are nothing but the mean or the scale of `torch.normal`, which hands no gradient on to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.lineage import RESHAPES
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.latent.posteriors import feeds_layer

__all__ = ["UntrainedLaw", "untrained_laws"]

_SHAPED = RESHAPES | {"expand", "expand_as", "repeat", "to", "abs", "exp", "softplus", "mul", "truediv", "clamp", "add"}
"""What makes a mean or a standard deviation of a parameter."""


@dataclass(frozen=True, slots=True, eq=False)
class UntrainedLaw:
    """A draw whose mean and scale are parameters that nothing else reads."""

    site: Site
    parameters: tuple[Sym, ...]


def untrained_laws(program: Program) -> Iterator[UntrainedLaw]:
    """Draws by `torch.normal` that a layer takes, and the parameters that can never learn from it."""
    for call in program.calls_to("normal"):
        drawn = call.result
        if not isinstance(drawn, Sym) or call.context.no_grad or call.context.guards or call.context.speculative:
            continue
        given = (drawn.attrs.get("mean"), drawn.attrs.get("std"))
        lost = tuple(p for v in given if (p := _parameter(v)) is not None and _only_drawn_from(program, p))
        if lost and feeds_layer(program, drawn):
            yield UntrainedLaw(call.site, lost)


def _parameter(value: Value) -> Sym | None:
    """The parameter of which the value is the size, the exponential, or as many copies."""
    while isinstance(value, Sym) and value.op in _SHAPED:
        value = next((i for i in value.inputs if isinstance(i, Sym) and (i.tensor or i.op == "parameter")), None)
    trains = isinstance(value, Sym) and value.op == "parameter" and value.attrs.get("requires_grad", True) is not False
    return value if trains else None


def _only_drawn_from(program: Program, parameter: Sym) -> bool:
    users = graph.consumers(program)
    pending = [parameter]
    for node in pending:  # grows while it is read
        for user in users.get(node.id, ()):
            if user.op in _SHAPED:
                pending += [user] if all(one is not user for one in pending) else []
            elif user.op != "normal":
                return False
    return True
