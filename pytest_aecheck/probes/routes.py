"""Other ways through the model than forward: encode and decode, and the model's own sampling."""

from __future__ import annotations

import math

import torch

from pytest_aecheck.adapters.conventions import has_forward
from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.observations import Generation, Routes, Unavailable
from pytest_aecheck.probes.attempts import ENTRY_POINTS, callable_without_arguments
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.runs import record, zeros
from pytest_aecheck.probes.trace import Flow, Tracer, watching_modules
from pytest_aecheck.probes.vocabulary import RANDOM, UNIFORM

__all__ = ["observe_generation", "observe_routes"]

_SAMPLES = 2


def observe_routes(bench: Bench) -> Routes:
    """What reaches the decoder by decode(encode(x)) and by forward(x), in evaluation mode, without noise."""
    batch = bench.batch(_SAMPLES, 0)
    with bench.ready(training=False) as model:
        if not has_forward(model):
            raise Unavailable("the model has no forward beside encode and decode")
        if bench.spec.encode is None and not callable(getattr(model, "encode", None)):
            raise Unavailable("the model has no methods encode and decode")
        direct = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, with_loss=False)
        tracer = Tracer(noise=zeros)
        try:
            with seeded(bench.spec.seed), watching_modules(tracer, bench.module_names()), tracer:
                bench.decode(model, bench.encode(model, batch))
        except Unavailable:
            raise
        except Exception as error:
            raise Unavailable(f"decode(encode(x)) cannot be called: {error}") from error
    decoder = getattr(model, "decoder", None)
    if not isinstance(decoder, torch.nn.Module):
        raise Unavailable("the model has no module called decoder")
    name = bench.module_names()[id(decoder)]
    fed = [[e for e in trace.executions if e.name == name] for trace in (direct.trace, tracer.trace)]
    if any(len(executions) != 1 or not executions[0].inputs for executions in fed):
        raise Unavailable("the decoder does not run once on both routes")
    a, b = (executions[0].inputs[0].tensor.detach().double().reshape(-1) for executions in fed)
    if a.shape != b.shape or not bool((a != 0).any()):
        raise Unavailable("the decoder's inputs cannot be compared")
    factor = float(a @ b / (a @ a))
    residual = float((b - factor * a).norm() / b.norm().clamp_min(1e-300))
    return Routes(name, factor if residual < 1e-4 else math.nan, residual)


def observe_generation(bench: Bench) -> Generation:
    """The raw draws that reach the output of sample() or generate()."""
    with bench.ready(training=False) as model:
        for name in ENTRY_POINTS:
            method = getattr(type(model), name, None)
            if method is None or not callable_without_arguments(method):
                continue
            tracer = Tracer()
            for parameter in model.parameters():
                tracer.source(parameter, Flow.PARAMETER)
            try:
                with seeded(bench.spec.seed), tracer:
                    output = getattr(model, name)()
            except Exception:  # noqa: BLE001, S112 - judged elsewhere
                continue
            if not leaves(output):
                continue
            laws = tuple(
                "uniform" if call.name in UNIFORM else call.name for call in tracer.trace.calls if call.name in RANDOM
            )
            if laws:
                return Generation(f"{name}()", laws)
    raise Unavailable("the model has no sample() or generate() without arguments that draws")
