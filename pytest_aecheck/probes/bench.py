"""The model on the bench: built once, called in known states, and left as it was."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import nn

from pytest_aecheck.adapters.conventions import code_in, has_forward, loss_in, taken_by_name, training_step_of
from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.adapters.roles import reconstruction_among
from pytest_aecheck.adapters.signatures import leading, left_open, positional, takes
from pytest_aecheck.observations import Unavailable
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.snapshot import Snapshot
from pytest_aecheck.probes.wording import said
from pytest_aecheck.spec import AESpec, is_strategy

__all__ = ["Bench", "ModelRaised", "Undeclared", "tensors_of", "unwrapped"]

Made = TypeVar("Made")


class Undeclared(Unavailable):
    """The model takes more than what was declared for it."""


class ModelRaised(Unavailable):
    """The model or one of its hooks raised; the message holds what it said."""


def unwrapped(model: Any) -> Any:
    """The module inside `DataParallel`, `DistributedDataParallel` and `torch.compile` wrappers."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model._orig_mod  # noqa: SLF001 - torch.compile offers no public way back
        else:
            return model


def waits_for_data(name: str, buffer: Any) -> bool:
    """Whether a buffer is the flag of a module that initialises itself from its first batch, not yet set."""
    return buffer.numel() == 1 and "init" in name.rpartition(".")[2].lower() and not bool(buffer)


def tensors_of(batch: Any) -> list[Any]:
    """The tensors of a batch, in order."""
    return [leaf.tensor for leaf in leaves(batch)]


class _SeenError(BaseException):
    """Ends a loss at its first call of the model; no handler of the loss's own takes it for a failure."""


class Bench:
    """Builds and calls what a spec declares.

    The model is in training mode as built; every use goes through `ready`, which puts parameters, buffers,
    gradients and modes back afterwards.
    """

    def __init__(self, spec: AESpec) -> None:
        self.declared = spec
        self._made: dict[str, Any] = {}
        self._snapshot: Snapshot | None = None
        self._loss_knows_better = False
        """The loss hands the model other parts of the batch than its signature suggests."""

    def once(self, key: str, make: Callable[[], Made]) -> Made:
        """What several probes share: made at the first call and kept, or the reason why it cannot be made.

        Raises:
            Unavailable: What `make` raised.
        """
        if key not in self._made:
            try:
                self._made[key] = make()
            except Unavailable as reason:
                self._made[key] = reason
        found = self._made[key]
        if isinstance(found, Unavailable):
            raise found
        made: Made = found
        return made

    @cached_property
    def spec(self) -> AESpec:
        """The declaration; without a loss in it, completed by the one that the model itself brings."""
        declared = self.declared
        if declared.loss is not None:
            return declared
        try:
            found = self._own_loss()
        except Exception:  # noqa: BLE001 - what raises is judged when the model is called in earnest
            found = None
        return declared if found is None else declared.but(loss=found)

    def _own_loss(self) -> Callable[..., Any] | None:
        model = self.model
        if not isinstance(model, nn.Module):
            return None
        candidates = [training_step_of(model), self._returned_loss]
        for candidate in candidates:
            if candidate is None:
                continue
            batch = self.batch(self.declared.batch_size, 0)
            with contextlib.suppress(Exception), self.ready(training=True), seeded(self.declared.seed):
                loss = _scalar(candidate(model, batch))
                if loss is not None and loss.requires_grad:
                    return candidate
        return None

    def _returned_loss(self, model: Any, batch: Any) -> Any:
        return loss_in(self.call(model, batch), self.primary(batch))

    # --- building -----------------------------------------------------------------------------------

    def build(self, seed: int) -> Any:
        """A model of its own, with its random initialisation under `seed`."""
        model = self.declared.model
        if isinstance(model, nn.Module):
            with contextlib.suppress(Exception):
                return _interpreted(copy.deepcopy(unwrapped(model)))
            return unwrapped(model)
        with seeded(seed):
            try:
                return _interpreted(unwrapped(model()))
            except Exception as error:
                raise ModelRaised(f"building the model raised {said(error)}") from error

    @property
    def has_factory(self) -> bool:
        """Whether a second, independent instance can be built."""
        return not isinstance(self.declared.model, nn.Module)

    @cached_property
    def model(self) -> Any:
        """The instance under test, with everything filled in that waits for a first batch."""
        model = self.build(self.declared.seed)
        if not isinstance(model, nn.Module):
            return model
        with contextlib.suppress(Exception):  # what raises is judged when the model is called in earnest
            self._loss_knows_better = self._is_called_otherwise(model, self.batch(self.declared.batch_size, 0))
        if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
            with preserved(), torch.no_grad():
                self.call(model, self.batch(self.declared.batch_size, 0))
        if any(waits_for_data(name, buffer) for name, buffer in model.named_buffers()):
            with contextlib.suppress(Exception):  # what raises is judged when the model is called in earnest
                self._initialize(model)
        return model

    def _initialize(self, model: Any) -> None:
        """Let codebooks and normalisations that start from data do so, and leave all else as it was built."""
        waiting = [name for name, buffer in model.named_buffers() if waits_for_data(name, buffer)]
        held = dict((*model.named_parameters(), *model.named_buffers()))
        before = {name: tensor.detach().clone() for name, tensor in held.items()}
        mode = model.training
        with preserved(), torch.no_grad():
            try:
                self.call(model.train(), self.batch(self.declared.batch_size, 0))
            finally:
                model.train(mode)
                buffers = dict(model.named_buffers())
                owners = tuple(name.rpartition(".")[0] for name in waiting if not waits_for_data(name, buffers[name]))
                for name, tensor in held.items():
                    if name.rpartition(".")[0] not in owners:
                        tensor.copy_(before[name])

    @contextlib.contextmanager
    def ready(self, *, training: bool) -> Iterator[Any]:
        """The model in training or evaluation mode, restored on leaving."""
        model = self.model
        if not isinstance(model, nn.Module):
            with preserved():
                yield model
            return
        keep = self._snapshot = Snapshot(model, self._snapshot)
        try:
            with preserved():
                model.train(training)
                yield model
        finally:
            keep.restore()

    # --- data -----------------------------------------------------------------------------------------

    @cached_property
    def _given_batch(self) -> Any:
        given = self.declared.batch
        if not is_strategy(given):
            return given
        from pytest_aecheck.strategies import drawn_once

        try:
            return drawn_once(given, self.declared.seed)
        except Exception as error:
            raise ModelRaised(f"the strategy draws no batch of two different samples: {said(error)}") from error

    def batch(self, n: int, seed: int) -> Any:
        """N samples as the user gives them. A fixed tensor is cut, or repeated in a changed order."""
        given = self._given_batch
        if callable(given) and not isinstance(given, torch.Tensor):
            arguments = (n, seed)[: positional(given, 2)]
            try:
                with seeded(seed):
                    return given(*arguments)
            except Exception as error:
                raise ModelRaised(f"batch({n}, {seed}) raised {said(error)}") from error
        size = tensors_of(given)[0].shape[0]
        order = (torch.arange(n) + seed * max(1, n // 2)) % size
        return torch.utils._pytree.tree_map(  # noqa: SLF001 - no public tree map
            lambda item: item[order.to(item.device)].clone() if isinstance(item, torch.Tensor) and item.dim() else item,
            given,
        )

    def primary(self, batch: Any) -> Any:
        """The tensor of the batch that is to be reconstructed: the first that the model is given."""
        found = tensors_of(self._by_name(self.model, batch) or batch)
        if not found:
            raise Unavailable(f"the batch is a {type(batch).__name__} that holds no tensor")
        return found[0]

    @cached_property
    def batch_axis(self) -> int:
        """The axis along which samples are stacked: the one whose size follows n."""
        few, more = self.primary(self.batch(3, 0)).shape, self.primary(self.batch(4, 0)).shape
        if len(few) != len(more):
            return 0
        return next((axis for axis, (a, b) in enumerate(zip(few, more, strict=True)) if (a, b) == (3, 4)), 0)

    @cached_property
    def rows_are_parts(self) -> bool:
        """Whether a batch of n samples has another number of rows that grows with n: the nodes of graphs, say."""
        few, more = (self.primary(self.batch(n, 0)).shape[0] for n in (3, 4))
        return few < more and not self.scales_with_n

    @cached_property
    def scales_with_n(self) -> bool:
        """Whether batch(n, ·) really gives n samples."""
        return bool(self.primary(self.batch(3, 0)).shape[self.batch_axis] == 3)

    # --- calling ----------------------------------------------------------------------------------------

    @property
    def is_only_in_loss(self) -> bool:
        """Whether nothing but the loss knows how the parts of the model belong together."""
        return self._is_left_to_the_loss(self.model)

    def _is_left_to_the_loss(self, model: Any) -> bool:
        declared = self.declared
        if declared.loss is None or declared.reconstruct is not None or has_forward(model):
            return False
        return not (self._has(model, "encode") and self._has(model, "decode"))

    def _has(self, model: Any, part: str) -> bool:
        """Whether a part is declared, or is a method of the model that is content with a batch, or a code, alone."""
        declared, own = getattr(self.declared, part), getattr(model, part, None)
        if declared is not None or not callable(own):
            return declared is not None
        return takes(own, 1) or (part == "encode" and takes(own, len(leading(own, self.batch(2, 0)))))

    def call(self, model: Any, batch: Any) -> Any:
        """The model's output on a batch, called as its signature wants."""
        declared = self.declared
        if declared.reconstruct is not None:
            return declared.reconstruct(model, batch)
        if self._is_left_to_the_loss(model):
            raise Unavailable("nothing but the loss knows how the parts belong together: declare reconstruct")
        if not has_forward(model):
            return self.decode(model, self.encode(model, batch))
        if isinstance(batch, Mapping):
            taken = self._by_name(model, batch)
            if taken is not None:
                return model(**taken)
            whole = takes(getattr(model, "forward", model), 1) and not self._loss_knows_better
            return model(batch) if whole or declared.loss is None else self._called_by_loss(model, batch)
        forward = getattr(model, "forward", model)
        given = leading(forward, batch)
        if declared.loss is not None and (self._loss_knows_better or not takes(forward, len(given))):
            return self._called_by_loss(model, batch)
        if lacking := left_open(forward, len(given)):
            wanted, filled = ", ".join(lacking), ", ".join(f"{name}=..." for name in lacking)
            raise Undeclared(
                f"forward wants {wanted} beside the batch: declare reconstruct=lambda model, batch: model(batch, {filled})"
            )
        return model(*given)

    def _by_name(self, model: Any, batch: Any) -> dict[str, Any] | None:
        """What a model takes of a batch in the form of a mapping, if it takes entries and not the whole."""
        if not isinstance(batch, Mapping) or self.declared.reconstruct is not None or not has_forward(model):
            return None
        return taken_by_name(getattr(model, "forward", model), batch)

    def _is_called_otherwise(self, model: Any, batch: Any) -> bool:
        """Whether the loss calls the model with other parts of the batch, or brings them into another form first.

        A batch of several tensors may hold targets, masks and lengths in any order. Images may be flattened on the way, and
        the model may not take them as they are. What it takes in either form, as a sequence without its end, tells nothing.
        Of a mapping the model may take one entry, under a name that is not its parameter's.
        """
        if self.declared.loss is None or self.declared.reconstruct is not None:
            return False
        arguments = self._first_call(model, batch)
        called = tensors_of(arguments)
        if isinstance(batch, Mapping):
            return bool(called) and not any(isinstance(one, Mapping) for one in arguments)
        given = tensors_of(leading(model.forward, batch))
        if not called:
            return False
        if {id(t) for t in tensors_of(batch)}.issuperset(id(t) for t in called):
            return [id(t) for t in called] != [id(t) for t in given]
        return [t.shape for t in called] != [t.shape for t in given] and not self._takes_as_it_is(model, batch)

    def _takes_as_it_is(self, model: Any, batch: Any) -> bool:
        keep = Snapshot(model, None)
        try:
            with preserved(), torch.no_grad(), seeded(self.declared.seed):
                model.eval()(*leading(model.forward, batch))
        except Exception:  # noqa: BLE001 - whatever the model has against it
            return False
        finally:
            keep.restore()
        return True

    def _first_call(self, model: Any, batch: Any) -> list[Any]:
        """The arguments that the loss hands to the model at first; none if it does not call it."""
        seen: list[Any] = []

        def keep(_module: Any, arguments: Any, named: Any) -> None:
            seen.extend((*arguments, *named.values()))
            raise _SeenError

        handle = model.register_forward_pre_hook(keep, with_kwargs=True)
        assert self.declared.loss is not None
        try:
            with preserved(), torch.no_grad(), seeded(self.declared.seed):
                self.declared.loss(model, batch)
        except _SeenError:
            pass
        finally:
            handle.remove()
        return seen

    def _called_by_loss(self, model: Any, batch: Any) -> Any:
        """The output of a model that needs more than the batch holds: the loss knows what (a condition, a mask)."""
        outputs: list[Any] = []
        assert self.declared.loss is not None
        handle = model.register_forward_hook(lambda _module, _arguments, output: outputs.append(output))
        try:
            self.declared.loss(model, batch)
        finally:
            handle.remove()
        if not outputs:
            raise Unavailable(
                "the model needs more than the batch holds, and the loss does not call it: declare reconstruct"
            )
        return outputs[0]

    def encode(self, model: Any, batch: Any) -> Any:
        """The code of a batch, as declared or by the model's own `encode`."""
        if self.declared.encode is not None:
            return self.declared.encode(model, batch)
        if not callable(getattr(model, "encode", None)):
            raise Unavailable("the model has no method encode, and none was declared")
        # A graph goes in with its edges.
        given = (self.primary(batch),) if takes(model.encode, 1) else leading(model.encode, batch)
        if not takes(model.encode, len(given)):
            raise Unavailable("encode takes more than the batch is known to hold: declare encode(model, batch)")
        code = code_in(model.encode(*given))
        if code is None:
            raise Unavailable("encode does not return one tensor: declare encode and decode")
        return code

    def decode(self, model: Any, code: Any) -> Any:
        """What the model makes of a code, as declared or by its own `decode`."""
        if self.declared.decode is not None:
            return self.declared.decode(model, code)
        if not callable(getattr(model, "decode", None)):
            raise Unavailable("the model has no method decode, and none was declared")
        if not takes(model.decode, 1):
            raise Unavailable("decode takes more than the code: declare decode(model, code)")
        return model.decode(code)

    def loss(self, model: Any, batch: Any) -> Any:
        """The training loss as one differentiable scalar."""
        if self.spec.loss is None:
            raise Unavailable("no loss was declared")
        given = self.spec.loss(model, batch)
        loss = _scalar(given)
        if loss is None:
            raise Unavailable(f"the loss is a {type(given).__name__}, not a tensor")
        return loss

    def reconstruction(self, output: Any, batch: Any) -> Any:
        """The tensor of an output that stands for the input."""
        x = self.primary(batch)
        return reconstruction_among(leaves(output), x.shape, floating=x.is_floating_point(), given=x).tensor

    def module_names(self) -> dict[int, str]:
        """`id(module)` -> path for every registered module; the root is called "."."""
        return {id(module): name or "." for name, module in self.model.named_modules()}


def _interpreted(model: Any) -> Any:
    """The module without `model.compile()`, whose graphs could not be watched. It is an instance of our own."""
    if isinstance(model, nn.Module):
        for module in model.modules():
            module._compiled_call_impl = None  # noqa: SLF001 - torch offers no public way back
    return model


def _scalar(loss: Any) -> Any:
    """The scalar in what a loss function returned: a tensor, a tuple that begins with one, or terms by name."""
    if isinstance(loss, Mapping):
        loss = (
            loss["loss"] if "loss" in loss else sum(value for value in loss.values() if isinstance(value, torch.Tensor))
        )
    elif isinstance(loss, list | tuple) and loss:
        loss = loss[0]
    if not isinstance(loss, torch.Tensor):
        return None
    return loss.sum() if loss.dim() else loss
