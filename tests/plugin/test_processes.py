"""A distributed run with two real processes."""

import os

import pytest
import torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import MLP, vectors

DATA = vectors(48, 3)


def verdict(loader):
    return run_checks(AESpec(MLP, vectors, loader=loader, slow=True), only=["AEC524"])["AEC524"]


def shared_out():
    return DataLoader(DATA, 8, sampler=DistributedSampler(DATA))


def test_processes_that_share_the_samples_out_are_left_alone():
    found = verdict(shared_out)
    assert found.status == "passed", str(found)
    assert (found.numbers["samples"], found.numbers["shared"]) == (48, 0)


def forgotten():
    return DataLoader(DATA, 8, shuffle=True)


def unequal():
    return DataLoader(DATA[:16] if dist.get_rank() else DATA[16:], 8)


def dies():
    if dist.get_rank():
        os._exit(3)
    return shared_out()


@pytest.mark.parametrize(("loader", "said"), [(forgotten, "and 48 of them both"), (unequal, "reads 16 samples")])
def test_processes_that_read_the_same_or_unequally_fail(loader, said):
    found = verdict(loader)
    assert found.status == "failed"
    assert said in found.message


def test_a_process_that_dies_is_reported(monkeypatch):
    monkeypatch.setattr("pytest_aecheck.probes.processes._SECONDS", 3.0)
    assert verdict(dies).status == "failed"


def test_no_process_is_started_unasked():
    assert run_checks(AESpec(MLP, vectors, loader=dies), only=["AEC524"])["AEC524"].declined
