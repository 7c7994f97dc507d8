"""Every sample once an epoch: samplers are listed, streams are read as two workers would."""

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    Sampler,
    SubsetRandomSampler,
    get_worker_info,
)

from pytest_aecheck import AESpec, run_checks
from tests.plugin.test_loaders_and_steps import LOADERS
from tests.plugin.zoo import MLP, vectors

DATA = vectors(96, 3)


def verdict(loader, code):
    return run_checks(AESpec(MLP, vectors, loader=loader), only=[code])[code]


@pytest.mark.parametrize("name", LOADERS)
def test_healthy_loaders_leave_nothing_out(name):
    assert verdict(LOADERS[name], "AEC522").status in {"passed", "skipped"}


CHOSEN = {
    "subset": lambda: DataLoader(DATA, 8, sampler=SubsetRandomSampler(range(20))),
    "rank": lambda: DataLoader(DATA, 8, sampler=DistributedSampler(DATA, num_replicas=4, rank=1)),
    "number": lambda: DataLoader(DATA, 8, sampler=torch.utils.data.RandomSampler(DATA, num_samples=16)),
    "dropped": lambda: DataLoader(DATA, 50, drop_last=True),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_what_is_left_out_on_purpose_is_left_alone(name):
    assert verdict(CHOSEN[name], "AEC522").status == "passed"


class FirstBucketOnly(Sampler):
    def __init__(self):
        self.size = 96

    def __iter__(self):
        return iter(range(40))


def test_samples_that_no_epoch_reads_are_counted():
    found = verdict(
        lambda: DataLoader(DATA, batch_sampler=BatchSampler(FirstBucketOnly(), 8, drop_last=False)), "AEC522"
    )
    assert found.status == "warned"
    assert (found.numbers["read"], found.numbers["samples"]) == (40, 96)


def test_an_epoch_without_a_batch_fails():
    found = verdict(lambda: DataLoader(DATA, 128, drop_last=True), "AEC522")
    assert found.status == "failed"
    assert "drop_last" in found.message


class Whole(IterableDataset):
    def __iter__(self):
        return iter(DATA)


class Shared(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        return iter(DATA if info is None else DATA[info.id :: info.num_workers])


class Drawn(IterableDataset):
    """Endless, from the global generator, which every worker seeds for itself."""

    def __iter__(self):
        while True:
            yield torch.randn(20)


class SharedFromOutside(IterableDataset):
    start, step = 0, 1

    def __iter__(self):
        return iter(DATA[self.start :: self.step])


def share(worker):
    info = get_worker_info()
    info.dataset.start, info.dataset.step = worker, info.num_workers


@pytest.mark.parametrize(
    "loader",
    [
        lambda: DataLoader(Shared(), 8, num_workers=2),
        lambda: DataLoader(Drawn(), 8, num_workers=2),
        lambda: DataLoader(SharedFromOutside(), 8, num_workers=2, worker_init_fn=share),
    ],
)
def test_streams_that_are_shared_out_are_left_alone(loader):
    assert verdict(loader, "AEC523").status == "passed"


def test_one_worker_may_read_everything():
    assert verdict(lambda: DataLoader(Whole(), 8, num_workers=1), "AEC523").status == "skipped"


def test_a_stream_that_every_worker_reads_fails():
    found = verdict(lambda: DataLoader(Whole(), 8, num_workers=2), "AEC523")
    assert found.status == "failed"
    assert "2 times in an epoch" in found.message
