"""Distributions: shapes and ranges of samples, densities and divergences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Object, Shape, Value
from aelint.semantics.operators.api import (
    UNKNOWN,
    Apply,
    Conflict,
    Facts,
    Transfer,
    facts_of,
    parameters,
    to_dims,
    unknown,
)
from aelint.semantics.operators.axes import broadcast, items
from aelint.semantics.operators.ranges import NONNEGATIVE, NONPOSITIVE, UNIT
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["constructor_arguments", "parameters_apart"]

_POSITIVE = NONNEGATIVE


@dataclass(frozen=True, slots=True)
class _Family:
    """A distribution: its module and class, constructor, which parameters broadcast to the batch shape, its support.

    `event` counts the axes of one event. `mass` marks densities that never exceed 1.
    """

    module: str
    name: str
    init: str
    params: tuple[str, ...]
    support: Interval = ANY
    event: int = 0
    mass: bool = False
    kind: str = "float"
    drop_last: bool = False


_FAMILIES = (
    _Family("normal", "Normal", "loc, scale, validate_args=None", ("loc", "scale")),
    _Family("log_normal", "LogNormal", "loc, scale, validate_args=None", ("loc", "scale"), _POSITIVE),
    _Family("laplace", "Laplace", "loc, scale, validate_args=None", ("loc", "scale")),
    _Family("cauchy", "Cauchy", "loc, scale, validate_args=None", ("loc", "scale")),
    _Family("gumbel", "Gumbel", "loc, scale, validate_args=None", ("loc", "scale")),
    _Family("studentT", "StudentT", "df, loc=0.0, scale=1.0, validate_args=None", ("df", "loc", "scale")),
    _Family("uniform", "Uniform", "low, high, validate_args=None", ("low", "high")),
    _Family("gamma", "Gamma", "concentration, rate, validate_args=None", ("concentration", "rate"), _POSITIVE),
    _Family("beta", "Beta", "concentration1, concentration0, validate_args=None", ("concentration1", "concentration0"), UNIT),
    _Family("exponential", "Exponential", "rate, validate_args=None", ("rate",), _POSITIVE),
    _Family("half_normal", "HalfNormal", "scale, validate_args=None", ("scale",), _POSITIVE),
    _Family("poisson", "Poisson", "rate, validate_args=None", ("rate",), _POSITIVE, mass=True),
    _Family("bernoulli", "Bernoulli", "probs=None, logits=None, validate_args=None", ("probs", "logits"), UNIT, mass=True),
    _Family("continuous_bernoulli", "ContinuousBernoulli", "probs=None, logits=None, lims=None, validate_args=None", ("probs", "logits"), UNIT),
    _Family("relaxed_bernoulli", "RelaxedBernoulli", "temperature, probs=None, logits=None, validate_args=None", ("probs", "logits"), UNIT),
    _Family("categorical", "Categorical", "probs=None, logits=None, validate_args=None", ("probs", "logits"), NONNEGATIVE, mass=True, kind="int", drop_last=True),
    _Family("one_hot_categorical", "OneHotCategorical", "probs=None, logits=None, validate_args=None", ("probs", "logits"), UNIT, event=1, mass=True),
    _Family("one_hot_categorical", "OneHotCategoricalStraightThrough", "probs=None, logits=None, validate_args=None", ("probs", "logits"), ANY, event=1, mass=True),
    _Family("relaxed_categorical", "RelaxedOneHotCategorical", "temperature, probs=None, logits=None, validate_args=None", ("probs", "logits"), UNIT, event=1),
    _Family("dirichlet", "Dirichlet", "concentration, validate_args=None", ("concentration",), UNIT, event=1),
    _Family("multivariate_normal", "MultivariateNormal", "loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None", ("loc",), event=1),
)  # fmt: skip

_BY_NAME = {f.name: f for f in _FAMILIES}


def _family(value: Value) -> _Family | None:
    if not isinstance(value, Object) or not value.name.startswith("torch.distributions."):
        return None
    return _BY_NAME.get(value.name.rpartition(".")[2])


def constructor_arguments(value: Object) -> dict[str, Value]:
    """The constructor's arguments by name: as bound by the interpreter, else bound here."""
    family = _family(value)
    if family is None:
        return value.bound
    params, _ = parameters(family.init)
    bound = dict(zip((name for name, _ in params), value.args, strict=False))
    return (
        {name: default for name, default in params if isinstance(default, float)} | bound | value.kwargs | value.bound
    )


def _whole(value: Object, family: _Family) -> Shape | None:
    """Batch and event shape together, before a category axis is dropped."""
    arguments = constructor_arguments(value)
    given = [arguments[p] for p in family.params if arguments.get(p) is not None]
    if not given or UNKNOWN in given:
        return None
    shape, _ = broadcast(Apply("distribution", {}), *(facts_of(v) for v in given), report=False)
    if family.name == "MultivariateNormal" and not _plain_covariance(arguments):
        return None
    return shape


def parameters_apart(value: Object) -> list[Conflict]:
    """Parameters of a distribution whose shapes cannot broadcast: a mean of another size than its scale."""
    family = _family(value)
    if family is None or family.event:
        return []
    arguments = {p: a for p, a in constructor_arguments(value).items() if p in family.params and a is not None}
    if not arguments:  # they are in a mapping that nobody can see into
        return []
    apply = Apply(family.name, arguments, value.site)
    broadcast(apply, *(facts_of(a) for a in arguments.values()))
    return apply.conflicts


def _plain_covariance(arguments: dict[str, Value]) -> bool:
    """Whether no matrix brings batch axes of its own."""
    for name in ("covariance_matrix", "precision_matrix", "scale_tril"):
        matrix = arguments.get(name)
        if matrix is not None and len(facts_of(matrix).shape or (0, 0, 0)) != 2:
            return False
    return True


def _batch_and_event(value: Value) -> tuple[Shape, Shape] | None:
    match value:
        case Object(name="torch.distributions.Independent" | "torch.distributions.independent.Independent"):
            arguments = dict(zip(("base_distribution", "reinterpreted_batch_ndims"), value.args, strict=False))
            arguments |= value.kwargs
            inner = _batch_and_event(arguments.get("base_distribution"))
            count = arguments.get("reinterpreted_batch_ndims")
            if inner is None or type(count) is not int or not 0 <= count <= len(inner[0]):
                return None
            cut = len(inner[0]) - count
            return inner[0][:cut], inner[0][cut:] + inner[1]
        case Object() if (family := _family(value)) is not None:
            whole = _whole(value, family)
            if whole is None or len(whole) < family.event + family.drop_last:
                return None
            if family.drop_last:
                return whole[:-1], ()
            cut = len(whole) - family.event
            return whole[:cut], whole[cut:]
        case _:
            return None


def _base(value: Value) -> Value:
    if isinstance(value, Object) and value.name.endswith(".Independent"):
        return _base(value.args[0] if value.args else value.kwargs.get("base_distribution"))
    return value


def _support(value: Value) -> tuple[Interval, str | None, bool]:
    inner = _base(value)
    family = _family(inner)
    if family is None:
        return ANY, None, False
    if family.name == "Uniform" and isinstance(inner, Object):
        arguments = constructor_arguments(inner)
        low, high = facts_of(arguments.get("low")).range, facts_of(arguments.get("high")).range
        return Interval(low.low, max(high.high, low.low)), "float", False
    return family.support, family.kind, family.mass


def _sample(apply: Apply) -> Facts:
    bounds, kind, _ = _support(apply["self"])
    known = _batch_and_event(apply["self"])
    extra = to_dims(apply["sample_shape"])
    if known is None or extra is None or any(d is None for d in extra) or items(apply["sample_shape"]) is None:
        return unknown(kind, bounds)
    return Facts((*(d for d in extra if d is not None), *known[0], *known[1]), (), bounds, kind)


def _several(apply: Apply) -> Facts:
    bounds, kind, _ = _support(apply["self"])
    return unknown(kind, bounds)


def _log_prob(apply: Apply) -> Facts:
    _, _, mass = _support(apply["self"])
    bounds = NONPOSITIVE if mass else ANY
    known, value = _batch_and_event(apply["self"]), apply.tensor("value")
    if known is None or value.shape is None or len(value.shape) < len(known[1]):
        return unknown("float", bounds)
    cut = len(value.shape) - len(known[1])
    shape, _ = broadcast(apply, Facts(value.shape[:cut]), Facts(known[0]))
    return Facts(shape, (), bounds)


def _entropy(apply: Apply) -> Facts:
    _, _, mass = _support(apply["self"])
    known = _batch_and_event(apply["self"])
    return Facts(None if known is None else known[0], (), NONNEGATIVE if mass else ANY)


def _moment(apply: Apply) -> Facts:
    bounds, kind, _ = _support(apply["self"])
    known = _batch_and_event(apply["self"])
    bounds = bounds if kind == "float" else ANY
    return Facts(None if known is None else known[0] + known[1], (), bounds)


def _spread(apply: Apply) -> Facts:
    known = _batch_and_event(apply["self"])
    return Facts(None if known is None else known[0] + known[1], (), NONNEGATIVE)


def _parameter(name: str) -> None:
    def transfer(apply: Apply) -> Facts:
        value = apply["self"]
        family = _family(value)
        own = constructor_arguments(value).get(name) if isinstance(value, Object) and family else None
        whole = (
            _whole(value, family)
            if isinstance(value, Object) and family and family.params[0] in {"loc", "low"}
            else None
        )
        facts = facts_of(own)
        shape = whole if family is not None and family.event == 0 else None
        return Facts(shape if shape is not None else None, (), facts.range if facts.tensor is not None else ANY)

    for family in _FAMILIES:
        if name in family.params and not family.drop_last and name not in {"probs", "logits"}:
            _each(family.module, family.name, name, "self")(transfer)


def _each(module: str, cls: str, method: str, params: str) -> Callable[[Transfer], Transfer]:
    spellings = " ".join(f"distributions.{path}{cls}.{method}" for path in ("", f"{module}."))
    return REGISTRY.operation(f"distributions.{method}", params, functions=spellings)


def _register(module: str, cls: str) -> None:
    for method, params, transfer in (
        ("sample", "self, sample_shape=()", _sample),
        ("rsample", "self, sample_shape=()", _sample),
        ("sample_n", "self, n", _several),
        ("log_prob", "self, value", _log_prob),
        ("cdf", "self, value", lambda _: Facts(range=UNIT)),
        ("entropy", "self", _entropy),
        ("mean", "self", _moment),
        ("mode", "self", lambda _: unknown()),
        ("stddev", "self", _spread),
        ("variance", "self", _spread),
    ):
        _each(module, cls, method, params)(transfer)


for _one in _FAMILIES:
    _register(_one.module, _one.name)
_register("independent", "Independent")
for _name in ("loc", "scale", "low", "high", "rate", "concentration"):
    _parameter(_name)


@REGISTRY.operation(
    "distributions.kl_divergence", "p, q", functions="distributions.kl_divergence distributions.kl.kl_divergence"
)
def _kl_divergence(apply: Apply) -> Facts:
    p, q = _batch_and_event(apply["p"]), _batch_and_event(apply["q"])
    if p is None or q is None:
        return unknown("float", NONNEGATIVE)
    shape, _ = broadcast(apply, Facts(p[0]), Facts(q[0]))
    return Facts(shape, (), Interval(0, math.inf))
