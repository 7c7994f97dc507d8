"""Vector quantisers by dataflow: which vector of a codebook is taken for which latent, and who gets gradients.

A quantiser is a look-up in a table at the argmin (or argmax) of something that was computed from the same
table and a latent. No name matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aelint.semantics.dataflow.graph import consumers, nodes, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, origins, source, through_reshapes
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.formulas.linear_forms import Coefficients, Linear, difference, linear, stack_size
from aelint.semantics.interpreter.joins import alternatives

__all__ = [
    "LOOKUPS",
    "Difference",
    "Lookup",
    "choice_of",
    "differences",
    "index_and_table",
    "is_encoded",
    "is_later",
    "is_straight_through",
    "latent_gradient",
    "leaves_of",
    "lookups",
    "marks_of",
    "places_of",
    "reaches_gradient",
    "rewritten",
    "table_of",
]

_LAYERS = ("linear", "conv", "lstm", "gru", "rnn", "batch_norm", "attention", "transformer")
_MEASURES = frozenset(
    {
        "pow", "square", "sum", "mean", "matmul", "mul", "add", "sub", "neg", "cdist", "norm", "abs", "sqrt", "einsum", "t",
        "detach", "normalize", "truediv", "addmm", "baddbmm", "item", "reshape", "data", "linear", "einops.repeat", "repeat",
        "softmax", "log_softmax",
    }
) | RESHAPES  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Vectors taken from a codebook at the index of the nearest one."""

    node: Sym
    """The vectors."""
    chosen: Sym
    """The argmin (or argmax)."""
    measure: Sym
    """What the argmin is taken of."""
    table: Object | Sym
    """The codebook: an embedding layer, a parameter or a buffer."""
    latents: tuple[Sym, ...]
    """What the codebook is compared with, before reshapes."""

    @property
    def trainable(self) -> bool:
        """Whether the codebook is a parameter that an optimiser may change."""
        match self.table:
            case Object(bound=bound):
                return bound.get("_freeze") is not True
            case Sym(op="parameter", attrs=attrs):
                return attrs.get("requires_grad") is not False
            case _:
                return False


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A distance between quantised vectors and the latent that they stand for: a codebook or commitment term."""

    node: Sym
    lookup: Lookup
    vectors: Coefficients
    latent: Coefficients


@per_program
def lookups(program: Program) -> list[Lookup]:
    """Every look-up of the nearest vector in a codebook, in the order in which they happen."""
    return [one for node in nodes_of(program, *LOOKUPS) if (one := _lookup(node)) is not None]


def _lookup(node: Sym) -> Lookup | None:
    taken = index_and_table(node)
    if taken is None:
        return None
    index, table = taken
    key = table_of(table)
    chosen = choice_of(index) if key is not None else None
    if key is None or chosen is None:
        return None
    measure = source(chosen)
    if not isinstance(measure, Sym):
        return None
    leaves = [_in_one_layout(leaf) for leaf in leaves_of(measure)]
    latents = [leaf for leaf in leaves if table_of(leaf) is not key]
    if len(latents) == len(leaves):
        return None
    return Lookup(node, chosen, measure, key, tuple(latents))


LOOKUPS = ("embedding", "getitem", "index_select", "matmul", "einsum")
"""The operations that may take rows from a table."""


def index_and_table(node: Sym) -> tuple[Sym, Value] | None:
    """What picks rows, and the table that they are taken from, of an operation that may be a look-up."""
    match node:
        case Sym(op="embedding", attrs={"input": Sym() as index}):
            return index, node.layer if isinstance(node.layer, Object) else node.attrs.get("weight")
        case Sym(op="getitem" | "index_select", attrs={"input": Sym() as table, "index": Sym() as index}):
            return index, table
        case Sym(op="matmul", attrs={"input": Sym() as index, "other": Sym() as table}):
            return index, table
        case Sym(op="einsum", attrs={"operands": (Sym() as left, Sym() as right)}):
            # A one-hot code times the table, whichever is written first.
            return (left, right) if choice_of(left) is not None else (right, left)
        case _:
            return None


def _in_one_layout(value: Sym) -> Sym:
    """The tensor behind branches that differ in its layout alone: `x` is permuted if it has four axes."""
    first, *others = origins(value)
    return first if isinstance(first, Sym) and all(one is first for one in others) else value


def table_of(value: Value) -> Object | Sym | None:
    """The codebook behind transpositions, normalisation and detaching; an embedding layer stands for its weight."""
    for _ in range(12):
        match value:
            case Object(name="torch.nn.Embedding"):
                return value
            case Sym(op="parameter", attrs={"layer": Object() as layer}):
                return layer
            case Sym(op=op) if op in RESHAPES or op in {"t", "detach", "normalize", "data"}:
                value = source(value)
            case Sym(tensor=True):
                return value
            case _:
                return None
    return None


@per_program
def places_of(program: Program) -> dict[int, frozenset[tuple[int, str]]]:
    """The attributes that each tensor was kept in."""
    kept = [(s.value, (id(s.target), s.name)) for s in program.stores if s.name]
    registered = program.calls_to("register_buffer", "register_parameter", ".register_buffer", ".register_parameter")
    kept += [(c.args[1], (id(c.receiver), str(c.args[0]))) for c in registered if len(c.args) > 1]
    found: dict[int, frozenset[tuple[int, str]]] = {}
    for value, place in kept:
        for one in alternatives(value):
            found[id(one)] = found.get(id(one), frozenset()) | {place}
    return found


def marks_of(program: Program, lookup: Lookup) -> frozenset[object]:
    """What tells the codebook from others: itself, and the attributes it was kept in before and after updates."""
    places = places_of(program)
    tables = [lookup.table, *alternatives(lookup.table)]
    return frozenset(id(one) for one in tables).union(*(places.get(id(one), frozenset()) for one in tables))


_ONE_HOT = RESHAPES | {"one_hot", "scatter", "item", "long", "index", "getitem", "type", "int"}


def choice_of(index: Sym) -> Sym | None:
    """The argmin that an index, or a one-hot matrix, was made from."""
    pending, seen = [index], 0
    while pending and seen < 16:
        one = pending.pop(0)
        seen += 1
        if one.op in {"argmin", "argmax"}:
            return one
        if (positions := _positions(one)) is not None:
            return positions
        if one.op in _ONE_HOT or one.op == "min":
            pending.extend(
                i for i in (*one.inputs, one.attrs.get("index"), one.attrs.get("tensor")) if isinstance(i, Sym)
            )
    return None


def _positions(value: Sym) -> Sym | None:
    """The second result of `max(dim)` and `min(dim)` as the `argmax` or `argmin` that it is."""
    match value:
        case Sym(op="item", attrs={"index": 1}, inputs=(Sym(op="max" | "min") as both, *_)) if "input" in both.attrs:
            return Sym(f"arg{both.op}", both.inputs, both.attrs, value.site or both.site, value.shape, kind="int")
        case _:
            return None


def leaves_of(measure: Sym) -> Iterator[Sym]:
    """What a distance, or a likeness, is measured between."""
    pending: list[Sym] = [measure]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        inner = [i for i in one.inputs if isinstance(i, Sym)]
        if _moves_axes(one):
            pending.append(inner[0])
        elif one.op in _MEASURES and inner and not (one.op == "linear" and one.layer is not None):
            pending.extend(inner)
        else:
            yield one


def _moves_axes(value: Sym) -> bool:
    """Whether an index adds axes, or takes the one place of an axis: `dots[..., 0]`, `norms[..., None]`."""
    match value:
        case Sym(op="getitem", attrs={"index": index}, inputs=(Sym(), *_)):
            parts = index if isinstance(index, tuple) else (index,)
            return all(p is None or p is ... or p == slice(None) or p == 0 for p in parts)
        case _:
            return False


_COMPARISONS = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})


@per_program
def differences(program: Program) -> list[Difference]:
    """Every term that measures how far quantised vectors are from their latents."""
    taken = lookups(program)
    measured = _measured_for_choice(program) if taken else frozenset()
    found: list[Difference] = []
    for node in nodes(program) if taken else ():
        if node.id not in measured:
            found.extend(d for form in _compared(node) if (d := _difference(node, form, taken)) is not None)
    return found


def _difference(node: Sym, form: Linear, taken: list[Lookup]) -> Difference | None:
    # A residual quantiser subtracts what it took before: the term is about the vectors taken last.
    lookup = max((one for one in taken if one.node.id in form), key=lambda one: one.node.id, default=None)
    if lookup is None:
        return None
    vectors = form[lookup.node.id]
    against = [form[z.id] for z in lookup.latents if z.id in form and form[z.id].value * vectors.value < 0]
    return Difference(node, lookup, vectors, against[0]) if against else None


def _measured_for_choice(program: Program) -> frozenset[int]:
    """Ids of what serves the choice of the nearest vector alone: no gradient comes back from there."""
    used = consumers(program)
    only: set[int] = set()
    for node in reversed(nodes(program)):
        users = used.get(node.id, ())
        if users and all(u.op in {"argmin", "argmax"} or u.id in only for u in users):
            only.add(node.id)
    return frozenset(only)


def _compared(node: Sym) -> list[Linear]:
    """A distance as the sums of tensors whose distance from zero it is: one, or one for each of the tensors of a stack."""
    match node:
        case Sym(op=op, attrs={"input": left, "target": right}) if op in _COMPARISONS:
            pass
        case (
            Sym(op="pow", attrs={"input": Sym(op="sub", attrs={"input": left, "other": right}), "exponent": 2 | 2.0})
            | Sym(op="square" | "norm" | "abs", attrs={"input": Sym(op="sub", attrs={"input": left, "other": right})})
        ):
            pass
        case _:
            return []
    count = stack_size(left)
    parts = range(count) if count and count == stack_size(right) else (None,)
    forms = (difference(left, right, k) for k in parts)
    return [form for form in forms if form is not None]


@dataclass(slots=True)
class _Walk:
    pending: list[Sym]
    seen: set[int] = field(default_factory=set)


def reaches_gradient(program: Program, lookup: Lookup) -> bool:
    """Whether some use of the vectors may hand a gradient to the codebook: not every one goes through `detach`."""
    walk = _Walk([lookup.node])
    used = consumers(program)
    while walk.pending:
        one = walk.pending.pop()
        if one.id in walk.seen:
            continue
        walk.seen.add(one.id)
        for user in used.get(one.id, ()):
            if user.op in {"detach", "argmin", "argmax", "shape", "item"}:
                continue
            if user.op not in RESHAPES and user.op not in {"add", "sub", "mul", "neg"}:
                return True
            walk.pending.append(user)
    return any(
        _gives(r.value, walk.seen)
        for r in program.returns
        if len(r.context.stack) == 1 and r.context.stack[0].site is not None
    )


def _gives(value: Value, seen: set[int]) -> bool:
    match value:
        case Sym():
            form = linear(value)
            return value.id in seen and (form is None or any(c.gradient for k, c in form.items() if k in seen))
        case tuple():
            return any(_gives(v, seen) for v in value)
        case _:
            return False


def latent_gradient(form: Linear, lookup: Lookup) -> float:
    """The gradient that a sum passes to the latents, by themselves or by what was computed from them."""
    latents = {z.id for z in lookup.latents}
    total = 0.0
    for key, c in form.items():
        if key == lookup.node.id or c.tensor is None or not c.gradient:
            continue
        if key in latents or any(
            one.id in latents for one in ancestors(c.tensor, frozenset({"detach", "argmin", "argmax"}))
        ):
            total += c.gradient
    return total


def is_straight_through(value: Sym, lookup: Lookup) -> bool:
    """Whether it has the value of the vectors, and hands its gradient to their latent alone."""
    form = linear(value) if value.op in {"add", "sub"} else None
    vectors = None if form is None else form.get(lookup.node.id)
    if form is None or vectors is None or (vectors.value, vectors.gradient) != (1.0, 0.0):
        return False
    return any(form[z.id].value == 0 and form[z.id].gradient == 1 for z in lookup.latents if z.id in form)


def rewritten(program: Program, table: Object | Sym) -> bool:
    """Whether the codebook is set or changed by hand after it was built, as with moving averages."""
    for store in program.stores:
        if store.target is table and store.name in {"weight", "data"} and is_later(store.context.function):
            return True
        if isinstance(store.target, Sym) and table_of(store.target) is table and is_later(store.context.function):
            return True
    return any(_writes(call, table) for call in program.calls)


def _writes(call: Call, table: Object | Sym) -> bool:
    if not call.method.endswith("_") or call.method == "requires_grad_" or not isinstance(call.receiver, Sym):
        return False
    return table_of(through_reshapes(call.receiver)) is table and is_later(call.context.function)


def is_later(function: object) -> bool:
    """Whether a function is not the one that builds or first fills what it belongs to."""
    name = getattr(function, "name", "")
    return name != "__init__" and "init" not in name and "reset" not in name


def is_encoded(latent: Sym) -> bool:
    """Whether a layer with weights computed the latent, so that it needs a gradient."""
    return any(one.op.startswith(_LAYERS) and one.layer is not None for one in ancestors(latent, frozenset({"detach"})))
