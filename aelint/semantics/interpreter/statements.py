"""Run statements. Branches on unknown conditions are both run and joined."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.truth import truth
from aelint.semantics.domain.values import Bound, DictValue, External, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter import (
    arithmetic,
    attributes,
    calls,
    classes,
    expressions,
    imports,
    iteration,
    layers,
    loops,
)
from aelint.semantics.interpreter.joins import merge
from aelint.semantics.interpreter.machine import Flow, Frame
from aelint.semantics.interpreter.writes import write
from aelint.semantics.operators.api import facts_of
from aelint.syntax.walk import walk

__all__ = ["NO_GRAD", "assign", "evaluate", "execute"]

NO_GRAD = frozenset({"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad"})


def evaluate(frame: Frame, node: ast.expr) -> Value:
    """The value of an expression."""
    return expressions.evaluate(frame, node)


def execute(frame: Frame, body: list[ast.stmt]) -> Flow:
    """Run statements until one leaves the block."""
    for statement in body:
        frame.machine.step()
        flow = _RUNNERS[type(statement)](frame, statement)
        if flow is not Flow.NEXT:
            return flow
    return Flow.NEXT


def assign(frame: Frame, target: ast.expr, value: Value) -> None:
    """Bind a value to an assignment target."""
    match target:
        case ast.Name(id=name):
            frame.bind(name, value)
            machine = frame.machine
            machine.record(Binding(frame.site(target), machine.context, machine.tick(), name, value, frame.scope))
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            _unpack(frame, elts, value, target)
        case ast.Attribute(value=owner, attr=name):
            attributes.put(frame, evaluate(frame, owner), name, value, target)
        case ast.Subscript(value=container, slice=index):
            owner_value = evaluate(frame, container)
            changed = attributes.set_item(frame, owner_value, evaluate(frame, index), value, target)
            if changed is not owner_value:
                _store_back(frame, container, changed)
        case ast.Starred(value=inner):
            assign(frame, inner, value if isinstance(value, ListValue) else ListValue([value], complete=False))


def _store_back(frame: Frame, container: ast.expr, changed: Value) -> None:
    # The written tensor is another node of the graph: whoever holds the old one by this name holds the new one.
    if isinstance(container, ast.Name):
        frame.bind(container.id, changed)
    elif isinstance(container, ast.Attribute):
        owner = evaluate(frame, container.value)
        if isinstance(owner, Instance):
            frame.machine.heap.touch(owner)
            owner.attrs[container.attr] = changed


def _unpack(frame: Frame, targets: list[ast.expr], value: Value, node: ast.AST) -> None:
    stars = [i for i, t in enumerate(targets) if isinstance(t, ast.Starred)]
    if not stars:
        for target, item in zip(targets, iteration.unpack(frame, value, len(targets), node), strict=True):
            assign(frame, target, item)
        return
    items = list(value) if isinstance(value, tuple) else value.items if isinstance(value, ListValue) else None
    before, after = stars[0], len(targets) - stars[0] - 1
    if items is None or len(items) < before + after:
        for position, target in enumerate(targets):
            index = position if position < before else position - len(targets)
            rest = position == before
            item = frame.unknown("element", value, node=node) if rest else attributes.item(frame, value, index, node)
            assign(frame, target, item)
        return
    for target, item in zip(targets[:before], items[:before], strict=True):
        assign(frame, target, item)
    assign(frame, targets[before], ListValue(items[before : len(items) - after]))
    for target, item in zip(targets[before + 1 :], items[len(items) - after :], strict=True):
        assign(frame, target, item)


def _assign(frame: Frame, node: ast.Assign) -> Flow:
    value = evaluate(frame, node.value)
    for target in node.targets:
        assign(frame, target, value)
    return Flow.NEXT


def _annotated(frame: Frame, node: ast.AnnAssign) -> Flow:
    if node.value is not None:
        assign(frame, node.target, evaluate(frame, node.value))
    return Flow.NEXT


def _augmented(frame: Frame, node: ast.AugAssign) -> Flow:
    left = evaluate(frame, node.target)
    right = evaluate(frame, node.value)
    if isinstance(node.op, ast.Add) and isinstance(left, ListValue):
        # `layers += [...]` changes the list in place.
        items, complete = iteration.iterate(frame, right, node)
        frame.machine.heap.touch(left)
        left.items = [*left.items, *items]
        left.complete &= complete
        return Flow.NEXT
    if isinstance(node.op, ast.Add) and isinstance(left, Object) and left.children is not None:
        # `nn.ModuleList` and `nn.Sequential` are extended in place as well.
        layers.object_method(frame, left, "extend", (right,), {}, node)
        return Flow.NEXT
    value = arithmetic.binary(frame, type(node.op).__name__, left, right, node)
    if isinstance(left, Sym) and left.tensor:
        write(frame, left, facts_of(value).range)
    assign(frame, node.target, loops.counted(frame, node, left, value))
    return Flow.NEXT


def _expression(frame: Frame, node: ast.Expr) -> Flow:
    evaluate(frame, node.value)
    return Flow.NEXT


def _return(frame: Frame, node: ast.Return) -> Flow:
    frame.returns.append(evaluate(frame, node.value) if node.value is not None else None)
    return Flow.RETURN


def _raise(frame: Frame, node: ast.Raise) -> Flow:
    if node.exc is not None:
        evaluate(frame, node.exc)
    return Flow.RAISE


def _if(frame: Frame, node: ast.If) -> Flow:
    value = evaluate(frame, node.test)
    outcome = truth(value)
    frame.machine.decide(node, outcome)
    match outcome:
        case True:
            return execute(frame, node.body)
        case False:
            return execute(frame, node.orelse)
    return _branches(
        frame,
        [
            (lambda: execute(frame, node.body), node.test, True),
            (lambda: execute(frame, node.orelse), node.test, False),
        ],
        value,
    )


def _branches(frame: Frame, runs: list[tuple[Callable[[], Flow], ast.AST, bool]], value: Value = None) -> Flow:
    machine = frame.machine
    ended: list[tuple[Flow, dict[int, Any]]] = []
    for run, test, taken in runs:
        machine.heap.enter()
        try:
            with machine.guarded(test, taken=taken, value=value):
                flow = run()
        finally:
            changed = machine.heap.leave(undo=True)
        ended.append((flow, changed))
    going = [changed for flow, changed in ended if flow not in {Flow.RETURN, Flow.RAISE}]
    if not going:
        machine.heap.join([ended[0][1]], merge)
        return Flow.RETURN if any(flow is Flow.RETURN for flow, _ in ended) else Flow.RAISE
    machine.heap.join(going, merge)
    flows = {flow for flow, _ in ended if flow not in {Flow.RETURN, Flow.RAISE}}
    # A branch that may leave the loop does not stop the others: what follows is run with the joined state.
    return flows.pop() if len(flows) == 1 and len(going) == len(ended) else Flow.NEXT


def _with(frame: Frame, node: ast.With | ast.AsyncWith) -> Flow:
    off: bool | None = None
    for item in node.items:
        manager = evaluate(frame, item.context_expr)
        switched = _switches_grad_off(manager)
        off = off if switched is None else switched
        if item.optional_vars is not None:
            assign(frame, item.optional_vars, _entered(frame, manager, item.context_expr))
    with frame.machine.without_grad(off=off):
        return execute(frame, node.body)


def _switches_grad_off(manager: Value) -> bool | None:
    """Whether a block records no graph; None where it goes on as before."""
    match manager:
        case Sym(op="call", attrs={"callee": External(name="torch.enable_grad" | "torch.autograd.enable_grad")}):
            return False
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return True if name in NO_GRAD else None
        case Sym(op="call", attrs={"callee": Sym(name=name)}):
            return True if name in {"no_grad", "inference_mode"} else None
        case _:
            return None


def _entered(frame: Frame, manager: Value, node: ast.AST) -> Value:
    if isinstance(manager, Instance):
        method = manager.cls.find("__enter__")
        if isinstance(method, Function):
            return calls.call(frame, Bound(manager, method), (), {}, node)
    if isinstance(manager, ListValue) and manager.kind == "generator":
        return manager.items[0] if manager.items else None
    return frame.unknown("entered", manager, node=node)


def _try(frame: Frame, node: ast.Try) -> Flow:
    flow = execute(frame, node.body)
    if flow is Flow.NEXT:
        flow = execute(frame, node.orelse)
    only_imports = all(isinstance(s, (ast.Import, ast.ImportFrom)) for s in node.body)
    if node.handlers and not only_imports:
        body_flow = flow
        runs = [(lambda: body_flow, node.handlers[0], False)]
        runs += [(lambda h=handler: _handler(frame, h), handler, True) for handler in node.handlers]  # type: ignore[misc]
        flow = _branches(frame, runs)  # type: ignore[arg-type]
    final = execute(frame, node.finalbody)
    return final if final is not Flow.NEXT else flow


def _handler(frame: Frame, handler: ast.ExceptHandler) -> Flow:
    if handler.name:
        frame.bind(handler.name, frame.unknown("exception", node=handler))
    return execute(frame, handler.body)


def _function(frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
    frame.bind(node.name, _decorated(frame, node, classes.define_function(frame, node)))
    return Flow.NEXT


def _decorated(frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef, function: Value) -> Value:
    """The function as the project's own decorators leave it; others are taken to keep what it does."""
    for expression in reversed(node.decorator_list):
        named = expression.func if isinstance(expression, ast.Call) else expression
        if not isinstance(named, ast.Name) or not isinstance(frame.scope.lookup(named.id), Function):
            continue
        wrapped = calls.call(frame, evaluate(frame, expression), (function,), {}, expression)
        function = wrapped if isinstance(wrapped, Function) else function
    return function


def _class(frame: Frame, node: ast.ClassDef) -> Flow:
    frame.bind(node.name, classes.define_class(frame, node))
    return Flow.NEXT


def _import(frame: Frame, node: ast.Import | ast.ImportFrom) -> Flow:
    imports.run_import(frame, node)
    return Flow.NEXT


def _global(frame: Frame, node: ast.Global) -> Flow:
    frame.scope.globals_declared.update(node.names)
    return Flow.NEXT


def _nonlocal(frame: Frame, node: ast.Nonlocal) -> Flow:
    frame.scope.nonlocals_declared.update(node.names)
    return Flow.NEXT


def _delete(frame: Frame, node: ast.Delete) -> Flow:
    for target in node.targets:
        match target:
            case ast.Name(id=name):
                frame.machine.heap.touch(frame.scope)
                frame.scope.names.pop(name, None)
            case ast.Attribute(value=owner_node, attr=name):
                owner = evaluate(frame, owner_node)
                if isinstance(owner, Instance):
                    frame.machine.heap.touch(owner)
                    owner.attrs.pop(name, None)
            case ast.Subscript(value=owner_node, slice=index_node):
                _delete_item(frame, evaluate(frame, owner_node), evaluate(frame, index_node))
    return Flow.NEXT


def _delete_item(frame: Frame, owner: Value, index: Value) -> None:
    match owner, index:
        case ListValue(items=items, complete=True), int() if -len(items) <= index < len(items):
            frame.machine.heap.touch(owner)
            del items[index]
        case ListValue(), _:
            frame.machine.heap.touch(owner)
            owner.items, owner.complete = [], False
        case DictValue(items=items), str() | int():
            frame.machine.heap.touch(owner)
            items.pop(index, None)


def _assert(frame: Frame, node: ast.Assert) -> Flow:
    return Flow.RAISE if truth(evaluate(frame, node.test)) is False else Flow.NEXT


def _match(frame: Frame, node: ast.Match) -> Flow:
    subject = evaluate(frame, node.subject)
    runs: list[tuple[Callable[[], Flow], ast.AST, bool]] = []
    for case in node.cases:
        known = _matches(frame, case.pattern, subject)
        if known is False:
            continue
        runs.append((lambda c=case: _case(frame, c, subject), case.pattern, True))  # type: ignore[misc]
        if known is True and case.guard is None:
            break
    return _branches(frame, runs) if runs else Flow.NEXT


def _matches(frame: Frame, pattern: ast.pattern, subject: Value) -> bool | None:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchValue(value=node):
            return truth(arithmetic.compare(frame, "Eq", subject, evaluate(frame, node), node))
        case ast.MatchOr(patterns=patterns):
            found = [_matches(frame, p, subject) for p in patterns]
            return True if True in found else (None if None in found else False)
        case _:
            return None


def _case(frame: Frame, case: ast.match_case, subject: Value) -> Flow:
    for pattern in walk(case.pattern):
        if isinstance(pattern, (ast.MatchAs, ast.MatchStar)) and pattern.name:
            whole = pattern is case.pattern
            frame.bind(pattern.name, subject if whole else frame.unknown("item", subject, node=pattern))
    if case.guard is not None and truth(evaluate(frame, case.guard)) is False:
        return Flow.NEXT
    return execute(frame, case.body)


_RUNNERS: dict[type[ast.stmt], Callable[[Frame, Any], Flow]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.If: _if,
    ast.For: loops.run_for,
    ast.AsyncFor: loops.run_for,
    ast.While: loops.run_while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.Delete: _delete,
    ast.Assert: _assert,
    ast.Match: _match,
    ast.Pass: lambda _frame, _node: Flow.NEXT,
    ast.Break: lambda _frame, _node: Flow.BREAK,
    ast.Continue: lambda _frame, _node: Flow.CONTINUE,
}
