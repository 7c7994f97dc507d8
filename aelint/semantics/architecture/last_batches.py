"""Tensors with a fixed number of samples that meet batches, the last of which is smaller."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.data.batches import loaders, samples_in
from aelint.semantics.dataflow.graph import nodes, nodes_of
from aelint.semantics.dataflow.lineage import ancestors, ancestors_of_any
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.operators.api import to_int
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every, holds

__all__ = ["FixedBatch", "fixed_batches"]

_MADE = ("randn", "rand", "normal", "zeros", "ones", "full", "empty")
_MEETINGS = LOSSES | {"add", "sub", "mul", "truediv", "addcmul", "lerp"}


_Split = tuple[int, int]
"""The size of batches, and the number of samples that were divided into them."""


@dataclass(frozen=True, slots=True, eq=False)
class FixedBatch:
    """A tensor made with `size` rows that meets batches of which the last has `rest` of `samples`; `meeting` cannot take it."""

    made: Call
    meeting: Sym
    size: int
    rest: int
    samples: int


def fixed_batches(program: Program) -> Iterator[FixedBatch]:
    """Each place where a tensor has as many rows as a setting says, and what it meets as many as the batch."""
    divided = [(one, size, samples) for one, size, samples in _split_batches(program) if samples % size]
    batches = {one.id: (size, samples) for one, size, samples in divided}
    data = {one.id for one in ancestors_of_any(one for one, _, _ in divided)}
    fixed = (c for c in program.calls_to(*_MADE) if batches and _is_fixed(program, c))
    made = {c.result.id: c for c in fixed if isinstance(c.result, Sym) and c.result.id not in data}
    told: set[int] = set()
    for meeting in nodes_of(program, *_MEETINGS) if made else ():
        found = _meet(meeting, batches, made)
        if found is None or id(found[0].site.node) in told or _is_left_out(found[0]):
            continue
        call, (size, samples) = found
        told.add(id(call.site.node))
        yield FixedBatch(call, meeting, size, samples % size, samples)


def _split_batches(program: Program) -> Iterator[tuple[Sym, int, int]]:
    """Batches of known data, with their size and the number of samples that were divided."""
    known = {id(loader) for loader in loaders(program)}
    for one in nodes(program):
        size, samples = None, None
        match one:
            case Sym(op="batch", attrs={"loader": Object() as loader}) if id(loader) in known and _keeps_the_rest(
                loader
            ):
                size, samples = to_int(loader_argument(loader, "batch_size", 1)), samples_in(loader)
            case Sym(op="getitem", attrs={"input": Sym(shape=(samples_, *_))}, shape=(size_, *_)) if _is_cut_in_steps(
                one
            ):
                size, samples = to_int(size_), to_int(samples_)
        if size is not None and samples is not None and 1 < size < samples:
            yield one, size, samples


def _keeps_the_rest(loader: Object) -> bool:
    """Whether the loader certainly gives the samples that are left over, as a batch of their own."""
    own = any(loader_argument(loader, name) is not None for name in ("sampler", "batch_sampler", "collate_fn"))
    return not own and loader_argument(loader, "drop_last", False) is False  # the default of torch


def _is_cut_in_steps(part: Sym) -> bool:
    """Whether it is `x[i : i + n]` in `for i in range(0, len(x), n)`."""
    node = part.site.node if part.site is not None else None
    if part.site is None or not isinstance(node, ast.Subscript):
        return False
    match node.slice:
        case ast.Slice(lower=ast.Name(id=name), upper=ast.BinOp(left=ast.Name(id=again), op=ast.Add(), right=step)):
            around = [f for f in every(ast.For, part.site.unit.tree) if holds(f, node)]
            return name == again and any(_counts_in(f, name, step) for f in around)
        case _:
            return False


def _counts_in(loop: ast.For, name: str, step: ast.expr) -> bool:
    match loop:
        case ast.For(
            target=ast.Name(id=target),
            iter=ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=0), ast.Call(func=length), by]),
        ):
            whole = isinstance(length, ast.Name) and length.id == "len"
            return target == name and whole and ast.dump(by) == ast.dump(step)
        case _:
            return False


def _is_fixed(program: Program, call: Call) -> bool:
    """Whether the number of rows is written as a setting: a number, a name for one, or what an object was built with."""
    node = call.site.node
    if call.context.speculative or not isinstance(node, ast.Call):
        return False
    match _rows(node):
        case ast.Constant(value=int()):
            return True
        case ast.Name(id=name):
            return _is_a_number(call, name)
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            setters = [s.context.function for s in program.stores if s.name == name]
            return all(f is not None and f.name == "__init__" for f in setters)
        case ast.Attribute(value=ast.Name(), attr=name):
            return name not in {"shape", "size"}
        case _:
            return False


def _rows(node: ast.Call) -> ast.expr | None:
    """The first size in `randn(n, m)`, `randn((n, m))` and `randn(size=(n, m))`."""
    sizes = [k.value for k in node.keywords if k.arg == "size"] or node.args[:1]
    match sizes:
        case [ast.Tuple(elts=[first, *_]) | ast.List(elts=[first, *_])]:
            return first
        case [first]:
            return first
        case _:
            return None


def _is_a_number(call: Call, name: str) -> bool:
    """Whether a name stands for a number or an option: in the running function, or else in the module."""
    function, tree = call.context.function, call.site.unit.tree
    if function is not None:
        if name in {a.arg for a in parameters(function.node)}:
            return False
        given = _given(function.node, name)
        if given:
            return all(isinstance(v, (ast.Constant, ast.Attribute)) for v in given)
    given = _given(tree, name)
    return bool(given) and all(isinstance(v, (ast.Constant, ast.Attribute)) for v in given)


def _given(scope: ast.AST, name: str) -> list[ast.expr | None]:
    """What is assigned to a name in a scope; None for each way that is no plain assignment."""
    plain = {id(t): n.value for n in every(ast.Assign, scope) if isinstance(n, ast.Assign) for t in n.targets}
    stored = [n for n in every(ast.Name, scope) if n.id == name and isinstance(n.ctx, ast.Store)]
    return [plain.get(id(n)) for n in stored]


def _meet(meeting: Sym, batches: dict[int, _Split], made: dict[int, Call]) -> tuple[Call, _Split] | None:
    """The tensor of fixed rows and the division into batches, where the operands of an operation are one of each."""
    operands = [one for one in meeting.inputs[:2] if isinstance(one, Sym) and one.shape]
    if len({len(one.shape or ()) for one in operands}) != 1:
        return None  # axes are counted from the last: the first ones do not meet
    origins = [(one, *_origin(one, batches, made)) for one in operands]
    fixed = next(((call, one) for one, call, _ in origins if call is not None), None)
    split = next((batch for _, _, batch in origins if batch is not None), None)
    if fixed is None or split is None:
        return None
    call, tensor = fixed
    return (call, split) if (tensor.shape or ())[:1] == (split[0],) else None


def _origin(operand: Sym, batches: dict[int, _Split], made: dict[int, Call]) -> tuple[Call | None, _Split | None]:
    """What an operand comes of that decides its rows: a tensor of fixed rows or a batch; nothing where it is both or none."""
    call: Call | None = None
    batch: _Split | None = None
    cut = False
    for one in ancestors(operand):
        call = made.get(one.id, call)
        batch = batches.get(one.id, batch)
        cut |= one.op in _PARTS
    if batch is not None:
        return None, None if call is not None else batch
    return None if cut else call, None


_PARTS = frozenset({"getitem", "narrow", "index_select", "chunk", "split", "item"})
"""What may cut a tensor to the rows that are wanted."""


def _is_left_out(call: Call) -> bool:
    """Whether a loop around skips some batches by their size: `if len(x) < batch_size: continue`."""
    skipping = (n for loop in call.context.loops for n in every(ast.If, loop.node) if _leaves(n))
    return any(isinstance(n, ast.If) and _asks_for_size(n.test) for n in skipping)


def _leaves(node: ast.If) -> bool:
    return any(isinstance(n, (ast.Continue, ast.Break)) for n in node.body)


def _asks_for_size(test: ast.expr) -> bool:
    return any(word in ast.unparse(test) for word in ("len(", "shape", "size"))
