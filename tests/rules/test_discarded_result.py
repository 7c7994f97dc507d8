import pytest

from aelint.rules.architecture import discarded_result as rule
from aelint.semantics import understand
from aelint.sources.unit import Origin, SourceUnit
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nx = torch.rand(2, 4)\nm = x > 0\n"


@pytest.mark.parametrize(
    "statement",
    [
        "x.clamp_(0, 1)",
        "x.scatter_(1, x.long(), 1).view(8)",
        "x.data.normal_(0, 1).clamp(-1, 1)",
        "torch.clamp(x, 0, 1, out=x)",
        "import numpy as np\nimage = np.zeros((4, 4)) + 1\nimage.clip(0, 1, image)",
        "F.relu(x, inplace=True)",
        "nn.ReLU(inplace=True)(x)",
        "nn.Linear(4, 2).to('cpu')",
        "print(x.view(8))",
        "torch.manual_seed(0)",
        "x.requires_grad_(True)",
    ],
)
def test_silent_on_calls_that_do_something(statement):
    assert rows(rule, HEAD + statement + "\n") == []


def test_silent_on_own_objects_with_such_methods():
    source = HEAD + "class Board:\n    def view(self, a):\n        print(a)\nBoard().view(3)\n"
    assert rows(rule, source) == []
    assert rows(rule, HEAD + "def show(board):\n    board.view(3)\n    board.permute(1)\n") == []


CHOSEN = (
    HEAD
    + """
from library import Big, Small
def main(big, device):
    if big:
        {first}
    else:
        {second}
    model.to(dtype=torch.float16)
"""
)


def test_silent_on_one_of_two_foreign_modules():
    first, second = "model = Big.load('a').to(device)", "model = Small().to(device)"
    assert rows(rule, CHOSEN.format(first=first, second=second)) == []


def test_fires_on_one_of_two_tensors():
    first, second = "model = torch.rand(2).to(device)", "model = torch.rand(3).to(device)"
    assert rows(rule, CHOSEN.format(first=first, second=second)) == [13]


def test_silent_on_the_axes_of_a_figure():
    source = (
        HEAD
        + "figure, axes = subplots(2, 2)\naxes = axes.flatten()\nfor ax in axes:\n    ax.scatter(x, x)\naxes[0].scatter(x, x)\n"
    )
    assert rows(rule, source) == []


def test_silent_where_an_exception_is_expected():
    source = (
        HEAD
        + "import pytest\nwith pytest.raises(RuntimeError):\n    x.view(3, 3)\ntry:\n    x.view(8)\nexcept RuntimeError:\n    pass\n"
    )
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "statement",
    [
        "x.masked_fill(m, 0.0)",
        "x.view(8)",
        "torch.clamp(x, 0, 1)",
        "x.detach()",
        "F.relu(x)",
        "torch.stack([x, x])",
        "x.to('cpu')",
    ],
)
def test_fires_on_results_that_nobody_gets(statement):
    assert rows(rule, HEAD + statement + "\n") == [6]


def test_offers_to_assign_the_result():
    source = (
        HEAD
        + "def f(scores, mask):\n    scores = torch.matmul(scores, scores)\n    scores.masked_fill(mask, -1e9)\n    return scores\n"
    )
    found = run(rule, source)
    assert [f.site.row for f in found] == [8]
    assert found[0].rewrite.replacements[0][1] == "scores = scores.masked_fill(mask, -1e9)"


def test_silent_on_what_was_moved_before_and_may_be_a_module():
    source = """
    import torch
    from zoo import build

    model = build("mobile").to("cuda")
    model.cpu()
    """
    assert rows(rule, source) == []


def test_silent_on_the_last_expression_of_a_cell_which_is_shown():
    text = "import torch\nx = torch.ones(3)\ntorch.relu(x)\ny = x\n"

    def cell(row: int) -> Origin:
        return Origin(row, cell=1 if row < 4 else 2)

    origins = tuple(cell(row) for row in range(1, 5))
    assert not list(rule.check(understand(SourceUnit("shown.ipynb", text, origins=origins))))
    assert list(rule.check(understand(SourceUnit("script.py", text))))


def test_silent_on_functions_of_the_same_name_from_elsewhere():
    source = """
        import torch
        from plots import *

        a = torch.rand(3)
        scatter(x=a, y=a)
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("scatter(x=a, y=a)", "torch.clamp(a, 0, 1)")) == [6]


def test_silent_on_a_transfer_that_wakes_the_device():
    assert rows(rule, "import torch\ntorch.zeros(1).to('cuda')\ntorch.rand(1).cuda()\n") == []
    assert rows(rule, "import torch\nx = torch.zeros(1)\nx.to('cuda')\n") == [3]


def test_silent_on_a_normalisation_that_runs_for_its_statistics():
    assert rows(rule, "import torch\nbn = torch.nn.BatchNorm1d(3)\nbn(torch.rand(8, 3))\n") == []


def test_silent_on_what_a_script_that_was_exported_from_a_notebook_shows():
    shown = HEAD + "\n\n\nx.tanh()\n\n\ny = x + 1\n"
    assert rows(rule, shown) == [9]
    assert rows(rule, "# coding: utf-8\n" + shown) == []
    assert rows(rule, shown.replace("\n\n\ny", "\n\n\n# In[3]:\n\n\ny")) == []
    assert rows(rule, "# coding: utf-8\n" + shown.replace("tanh()\n\n\n", "tanh()\n")) == [10]


STRANDED = """
import torch
from torch import nn
import torch.nn.functional as F

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.drop = nn.Linear(9, 9), nn.Linear(9, 9), nn.Dropout(0.1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x, mask):
        h1 = F.relu(self.one(x))
        h2 = self.two(h1)
        {step}
        return {result}
"""


@pytest.mark.parametrize(
    ("step", "result", "found"),
    [
        pytest.param("h2 = F.dropout(h2, 0.1, self.training)", "h2", [], id="kept under its own name"),
        pytest.param("h3 = self.drop(h2)", "h2 + h3", [], id="read beside it"),
        pytest.param("h3 = self.drop(h2)", "h1", [], id="what it was computed from is not read either"),
        pytest.param("h3 = self.act(h2)", "h2", [], id="changed in place"),
        pytest.param("_ = self.drop(h2)", "h2", [], id="a name that says so"),
        pytest.param("probabilities = torch.softmax(h2, dim=-1)", "h2", [], id="computed to be looked at"),
        pytest.param("h1 = self.drop(h2)", "h2", [15], id="under an older name"),
        pytest.param("h3 = F.dropout(h2, 0.1, self.training)", "torch.tanh(h2)", [15], id="under a new name"),
        pytest.param("scores = h2.masked_fill(mask, -1e9)", "h2.softmax(-1)", [15], id="a mask"),
        pytest.param("h3 = F.relu(h2)\n        h3 = self.two(h2)", "h3", [15], id="replaced before it is read"),
    ],
)
def test_a_step_whose_result_is_given_to_a_name_that_nothing_reads(step, result, found):
    assert rows(rule, STRANDED.replace("{step}", step).replace("{result}", result)) == found


RUN = """
import torch
from torch import nn
import torch.nn.functional as F

class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer, self.seen = nn.Linear(n, n), []

    def forward(self, x):
        {block}
        return x + F.relu(self.layer(x))

class Net(nn.Module):
    def __init__(self, n=8, norm=None):
        super().__init__()
        self.first, self.act, self.norm = nn.Linear(n, n), nn.ReLU(inplace={inplace}), norm
        self.block, self.chain = Block(n), nn.Sequential(nn.Linear(n, n), nn.Tanh())
        self.blocks = nn.ModuleList([Block(n) for _ in range(3)])
        self.point, self.positional = nn.Conv1d(n, n, 1), nn.LeakyReLU(0.1, True)
        {start}

    def forward(self, x):
        {use}
        {then}

Net()(torch.rand(4, 8))
"""
PLAIN = {
    "block": "pass",
    "inplace": "False",
    "start": "pass",
    "use": "x = self.block(x)",
    "then": "return self.first(x)",
}
KEPT = {
    "assigned": {},
    "in place": {"inplace": "True", "use": "self.act(x)"},
    "in place, by position": {"use": "self.positional(x)"},
    "the block keeps what it got": {"block": "self.seen.append(x)", "use": "self.block(x)"},
    "the block sets an attribute": {"block": "self.last = x", "use": "self.block(x)"},
    "a hook takes the result": {"start": "self.block.register_forward_hook(print)", "use": "self.block(x)"},
    "nothing goes on": {"use": "pass", "then": "self.block(x)"},
    "warmed up with zeros": {"use": "z = torch.zeros(1, 8); self.block(z)", "then": "return self.first(x) + z"},
    "without gradients": {"use": "with torch.no_grad(): self.block(x)"},
    "something unknown": {"use": "self.norm(x)"},
    "moved": {
        "use": "device = x.device; self.to(device); self.block.to(device)",
        "then": "return self.first(x.to(device))",
    },
}


@pytest.mark.parametrize("parts", KEPT.values(), ids=KEPT.keys())
def test_silent_on_layers_whose_run_may_be_meant(parts):
    assert rows(rule, RUN.format(**{**PLAIN, **parts})) == []


@pytest.mark.parametrize(
    "use",
    [
        "self.block(x)",
        "self.chain(x)",
        "self.first(x)",
        "self.blocks[0](x)",
        "for b in self.blocks: b(x)",
        "self.point(x)",
    ],
)
def test_a_layer_that_is_run_for_nothing(use):
    (finding,) = run(rule, RUN.format(**{**PLAIN, "use": use}))
    assert (finding.site.row, finding.rewrite is not None) == (25, True)
