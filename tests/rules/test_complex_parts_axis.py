"""AEL338: real and imaginary parts that are taken from an axis that does not hold them."""

import pytest

from aelint.rules.objective import complex_parts_axis as rule
from tests.rules.harness import rows, run

SPECTRAL = """
import torch
from torch import nn

class SpectralLoss(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size))

    def spectrum(self, wave):
        {whole}

    def power(self, wave):
        s = self.spectrum(wave)
        {before}
        return {taken}

    def forward(self, x, y):
        return (self.power(x) - self.power(y)).abs().mean()

class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(512, 16)
        self.decoder = nn.Linear(16, 512)

    def forward(self, x):
        return self.decoder(self.encoder(x))

waves = torch.randn(8, 512)
print(SpectralLoss()(Autoencoder()(waves), waves))
"""
COMPLEX = "spec = torch.stft(wave, self.size, window=self.window, return_complex=True)\n        "
GOOD = {
    "whole": COMPLEX + "return torch.view_as_real(spec)",
    "before": "pass",
    "taken": "s[..., 0] ** 2 + s[..., 1] ** 2",
}
AS_PAIRS = "return torch.stft(wave, self.size, window=self.window, return_complex=False)"
OF_IMAGES = "return torch.view_as_real(torch.fft.fft2(wave.view(-1, 2, 16, 16)))"
WRONG = "s[:, :, 0] ** 2 + s[:, :, 1] ** 2"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="last-axis"),
        pytest.param({"taken": "s[:, :, :, 0] ** 2 + s[:, :, :, 1] ** 2"}, id="last-of-four-axes"),
        pytest.param({"taken": "s.select(3, 0) ** 2 + s.select(3, 1) ** 2"}, id="last-axis-by-its-number"),
        pytest.param({"taken": "s.select(-1, 0) ** 2 + s.select(-1, 1) ** 2"}, id="last-axis-from-the-end"),
        pytest.param({"taken": "s[0, ..., 0] ** 2 + s[0, ..., 1] ** 2"}, id="of-one-sample"),
        pytest.param({"whole": AS_PAIRS}, id="pairs-of-the-transform-itself"),
        pytest.param(
            {
                "whole": GOOD["whole"].replace("(spec)", "(spec).permute(0, 3, 1, 2)"),
                "taken": "s[:, 0]**2 + s[:, 1]**2",
            },
            id="parts-moved-to-the-front",
        ),
        pytest.param({"whole": COMPLEX + "return spec.abs()", "taken": WRONG}, id="first-frames-of-a-magnitude"),
        pytest.param({"whole": COMPLEX + "return spec", "taken": "s[:, 0]**2 + s[:, 1]**2"}, id="complex-numbers"),
        pytest.param({"taken": "s[0][..., 0] ** 2 + s[0][..., 1] ** 2"}, id="of-one-sample-in-two-steps"),
        pytest.param({"taken": "s[:, :, 0] ** 3 + s[:, :, 1] ** 3"}, id="third-powers"),
        pytest.param({"taken": "s[:, 0] * s[:, 1] + s[:, 1] * s[:, 2]"}, id="products-of-neighbours"),
        pytest.param(
            {"before": "t = self.spectrum(-wave)", "taken": "s[:, 0] * t[:, 0] + s[:, 1] * t[:, 1]"},
            id="products-of-two-spectra",
        ),
        pytest.param({"taken": "s[:, :, 0] ** 2 + s[:, :, 2] ** 2"}, id="every-second-frame"),
        pytest.param({"taken": "s[:, :, -1] ** 2 + s[:, :, 1] ** 2"}, id="frames-at-both-ends"),
        pytest.param({"taken": "s[:, 0, :9] ** 2 + s[:, :9, 1] ** 2"}, id="entries-of-two-axes"),
        pytest.param({"taken": "s[:, :, 1] - s[:, :, 0]"}, id="difference-of-frames"),
        pytest.param({"taken": "s[:, :, 0] + s[:, :, 1]"}, id="sum-of-frames"),
        pytest.param({"taken": "s[:, :, 0] ** 2 + s[:, :, 1]"}, id="only-one-is-squared"),
        pytest.param({"taken": "s[:, :, 1] ** 2 + s[:, :, 2] ** 2"}, id="other-frames"),
        pytest.param({"taken": "s[:, 0, :, 0] ** 2 + s[:, 1, :, 0] ** 2"}, id="real-parts-of-two-frequencies"),
        pytest.param({"taken": "s[:, 0, 0] ** 2 + s[:, 1, 1] ** 2"}, id="entries-that-differ-in-two-axes"),
        pytest.param({"before": "t = self.spectrum(2 * wave)", "taken": "s[:, 0]**2 + t[:, 1]**2"}, id="two-spectra"),
        pytest.param({"whole": OF_IMAGES, "taken": "s[:, 0] ** 2 + s[:, 1] ** 2"}, id="two-channels"),
        pytest.param({"before": "s = s[None, :, 0]", "taken": WRONG}, id="axes-were-added"),
        pytest.param({"before": "s = s[torch.randperm(8)]", "taken": WRONG}, id="indexed-by-a-tensor"),
        pytest.param({"before": "s = s.mean(0)", "taken": "s[:, 0] ** 2 + s[:, 1] ** 2"}, id="average-of-the-samples"),
        pytest.param({"before": "first, second = s[0], s[1]", "taken": "second - first"}, id="two-samples-are-shown"),
        pytest.param({"before": "s = torch.view_as_real(input())", "taken": WRONG}, id="unknown-number-of-axes"),
        pytest.param(
            {"before": "s = torch.view_as_real(input())", "taken": "s.select(2, 0)**2 + s.select(2, 1)**2"},
            id="axis-of-an-unknown-number-of-axes",
        ),
        pytest.param(
            {"before": "k = int(input())", "taken": "s.select(k, 0)**2 + s.select(k, 1)**2"}, id="unknown-axis"
        ),
    ],
)
def test_silent(changes: dict[str, str]) -> None:
    assert rows(rule, SPECTRAL.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param(WRONG, id="powers"),
        pytest.param("(s[:, :, 1] ** 2 + s[:, :, 0] ** 2).sqrt()", id="imaginary-first"),
        pytest.param("s[:, 0].pow(2) + s[:, 1].pow(2)", id="frequencies"),
        pytest.param("torch.square(s[:, :, 0]) + torch.square(s[:, :, 1])", id="squares"),
        pytest.param("s[:, :, 0] * s[:, :, 0] + s[:, :, 1] * s[:, :, 1]", id="products"),
        pytest.param("(s ** 2)[:, :, 0] + (s ** 2)[:, :, 1]", id="squared-before"),
        pytest.param("(s * s)[:, :, 0] + (s * s)[:, :, 1]", id="multiplied-before"),
        pytest.param("s[..., 0, :] ** 2 + s[..., 1, :] ** 2", id="last-but-one"),
        pytest.param("s.select(2, 0) ** 2 + s.select(2, 1) ** 2", id="select"),
        pytest.param("s.select(-2, 0) ** 2 + s.select(-2, 1) ** 2", id="select-from-the-end"),
        pytest.param("s.abs()[:, :, 0].detach() ** 2 + s.abs()[:, :, 1].detach() ** 2", id="through-detach"),
        pytest.param("s[:, 1:][:, :, 0] ** 2 + s[:, 1:][:, :, 1] ** 2", id="of-a-part"),
        pytest.param("torch.atan2(s[:, :, 1], s[:, :, 0])", id="angle"),
        pytest.param("torch.hypot(s[:, :, 0], s[:, :, 1])", id="hypotenuse"),
        pytest.param("torch.complex(s[:, :, 0], s[:, :, 1]).abs()", id="made-complex-again"),
    ],
)
def test_fires(taken: str) -> None:
    source = SPECTRAL.format(**{**GOOD, "taken": taken})
    assert rows(rule, source) == [18]
    assert rows(rule, source.replace("wave, self.size", "wave, int(input())")) == [18]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("re, im", [17]),
        ("real, imag", [17]),
        ("x_real, x_imaginary", [17]),
        ("first, second", []),
        ("red, image", []),
        ("real, fake", []),
        ("imag, real", [17]),
    ],
)
def test_parts_by_name(names: str, told: list[int]) -> None:
    taken = {"before": f"{names} = s[:, :, 0], s[:, :, 1]", "taken": names.split(", ", maxsplit=1)[0]}
    assert rows(rule, SPECTRAL.format(**{**GOOD, **taken})) == told


def test_pairs_of_the_transform_itself() -> None:
    assert rows(rule, SPECTRAL.format(**{**GOOD, "whole": AS_PAIRS, "taken": WRONG})) == [17]


@pytest.mark.parametrize("taken", [WRONG, "s.select(-2, 0) ** 2 + s.select(-2, 1) ** 2"])
def test_sizes_and_places_are_told(taken: str) -> None:
    (found,) = run(rule, SPECTRAL.format(**{**GOOD, "taken": taken}))
    assert "two of the 33 entries of axis 2" in found.message
    assert "last of 4 axes (line 13)" in found.message
    assert [note.site.row for note in found.notes] == [18, 13]
