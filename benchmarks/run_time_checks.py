# ruff: noqa: ANN001, ANN201, ANN204, D101, D102, D103 - a script to read and run
"""What the run-time checks cost, in forward and backward passes of the model that they look at.

    python benchmarks/run_time_checks.py

Counts the passes that each observation makes and times the whole default run against one training forward
with its backward.
"""

import statistics
import time

import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.probes.observatory import observe


class ConvVAE(nn.Module):
    def __init__(self, side=32, width=32):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1), nn.ReLU(), nn.Conv2d(width, width, 4, 2, 1), nn.ReLU(), nn.Flatten()
        )
        size = width * (side // 4) ** 2
        self.mean, self.logvar, self.start = nn.Linear(size, 16), nn.Linear(size, 16), nn.Linear(16, size)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (width, side // 4, side // 4)), nn.ConvTranspose2d(width, width, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x):
        hidden = self.encoder(x)
        mean, logvar = self.mean(hidden), self.logvar(hidden)
        return self.decoder(self.start(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean))), mean, logvar


def loss(model, x):
    x_hat, mean, logvar = model(x)
    return (x_hat - x).pow(2).flatten(1).sum(1).mean() - 0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(1).mean()


def batch(n, seed):
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def median_seconds(run, repeats=5):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    torch.set_num_threads(1)
    model, x = ConvVAE(), batch(8, 0)
    equivalent = median_seconds(lambda: loss(model, x).backward(), 20)
    spec = AESpec(ConvVAE, batch, loss=loss)
    total = median_seconds(lambda: run_checks(spec))
    print(
        f"one forward and backward: {equivalent * 1e3:.1f} ms; all checks: {total * 1e3:.0f} ms = {total / equivalent:.1f} equivalents"
    )
    observations = observe(spec)
    for name in (
        "attempts",
        "output",
        "hygiene",
        "dependence",
        "mixing",
        "reach",
        "objective",
        "program",
        "posteriors",
        "masking",
        "round_trip",
        "weights",
    ):
        start = time.perf_counter()
        try:
            observations.get(name)
        except Exception as reason:  # noqa: BLE001 - printed
            print(f"  {name:12} {reason}")
            continue
        print(f"  {name:12} {(time.perf_counter() - start) / equivalent:5.1f} equivalents")


if __name__ == "__main__":
    main()
