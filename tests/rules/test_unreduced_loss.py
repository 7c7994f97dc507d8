"""AEL341: backward passes of tensors that are no single number."""

import pytest

from aelint.rules.objective import unreduced_loss as rule
from tests.rules.harness import rows, run

PROGRAM = """
import torch
from torch import nn
import torch.nn.functional as F

net, x = nn.Linear(8, 8), {data}
squared = F.mse_loss(net(x), x, reduction="none")
loss = {loss}
{backward}
"""
BATCH = "next(iter(torch.utils.data.DataLoader(torch.rand(64, 8), 16)))"


@pytest.mark.parametrize(
    ("loss", "backward"),
    [
        pytest.param("squared.mean()", "loss.backward()", id="one number"),
        pytest.param("squared.sum(1).mean(0)", "loss.backward()", id="one axis after the other"),
        pytest.param("squared.mean().reshape(1, 1)", "loss.backward()", id="one number with axes"),
        pytest.param("squared", "loss.mean().backward()", id="reduced at the end"),
        pytest.param("squared.sum(1)", "loss.backward(torch.ones_like(loss))", id="a gradient is given"),
        pytest.param("squared.sum(1)", "loss.backward(gradient=torch.ones(4))", id="a gradient is given by name"),
        pytest.param("unknown(squared)", "loss.backward()", id="a shape that is not known"),
        pytest.param("squared.sum(1) if parallel else squared.mean()", "loss.backward()", id="either"),
        pytest.param("squared.sum(1)", "if loss.dim() > 0:\n    loss = loss.mean()\nloss.backward()", id="asked first"),
        pytest.param("squared[0, 0]", "loss.backward()", id="one entry"),
    ],
)
@pytest.mark.parametrize("data", ["torch.rand(4, 8)", BATCH])
def test_silent_on_one_number(data, loss, backward):
    assert rows(rule, PROGRAM.format(data=data, loss=loss, backward=backward)) == []


def test_silent_on_axes_of_unknown_length():
    source = """
    import torch
    layer = torch.nn.Conv1d(4, 8, 3, padding=1)

    def step(x: torch.Tensor):
        mean = layer(x).mean(0).sum(0)
        return {loss}.backward()
    """
    assert rows(rule, source.format(loss="mean")) == []
    assert rows(rule, source.format(loss="torch.stack([mean, mean])")) == [7]


@pytest.mark.parametrize(
    "loss", ["squared", "squared.sum(1)", "squared.mean(dim=0)", "squared.sum(1, keepdim=True) + 1"]
)
@pytest.mark.parametrize("data", ["torch.rand(4, 8)", BATCH])
def test_many_numbers(data, loss):
    (finding,) = run(rule, PROGRAM.format(data=data, loss=loss, backward="loss.backward(retain_graph=True)"))
    assert finding.site.row == 9
    assert "torch raises" in finding.message


def test_the_loss_of_a_function_in_another_file():
    files = {
        "main.py": """
        import torch
        from torch import nn
        from losses import vae_loss

        encoder, decoder = nn.Linear(8, 4), nn.Linear(2, 8)
        for x in torch.utils.data.DataLoader(torch.rand(64, 8), 16):
            mean, logvar = encoder(x).chunk(2, dim=1)
            vae_loss(decoder(mean), x, mean, logvar).backward()
        """,
        "losses.py": """
        import torch

        def vae_loss(output, x, mean, logvar):
            kl = -0.5 * (1 + logvar - mean ** 2 - logvar.exp()).sum(1)
            return ((output - x) ** 2).sum(1) + kl
        """,
    }
    assert rows(rule, files) == [9]
