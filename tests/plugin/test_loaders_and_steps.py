"""Healthy loaders and training steps stay unreported; sizes and kinds that real projects use."""

import random

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, TensorDataset, WeightedRandomSampler

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import MLP, mse, vectors

DATA = vectors(96, 3)
LABELS = torch.arange(96) % 3


class LabelFirst(Dataset):
    """The first tensor of an item is one that many items share."""

    def __len__(self):
        return 96

    def __getitem__(self, index):
        return torch.tensor(1), DATA[index]


class Augmented(Dataset):
    """New noise at every reading, on a copy."""

    def __len__(self):
        return 96

    def __getitem__(self, index):
        return DATA[index] + 0.1 * torch.randn(20)


class OwnGenerator(Dataset):
    """Noise from a generator that the data set keeps: the same item differs, the stored data do not."""

    def __init__(self):
        self.rows, self.generator = DATA.clone(), random.Random(0)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index] * self.generator.uniform(0.9, 1.1)


class OverwritesBuffer(Dataset):
    """One buffer for all items, copied when items are stacked: stored data change, items do not."""

    def __init__(self):
        self.buffer = torch.empty(20)

    def __len__(self):
        return 96

    def __getitem__(self, index):
        return self.buffer.copy_(DATA[index])


class Stream(IterableDataset):
    def __iter__(self):
        return iter(DATA)


LOADERS = {
    "shuffled": lambda: DataLoader(TensorDataset(DATA, LABELS), 16, shuffle=True),
    "random-order-kept": lambda: DataLoader(DATA, 16),
    "weighted": lambda: DataLoader(DATA, 16, sampler=WeightedRandomSampler(torch.ones(96), 96)),
    "oversampled": lambda: DataLoader(ConcatDataset([TensorDataset(DATA[:32])] * 3), 16, shuffle=True),
    "drop-last": lambda: DataLoader(DATA, 20, shuffle=True, drop_last=True),
    "last-of-one": lambda: DataLoader(DATA[:65], 16, shuffle=True),
    "label-first": lambda: DataLoader(LabelFirst(), 16, shuffle=True),
    "augmented": lambda: DataLoader(Augmented(), 16, shuffle=True),
    "own-generator": lambda: DataLoader(OwnGenerator(), 16, shuffle=True),
    "buffer": lambda: DataLoader(OverwritesBuffer(), 16, shuffle=True),
    "stream": lambda: DataLoader(Stream(), 16),
    "one-batch": lambda: DataLoader(DATA, 96),
    "missing-values": lambda: DataLoader(torch.where(DATA > 1, torch.nan, DATA), 16, shuffle=True),
    "tiny-binary": lambda: DataLoader((DATA[:, :3] > 0).float(), 16, shuffle=True),
    "dictionaries": lambda: [{"x": batch} for batch in DATA.split(16)],
    "bytes": lambda: DataLoader((DATA * 20).to(torch.int16), 16, shuffle=True),
}


@pytest.mark.parametrize("name", LOADERS)
def test_healthy_loader_is_left_alone(name):
    report = run_checks(AESpec(MLP, vectors, loader=LOADERS[name]), only=["AEC5"])
    assert [str(verdict) for verdict in report.failed] == []


@pytest.mark.parametrize("step", [1, 4])
def test_the_order_of_overlapping_windows_is_only_warned_of(step):
    series = torch.arange(400.0).mul(0.05).sin()
    windows = series.unfold(0, 8, step)
    spec = AESpec(MLP, vectors, loader=lambda: DataLoader(windows, 16))
    assert run_checks(spec)["AEC505"].status == "warned"
    assert run_checks(spec.but(shuffled=True))["AEC505"].status == "failed"
    sorted_rows = spec.but(loader=lambda: DataLoader(windows.sort(0).values, 16))
    assert run_checks(sorted_rows)["AEC505"].status == "failed"


def test_a_kept_order_warns_and_fails_only_where_it_was_ruled_out():
    kept = AESpec(MLP, vectors, loader=LOADERS["random-order-kept"])
    assert run_checks(kept)["AEC505"].status == "warned"
    assert run_checks(kept.but(shuffled=True))["AEC505"].status == "failed"
    assert run_checks(kept.but(shuffled=False))["AEC505"].status == "skipped"


FOLDERS = torch.arange(64) // 16


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        pytest.param(torch.arange(64) % 4, "warned", id="classes in turn"),
        pytest.param(torch.arange(64), "warned", id="numbers of the samples"),
        pytest.param(torch.zeros(64, dtype=torch.long), "warned", id="one class"),
        pytest.param((torch.arange(64) > 61).long(), "warned", id="two of a rare class, side by side by chance"),
        pytest.param(FOLDERS.roll(3), "warned", id="one class at both ends"),
        pytest.param(FOLDERS, "failed", id="class by class"),
        pytest.param(FOLDERS[FOLDERS.argsort(descending=True)].int(), "failed", id="from the last class on"),
    ],
)
def test_labels_tell_an_order_that_the_samples_do_not_show(labels, status):
    rows = torch.randn(64, 20, generator=torch.Generator().manual_seed(3))
    spec = AESpec(MLP, vectors, loader=lambda: DataLoader(TensorDataset(rows, labels), 16))
    assert run_checks(spec, only=["AEC505"])["AEC505"].status == status


def test_sortedness_rejects_a_random_order_as_rarely_as_it_says():
    from pytest_aecheck.probes.loaders import _sortedness

    generator = torch.Generator().manual_seed(0)
    scores = torch.tensor([_sortedness(torch.randn(64, generator=generator).tolist()) for _ in range(2000)])
    assert abs(float(scores.mean())) < 4 / 2000**0.5
    assert float(scores.max()) < 5
    assert abs(float(scores.std()) - 1) < 0.1


def test_validation_loader_of_its_own_is_left_alone():
    spec = AESpec(
        MLP,
        vectors,
        loader=lambda: DataLoader(DATA[:64], 16, shuffle=True),
        eval_loader=lambda: DataLoader(DATA[64:], 16),
    )
    assert run_checks(spec)["split-overlap"].status == "passed"


def plain(model, optimizer, x):
    optimizer.zero_grad()
    F.mse_loss(model(x), x).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def cleared_after(model, optimizer, x):
    F.mse_loss(model(x), x).backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)


def twice(model, optimizer, x):
    """Two phases in one step, as adversarial training has them."""
    for _ in range(2):
        plain(model, optimizer, x)


def validated(model, optimizer, x):
    plain(model, optimizer, x)
    model.eval()
    with torch.no_grad():
        model(x)
    model.train()


OPTIMIZERS = {
    "adam": lambda m: torch.optim.Adam(m.parameters(), lr=1e-3),
    "momentum": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9),
    "groups": lambda m: torch.optim.AdamW(
        [{"params": m.encoder.parameters()}, {"params": m.decoder.parameters(), "lr": 1e-4}]
    ),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("step", [plain, cleared_after, twice, validated])
def test_healthy_training_step_is_left_alone(step, optimizer):
    report = run_checks(
        AESpec(MLP, vectors, loss=mse, optimizer=OPTIMIZERS[optimizer], train_step=step), only=["AEC40", "AEC6"]
    )
    assert [str(verdict) for verdict in report.failed] == []


def test_step_that_builds_its_own_optimizer():
    def step(model, x, optimizer=None):
        plain(model, optimizer or torch.optim.Adam(model.parameters()), x)

    report = run_checks(AESpec(MLP, vectors, loss=mse, train_step=step), only=["AEC40"])
    assert report["AEC403"].status == report["AEC405"].status == "passed"


class WarmingUp(MLP):
    """A reconstruction beside a critic that takes part from the fifth step on."""

    def __init__(self, weight=0.0):
        super().__init__()
        self.critic, self.weight, self.made = torch.nn.Linear(20, 1), weight, None

    def losses(self, x):
        y = self(x)
        generator = mse(self, x) - self.weight * self.critic(y).mean()
        return generator, self.weight * (self.critic(y.detach()).mean() - self.critic(x).mean())


def two_players(model, x, *, clear_late=False):
    if model.made is None:
        own = [p for name, p in model.named_parameters() if not name.startswith("critic")]
        model.made = torch.optim.Adam(own, lr=1e-3), torch.optim.Adam(model.critic.parameters(), lr=1e-3)
    generator, critic = model.losses(x)
    for optimizer, loss in zip(model.made, (generator, critic), strict=True):
        optimizer.zero_grad(set_to_none=False)
        loss.backward(retain_graph=True)
        if clear_late:
            optimizer.zero_grad(set_to_none=False)
        optimizer.step()


def test_a_term_that_is_multiplied_by_zero_for_now_gives_gradients_that_are_zero():
    spec = AESpec(WarmingUp, vectors, loss=lambda m, x: m.losses(x)[0], train_step=two_players)
    report = run_checks(spec, only=["AEC405", "AEC406"])
    assert [str(verdict) for verdict in report.failed] == []


def test_gradients_that_are_cleared_before_the_step_are_zero_whatever_was_computed():
    def late(model, x):
        two_players(model, x, clear_late=True)

    spec = AESpec(lambda: WarmingUp(1.0), vectors, loss=lambda m, x: m.losses(x)[0], train_step=late)
    assert run_checks(spec, only=["AEC405"])["AEC405"].status == "failed"


def behind_the_batch(model, x, optimizer):
    plain(model, optimizer, x)


def behind_the_batch_if_given(model, x, weight=1.0, optim=None):
    assert isinstance(weight, float)
    plain(model, optim, x)


def beside_a_schedule(model, x, optimizers=None):
    plain(model, optimizers, x)


@pytest.mark.parametrize("step", [behind_the_batch, behind_the_batch_if_given, beside_a_schedule])
def test_the_optimizer_is_passed_where_a_parameter_is_named_for_it(step):
    report = run_checks(AESpec(MLP, vectors, loss=mse, optimizer=OPTIMIZERS["adam"], train_step=step), only=["AEC4"])
    assert report["AEC423"].status == "passed"
    assert report["AEC403"].status == report["AEC405"].status == "passed"


def test_a_step_without_a_parameter_for_an_optimizer_gets_none():
    def step(model, x, optimistic=False):
        assert optimistic is False
        plain(model, torch.optim.Adam(model.parameters()), x)

    report = run_checks(AESpec(MLP, vectors, loss=mse, optimizer=OPTIMIZERS["adam"], train_step=step), only=["AEC423"])
    assert report["AEC423"].status == "passed"
