"""What a mutant is, and the catalogue that the modules beside this one fill."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from pytest_aecheck import AESpec
from tests.plugin.zoo import MLP, VAE, mse, vectors


@dataclass(frozen=True)
class Mutant:
    name: str
    code: str
    model: Callable[[], nn.Module]
    batch: Any = vectors
    loss: Callable | None = mse
    more: dict = field(default_factory=dict)

    def spec(self):
        return AESpec(self.model, self.batch, loss=self.loss, name=self.name, **self.more)


MUTANTS: list[Mutant] = []


def mutant(code, batch=vectors, loss=mse, **more):
    """Enter a model class (or factory) into the catalogue under its own name."""

    def enter(model):
        MUTANTS.append(Mutant(model.__name__, code, model, batch, loss, more))
        return model

    return enter


def bad_loss(code, model=VAE, batch=vectors, **more):
    """Enter a loss for a healthy model."""

    def enter(loss):
        MUTANTS.append(Mutant(loss.__name__, code, model, batch, loss, more))
        return loss

    return enter


class Changed(MLP):
    """The healthy model with something done to code or output."""

    def forward(self, x):
        return self.after(self.decoder(self.on_code(self.encoder(x))), x)

    def on_code(self, z):
        return z

    def after(self, y, x):
        return y
