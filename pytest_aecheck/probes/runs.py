"""One recorded run of the model and its loss."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pytest_aecheck.adapters.batches import substituted
from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.adapters.roles import AmbiguousOutputError, reconstruction_among
from pytest_aecheck.observations import Unavailable
from pytest_aecheck.probes.bench import Bench, ModelRaised, tensors_of
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.lineage import descendants
from pytest_aecheck.probes.trace import Flow, Trace, Tracer, Value, watching_modules
from pytest_aecheck.probes.wording import said

__all__ = ["Run", "graph_leaves", "ones", "record", "record_opened", "replaced_primary", "zeros"]


def zeros(_: int, drawn: Any) -> Any:
    """Noise that is nothing."""
    return torch.zeros_like(drawn)


def ones(_: int, drawn: Any) -> Any:
    """Noise that is one standard deviation everywhere: it shows the scale, and is the same for any batch."""
    return torch.ones_like(drawn)


@dataclass(slots=True, eq=False)
class Run:
    """What a recorded run left. `loss` is None where no loss is declared."""

    trace: Trace
    output: Any
    loss: Any
    batch: Any
    x: Any

    def reconstruction(self) -> Value:
        """The reconstruction as a value of the trace."""
        floating = self.x.is_floating_point()
        found = leaves(self.output)
        leaf = reconstruction_among(found, self.x.shape, floating=floating, given=self.x)
        chosen = self.trace.value(leaf.tensor)
        others = [self.trace.value(one.tensor) for one in found if one.tensor.shape != self.x.shape]
        decoded = {id(one) for one in others if Flow.NOISE in one.flow}
        if decoded and Flow.NOISE not in chosen.flow and any(id(one) in decoded for one in descendants([chosen])):
            raise AmbiguousOutputError(
                f"{leaf.path} has the shape of the input, but another output is decoded from a draw around it; "
                "declare reconstruct=... to say which one is the reconstruction"
            )
        return chosen

    def maybe_reconstruction(self) -> Value | None:
        """The reconstruction, or None where no output has the shape of one."""
        try:
            return self.reconstruction()
        except AmbiguousOutputError:
            return None


def graph_leaves(loss: Any) -> list[Any]:
    """The tensors at which the graph of a loss (or of any other tensor) ends."""
    found, seen, stack = [], set(), [loss.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        stack.extend(following for following, _ in node.next_functions)
    return found


def record(
    bench: Bench,
    model: Any,
    batch: Any,
    *,
    seed: int,
    noise: Callable[[int, Any], Any] | None = None,
    override: dict[tuple[int, int], Callable[[Any], Any]] | None = None,
    with_loss: bool = True,
) -> Run:
    """Run the loss (or, without one, the model) under a tracer. The caller has set the mode."""
    tracer = Tracer(noise=noise, override=override)
    for parameter in model.parameters():
        tracer.source(parameter, Flow.PARAMETER)
    for tensor in tensors_of(batch):
        tracer.source(tensor, Flow.INPUT)
    seen: dict[str, Any] = {}

    def keep(module: Any, args: Any, output: Any) -> None:  # noqa: ARG001
        seen["output"] = output

    handle = model.register_forward_hook(keep)
    try:
        with seeded(seed), watching_modules(tracer, bench.module_names()), tracer:
            if with_loss and bench.spec.loss is not None:
                loss = bench.loss(model, batch)
            else:
                loss = None
                seen["output"] = bench.call(model, batch)
    except Unavailable:
        raise
    except Exception as error:
        raise ModelRaised(f"the {'loss' if with_loss and bench.spec.loss else 'model'} raised {said(error)}") from error
    finally:
        handle.remove()
    return Run(tracer.trace, seen.get("output"), loss, batch, bench.primary(batch))


def replaced_primary(bench: Bench, batch: Any, new: Any) -> Any:
    """The batch with another tensor in place of the one that is to be reconstructed."""
    return substituted(batch, bench.primary(batch), new)


def record_opened(
    bench: Bench,
    model: Any,
    batch: Any,
    *,
    seed: int,
    noise: Callable[[int, Any], Any] | None = None,
    with_loss: bool = True,
) -> tuple[Run, Any]:
    """A recorded run whose input carries a gradient, and the leaf at which to read it.

    The leaf is None for integer input, and where the program does not take an input that carries a gradient
    (it converts to numpy, say): then the run is an ordinary one.
    """
    x = bench.primary(batch)
    if x.is_floating_point():
        leaf = x.detach().clone().requires_grad_()
        # the program gets a copy, since it may write into its input and a leaf cannot be written into
        fed = replaced_primary(bench, batch, leaf.clone())
        with contextlib.suppress(Unavailable):
            return record(bench, model, fed, seed=seed, noise=noise, with_loss=with_loss), leaf
    return record(bench, model, batch, seed=seed, noise=noise, with_loss=with_loss), None
