"""AEL413: rates that overwrite a network."""

import pytest

from aelint.rules.optimization import extreme_learning_rate as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn

model = nn.Linear(20, 20)
code = nn.Parameter(torch.zeros(20))
RATE = 1
"""

HEALTHY = {
    "usual": "torch.optim.Adam(model.parameters(), lr=1e-3)",
    "the default": "torch.optim.AdamW(model.parameters())",
    "SGD takes large rates": "torch.optim.SGD(model.parameters(), lr=1.0)",
    "Adadelta's own default": "torch.optim.Adadelta(model.parameters(), lr=1.0)",
    "a free code is fitted": "torch.optim.Adam([code], lr=1.0)",
    "a rate that a saved state replaces": "o = torch.optim.Adam(model.parameters(), lr=1.0)\no.load_state_dict(state)\nprint(o.param_groups[0]['lr'])",
    "an unknown rate": "torch.optim.Adam(model.parameters(), lr=rate)",
}


@pytest.mark.parametrize("line", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(line):
    assert rows(rule, SETUP + line) == []


SCHEDULED = SETUP + "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nfrom torch.optim import lr_scheduler\n"


@pytest.mark.parametrize("factor", ["gamma=0.1", "gamma=1", "gamma=factor", "last_epoch=-1"])
def test_silent_on_schedules_that_leave_a_rate(factor):
    assert rows(rule, SCHEDULED + f"lr_scheduler.StepLR(optimizer, 30, {factor})") == []


@pytest.mark.parametrize(
    "schedule", ["StepLR(optimizer, 30, 0)", "StepLR(optimizer, step_size=9, gamma=0.0)", "ExponentialLR(optimizer, 0)"]
)
def test_schedules_that_end_training(schedule):
    assert rows(rule, SCHEDULED + f"lr_scheduler.{schedule}") == [10]


@pytest.mark.parametrize(
    "line",
    [
        "torch.optim.Adam(model.parameters(), lr=1.0)",
        "torch.optim.AdamW(list(model.parameters()), 0.5)",
        "torch.optim.RMSprop([{'params': model.parameters()}], lr=RATE)",
    ],
)
def test_fires(line):
    assert rows(rule, SETUP + line) == [8]


RATES_SET_LATER = {
    "a factor that a warm-up multiplies": "torch.optim.lr_scheduler.LambdaLR(opt, lambda s: 1e-3 * min((s + 1) ** -0.5, s / 4000))",
    "a cycle that sets its own rates": "torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-3, total_steps=100)",
    "a cycle between two rates": "torch.optim.lr_scheduler.CyclicLR(opt, 1e-4, 1e-3, cycle_momentum=False)",
}


@pytest.mark.parametrize("schedule", RATES_SET_LATER.values(), ids=RATES_SET_LATER.keys())
def test_silent_where_a_schedule_sets_the_rate(schedule):
    source = "import torch\nmodel = torch.nn.Linear(9, 9)\nopt = torch.optim.Adam(model.parameters(), lr=1.0)\n"
    assert rows(rule, source) == [3]
    assert rows(rule, source + f"schedule = {schedule}\n") == []


def test_silent_where_the_group_has_a_rate_of_its_own():
    source = "import torch\nmodel = torch.nn.Linear(9, 9)\nopt = torch.optim.Adam([{'params': model.parameters(), 'lr': 1e-3}], lr=1.0)\n"
    assert rows(rule, source) == []


FACTORS = """
import torch
from types import SimpleNamespace

args = SimpleNamespace(lr=2e-3, min_lr=1e-5, decay_lr=0.9, step_size=30)

def build(model, base_lr=1e-3):
    optimizer = torch.optim.Adam(model.parameters(), lr={lr})
    def factor(step):
        drops = step // args.step_size
        if step < 5:
            return step / 5
        {factor}
    return torch.optim.lr_scheduler.LambdaLR(optimizer, {function})

build(torch.nn.Linear(9, 9))
"""


@pytest.mark.parametrize(
    ("lr", "factor", "function", "found"),
    [
        pytest.param("args.lr", "return 0.5 ** drops", "factor", [], id="a factor"),
        pytest.param("args.lr", "return args.min_lr / args.lr", "factor", [], id="divided by the optimiser's"),
        pytest.param("args.lr", "return args.decay_lr ** drops", "factor", [], id="a factor of that name"),
        pytest.param("args.lr", "return max(args.min_lr, 0.5 ** drops)", "factor", [], id="a smallest factor"),
        pytest.param(
            "args.lr", "return args.min_lr + (1 - args.min_lr) * 0.9 ** step", "factor", [], id="a share that is left"
        ),
        pytest.param("args.lr", "lr = 0.5 ** drops; return lr", "factor", [], id="a factor that is called so inside"),
        pytest.param(
            "1.0", "return args.lr * 0.5 ** drops", "factor", [], id="a rate of one leaves it to the function"
        ),
        pytest.param("args.lr", "return args.min_lr ** drops", "factor", [13], id="a rate to the number of drops"),
        pytest.param("args.lr", "rate = args.lr * 0.5 ** drops; return rate", "factor", [13], id="by way of a name"),
        pytest.param("base_lr", "return 1.0", "lambda step: base_lr * 0.95**step", [14], id="a lambda"),
        pytest.param(
            "args.lr",
            "return args.min_lr + 0.5 * (args.lr - args.min_lr) * (1 + 0.9 ** step)",
            "[factor]",
            [13],
            id="between two rates",
        ),
    ],
)
def test_a_rate_that_a_schedule_takes_for_a_factor(lr, factor, function, found):
    program = FACTORS.replace("{lr}", lr).replace("{factor}", factor).replace("{function}", function)
    assert rows(rule, program) == found
