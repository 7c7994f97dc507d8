"""Terms of a loss whose value changes in steps: they steer nothing."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import Overcomplete, vectors


def found(term):
    def loss(model, x):
        x_hat, z = model(x)
        return term(F.mse_loss(x_hat, x), z, x, model)

    return run_checks(AESpec(Overcomplete, vectors, loss=loss), only=["AEC406"])["AEC406"]


def share(z):
    return (z > 0.1).float().mean()


def share_without_graph(z):
    with torch.no_grad():
        return share(z)


@pytest.mark.parametrize(
    "term",
    [
        pytest.param(lambda error, z, x, model: error + 0.1 * z.mean(), id="a mean"),
        pytest.param(lambda error, z, x, model: error + 0.1 * share(z).detach(), id="detached: only shown"),
        pytest.param(lambda error, z, x, model: error + 0.1 * share_without_graph(z), id="without a graph: only shown"),
        pytest.param(lambda error, z, x, model: error * (1 + share(z)), id="a weight of the error"),
        pytest.param(lambda error, z, x, model: error + (x > 0).float().mean(), id="a count of the data"),
        pytest.param(lambda error, z, x, model: error + 0.1 * (z * (z > 0.1)).mean(), id="a mean of what is chosen"),
        pytest.param(
            lambda error, z, x, model: error + (z + (z.round() - z).detach()).mean(), id="rounded straight through"
        ),
        pytest.param(lambda error, z, x, model: error + (z - z.round()).pow(2).mean(), id="how far from whole numbers"),
        pytest.param(lambda error, z, x, model: error + 0.1 * z.topk(4, 1).values.mean(), id="a mean of the largest"),
    ],
)
def test_terms_with_a_slope_or_without_a_claim_pass(term):
    assert found(term).status == "passed", str(found(term))


@pytest.mark.parametrize(
    ("term", "step"),
    [
        pytest.param(lambda error, z, x, model: error + 0.1 * share(z), "gt", id="added"),
        pytest.param(lambda error, z, x, model: error - share(z) / 8, "gt", id="subtracted and divided"),
        pytest.param(lambda error, z, x, model: (error + z.mean() + share(z)) * 2, "gt", id="in a sum that is scaled"),
        pytest.param(lambda error, z, x, model: error + z.round().mean(), "round", id="rounded"),
        pytest.param(lambda error, z, x, model: error + z.argmax(1).float().mean(), "argmax", id="an index"),
    ],
)
def test_terms_that_count_fail(term, step):
    verdict = found(term)
    assert verdict.status == "failed"
    assert f"`{step}`" in verdict.message


class StoredAsBytes(nn.Module):
    """Rounds its code, for storage, on the way to the decoder."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 6))
        self.decoder = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 20))

    def forward(self, x):
        return self.decoder(torch.sigmoid(self.encoder(x)).mul(255).round() / 255)


def test_the_question_for_steps_is_asked_before_the_weights_are_moved():
    found = run_checks(AESpec(StoredAsBytes, vectors, loss=lambda m, x: (m(x) - x).pow(2).mean()), only=["AEC406"])
    assert found["AEC406"].status == "failed", str(found["AEC406"])
    assert "encoder.0.weight" in found["AEC406"].message
