"""State into a second instance, at once, after a training forward and through a file."""

import importlib.util

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, MLP, VQ, FirstBatchVQ, Tied, mse, vectors, vq_loss


def verdicts(model, loss=mse):
    return run_checks(AESpec(model, vectors, loss=loss), only=["AEC623", "AEC628"])


class Normed(nn.Module):
    """Takes scale and shift from its first batch."""

    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(5)), nn.Parameter(torch.zeros(5))
        self.start()

    def start(self):
        self.register_buffer("initialized", torch.tensor(False))

    def done(self):
        self.initialized.fill_(True)

    def forward(self, z):
        if self.training and not self.initialized:
            with torch.no_grad():
                self.scale.copy_(1 / (z.std(0) + 1e-6))
                self.shift.copy_(-z.mean(0) * self.scale)
            self.done()
        return z * self.scale + self.shift


class Forgetful(Normed):
    """Keeps the flag as a plain attribute."""

    def start(self):
        self.initialized = False

    def done(self):
        self.initialized = True


def with_norm(norm):
    class Model(MLP):
        def __init__(self):
            super().__init__()
            self.norm = norm()

        def forward(self, x):
            return self.decoder(self.norm(self.encoder(x)))

    return Model


class Counting(MLP):
    """A counter that is a plain number, and changes nothing that is saved."""

    steps = 0

    def forward(self, x):
        self.steps += 1
        return super().forward(x)


class Taciturn(MLP):
    """Says nothing about the keys that it loads."""

    def load_state_dict(self, state, strict=True, assign=False):
        super().load_state_dict(state, strict=strict, assign=assign)


class LateBuffer(MLP):
    """Registers what it needs when it first sees data."""

    def forward(self, x):
        if self.training and "seen" not in dict(self.named_buffers()):
            self.register_buffer("seen", x.mean(0))
        return super().forward(x)


class Extra(MLP):
    """Something that is no tensor in the state."""

    def get_extra_state(self):
        return {"made by": Extra}

    def set_extra_state(self, state):
        pass


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (with_norm(Normed), mse),
        (Counting, mse),
        (Tied, mse),
        (Taciturn, mse),
        (lambda: VQ(ema=True), vq_loss),
        (FirstBatchVQ, vq_loss),
    ],
)
def test_what_comes_back_as_it_was_is_left_alone(model, loss):
    report = verdicts(model, loss)
    assert [str(verdict) for verdict in (*report.failed, *report.warned)] == []
    assert report["AEC628"].status == "passed"


@pytest.mark.parametrize("healthy", HEALTHY, ids=[healthy.name for healthy in HEALTHY])
def test_every_healthy_state_can_be_saved(healthy):
    assert run_checks(healthy.spec(), only=["AEC628"])["AEC628"].status == "passed"


def test_a_model_that_initialises_itself_again_is_found():
    found = verdicts(with_norm(Forgetful))["AEC623"]
    assert found.status == "failed"
    assert "norm.scale" in found.message


def test_keys_that_training_adds_are_found():
    found = verdicts(LateBuffer)["AEC623"]
    assert found.status == "failed"
    assert "seen" in found.message


def test_objects_in_the_state_warn():
    found = verdicts(Extra)["AEC628"]
    assert found.status == "warned"
    assert "weights_only" in found.message


@pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="safetensors is not installed")
def test_safetensors_is_tried_where_it_is_installed():
    assert verdicts(MLP)["AEC628"].numbers["safetensors"] is True
