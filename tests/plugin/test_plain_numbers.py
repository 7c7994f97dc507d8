"""AEC406 on losses that add a plain number in the place of a term."""

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import vectors


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 5), nn.Linear(5, 20)
        self.sharpness = nn.Parameter(torch.tensor(0.5))
        self.shown = []

    def forward(self, x):
        return self.decoder(torch.tanh(self.sharpness * self.encoder(x)))


def terms(model, x):
    """The error of the reconstruction, and the activity of the code."""
    return (model(x) - x).pow(2).mean(), model.encoder(x).abs().mean()


def shown(model, x):
    error, activity = terms(model, x)
    model.shown.append((error.item(), float(activity)))
    return error + 0.1 * activity


def weighed(model, x):
    """A controller reads the activity off and sets its weight, as ControlVAE does with the divergence."""
    error, activity = terms(model, x)
    return error + 0.1 * activity.item() * activity


def balanced(model, x):
    error, activity = terms(model, x)
    return error / error.item() + activity / activity.item()


def left_out_on_purpose(model, x):
    error, activity = terms(model, x)
    return error + 0.1 * activity.detach().item()


def number_that_happens_to_be_a_weight(model, x):
    error, activity = terms(model, x)
    model.shown.append(model.sharpness.item())
    return error + activity + 0.5


def counted_up(model, x):
    error, activity = terms(model, x)
    model.shown.append(activity.item())
    return error + activity + 0.37 * len(model.shown)


def item(model, x):
    error, activity = terms(model, x)
    return error + activity.item()


def weighed_number(model, x):
    error, activity = terms(model, x)
    return error + 0.125 * float(activity)


def subtracted(model, x):
    error, activity = terms(model, x)
    return error - 3 * activity.tolist()


def inside_a_mean(model, x):
    error, activity = terms(model, x)
    return 0.5 * (error + activity.item())


@pytest.mark.parametrize(
    "loss", [shown, weighed, balanced, left_out_on_purpose, number_that_happens_to_be_a_weight, counted_up]
)
def test_silent_on_numbers_that_stand_for_no_term(loss):
    found = run_checks(AESpec(Sparse, vectors, loss=loss), only=["AEC406"])["AEC406"]
    assert found.status == "passed", str(found)


@pytest.mark.parametrize(
    ("loss", "factor"),
    [(item, "1 times"), (weighed_number, "0.125 times"), (subtracted, "3 times"), (inside_a_mean, "1 times")],
)
def test_a_term_that_was_read_off(loss, factor):
    found = run_checks(AESpec(Sparse, vectors, loss=loss), only=["AEC406"])["AEC406"]
    assert found.status == "failed", str(found)
    assert factor in found.message.replace("-", "")
