"""Several training steps in a row: silent on the ways in which people train, then each fault in several spellings."""

import copy
from collections import deque

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn
from torch.optim import lr_scheduler

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.checks.optimization import vanishing_learning_rate
from pytest_aecheck.observations import Observations, Schedule
from pytest_aecheck.spec import SpecError
from tests.plugin.zoo import MLP, mse, vectors

CODES = ["AEC404", "AEC412", "AEC423", "AEC424", "AEC602"]


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def plain(model, optimizer, x, after=None):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), x)
    loss.backward()
    optimizer.step()
    if after:
        after(model, loss)


def report(step, optimizer=adam, model=MLP, **more):
    return run_checks(AESpec(model, vectors, loss=mse, optimizer=optimizer, train_step=step, **more))


def failed(step, **more):
    found = report(step, **more)
    assert all(found[code].status != "skipped" or "together" in found[code].message for code in CODES)
    return {verdict.code for verdict in found.failed}


class Kept(MLP):
    """A model with room for what a training step wants to keep."""

    def __init__(self):
        super().__init__()
        self.count, self.total, self.kept, self.best = 0, 0.0, deque(maxlen=3), None


def with_numbers(model, loss):
    model.total += loss.item()
    model.kept.append(loss.item())


def with_last_outputs(model, loss):
    model.kept.append(loss)


def with_copied_best(model, loss):
    model.best = copy.deepcopy(model.state_dict())


def with_cloned_best(model, loss):
    model.best = {name: value.clone() for name, value in model.state_dict().items()}


def with_shadow(model, loss):
    model.best = model.best or [MLP()]
    model.best[0].load_state_dict(model.state_dict())


@pytest.mark.parametrize("after", [with_numbers, with_last_outputs, with_copied_best, with_cloned_best, with_shadow])
def test_what_is_kept_without_harm_is_left_alone(after):
    assert failed(lambda m, o, x: plain(m, o, x, after), model=Kept) == set()


def accumulating(every):
    def step(model, optimizer, x):
        model.count += 1
        (F.mse_loss(model(x), x) / every).backward()
        if model.count % every == 0:
            optimizer.step()
            optimizer.zero_grad()

    return step


def summed_first(model, optimizer, x):
    """Losses are added up, and make one backward pass together."""
    model.count += 1
    model.total = model.total + F.mse_loss(model(x), x)
    if model.count % 3 == 0:
        optimizer.zero_grad()
        model.total.backward()
        optimizer.step()
        model.total = 0.0


@pytest.mark.parametrize("step", [accumulating(1), accumulating(2), accumulating(4), summed_first])
def test_several_batches_for_one_update_are_left_alone(step):
    assert failed(step, model=Kept) == set()


def penalised(model, optimizer, x):
    """A gradient penalty, whose graph is a graph of gradients."""
    optimizer.zero_grad()
    x = x.clone().requires_grad_()
    y = model(x)
    (gradient,) = torch.autograd.grad(y.pow(2).sum(), x, create_graph=True)
    (F.mse_loss(y, x.detach()) + 0.1 * gradient.pow(2).mean()).backward()
    optimizer.step()


def twice_through(model, optimizer, x):
    optimizer.zero_grad()
    y = model(x)
    F.mse_loss(y, x).backward(retain_graph=True)
    (0.1 * y.abs().mean()).backward()
    optimizer.step()


def by_hand(model, optimizer, x):
    """Gradient descent without an optimiser."""
    model.zero_grad()
    F.mse_loss(model(x), x).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.01 * parameter.grad)


def test_updates_by_hand_are_updates():
    found = report(by_hand)
    assert found["AEC412"].status == found["AEC423"].status == "passed"
    assert found["AEC423"].numbers["steps"] == 6
    assert found["AEC424"].status == "skipped"


@pytest.mark.parametrize("step", [penalised, twice_through])
def test_unusual_graphs_are_left_alone(step):
    assert failed(step) == set()


SCHEDULES = {
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 200),
    "one-cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.01, total_steps=120),
    "warm-up": lambda o: lr_scheduler.LambdaLR(o, lambda t: min(1.0, (t + 1) / 50)),
    "linear-to-zero": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=12),
    "slow-exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.999),
    "steps": lambda o: lr_scheduler.StepLR(o, 30, 0.1),
    "restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 20),
    "constant": lambda o: lr_scheduler.ConstantLR(o, 1.0),
}


def scheduled(schedule):
    """A training step that moves its schedule on; where it is kept is the user's affair."""
    held = {}

    def optimizer(model):
        made = adam(model)
        held["schedule"] = schedule(made)
        return made

    def step(model, optimizer, x):
        plain(model, optimizer, x)
        held["schedule"].step()

    return {"optimizer": optimizer, "step": step}


@pytest.mark.parametrize("name", SCHEDULES)
def test_usual_schedules_are_left_alone(name):
    assert failed(**scheduled(SCHEDULES[name])) == set()
    steps = 12 if name == "linear-to-zero" else 120
    declared = AESpec(MLP, vectors, optimizer=adam, scheduler=SCHEDULES[name], steps=steps)
    assert run_checks(declared, only=["AEC424"]).failed == ()


def test_a_plateau_schedule_cannot_be_followed():
    spec = AESpec(MLP, vectors, optimizer=adam, scheduler=lr_scheduler.ReduceLROnPlateau)
    assert "waits for a measure" in run_checks(spec, only=["AEC424"])["AEC424"].message


def test_a_group_that_is_switched_off_beside_others_is_left_alone():
    half = tuple([1e-3] * 20 + [0.0] * 20)
    judged = vanishing_learning_rate.judge(Observations.of(schedule=Schedule((half, (1e-3,) * 40), 0, True)))
    assert judged.status == "passed"


def decayed(model, optimizer, x):
    plain(model, optimizer, x)
    for group in optimizer.param_groups:
        group["lr"] *= 0.9


@pytest.mark.parametrize(
    "how",
    [
        {"step": decayed},
        scheduled(lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
        scheduled(lambda o: lr_scheduler.StepLR(o, 1, 0.1)),
        scheduled(lambda o: lr_scheduler.StepLR(o, 100, 0.0)),
    ],
)
def test_a_rate_that_vanishes_within_an_epoch_is_found(how):
    assert failed(**how) == {"AEC424"}


@pytest.mark.parametrize(
    ("schedule", "status"),
    [
        (lambda o: lr_scheduler.ExponentialLR(o, 0.9), "failed"),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.98), "passed"),
        (lambda o: lr_scheduler.StepLR(o, 1000, 0.1), "warned"),
    ],
)
def test_a_declared_schedule_is_judged_over_the_declared_steps(schedule, status):
    spec = AESpec(MLP, vectors, optimizer=adam, scheduler=schedule, steps=300)
    assert run_checks(spec, only=["AEC424"])["AEC424"].status == status


def test_steps_must_be_positive():
    with pytest.raises(SpecError, match="steps"):
        AESpec(MLP, vectors, steps=0)


def keeps_total(model, loss):
    model.total = model.total + loss


def keeps_losses(model, loss):
    model.kept = [*model.kept, loss]


def averages(model, loss):
    model.total = 0.9 * model.total + 0.1 * loss


@pytest.mark.parametrize("after", [keeps_total, keeps_losses, averages])
def test_graphs_that_pile_up_are_found(after):
    assert failed(lambda m, o, x: plain(m, o, x, after), model=Kept) == {"AEC412"}


def keeps_state(model, loss):
    model.best = model.state_dict()


def keeps_state_of_a_part(model, loss):
    model.best = {"encoder": model.encoder.state_dict(), "loss": loss.item()}


@pytest.mark.parametrize("after", [keeps_state, keeps_state_of_a_part])
def test_a_kept_state_that_is_live_is_found(after):
    assert failed(lambda m, o, x: plain(m, o, x, after), model=Kept) == {"AEC602"}


class Cached(MLP):
    """Something that carries a gradient is computed once."""

    def __init__(self):
        super().__init__()
        self.project, self.seen = nn.Linear(20, 20), None

    def forward(self, x):
        if self.seen is None and torch.is_grad_enabled():
            self.seen = self.project(x).mean(0)
        return super().forward(x) + (0 if self.seen is None else self.seen)


def test_a_second_backward_pass_through_the_same_graph_is_found():
    found = report(plain, model=Cached)["AEC423"]
    assert found.status == "failed"
    assert found.numbers["step"] == 2


def erasing(model, optimizer, x):
    model.count += 1
    optimizer.zero_grad()
    (F.mse_loss(model(x), x) / 4).backward()
    if model.count % 4 == 0:
        optimizer.step()


def test_gradients_that_are_erased_before_they_count_are_found():
    assert failed(erasing, model=Kept) == {"AEC404"}


def test_a_step_that_never_updates_is_still_found():
    assert report(lambda m, o, x: F.mse_loss(m(x), x).backward())["AEC405"].status == "failed"


def test_the_model_and_torch_are_left_as_they_were():
    initialize = lr_scheduler.LRScheduler.__init__
    model = Kept()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report(plain, model=model)
    assert lr_scheduler.LRScheduler.__init__ is initialize
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model._state_dict_hooks
