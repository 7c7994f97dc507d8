"""Sizes that contradict each other: each place once, and which layer gave the size that does not fit."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.trace import Activation, Context, Guard
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.interpreter.modules import contains, submodules
from aelint.semantics.operators import Conflict
from aelint.syntax.names import last_name
from aelint.syntax.walk import walk

__all__ = [
    "Contradiction",
    "constructions",
    "contradictions",
    "follows_from_another",
    "last_layer",
    "misuse",
    "needless_exchange",
    "owner_of",
    "source_of_size",
    "unflattened",
]


@dataclass(frozen=True, slots=True, eq=False)
class Contradiction:
    """An operation whose arguments cannot go together."""

    conflict: Conflict
    site: Site
    context: Context

    @property
    def written(self) -> Site:
        """Where the sizes are written: the layer's construction, else the operation itself."""
        layer = self.conflict.layer
        return layer.site if isinstance(layer, Object) and layer.site is not None else self.site


def contradictions(program: Program, *kinds: str) -> Iterator[Contradiction]:
    """The contradictions of the given kinds, once per place."""
    seen: set[int] = set()
    for conflict, context in program.conflicts(*kinds):
        site = conflict.site
        if site is None or id(site.node) in seen or _is_excluded(context) or _is_of_unused_defaults(program, context):
            continue
        seen.add(id(site.node))
        if not _is_of_a_stand_in(program, conflict):
            yield Contradiction(conflict, site, context)


def _is_of_unused_defaults(program: Program, context: Context) -> bool:
    """Whether the defaults of a constructor do not fit each other, and the program gives it arguments of its own."""
    outermost = context.stack[0].receiver if context.stack else None
    if not isinstance(outermost, Instance) or not outermost.symbolic or context.stack[0].function.name != "__init__":
        return False
    return any(one.cls is outermost.cls and not one.symbolic and one.arguments for one in program.networks)


def _is_of_a_stand_in(program: Program, conflict: Conflict) -> bool:
    """Whether a layer has its size, 1, from a default of a network that nobody builds: a size that a user has to give."""
    layer, expected = conflict.layer, conflict.facts.get("expected")
    if (
        expected != 1
        or not isinstance(layer, Object)
        or layer.site is None
        or not isinstance(layer.site.node, ast.Call)
    ):
        return False
    owner = owner_of(program, layer)
    spelled = any(isinstance(a, ast.Constant) for a in layer.site.node.args[:1])
    by_default = (
        owner is not None and owner.symbolic and any(v == 1 for v in owner.arguments.values() if type(v) is int)
    )
    return by_default and not spelled


_TESTS_OF_SHAPE = frozenset(
    {
        "shape", "size", "dim", "ndim", "ndimension", "isinstance", "hasattr", "numel", "type", "len", "dtype",
        "is_floating_point", "is_complex",
    }
)  # fmt: skip
"""What tells one tensor from another: indices take another branch than what they were looked up as."""


def _is_excluded(context: Context) -> bool:
    """Whether a condition that was not decided may keep these shapes out of the branch."""
    asked = any(_asks_for_shape(guard.test) or _asks_for_part(guard.test) for guard in context.guards)
    return asked or _is_impossible(context.guards)


def _is_impossible(guards: Iterable[Guard]) -> bool:
    """Whether one value is None in one branch, and is not in another around it: nothing ever comes this way."""
    none: dict[int, bool] = {}
    for guard in guards:
        match guard.test, guard.value:
            case ast.Compare(ops=[ast.Is() | ast.IsNot() as op]), Sym(op="is", inputs=(Sym() as asked, None)):
                is_none = guard.taken == isinstance(op, ast.Is)
                if none.setdefault(asked.id, is_none) != is_none:
                    return True
            case _:
                pass
    return False


def _asks_for_part(test: ast.AST) -> bool:
    """`self.shortcut is not None`, undecided: whether these sizes ever meet that part is a matter of settings."""
    match test:
        case ast.Compare(left=ast.Attribute(), ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
        case ast.BoolOp(values=values):
            return any(_asks_for_part(value) for value in values)
        case _:
            return False


def _asks_for_shape(test: ast.AST) -> bool:
    if isinstance(test, ast.ExceptHandler):
        return True
    return any(last_name(n) in _TESTS_OF_SHAPE for n in walk(test))


def source_of_size(value: Value, size: Dim) -> Sym | None:
    """The operation, furthest back, from which on the tensor has an axis of this size; None if it came in so."""
    found: Sym | None = None
    while isinstance(value, Sym):
        if not _has(value, size):
            return found
        if value.layer is not None and _gives(value.layer, size):
            return value
        found = value if value.op not in {"param", "phi", "item"} else found
        value = next((i for i in value.inputs if isinstance(i, Sym)), None)
    return found


def _has(value: Sym, size: Dim) -> bool:
    return size in (value.shape if value.shape is not None else value.last)


_OUTPUTS = ("out_features", "out_channels", "embedding_dim", "hidden_size", "unflattened_size")


def _gives(layer: Object | Instance, size: Dim) -> bool:
    if not isinstance(layer, Object):
        return False
    given = [layer.bound.get(name) for name in _OUTPUTS]
    return any(g == size or (isinstance(g, tuple) and size in g) for g in given if g is not None)


def last_layer(value: Value) -> Object | None:
    """The layer nearest behind a tensor that holds parameters or changes its shape."""
    while isinstance(value, Sym):
        if isinstance(value.layer, Object) and value.layer.bound:
            return value.layer
        value = next((i for i in value.inputs if isinstance(i, Sym)), None)
    return None


def constructions(program: Program, name: str) -> Iterator[Object]:
    """The layers of one class, once per place where one is built."""
    seen: set[int] = set()
    for layer in program.layers:
        if layer.name == f"torch.nn.{name}" and layer.site is not None and id(layer.site.node) not in seen:
            seen.add(id(layer.site.node))
            yield layer


def unflattened(conflict: Conflict) -> bool:
    """Whether a linear layer would take the tensor if the axes behind the batch were flattened."""
    shape = conflict.facts["shape"]
    if conflict.operation != "linear" or len(shape) < 3 or shape[0] is ...:
        return False
    return bool(dims.product(shape[1:]) == conflict.facts["expected"])


def needless_exchange(conflict: Conflict) -> Sym | None:
    """The exchange of axes without which the layer would get what it takes, of a tensor that has its channels first already.

    Of other tensors nothing says whether the exchange is wrong or the size that the layer was built for.
    """
    moved, axis = through(conflict.subject, RESHAPES - _EXCHANGES), conflict.facts.get("axis", -1)
    before = source(moved)
    if not isinstance(moved, Sym) or moved.op not in _EXCHANGES or not isinstance(before, Sym):
        return None
    sizes = before.shape or ()
    fits = len(sizes) == len(conflict.facts["shape"]) and sizes[axis] == conflict.facts["expected"]
    earlier = {one.op for one in ancestors(before)}
    return moved if fits and earlier & _CHANNELS_FIRST and not earlier & _EXCHANGES else None


_EXCHANGES = frozenset({"transpose", "permute", "movedim"})
_CHANNELS_FIRST = frozenset(
    {"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "stft"}
)


@per_program
def _owners(program: Program) -> dict[int, Instance]:
    owners: dict[int, Instance] = {}
    # Blocks are built before what holds them, so the innermost owner comes first.
    for network in sorted(program.networks, key=lambda n: len(submodules(n))):
        for _, module in submodules(network):
            if module is not network:
                owners.setdefault(id(module), network)
    return owners


def owner_of(program: Program, layer: Object) -> Instance | None:
    """The innermost network of the project that holds a layer."""
    return _owners(program).get(id(layer))


def misuse(program: Program, found: Contradiction) -> Site | None:
    """The call that is to blame, where the same layer or function takes what other calls give it; else None."""
    layer = found.conflict.layer
    if layer is not None:
        return _handed_over(program, found, layer) if _takes_others(program, found, layer) else None
    blamed = None
    for activation in reversed(found.context.stack):
        if activation.site is None or not _succeeds_elsewhere(program, activation):
            break
        blamed = activation.site
    return blamed


def _takes_others(program: Program, found: Contradiction, layer: Object) -> bool:
    """Whether some call gives the layer a tensor that certainly has the size it was built for."""
    facts = found.conflict.facts
    axis = facts.get("axis", -1)
    taken = [c.args[0] for c in program.calls if c.callee is layer and c.args]
    for value in taken:
        sizes = (value.shape or value.last[-1:] * (axis == -1)) if isinstance(value, Sym) else ()
        if -len(sizes) <= axis < len(sizes) and sizes[axis] == facts.get("expected"):
            return True
    return False


def _handed_over(program: Program, found: Contradiction, layer: Object) -> Site:
    """Where the program calls the layer, or the container that holds it."""
    subject = found.conflict.subject
    behind = {id(one) for one in ancestors(subject)} if subject is not None else set()
    stack = found.context.stack
    for call in reversed(program.calls):
        held = call.name == "sequential" and contains(call.callee, layer)
        if held and call.context.stack == stack and call.args and id(call.args[0]) in behind:
            return call.site
    return found.site


def _succeeds_elsewhere(program: Program, failed: Activation) -> bool:
    """Whether the function gave a tensor of known sizes where another place called it, which met no contradiction."""
    assert failed.site is not None
    failing = {
        id(a.site.node) for _, context in program.machine.trace.conflicts for a in context.stack if a.site is not None
    }
    for ended in program.returns:
        activation = ended.context.stack[-1] if ended.context.stack else None
        if activation is None or activation.function is not failed.function or activation.site is None:
            continue
        known = any(isinstance(v, Sym) and (v.shape or v.last) for v in parts(ended.value))
        if known and id(activation.site.node) not in failing:
            return True
    return False


def follows_from_another(program: Program, found: Contradiction) -> bool:
    """Whether the tensor was computed by an operation that itself met a contradiction."""
    broken = {
        id(c.site.node) for c, _ in program.machine.trace.conflicts if c.site is not None and c.site is not found.site
    } - {id(found.site.node)}
    layers = {id(c.layer) for c, _ in program.machine.trace.conflicts if c.layer is not None}
    behind = ancestors(found.conflict.subject) if found.conflict.subject is not None else ()
    return any((one.site is not None and id(one.site.node) in broken) or id(one.layer) in layers for one in behind)
