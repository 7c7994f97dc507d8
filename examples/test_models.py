"""Run with `pytest examples`: the healthy model passes, the faulty one fails with what is wrong."""

import faulty_vae
import healthy_vae

from pytest_aecheck import AESpec, parametrize_with_checks


def test_healthy(aecheck):
    aecheck(healthy_vae.VAE, batch=healthy_vae.make_batch, loss=healthy_vae.loss)


def test_faulty(aecheck):
    aecheck(faulty_vae.FaultyVAE, batch=healthy_vae.make_batch, loss=faulty_vae.loss)


@parametrize_with_checks(AESpec(healthy_vae.VAE, healthy_vae.make_batch, loss=healthy_vae.loss))
def test_healthy_check_by_check(check):
    check()
