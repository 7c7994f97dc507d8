"""AEL619: results that a loop throws away, and reads as another loop left them."""

import pytest

from aelint.rules.inference import misreported_metric
from aelint.rules.inference import stale_result as rule
from tests.rules.harness import rows, run

LOOPS = """
import torch
from torch import nn
from torch.nn import functional as F

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.decoder = nn.Linear(64, 16), nn.Linear(8, 64)

    def encode(self, x):
        return self.head(x).chunk(2, dim=1)

    def forward(self, x, mu=None):
        mu, logvar = self.encode(x)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar

def divergence(mu, logvar):
    return -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())

def fit({parameters}):
    optimizer = torch.optim.Adam(model.parameters())
    {before}
    for epoch in range(10):
        {early}
        for x in train_loader:
            optimizer.zero_grad()
            {kept} = model(x)
            loss = F.mse_loss(recon, x) + divergence(mu, logvar)
            loss.backward()
            optimizer.step()
            {ending}
        model.eval()
        total = 0.0
        with torch.no_grad():
            for x in val_loader:
                {thrown}
                total += {added}
        {behind}
        model.train()

train_loader = torch.utils.data.DataLoader(torch.rand(256, 64), batch_size=32)
val_loader = torch.utils.data.DataLoader(torch.rand(64, 64), batch_size=32)
fit(VAE(), train_loader, val_loader)
"""
GOOD = {
    "parameters": "model, train_loader, val_loader",
    "before": "pass",
    "early": "pass",
    "kept": "recon, mu, logvar",
    "ending": "pass",
    "thrown": "recon, mu, logvar = model(x)",
    "added": "F.mse_loss(recon, x) + divergence(mu, logvar)",
    "behind": "print(total)",
}
BAD = {**GOOD, "thrown": "recon, _, _ = model(x)"}
ROW = 37


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="unpacked-in-both-loops"),
        pytest.param({"thrown": "recon, _, _ = model(x); mu, logvar = model.encode(x)"}, id="bound-in-another-way"),
        pytest.param({"thrown": "recon, _, _ = model(x)", "added": "F.mse_loss(recon, x)"}, id="not-read"),
        pytest.param(
            {
                "thrown": "recon, _, _ = model(x)",
                "added": "F.mse_loss(recon, x)",
                "behind": "print(divergence(mu, logvar))",
            },
            id="read-behind-the-loop",
        ),
        pytest.param(
            {"thrown": "recon, _, _ = model(x)", "before": "mu, logvar = torch.zeros(8), torch.zeros(8)"},
            id="bound-before-both-loops",
        ),
        pytest.param(
            {"thrown": "recon, _, _ = model(x)", "parameters": "model, train_loader, val_loader, mu=0, logvar=0"},
            id="parameters-of-the-function",
        ),
        pytest.param({"thrown": "recon, _, _ = model(x)", "early": "global mu, logvar"}, id="names-of-the-file"),
        pytest.param({"thrown": "recon, _, _ = model.forward(x)"}, id="another-function"),
        pytest.param(
            {"thrown": "recon, _, _ = model(x, mu)", "added": "F.mse_loss(recon, x)"}, id="a-state-for-the-call"
        ),
        pytest.param(
            {"thrown": "recon, _, _ = model(x)", "ending": "if mu.abs().max() > 9: break"},
            id="what-the-first-loop-stopped-at",
        ),
        pytest.param({"thrown": "recon, _ = model(x)"}, id="another-number-of-results"),
        pytest.param({"thrown": "recon, *_, last = model(x)[:3]"}, id="a-part-of-the-results"),
        pytest.param(
            {"early": "recon, _, _ = model(next(iter(val_loader)))", "thrown": "pass", "added": "1"},
            id="a-look-at-the-model-before-the-loop",
        ),
        pytest.param(
            {
                "ending": "for y in val_loader: other, _, _ = model(y); print(F.mse_loss(other, y) + divergence(mu, logvar))",
                "thrown": "pass",
                "added": "1",
            },
            id="of-the-batch-around",
        ),
        pytest.param(
            {"kept": "recon, mu, logvar = result", "thrown": "_ = model(x)", "added": "result[0].mean()"},
            id="called-for-its-hooks",
        ),
        pytest.param(
            {
                "kept": "recon, VAE.mu, VAE.logvar",
                "thrown": "recon, _, _ = model(x)",
                "added": "F.mse_loss(recon, x) + divergence(VAE.mu, VAE.logvar)",
            },
            id="attributes",
        ),
        pytest.param({"thrown": "recon, *rest = model(x)"}, id="kept-under-another-name"),
        pytest.param({"thrown": "result = model(x); recon = result[0]"}, id="kept-as-a-whole"),
        pytest.param(
            {"thrown": "_, mu, logvar = model(x)", "added": "divergence(mu, logvar)"},
            id="the-reconstruction-is-not-read",
        ),
        pytest.param(
            {"thrown": "logvar = model(x)[2]", "added": "sum(mu.sum() for mu in model.encode(x))"},
            id="a-name-of-its-own",
        ),
    ],
)
def test_silent(changes: dict[str, str]) -> None:
    assert rows(rule, LOOPS.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="underscores"),
        pytest.param({"thrown": "recon, *_ = model(x)"}, id="starred"),
        pytest.param({"thrown": "*_, logvar = model(x)"}, id="starred-in-front"),
        pytest.param({"thrown": "recon, __, ___ = model(x)"}, id="more-underscores"),
        pytest.param({"thrown": "recon, mu, _ = model(x)"}, id="one-of-two"),
        pytest.param({"thrown": "recon = model(x)[0]"}, id="the-first-part-alone"),
        pytest.param({"thrown": "mu = model(x)[1]"}, id="another-part-alone"),
        pytest.param({"kept": "recon, (mu, logvar)", "thrown": "recon, _ = model(x)"}, id="a-pair"),
        pytest.param({"kept": "recon, *mu", "thrown": "recon, _ = model(x)"}, id="a-list-of-the-rest"),
        pytest.param({"kept": "recon, (mu, logvar)", "thrown": "recon, (_, logvar) = model(x)"}, id="a-part-of-a-pair"),
        pytest.param({"kept": "recon, (mu, logvar)", "thrown": "recon = model(x)[0]"}, id="all-but-the-first"),
    ],
)
def test_fires(changes: dict[str, str]) -> None:
    assert rows(rule, LOOPS.format(**{**BAD, **changes})) == [ROW]


def test_names_and_places_are_told() -> None:
    (found,) = run(rule, LOOPS.format(**BAD))
    assert [note.site.row for note in found.notes] == [28, 38]
    assert "calls `mu` and `logvar` (line 28)" in found.message
    assert "(line 38)" in found.message


def test_only_what_is_read_is_told() -> None:
    (found,) = run(rule, LOOPS.format(**{**BAD, "thrown": "_, _, logvar = model(x)"}))
    assert "calls `recon` and `mu`" in found.message
    (found,) = run(rule, LOOPS.format(**{**BAD, "thrown": "output = model(x)[0]"}))
    assert "calls `mu` and `logvar`" in found.message


def test_a_script_without_functions() -> None:
    lines = LOOPS.format(**BAD).split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("def fit"))
    end = next(i for i, line in enumerate(lines) if line.startswith("train_loader"))
    body = ["model = VAE()", *lines[end:-2], *(line[4:] for line in lines[start + 1 : end])]
    found = rows(rule, "\n".join([*lines[:start], *body]))
    assert found == [ROW + 2]


def test_loops_in_two_functions_are_told_elsewhere() -> None:
    source = LOOPS.format(**BAD).replace("        model.eval()\n", "    def validate():\n        model.eval()\n", 1)
    assert rows(rule, source) == []


def test_a_sum_of_what_another_loop_left_is_told_once() -> None:
    changes = {"added": "divergence(mu, logvar)"}
    assert rows(misreported_metric, LOOPS.format(**{**BAD, **changes})) == []
    assert rows(misreported_metric, LOOPS.format(**{**GOOD, **changes, "thrown": "model(x)"})) == [ROW + 1]
