"""Where the code is: what the decoder reads, as calls that a second run can replace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_aecheck.observations import Unavailable
from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.sites import find_sites
from pytest_aecheck.probes.trace import Execution, Flow, Value

__all__ = ["Code", "decoder_execution", "find_code", "key_of"]

_DECODERS = ("decoder", "dec", "decode", "_decoder", "model.decoder", "net.decoder")


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """The values through which everything that is decoded should pass."""

    values: tuple[Value, ...]
    keys: tuple[tuple[int, int], ...]
    """(call, output position) of each, as an override names it."""
    where: str
    drawn: bool
    """The code is drawn from a posterior; otherwise it is whatever the decoder is given."""


def find_code(run: Run) -> Code:
    """The drawn latents of a run or, where none is drawn, what a module called decoder receives.

    Raises:
        Unavailable: there is neither, so nobody can say which of the hidden values is the code.
    """
    sites = [site for site in find_sites(run.trace) if site.reparameterized and _is_read(site.latent.out)]
    if sites:
        gaussian = tuple(site.latent.out for site in sites)
        others = {id(v): (v, key) for v in _joined_draws(run, gaussian) if (key := key_of(v)) is not None}
        values = (*gaussian, *(value for value, _ in others.values()))
        keys = (*((site.latent.index, 0) for site in sites), *(key for _, key in others.values()))
        return Code(values, keys, sites[0].latent.module.strip(".") or "the model", drawn=True)
    decoder = decoder_execution(run)
    if decoder is None:
        raise Unavailable(
            "no latent is drawn, and no module called decoder runs exactly once: which tensor is the code?"
        )
    values = tuple(v for v in decoder.inputs if Flow.PARAMETER in v.flow and v.tensor.is_floating_point())
    keys = tuple(key for value in values if (key := key_of(value)) is not None)
    if not keys or len(keys) != len(values):
        raise Unavailable("the decoder is given nothing that the encoder computed")
    return Code(values, keys, f"the input of {decoder.name}", drawn=False)


def _is_read(latent: Value) -> bool:
    """Whether anything is computed from a drawn latent; a model may draw one and decode the mean."""
    return bool(latent.consumers)


def _joined_draws(run: Run, latents: tuple[Value, ...]) -> Iterator[Value]:
    """Draws of another law (relaxed categories) that stand beside a latent in what is decoded, or multiply it."""
    drawn = {id(latent) for latent in latents}
    for call in run.trace.named("cat", "concat", "hstack", "column_stack", "mul", "multiply"):
        if any(id(through_views(value)) in drawn for value in call.inputs):
            for value in call.inputs:
                if id(through_views(value)) not in drawn and {Flow.NOISE, Flow.PARAMETER} <= set(value.flow):
                    yield value


def decoder_execution(run: Run) -> Execution | None:
    """The only call of the module that is called decoder."""
    for name in _DECODERS:
        found = [execution for execution in run.trace.executions if execution.name == name]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def key_of(value: Value) -> tuple[int, int] | None:
    """Which output of which call a value is; None for what no call has made."""
    call = value.producer
    if call is None:
        return None
    position = next((i for i, output in enumerate(call.outputs) if output is value), None)
    return None if position is None else (call.index, position)
