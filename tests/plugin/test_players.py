"""Detaching a generated sample is right in the critic's loss and wrong in the generator's."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, VAE, elbo, gaussian_kl, vectors


def verdict(loss, model=VAE):
    return run_checks(AESpec(model, vectors, loss=loss), only=["AEC422"])["AEC422"]


@pytest.mark.parametrize("healthy", HEALTHY, ids=[h.name for h in HEALTHY])
def test_healthy_models_have_no_such_sample(healthy):
    assert run_checks(healthy.spec(), only=["AEC422"])["AEC422"].status == "skipped"


def fake(model, x):
    return model.decoder(torch.randn(len(x), 4))


def encoders_loss(model, x):
    """Generated samples are pushed away from the prior."""
    return elbo(model, x) + F.relu(20 - gaussian_kl(*model.encode(fake(model, x).detach())))


def generators_loss(model, x):
    return elbo(model, x) + gaussian_kl(*model.encode(fake(model, x)))


def both_losses(model, x):
    sample = fake(model, x)
    pushed = F.relu(20 - gaussian_kl(*model.encode(sample.detach())))
    return elbo(model, x) + pushed + gaussian_kl(*model.encode(sample))


@pytest.mark.parametrize("loss", [encoders_loss, generators_loss, both_losses])
def test_each_players_loss_is_left_alone(loss):
    assert verdict(loss).status in {"passed", "skipped"}


def generators_loss_detached(model, x):
    return elbo(model, x) + gaussian_kl(*model.encode(fake(model, x).detach()))


def test_a_generator_that_is_cut_from_its_own_loss_fails():
    assert verdict(generators_loss_detached).status == "failed"


class WithCritic(VAE):
    def __init__(self):
        super().__init__()
        self.critic = nn.Linear(20, 1)


def critics_loss(model, x, label=0.0):
    real, generated = model.critic(x), model.critic(fake(model, x).detach())
    scored = F.binary_cross_entropy_with_logits
    return elbo(model, x) + scored(real, torch.ones_like(real)) + scored(generated, torch.full_like(generated, label))


def test_labels_of_real_and_generated_samples_differ():
    assert verdict(critics_loss, WithCritic).status == "passed"
    found = verdict(lambda m, x: critics_loss(m, x, 1.0), WithCritic)
    assert found.status == "failed"
    assert "label" in found.message


def of_reconstructions(generators, fakes):
    """Both players' losses on reconstructions, with the label that each compares their scores with, and the generator's sign."""

    def loss(model, x):
        y = model.decoder(model.encode(x)[0])
        score = model.critic(y)
        label, sign = generators
        critic = F.binary_cross_entropy_with_logits(model.critic(x), torch.ones(len(x), 1))
        critic = critic + F.binary_cross_entropy_with_logits(model.critic(y.detach()), torch.full((len(x), 1), fakes))
        fool = F.binary_cross_entropy_with_logits(score, torch.full((len(x), 1), label))
        return F.mse_loss(y, x) + sign * 0.1 * fool + critic

    return loss


@pytest.mark.parametrize("generators", [(1.0, 1), (0.0, -1)], ids=["non-saturating", "saturating"])
def test_reconstructions_with_a_label_of_their_own_are_left_alone(generators):
    assert verdict(of_reconstructions(generators, 0.0), WithCritic).status == "passed"


@pytest.mark.parametrize("generators", [(1.0, 1), (0.0, -1)], ids=["non-saturating", "saturating"])
def test_reconstructions_that_are_labelled_real_fail(generators):
    assert verdict(of_reconstructions(generators, 1.0), WithCritic).status == "failed"


def both(model):
    generator = [*model.encoder.parameters(), *model.fc_mu.parameters(), *model.decoder.parameters()]
    return torch.optim.Adam(generator, lr=1e-3), torch.optim.Adam(model.critic.parameters(), lr=1e-3)


def losses(model, x, cut):
    y = model.decoder(model.encode(x)[0])
    critic = F.relu(1 - model.critic(x)).mean() + F.relu(1 + model.critic(y.detach() if cut else y)).mean()
    return F.mse_loss(y, x) - 0.1 * model.critic(y).mean(), critic


def one_after_the_other(model, optimizers, x, cut=True):
    generator, critic = optimizers
    own, other = losses(model, x, cut)
    generator.zero_grad()
    own.backward(retain_graph=True)
    critic.zero_grad()
    other.backward()
    generator.step()
    critic.step()


def stepping_before(model, optimizers, x):
    generator, critic = optimizers
    generator.zero_grad()
    losses(model, x, True)[0].backward()
    generator.step()
    critic.zero_grad()
    losses(model, x, False)[1].backward()
    critic.step()


def cleared_first(model, optimizers, x):
    """One loss for both, in two backward passes."""
    for optimizer in optimizers:
        optimizer.zero_grad()
    own, other = losses(model, x, True)
    own.backward(retain_graph=True)
    other.backward()
    for optimizer in optimizers:
        optimizer.step()


def turns(step):
    spec = AESpec(WithCritic, vectors, optimizer=both, train_step=step)
    return run_checks(spec, only=["AEC425"])["AEC425"]


@pytest.mark.parametrize("step", [one_after_the_other, stepping_before, cleared_first])
def test_players_that_keep_to_their_own_gradients_are_left_alone(step):
    assert turns(step).status == "passed", str(turns(step))


def test_a_critics_loss_that_reaches_the_generator_before_it_steps_fails():
    found = turns(lambda m, o, x: one_after_the_other(m, o, x, cut=False))
    assert found.status == "failed"
    assert found.numbers["parameters"] == 8


class Judged(nn.Module):
    """An autoencoder beside the critic that its loss asks."""

    def __init__(self, name="discriminators"):
        super().__init__()
        self.model = VAE()
        self.add_module(name, nn.ModuleList([nn.Linear(20, 1), nn.Linear(20, 1)]))

    def forward(self, x):
        return self.model(x)


def adversarial(judged, x):
    output = judged(x)[0]
    critics = next(m for m in judged.children() if isinstance(m, nn.ModuleList))
    return elbo(judged.model, x) - sum(critic(output).mean() for critic in critics)


def holding(*parts):
    def optimizer(judged):
        return torch.optim.Adam([p for n, p in judged.named_parameters() if n.startswith(parts)], lr=1e-3)

    return optimizer


def held(optimizer, name="discriminators"):
    spec = AESpec(lambda: Judged(name), vectors, loss=adversarial, optimizer=optimizer)
    return run_checks(spec, only=["AEC402"])["AEC402"]


@pytest.mark.parametrize("name", ["discriminators", "critic", "disc", "net_d", "latent_discriminator"])
def test_a_critic_that_the_generators_optimiser_leaves_out_is_no_fault(name):
    found = held(holding("model"), name)
    assert found.status == "skipped"
    assert "critic" in found.message


def test_the_critics_optimiser_beside_it_is_judged():
    assert held(lambda judged: (holding("model")(judged), holding("disc")(judged))).status == "passed"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        pytest.param(("model",), "heads", id="a part that is named for nothing"),
        pytest.param(("model.encoder",), "critic", id="a decoder beside a critic"),
        pytest.param(("model", "critic.0"), "critic", id="half of a critic"),
        pytest.param(("model",), "discrete", id="a name that only begins alike"),
    ],
)
def test_parts_that_are_forgotten_fail_as_before(parts, name):
    assert held(holding(*parts), name).status == "failed"
