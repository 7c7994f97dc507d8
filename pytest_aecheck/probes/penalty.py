"""Which way a penalty on the code pushes it.

The code becomes a leaf and what is decoded from it is cut off, so that only terms on the code itself leave a gradient
there. The code is also made ten times as large: a penalty for a target activity pushes small codes outwards and large ones back, a
codebook pulls them to its entries; nothing that is meant to keep a code small pushes a large one outwards.
"""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Penalty, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.codes import decoder_execution, find_code, key_of
from pytest_aecheck.probes.runs import record, zeros

__all__ = ["observe_penalty"]

_LARGE = 10.0


def observe_penalty(bench: Bench) -> Penalty:
    """Signs of the penalty's gradient against the signs of the code, at its size and at ten times its size."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    batch = bench.batch(bench.spec.batch_size, 0)
    with bench.ready(training=True) as model:
        run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros)
        code = find_code(run)
        decoder = decoder_execution(run)
        if code.drawn or len(code.keys) != 1:
            raise Unavailable("the code is drawn from a posterior, or there is more than one")
        output = None if decoder is None or len(decoder.outputs) != 1 else key_of(decoder.outputs[0])
        if output is None:
            raise Unavailable("the decoder's output cannot be replaced")
        shares = [_outward(bench, model, batch, code.keys[0], output, factor) for factor in (1.0, _LARGE)]
    return Penalty(code.where, *shares)


def _outward(bench: Bench, model: Any, batch: Any, code: Any, output: Any, factor: float) -> float:
    """Share of the code's non-zero entries that a descent step would make larger in size."""
    held: dict[str, Any] = {}

    def leaf(tensor: Any) -> Any:
        held["code"] = (factor * tensor.detach()).requires_grad_()
        return held["code"]

    override = {code: leaf, output: lambda tensor: tensor.detach().clone()}
    run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, override=override)
    if "code" not in held or not run.loss.requires_grad:
        raise Unavailable("the loss has no term on the code alone")
    (gradient,) = torch.autograd.grad(run.loss, held["code"], allow_unused=True)
    if gradient is None:
        raise Unavailable("the loss has no term on the code alone")
    z, g = held["code"].detach(), gradient
    acted = (z != 0) & (g != 0) & torch.isfinite(g)
    if not bool(acted.any()):
        raise Unavailable("the term on the code has no gradient at it")
    return float(((z * g) < 0)[acted].double().mean())
