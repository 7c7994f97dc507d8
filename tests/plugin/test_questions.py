"""Single questions of the fixture: a record with numbers, thresholds as keywords, the messages of the checks."""

import random

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from pytest_aecheck import CheckFailure
from tests.plugin.zoo import MLP, VAE, VQ, elbo, gaussian_kl, vectors

DATA = vectors(64, 3)


@pytest.fixture(scope="module")
def fitted():
    torch.manual_seed(0)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(150):
        optimizer.zero_grad()
        elbo(model, vectors(64, step), beta=0.1).backward()
        optimizer.step()
    return model


def test_a_trained_model_answers_with_numbers(aecheck, fitted):
    assert aecheck.latent_active(fitted, vectors).numbers["active"] >= 1
    assert aecheck.decoder_uses_code(fitted, vectors).numbers["use"] > 0.25
    assert aecheck.better_than_mean(fitted, vectors).numbers["fvu"] < 0.9
    assert aecheck.input_passes_code(VAE, vectors).numbers["gradient"] == 0


@pytest.mark.parametrize(
    ("question", "threshold", "said"),
    [
        ("latent_active", {"least": 5}, "at least 5 was asked for"),
        ("decoder_uses_code", {"least": 10.0}, "at least 10 was asked for"),
        ("better_than_mean", {"most": 1e-6}, "at most 1e-06 was asked for"),
    ],
)
def test_thresholds_are_keywords(aecheck, fitted, question, threshold, said):
    with pytest.raises(AssertionError, match=said):
        getattr(aecheck, question)(fitted, vectors, **threshold)


def test_no_answer_is_a_skip_and_no_pass(aecheck, fitted):
    with pytest.raises(pytest.skip.Exception, match="cannot tell from 8"):
        aecheck.latent_active(fitted, vectors(8, 0))


def test_a_warning_fails_where_it_was_asked_for(aecheck):
    class Around(MLP):
        def forward(self, x):
            return x + super().forward(x)

    with pytest.raises(AssertionError, match="held constant"):
        aecheck.input_passes_code(Around, vectors)


def test_mixed_reductions(aecheck):
    def mixed(model, x):
        x_hat, mu, logvar = model(x)
        return (x_hat - x).pow(2).mean() + len(x) * gaussian_kl(mu, logvar)

    aecheck.terms_reduced_alike(VAE, vectors, loss=elbo)
    with pytest.raises(AssertionError, match="averaged over the batch"):
        aecheck.terms_reduced_alike(VAE, vectors, loss=mixed)


class Noisy(Dataset):
    def __init__(self, draw):
        self.draw = draw

    def __len__(self):
        return len(DATA)

    def __getitem__(self, index):
        return DATA[index] * self.draw()


def shared_out(rank=0, world_size=2):
    return DataLoader(DATA, 8, sampler=DistributedSampler(DATA, world_size, rank))


def all_to_everyone(rank=0, world_size=2):
    return DataLoader(DATA, 8, sampler=DistributedSampler(DATA, world_size, 0))


def test_healthy_loaders_answer_every_question(aecheck):
    loader = DataLoader(DATA[:48], 8, shuffle=True)
    assert aecheck.samples_distinct(loader).code == "AEC521"
    assert aecheck.loaders_disjoint(loader, DataLoader(DATA[48:], 8)).status == "passed"
    assert aecheck.reshuffled(loader).status == "passed"
    assert aecheck.ranks_disjoint(shared_out).numbers["repeated"] == 0
    assert aecheck.workers_differ(lambda: DataLoader(Noisy(random.random), 8, num_workers=2)).status == "passed"


def test_faulty_loaders_fail_with_the_check_that_knows_the_fault(aecheck):
    loader = DataLoader(DATA, 8)
    with pytest.raises(CheckFailure, match="AEC505"):
        aecheck.reshuffled(loader)
    with pytest.raises(CheckFailure, match="AEC506"):
        aecheck.loaders_disjoint(loader, loader)
    with pytest.raises(CheckFailure, match="AEC510"):
        aecheck.ranks_disjoint(all_to_everyone)
    with pytest.raises(CheckFailure, match="AEC504"):
        aecheck.workers_differ(lambda: DataLoader(Noisy(random.Random(0).random), 8, num_workers=2))


def test_a_trained_model_is_asked_about_baselines_and_prior(aecheck, fitted):
    assert aecheck.prior_decodes_to_data(fitted, vectors).numbers["outside"] < 0.05
    with pytest.raises(pytest.skip.Exception, match="drawn or discrete"):
        aecheck.better_than_linear(fitted, vectors)
    with pytest.raises(AssertionError, match="principal components leave"):
        aecheck.better_than_linear(MLP, vectors)


def test_a_codebook_is_asked_for_a_share_of_its_entries(aecheck):
    torch.manual_seed(0)
    model = VQ()
    found = aecheck.codebook_used(model, vectors, least=0.01)
    with pytest.raises(AssertionError, match=r"a share of 1 was asked for"):
        aecheck.codebook_used(model, vectors, least=1.0)
    assert found.numbers["entries"] == 16


def test_a_loader_is_asked_what_it_covers(aecheck):
    assert aecheck.covers_data(DataLoader(DATA, 8)).numbers["read"] == 64
    with pytest.raises(CheckFailure, match="an epoch has no batch"):
        aecheck.covers_data(DataLoader(DATA, 100, drop_last=True))
    assert (
        aecheck.processes_disjoint(lambda: DataLoader(DATA, 8, sampler=DistributedSampler(DATA))).numbers["shared"] == 0
    )


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def step(model, optimizer, x):
    optimizer.zero_grad()
    (model(x) - x).pow(2).mean().backward()
    optimizer.step()


def keeping(model, optimizer, x):
    step(model, optimizer, x)
    model.best = model.state_dict()


def test_training_can_be_asked_about(aecheck):
    aecheck.steps_repeatable(MLP, vectors, optimizer=adam, train_step=step)
    aecheck.restored_from_state(MLP, vectors)
    schedule = torch.optim.lr_scheduler.ExponentialLR
    assert (
        aecheck.learning_rate_lasts(MLP, optimizer=adam, scheduler=lambda o: schedule(o, 0.99), steps=200).numbers[
            "last"
        ]
        < 1e-3
    )
    with pytest.raises(CheckFailure, match="after half of the 200 declared steps"):
        aecheck.learning_rate_lasts(MLP, optimizer=adam, scheduler=lambda o: schedule(o, 0.9), steps=200)
    with pytest.raises(AssertionError, match="never changes"):
        aecheck.learning_rate_lasts(MLP, optimizer=adam, scheduler=lambda o: schedule(o, 1.0), steps=200)
    with pytest.raises(CheckFailure, match="state_dict"):
        aecheck.steps_repeatable(MLP, vectors, optimizer=adam, train_step=keeping)


def test_units_and_padding_can_be_asked_about(aecheck, fitted):
    assert aecheck.decoder_uses_units(fitted, vectors).numbers["ignored"] == 0
    with pytest.raises(pytest.skip.Exception, match="which token is padding"):
        aecheck.padding_without_effect(MLP, vectors)
