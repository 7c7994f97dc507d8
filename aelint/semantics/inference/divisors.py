"""Running sums over the batches of one loader that are divided by the size of something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import functions_around
from aelint.semantics.domain.values import Function, Instance, Object, Sym, Value
from aelint.semantics.inference.averages import addends, is_weighted_mean
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.syntax.rounds import round_counter
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every, walk

__all__ = ["WrongDivisor", "loaders_behind", "wrong_divisors"]


@dataclass(frozen=True, slots=True, eq=False)
class WrongDivisor:
    """A quotient, what is wrong with its denominator, and what would be right."""

    site: Site
    what: str
    right: str


def wrong_divisors(program: Program) -> Iterator[WrongDivisor]:
    """Quotients whose denominator counts another loader, samples that a sampler leaves out, or the rounds' numbers."""
    yield from _quotients_of_batches(program)
    yield from _sums_of_indices(program)


def _quotients_of_batches(program: Program) -> Iterator[WrongDivisor]:
    if not nodes_of(program, "batch"):
        return
    for event in program.assignments:
        value = event.value
        if not isinstance(value, Sym) or value.op not in {"truediv", "div"} or len(value.inputs) != 2:
            continue
        parts = addends(value.inputs[0])
        loaders = [loaders_behind(p) for p in parts]
        summed = {id(one): one for found in loaders for one in found}
        if value.site is None or not parts or not all(loaders) or len(summed) != 1:
            continue
        what = _wrong_count(program, next(iter(summed.values())), value, parts)
        if what is not None:
            yield WrongDivisor(value.site, *what)


def loaders_behind(value: Value) -> list[Object]:
    """The loaders whose batches take part in a value."""
    # A module that is moved to where a tensor lies holds nothing of the tensor.
    found = [one.attrs.get("loader") for one in ancestors(value, frozenset({"device"})) if one.op == "batch"]
    return [one for one in found if isinstance(one, Object)]


def _wrong_count(program: Program, summed: Object, quotient: Sym, parts: list[Value]) -> tuple[str, str] | None:
    match quotient.inputs[1]:
        case Sym(op="len", inputs=(Object() as counted,)) if counted.name == summed.name:
            if counted is not summed and _data(counted) is not _data(summed):
                return (
                    "what one loader's batches add up to by the number of batches of another",
                    "the loader's own length",
                )
            return None
    sized = _whose_data_set(program, quotient, summed)
    if sized is None:
        return None
    if _data(sized) is not _data(summed):
        return "what one loader's batches add up to by the samples of another", "the size of the loader's own data set"
    if sized is summed and _draws_a_part(summed) and all(is_weighted_mean(p) for p in parts):
        return "a sum over the samples that a sampler draws by the size of the whole data set", "`len(loader.sampler)`"
    return None


def _data(loader: Object) -> Value:
    return loader_argument(loader, "dataset")


def _whose_data_set(program: Program, quotient: Sym, summed: Object) -> Object | None:
    """The loader that a denominator `len(loader.dataset)` names, or one of the data set that `len(data)` names."""
    node = quotient.site.node if quotient.site is not None else None
    match node:
        case ast.BinOp(right=right) | ast.AugAssign(value=right):
            match right:
                case ast.Call(func=ast.Name(id="len"), args=[ast.Attribute(attr="dataset", value=loader)]):
                    found = _named(program, ast.unparse(loader), next(iter(functions_around(program, node)), None))
                    return found[0] if len(found) == 1 and isinstance(found[0], Object) else None
                case ast.Call(func=ast.Name(id="len"), args=[ast.Name() | ast.Attribute() as data]):
                    found = _named(program, ast.unparse(data), next(iter(functions_around(program, node)), None))
                    return _loader_of(program, found[0], summed) if len(found) == 1 else None
    return None


def _loader_of(program: Program, data: Value, summed: Object) -> Object | None:
    """A loader of the data set: the one that is summed over if it can be, none if its data may be as many."""
    own = _data(summed)
    if own is data:
        return summed
    if not isinstance(own, (Object, Instance)) or own.site is None or _is_made_of(own, data):
        return None
    if isinstance(data, (Object, Instance)) and data.site is not None and data.site.node is own.site.node:
        return None  # one row makes both, in two calls
    return next((loader for loader in _loaders(program) if _data(loader) is data), None)


def _is_made_of(data: Object | Instance, other: Value) -> bool:
    """Whether a data set is given another one, whose samples it may hold in another form."""
    held = [*data.attrs.values(), *([*data.args, *data.kwargs.values()] if isinstance(data, Object) else [])]
    return any(one is other for one in held)


@per_program
def _loaders(program: Program) -> list[Object]:
    return [event.value for event in program.assignments if _is_loader(event.value)]


def _is_loader(value: Value) -> TypeGuard[Object]:
    return isinstance(value, Object) and value.name == "torch.utils.data.DataLoader"


def _named(program: Program, name: str, function: Function | None) -> list[Value]:
    """The loaders, or their data sets, that a name means in a function; what bears it in another one, or is handed to this one, is another thing."""
    bare = name.removeprefix("self.")
    if function is not None and bare in {a.arg for a in parameters(function.node)}:
        return []
    visible = [
        value
        for value, place in _data_by_name(program).get(bare, ())
        if bare != name or place is None or place is function
    ]
    return list({id(value): value for value in visible}.values())


@per_program
def _data_by_name(program: Program) -> dict[str, list[tuple[Value, Function | None]]]:
    """The loaders and data sets that a name is given to, each with the function in which that happens."""
    known = {id(one) for loader in _loaders(program) for one in (loader, _data(loader)) if one is not None}
    found: dict[str, list[tuple[Value, Function | None]]] = {}
    for event in program.assignments:
        if id(event.value) in known:
            found.setdefault(event.name, []).append((event.value, event.context.function))
    return found


def _draws_a_part(loader: Object) -> bool:
    sampler = loader_argument(loader, "sampler")
    return isinstance(sampler, Object) and sampler.name.endswith("SubsetRandomSampler")


def _sums_of_indices(program: Program) -> Iterator[WrongDivisor]:
    """Counts of batches that grow by the number of the round, `n += i`, and divide a sum of the same loop."""
    for loop in every(ast.For, program.tree):
        index = round_counter(loop)
        grown = [s for s in every(ast.AugAssign, loop) if isinstance(s.op, ast.Add)]
        counts = {ast.unparse(s.target) for s in grown if isinstance(s.value, ast.Name) and s.value.id == index}
        sums = {ast.unparse(s.target) for s in grown} - counts
        for node in walk(program.tree) if index and counts else ():
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and node.lineno > loop.lineno:
                divided, by = ast.unparse(node.left), {ast.unparse(n) for n in walk(node.right)}
                if divided in sums and by & counts:
                    where = next(s for s in grown if ast.unparse(s.target) in by & counts)
                    yield WrongDivisor(
                        Site(program.unit, where),
                        f"`{divided}` by a sum of the rounds' numbers, {index} = 0, 1, 2, ...",
                        "the number of rounds: add 1 in each",
                    )
