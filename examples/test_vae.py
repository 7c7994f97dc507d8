"""Check both autoencoders: every check passes on the healthy one, some fail on the faulty one."""

import faulty_vae
import healthy_vae
import torch

from pytest_aecheck import AESpec, parametrize_with_checks


def batch(n, seed):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


@parametrize_with_checks(AESpec(model=healthy_vae.HealthyVAE, batch=batch, loss=healthy_vae.loss_function))
def test_healthy(check):
    check()


@parametrize_with_checks(AESpec(model=faulty_vae.FaultyVAE, batch=batch, loss=faulty_vae.loss_function))
def test_faulty(check):
    check()
