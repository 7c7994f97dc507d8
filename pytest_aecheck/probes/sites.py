"""Finding where a model draws its latent: z = mean + scale × noise, read from the trace.

Only what trained layers computed counts as mean and scale, so the corruption of a denoiser, the noise of a
diffusion model, noise injected into a generator or a Bayesian layer's weights are no latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.trace import Call, Flow, Trace, Value
from pytest_aecheck.probes.vocabulary import NORMAL, UNIFORM

__all__ = ["Root", "Site", "find_sites", "root_of", "scale_chain"]

_BIJECTIVE = frozenset({
    "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "t", "T", "mT", "contiguous", "clone",
    "view_as", "to", "float", "double", "type_as", "movedim", "swapaxes", "reshape_as", "identity", "expand_as", "retain_grad",
})  # fmt: skip
_ELEMENTWISE = frozenset({
    "exp", "exp_", "softplus", "sqrt", "sqrt_", "sigmoid", "tanh", "relu", "elu", "abs", "square", "clamp", "clip", "clamp_min",
    "clamp_max", "hardtanh", "reciprocal", "rsqrt", "exp2", "expm1", "log", "neg",
})  # fmt: skip
_WITH_CONSTANT = frozenset({"mul", "mul_", "div", "div_", "add", "add_", "sub", "sub_", "rsub", "pow", "rpow"})


@dataclass(frozen=True, slots=True, eq=False)
class Root:
    """The call (and which of its outputs) that first made a quantity; a second run can replace it."""

    value: Value
    index: int
    position: int

    @property
    def key(self) -> tuple[int, int]:
        """How an override names it."""
        return self.index, self.position


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One draw. `scale` is what multiplies the raw noise; None for a draw without reparameterisation."""

    noise: Call
    mean: Value
    scale: Value
    latent: Call
    reparameterized: bool = True

    @property
    def law(self) -> str:
        """Normal or uniform."""
        return "uniform" if self.noise.name in UNIFORM else "normal"


def find_sites(trace: Trace) -> list[Site]:
    """All draws whose mean and scale the model computes from its input."""
    raw = _raw_noise(trace)
    sites: list[Site] = []
    for call in trace.calls:
        site = _direct(call) or _addition(call, raw)
        if site is not None:
            sites.append(site)
    return sites


def _raw_noise(trace: Trace) -> dict[int, Call]:
    """Values that are a draw itself, seen through views: id(value) -> the call that drew."""
    raw: dict[int, Call] = {}
    for call in trace.calls:
        if call.name in NORMAL | UNIFORM and not _parametrised(call):
            raw.update({id(value): call for value in call.outputs})
        elif (
            call.name
            in _BIJECTIVE | {"expand", "getitem", "detach", "requires_grad_", "cuda", "cpu", "half", "bfloat16"}
            and call.inputs
        ):
            source = raw.get(id(call.inputs[0]))
            if source is not None:
                raw.update({id(value): source for value in call.outputs})
    return raw


def _parametrised(call: Call) -> bool:
    return call.name == "normal" and any(Flow.PARAMETER in value.flow for value in call.inputs)


def _informed(value: Value) -> bool:
    """Computed by trained layers: neither data, nor a parameter that was merely rescaled."""
    return (
        Flow.PARAMETER in value.flow
        and value.tensor.is_floating_point()
        and scale_chain(value)[-1].producer is not None
    )


def _direct(call: Call) -> Site | None:
    """torch.normal(mean, std), as `Normal.sample` calls it: no gradient passes."""
    if call.name != "normal" or len(call.inputs) != 2 or not all(_informed(value) for value in call.inputs):
        return None
    return Site(call, call.inputs[0], call.inputs[1], call, reparameterized=False)


def _addition(call: Call, raw: dict[int, Call]) -> Site | None:
    if call.name in {"addcmul", "addcmul_"} and len(call.inputs) == 3:
        mean, a, b = call.inputs
        return _site(mean, a, b, call, raw)
    if call.name not in {"add", "add_"} or len(call.inputs) != 2:
        return None
    for mean, product in (call.inputs, call.inputs[::-1]):
        made = through_views(product).producer
        if made is not None and made.name in {"mul", "mul_"} and len(made.inputs) == 2:
            site = _site(mean, *made.inputs, call, raw)
            if site is not None:
                return site
    return None


def _site(mean: Value, a: Value, b: Value, latent: Call, raw: dict[int, Call]) -> Site | None:
    for noise, scale in ((a, b), (b, a)):
        drawn = raw.get(id(noise))
        if drawn is not None and _informed(scale) and _informed(mean) and Flow.NOISE not in scale.flow & ~mean.flow:
            return Site(drawn, mean, scale, latent)
    return None


def root_of(value: Value) -> Root | None:
    """Back through changes of shape that keep every element."""
    for _ in range(40):
        call = value.producer
        if call is None:
            return None
        if call.name in _BIJECTIVE and call.inputs and call.inputs[0].tensor.numel() == value.tensor.numel():
            value = call.inputs[0]
            continue
        position = next((i for i, output in enumerate(call.outputs) if output is value), 0)
        return Root(value, call.index, position)
    return None


def scale_chain(scale: Value) -> list[Value]:
    """The values from the scale back to the head, as long as each is an elementwise function of the one before."""
    chain = [scale]
    for _ in range(40):
        call = chain[-1].producer
        if call is None or not call.inputs:
            break
        source = call.inputs[0]
        same_size = source.tensor.numel() == chain[-1].tensor.numel()
        if call.name in _BIJECTIVE | _ELEMENTWISE and same_size:
            chain.append(source)
        elif call.name in _WITH_CONSTANT and (other := _other_operand_constant(call)) is not None:
            chain.append(other)
        else:
            break
    return chain


def _other_operand_constant(call: Call) -> Value | None:
    """The tensor operand of `tensor op constant`, or None."""
    if len(call.inputs) == 1:
        return call.inputs[0]
    informed = [value for value in call.inputs if Flow.PARAMETER in value.flow]
    others: list[Any] = [value for value in call.inputs if Flow.PARAMETER not in value.flow]
    if len(informed) == 1 and all(value.tensor.numel() == 1 for value in others):
        return informed[0]
    return None
