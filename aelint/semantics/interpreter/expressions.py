"""Evaluate expressions: one small function per kind of node, found by the node's type."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from aelint.semantics.domain.trace import FlagTest
from aelint.semantics.domain.truth import truth
from aelint.semantics.domain.values import MISSING, Bound, DictValue, Function, Instance, ListValue, Splice, Sym, Value
from aelint.semantics.interpreter import arithmetic, attributes, calls
from aelint.semantics.interpreter.containers import distinct
from aelint.semantics.interpreter.iteration import iterate
from aelint.semantics.interpreter.joins import merge
from aelint.semantics.interpreter.machine import Frame, OutOfFuelError
from aelint.semantics.interpreter.scopes import Scope
from aelint.semantics.interpreter.writes import write

__all__ = ["evaluate", "evaluate_all"]

Evaluator: TypeAlias = Callable[[Frame, Any], Value]


def evaluate(frame: Frame, node: ast.expr) -> Value:
    """The value of an expression; unknown parts become `Sym`."""
    machine = frame.machine
    machine.steps += 1
    if machine.steps > machine.root_limit:
        raise OutOfFuelError
    evaluator = _EVALUATORS.get(type(node))
    return evaluator(frame, node) if evaluator else frame.unknown("expression", node=node)


def evaluate_all(frame: Frame, nodes: list[ast.expr]) -> tuple[Value, ...]:
    """The values of several expressions; starred ones are spliced in."""
    values: list[Value] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            items, complete = iterate(frame, evaluate(frame, node.value), node)
            values.extend(items if complete else [Splice(tuple(items))])
        else:
            values.append(evaluate(frame, node))
    return tuple(values)


def _constant(_frame: Frame, node: ast.Constant) -> Value:
    return node.value


def _name(frame: Frame, node: ast.Name) -> Value:
    value = frame.scope.lookup(node.id)
    if value is not MISSING:
        return value
    value = attributes.builtin(frame, node.id)
    if value is not MISSING:
        return value
    # A fragment reads names that it never binds: one value per name, so that two reads are the same.
    value = Sym("name", (), {"id": node.id}, frame.site(node), name=node.id)
    frame.module.scope.names[node.id] = value
    return value


def _attribute(frame: Frame, node: ast.Attribute) -> Value:
    return attributes.get(frame, evaluate(frame, node.value), node.attr, node)


def _tuple(frame: Frame, node: ast.Tuple) -> Value:
    values = evaluate_all(frame, node.elts)
    if any(isinstance(v, Splice) for v in values):
        return ListValue([v for v in values if not isinstance(v, Splice)], complete=False, site=frame.site(node))
    return values


def _list(frame: Frame, node: ast.List | ast.Set) -> Value:
    values = evaluate_all(frame, node.elts)
    items = [i for v in values for i in (v.items if isinstance(v, Splice) else (v,))]
    complete = not any(isinstance(v, Splice) for v in values)
    if isinstance(node, ast.Set):
        return ListValue(distinct(items), complete, frame.site(node), "set")
    return ListValue(items, complete, frame.site(node))


def _dict(frame: Frame, node: ast.Dict) -> Value:
    result = DictValue({}, site=frame.site(node))
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = evaluate(frame, value_node)
        if key_node is None:
            match value:
                case DictValue():
                    result.items.update(value.items)
                    result.complete &= value.complete
                case _:
                    result.complete = False
            continue
        key = evaluate(frame, key_node)
        if isinstance(key, (str, int, float, bool)) or key is None:
            result.items[key] = value
        else:
            result.complete = False
    return result


def _binary(frame: Frame, node: ast.BinOp) -> Value:
    return arithmetic.binary(
        frame, type(node.op).__name__, evaluate(frame, node.left), evaluate(frame, node.right), node
    )


def _unary(frame: Frame, node: ast.UnaryOp) -> Value:
    operand = evaluate(frame, node.operand)
    if isinstance(node.op, ast.Not):
        known = truth(operand)
        return (not known) if known is not None else frame.unknown("not", operand, node=node)
    return arithmetic.unary(frame, type(node.op).__name__, operand, node)


def _bool_op(frame: Frame, node: ast.BoolOp) -> Value:
    wanted = isinstance(node.op, ast.And)
    kept: list[Value] = []
    for part in node.values:
        value = evaluate(frame, part)
        known = truth(value)
        if known is not None and known != wanted:
            # `and` stops at the first false, `or` at the first true value.
            if wanted:
                return value
            kept.append(value)
            break
        if known is None or part is node.values[-1]:
            kept.append(value)
    if len(kept) == 1:
        return kept[0]
    if not isinstance(node.op, ast.And):
        return merge(kept)
    return Sym("and", tuple(kept), {}, frame.site(node), kind="bool")


def _compare(frame: Frame, node: ast.Compare) -> Value:
    left = evaluate(frame, node.left)
    match node.comparators:
        case [ast.Constant(value=True)]:
            frame.machine.record(FlagTest(frame.site(node), frame.machine.context, frame.machine.tick(), left))
    result: Value = True
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = evaluate(frame, right_node)
        outcome = arithmetic.compare(frame, type(op).__name__, left, right, node)
        known = truth(outcome) if not isinstance(outcome, Sym) else None
        if known is False:
            return False
        if known is None:
            result = outcome
        left = right
    return result


def _conditional(frame: Frame, node: ast.IfExp) -> Value:
    test = evaluate(frame, node.test)
    match truth(test):
        case True:
            return evaluate(frame, node.body)
        case False:
            return evaluate(frame, node.orelse)
    with frame.machine.guarded(node.test, taken=True):
        body = evaluate(frame, node.body)
    with frame.machine.guarded(node.test, taken=False):
        return merge([body, evaluate(frame, node.orelse)])


def _subscript(frame: Frame, node: ast.Subscript) -> Value:
    return attributes.item(frame, evaluate(frame, node.value), evaluate(frame, node.slice), node)


def _slice(frame: Frame, node: ast.Slice) -> Value:
    parts = [None if part is None else evaluate(frame, part) for part in (node.lower, node.upper, node.step)]
    return slice(*parts)


def _call(frame: Frame, node: ast.Call) -> Value:
    args = None
    match node.func:
        case ast.Attribute(
            attr="update",
            value=ast.Attribute(attr="__dict__", value=ast.Name() as owner)
            | ast.Call(func=ast.Name(id="vars"), args=[ast.Name() as owner]),
        ) if isinstance(instance := evaluate(frame, owner), Instance):
            return _filled(frame, instance, node)
        case ast.Attribute(value=receiver_node, attr=name):
            receiver = evaluate(frame, receiver_node)
            callee = attributes.get(frame, receiver, name, node.func, calling=True)
            if (
                isinstance(callee, Bound)
                and isinstance(callee.method, str)
                and name.endswith("_")
                and not name.endswith("__")
            ):
                args, kwargs = _arguments(frame, node)
                result = calls.call(frame, callee, args, kwargs, node)
                _rebind(frame, receiver_node, receiver, result)
                return result
        case ast.Name(id="super"):
            return calls.super_of(frame, evaluate_all(frame, node.args))
        case ast.Name(id="locals") if not node.args:
            return DictValue(dict(frame.scope.names), complete=True, site=frame.site(node))
        case _:
            callee = evaluate(frame, node.func)
    args, kwargs = _arguments(frame, node)
    return calls.call(frame, callee, args, kwargs, node)


def _filled(frame: Frame, instance: Instance, node: ast.Call) -> Value:
    """`self.__dict__.update(settings)`: each entry becomes an attribute."""
    args, kwargs = _arguments(frame, node)
    given = [*(one.items for one in args if isinstance(one, DictValue)), kwargs]
    for name, value in (pair for entries in given for pair in entries.items()):
        if isinstance(name, str) and name.isidentifier() and value is not instance:
            attributes.put(frame, instance, name, value, node)
    return None


def _arguments(frame: Frame, node: ast.Call) -> tuple[tuple[Value, ...], dict[str, Value]]:
    args = evaluate_all(frame, node.args)
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluate(frame, keyword.value)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, DictValue):
            kwargs.update({k: v for k, v in value.items.items() if isinstance(k, str)})
            if not value.complete:
                kwargs["**"] = value
        else:
            kwargs["**"] = value
    return args, kwargs


def _rebind(frame: Frame, node: ast.expr, receiver: Value, result: Value) -> None:
    # `x.mul_(2)` changes what the name x stands for.
    if not isinstance(receiver, Sym) or not isinstance(result, Sym):
        return
    match node:
        case ast.Name(id=name) if frame.scope.lookup(name) is receiver:
            frame.bind(name, result)
        case ast.Attribute(value=owner, attr=name):
            attributes.put(frame, evaluate(frame, owner), name, result, node)
        case _:
            pass
    write(frame, receiver, result.range)


def _lambda(frame: Frame, node: ast.Lambda) -> Value:
    return Function("<lambda>", node, frame.module, frame.scope, calls.defaults_of(frame, node, evaluate))


def _comprehension(frame: Frame, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    items: list[Value] = []
    machine = frame.machine
    machine.heap.enter()
    complete = _each(frame, node.generators, lambda inner: items.append(evaluate(inner, node.elt)))
    changed = machine.heap.leave(undo=False)
    if not complete:
        _leave_open(thing for thing, _, _ in changed.values())
    kind = _COMPREHENDED[type(node)]
    tested = not complete and any(generator.ifs for generator in node.generators)
    kept = distinct(items) if kind == "set" else items
    return ListValue(kept, complete, frame.site(node), kind, perhaps_empty=tested)


_COMPREHENDED = {ast.ListComp: "list", ast.SetComp: "set", ast.GeneratorExp: "generator"}


def _leave_open(lists: Iterable[object]) -> None:
    """`[layers.append(b) for b in blocks]`: what one of an unknown number of rounds appended stands for more."""
    for thing in lists:
        if isinstance(thing, ListValue):
            thing.complete = False


def _dict_comprehension(frame: Frame, node: ast.DictComp) -> Value:
    result = DictValue({}, site=frame.site(node))

    def store(inner: Frame) -> None:
        key = evaluate(inner, node.key)
        value = evaluate(inner, node.value)
        if isinstance(key, (str, int, bool)):
            result.items[key] = value
        else:
            result.complete = False

    complete = _each(frame, node.generators, store)
    result.complete &= complete
    return result


def _each(frame: Frame, generators: list[ast.comprehension], body: Callable[[Frame], None]) -> bool:
    from aelint.semantics.interpreter.statements import assign  # noqa: PLC0415  # expressions and statements contain each other

    if not generators:
        body(frame)
        return True
    generator, *rest = generators
    items, complete = iterate(frame, evaluate(frame, generator.iter), generator.iter)
    for item in items:
        inner = Frame(frame.machine, frame.module, Scope(parent=frame.scope), frame.function, frame.receiver)
        assign(inner, generator.target, item)
        kept: bool | None = True
        for test in generator.ifs:
            outcome = truth(evaluate(inner, test))
            kept = kept and outcome if outcome is not None or kept is False else None
        if kept is False:
            continue
        complete &= kept is True
        complete &= _each(inner, rest, body)
    return complete


def _named(frame: Frame, node: ast.NamedExpr) -> Value:
    value = evaluate(frame, node.value)
    frame.bind(node.target.id, value)
    return value


def _joined_string(frame: Frame, node: ast.JoinedStr) -> Value:
    # All parts are computed, even where the text is already unknown: `f"{epoch:03d} {validate(model)}"` runs a model.
    parts = [_part_of_string(frame, part) for part in node.values]
    texts = [part for part in parts if part is not None]
    if len(texts) == len(parts):
        return "".join(texts)
    return Sym("string", (), {}, frame.site(node), kind="object", tensor=False)


def _part_of_string(frame: Frame, part: ast.expr) -> str | None:
    """The text of a part, None where it is unknown."""
    match part:
        case ast.FormattedValue(value=inner, conversion=conversion, format_spec=spec):
            value, plain = evaluate(frame, inner), spec is None and conversion == -1
        case _:
            value, plain = evaluate(frame, part), True
    return str(value) if plain and isinstance(value, (str, int, float, bool)) else None


def _yield(frame: Frame, node: ast.Yield) -> Value:
    frame.yields.append(evaluate(frame, node.value) if node.value else None)
    return None


def _yield_from(frame: Frame, node: ast.YieldFrom) -> Value:
    items, _ = iterate(frame, evaluate(frame, node.value), node)
    frame.yields.extend(items)
    return None


def _await(frame: Frame, node: ast.Await | ast.Starred) -> Value:
    return evaluate(frame, node.value)


_EVALUATORS: dict[type[ast.expr], Evaluator] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _list,
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _bool_op,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Call: _call,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.NamedExpr: _named,
    ast.JoinedStr: _joined_string,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
    ast.Await: _await,
    ast.Starred: _await,
}
