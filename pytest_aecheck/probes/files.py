"""The state on its way through a file."""

from __future__ import annotations

import io
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from pytest_aecheck.observations import Saved, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.wording import said

__all__ = ["observe_saved"]


def observe_saved(bench: Bench) -> Saved:
    """Write and read the state by `torch.save` and, if it is installed, by safetensors."""
    if not bench.has_factory:
        raise Unavailable("the model was given built; a callable that builds it is needed for a second instance")
    other = bench.build(bench.spec.seed + 1)
    with bench.ready(training=False) as model:
        plain = _through_torch(model, other)
        tensors = _through_safetensors(model, other) if find_spec("safetensors") else None
    return Saved(plain, tensors or "", tensors is not None)


def _through_torch(model: Any, other: Any) -> str:
    """What was said when a file without arbitrary objects was read."""
    buffer = io.BytesIO()
    try:
        torch.save(model.state_dict(), buffer)
        buffer.seek(0)
        other.load_state_dict(torch.load(buffer, weights_only=True), strict=False)
    except Exception as error:  # noqa: BLE001 - the finding
        return said(error)
    return _changed(model, other)


def _through_safetensors(model: Any, other: Any) -> str:
    safetensors = import_module("safetensors.torch")  # optional, and slow to import
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.safetensors")
        try:
            safetensors.save_model(model, path)
            safetensors.load_model(other, path, strict=False)
        except Exception as error:  # noqa: BLE001 - the finding
            return said(error)
    return _changed(model, other)


def _changed(model: Any, other: Any) -> str:
    read = other.state_dict()
    lost = [
        name
        for name, value in model.state_dict().items()
        if isinstance(value, torch.Tensor)
        and not (name in read and read[name].shape == value.shape and torch.equal(read[name], value))
        and not bool(value.isnan().any())
    ]
    return f"other values came back for {', '.join(lost[:4])}" if lost else ""
