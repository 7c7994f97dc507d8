"""Nothing of the input may reach the reconstruction around the code."""

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import (
    HEALTHY,
    MLP,
    VAE,
    VQ,
    VariableVAE,
    elbo,
    gaussian_kl,
    mse,
    reparameterize,
    series,
    vectors,
    vq_loss,
)


def verdict(model, batch=vectors, loss=None, **more):
    return run_checks(AESpec(model, batch, loss=loss, **more), only=["AEC109"])["AEC109"]


@pytest.mark.parametrize("healthy", HEALTHY, ids=[h.name for h in HEALTHY])
def test_healthy_models_pass_or_say_what_they_lack(healthy):
    found = run_checks(healthy.spec(), only=["AEC109"])["AEC109"]
    assert found.status in {"passed", "skipped"}, str(found)


class Residual(VAE):
    """Adds its input to what is decoded."""

    def forward(self, x):
        x_hat, mu, logvar = super().forward(x)
        return x_hat + 0.1 * x, mu, logvar


class SeesInput(VAE):
    """Concatenates the input with the code."""

    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(24, 32), nn.Tanh(), nn.Linear(32, 20))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(torch.cat([reparameterize(mu, logvar), x], 1)), mu, logvar


class HiddenPath(VAE):
    """Adds a hidden layer of the encoder to the output."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(32, 20)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(reparameterize(mu, logvar)) + self.out(self.encoder(x)), mu, logvar


@pytest.mark.parametrize("model", [Residual, SeesInput, HiddenPath])
def test_a_way_around_a_drawn_code_fails(model):
    found = verdict(model, loss=elbo)
    assert found.status == "failed"
    assert found.numbers["gradient"] > 0
    assert verdict(model, loss=elbo, skips=True).status == "skipped"


class Undrawn(MLP):
    def forward(self, x):
        return 0.9 * x + super().forward(x)


class Normalised(VAE):
    """Mean and scale of each sample are taken off and put back."""

    def forward(self, x):
        mean, scale = x.mean(1, keepdim=True), x.std(1, keepdim=True) + 1e-5
        x_hat, mu, logvar = super().forward((x - mean) / scale)
        return x_hat * scale + mean, mu, logvar


@pytest.mark.parametrize("model", [Undrawn, Normalised])
def test_what_may_be_meant_only_warns(model):
    assert verdict(model, loss=mse if model is Undrawn else elbo).status == "warned"


class Forced(nn.Module):
    """A recurrent decoder that is given the input, shifted by `shift` steps."""

    def __init__(self, shift=1):
        super().__init__()
        self.shift = shift
        self.enc, self.dec = nn.GRU(2, 16, batch_first=True), nn.GRU(2, 16, batch_first=True)
        self.code, self.start, self.out = nn.Linear(16, 6), nn.Linear(3, 16), nn.Linear(16, 2)

    def forward(self, x):
        mu, logvar = self.code(self.enc(x)[1][-1]).chunk(2, 1)
        shifted = torch.cat([torch.zeros_like(x[:, : self.shift]), x], 1)[:, : x.shape[1]]
        y, _ = self.dec(shifted, torch.tanh(self.start(reparameterize(mu, logvar))).unsqueeze(0).contiguous())
        return self.out(y), mu, logvar


def test_teacher_forcing_is_allowed_the_past():
    found = verdict(Forced, series, elbo)
    assert found.status == "passed"
    assert found.numbers["gradient"] > 0


def test_teacher_forcing_without_shift_shows_each_step_to_itself():
    found = verdict(lambda: Forced(shift=0), series, elbo)
    assert found.numbers["own"] == found.numbers["followed"]
    assert found.status in {"failed", "warned"}


class PredictsNoise(MLP):
    """A residual denoiser: the network finds what to take off."""

    def forward(self, x):
        return x + super().forward(x)


def test_a_residual_denoiser_does_not_fail():
    def denoise(model, x):
        return (model(x + 0.3 * torch.randn_like(x)) - x).pow(2).mean()

    assert verdict(PredictsNoise, loss=denoise).status == "warned"
    assert verdict(PredictsNoise, loss=mse).status == "failed"


class Joint(VAE):
    """A Gaussian code and relaxed categories beside each other, both drawn."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Linear(32, 6)
        self.decoder = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 20))

    def forward(self, x):
        mu, logvar = self.encode(x)
        gumbel = -torch.log(-torch.log(torch.rand(len(x), 6) + 1e-7) + 1e-7)
        kind = torch.softmax((self.scores(self.encoder(x)) + gumbel) / 0.7, dim=-1)
        return self.decoder(torch.cat([reparameterize(mu, logvar), kind], 1)), mu, logvar


class JointAndInput(Joint):
    """Adds the input to what such a code is decoded to."""

    def forward(self, x):
        x_hat, mu, logvar = super().forward(x)
        return x_hat + 0.1 * x, mu, logvar


def test_categories_drawn_beside_a_gaussian_belong_to_the_code():
    assert verdict(Joint, loss=elbo).status == "passed"


def test_a_way_around_a_code_of_two_kinds_fails():
    assert verdict(JointAndInput, loss=elbo).status == "failed"


def test_noise_wrapped_in_a_variable_is_still_the_posteriors():
    report = run_checks(AESpec(VariableVAE, vectors, loss=elbo))
    assert report["AEC203"].status == "passed"
    assert report["AEC109"].status == "passed"
    assert not report.failed


class Restarted(VQ):
    """Replaces entries that nothing chose: the second of two training passes makes other calls than the first."""

    def __init__(self):
        super().__init__(ema=True)

    def quantize(self, z):
        dead = self.counts < 0.95
        if self.training and bool(dead.any()):
            with torch.no_grad():
                self.book[dead] = z[:1]
                self.counts[dead] = 1.0
        return super().quantize(z)


def test_a_codebook_that_replaces_entries_is_no_way_around_the_code():
    found = run_checks(AESpec(Restarted, vectors, loss=vq_loss), only=["AEC109"])["AEC109"]
    assert found.status == "passed", str(found)


class UNetVAE(nn.Module):
    """Each level of the decoder takes in the encoder's level, as networks that translate signals do on purpose."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(20, 16), nn.Linear(16, 8), nn.Linear(8, 8)
        self.third, self.fourth, self.out = nn.Linear(4 + 8, 16), nn.Linear(16 + 16, 16), nn.Linear(16, 20)

    def forward(self, x):
        one = torch.tanh(self.first(x))
        two = torch.tanh(self.second(one))
        mu, logvar = self.head(two).chunk(2, 1)
        up = torch.tanh(self.third(torch.cat([reparameterize(mu, logvar), two], 1)))
        return self.out(torch.tanh(self.fourth(torch.cat([up, one], 1)))), mu, logvar


def translated(model, batch):
    x, y = batch
    y_hat, mu, logvar = model(x)
    return mse_of(y_hat, y) + gaussian_kl(mu, logvar)


def mse_of(y_hat, y):
    return (y_hat - y).pow(2).sum(1).mean()


def test_connections_at_several_levels_of_a_network_that_translates_only_warn():
    found = verdict(UNetVAE, lambda n, seed: (vectors(n, seed), vectors(n, seed + 1).flip(1)), loss=translated)
    assert found.status == "warned"


def test_the_same_connections_leave_a_code_without_use_where_the_input_is_reconstructed():
    assert verdict(UNetVAE, loss=elbo).status == "failed"


class DecodesMean(VAE):
    """Its encoder draws a code that only another method reads."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        self.drawn = reparameterize(mu, logvar)
        return self.decoder(mu), mu, logvar


def test_a_draw_that_nothing_reads_is_not_the_code():
    assert verdict(DecodesMean, loss=elbo).status == "passed"


class GatedDraw(VAE):
    """Relaxed Bernoulli gates times Gaussian values, both drawn from the posterior."""

    def __init__(self):
        super().__init__()
        self.fc_gate = nn.Linear(32, 4)

    def forward(self, x):
        hidden, (mu, logvar) = self.encoder(x), self.encode(x)
        u = torch.rand_like(mu).clamp(1e-6, 1 - 1e-6)
        gate = torch.sigmoid((self.fc_gate(hidden) + u.log() - (1 - u).log()) / 0.5)
        return self.decoder(gate * reparameterize(mu, logvar)), mu, logvar


def test_gates_that_are_drawn_beside_the_code_are_part_of_it():
    assert verdict(GatedDraw, loss=elbo).status == "passed"


class SeesFirst(VAE):
    """The first third of the input is the decoder's condition."""

    shown = 6

    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(4 + self.shown, 32), nn.Tanh(), nn.Linear(32, 20))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(torch.cat([reparameterize(mu, logvar), x[:, : self.shown]], 1)), mu, logvar


class SeesMost(SeesFirst):
    shown = 16


@pytest.mark.parametrize(("model", "status"), [(SeesFirst, "warned"), (SeesMost, "failed")])
def test_a_part_of_the_input_may_be_a_condition(model, status):
    assert verdict(model, loss=elbo).status == status
