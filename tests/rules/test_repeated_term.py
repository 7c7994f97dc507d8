"""AEL417: terms that are added twice."""

import pytest

from aelint.rules.optimization import repeated_term as rule
from tests.rules.harness import rows

LOSS = """
import torch.nn.functional as F

def loss_of(out, comp, x, model, criterion):
    {}
    return loss
"""

HEALTHY = {
    "two outputs": "loss = F.mse_loss(out, x)\n    loss += F.mse_loss(comp, x)",
    "the argument changes": "loss = F.mse_loss(out, x)\n    out = comp\n    loss += F.mse_loss(out, x)",
    "the argument is unpacked anew": "loss = F.mse_loss(out, x)\n    out, _ = comp\n    loss += F.mse_loss(out, x)",
    "the argument is scaled": "loss = F.mse_loss(out, x)\n    out *= 2\n    loss += F.mse_loss(out, x)",
    "computed anew": "loss = F.mse_loss(model(x), x)\n    loss = loss + F.mse_loss(model(x), x)",
    "another sum": "loss = F.mse_loss(out, x)\n    metric = F.mse_loss(out, x)",
    "the sum starts anew": "loss = F.mse_loss(out, x)\n    loss = F.mse_loss(out, x)",
    "weighed": "loss = F.mse_loss(out, x)\n    loss = loss + 0.1 * F.mse_loss(out, x)",
    "a step in between": "loss = F.mse_loss(out, x)\n    model.step(out)\n    loss += F.mse_loss(out, x)",
    "two directions": "loss = F.kl_div(out, x) + F.kl_div(x, out)",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(body):
    assert rows(rule, LOSS.format(body)) == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("loss = F.mse_loss(out, x)\n    loss = loss + F.mse_loss(out, x)", 6),
        ("loss = torch.nn.L1Loss()(out, x)\n    loss = loss + torch.nn.L1Loss()(out, x)", 6),
        ("loss = 0.0\n    loss += criterion(out, x)\n    loss += criterion(comp, x)\n    loss += criterion(out, x)", 8),
        ("loss = F.l1_loss(out, x) + F.mse_loss(out, x) + F.l1_loss(out, x)", 5),
        (
            "loss = 0.0\n    for k in out:\n        loss += F.l1_loss(out[k], x[k])\n        loss += F.l1_loss(out[k], x[k])",
            8,
        ),
    ],
)
def test_fires(body, row):
    assert rows(rule, LOSS.format(body)) == [row]


JOINED = """
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fw, self.bw = nn.GRU(4, 8), nn.GRU(4, 8)

    def forward(self, x1, x2):
        out_fw, state_fw = self.fw(x1)
        out_bw, state_bw = self.bw(x2)
        out_bw = out_bw.flip(0)
        return {}, state_fw, state_bw
"""

WHOLE = {
    "both": "torch.cat((out_fw, out_bw), 2)",
    "doubled on purpose": "torch.cat((x1, x1), 2), out_fw, out_bw",
    "a real part and its mirror": "torch.cat((out_fw, out_bw, out_fw), 2)",
    "three times": "torch.cat((out_fw, out_fw, out_fw), 2)",
    "computed parts": "torch.cat((out_fw.relu(), out_fw.relu()), 2)",
    "a list that is given": "torch.cat(out_fw)",
    "an index": "torch.cat((state_fw[0], state_fw[0]), 1), out_fw, out_bw",
}


@pytest.mark.parametrize("joined", WHOLE.values(), ids=WHOLE.keys())
def test_silent_on_joins_that_lose_nothing(joined):
    assert rows(rule, JOINED.format(joined)) == []


def test_silent_where_what_is_unread_has_another_name():
    assert rows(rule, JOINED.replace("out_bw", "rest").format("torch.cat((out_fw, out_fw), 2)")) == []


def test_silent_where_the_twin_is_overwritten():
    source = JOINED.replace("out_bw = out_bw.flip(0)", "out_bw = out_fw").format(
        "torch.cat((out_fw, out_fw), 2), out_bw"
    )
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "joined",
    [
        "torch.cat((out_fw, out_fw), 2)",
        "torch.stack([out_fw, out_fw], dim=-1)",
        "torch.concat([out_fw, x1, out_fw], -1)",
    ],
)
def test_a_tensor_is_joined_with_itself_in_place_of_its_twin(joined):
    assert rows(rule, JOINED.format(joined)) == [14]


def test_an_argument_is_joined_with_itself():
    source = "import torch\ndef critic(net, h1, h2):\n    return net(torch.cat([h1, h1], 1))\n"
    assert rows(rule, source) == [3]
    assert rows(rule, source.replace("h1, h1", "h1, h2")) == []


HALVES = """
import torch

def encode(cell, x):
    outputs, _ = cell(x)
    {} = outputs.chunk(2, dim=2)
    return {}
"""


@pytest.mark.parametrize(
    ("halves", "joined", "found"),
    [
        pytest.param("out_fw, out_bw", "torch.cat((out_fw, out_bw), dim=2)", [], id="both halves"),
        pytest.param("out_fw, out_bw", "torch.cat((out_fw, out_fw), dim=2), out_bw", [], id="read elsewhere"),
        pytest.param("out_fw, _", "torch.cat((out_fw, out_fw), dim=2)", [], id="left out on purpose"),
        pytest.param("out_fw, out_bw", "torch.cat((out_fw, out_fw), dim=2)", [7], id="one half twice"),
        pytest.param("(half1, half2)", "torch.stack([half2, half2])", [7], id="the other one twice"),
    ],
)
def test_a_part_of_an_unpacked_result_is_joined_with_itself(halves, joined, found):
    assert rows(rule, HALVES.format(halves, joined)) == found


CYCLE = """
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.{drop} = nn.Linear(10, 6), nn.Dropout({rate})
        self.mu, self.logvar = nn.Linear(6, 2), nn.Linear(6, 2)

    def forward(self, a, x):
        h = self.{drop}(torch.relu(self.fc(torch.cat([a, x], 1))))
        mu, logvar = self.mu(h), self.logvar(h)
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), mu

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts, self.encoder, self.decoder = nn.Linear(8, 2), Encoder(), nn.Linear(4, 8)

    def forward(self, x):
        a = self.parts(x)
        z, mu = self.encoder(a, x)
        reco = self.decoder(torch.cat([a, z], 1))
        {second}
        return {result}

Net()(torch.randn(4, 8))
"""


@pytest.mark.parametrize(
    ("second", "result", "found"),
    [
        pytest.param("_, again = self.encoder(a, reco)", "reco, z, again, mu", [], id="the reconstruction is read"),
        pytest.param("other, _ = self.encoder(a, x)", "reco, z, other", [], id="another draw"),
        pytest.param("_, again = self.encoder(a, x)", "reco, again", [], id="returned once"),
        pytest.param("_, again = self.encoder(a, x)", "reco, z, again, mu", [25], id="the input is read again"),
        pytest.param("b = self.parts(x)", "reco, a, b", [25], id="a layer"),
    ],
)
def test_a_network_that_is_run_twice_on_the_same_input(second, result, found):
    text = CYCLE.replace("{second}", second).replace("{result}", result)
    assert rows(rule, text.replace("nn.Dropout({rate})", "nn.Identity()").replace("{drop}", "keep")) == found
    if "parts" not in second:
        assert rows(rule, text.replace("{rate}", "0.2").replace("{drop}", "drop")) == []


def test_silent_on_two_views_that_a_test_gives_alike():
    source = """
import torch
from torch import nn

class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 2)

    def forward(self, x, y):
        return self.fc(x), self.fc(y)

x = torch.randn(4, 8)
Pair()(x, x)
"""
    assert rows(rule, source) == []


SCALED = """
import torch
from torch import nn

class Dictionary(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x):
        f = torch.relu(self.encoder(x))
        return self.decoder(f), {given}

def loss(model, x):
    y, f = model(x)
    sparse = {penalty}
    return (x - y).pow(2).mean() + 0.1 * sparse.sum(-1).mean()

loss(Dictionary(), torch.randn(16, 8)).backward()
"""
ONCE, AGAIN = "f * self.decoder.weight.norm(dim=0)", "f * model.decoder.weight.norm(dim=0)"


@pytest.mark.parametrize(
    ("given", "penalty"),
    [
        pytest.param(ONCE, "f", id="where it is made"),
        pytest.param("f", AGAIN, id="where it is used"),
        pytest.param("f", f"{AGAIN} * model.decoder.weight.norm(dim=0)", id="a square in one place"),
        pytest.param(ONCE, "f * model.encoder.weight.norm(dim=1)", id="another weight"),
        pytest.param(ONCE, "f / model.decoder.weight.norm(dim=0)", id="taken back"),
        pytest.param("f * self.decoder.weight.norm()", AGAIN, id="of all at once beside each row's"),
        pytest.param("torch.tanh(f * self.decoder.weight.norm(dim=0))", AGAIN, id="no factor any more"),
        pytest.param("f * self.decoder.weight.abs().sum(0)", AGAIN, id="another measure"),
    ],
)
def test_silent_on_a_norm_that_enters_once(given: str, penalty: str) -> None:
    assert rows(rule, SCALED.format(given=given, penalty=penalty)) == []


@pytest.mark.parametrize(
    ("given", "penalty"),
    [
        pytest.param(ONCE, AGAIN, id="multiplied again"),
        pytest.param(
            "f * self.decoder.weight.norm(dim=0, keepdim=True)", "model.decoder.weight.norm(dim=0) * f", id="kept"
        ),
        pytest.param(ONCE, "f.abs() * torch.norm(model.decoder.weight, dim=0)", id="absolute values between"),
        pytest.param("2 * (f * self.decoder.weight.norm(dim=0))", AGAIN, id="another factor between"),
    ],
)
def test_a_norm_that_enters_twice(given: str, penalty: str) -> None:
    assert rows(rule, SCALED.format(given=given, penalty=penalty)) == [16]
