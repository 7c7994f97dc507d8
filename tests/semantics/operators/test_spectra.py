"""Fourier transforms, and complex numbers as pairs of real ones, have the shapes that torch gives them."""

import pytest

from tests.semantics.reading import read, shape

torch = pytest.importorskip("torch")

WAVE = "x, w = torch.randn(3, 961), torch.ones(64)\n"


@pytest.mark.parametrize(
    "expression",
    [
        "torch.stft(x, 64, 32, window=w, return_complex=True)",
        "torch.stft(x, n_fft=64, window=w, center=False, return_complex=True)",
        "torch.stft(x, 63, 20, window=w[1:], onesided=False, return_complex=True)",
        "x[0].stft(64, 10, window=w, return_complex=True).abs()",
        "torch.stft(x, 64, window=w, return_complex=False)",
        "torch.istft(torch.stft(x, 64, 32, window=w, return_complex=True), 64, 32, window=w)",
        "torch.istft(torch.stft(x, 64, window=w, return_complex=True), 64, window=w, length=900)",
        "torch.view_as_real(torch.stft(x, 64, 32, window=w, return_complex=True))",
        "torch.view_as_complex(torch.stft(x, 64, window=w, return_complex=False))",
        "torch.fft.fft(x)",
        "torch.fft.ifft2(torch.fft.fftshift(torch.fft.fft2(x), dim=(0, 1)))",
        "torch.fft.rfft(x)",
        "torch.view_as_real(torch.fft.rfft(x, dim=0))",
    ],
)
@pytest.mark.filterwarnings("ignore:stft with return_complex=False")
def test_as_torch_does(expression):
    names = {"torch": torch}
    exec(f"{WAVE}y = {expression}", names)
    assert shape(f"{WAVE}y = {expression}") == tuple(names["y"].shape)


def test_unknown_where_a_setting_is():
    sizes = shape(WAVE + "y = torch.view_as_real(torch.stft(x, input(), return_complex=True))")
    assert (sizes[0], sizes[-1], len(sizes)) == (3, 2, 4)
    assert shape(WAVE + "y = torch.fft.fft(x, n=128)") is None
    assert shape(WAVE + "y = torch.fft.fft2(x, s=(8, 8))") is None
    assert shape(WAVE + "y = torch.fft.rfft(x, 128)") is None
    spectra = read("def f(x):\n    return torch.view_as_complex(x), torch.view_as_real(x)\ny = f(input())")
    assert [(one.shape, one.last) for one in spectra] == [(None, ()), (None, (2,))]
    assert shape(WAVE + "def f(n, c, r):\n    return torch.stft(x, 64, return_complex=r)\ny = f(1, 2, input())") is None
    sizes = shape(WAVE + "y = torch.stft(x, 64, hop_length=int(input()), return_complex=True)")
    assert sizes[:2] == (3, 33)
    assert not isinstance(sizes[2], int)


def test_neither_sign_nor_kind_is_told():
    spectrum = read(WAVE + "y = torch.stft(x, 64, window=w, return_complex=True)")
    assert (spectrum.kind, spectrum.range.unknown) == (None, True)
