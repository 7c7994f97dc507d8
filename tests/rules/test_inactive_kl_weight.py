import pytest

from aelint.rules.objective import inactive_kl_weight as rule
from tests.rules.harness import rows, run

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder, judge = nn.Linear(64, 8), nn.Linear(4, 64), nn.Linear(4, 1)

for x in torch.utils.data.DataLoader(torch.rand(512, 64), batch_size=32):
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    y = decoder(z)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss = {}
    loss.backward()
"""

HEALTHY = {
    "a KL divergence": "F.mse_loss(y, x) + 0.01 * kl",
    "a penalty on the code": "F.mse_loss(y, x) + mu.pow(2).mean()",
    "an adversarial term": "F.mse_loss(y, x) + judge(z).mean()",
    "an unknown term": "F.mse_loss(y, x) + mmd(z)",
    "a plain autoencoder": "F.mse_loss(decoder(mu), x)",
    "a KL that is logged too": "F.mse_loss(y, x) + kl - 0.0 * kl.item()",
}


@pytest.mark.parametrize("loss", HEALTHY.values(), ids=HEALTHY.keys())
def test_restrained(loss):
    assert not rows(rule, HEAD.format(loss))


def test_noise_of_fixed_scale():
    assert not rows(rule, HEAD.format("F.mse_loss(y, x)").replace("torch.exp(0.5 * logvar)", "0.1"))


def test_no_backward_in_sight():
    assert not rows(rule, HEAD.format("F.mse_loss(y, x)").replace("    loss.backward()\n", ""))


def test_codes_of_an_encoder_that_nobody_trains_here():
    source = HEAD.replace("for x in", "optimizer = torch.optim.Adam({}.parameters())\n\nfor x in", 1)
    assert not rows(rule, source.format("judge", "F.mse_loss(judge(z), x[:, :1])"))
    assert rows(rule, source.format("encoder", "F.mse_loss(y, x)")) == [15]


SLOTS = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Slots(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(1, 4, 8))
        {keep}
        self.decoder, self.encoder = nn.Linear(8, 64), nn.Linear(64, 8)

    def forward(self, x):
        start = {mean} + self.log_sigma.exp() * torch.randn(x.shape[0], 4, 8)
        return self.decoder(start).sum(1)

model = Slots()
x = torch.rand(32, 64)
F.mse_loss(model(x), x).backward()
"""


@pytest.mark.parametrize(
    "keep",
    [
        "self.log_sigma = nn.Parameter(torch.zeros(1, 4, 8))",
        "self.register_parameter('log_sigma', nn.Parameter(nn.init.xavier_uniform_(torch.zeros(1, 4, 8))))",
    ],
)
def test_a_start_that_is_drawn_from_one_learned_law_for_all_samples(keep):
    for mean in ("self.mu", "self.mu.expand(x.shape[0], -1, -1)"):
        assert rows(rule, SLOTS.format(keep=keep, mean=mean)) == []
    assert rows(rule, SLOTS.format(keep=keep, mean="self.encoder(x).unsqueeze(1)")) == [19]


def test_codes_that_an_encoder_gives_without_a_gradient():
    drawn = """
import torch
import torch.nn as nn

encoder, denoiser = nn.Linear(64, 8), nn.Linear(4, 4)

def train(loader, optimizer):
    for x in loader:
        {under}:
            mu, logvar = encoder(x).chunk(2, dim=1)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        noise = torch.randn_like(z)
        nn.functional.mse_loss(denoiser(z + noise), {target}).backward()
        optimizer.step()
"""
    assert not rows(rule, drawn.format(under="with torch.no_grad()", target="noise"))
    assert rows(rule, drawn.format(under="if True", target="x[:, :4]")) == [13]


def test_reconstruction_alone():
    assert rows(rule, HEAD.format("F.mse_loss(y, x, reduction='sum')")) == [13]
    assert rows(rule, HEAD.format("((y - x) ** 2).sum(1).mean()")) == [13]


@pytest.mark.parametrize("kl", ["kl.item()", "kl.detach()", "float(kl)"])
def test_divergence_without_gradient(kl):
    assert rows(rule, HEAD.format(f"F.mse_loss(y, x) + {kl}")) == [13]


DETACHED = """
import torch
import torch.nn.functional as F
from torch import nn

encoder, decoder = nn.Linear(8, 4), nn.Linear(2, 8)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])

def kl_to_prior(mean, logvar):
    return -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(1).mean()

for x in torch.rand(9, 4, 8):
    mean, logvar = encoder(x).chunk(2, 1)
    y = decoder(mean + torch.exp(logvar / 2) * torch.randn_like(mean))
    loss = F.mse_loss(y, x) + {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    "kl",
    [
        pytest.param("kl_to_prior(mean, logvar)", id="with its gradient"),
        pytest.param("kl_to_prior(mean.detach(), logvar)", id="the scale alone is held"),
        pytest.param("kl_to_prior(mean, logvar.detach())", id="the mean alone is held"),
        pytest.param(
            "kl_to_prior(mean, logvar) + (mean.detach() ** 2 + logvar.detach()).sum()", id="detached numbers beside it"
        ),
    ],
)
def test_divergences_that_hold_a_part_of_the_posterior(kl):
    assert rows(rule, DETACHED.format(kl)) == []


def test_divergence_of_a_detached_posterior():
    assert rows(rule, DETACHED.format("kl_to_prior(mean.detach(), logvar.detach())")) == [15]
    assert rows(rule, DETACHED.format("kl_to_prior(mean.data, logvar.data)")) == [15]


def test_model_that_computes_its_own_loss():
    source = """
    import torch
    import torch.nn as nn
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc, self.dec = nn.Linear(8, 4), nn.Linear(2, 8)
        def forward(self, x):
            mu, logvar = self.enc(x).chunk(2, -1)
            z = mu + torch.randn_like(mu) * torch.exp(logvar / 2)
            return self.dec(z), mu, logvar
        def loss(self, x):
            x_hat, mu, logvar = self(x)
            return nn.functional.mse_loss(x_hat, x)
    model = VAE()
    model.loss(torch.rand(4, 8)).backward()
    """
    assert rows(rule, source) == [14]


EITHER = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(8, 4), nn.Linear(2, 8)

    def encode(self, x):
        mu, logvar = self.encoder(x).chunk(2, -1)
        z = mu
        if self.training:
            z = mu + torch.randn_like(mu) * torch.exp(logvar / 2)
        return z, mu, logvar

    def forward(self, x):
        z, mu, logvar = self.encode(x)
        y = self.decoder({code})
        return F.mse_loss(y, x) + {more}

VAE()(torch.rand(4, 8)).backward()
"""


@pytest.mark.parametrize(
    ("code", "more"),
    [
        pytest.param("z", "mu.pow(2).mean()", id="the mean is held beside it"),
        pytest.param("mu", "0", id="the mean alone is decoded"),
        pytest.param("z + mu", "0", id="the mean is decoded, too"),
    ],
)
def test_silent_where_the_mean_itself_takes_part(code, more):
    assert rows(rule, EITHER.format(code=code, more=more)) == []


def test_a_sample_in_training_and_the_mean_otherwise():
    assert rows(rule, EITHER.format(code="z", more="0")) == [21]


def test_an_adversary_holds_the_code():
    source = """
    import torch
    from torch import nn
    import torch.nn.functional as F

    mean, logvar, decoder, critic = nn.Linear(9, 3), nn.Linear(9, 3), nn.Linear(3, 9), nn.Linear(3, 1)
    x = torch.rand(8, 9)
    mu, lv = mean(x), logvar(x)
    z = mu + torch.randn_like(mu) * torch.exp(lv / 2)
    loss = F.mse_loss(decoder(z), x) + {}
    loss.backward()
    """
    assert rows(rule, source.format("0.1 * F.l1_loss(decoder(z), x)"))
    critic = "0.1 * F.binary_cross_entropy_with_logits(critic(z), torch.ones(8, 1))"
    assert not rows(rule, source.format(critic))


def test_silent_on_a_diffusion_whose_noise_level_comes_from_elsewhere():
    source = """
    import torch
    import torch.nn as nn

    model = nn.Linear(64, 64)

    def step(x: torch.Tensor, level: torch.Tensor):
        noisy = x + torch.exp(0.5 * level) * torch.randn_like(x)
        nn.functional.mse_loss(model(noisy), x).backward()
    """
    assert rows(rule, source) == []


def test_silent_where_the_labels_of_an_adversary_are_moved_to_a_device():
    loss = "F.mse_loss(y, x) + F.binary_cross_entropy(judge(z).sigmoid(), torch.ones(x.size(0), 1).to(z.device))"
    assert rows(rule, HEAD.format(loss)) == []


SEPARATE = HEAD.replace("loss = {}\n    loss.backward()", "F.mse_loss(y, x).backward(retain_graph=True)\n    {}")


@pytest.mark.parametrize(
    "second",
    [
        pytest.param("(0.1 * kl).backward()", id="the divergence has its own backward"),
        pytest.param(
            "F.binary_cross_entropy_with_logits(judge(encoder(x)[:, :4]), torch.ones(32, 1)).backward()",
            id="an adversary judges the mean in a step of its own",
        ),
    ],
)
def test_held_by_a_second_loss(second):
    assert rows(rule, SEPARATE.format(second)) == []
    assert rows(rule, SEPARATE.format("")) == [13]


def test_latent_diffusion_whose_noise_level_comes_from_a_schedule():
    source = """
    import torch
    import torch.nn as nn

    encoder, denoiser = nn.Linear(64, 8), nn.Linear(8, 8)

    def step(x: torch.Tensor, level: torch.Tensor):
        z = encoder(x)
        noisy = z + torch.exp(0.5 * level) * torch.randn_like(z)
        nn.functional.mse_loss(denoiser(noisy), x[:, :8]).backward()
    """
    assert rows(rule, source) == []


def test_data_that_are_blurred_with_a_learned_noise_level():
    source = HEAD.replace("mu, logvar = encoder(x).chunk(2, dim=1)", "mu, logvar = x, blur(x)")
    source = source.replace(
        "encoder, decoder, judge = ", "blur, decoder, encoder, judge = nn.Linear(64, 64), nn.Linear(64, 64), "
    )
    source = source.replace(", nn.Linear(4, 64), nn", ", nn", 1)
    assert rows(rule, source.format("F.mse_loss(y, x)")) == []


def test_a_sum_of_likelihood_and_divergence_that_is_averaged_over_several_samples():
    loss = "-torch.logsumexp((-((y - x) ** 2).sum(1) - kl).view(4, -1), 0).mean()"
    per_sample = HEAD.replace(
        "torch.sum(1 + logvar - mu.pow(2) - logvar.exp())", "(1 + logvar - mu.pow(2) - logvar.exp()).sum(1)"
    )
    assert rows(rule, per_sample.format(loss)) == []


ADVERSARIAL = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Enc(nn.Module):
    def __init__(self):
        super().__init__()
        self.h, self.mu, self.lv = nn.Linear(64, 32), nn.Linear(32, 4), nn.Linear(32, 4)
    def forward(self, x):
        h = F.relu(self.h(x))
        mu, lv = self.mu(h), self.lv(h)
        return mu + torch.exp(0.5 * lv) * torch.randn_like(mu)

enc, dec, disc = Enc(), nn.Linear(4, 64), nn.Linear(4, 1)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()])
opt_g = torch.optim.Adam(enc.parameters())
opt_d = torch.optim.Adam(disc.parameters())
for x in torch.utils.data.DataLoader(torch.rand(512, 64), batch_size=32):
    opt.zero_grad()
    F.mse_loss(dec(enc(x)), x).backward()
    opt.step()

    fake, real = enc(x).detach(), torch.randn(x.size(0), 4)
    d_loss = -torch.mean(torch.log(torch.sigmoid(disc(real)) + 1e-8) + torch.log(1 - torch.sigmoid(disc(fake)) + 1e-8))
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()

    opt_g.zero_grad()
    g_loss = {}
    g_loss.backward()
    opt_g.step()
"""


@pytest.mark.parametrize(
    "loss",
    [
        "F.binary_cross_entropy_with_logits(disc(enc(x)), torch.ones(x.size(0), 1))",
        "-torch.mean(torch.log(torch.sigmoid(disc(enc(x))) + 1e-8))",
        "-disc(enc(x)).mean()",
    ],
)
def test_an_adversarial_autoencoder_that_draws_its_code_again_for_the_critic(loss):
    assert rows(rule, ADVERSARIAL.format(loss)) == []


def test_a_critic_that_only_learns_itself_holds_nothing():
    assert rows(rule, ADVERSARIAL.format("0.1 * F.mse_loss(dec(enc(x)), x)")) == [21, 31]


STAGES = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Graph(nn.Module):
    def __init__(self, given, made):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(given, made))

    def forward(self, x, adjacent):
        return torch.mm(adjacent, torch.mm(x, self.weight))

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale = Graph(20, 4), Graph(20, 4)

    def encode(self, x, adjacent):
        mean, logstd = self.mean(x, adjacent), self.scale(x, adjacent)
        return mean, logstd, mean + torch.randn(x.size(0), 4) * torch.exp(logstd)

    def loss(self, z, adjacent):
        return F.binary_cross_entropy(torch.sigmoid(z @ z.t()), adjacent)

    def pretrain(self, x, adjacent):
        _, _, z = self.encode(x, adjacent)
        self.loss(z, adjacent).backward()

    def fit(self, x, adjacent):
        mean, logstd, z = self.encode(x, adjacent)
        ({loss}).backward()
"""


def test_a_first_stage_before_one_that_holds_the_posterior():
    held = "self.loss(z, adjacent) + mixture(mean, logstd)"
    assert rows(rule, STAGES.format(loss=held)) == []
    assert rows(rule, STAGES.format(loss="2 * self.loss(z, adjacent)")) == [24]


RETURNING = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class VAE(nn.Module):
    def {name}(self, y, x, mu, logvar, beta=None):
        reconstruction = F.mse_loss(y, x)
        kl = torch.mean(-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1))
        loss = {loss}
        {body}
        return {result}
"""


@pytest.mark.parametrize(
    ("name", "loss", "body", "result"),
    [
        pytest.param("loss", "reconstruction + kl", "pass", "{'loss': loss, 'KL': kl.detach()}", id="added"),
        pytest.param("loss", "reconstruction", "pass", "{'loss': loss, 'KL': kl}", id="left to the caller"),
        pytest.param("loss", "reconstruction", "self.kl = kl", "loss", id="kept for later"),
        pytest.param(
            "loss", "reconstruction", "if beta: loss = loss + beta * kl", "loss, kl.item()", id="added if wanted"
        ),
        pytest.param("loss", "sum([reconstruction, kl])", "pass", "loss, kl.item()", id="added through a list"),
        pytest.param("loss", "combine(reconstruction, kl)", "pass", "loss, kl.item()", id="added elsewhere"),
        pytest.param("validate", "reconstruction", "pass", "loss, kl.item()", id="an evaluation"),
        pytest.param("loss", "reconstruction", "pass", "kl.item()", id="no error is returned"),
        pytest.param("loss", "reconstruction.detach()", "pass", "loss, kl.item()", id="numbers alone"),
        pytest.param("loss", "reconstruction", "add_loss(kl)", "loss", id="handed to unknown code"),
    ],
)
def test_silent_on_functions_that_return_a_loss(name, loss, body, result):
    assert rows(rule, RETURNING.format(name=name, loss=loss, body=body, result=result)) == []


@pytest.mark.parametrize(
    ("body", "result"),
    [
        pytest.param("pass", "{'loss': loss, 'KL': -kl.detach()}", id="detached beside the loss"),
        pytest.param("pass", "loss, kl.item()", id="a number beside the loss"),
        pytest.param("self.log('kl', kl)", "loss", id="logged"),
        pytest.param("self.log('kl', kl / x.size(1))", "loss", id="a share of it is logged"),
        pytest.param("print(kl)", "loss", id="printed"),
        pytest.param("import wandb; wandb.log({'kl': kl})", "loss", id="logged by a library"),
    ],
)
def test_a_divergence_that_is_only_read_off(body, result):
    assert rows(rule, RETURNING.format(name="loss", loss="reconstruction", body=body, result=result)) == [9]


TOTAL = """
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, kl_divergence

def loss(y, x, first, second, prior):
    reconstruction = F.mse_loss(y, x)
    kl_first = kl_divergence(Categorical(logits=first), Categorical(probs=prior)).sum()
    kl_second = kl_divergence(Categorical(logits=second), Categorical(probs=prior)).sum()
    kl_total = kl_first + kl_second
    return {loss}, kl_total.detach()
"""


def test_the_total_of_divergences_that_are_added_one_by_one_may_be_shown():
    assert rows(rule, TOTAL.format(loss="reconstruction + 0.5 * kl_first + 2 * kl_second")) == []
    assert 10 in rows(rule, TOTAL.format(loss="reconstruction + 0.5 * kl_first"))
    assert 10 in rows(rule, TOTAL.format(loss="reconstruction"))


TRAINED = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 8), nn.Linear(4, 64)

    def loss(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        reconstruction = F.mse_loss(self.decoder(z), x)
        return {result}

model = VAE()
for x in torch.utils.data.DataLoader(torch.rand(512, 64), batch_size=32):
    loss, *shown = model.loss(x)
    loss.backward()
"""


@pytest.mark.parametrize(
    ("result", "found"),
    [
        pytest.param("reconstruction + kl, kl.item()", [], id="added"),
        pytest.param("reconstruction, kl.item()", [14], id="the divergence that is only shown, and no second place"),
        pytest.param("reconstruction, x", [15], id="the reconstruction, beside a divergence that nothing reads"),
    ],
)
def test_a_loss_of_a_model_that_is_trained_in_sight(result, found):
    assert rows(rule, TRAINED.format(result=result)) == found


KL = "torch.mean(-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1))"


@pytest.mark.parametrize(
    "term",
    [
        pytest.param("kl = (mu - logvar).abs().mean()", id="another distance"),
        pytest.param("kl = measure(mu, logvar); kl = kl.mean()", id="what unknown code measures"),
        pytest.param(f"kl = 0.0 * {KL}", id="switched off"),
        pytest.param(f"with torch.no_grad(): kl = {KL}", id="without a gradient"),
    ],
)
def test_silent_on_other_figures_beside_the_loss(term):
    source = RETURNING.replace(f"kl = {KL}", term).format(
        name="loss", loss="reconstruction", body="self.log('kl', kl)", result="loss"
    )
    assert rows(rule, source) == []


def test_silent_on_a_divergence_that_is_called_something_else():
    source = RETURNING.format(name="loss", loss="reconstruction", body="self.log('rate', rate)", result="loss")
    assert rows(rule, source.replace("kl = ", "rate = ")) == []


def test_silent_on_a_divergence_that_is_shown_where_another_function_returns_the_error():
    source = RETURNING.format(name="encode", loss="0", body="self.log('kl', kl)", result="mu")
    other = "\n    def error(self, y, x):\n        return F.mse_loss(y, x)\n"
    assert rows(rule, source + other) == []
    assert rows(rule, source.replace("return mu", "return reconstruction")) == [9]


def test_a_divergence_is_told_in_its_own_file():
    model = RETURNING.format(name="loss", loss="reconstruction", body="self.log('kl', kl)", result="loss")
    main = "from model import VAE\n\nVAE().loss(y, x, mu, logvar)\n"
    assert rows(rule, {"main.py": main, "model.py": model}) == []
    assert rows(rule, {"model.py": model, "main.py": main}) == [9]


FLOOR = """
import torch

def floored(kl, free_bits):
    return kl.mean(0).clamp(min=free_bits)

def kl_loss(first, second, free_bits={bits}):
    kl = torch.stack([first.sum(dim=(1, 2, 3)), {second}], dim=1)
    {steps}
    return kl.sum()

kl_loss(torch.rand(16, 4, 4, 4), torch.rand(16, 4, 8, 8))
"""
PARTS = {"bits": "1.0", "second": "second.sum(dim=(1, 2, 3))", "steps": "kl = floored(kl / 256, free_bits)"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"steps": "kl = floored(kl, free_bits) / 256"}, id="the floor first"),
        pytest.param({"bits": "0.2"}, id="less than a nat for each latent"),
        pytest.param({"steps": "kl = floored(kl / 64, 0.9)"}, id="an average over the latents of the smaller part"),
        pytest.param({"steps": "kl = (kl / 256).mean(0).clamp(max=9.0)"}, id="a ceiling"),
        pytest.param({"steps": "kl = (kl / 256).mean(0).clamp(min=0.0)"}, id="never negative"),
        pytest.param({"steps": "kl = floored(kl / 0.5, free_bits)"}, id="multiplied"),
        pytest.param({"second": "second"}, id="a part that was not summed"),
        pytest.param({"steps": "rate = floored(kl / 256, free_bits) if False else kl; kl = rate"}, id="never floored"),
    ],
)
def test_silent_on_floors_that_leave_the_divergence_at_work(changes: dict[str, str]) -> None:
    assert rows(rule, FLOOR.format(**{**PARTS, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="divided by the pixels"),
        pytest.param({"bits": "0.3"}, id="a lower floor"),
        pytest.param({"steps": "kl = (kl / 256).clamp(min=free_bits)"}, id="for each sample"),
        pytest.param({"second": "second.flatten(1).sum(1)"}, id="flattened"),
    ],
)
def test_a_floor_behind_the_division_stands_for_many_nats(changes: dict[str, str]) -> None:
    source = FLOOR.format(**{**PARTS, **changes})
    (found,) = run(rule, source)
    assert found.site.row == 9
    assert "in 64 latents" in found.message


BESIDE = """
import torch
import torch.nn.functional as F

def {function}(model, x, optimizer, beta):
    optimizer.zero_grad()
    recon, mu, logvar = model(x)
    recon_loss = model.error(recon, x)
    {divergence} = model.divergence(mu, logvar)
    {total}
    {end}
    optimizer.step()
    return {result}
"""


def beside(
    total="total_loss = recon_loss",
    end="total_loss.backward(); print(kl_loss.item())",
    result="None",
    divergence="kl_loss",
    function="step",
):
    return BESIDE.format(total=total, end=end, result=result, divergence=divergence, function=function)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(beside("total_loss = recon_loss + kl_loss"), id="a sum"),
        pytest.param(beside("total_loss = recon_loss\n    total_loss = total_loss + kl_loss"), id="added later"),
        pytest.param(beside("total_loss = recon_loss\n    total_loss += beta * kl_loss"), id="added in place"),
        pytest.param(
            beside(
                "if beta:\n        total_loss = recon_loss + beta * kl_loss\n    else:\n        total_loss = recon_loss"
            ),
            id="in one branch",
        ),
        pytest.param(beside("total_loss = recon_loss", "(total_loss + kl_loss).backward()"), id="added at the end"),
        pytest.param(
            beside("total_loss = recon_loss", "total_loss.backward(); kl_loss.backward()"), id="a pass of its own"
        ),
        pytest.param(
            beside("total_loss = recon_loss", "total_loss.backward(); model.keep(kl_loss)"), id="handed to something"
        ),
        pytest.param(
            beside("shown = recon_loss", "(recon_loss + kl_loss).backward(); print(shown.item())"),
            id="another name that is shown",
        ),
        pytest.param(
            beside(divergence="distance_loss", end="total_loss.backward(); print(distance_loss.item())"),
            id="no divergence by name",
        ),
        pytest.param(beside(function="evaluate"), id="where something is measured"),
        pytest.param(beside(end="pass", result="total_loss, kl_loss"), id="two results that the caller adds"),
        pytest.param(beside(end="pass", result="recon_loss, kl_loss"), id="the error and the divergence"),
        pytest.param(
            beside(end="pass", result="{'loss': total_loss, 'kl': kl_loss}"), id="two entries that the caller adds"
        ),
        pytest.param(beside(end="pass", result="total_loss, recon_loss, mu"), id="results without a divergence"),
        pytest.param(
            beside(
                "total_loss = recon_loss\n    total_loss = combine(total_loss, kl_loss)",
                end="pass",
                result="total_loss, {'recon': recon_loss, 'again': recon_loss, 'kl': kl_loss}",
            ),
            id="a total that is bound anew",
        ),
        pytest.param(
            beside("total_loss = recon_loss * kl_loss", end="pass", result="total_loss, recon_loss, kl_loss"),
            id="a product",
        ),
    ],
)
def test_silent_where_a_divergence_takes_part_or_is_left_to_the_caller(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(beside(), id="a total of another name"),
        pytest.param(beside("loss = recon_loss.mean()", "loss.backward(); print(kl_loss.item())"), id="its mean"),
        pytest.param(
            beside("total_loss = 10 * recon_loss / 3", "total_loss.backward(); print(f'{kl_loss.data.item():.3f}')"),
            id="a multiple",
        ),
        pytest.param(beside(end="pass", result="total_loss, recon_loss, kl_loss"), id="three results"),
        pytest.param(
            beside(end="pass", result="{'loss': total_loss, 'recon': recon_loss, 'kl': -kl_loss}"), id="three entries"
        ),
        pytest.param(
            beside(end="pass", result="{'loss': total_loss, 'recon': recon_loss.detach(), 'kl': kl_loss.mean()}"),
            id="detached entries",
        ),
        pytest.param(
            beside(end="pass", result="total_loss, {'recon': recon_loss, 'kl': kl_loss}"), id="a dictionary beside"
        ),
    ],
)
def test_a_total_that_is_the_reconstruction_error_under_another_name(source):
    assert rows(rule, source) == [10]


WARMUP = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 8), nn.Linear(4, 64)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])


def train(data, epochs):
    for epoch in range({rounds}):
        beta = {beta}
        for x in data:
            mu, logvar = encoder(x).chunk(2, dim=1)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            loss = F.mse_loss(decoder(z), x, reduction="sum") + beta * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


train(torch.rand(100, 32, 64), 30)
{again}
"""


@pytest.mark.parametrize(
    ("beta", "rounds", "again"),
    [
        pytest.param("min(1.0, epoch / 100)", "epochs", "", id="it grows a little"),
        pytest.param("epoch // 10", "epochs", "", id="it grows in steps"),
        pytest.param("max(0, epoch - 20) / 10", "epochs", "", id="it begins late"),
        pytest.param("epoch // 100", "epochs", "train(torch.rand(100, 32, 64), 300)", id="a longer run"),
        pytest.param("epoch // 100", "90, 90 + epochs", "", id="a run that goes on"),
        pytest.param("epoch // 100", "int(input())", "", id="as many rounds as somebody says"),
        pytest.param("epoch // 100 + len(data) / 1e4", "epochs", "", id="something else beside it"),
        pytest.param("0.0", "epochs", "", id="a plain zero, which nobody overlooks"),
        pytest.param("epoch % 2", "epochs", "", id="every other round"),
        pytest.param("schedule(epoch)", "epochs", "", id="a schedule that is not in sight"),
    ],
)
def test_silent_on_weights_that_some_round_makes_more_than_zero(beta, rounds, again):
    assert rows(rule, WARMUP.format(beta=beta, rounds=rounds, again=again)) == []


@pytest.mark.parametrize(
    ("beta", "why"),
    [
        pytest.param("min(1.0, epoch // 100)", "divide with `/`", id="a remainder is dropped"),
        pytest.param("epoch // epochs", "divide with `/`", id="a share of all rounds"),
        pytest.param("0.5 * (epoch // 50)", "divide with `/`", id="times a number"),
        pytest.param("max(0, epoch - 30) / 10", "let it grow within these rounds", id="behind the last round"),
    ],
)
def test_a_weight_that_no_round_makes_more_than_zero(beta, why):
    (finding,) = run(rule, WARMUP.format(beta=beta, rounds="epochs", again=""))
    assert finding.site.row == 12
    assert "in all 30 rounds" in finding.message
    assert finding.message.endswith(why)
