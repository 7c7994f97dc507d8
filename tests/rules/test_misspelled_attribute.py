"""AEL408: attributes and statements without effect."""

import pytest

from aelint.rules.optimization import misspelled_attribute as rule
from tests.rules.harness import rows, run

SETUP = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)
        self.require_grad = True

    def forward(self, x):
        return self.decoder(self.encoder(x))

class Switched(AE):
    @property
    def requires_grad(self):
        return True

    @requires_grad.setter
    def requires_grad(self, value):
        self.requires_grad_(value)

model = AE()
opt = torch.optim.Adam(model.parameters())
"""

HEALTHY = {
    "spelled right": "for p in model.parameters():\n    p.requires_grad = False",
    "a weight is frozen": "model.encoder.weight.requires_grad = False",
    "the method": "model.requires_grad_(False)",
    "a property of the class": "net = Switched()\nnet.requires_grad = False",
    "the rate of each group": "for group in opt.param_groups:\n    group['lr'] = 1e-4",
    "called": "model.eval()\nopt.zero_grad()\nopt.step()",
    "passed on": "switch = model.eval\nswitch()",
    "a tensor made to be differentiated": "x = torch.randn(3)\nx.requires_grad = True",
}


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, SETUP + lines) == []


FAULTS = {
    "in a loop": ("for p in model.encoder.parameters():\n    p.require_grad = False", 26),
    "on a weight": ("model.encoder.weight.requires_gradient = False", 25),
    "on a module": ("model.encoder.requires_grad = False", 25),
    "learning rate": ("opt.lr = 1e-4", 25),
    "not called": ("model.train()\nmodel.eval", 26),
    "step not called": ("opt.step()\nopt.step", 26),
}


@pytest.mark.parametrize(("lines", "row"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines, row):
    assert rows(rule, SETUP + lines) == [row]


def test_the_fix_of_a_method_that_is_not_called():
    (found,) = run(rule, SETUP + "opt.step()\nopt.step")
    assert found.rewrite is not None
    assert [text for _, text in found.rewrite.replacements] == ["opt.step()"]


def test_a_state_that_is_saved_without_being_taken():
    head = "import torch\nmodel = torch.nn.Linear(3, 3)\n"
    assert rows(rule, head + "torch.save(model.state_dict, 'a')\n") == [3]
    assert rows(rule, head + "torch.save({'model': model.state_dict, 'epoch': 3}, 'a')\n") == [3]
    assert not rows(rule, head + "torch.save({'model': model.state_dict()}, 'a')\n")
    assert not rows(rule, head + "torch.save(model, 'a')\n")


def test_silent_where_the_branch_is_for_parameters():
    freeze = (
        "for part in (model.encoder, weight):\n    if isinstance(part, nn.{kind}):\n        part.requires_grad = False"
    )
    assert rows(rule, SETUP + "weight = nn.Parameter(torch.zeros(3))\n" + freeze.format(kind="Parameter")) == []
    assert rows(rule, SETUP + "weight = nn.Parameter(torch.zeros(3))\n" + freeze.format(kind="Linear")) != []


AVERAGED = """
import torch
from torch import nn

class Codebook(nn.Module):
    def __init__(self, n=32, d=8):
        super().__init__()
        self.register_buffer("codes", torch.randn(n, d))
        self.register_buffer("sums", torch.zeros(n, d))
        self.register_buffer("counts", torch.ones(n))
        self.register_buffer("grid", torch.eye(n))

    @torch.no_grad()
    def update(self, chosen, z):
        self.counts.mul_(0.99).add_(chosen.sum(0), alpha=0.01)
        self.sums.mul_(0.99).add_(chosen.t() @ z, alpha=0.01)
        {update}

    def forward(self, z):
        near = torch.cdist(z, self.codes).argmin(1)
        self.update(self.grid[near], z)
        return self.codes[near]
"""
QUOTIENT = "self.sums / self.counts.unsqueeze(1)"


@pytest.mark.parametrize(
    "update",
    [
        pytest.param(f"self.codes = {QUOTIENT}", id="the buffer"),
        pytest.param(
            f"self.codes.copy_({QUOTIENT}); self.code = {QUOTIENT}", id="the buffer in place, and a second attribute"
        ),
        pytest.param(f"self.codes[:] = {QUOTIENT}; self.code = {QUOTIENT}", id="all entries of the buffer"),
        pytest.param(f"self.last_usage = {QUOTIENT}", id="another name, for whoever wants to look"),
        pytest.param(f"self.code = {QUOTIENT}; print(self.code)", id="it is read"),
        pytest.param("self.code = chosen.sum(0)", id="it is not made of the averages"),
        pytest.param(f"self.codes[:] += {QUOTIENT} - self.codes; self.code = {QUOTIENT}", id="added to the entries"),
        pytest.param(f"chosen.code = {QUOTIENT}", id="an attribute of another object"),
        pytest.param(f"write(self.codes); self.code = {QUOTIENT}", id="other code may write the buffer"),
    ],
)
def test_silent_on_healthy_averages(update):
    assert rows(rule, AVERAGED.format(update=update)) == []


@pytest.mark.parametrize("name", ["code", "codes_", "coeds"])
def test_an_update_that_goes_into_another_name(name):
    assert rows(rule, AVERAGED.format(update=f"self.{name} = {QUOTIENT}")) == [17]


def test_an_update_that_goes_into_a_longer_name():
    assert rows(rule, AVERAGED.replace("codes", "_w").format(update=f"self._weight = {QUOTIENT}")) == [17]


def test_an_update_that_goes_into_an_abbreviated_name():
    assert rows(rule, AVERAGED.replace("codes", "embedding").format(update=f"self.embed = {QUOTIENT}")) == [17]


GRID = 'self.register_buffer("grid", torch.eye(n))'


@pytest.mark.parametrize(
    ("line", "update"),
    [
        pytest.param(
            'self.register_buffer("codes_of_last_epoch", torch.zeros(n, d))',
            f"self.codes_of_last_epoch = {QUOTIENT}",
            id="a buffer too",
        ),
        pytest.param(
            'self.register_buffer("usage", torch.zeros(n))', "self.usages = self.counts / 9", id="neither is read"
        ),
        pytest.param(f"self.codes_at_first = {QUOTIENT}", "pass", id="the first value"),
    ],
)
def test_silent_on_further_attributes(line, update):
    assert rows(rule, AVERAGED.replace(GRID, f"{GRID}\n        {line}").format(update=update)) == []


def test_silent_on_codes_that_are_a_parameter():
    source = AVERAGED.format(update=f"self.code = {QUOTIENT}").replace(
        'register_buffer("codes", torch.randn(n, d))', 'register_parameter("codes", nn.Parameter(torch.randn(n, d)))'
    )
    assert rows(rule, source) == []


def test_silent_where_the_new_name_is_read_by_other_code():
    source = AVERAGED.format(update=f"self.code = {QUOTIENT}")
    assert rows(rule, source + "\nprint(getattr(Codebook(), 'code'))\n") == []
    assert rows(rule, {"main.py": source, "show.py": "from main import Codebook\n\nprint(Codebook().code)\n"}) == []
    assert rows(rule, {"main.py": source, "show.py": "from main import Codebook\n\nprint(Codebook().codes)\n"}) == [17]


def test_an_update_that_goes_into_another_name_in_a_class_with_a_docstring():
    source = AVERAGED.replace("(nn.Module):", '(nn.Module):\n    """Codes that follow their averages."""\n')
    assert rows(rule, source.format(update=f"self.code = {QUOTIENT}")) == [19]


BARE = """
import torch
from torch import nn

model = nn.Linear(4, 4)
optimizer = torch.optim.Adam({parameters}, lr=1e-3)
with {context}:
    model(torch.rand(2, 4))
"""


@pytest.mark.parametrize(
    "context", ["torch.no_grad()", "torch.inference_mode()", "torch.autograd.detect_anomaly()", "open('x')"]
)
def test_silent_on_contexts_and_parameters_that_are_called(context):
    assert rows(rule, BARE.format(parameters="model.parameters()", context=context)) == []
    assert rows(rule, BARE.format(parameters="given.parameters", context=context).replace("torch.optim.", "own.")) == []


@pytest.mark.parametrize("context", ["torch.no_grad", "torch.inference_mode"])
def test_a_context_that_is_not_called(context):
    (finding,) = run(rule, BARE.format(parameters="model.parameters()", context=context))
    assert (finding.site.row, finding.rewrite.replacements[0][1]) == (7, f"{context}()")


def test_parameters_that_are_not_called():
    (finding,) = run(rule, BARE.format(parameters="model.parameters", context="torch.no_grad()"))
    assert (finding.site.row, finding.rewrite.replacements[0][1]) == (6, "model.parameters()")
