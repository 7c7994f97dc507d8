"""Spectra: the short-time Fourier transform and its inverse."""

from __future__ import annotations

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import Apply, Facts, fresh, unknown
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []

_WINDOW = "n_fft, hop_length=None, win_length=None, window=None, center=True"


@REGISTRY.operation(
    "stft",
    f"input, {_WINDOW}, pad_mode='reflect', normalized=False, onesided=None, return_complex=None",
    functions="stft",
    methods="stft",
)
def _stft(apply: Apply) -> Facts:
    """`(batch, samples)` to `(batch, frequencies, frames)`; numbers that are not complex have an axis of their two parts."""
    x, size = apply.tensor(), apply.dim("n_fft")
    if x.shape is not None and len(x.shape) not in {1, 2}:
        apply.conflict("rank", expected=(1, 2), shape=x.shape)
    elif x.shape is not None and size is not None and apply.flag("return_complex") is not None:
        parts: Shape = () if apply.flag("return_complex") else (2,)
        return Facts((*x.shape[:-1], _frequencies(apply, size), _frames(apply, x.shape[-1], size), *parts), kind=None)
    return unknown()


def _frequencies(apply: Apply, size: Dim) -> Dim:
    """Half of them, and the one between, of a real signal; the other half mirrors them."""
    real = apply.tensor().kind == "float"
    one_sided = real if apply["onesided"] is None else apply.flag("onesided")
    if one_sided:
        return dims.add(dims.floor_divide(size, 2), 1)
    return size if one_sided is False and apply["onesided"] is not None else fresh("frequencies")


def _hop(apply: Apply, size: Dim) -> Dim | None:
    return dims.floor_divide(size, 4) if apply["hop_length"] is None else apply.dim("hop_length")


def _frames(apply: Apply, samples: Dim, size: Dim) -> Dim:
    hop, centred = _hop(apply, size), apply.flag("center")
    if hop is None or centred is None:
        return fresh("frames")
    padded = dims.add(samples, dims.mul(2, dims.floor_divide(size, 2))) if centred else samples
    frames = dims.add(dims.floor_divide(dims.sub(padded, size), hop), 1)
    # A signal that is shorter than one step stands for others: nobody looks at its spectrum over time.
    return fresh("frames") if frames == 1 else frames


@REGISTRY.operation(
    "istft",
    f"input, {_WINDOW}, normalized=False, onesided=None, length=None, return_complex=False",
    functions="istft",
    methods="istft",
)
def _istft(apply: Apply) -> Facts:
    x, size, length = apply.tensor(), apply.dim("n_fft"), apply.dim("length")
    if x.shape is None or len(x.shape) < 2:
        return unknown()
    hop = None if size is None else _hop(apply, size)
    if length is None and apply["length"] is None and hop is not None and apply.flag("center"):
        length = dims.mul(dims.sub(x.shape[-1], 1), hop)
    return Facts((*x.shape[:-2], fresh("samples") if length is None else length))
