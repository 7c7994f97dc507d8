"""Every reparameterised sample of a program: `mean + scale * noise`, however it is spelled.

Samples are found by dataflow: a sum of which exactly one operand carries fresh noise, and a draw from a
`Normal` whose parameters are tensors. Names play no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Object, Sym, Value
from aelint.semantics.formulas import formulas
from aelint.semantics.formulas.algebra import Algebra, algebra_of, close, dominant
from aelint.semantics.formulas.formulas import Exp, Form, Leaf, Monomial
from aelint.semantics.operators.distributions import constructor_arguments

__all__ = [
    "POSITIVE_MAPS",
    "Law",
    "Posterior",
    "draw_of",
    "exponential_of",
    "feeds_layer",
    "is_learned",
    "is_noise",
    "law_of",
    "noise_of",
    "posteriors",
    "raw_head",
]

NOISE = frozenset({"randn", "rand", "normal", "uniform", "bernoulli", "randint", "random", "exponential", "cauchy"})
"""Operations that draw fresh numbers without a parameter that is a tensor."""
POSITIVE_MAPS = frozenset({"softplus", "relu", "sigmoid", "elu", "abs", "square", "celu", "hardsigmoid", "relu6"})
"""Operations that a network uses to make a scale out of a head."""
_PARAMETRIC = frozenset({"linear", "embedding", "bilinear", "matmul", "einsum", "bmm", "addmm", "lstm", "gru", "rnn"})
_DRAWN_FROM = ("torch.distributions.Normal", "torch.distributions.normal.Normal")


@dataclass(frozen=True, slots=True)
class Law:
    """How a standard deviation comes from a head: `factor * head ** power`, or `factor * exp(power * head)`.

    `kind` says what the head then is: "logvar" (`exp(h / 2)`), "logstd" (`exp(h)`), "std" (`h`), "var" (`sqrt(h)`),
    "unknown" for anything else.
    """

    head: Sym
    exponential: bool
    power: float
    factor: float

    @property
    def kind(self) -> str:
        """What the head is when it is used by this law."""
        for power, name in (
            (0.5, "logvar" if self.exponential else "var"),
            (1.0, "logstd" if self.exponential else "std"),
        ):
            if close(self.power, power):
                return name
        return "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """One sample `mean + scale * noise` of the program.

    Attributes:
        sample: the sampled tensor.
        mean: what the noise is added to; None if it is no tensor.
        scale: the tensor that multiplies the noise; None if there is none (a number, or several factors).
        head: the network output that the scale is derived from, as far as it is one; `law` says how.
        scale_kind: what the head is when it is used in this way: "logvar", "logstd", "std", "var" or "unknown".
        noise: the tensor of fresh numbers; None when a distribution draws.
        route: "sum" for arithmetic, "rsample", "sample" or "normal" (`torch.normal`) for a draw.
        distribution: the `Normal` that was drawn from.
        site: where the sample is computed.
        learned: whether the mean and the scale come out of layers (or from outside), so that this may be a posterior.
    """

    sample: Sym
    mean: Sym | None
    scale: Sym | None
    head: Sym | None
    scale_kind: str
    noise: Sym | None
    route: str
    site: Site
    law: Law | None = None
    distribution: Object | None = None
    learned: bool = False


@per_program
def posteriors(program: Program) -> tuple[Posterior, ...]:
    """Every sample, in the order in which they were computed."""
    return tuple(_find(program))


def law_of(algebra: Algebra, scale: Value) -> Law | None:
    """How a standard deviation depends on one head; None for constants and for products of several heads."""
    return law_of_form(algebra.form(scale))


def law_of_form(form: Form | None) -> Law | None:
    """The law of a form that is one power or one exponential of one tensor."""
    product, factor = dominant(form) or (formulas.ONE, 1.0)
    match list(product):
        case [(Leaf(key=Sym() as head), power)]:
            return Law(head, False, power, factor)
        case [(Exp(of=inner), power)]:
            match list(inner):
                case [(Leaf(key=Sym() as head), 1.0)]:
                    return Law(head, True, power, factor)
    return None


def raw_head(law: Law) -> tuple[Sym, str]:
    """The tensor in front of a positive map (`softplus(h)` gives `h`), and the map's name ("" if there is none)."""
    tensor = law.head
    if not law.exponential and tensor.op in POSITIVE_MAPS and tensor.inputs:
        inner = tensor.inputs[0]
        return (inner, tensor.op) if isinstance(inner, Sym) else (tensor, "")
    return tensor, "exp" if law.exponential else ""


def noise_of(value: Value) -> Sym | None:
    """The fresh numbers that a tensor holds, when it is nothing but moved or wrapped noise."""
    while isinstance(value, Sym):
        if is_noise(value):
            return value
        if value.op in _MOVES and value.inputs:
            value = value.attrs.get("input", value.inputs[0])
        else:
            return _shifted_uniform(value)
    return None


def _shifted_uniform(value: Sym) -> Sym | None:
    """The uniform numbers below a plain shift, `2 * rand - 1`: another interval, the same law."""
    if value.op not in {"add", "sub"}:
        return None
    shifts = [i for i in value.inputs if not isinstance(i, Sym)]
    held = [f for i in value.inputs if isinstance(i, Sym) for f in _factors(i)]
    drawn = [f for f in held if isinstance(f, Sym)]
    if len(shifts) != 1 or len(drawn) != 1:
        return None
    return drawn[0] if drawn[0].op in {"rand", "uniform"} and is_noise(drawn[0]) else None


def exponential_of(posterior: Posterior) -> Sym | None:
    """The exponential that makes the scale, None where there is none."""
    if posterior.law is None or not posterior.law.exponential or posterior.scale is None:
        return None
    chain = ancestors(posterior.scale, stop=frozenset({"exp"}))
    return next((s for s in chain if s.op == "exp"), None)


_MOVES = frozenset(
    [
        "to",
        "clone",
        "contiguous",
        "detach",
        "data",
        "cpu",
        "cuda",
        "requires_grad",
        "view",
        "reshape",
        "unsqueeze",
        "squeeze",
        "expand",
        "repeat",
    ]
)


_FILLED = frozenset({"zeros", "ones", "full"})
"""Tensors that have nothing but their size from others."""


def is_noise(value: Sym) -> bool:
    """Whether a node draws numbers from a law that no tensor shapes."""
    if value.op in {"distributions.sample", "distributions.rsample"}:
        drawn = value.attrs.get("self")
        return (
            isinstance(drawn, Object)
            and drawn.name in _DRAWN_FROM
            and not any(is_learned(p) for p in graph.parts(drawn) if p.op not in _FILLED)
        )
    if value.op not in NOISE:
        return False
    return not any(
        isinstance(value.attrs.get(n), Sym) and value.attrs[n].tensor is not False for n in ("mean", "std", "p")
    )


def _find(program: Program) -> Iterator[Posterior]:
    algebra = algebra_of(program)
    for node in graph.nodes_of(
        program, "add", "sub", "addcmul", "distributions.sample", "distributions.rsample", "normal"
    ):
        match node.op:
            case "add" | "sub" | "addcmul":
                found = _sum(algebra, node)
            case "distributions.sample" | "distributions.rsample":
                found = _drawn(algebra, node)
            case "normal":
                found = _normal(algebra, node)
            case _:
                found = None
        if found is not None:
            yield found


def _sum(algebra: Algebra, node: Sym) -> Posterior | None:
    if node.site is None:
        return None
    split = _operands(node)
    if split is None:
        return None
    mean, product = split
    noise = [s for s in _factors(product) if noise_of(s) is not None]
    terms = algebra.form(product) if not isinstance(product, tuple) else algebra.form(node)
    if len(noise) != 1 or terms is None:
        return None
    scale_terms = _without(terms, Leaf(algebra.leaf(_source(noise[0]))))
    if scale_terms is None:
        return None
    scale = [f for f in _factors(product) if f is not noise[0] and isinstance(f, Sym) and f.tensor is not False]
    law = law_of_form(scale_terms)
    head = law.head if law is not None else None
    tensor = scale[0] if len(scale) == 1 else None
    learned = is_learned(mean) and any(is_learned(f) for f in scale)
    kind = law.kind if law is not None else "unknown"
    return Posterior(node, mean, tensor, head, kind, noise_of(noise[0]), "sum", node.site, law, None, learned)


def _source(value: Sym) -> Sym:
    found = noise_of(value)
    assert found is not None
    return found


def _operands(node: Sym) -> tuple[Sym, Value] | None:
    """The operand without noise and the one that carries it."""
    if node.op == "addcmul":
        mean = node.attrs.get("input")
        factors = (node.attrs.get("tensor1"), node.attrs.get("tensor2"))
        return (mean, factors) if isinstance(mean, Sym) and mean.tensor is not False else None
    left, right = node.attrs.get("input"), node.attrs.get("other")
    for mean, product in ((left, right), (right, left)):
        if not isinstance(mean, Sym) or mean.tensor is False or not isinstance(product, Sym):
            continue
        carries = any(noise_of(f) is not None for f in _factors(product))
        if carries and not any(noise_of(f) is not None for f in _factors(mean)):
            return mean, product
    return None


def _factors(value: Value) -> list[Value]:
    """The factors of a product, numbers (also those that it is divided by) included."""
    match value:
        case tuple():
            return [f for v in value for f in _factors(v)]
        case Sym(op="mul"):
            return [*_factors(value.attrs.get("input")), *_factors(value.attrs.get("other"))]
        case Sym(op="truediv") if isinstance(value.attrs.get("other"), (int, float)):
            return [*_factors(value.attrs.get("input")), value.attrs["other"]]
        case Sym(op="neg" | "to" | "clone" | "contiguous") if noise_of(value) is None and value.inputs:
            return _factors(value.inputs[0])
        case _:
            return [value]


def _without(form: Form, noise: Leaf) -> Form | None:
    """What multiplies the noise in a sum, None where it does not occur to the first power."""
    found: dict[Monomial, float] = {}
    for monomial, coefficient in form.items():
        if (noise, 1.0) in monomial:
            found[formulas.times(monomial, frozenset({(noise, -1.0)}))] = coefficient
    return found or None


def _drawn(algebra: Algebra, node: Sym) -> Posterior | None:
    drawn = node.attrs.get("self")
    route = node.op.rpartition(".")[2]
    while isinstance(drawn, Object) and drawn.name.endswith(".Independent"):
        drawn = drawn.args[0] if drawn.args else drawn.kwargs.get("base_distribution")
    if not isinstance(drawn, Object) or drawn.name not in _DRAWN_FROM:
        return None
    arguments = constructor_arguments(drawn)
    return _parameterised(algebra, node, (arguments.get("loc"), arguments.get("scale")), route, drawn)


def _normal(algebra: Algebra, node: Sym) -> Posterior | None:
    if is_noise(node) or "input" in node.attrs:
        return None
    return _parameterised(algebra, node, (node.attrs.get("mean"), node.attrs.get("std")), "normal", None)


def _parameterised(
    algebra: Algebra, node: Sym, parameters: tuple[Value, Value], route: str, drawn: Object | None
) -> Posterior | None:
    mean, scale = parameters
    if node.site is None or not (isinstance(mean, Sym) or isinstance(scale, Sym)):
        return None
    law = law_of(algebra, scale)
    head = law.head if law is not None else None
    learned = is_learned(mean) and is_learned(scale)
    location = mean if isinstance(mean, Sym) else None
    spread = scale if isinstance(scale, Sym) else None
    kind = law.kind if law is not None else "unknown"
    return Posterior(node, location, spread, head, kind, None, route, node.site, law, drawn, learned)


def is_learned(value: Value) -> bool:
    """Whether a tensor comes out of a layer with weights, or from outside, rather than from data or a schedule."""
    steps = 0
    pending = list(graph.parts(value))
    seen: set[int] = set()
    while pending and steps < 60:
        node = pending.pop(0)
        if node.id in seen:
            continue
        seen.add(node.id)
        steps += 1
        if node.layer is not None and node.op not in POSITIVE_MAPS and node.op != "dropout":
            return True
        if node.op in _PARAMETRIC or node.op in {"parameter", "param"}:
            return True
        if node.op == "call" and not isinstance(node.attrs.get("callee"), External) and "method" not in node.attrs:
            return True
        pending.extend(s for i in _contents(node) for s in graph.parts(i))
    return False


def _contents(node: Sym) -> tuple[Value, ...]:
    """What the numbers of a tensor come from: neither from its size nor from the device it is moved to."""
    if node.op in _FILLED:
        return ()
    return (node.attrs.get("input", node.inputs[0]),) if node.op in _MOVES and node.inputs else node.inputs


@per_program
def _draws(program: Program) -> dict[int, Call]:
    return {c.result.id: c for c in program.calls if isinstance(c.result, Sym)}


def draw_of(program: Program, posterior: Posterior) -> Call | None:
    """The call that drew the noise, or the sample itself; None if it was no call."""
    drawn = posterior.noise if posterior.noise is not None else posterior.sample
    return _draws(program).get(drawn.id)


def feeds_layer(program: Program, value: Sym) -> bool:
    """Whether a tensor goes into a layer with weights, or out into something unknown that may be one."""
    users = graph.consumers(program)
    pending, seen = [value], set[int]()
    while pending:
        node = pending.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        for user in users.get(node.id, ()):
            if user.layer is not None and user.op not in POSITIVE_MAPS:
                return True
            if user.op in _PARAMETRIC or (user.op == "call" and "method" not in user.attrs):
                return True
            pending.append(user)
    return False
