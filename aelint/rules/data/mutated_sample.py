"""A data set changes its stored samples when they are read.

## What it does

Reports changes in place inside `__getitem__` (or a helper that it calls) to a part of the stored data,
and stored samples that are replaced by their own transformed version. Where a function outside the class changes
what it is given, the place is where the sample is taken for it.

## Why is this bad?

Indexing an array or a tensor with a number gives a view. Noise, holes and scaling written into it stay
in the data set and pile up from epoch to epoch; the "clean" target is corrupted too.

## Example

```python
import numpy as np
from torch.utils.data import Dataset

class Holes(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        y = np.random.randint(24)
        image[y:y + 4] = 0.0
        return image
```

## Use instead

```python
import numpy as np
from torch.utils.data import Dataset

class Holes(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index].copy()
        y = np.random.randint(24)
        image[y:y + 4] = 0.0
        return image
```

## Known limits

Writing a constant to a fixed place changes nothing the second time, and is left alone. So are entries of
dictionaries that are replaced, and caches that are filled under a condition.

## References

- https://numpy.org/doc/stable/user/basics.copies.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.storage import changes, is_fixed, owner
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.trace import Activation, Context
from aelint.semantics.domain.values import Instance, ListValue, Sym, Value
from aelint.syntax.walk import every, holds

RULE = Rule(
    code="AEL508",
    name="mutated-sample",
    summary="a data set changes its stored samples when they are read",
    severity=Severity.WARNING,
    triggers=(("__getitem__",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each change that reaches the stored data, and for each sample that is handed to one."""
    told: set[ast.AST] = set()
    for finding in chain(_written(program), _called(program), _augmented(program), _replaced(program)):
        if finding.site.node not in told:
            told.add(finding.site.node)
            yield finding


def _visit(context: Context) -> Activation | None:
    """The visit to a sample of a data set during which something happened."""
    for activation in context.stack:
        function = activation.function
        if function.name == "__getitem__" and isinstance(activation.receiver, Instance):
            cls = activation.receiver.cls
            if cls.find("__len__") or any("Dataset" in base for base in cls.external_bases()):
                return activation
    return None


def _stored(program: Program, target: Value, context: Context) -> tuple[str, Sym] | None:
    """The attribute that holds the sample which `target` shares memory with."""
    visit = _visit(context)
    if visit is None or not isinstance(target, Sym) or not isinstance(visit.receiver, Instance):
        return None
    root, steps = _kept(program, target)
    taken = [s for s in steps if s.op in {"getitem", "item"} and not isinstance(s.attrs.get("index"), str)]
    for name, value in visit.receiver.attrs.items():
        if taken and owner(program, value)[0] is root:
            return name, taken[-1]
        if (
            isinstance(root, Sym)
            and isinstance(value, ListValue)
            and any(owner(program, v)[0] is root for v in value.items)
        ):
            return name, root
    return None


def _kept(program: Program, target: Sym) -> tuple[Value, list[Sym]]:
    """The owner of a sample's memory and the steps to it, also through an entry of a sample that is a dictionary."""
    root, steps = owner(program, target)
    match root:
        case Sym(op="item", inputs=(Sym() as sample, *_), attrs={"index": str()}):
            behind, more = owner(program, sample)
            # Only a list certainly holds the dictionaries that it gives; an entry that was replaced is a new one.
            if isinstance(behind, ListValue) and not any(step.op == "setitem" for step in more):
                return behind, [*steps, root, *more]
        case _:
            pass
    return root, steps


def _finding(program: Program, site: Site, context: Context, name: str, taken: Sym) -> Finding:
    """At the change, or where the sample is taken, or handed on, for a function of no class that changes what it is given."""
    place, changer = _handed_on(program, context, taken), context.function
    if place is not None and changer is not None and changer.owner is None and not holds(changer.node, place.node):
        message = f"this sample of `self.{name}` is changed in place by `{changer.name}`, again at every visit: hand on a copy"
        return Finding(place, message, (Note(site, "it is changed here"),))
    notes = (Note(place, f"this shares the memory of `self.{name}`"),) if place and place.node is not site.node else ()
    message = f"this changes the sample that is stored in `self.{name}`, again at every visit: change a copy"
    return Finding(site, message, notes)


def _handed_on(program: Program, context: Context, taken: Sym) -> Site | None:
    """Where a method that only reads samples returns this one, else where it is taken."""
    visit = _visit(context)
    if taken.site is None or visit is None or holds(visit.function.node, taken.site.node):
        return taken.site
    readers = [a.function.node for r in program.returns for a in r.context.stack[-1:] if visit in r.context.stack]
    ends = [end for reader in readers if holds(reader, taken.site.node) for end in every(ast.Return, reader)]
    return Site(taken.site.unit, ends[0]) if len({id(end) for end in ends}) == 1 else taken.site


def _written(program: Program) -> Iterator[Finding]:
    for store in program.stores:
        if store.name or isinstance(store.index, str) or (is_fixed(store.index) and is_fixed(store.value)):
            continue
        found = _stored(program, store.target, store.context)
        if found is not None:
            yield _finding(program, store.site, store.context, *found)


_IDEMPOTENT = frozenset({"clamp_", "fill_", "zero_", "abs_", "squeeze_", "unsqueeze_", "resize_", "transpose_", "t_"})


def _called(program: Program) -> Iterator[Finding]:
    for call in changes(program).values():
        found = _stored(program, call.receiver, call.context) if call.method not in _IDEMPOTENT else None
        if found is not None:
            yield _finding(program, call.site, call.context, *found)


def _augmented(program: Program) -> Iterator[Finding]:
    """`image *= scale` on what is certainly an array: numbers are never changed in place."""
    for binding in program.bindings:
        function, value = binding.context.function, binding.value
        if function is None or not isinstance(value, Sym) or not value.inputs or _visit(binding.context) is None:
            continue
        statement = next((n for n in every(ast.AugAssign, function.node) if n.target is binding.site.node), None)
        before = value.inputs[0]
        if statement is None or not isinstance(before, Sym) or not _is_array(program, before):
            continue
        found = _stored(program, before, binding.context)
        if found is not None:
            yield _finding(program, Site(binding.site.unit, statement), binding.context, *found)


def _is_array(program: Program, value: Sym) -> bool:
    """Whether a sample certainly has axes of its own."""
    root = owner(program, value)[0]
    return bool(value.shape) or (isinstance(root, Sym) and root.shape is not None and len(root.shape) > 1)


def _replaced(program: Program) -> Iterator[Finding]:
    """`self.images[index] = self.augment(self.images[index])`."""
    for store in program.stores:
        visit = _visit(store.context)
        if visit is None or store.name or store.context.guards or isinstance(store.index, str) or is_fixed(store.index):
            continue
        attrs = visit.receiver.attrs if isinstance(visit.receiver, Instance) else {}
        root = owner(program, store.target)[0]
        name = next((n for n, v in attrs.items() if owner(program, v)[0] is root), None)
        before = [a for a in ancestors(store.value) if a is not store.value]
        again = [a for a in before if a.op in {"getitem", "item"} and a.inputs and a.inputs[0] is store.target]
        same = any(a.attrs.get("index") is store.index for a in again)
        if name is not None and same and _is_handed_out(program, visit, root):
            message = f"the stored sample of `self.{name}` is replaced by its transformed version, which is transformed again next time"
            yield Finding(store.site, message)


def _is_handed_out(program: Program, visit: Activation, root: Value) -> bool:
    """Whether the visit returns what it read there: counts of visits are kept beside the samples."""
    returned = (s for r in program.returns if r.context.stack[-1:] == (visit,) for s in parts(r.value))
    return any(owner(program, one)[0] is root for s in returned for one in ancestors(s))
