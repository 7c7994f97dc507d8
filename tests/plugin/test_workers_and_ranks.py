"""Noise of workers and shares of ranks, without starting either."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler, get_worker_info

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import MLP, vectors

DATA = vectors(50, 3)


def verdict(code, loader):
    return run_checks(AESpec(MLP, vectors, loader=loader), only=[code])[code]


class Noisy(Dataset):
    """Adds noise that `draw` makes."""

    def __init__(self, draw):
        self.draw = draw

    def __len__(self):
        return len(DATA)

    def __getitem__(self, index):
        return DATA[index] * float(self.draw())


class FromWorker(Dataset):
    """Makes its generator inside the worker, from the worker's seed."""

    def __init__(self):
        self.generator = None

    def __len__(self):
        return len(DATA)

    def __getitem__(self, index):
        if self.generator is None:
            self.generator = random.Random(get_worker_info().seed)
        return DATA[index] * self.generator.random()


def numpy_global():
    return np.random.rand()  # noqa: NPY002 - the global generator is what is tested


def reseed(worker):
    info = get_worker_info()
    info.dataset.draw = random.Random(info.seed).random


@pytest.mark.parametrize(
    "draw", [lambda: torch.rand(()), random.random, numpy_global], ids=["torch", "random", "numpy"]
)
def test_global_generators_differ_between_workers(draw):
    assert verdict("AEC504", lambda: DataLoader(Noisy(draw), 8, num_workers=2)).status == "passed"


def test_generators_seeded_inside_the_worker_pass():
    assert verdict("AEC504", lambda: DataLoader(FromWorker(), 8, num_workers=2)).status == "passed"
    loader = lambda: DataLoader(Noisy(random.Random(0).random), 8, num_workers=2, worker_init_fn=reseed)  # noqa: E731
    assert verdict("AEC504", loader).status == "passed"


def test_data_without_noise_and_loaders_without_workers_are_not_judged():
    assert verdict("AEC504", lambda: DataLoader(DATA, 8, num_workers=2)).status == "skipped"
    assert verdict("AEC504", lambda: DataLoader(Noisy(random.Random(0).random), 8)).status == "skipped"


@pytest.mark.parametrize(
    "draw",
    [random.Random(0).random, np.random.default_rng(0).random, np.random.RandomState(0).rand],
    ids=["random", "numpy", "legacy"],
)
def test_a_generator_held_by_the_data_set_repeats(draw):
    found = verdict("AEC504", lambda: DataLoader(Noisy(draw), 8, num_workers=2))
    assert found.status == "failed"
    assert "again in the next epoch" in found.message


def test_the_simulation_agrees_with_real_workers():
    """Two real workers that read the same item give equal values where the check fails, other ones where it passes."""

    def first_of_each(draw):
        loader = DataLoader(Noisy(draw), batch_size=1, sampler=[0, 0], num_workers=2, multiprocessing_context="fork")
        a, b = loader
        return torch.equal(a, b)

    assert first_of_each(random.Random(0).random)
    assert not first_of_each(random.random)


def distributed(rank=0, world_size=2, **how):
    return DataLoader(DATA, 8, sampler=DistributedSampler(DATA, world_size, rank, **how))


@pytest.mark.parametrize("how", [{}, {"shuffle": False}, {"drop_last": True}], ids=str)
@pytest.mark.parametrize("size", [2, 3, 8])
def test_distributed_samplers_share_out_everything(size, how):
    assert verdict("AEC510", lambda: distributed(0, size, **how)).status == "passed"


def test_a_loader_built_for_each_rank_passes():
    assert verdict("AEC510", distributed).status == "passed"


def test_other_samplers_are_not_judged():
    assert verdict("AEC510", lambda: DataLoader(DATA, 8, shuffle=True)).status == "skipped"
    assert verdict("AEC510", lambda: distributed(0, 1)).status == "skipped"


def own_seed(rank=0, world_size=2):
    return distributed(rank, world_size, seed=rank)


def rank_forgotten(rank=0, world_size=2):
    return distributed(0, world_size)


@pytest.mark.parametrize("loader", [own_seed, rank_forgotten])
def test_ranks_that_read_the_same_samples_fail(loader):
    found = verdict("AEC510", loader)
    assert found.status == "failed"
    assert found.numbers["repeated"] > 2


class Stuck(DistributedSampler):
    def set_epoch(self, epoch):
        pass


class Halved(Sampler):
    """Gives each rank its part of the first half only."""

    def __init__(self):
        self.dataset, self.rank, self.num_replicas = DATA, 0, 2

    def __iter__(self):
        return iter(range(self.rank, len(DATA) // 2, 2))


def test_an_epoch_without_effect_and_missed_samples_fail():
    found = verdict("AEC510", lambda: DataLoader(DATA, 8, sampler=Stuck(DATA, 2, 0)))
    assert "set_epoch was called" in found.message
    assert found.status == "failed"
    assert verdict("AEC510", lambda: DataLoader(DATA, 8, sampler=Halved())).numbers["missed"] == 25
