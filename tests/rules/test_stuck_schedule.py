"""AEL416: counters and schedules that cannot advance."""

import pytest

from aelint.rules.optimization import stuck_schedule as rule
from tests.rules.harness import rows

TRAIN = """
def train(model, data, optimizer):
    step, done = 0, False
    {start}
    for epoch in range(5):
        for x in data:
            loss = model(x) + weight({given}) * model.kl
            loss.backward()
            optimizer.step()
            {end}
"""

HEALTHY = {
    "increased": ("global_step = 0", "global_step", "global_step += 1"),
    "counted by the loop": ("total = 0", "epoch", "pass"),
    "printed": ("global_step = 0", "epoch", "print(global_step)"),
    "logged": ("global_step = 0", "epoch", "writer.add_scalar('loss', loss, global_step)"),
    "a setting": ("global_steps = 1000", "global_steps", "pass"),
    "a flag": ("step = False", "step", "pass"),
    "set by a condition": ("global_step = 0", "global_step", "if loss: global_step = epoch"),
}


@pytest.mark.parametrize(("start", "given", "end"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(start, given, end):
    assert rows(rule, TRAIN.format(start=start, given=given, end=end)) == []


@pytest.mark.parametrize(
    ("start", "given"),
    [("global_step = 0", "global_step"), ("iteration = 0", "step=iteration"), ("n_iter = 0", "min(1.0, n_iter / 500)")],
)
def test_counters_that_stand_still(start, given):
    assert rows(rule, TRAIN.format(start=start, given=given, end="pass")) == [7]


CYCLE = """
def train(model, data, rate, cycle):
    weight = 0.0
    for epoch in range(20):
        {outside}
        for i, x in enumerate(data):
            weight = min(1.0, weight + rate)
            {inside}
            (model(x) + weight * model.kl).backward()
"""

RESET = "if epoch % cycle == 0: weight = 0.0"


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        (RESET, "pass"),
        ("pass", "if i == 0 and epoch % cycle == 0: weight = 0.0"),
        ("pass", "if epoch > 10: weight = weight / 2"),
        ("pass", "if weight > 1 + epoch: weight = 0.0"),
    ],
)
def test_silent_on_restarts_that_leave_room_to_grow(outside, inside):
    assert rows(rule, CYCLE.format(outside=outside, inside=inside)) == []


@pytest.mark.parametrize(
    "inside", [RESET, "if epoch in (0, 5, 10): weight = 0.0", "if not epoch % cycle: weight = rate"]
)
def test_restarts_in_every_batch(inside):
    assert rows(rule, CYCLE.format(outside="pass", inside=inside)) == [8]
