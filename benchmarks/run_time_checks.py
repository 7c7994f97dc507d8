# ruff: noqa: ANN001, ANN201, ANN202, ANN204, D101, D102, D103 - a script to read and run
"""What the run-time checks cost, in forward and backward passes of the model that they look at.

    python benchmarks/run_time_checks.py

Counts the arithmetic of the whole default run, and of each observation in the order in which checks ask, against one
training forward with its backward. Passes that observations share are counted where they are first asked for.
"""

import statistics
import time

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.observations import Unavailable
from pytest_aecheck.probes.observatory import observe

NAMES = (
    "attempts", "output", "hygiene", "dependence", "mixing", "reach", "objective", "program", "posteriors", "forecast",
    "masking", "categoricals", "routes", "generation", "round_trip", "weights", "scaling", "bypass",
)  # fmt: skip


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


class Work(TorchDispatchMode):
    """Counts multiplications and additions of matrix products and convolutions, forward and backward."""

    def __init__(self):
        super().__init__()
        self.done = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)  # noqa: SLF001 - the registry is keyed by it
        self.done += count(*args, **(kwargs or {}), out_val=result) if count else 0
        return result


def work(run):
    with Work() as counter:
        run()
    return counter.done


def main():
    torch.set_num_threads(1)
    model, x = ConvVAE(), batch(8, 0)
    spec = AESpec(ConvVAE, batch, loss=loss)
    one = work(lambda: loss(model, x).backward())
    print(f"all checks: {work(lambda: run_checks(spec)) / one:.1f} forward-and-backward passes")
    observations = observe(spec)
    for name in NAMES:

        def read(name=name):
            try:
                observations.get(name)
            except Unavailable as reason:
                print(f"  {name:12}       {reason}")

        if passes := work(read) / one:
            print(f"  {name:12} {passes:4.2f}")
    equivalent = median_seconds(lambda: loss(model, x).backward(), 20)
    total = median_seconds(lambda: run_checks(spec))
    print(f"one pass: {equivalent * 1e3:.1f} ms; all checks: {total * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
