"""Spectra: Fourier transforms, whole and short-time, and complex numbers as pairs of real ones."""

from __future__ import annotations

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import Apply, Facts, fresh, unknown
from aelint.semantics.operators.axes import axis_of
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
    elif x.shape is not None and apply.flag("return_complex") is not None:
        parts: Shape = () if apply.flag("return_complex") else (2,)
        sizes = (fresh("frequencies"), fresh("frames"))
        if size is not None:
            sizes = (_frequencies(apply, size), _frames(apply, x.shape[-1], size))
        return Facts((*x.shape[:-1], *sizes, *parts), kind=None)
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


@REGISTRY.operation("view_as_real", "input", functions="view_as_real")
def _view_as_real(apply: Apply) -> Facts:
    """The two parts of each number are entries of a new last axis."""
    shape = apply.tensor().shape
    return Facts(None, (2,)) if shape is None else Facts((*shape, 2))


@REGISTRY.operation("view_as_complex", "input", functions="view_as_complex")
def _view_as_complex(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(None if x.shape is None else x.shape[:-1], x.last[:-1], kind=None)


@REGISTRY.operation("fft", "input, n=None, dim=-1, norm=None", functions="fft.fft fft.ifft")
@REGISTRY.operation("fft", "input, s=None, dim=None, norm=None", functions="fft.fft2 fft.ifft2 fft.fftn fft.ifftn")
@REGISTRY.operation("fft", "input, dim=None", functions="fft.fftshift fft.ifftshift")
def _fft(apply: Apply) -> Facts:
    resized = apply.args.get("n") is not None or apply.args.get("s") is not None
    x = apply.tensor()
    return unknown() if resized else Facts(x.shape, x.last, kind=None)


@REGISTRY.operation("fft", "input, n=None, dim=-1, norm=None", functions="fft.rfft")
def _rfft(apply: Apply) -> Facts:
    """Half of the frequencies, and the one between: the other half of a real signal mirrors them."""
    x = apply.tensor()
    axis = axis_of(apply, apply["dim"], len(x.shape), x.shape) if x.shape else None
    if x.shape is None or axis is None or apply["n"] is not None:
        return unknown()
    half = dims.add(dims.floor_divide(x.shape[axis], 2), 1)
    return Facts((*x.shape[:axis], half, *x.shape[axis + 1 :]), kind=None)
