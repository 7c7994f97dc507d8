"""AEL602: states that change after they were kept."""

import pytest

from aelint.rules.inference import aliased_checkpoint as rule
from tests.rules.harness import rows

SETUP = """
import copy
import torch
from torch import nn

model = nn.Linear(4, 4)
opt = torch.optim.Adam(model.parameters())
best, lowest = None, 9.0

def update():
    x = torch.randn(5, 4)
    loss = nn.functional.mse_loss(model(x), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()

for epoch in range(9):
    loss = update()
    if loss < lowest:
        {keep}
{end}
"""

LOAD = "model.load_state_dict(best)"

HEALTHY = {
    "a deep copy": ("best = copy.deepcopy(model.state_dict())", LOAD),
    "each tensor is cloned": ("best = {k: v.clone() for k, v in model.state_dict().items()}", LOAD),
    "written at once": ("torch.save(model.state_dict(), 'best.pt')", "model.load_state_dict(torch.load('best.pt'))"),
    "a deep copy of several states": (
        "best = copy.deepcopy({'model': model.state_dict()})",
        "model.load_state_dict(best['model'])",
    ),
    "a copied model": ("best = copy.deepcopy(model)", "best.eval()"),
    "taken after training": ("pass", "torch.save(model.state_dict(), 'last.pt')"),
    "moved into another model": ("twin = nn.Linear(4, 4); twin.load_state_dict(model.state_dict())", ""),
}


@pytest.mark.parametrize(("keep", "end"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(keep, end):
    assert rows(rule, SETUP.format(keep=keep, end=end)) == []


FAULTS = {
    "loaded at the end": ("best = model.state_dict()", LOAD),
    "saved at the end": ("best = model.state_dict()", "torch.save(best, 'best.pt')"),
    "in a checkpoint": ("best = {'model': model.state_dict(), 'epoch': epoch}", "model.load_state_dict(best['model'])"),
    "a shallow copy": ("best = model.state_dict().copy()", LOAD),
    "the model itself": ("best = model", "best.eval()"),
}


@pytest.mark.parametrize(("keep", "end"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(keep, end):
    assert rows(rule, SETUP.format(keep=keep, end=end)) == [21]


def test_kept_by_a_helper_of_another_file():
    files = {
        "main.py": """
            import torch
            from torch import nn
            from keep import Keeper

            model = nn.Linear(4, 4)
            opt = torch.optim.SGD(model.parameters(), lr=0.1)
            keeper = Keeper()
            for _ in range(10):
                x = torch.randn(5, 4)
                loss = (model(x) - x).abs().mean()
                opt.zero_grad()
                loss.backward()
                opt.step()
                keeper.see(model, loss.item())
            model.load_state_dict(keeper.state)
            """,
        "keep.py": """
            class Keeper:
                lowest = float("inf")
                state = None

                def see(self, model, loss):
                    if loss < self.lowest:
                        self.lowest = loss
                        self.state = model.state_dict()
            """,
    }
    assert rows(rule, files) == [9]


KEPT = {
    "a name of its own for the model": ("current = model", ""),
    "a loss that is the best": ("best_loss = loss", ""),
    "the state of the optimiser goes back": ("best = opt.state_dict()", "opt.load_state_dict(best)"),
    "a state that is only looked at": ("best = model.state_dict()", "print(best.keys())"),
}


@pytest.mark.parametrize(("keep", "end"), KEPT.values(), ids=KEPT.keys())
def test_silent_on_other_things_that_are_kept(keep, end):
    assert rows(rule, SETUP.format(keep=keep, end=end)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "    if loss < lowest:\n        {keep}\n", "    best_model = model\n", id="an alias in every round"
        ),
        pytest.param(
            "for epoch in range(9):\n    loss = update()\n    if loss < lowest:\n        {keep}\n",
            "best_model = model\nfor epoch in range(9):\n    update()\n",
            id="an alias before training",
        ),
        pytest.param(
            "    loss = update()\n    if loss < lowest:\n        {keep}\n",
            "    fresh = nn.Linear(4, 4)\n    if loss_of(fresh) < lowest:\n        best_model = fresh\n",
            id="a model of each round",
        ),
    ],
)
def test_silent_where_no_step_changes_what_was_kept(old, new):
    assert rows(rule, SETUP.replace(old, new).format(keep="pass", end="")) == []


def test_silent_on_a_copy_of_a_model_with_a_part_that_settings_choose():
    chosen = (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.fc = nn.Linear(4, 4) if wide() else nn.Sequential(nn.Linear(4, 4))\n"
        "    def forward(self, x):\n"
        "        return self.fc(x)\n\n"
        "from settings import wide\n"
        "model = Net()"
    )
    source = SETUP.replace("model = nn.Linear(4, 4)", chosen)
    assert rows(rule, source.format(keep="best = copy.deepcopy(model)", end="best.eval()")) == []
    assert rows(rule, source.format(keep="best = model", end="best.eval()")) == [29]


@pytest.mark.parametrize(
    ("keep", "found"),
    [
        pytest.param("best = copy.deepcopy(model.state_dict())", [], id="replaced by a copy"),
        pytest.param("best = {k: v.clone() for k, v in model.state_dict().items()}", [], id="replaced by clones"),
        pytest.param("best = model.state_dict()", [21], id="replaced by another view"),
    ],
)
def test_a_value_to_start_with_is_not_what_is_kept(keep, found):
    source = SETUP.replace("best, lowest = None, 9.0", "best, lowest = model.state_dict(), 9.0")
    assert rows(rule, source.format(keep=keep, end=LOAD)) == found


@pytest.mark.parametrize("rounds", ["9", "600", "len(loader)"])
def test_a_state_that_only_some_rounds_keep(rounds):
    steps = "opt.zero_grad()\n    model(torch.randn(5, 4)).mean().backward()\n    opt.step()"
    loop = SETUP.replace("range(9)", f"range({rounds})").replace("loss = update()", steps)
    source = loop.replace("if loss < lowest", "if (epoch + 1) % 5 == 0")
    assert rows(rule, source.format(keep="best = model.state_dict()", end=LOAD)) == [23]
    assert rows(rule, source.format(keep="best = copy.deepcopy(model.state_dict())", end=LOAD)) == []


@pytest.mark.parametrize(
    ("keep", "found"),
    [
        pytest.param("best = model.state_dict()", [24], id="goes on"),
        pytest.param("best = model.state_dict()\n        break", [], id="left at once"),
        pytest.param("best = model.state_dict()\n        torch.save(best, 'best.pt')", [24], id="saved again"),
        pytest.param("torch.save(model.state_dict(), 'best.pt')", [], id="saved at once"),
    ],
)
def test_a_state_that_is_kept_late_in_the_loop(keep, found):
    steps = "for x in loader:\n        opt.zero_grad()\n        model(x).mean().backward()\n        opt.step()"
    loop = SETUP.replace("loss = update()", steps).replace("if loss < lowest", "if epoch > 5 and epoch % 2")
    end = LOAD if "best =" in keep else ""
    assert rows(rule, loop.format(keep=keep, end=end)) == found
