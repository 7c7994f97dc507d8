"""Arguments and results that stand in each other's place, as their names on both sides tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import applied, run_by
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import functions_around
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import ClassValue, External, Function, Instance, Value
from aelint.semantics.operators import REGISTRY
from aelint.syntax.names import last_name
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every, holds, once_per_node, own_nodes, walk

__all__ = ["Exchange", "exchanged_arguments", "exchanged_results", "undone"]

Names = list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """Two names that meet each other's counterpart: `first` is given where `second` is meant, and the other way round.

    Attributes:
        site: the call, or the assignment that unpacks the results.
        callee: how the function is called in the source.
        defined: where the function is written, None for one of torch.
    """

    site: Site
    first: str
    second: str
    callee: str
    defined: Site | None


@per_program
def exchanged_arguments(program: Program) -> list[Exchange]:
    """Calls that pass two variables to each other's parameters; each call once."""
    found: dict[int, Exchange] = {}
    for call in program.calls:
        node = call.site.node
        if not isinstance(node, ast.Call) or id(node) in found or call.context.speculative or _is_unknown(call):
            continue
        names, parameters = _given(node), _parameters(call)
        for first, second in _crossed(names, parameters):
            if not _is_meant(call, node, first, second):
                text = ast.unparse(node.func)
                found[id(node)] = Exchange(call.site, first, second, text, _place(call.callee))
    return list(found.values())


@per_program
def exchanged_results(program: Program) -> list[Exchange]:
    """Assignments that unpack two results of a function under each other's names; each once."""
    unpacked: dict[int, tuple[ast.Tuple, ast.Call]] = {}
    for node in walk(program.tree):
        match node:
            case ast.Assign(targets=[ast.Tuple() as target], value=ast.Call() as value):
                unpacked[id(value)] = (target, value)
            case _:
                pass
    # A function that is also looked at by itself makes the call once more, of something unknown.
    asked = (
        c for c in program.calls if id(c.site.node) in unpacked and not c.context.speculative and not _is_unknown(c)
    )
    called = {id(c.site.node): c for c in asked if _results(c.callee)}
    found: list[Exchange] = []
    for place, (target, value) in unpacked.items():
        if (call := called.get(place)) is None:
            continue
        results = _results(call.callee)
        taken = [_full(_name(n), results) for n in target.elts]
        for first, second in _crossed(taken, results):
            if not _is_meant(call, value, first, second):
                site, text = Site(program.unit, target), ast.unparse(value.func)
                found.append(Exchange(site, first, second, text, _place(call.callee)))
    return found


def undone(program: Program, one: Exchange, others: list[Exchange]) -> bool:
    """Whether the same function exchanges the two names back: what is taken under the wrong name is passed under it."""
    again = [other.site.node for other in others if {other.first, other.second} == {one.first, one.second}]
    return any(holds(function.node, other) for function in functions_around(program, one.site.node) for other in again)


def _is_unknown(call: Call) -> bool:
    """Whether `self.part(x)` calls what the object was given elsewhere: the object itself is not what is called."""
    return call.name.startswith(".") and isinstance(call.callee, Instance)


def _name(node: ast.expr) -> str:
    """`mu` for `mu`, `self.mu` and `mu + eps`; empty for what is no plain variable."""
    match node:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name):
            return name
        case ast.BinOp(left=held, op=ast.Add(), right=ast.Constant(value=float(small))) if small < _SMALL:
            return _name(held)
        case ast.BinOp(left=held, op=ast.Add(), right=added) if "eps" in last_name(added):
            return _name(held)
        case _:
            return ""


_SMALL = 1e-3
"""What is added only to keep a number from zero."""


def _given(node: ast.Call) -> Names:
    """The names of the positional arguments, up to the first that is spliced in."""
    names: Names = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            break
        names.append(_name(argument))
    return names


def _parameters(call: Call) -> Names:
    match call.callee:
        case Function(node=node, owner=owner):
            names = positional(node)
            return names[1:] if owner is not None and names[:1] in (["self"], ["cls"]) else names
        case External(name=name) if name in REGISTRY.functions:
            return [key for key, _ in REGISTRY.functions[name].params]
        case External(name=name) if name in REGISTRY.layers:
            return [key for key, _ in REGISTRY.layers[name].init]
        case Instance() | ClassValue() as callee:
            function = run_by(callee)
            return positional(function.node)[1:] if function is not None else []
        case _:
            return []


def _crossed(names: Names, parameters: Names) -> Iterator[tuple[str, str]]:
    """The one pair of names that stand at each other's places; several at once are a new naming of all."""
    pairs = [
        (first, second)
        for i, first in enumerate(names[: len(parameters)])
        for j, second in enumerate(names[: len(parameters)])
        if i < j and _meaning(first) == _meaning(parameters[j]) != _meaning(second) == _meaning(parameters[i])
    ]
    if len(pairs) == 1 and _tell_apart(*pairs[0]):
        yield pairs[0]


def _meaning(name: str) -> str:
    """What a name says, however it is spelled: `log_var` is `logvar`, and the mean of a posterior is its `mu`."""
    plain = name.replace("_", "").lower()
    return next((head for head, spelled in _HEADS.items() if spelled.fullmatch(plain)), plain)


_HEADS = {
    "mean": re.compile(r"[zq]?(mu|mean|means)"),
    "logvar": re.compile(r"[zq]?(log|ln)(var|variance|sigma2|sigmasq)"),
    "std": re.compile(r"[zq]?(std|stddev|sigma)"),
}
"""The two heads of a posterior under the names that people give them."""


def _tell_apart(first: str, second: str) -> bool:
    """Whether names say what they hold: letters and numbers do not, nor do the two sides of a comparison."""
    if min(len(first), len(second)) < 2 or re.sub(r"\d", "", first) == re.sub(r"\d", "", second):
        return False
    if any({first, second} <= side for side in _SIDES):
        return False
    return _LETTER.sub("", first) != _LETTER.sub("", second)


_LETTER = re.compile(r"^[a-z]_|_?[a-z]$")
_SIDES = (
    frozenset({"source", "target"}),
    frozenset({"src", "tgt"}),
    frozenset({"src", "dst"}),
    frozenset({"left", "right"}),
    frozenset({"lhs", "rhs"}),
    frozenset({"first", "second"}),
    frozenset({"query", "key"}),
    frozenset({"student", "teacher"}),
)


_COMPARES = re.compile(r"pair|dist|similar|match|compare|chamfer|emd")
"""Functions of two sets of one kind: which of them gives the rows is a choice."""


def _is_meant(call: Call, node: ast.Call, first: str, second: str) -> bool:
    """Whether both orders are taken: the same function is called with them in their own order too, or they were exchanged before."""
    function = call.context.function
    around, name = (own_nodes(call.site.unit.tree), "") if function is None else (walk(function.node), function.name)
    text = ast.unparse(node.func)
    if _reads_another(node, text, first, second):
        return True
    if first.rsplit("_", 1)[-1] == second.rsplit("_", 1)[-1] and _COMPARES.search(text.lower()):
        return True
    for other in around:
        match other:
            case ast.For(iter=given) if holds(other, node) and "reversed(" in ast.unparse(given):
                return True  # the way back: what came out goes in
            case ast.Call(func=built) if _is_mirrored(ast.unparse(built), text, _given(other), first, second):
                return True
            case ast.Call() if other is not node and ast.unparse(other.func) == text:
                if {first, second} <= set(_given(other)):
                    return True
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                if {first, second} <= {_name(t) for t in targets} and {first, second} <= {_name(v) for v in values}:
                    return True
            case _:
                pass
    return re.search(r"swap|flip|revers|invers|transpos|exchang|mirror", name.lower()) is not None


def _is_class(name: str) -> bool:
    """Whether a name is written as those of classes are, `Decoder` or `iDecoder`."""
    return re.match(r"[a-z]?[A-Z]", name.rsplit(".", 1)[-1]) is not None


def _are_sizes(first: str, second: str) -> bool:
    return _SIZE.search(first.lower()) is not None and _SIZE.search(second.lower()) is not None


def _is_mirrored(name: str, text: str, given: Names, first: str, second: str) -> bool:
    """Whether a layer is built with the sizes in order beside another with the sizes the other way round: down, and up again."""
    built = name != text and _is_class(name) and _is_class(text)
    ordered = [one for one in given if one in {first, second}]
    return built and _are_sizes(first, second) and ordered == [second, first]


def _reads_another(node: ast.Call, text: str, first: str, second: str) -> bool:
    """Whether a layer is built with the sizes of another, `nn.Linear(layer.out_features, layer.in_features)`: its way back."""
    owners = [a.value.id for a in node.args if isinstance(a, ast.Attribute) and isinstance(a.value, ast.Name)]
    return (
        _is_class(text)
        and owners[:2] == owners[:1] * 2
        and owners[:1] not in ([], ["self"])
        and _are_sizes(first, second)
    )


_SIZE = re.compile(r"dim|chan|feat|size|width|(^|_)(in|out)(_|$)")


def _results(callee: Value) -> Names:
    """The names that every end of a function returns, in order."""
    function = applied(callee)
    if function is None or isinstance(function.node, ast.Lambda):
        return []
    ends = _returned(function.node)
    return ends[0] if ends and all(end == ends[0] for end in ends) else []


@once_per_node
def _returned(node: ast.AST) -> list[Names]:
    ends = [one.value for one in every(ast.Return, node)]
    return [[_held(e) for e in end.elts] if isinstance(end, ast.Tuple) else [] for end in ends]


def _held(node: ast.expr) -> str:
    """The variable that is returned, perhaps in another form: `torch.stack(priors)` holds the priors."""
    match node:
        case ast.Call(func=func, args=[ast.Name(id=name), *rest]) if last_name(func).startswith(
            ("stack", "cat", "tuple")
        ):
            return "" if any(isinstance(one, ast.Name) for one in rest) else name
        case _:
            return _name(node)


def _full(name: str, results: Names) -> str:
    """The one result that a name stands for in short: `post` for `posteriors`."""
    longer = [one for one in results if one.startswith(name) and re.fullmatch(r"[a-z]*", one[len(name) :])]
    return longer[0] if len(name) >= _SHORTEST and len(longer) == 1 else name


_SHORTEST = 4
"""Letters that a shortened name keeps."""


def _place(callee: Value) -> Site | None:
    function = run_by(callee)
    return Site(function.module.unit, function.node) if function is not None else None
