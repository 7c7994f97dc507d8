"""AEL414: outputs that no loss uses."""

import pytest

from aelint.rules.optimization import unused_output as rule
from tests.rules.harness import rows

STEP = """
import torch
from torch import nn
import torch.nn.functional as F


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.decoder, self.classes = nn.Linear(20, 8), nn.Linear(4, 20), nn.Linear(4, 3)

    def forward(self, x):
        mu, logvar = self.heads(x).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar, self.classes(z)


def kl(mu, logvar):
    return (0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar)).sum(1).mean()


def train(model, x, y):
    optimizer = torch.optim.Adam(model.parameters())
    {outputs}
    loss = {loss}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


train(VAE(), torch.randn(32, 20), torch.zeros(32).long())
"""

ALL = "out, mu, logvar, scores = model(x)"
FULL = "F.mse_loss(out, x) + kl(mu, logvar) + F.cross_entropy(scores, y)"

HEALTHY = {
    "everything is used": (ALL, FULL),
    "left out on purpose": ("out, mu, logvar, _ = model(x)", "F.mse_loss(out, x) + kl(mu, logvar)"),
    "called so": ("out, mu, logvar, _scores = model(x)", "F.mse_loss(out, x) + kl(mu, logvar)"),
    "shown in a text": (ALL + "; print(f'{scores[0, 0]:.2f}')", "F.mse_loss(out, x) + kl(mu, logvar)"),
    "a number made with numpy": (
        "out, mu, logvar, _ = model(x); spread = _.detach().numpy().std()",
        "F.mse_loss(out, x) + kl(mu, logvar)",
    ),
    "shown": (ALL + "; print(scores.argmax(1))", "F.mse_loss(out, x) + kl(mu, logvar)"),
    "a loss that cannot be read": (ALL, "criterion(model, x)"),
    "taken by a hook": ("model.register_forward_hook(keep); " + ALL, "F.mse_loss(out, x) + kl(mu, logvar)"),
    "in no_grad": (ALL + "\n    with torch.no_grad():\n        recon = model.decoder(mu)\n        recon = None", FULL),
    "the whole result is kept": ("result = model(x); out, mu, logvar, scores = result", FULL),
}


@pytest.mark.parametrize(("outputs", "loss"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(outputs, loss):
    assert rows(rule, STEP.format(outputs=outputs, loss=loss)) == []


FAULTS = {
    "a head without a loss": (ALL, "F.mse_loss(out, x) + kl(mu, logvar)"),
    "the mean in place of the reconstruction": (ALL, "F.mse_loss(x, x) + kl(mu, logvar) + F.cross_entropy(scores, y)"),
    "only the code": (ALL, "kl(mu, logvar) + F.cross_entropy(scores, y)"),
    "computed twice": (
        ALL + "\n    fake = model.decoder(torch.randn(32, 4))\n    fake = model.decoder(mu)",
        FULL + " + fake.mean()",
    ),
}


@pytest.mark.parametrize(("outputs", "loss"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(outputs, loss):
    assert rows(rule, STEP.format(outputs=outputs, loss=loss)) == [24 + outputs.count("\n") // 2]


def test_an_encoder_whose_state_the_decoder_does_not_get():
    source = """
        import torch
        from torch import nn

        class Forecast(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder, self.decoder = nn.LSTM(5, 16), nn.LSTM(1, 16)
                self.out = nn.Linear(16, 1)

            def forward(self, x, history):
                steps, state = self.encoder(x)
                steps, _ = self.decoder(history{})
                return self.out(steps[-1])

        model = Forecast()
        optimizer = torch.optim.Adam(model.parameters())
        loss = (model(torch.randn(9, 8, 5), torch.randn(9, 8, 1)) - torch.randn(8, 1)).pow(2).mean()
        loss.backward()
        optimizer.step()
        """
    assert rows(rule, source.format("")) == [12]
    assert rows(rule, source.format(", state")) == []


def test_silent_on_a_loss_that_another_file_asks_for():
    source = """
        import torch
        from torch import nn

        class Clusters(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder, self.spread = nn.Linear(20, 4), nn.Linear(20, 4)

            def pretrain(self, loader):
                optimizer = torch.optim.Adam(self.parameters())
                for x in loader:
                    loss = self.encoder(x).pow(2).mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()

            def elbo(self, x):
                total = self.encoder(x).pow(2).mean()
                total += self.spread(x).exp().mean()
                return total

        Clusters().pretrain(torch.utils.data.DataLoader(torch.rand(99, 20), batch_size=9))
        """
    assert rows(rule, source) == []


def test_silent_on_indices_that_were_drawn_on_the_device_of_an_output():
    source = """
import torch
from torch import nn

first, second = nn.Linear(8, 8), nn.Linear(8, 8)
opt = torch.optim.Adam([*first.parameters(), *second.parameters()])

def halves(h):
    order = torch.randperm(h.shape[0], device=h.device)
    return order[:5], order[5:]

for x in loader:
    left, right = halves(second(x))
    loss = nn.functional.mse_loss(first(x)[left], x[left])
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    assert rows(rule, source) == []


@pytest.mark.parametrize("cut", ["torch.split(h, 4, dim=1)", "h.tensor_split(2, dim=1)", "h.view(-1, 2, 4).unbind(1)"])
def test_silent_behind_parts_of_a_tensor_of_unknown_size(cut):
    source = f"""
import torch
from torch import nn


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.gates, self.left, self.right = nn.Linear(8, 8), nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        h = torch.tanh(self.gates(prepare(x)))
        a, b = {cut}
        return self.left(a), self.right(b), h


def train(net, x, y):
    optimizer = torch.optim.Adam(net.parameters())
    left, right, hidden = net(x)
    loss = nn.functional.cross_entropy(left, y) + nn.functional.cross_entropy(right, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


train(Cell(), data, labels)
"""
    assert rows(rule, source) == []


PROBED = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        layers = [nn.Linear(8, 8)]
        out = nn.Sequential(*layers)(torch.rand(2, 8))
        while size > 4:
            layers.extend([nn.Linear(8, 8), nn.ReLU()])
            size = size // 2
        self.head = nn.Linear(8, 8)
        out = self.head(out)
        {shown}
        self.body = nn.Sequential(nn.Linear(8, 8))

    def forward(self, x):
        return self.body(x)

def train(size):
    net = Net(size)
    optimizer = torch.optim.Adam(net.parameters())
    for x in [torch.rand(3, 8)] * 9:
        loss = (net(x) - x).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

train(unknown)
"""


def test_silent_on_a_constructor_that_looks_at_the_sizes_that_come_out():
    assert rows(rule, PROBED.replace("{shown}", "print(list(out.shape))")) == []


SPREAD = """
import torch
from torch import nn

class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.spread = nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, x):
        return self.mean(x), self.spread(x)

def train(net, decoder, x, join):
    optimizer = torch.optim.Adam([*net.parameters(), *decoder.parameters()])
    found = net(x)
    {use}
    loss = (decoder(found[0]) - x).pow(2).mean() + extra
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

train(Heads(), nn.Linear(2, 8), torch.rand(3, 8), None)
"""


def test_silent_on_outputs_that_are_spread_over_the_arguments_of_a_call():
    named = "mean, spread = found\n    pairs = [*zip(*spread)]\n    extra = 0"
    assert rows(rule, SPREAD.replace("{use}", named)) == []
    assert rows(rule, SPREAD.replace("{use}", named.replace("pairs = [*zip(*spread)]", "pairs = []"))) == [16]


def test_silent_on_a_prediction_that_a_notebook_shows():
    source = """
import torch
from torch import nn
model, other = nn.Linear(4, 1), nn.Linear(4, 1)
optimizer = torch.optim.Adam([*model.parameters(), *other.parameters()])
predicted = other(torch.rand(3, 4))[:, 0]
{show}
loss = model(torch.rand(3, 4)).mean()
loss.backward()
optimizer.step()
"""
    assert rows(rule, source.format(show="predicted")) == []
    assert rows(rule, source.format(show="pass")) == [6]


OPTIONAL_TERM = """
import argparse
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--match", type=int, default=1)
parser.add_argument("--until", type=int, default=50)
{options}

encoder, head = nn.Linear(64, 16), nn.Linear(16, 3)
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()])

for epoch in range(200):
    if epoch > options.until:
        options.match = 0
    for x, y in loader:
        code, logits = encoder(x), head(x[:, :16])
        loss = nn.functional.cross_entropy(logits, y)
        if {when}:
            loss = loss + nn.functional.mse_loss(code, teacher(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    "options",
    ["options = parser.parse_args()", "from types import SimpleNamespace as S; options = S(match=1, until=50)"],
)
def test_silent_on_an_output_for_a_term_that_a_setting_switches_off_later(options):
    assert rows(rule, OPTIONAL_TERM.format(options=options, when="options.match == 1")) == []
    assert rows(rule, OPTIONAL_TERM.format(options=options, when="False")) == [18]
