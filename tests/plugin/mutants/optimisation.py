"""Initialisation, gradient flow, training steps."""

import random

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from tests.plugin import zoo
from tests.plugin.mutants.catalogue import MUTANTS, Mutant, bad_loss, mutant
from tests.plugin.zoo import MLP


@mutant("AEC401")
class ConstantWeights(MLP):
    def __init__(self):
        super().__init__()
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.constant_(layer.weight, 0.01)


@mutant("AEC406")
class TwoBranches(MLP):
    """A second branch is computed and dropped."""

    def __init__(self):
        super().__init__()
        self.side = nn.Linear(20, 5)

    def forward(self, x):
        self.side(x)
        return super().forward(x)


@bad_loss("AEC406", model=MLP)
def detached_loss(model, x):
    return F.mse_loss(model(x), x).detach().requires_grad_()


@bad_loss("AEC406", model=MLP)
def loss_as_new_tensor(model, x):
    return torch.tensor(F.mse_loss(model(x), x).item())


@bad_loss("AEC406", model=zoo.Overcomplete)
def counted_activity(model, x):
    x_hat, z = model(x)
    return F.mse_loss(x_hat, x) + 0.1 * ((z > 0.1).float().mean(0) - 0.05).pow(2).sum()


@mutant("AEC406", loss=zoo.vq_loss)
class TermsAfterStraightThrough(zoo.VQ):
    def quantize(self, z):
        q = self.book[torch.cdist(z, self.book).argmin(1)]
        q = z + (q - z).detach()
        return q, F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())


@mutant("AEC406", loss=zoo.vq_loss)
class CodebookDetached(zoo.VQ):
    def quantize(self, z):
        q = self.book[torch.cdist(z, self.book).argmin(1)].detach()
        return z + (q - z).detach(), F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q)


@mutant("AEC200", loss=zoo.vq_loss)
class NoStraightThrough(zoo.VQ):
    def quantize(self, z):
        q = self.book[torch.cdist(z, self.book).argmin(1)]
        return q, F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())


@mutant("AEC406", loss=zoo.vq_loss)
class LastBookNeverChosen(zoo.ResidualVQ):
    def forward(self, x):
        residual = x = self.enc(x)
        total, loss = torch.zeros_like(x), 0.0
        for book in list(self.books)[: random.randrange(1, 3) if self.training else 3]:
            q = book[torch.cdist(residual.detach(), book.detach()).argmin(1)]
            loss = loss + F.mse_loss(q, residual.detach()) + 0.25 * F.mse_loss(residual, q.detach())
            total, residual = total + q, residual - q.detach()
        return self.dec(x + (total - x).detach()), loss


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def step_with(order):
    """A training step whose parts come in the given order: z(ero), b(ackward), c(lip), s(tep), e(val)."""

    def step(model, optimizer, x):
        loss = F.mse_loss(model(x), x)
        for part in order:
            match part:
                case "z":
                    optimizer.zero_grad()
                case "b":
                    loss.backward()
                case "c":
                    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                case "s":
                    optimizer.step()
                case "e":
                    model.eval()

    return step


for _name, _code, _order in (
    ("gradients_never_cleared", "AEC403", "bs"),
    ("step_before_backward", "AEC405", "zsb"),
    ("no_step", "AEC405", "zb"),
    ("clipped_after_step", "AEC405", "zbsc"),
    ("cleared_before_step", "AEC405", "bzs"),
    ("left_in_evaluation", "AEC601", "zbse"),
):
    MUTANTS.append(Mutant(_name, _code, MLP, more={"optimizer": adam, "train_step": step_with(_order)}))


class Keeping(MLP):
    """A model with room for what a training step keeps."""

    def __init__(self):
        super().__init__()
        self.count, self.total, self.best, self.shift = 0, 0.0, None, None


class Remembering(Keeping):
    """Computes something with a gradient once, and keeps it."""

    def forward(self, x):
        if self.shift is None:
            self.shift = self.encoder(x).mean()
        return super().forward(x) + self.shift


def keeps_graphs(model, optimizer, x):
    step_with("zbs")(model, optimizer, x)
    model.total = model.total + F.mse_loss(model(x), x)


def keeps_live_state(model, optimizer, x):
    step_with("zbs")(model, optimizer, x)
    model.best = model.state_dict()


def erases_gradients(model, optimizer, x):
    model.count += 1
    optimizer.zero_grad()
    (F.mse_loss(model(x), x) / 4).backward()
    if model.count % 4 == 0:
        optimizer.step()


def decays_in_every_step(model, optimizer, x):
    step_with("zbs")(model, optimizer, x)
    for group in optimizer.param_groups:
        group["lr"] *= 0.75


for _step, _code, _model in (
    (keeps_graphs, "AEC412", Keeping),
    (keeps_live_state, "AEC602", Keeping),
    (erases_gradients, "AEC404", Keeping),
    (decays_in_every_step, "AEC424", Keeping),
    (step_with("zbs"), "AEC423", Remembering),
):
    _more = {"optimizer": adam, "train_step": _step}
    MUTANTS.append(Mutant(f"{_code}_in_several_steps", _code, _model, more=_more))
MUTANTS.append(
    Mutant("decoder_only", "AEC402", MLP, more={"optimizer": lambda m: torch.optim.SGD(m.decoder.parameters(), lr=0.1)})
)


@bad_loss("AEC422")
def generator_cut_from_its_sample(model, x):
    fake = model.decoder(torch.randn(len(x), 4)).detach()
    return zoo.elbo(model, x) + zoo.gaussian_kl(*model.encode(fake))


class WithCritic(MLP):
    def __init__(self):
        super().__init__()
        self.critic = nn.Linear(20, 1)


def two_players(model):
    generator = [*model.encoder.parameters(), *model.decoder.parameters()]
    return torch.optim.Adam(generator, lr=1e-3), torch.optim.Adam(model.critic.parameters(), lr=1e-3)


def critic_moves_generator(model, optimizers, x):
    generator, critic = optimizers
    y = model(x)
    generator.zero_grad()
    (F.mse_loss(y, x) - 0.1 * model.critic(y).mean()).backward(retain_graph=True)
    critic.zero_grad()
    (model.critic(y) - model.critic(x)).mean().backward()
    generator.step()
    critic.step()


MUTANTS.append(
    Mutant(
        "critic_moves_generator",
        "AEC425",
        WithCritic,
        more={"optimizer": two_players, "train_step": critic_moves_generator},
    )
)
