import pytest

from aelint.rules.objective import unused_loss_term as rule
from tests.rules.harness import rows, run

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 8), nn.Linear(8, 64)
history = []


def step(x, optimizer, verbose):
    code = encoder(x)
    rec_loss = F.mse_loss(decoder(code), x)
    sparsity_loss = code.abs().mean()
    {}
    loss.backward()
    optimizer.step()
"""

HEALTHY = {
    "added": "loss = rec_loss + 0.1 * sparsity_loss",
    "added in place": "loss = rec_loss\n    loss += sparsity_loss",
    "added on one branch": "loss = rec_loss\n    if verbose:\n        loss = loss + sparsity_loss",
    "printed": "loss = rec_loss\n    print(sparsity_loss.item())",
    "kept for later": "loss = rec_loss\n    history.append(sparsity_loss)",
    "weighted through a list": "loss = sum([rec_loss, 0.1 * sparsity_loss])",
    "chosen on a branch": "if verbose:\n        loss = rec_loss\n    else:\n        loss = sparsity_loss",
    "an error of the data alone": "noise_loss = F.mse_loss(x + torch.randn_like(x), x)\n    loss = rec_loss + sparsity_loss",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_used(body):
    assert not rows(rule, HEAD.format(body))


def test_metric_without_gradient():
    source = HEAD.format("loss = rec_loss").replace(
        "sparsity_loss = code.abs().mean()", "with torch.no_grad():\n        l1_loss = code.abs().mean()"
    )
    assert not rows(rule, source)


def test_no_backward_in_that_function():
    assert not rows(rule, HEAD.format("loss = rec_loss").replace("    loss.backward()\n", ""))


def test_left_out():
    assert rows(rule, HEAD.format("loss = rec_loss")) == [13]


def test_one_finding_in_a_step_that_returns_its_loss():
    (found,) = run(rule, HEAD.format("loss = rec_loss") + "    return loss.item()\n")
    assert found.site.row == 13


def test_overwritten_sum():
    source = HEAD.replace("rec_loss = F.mse_loss(decoder(code), x)", "loss = F.mse_loss(decoder(code), x)").format(
        "loss = sparsity_loss"
    )
    assert rows(rule, source) == [12]


def test_divergence_in_a_training_loop():
    source = """
    import torch
    import torch.nn as nn
    enc, dec = nn.Linear(8, 8), nn.Linear(4, 8)
    for x in torch.utils.data.DataLoader(torch.rand(64, 8), batch_size=4):
        mu, logvar = enc(x).chunk(2, 1)
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        bce = nn.functional.mse_loss(dec(mu), x)
        loss = bce
        loss.backward()
    """
    assert rows(rule, source) == [7]


SHOWN = {
    "in a formatted text": 'loss = rec_loss\n    print(f"{sparsity_loss:.3f}")',
    "in a text with a place": 'loss = rec_loss\n    print("%.3f" % sparsity_loss)',
    "in a test": "loss = rec_loss\n    assert sparsity_loss >= 0",
    "in a dict of numbers": 'loss = rec_loss\n    history.append({"l1": sparsity_loss})',
    "it chooses": "loss = rec_loss\n    if sparsity_loss > 1:\n        return None",
    "unpacked": "loss = rec_loss\n    show(*[sparsity_loss])",
    "by name": 'loss = rec_loss\n    show(**{"l1": sparsity_loss})',
    "in an inner function": "loss = rec_loss\n    def report():\n        return sparsity_loss.item()\n    verbose(report)",
}


@pytest.mark.parametrize("body", SHOWN.values(), ids=SHOWN.keys())
def test_silent_where_the_number_is_read(body):
    assert not rows(rule, HEAD.format(body))


def test_silent_on_terms_of_a_branch_that_is_read_behind_it():
    source = """
        import torch
        from torch import nn

        class GAN:
            def __init__(self, info, net=None):
                self.info, self.net = info, net

            def train(self, loader, noise):
                for x in loader:
                    if self.info:
                        fake, _ = self.net(noise)
                        g_loss = nn.functional.mse_loss(fake, x)
                        d_loss = nn.functional.l1_loss(fake, x)
                    else:
                        fake = self.net(noise, x)
                        g_loss = self.net.loss(fake, x)
                        d_loss = self.net.loss(fake, x)
                    g_loss.backward()
                    loss = (d_loss + d_loss) / 2
                    loss.backward()
        """
    assert rows(rule, source) == []


def test_silent_on_a_part_that_a_model_gives_beside_the_loss_that_holds_it():
    source = """
import torch
from models import build

def train(x, opt, model):
    net = build(model)
    loss_rec, loss_kl, loss = net(x)
    loss_kl = loss_kl.mean()
    loss = {loss}.mean()
    loss.backward()
    opt.step()
"""
    assert rows(rule, source.format(loss="loss")) == []


def test_silent_on_parts_of_a_loss_that_one_of_two_models_gives():
    source = """
import torch
from torch import nn
import torch.nn.functional as F
from settings import args

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 8), nn.Linear(8, 64)

    def forward(self, x):
        code = self.encoder(x)
        rec_loss, l1_loss = F.mse_loss(self.decoder(code), x), code.abs().mean()
        return rec_loss + l1_loss, rec_loss, l1_loss

class Deep(Plain):
    pass

model = Deep() if args.deep else Plain()

def step(x, optimizer):
    loss, rec_loss, l1_loss = model(x)
    loss.backward()
    optimizer.step()
"""
    assert rows(rule, source) == []


CRITIC = """
import torch
from torch import nn

critic = nn.Linear(20, 1)
optimizer = torch.optim.Adam(critic.parameters())

def slope(x):
    x = x.requires_grad_(True)
    score = critic(x)
    gradient = torch.autograd.grad(score, x, torch.ones_like(score), create_graph={graph})[0]
    return ((gradient.norm(2, dim=1) - 1) ** 2).mean()

def train(real, fake):
    penalty = 10 * slope(real)
    loss = critic(fake).mean() - critic(real).mean(){more}
    loss.backward()
    {after}
    optimizer.step()
    print(loss.item(), penalty.item())

train(torch.rand(8, 20), torch.rand(8, 20))
"""


@pytest.mark.parametrize(
    ("graph", "more", "after"),
    [
        ("True", " + penalty", "pass"),
        ("True", "", "penalty.backward()"),
        ("False", "", "pass"),
        ("True", " + 0.1 * penalty", "pass"),
    ],
    ids=["added", "its own pass", "for the log", "weighted"],
)
def test_silent_on_penalties_that_are_used(graph, more, after):
    assert rows(rule, CRITIC.format(graph=graph, more=more, after=after)) == []


@pytest.mark.parametrize("after", ["pass", "metric = penalty.detach()", "history = [penalty.item()]"])
def test_penalties_that_are_only_shown(after):
    assert rows(rule, CRITIC.format(graph="True", more="", after=after)) == [15]


def test_silent_on_a_penalty_that_is_scored_on_held_out_data():
    source = """
import torch
from torch import nn

net = nn.Linear(4, 1)
opt = torch.optim.Adam(net.parameters())

def penalty(x):
    x = x.requires_grad_(True)
    (g,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    return ((g.norm(2, dim=1) - 1) ** 2).mean()

def step(x, held, writer):
    loss = (net(x) - 1).pow(2).mean() + penalty(x)
    opt.zero_grad()
    loss.backward()
    opt.step()
    {name} = penalty(held)
    writer.add_scalar("shown", {name}, global_step=1)
"""
    assert rows(rule, source.format(name="test_loss")) == []


def test_silent_on_a_running_sum_for_the_reader():
    more = " + penalty\n    total = 0\n    total += (loss + penalty).item()"
    assert rows(rule, CRITIC.format(graph="True", more=more, after="print(total)")) == []


WEIGHED = """
import argparse
import torch
from torch import nn
import torch.nn.functional as F

class Trainer:
    def __init__(self, latent_weight=0.1):
        self.encoder, self.decoder = nn.Linear(9, 3), nn.Linear(3, 9)
        self.{kept} = latent_weight

    def run(self, loader):
        for x in loader:
            z = self.encoder(x)
            rec_loss = F.mse_loss(self.decoder(z), x)
            latent_loss = z.pow(2).mean()
            loss = {loss}
            loss.backward()
            {after}

Trainer().run(torch.randn(5, 4, 9))
"""


@pytest.mark.parametrize(
    ("kept", "loss", "after"),
    [
        ("latent_weight", "rec_loss + self.latent_weight * latent_loss", "print(latent_loss.item())"),
        ("latent_weight", "rec_loss + latent_loss", "print(latent_loss.item())"),
        ("latent_weight", "rec_loss", "print(latent_loss.item(), self.latent_weight)"),
        ("noise_weight", "rec_loss", "print(latent_loss.item())"),
        ("latent_weight", "rec_loss", "latent_loss.backward()"),
        ("latent_weight", "rec_loss", "(2 * latent_loss).backward()"),
        ("latent_weight", "rec_loss", "self.kept = latent_loss"),
    ],
)
def test_silent_on_terms_that_count_or_have_no_weight(kept, loss, after):
    assert rows(rule, WEIGHED.format(kept=kept, loss=loss, after=after)) == []


@pytest.mark.parametrize(
    ("kept", "after"),
    [
        ("latent_weight", "print(latent_loss.item())"),
        ("lambda_latent", "print(f'{latent_loss.item():.4f}')"),
        ("latent_coef", "print(float(latent_loss), rec_loss.item())"),
    ],
)
def test_fires_on_a_term_whose_weight_is_not_read_either(kept, after):
    assert rows(rule, WEIGHED.format(kept=kept, loss="rec_loss", after=after)) == [16]


def test_silent_on_a_sum_that_is_read_off_by_its_index():
    source = """
import torch
from torch import nn

net = nn.Linear(4, 4)
opt = torch.optim.Adam(net.parameters())

def step(x):
    loss = net(x).pow(2).mean()
    loss_all = net(x).abs().mean() + loss
    opt.zero_grad()
    loss.backward()
    opt.step()
    print({shown})
"""
    assert rows(rule, source.format(shown="'{:.3f}'.format(loss_all[0])")) == []
    assert rows(rule, source.format(shown="1")) == [10]


def test_silent_on_the_sum_over_rounds_of_what_backward_sees():
    source = """
import torch
from torch.nn import functional as F

def train(model, loader, optimizer):
    train_loss = 0
    for x in loader:
        optimizer.zero_grad()
        loss, norm = F.mse_loss(model(x), x), model.weight.norm()
        loss.backward()
        optimizer.step()
        train_loss += {term}
    train_loss /= len(loader)
"""
    assert rows(rule, source.format(term="loss")) == []
    assert rows(rule, source.format(term="F.l1_loss(model(x), x)")) == [13]


def test_silent_on_a_penalty_that_comes_back_beside_the_sum_that_holds_it():
    source = """
import torch
from torch.nn import functional as F

def regularization(args, out, x, step):
    total, penalty = out.norm() * args.decay, 0.0
    if args.weight > 0.0 and step % args.every == 0:
        slope = torch.autograd.grad([out.sum()], [x], create_graph=True)[0]
        penalty = slope.pow(2).mean()
        {add}
    return total, penalty

def train(args, model, optimizer, loader):
    for step, x in enumerate(loader):
        optimizer.zero_grad()
        losses = []
        for i, part in enumerate(model.split(x)):
            part.requires_grad_(True)
            out = model[i](part)
            total, penalty = regularization(args, out, part, step)
            losses.append(torch.mean((out - part) ** 2) + total)
        sum(losses).backward()
        optimizer.step()
"""
    assert rows(rule, source.format(add="total += args.weight * penalty")) == []
    assert rows(rule, source.format(add="pass")) == [20]


STEPPED = """
import torch
from torch import nn
import pytorch_lightning as pl

class Net(pl.LightningModule):
    def __init__(self, clip):
        super().__init__()
        self.net, self.clip = nn.Linear(4, 1), clip

    def penalty(self, x):
        x = x.requires_grad_(True)
        (g,) = torch.autograd.grad(self.net(x).sum(), x, create_graph=True)
        return ((g.norm(2, dim=1) - 1) ** 2).mean()

    def training_step(self, batch, index):
        loss = self.penalty(batch) + self.net(batch).mean()
        if self.clip != 0:
            self.manual_backward(loss, self.optimizers())
        return {given}
"""


def test_silent_on_the_first_argument_of_a_backward_pass_by_hand():
    source = STEPPED.replace("{given}", "None")
    assert rows(rule, source) == []
    assert rows(rule, source.replace("backward(loss,", "backward(self.net(batch).mean(),")) == [17]


BYPASSED = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 8), nn.Linear(8, 64)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])


def terms(x):
    code = encoder(x)
    {sum}


for epoch in range(10):
    optimizer.zero_grad()
    {step}
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("made", "step"),
    [
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); l1 = code.abs().mean(); loss = rec + 0.1 * l1; return loss, rec.item()",
            "terms(torch.rand(8, 64))[0].backward()",
            id="the whole is passed on",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); l1 = code.abs().mean(); loss = rec + 0.1 * l1; return rec, l1, loss.item()",
            "rec, l1, _ = terms(torch.rand(8, 64)); (rec + l1).backward()",
            id="summed up again by the caller",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); l1 = code.abs().mean(); loss = rec + 0.1 * l1; return rec, l1, loss.item()",
            "rec, l1, _ = terms(torch.rand(8, 64)); rec.backward(); l1.backward()",
            id="one after the other",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); offset = x.abs().mean(); loss = rec + offset; return rec, loss.item()",
            "terms(torch.rand(8, 64))[0].backward()",
            id="nothing else to train",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); l1 = code.abs().mean(); loss = rec + l1.detach(); return rec, loss.item()",
            "terms(torch.rand(8, 64))[0].backward()",
            id="the other term is only shown",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); each = code.abs().mean(0); loss = rec + each; print(loss); return rec, 0",
            "terms(torch.rand(8, 64))[0].backward()",
            id="a row of figures for the reader",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x)\\n    with torch.no_grad():\\n"
            "        l1 = code.abs().mean(); loss = rec + 0.1 * l1\\n    return rec, loss.item()",
            "terms(torch.rand(8, 64))[0].backward()",
            id="a number without a gradient",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); l1 = code.abs().mean(); score = rec + 0.1 * l1; return rec, score.item()",
            "terms(torch.rand(8, 64))[0].backward()",
            id="not called a loss",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); l1 = code.abs().mean(); loss = rec + 0.1 * l1; return rec, loss",
            "rec, loss = terms(torch.rand(8, 64)); (rec if epoch < 5 else loss).backward()",
            id="used later on",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); return rec",
            "loss = 0\\n    for _ in range(9):\\n        rec = terms(torch.rand(8, 64)); rec.backward(); loss += rec\\n"
            "    print(loss.item())",
            id="a sum over rounds",
        ),
    ],
)
def test_silent_on_sums_that_are_passed_on_or_show_no_other_term(made, step):
    made, step = made.replace("\\n", "\n"), step.replace("\\n", "\n")
    assert rows(rule, BYPASSED.format(sum=made, step=step)) == []


@pytest.mark.parametrize(
    ("made", "step", "row"),
    [
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); l1 = code.abs().mean(); loss = rec + 0.1 * l1; return rec, loss.item()",
            "terms(torch.rand(8, 64))[0].backward()",
            12,
            id="a summand is returned",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); kl = (code ** 2).sum(1).mean(); return rec, kl",
            "rec, kl = terms(torch.rand(8, 64)); total_loss = rec + kl; rec.backward(); print(total_loss.item())",
            17,
            id="backward on a summand",
        ),
        pytest.param(
            "rec = F.mse_loss(decoder(code), x); a = code.abs().mean(); b = code.std(); loss = rec + a * 0.1 + b * 0.2\n"
            "    print(float(loss.detach()))\n    return dict(loss=rec)",
            "terms(torch.rand(8, 64))['loss'].backward()",
            14,
            id="several summands, in a dictionary",
        ),
    ],
)
def test_a_sum_that_is_only_read_off(made, step, row):
    assert rows(rule, BYPASSED.format(sum=made, step=step)) == [row]


RETURNING = """
import torch
import torch.nn.functional as F

def {name}(x, y, mu, logvar, beta=1.0):
    rec_loss = F.mse_loss(y, x)
    {body}
    return {result}
"""
KL = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"


@pytest.mark.parametrize(
    ("name", "body", "result"),
    [
        pytest.param("loss_function", f"kl_loss = {KL}", "rec_loss + kl_loss", id="added"),
        pytest.param("loss_function", f"kl_loss = {KL}", "rec_loss, kl_loss", id="left to the caller"),
        pytest.param("loss_function", f"kl_loss = {KL}; print(kl_loss)", "rec_loss", id="printed"),
        pytest.param("loss_function", "kl_loss = 0.0", "rec_loss", id="a number"),
        pytest.param("loss_function", f"kl_loss, beta = {KL}, 2.0", "rec_loss", id="one of several"),
        pytest.param("loss_function", f"def kl_loss(): return {KL}", "rec_loss", id="a function"),
        pytest.param("validation_loss", f"kl_loss = {KL}", "rec_loss", id="an evaluation"),
        pytest.param("encode", f"kl_loss = {KL}", "y", id="no loss is returned"),
        pytest.param("loss_function", f"mean_kl_loss = {KL}", "rec_loss", id="a metric"),
        pytest.param("loss_function", "kl_loss = [mu.pow(2).mean(), logvar.exp().mean()]", "rec_loss", id="a list"),
        pytest.param("loss_function", "weight_of_penalty = 2 * beta", "rec_loss", id="a weight"),
        pytest.param("loss_function", "spread = logvar.exp().mean()", "rec_loss", id="not called a term"),
        pytest.param(
            "loss_function",
            f"kl_loss = {KL}; print(kl_loss); kl_loss = F.l1_loss(y, x)",
            "rec_loss",
            id="a name that is used twice",
        ),
        pytest.param(
            "tune", "kl_loss = trainer.train_epoch(loader)", "rec_loss", id="a call that trains, for what it does"
        ),
        pytest.param("tune", "kl_loss = fit(loader)", "rec_loss", id="a function that fits, for what it does"),
        pytest.param("encode", f"kl_loss = {KL}; shown = 10 * rec_loss; print(shown)", "y", id="a loss is only shown"),
    ],
)
def test_silent_on_functions_that_return_a_loss(name, body, result):
    assert rows(rule, RETURNING.format(name=name, body=body, result=result)) == []


@pytest.mark.parametrize(
    ("body", "result"),
    [
        pytest.param(f"kl_loss = {KL}", "rec_loss", id="forgotten"),
        pytest.param(f"kl_loss = {KL}; loss = rec_loss", "{'loss': loss}", id="under another name"),
        pytest.param(
            f"kl_loss = {KL}; l1_loss = F.l1_loss(y, x); total = rec_loss + beta * l1_loss",
            "total",
            id="another term twice",
        ),
        pytest.param(
            f"kl_loss = {KL}; spread, middle = logvar.exp().mean(), mu.mean()", "rec_loss", id="beside several targets"
        ),
        pytest.param(f"kl_loss = {KL}\n    if y is None:\n        return", "rec_loss", id="it may end without a loss"),
    ],
)
def test_a_function_that_returns_a_loss_without_a_term_of_its_own(body, result):
    assert rows(rule, RETURNING.format(name="loss_function", body=body, result=result)) == [7]
