"""Run statements. Branches on unknown conditions are both run and joined; loops run a bounded number of rounds."""

from __future__ import annotations

import ast
from collections.abc import Callable
from enum import Enum
from typing import Any

from aelint.semantics import arithmetic, attributes, calls, classes, expressions, imports, iteration, layers
from aelint.semantics.joins import merge
from aelint.semantics.kinds import is_module
from aelint.semantics.machine import Frame
from aelint.semantics.trace import Binding
from aelint.semantics.truth import truth
from aelint.semantics.values import Bound, DictValue, External, Function, Instance, ListValue, Object, Sym, Value
from aelint.syntax.walk import once_per_node, walk

__all__ = ["NO_GRAD", "Flow", "assign", "evaluate", "execute"]

UNKNOWN_ROUNDS = 2
"""Rounds of a loop whose length is unknown: the second shows what the first left behind."""

_ORDER_WORDS = frozenset({"backward", "step", "zero_grad", "manual_backward", "training_step"})
NO_GRAD = frozenset({"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad"})


class Flow(Enum):
    """How a block was left."""

    NEXT = 0
    RETURN = 1
    BREAK = 2
    CONTINUE = 3
    RAISE = 4


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
    assign(frame, node.target, arithmetic.binary(frame, type(node.op).__name__, left, right, node))
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
    match truth(value):
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


def _for(frame: Frame, node: ast.For | ast.AsyncFor) -> Flow:
    iterable = evaluate(frame, node.iter)
    items, complete = iteration.iterate(frame, iterable, node.iter)
    if _has_order_words(node) and len(items) > UNKNOWN_ROUNDS and not _are_parts(items):
        items, complete = items[:UNKNOWN_ROUNDS], False
    if complete:
        return _known_rounds(frame, node, items, iterable)
    rounds = items if len(items) >= UNKNOWN_ROUNDS else items * UNKNOWN_ROUNDS

    def run(round_: int) -> Flow:
        item = rounds[round_]
        if round_ and item is rounds[0]:
            item = iteration.element(frame, iterable, node.iter) if not isinstance(iterable, range) else item
        assign(frame, node.target, item)
        return execute(frame, node.body)

    return _unknown_rounds(frame, node, run, iterable)


def _are_parts(items: list[Value]) -> bool:
    """Whether a loop goes over networks or optimisers: `for net in nets: net.zero_grad()` leaves none of them out."""
    return all(isinstance(i, (Object, Instance)) for i in items)


@once_per_node
def _has_order_words(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in _ORDER_WORDS for n in walk(node))


def _known_rounds(frame: Frame, node: ast.For | ast.AsyncFor, items: list[Value], iterable: Value) -> Flow:
    machine = frame.machine
    started = machine.steps
    machine.heap.enter()
    flow = Flow.NEXT
    for round_, item in enumerate(items):
        if round_ >= UNKNOWN_ROUNDS and machine.steps - started > machine.limits.steps_per_loop:
            # Too dear to be followed to its end: what it changes may become anything in the rounds that are left.
            total = machine.heap.leave(undo=True)
            untouched = {key: (thing, before, before) for key, (thing, before, _) in total.items()}
            machine.heap.join([untouched, total], _and_more(frame, node))
            return execute(frame, node.orelse)
        with machine.looping(node, round_, iterable):
            assign(frame, node.target, item)
            flow = execute(frame, node.body)
        if flow in {Flow.RETURN, Flow.RAISE, Flow.BREAK}:
            break
    machine.heap.leave(undo=False)
    if flow in {Flow.RETURN, Flow.RAISE}:
        return flow
    return Flow.NEXT if flow is Flow.BREAK else execute(frame, node.orelse)


def _unknown_rounds(
    frame: Frame, node: ast.For | ast.AsyncFor | ast.While, run: Callable[[int], Flow], iterable: Value
) -> Flow:
    # After the loop, whatever it changed is the join of its values before, after one and after more rounds.
    machine = frame.machine
    states = []
    flow = Flow.NEXT
    machine.heap.enter()
    for round_ in range(UNKNOWN_ROUNDS):
        machine.heap.enter()
        # Which of the blocks of an open list comes in which round is a guess.
        guess = round_ > 0 or (isinstance(iterable, (ListValue, Object, Instance, Sym)) and _holds_modules(iterable))
        with machine.looping(node, round_, iterable, speculative=guess):
            flow = run(round_)
        states.append(machine.heap.leave(undo=False))
        if flow in {Flow.RETURN, Flow.RAISE, Flow.BREAK}:
            break
    total = machine.heap.leave(undo=True)
    first = states[0]
    joined = _and_more(frame, node) if _goes_over_modules(iterable) else merge
    machine.heap.join([_after_first(first, total), total] if len(states) > 1 else [total], joined)
    if flow is Flow.RETURN:
        return flow
    return execute(frame, node.orelse)


def _and_more(frame: Frame, node: ast.AST) -> Callable[[list[Value]], Value]:
    """Joins the states of a loop of which some rounds were not looked at: they may give anything."""
    return lambda values: merge([*values, frame.unknown("later", node=node)])


def _goes_over_modules(iterable: Value) -> bool:
    """Whether each round may run another layer: blocks that were not looked at may have other widths."""
    if not isinstance(iterable, ListValue):
        return _holds_modules(iterable)
    flat = [part for item in iterable.items for part in (item if isinstance(item, tuple) else (item,))]
    # `[self.stem, self.layer1]`: a method that runs layers stands for one.
    return any(is_module(part.receiver if isinstance(part, Bound) else part) for part in flat)


def _holds_modules(iterable: Value) -> bool:
    match iterable:
        case ListValue(items=items):
            return any(isinstance(i, (Object, Instance, tuple)) for i in items)
        case Object(children=children):
            return children is not None
        case Instance(base=Object(children=children)):
            return children is not None
        case _:
            return False


def _after_first(first: dict[int, Any], total: dict[int, Any]) -> dict[int, Any]:
    # What the first round did not touch still had its old value after it.
    return {key: first.get(key, (thing, before, before)) for key, (thing, before, _) in total.items()}


def _while(frame: Frame, node: ast.While) -> Flow:
    test = evaluate(frame, node.test)
    if truth(test) is False:
        return execute(frame, node.orelse)

    def run(round_: int) -> Flow:
        if round_:
            evaluate(frame, node.test)
        return execute(frame, node.body)

    return _unknown_rounds(frame, node, run, test)


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
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
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
