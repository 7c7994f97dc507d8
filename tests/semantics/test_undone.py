"""Inverses that are tried with numbers."""

import pytest

from aelint.semantics.data.undone import not_undone
from tests.rules.harness import program

SCALER = """
import numpy as np
import torch

class Scaler:
    def fit(self, data):
        self.low, self.high, self.mean, self.std = data.min(0), data.max(0), data.mean(0), data.std(0)
        return self

    def {forward}(self, x{more}):
        {there}

    def {inverse}(self, x{more}):
        {back}
"""


def scaler(there, back, forward="transform", inverse="inverse_transform", more=""):
    return SCALER.format(there=there, back=back, forward=forward, inverse=inverse, more=more)


STANDARD = "return (x - self.mean) / self.std"


@pytest.mark.parametrize(
    "source",
    [
        scaler(STANDARD, "return x * self.std + self.mean"),
        scaler("return (x - self.mean) / (self.std + 1e-8)", "return x * self.std + self.mean"),
        scaler(
            "y = (x - self.low) / (self.high - self.low)\n        return 2 * y - 1",
            "return (x + 1) / 2 * (self.high - self.low) + self.low",
        ),
        scaler("return (x / 255 - self.mean) / self.std", "return x * self.std + self.mean"),  # in another unit
        scaler("return x / 127.5 - 1", "return (x + 1) / 2"),  # no settings at all
        scaler("return torch.log1p(x) / self.std", "return torch.expm1(x * self.std)"),
        scaler("return x * self.std.exp() + self.mean", "return (x - self.mean) * np.exp(-self.std)"),
        scaler(STANDARD, "return (x * self.std + self.mean).clip(0, 1)"),  # no elementary function
        scaler(STANDARD, "return x / self.other"),  # another setting
        scaler(STANDARD, "return 2 * x"),  # none at all
        scaler("return 2 * x", "return x / self.std"),
        scaler("if x is None:\n            return x\n        return x / self.std", "return x + self.std"),
        scaler(STANDARD, "return x - self.std", forward="project"),  # nothing says that one undoes the other
        scaler(
            "return (x - mean) / std", "return x * std + mean", forward="norm", inverse="denorm", more=", mean, std"
        ),
        scaler("return x, x.sum()", "return x * self.std"),
    ],
)
def test_silent_on_inverses_in_whatever_unit_and_on_what_cannot_be_worked_out(source):
    assert list(not_undone(program(source))) == []


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (
            "return (x - self.low) / (self.high - self.low) * 2 - 1",
            "return (x + 1) / (2 * (self.high - self.low) + self.low)",
        ),
        (STANDARD, "return x / self.std + self.mean"),
        (STANDARD, "return x * self.std"),
        (STANDARD, "return x * self.std - self.mean"),
        (STANDARD, "scaled = x * self.mean\n        return scaled + self.std"),
        ("return torch.log1p(x) / self.std", "return torch.expm1(x) * self.std"),
        ("return x * self.std.exp() + self.mean", "return (x - self.mean) * self.std.exp()"),
    ],
)
def test_an_inverse_that_leaves_the_settings_in_the_data(there, back):
    (found,) = not_undone(program(scaler(there, back)))
    assert found.site.row == 14 + back.count("\n") + there.count("\n")
    assert found.scaled.row == 11 + there.count("\n")


def test_two_functions_of_a_file():
    source = """
    def normalize(x, mean, std):
        \"\"\"To zero mean.\"\"\"
        return (x - mean) / std

    def denormalize(x, mean, std):
        return x * mean + std
    """
    (found,) = not_undone(program(source))
    assert (found.forward, found.inverse, found.site.row) == ("normalize", "denormalize", 7)
