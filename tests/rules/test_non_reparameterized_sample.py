"""Samples that cut the gradient to the encoder."""

from __future__ import annotations

import pytest

from aelint.diagnostics import Severity
from aelint.rules.latent import non_reparameterized_sample as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Independent, Normal, kl_divergence

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)

    def forward(self, x):
        m, s = self.mean(x), self.scale(x).exp()
        q = Normal(m, s)
        {sample}
        return F.mse_loss(self.decoder(z), x) + {kl}
"""
KL = "kl_divergence(q, Normal(0.0, 1.0)).sum()"
FORMULA = "0.5 * (m ** 2 + s ** 2 - 1 - 2 * torch.log(s)).sum()"


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("z = q.rsample()", KL, id="rsample"),
        pytest.param("z = m + s * torch.randn_like(s)", FORMULA, id="written-out"),
        pytest.param("z = torch.normal(torch.zeros(8, 4), 1.0) * s + m", FORMULA, id="noise-from-normal"),
        pytest.param("z = q.sample()", "(q.log_prob(z) * x.mean()).mean()", id="score-function"),
        pytest.param("z = q.sample()", "0", id="no-divergence"),
        pytest.param("z = q.rsample() if self.training else q.sample()", KL, id="only-in-evaluation"),
        pytest.param("with torch.no_grad():\n            w = q.sample()\n        z = m", KL, id="no-grad"),
    ],
)
def test_silent(sample: str, kl: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, kl=kl)) == []


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("z = q.sample()", KL, id="sample"),
        pytest.param("z = Independent(q, 1).sample()", KL, id="independent"),
        pytest.param("z = torch.normal(m, s)", FORMULA, id="torch-normal"),
        pytest.param("z = torch.normal(mean=m, std=s)", KL, id="by-keyword"),
    ],
)
def test_fires(sample: str, kl: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, kl=kl)) == [15]


def test_the_fix_is_one_letter() -> None:
    (finding,) = run(rule, MODEL.format(sample="z = q.sample()", kl=KL))
    assert finding.rewrite is not None
    assert [text for _, text in finding.rewrite.replacements] == ["q.rsample()"]


def test_a_log_variance_without_a_divergence_in_sight_is_a_warning() -> None:
    source = MODEL.format(sample="z = torch.normal(m, torch.exp(0.5 * self.scale(x)))", kl="0")
    assert [(f.site.row, f.severity) for f in run(rule, source)] == [(15, Severity.WARNING)]


CUT = """
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)

    def forward(self, x):
        mu, logvar = self.mean(x), self.logvar(x)
        eps = torch.randn_like(mu)
        {sample}
        return F.mse_loss(self.decoder(z), x) + 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum()
"""


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = mu + eps * (logvar / 2).exp()", id="in-the-graph"),
        pytest.param("z = mu + eps * (logvar / 2).exp().detach()", id="scale-held-back"),
        pytest.param(
            "w = mu + eps * (logvar / 2).exp(); z = w + 0 * self.decoder(mu.detach() + eps * (logvar / 2).exp()).mean()",
            id="sampled-with-a-gradient-too",
        ),
    ],
)
def test_the_mean_stays_in_the_graph(sample: str) -> None:
    assert not rows(rule, CUT.format(sample=sample))


@pytest.mark.parametrize("mean", ["mu.data", "mu.detach()"])
def test_the_mean_is_taken_out_of_the_graph(mean: str) -> None:
    assert rows(rule, CUT.format(sample=f"z = {mean} + eps * (logvar / 2).exp()")) == [14]
    assert rows(rule, CUT.format(sample=f"z = eps.mul((logvar / 2).exp()).add_({mean})")) == [14]


def test_a_scale_of_no_known_formula_beside_its_own_divergence() -> None:
    body = MODEL.replace(".exp()\n", ".abs() + 0.1\n", 1)
    assert rows(rule, body.format(sample="z = q.sample()", kl=KL))
    assert not rows(rule, body.format(sample="z = q.rsample()", kl=KL))
    assert not rows(rule, body.format(sample="z = q.sample()", kl="0"))


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("z = q.rsample(); shown = self.decoder(q.sample())", KL, id="another-sample-is-shown"),
        pytest.param(
            "z = q.sample()", KL + " + (q.log_prob(z) * x.mean()).mean()", id="score-function-beside-a-divergence"
        ),
        pytest.param(
            "z = m\n        if not self.training:\n            z = q.sample()", KL, id="drawn-in-evaluation-alone"
        ),
        pytest.param("z = m; w = q.sample()", KL, id="a-sample-that-nothing-decodes"),
        pytest.param(
            "with torch.no_grad():\n            y = self.decoder(q.sample())\n        z = m", KL, id="a-preview"
        ),
    ],
)
def test_the_gradient_takes_another_way(sample: str, kl: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, kl=kl)) == []


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(
            "z = mu\n        w = mu.detach() + torch.randn_like(mu) * (logvar / 2).exp()", id="nothing-decodes-it"
        ),
        pytest.param(
            "z = mu\n        if not self.training:\n            z = mu.detach() + torch.randn_like(mu) * (logvar / 2).exp()",
            id="in-evaluation",
        ),
        pytest.param(
            "z = mu\n        with torch.no_grad():\n            self.decoder(mu.detach() + torch.randn_like(mu) * (logvar / 2).exp())",
            id="no-grad",
        ),
    ],
)
def test_the_mean_is_taken_out_where_nothing_trains(sample: str) -> None:
    assert rows(rule, CUT.format(sample=sample)) == []


def test_silent_on_an_action_that_is_detached():
    source = MODEL.format(sample="z = torch.normal(m, s).detach()", kl=KL)
    assert rows(rule, source) == []
    assert len(rows(rule, MODEL.format(sample="z = torch.normal(m, s)", kl=KL))) == 1


def test_silent_on_data_that_is_drawn_from_what_the_decoder_makes_of_random_codes():
    source = """
import torch
from torch.distributions import Normal
model = load(path)
mean, log_var = model.decode(torch.randn(300, 10))
data = clean(Normal(mean, torch.exp(log_var / 2)).sample())
"""
    assert rows(rule, source) == []
    assert rows(rule, source.replace("torch.randn(300, 10)", "x")) == [6]


GENERATES = """
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

class Model(nn.Module):
    def __init__(self, size, device):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, size), nn.Linear(30, size), nn.Linear(size, 30)
        self.prior = Normal({prior})

    def forward(self, x):
        q = Normal(self.mean(x), self.scale(x).exp())
        return self.decoder(q.rsample()), kl_divergence(q, self.prior).sum() + kl_divergence(self.prior, q).sum()

    def generate(self, count):
        return self.decoder(self.prior.sample((count,)))
"""


@pytest.mark.parametrize(
    "prior",
    [
        "torch.zeros(size).to(device), torch.ones(size).to(device)",
        "torch.zeros([size], device=device), torch.ones([size], device=device)",
        "torch.zeros(size).cuda(device).expand(1, size), torch.full((size,), 1.0)",
    ],
)
def test_silent_on_samples_of_a_prior_whose_size_and_device_come_from_outside(prior: str) -> None:
    assert rows(rule, GENERATES.format(prior=prior)) == []


CODES = """
import torch
from torch import nn
from torch.distributions import {family}, Independent, kl_divergence

encoder, decoder = nn.Linear(64, 48), nn.Linear(48, 64)

def step(x, prior):
    h = encoder(x)
    q = {made}
    z = q.{drawn}
    {more}
    loss = nn.functional.mse_loss(decoder({given}), x) + kl_divergence(q, prior).sum()
    loss.backward()

step(torch.rand(8, 64), None)
"""
ONE_HOT = {"family": "OneHotCategorical", "made": "OneHotCategorical(logits=h.view(8, 6, 8))", "drawn": "sample()"}
PLAIN = {"more": "pass", "given": "z.flatten(1)"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"more": "z = z + q.probs - q.probs.detach()"}, id="straight through"),
        pytest.param({"more": "score = q.log_prob(z)"}, id="trained by its score"),
        pytest.param({"given": "h"}, id="not decoded"),
        pytest.param({"given": "z.detach().flatten(1)"}, id="detached on purpose"),
        pytest.param({"more": "y = q.rsample()", "given": "y"}, id="another sample is decoded"),
        pytest.param(
            {"family": "Laplace", "made": "Laplace(h, 1.0)", "drawn": "rsample()", "given": "z"}, id="with a gradient"
        ),
        pytest.param({"family": "Laplace", "made": "Laplace(torch.zeros(8, 48), 1.0)", "given": "z"}, id="not learned"),
    ],
)
def test_silent_on_draws_of_other_families(change):
    assert rows(rule, CODES.format(**(ONE_HOT | PLAIN | change))) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="one-hot"),
        pytest.param({"more": "z = torch.cat([z, z], -1)"}, id="joined"),
        pytest.param(
            {
                "family": "OneHotCategoricalStraightThrough",
                "made": "OneHotCategoricalStraightThrough(logits=h.view(8, 6, 8))",
            },
            id="sample in place of rsample",
        ),
        pytest.param({"family": "Bernoulli", "made": "Bernoulli(logits=h)", "given": "z"}, id="bits"),
        pytest.param({"family": "Laplace", "made": "Laplace(h, 1.0)", "given": "z"}, id="Laplace"),
        pytest.param({"family": "Beta", "made": "Independent(Beta(h.exp(), h.exp()), 1)", "given": "z"}, id="Beta"),
    ],
)
def test_draws_of_other_families(change):
    assert rows(rule, CODES.format(**(ONE_HOT | PLAIN | change))) == [11]


SLOTS = """
import torch
from torch import nn

class Slots(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.randn(1, 1, 8){frozen})
        self.sigma = nn.Parameter(torch.rand(1, 1, 8){frozen})
        self.query = nn.Linear(8, 8)

    def forward(self, x):
        mu, sigma = self.mu.expand(x.size(0), 5, -1), self.sigma.abs().expand(x.size(0), 5, -1)
        slots = {drawn}
        return self.query(slots)

Slots()(torch.rand(4, 8))
"""


@pytest.mark.parametrize(
    ("drawn", "frozen"),
    [
        pytest.param("mu + sigma * torch.randn_like(mu)", "", id="written-out"),
        pytest.param("mu + torch.normal(torch.zeros_like(mu), sigma.detach())", "", id="mean-outside"),
        pytest.param("torch.normal(mu, sigma) + mu - mu.detach() + sigma", "", id="trained-beside-it"),
        pytest.param("torch.normal(mu, sigma)", ", requires_grad=False", id="not-to-be-trained"),
        pytest.param("torch.normal(0.0, 1.0, (4, 5, 8))", "", id="plain-noise"),
    ],
)
def test_silent_where_parameters_of_a_draw_learn_or_are_not_meant_to(drawn, frozen):
    assert rows(rule, SLOTS.format(drawn=drawn, frozen=frozen)) == []


@pytest.mark.parametrize(
    "drawn", ["torch.normal(mu, sigma)", "torch.normal(mean=mu, std=sigma.exp())", "torch.normal(mu, 1.0)"]
)
def test_fires_on_parameters_that_torch_normal_cuts_off(drawn):
    assert rows(rule, SLOTS.format(drawn=drawn, frozen="")) == [14]


DETACHED = """
import torch
from torch import nn
import torch.nn.functional as F

class VAE(nn.Module):
    def __init__(self, frozen=False):
        super().__init__()
        self.frozen = frozen
        self.mean, self.logvar, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)
        self.critic = nn.Linear(4, 1)

    def sample(self, m, h):
        if self.training:
            return m + torch.exp(0.5 * h) * torch.randn_like(h)
        return m

    def forward(self, x):
        m, h = self.mean(x), self.logvar(x)
        z = self.sample(m, h)
        {use}
"""
LOSS = """
def step(x):
    r, m, h = VAE()(x)
    return F.mse_loss(r, x) - 0.5 * torch.mean(1 + h - m.pow(2) - h.exp())
"""


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("return self.decoder(z), m, h", id="with its graph"),
        pytest.param("return self.decoder(z) + 0 * self.critic(z.detach()), m, h", id="for another network alone"),
        pytest.param("return self.decoder(z), z.detach(), m", id="for reading"),
        pytest.param("plot(z.cpu().data.numpy()); return m, h", id="for a plot"),
        pytest.param(
            "with torch.no_grad():\n            shown = self.decoder(z.detach())\n        return self.decoder(m), m, h",
            id="for a picture beside that of the mean",
        ),
        pytest.param("z = z.detach() if self.frozen else z\n        return self.decoder(z), m, h", id="on demand"),
        pytest.param("return self.decoder(z + z.detach() - z), m, h", id="straight through"),
        pytest.param(
            "if x.mean() > 0: return self.decoder(z.detach()), m, h\n        return m, h", id="for some of the batches"
        ),
        pytest.param("return self.decoder(z.detach()), z, h", id="handed to a loss that is not in sight"),
        pytest.param("return self.decoder(z.detach()), (z - m).pow(2), h", id="with a loss of its own"),
    ],
)
def test_silent_on_samples_that_keep_a_gradient(use: str) -> None:
    assert rows(rule, DETACHED.format(use=use)) == []


@pytest.mark.parametrize(
    "use",
    [
        "return self.decoder(z.detach()), m, h",
        "z = z.detach()\n        return self.decoder(z), m, h",
        "return self.decoder(z.data.view(-1, 4)), m, h",
        "return self.decoder(torch.autograd.Variable(z)), m, h",
    ],
)
@pytest.mark.parametrize(("loss", "severity"), [(LOSS, Severity.ERROR), ("", Severity.WARNING)])
def test_fires_on_samples_that_lose_their_gradient_before_the_decoder(use: str, loss: str, severity: Severity) -> None:
    found = run(rule, DETACHED.format(use=use) + loss)
    assert {(f.site.row, f.severity or rule.RULE.severity) for f in found} == {(21, severity)}


def test_another_model_that_keeps_its_gradient_says_nothing_of_this_one() -> None:
    cut = DETACHED.format(use="return self.decoder(z.detach()), m, h") + LOSS
    free = DETACHED.format(use="return self.decoder(z), m, h").replace("VAE", "Other") + LOSS.replace("VAE", "Other")
    assert rows(rule, cut + free) == [21]


def test_silent_on_codes_of_a_finished_model() -> None:
    source = DETACHED.format(use="return z, m, h")
    probe = """
def probe(vae, classifier, x, y):
    z, _, _ = vae(x)
    return F.cross_entropy(classifier(z.detach()), y)

probe(VAE(), nn.Linear(4, 9), torch.rand(8, 30), torch.zeros(8).long())
"""
    assert rows(rule, source + probe) == []


def test_silent_where_encoder_and_decoder_are_trained_in_turns() -> None:
    source = DETACHED.format(use="return self.decoder(z if self.frozen else z), m, h")
    turns = """
def turns(model, x):
    m, h = model.mean(x), model.logvar(x)
    z = model.sample(m, h)
    decoder_loss = F.mse_loss(model.decoder(z.detach()), x)
    m, h = model.mean(x), model.logvar(x)
    kl = -0.5 * torch.mean(1 + h - m.pow(2) - h.exp())
    encoder_loss = F.mse_loss(model.decoder(model.sample(m, h)), x) + kl
    return decoder_loss, encoder_loss

turns(VAE(), torch.rand(8, 30))
"""
    assert rows(rule, source + turns) == []
