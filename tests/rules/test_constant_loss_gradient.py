import pytest

from aelint.rules.objective import constant_loss_gradient as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nnet = nn.Linear(4, 4)\nx = torch.rand(8, 4)\ny = net(x)\n"

HEALTHY = {
    "a loss": "F.mse_loss(y, x).backward()",
    "a detached target": "F.mse_loss(y, net(x).detach()).backward()",
    "a detached weight": "rec = F.mse_loss(y, x)\n(rec + rec.detach() * y.mean()).backward()",
    "a number for the log": "loss = F.mse_loss(y, x)\ntotal = loss.item()\nloss.backward()",
    "an unknown loss": "criterion(y.detach(), x).backward()",
    "a tensor that is optimised": "w = torch.tensor(2.0, requires_grad=True)\n(y.detach() * w).sum().backward()",
    "the steps of a packed sequence": "steps = nn.utils.rnn.pack_padded_sequence(torch.rand(5, 2, 4), [5, 3])\n"
    "out, _ = nn.GRU(4, 4)(steps)\nout.data.sum().backward()",
    "a learned parameter": "w = nn.Parameter(torch.rand(4))\n((y.detach() - w) ** 2).sum().backward()",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy(body):
    assert not rows(rule, HEAD + body + "\n")


CUT = {
    "made anew": ("loss = F.mse_loss(y, x)\nloss = torch.tensor(loss.item(), requires_grad=True)\nloss.backward()", 8),
    "computed from a detached output": ("loss = F.mse_loss(y.detach(), x)\nloss.backward()", 7),
    "the numbers of a state": (
        "steps = nn.utils.rnn.pack_padded_sequence(torch.rand(5, 2, 4), [5, 3])\n_, h = nn.GRU(4, 4)(steps)\nh.data.sum().backward()",
        9,
    ),
    "item in a sum": ("loss = torch.zeros(1)\nloss = loss + F.mse_loss(y, x).item()\nloss.backward()", 8),
}


@pytest.mark.parametrize(("body", "row"), CUT.values(), ids=CUT.keys())
def test_cut(body, row):
    assert rows(rule, HEAD + body + "\n") == [row]


def test_silent_on_a_zero_on_the_device_of_the_output_where_nothing_is_to_be_compared():
    source = """
        import torch
        from torch import nn

        def masked(out, target):
            error = (out - target)[~torch.isnan(target)] ** 2
            if error.numel() == 0:
                return torch.tensor(0.0, device=out.device, requires_grad=True)
            return error.mean()

        net = nn.Linear(8, 8)
        masked(net(torch.rand(4, 8)), torch.rand(4, 8)).backward()
        """
    assert rows(rule, source) == []


def test_silent_on_a_copy_of_a_weight_that_asks_for_a_gradient_of_its_own():
    source = """
import torch
from torch import nn

layer = nn.Linear(4, 4, bias=False)

def reference(x):
    w = layer.weight.detach().clone().float().requires_grad_()
    loss = (x.detach() @ w).sum()
    loss.backward()
    return w.grad
"""
    assert rows(rule, source) == []


def test_silent_on_a_temperature_that_asks_for_its_gradient_afterwards():
    source = """
import torch
import torch.nn as nn
policy = nn.Linear(3, 1)
log_alpha = torch.tensor(0.01)
log_alpha.requires_grad = {asks}
optimizer = torch.optim.Adam([log_alpha], lr=1e-3)
for x in loader:
    loss = -(log_alpha.exp() * (policy(x) - 1.0).detach()).mean()
    loss.backward()
    optimizer.step()
"""
    assert rows(rule, source.format(asks=True)) == []
    assert rows(rule, source.format(asks=False)) != []
