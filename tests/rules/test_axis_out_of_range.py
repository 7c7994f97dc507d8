import pytest

from aelint.rules.architecture import axis_out_of_range as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nlayer = nn.Conv2d(3, 8, 3)\nx = layer(torch.rand(2, 3, 9, 9))\n"


@pytest.mark.parametrize(
    "line",
    [
        "y = x.sum(dim=(1, 2, 3))",
        "y = x.sum(dim=list(range(1, x.ndim)))",
        "y = x.sum(dim=tuple(range(1, len(x.shape))))",
        "y = x.mean(-1)",
        "y = x.sum() / x.shape[0]",
        "y = torch.max(x.shape[2], 3)",
        "buffer = torch.empty(0)\ny = buffer.sum(1)",
        "import numpy as np\ny = np.mean(frame.groupby('user').size())",
        "def norm(edges, count):\n    return edges / count\ny = norm(x, x.size(0))",
    ],
)
def test_silent_on(line):
    assert rows(rule, HEAD + line + "\n") == []


def test_silent_where_a_condition_asks_for_the_rank():
    assert rows(rule, HEAD + "def f(flag):\n    h = layer(flag)\n    if h.ndim == 5:\n        return h.sum(4)\n") == []


@pytest.mark.parametrize("axes", ["x.shape[1:]", "list(x.shape)[1:]", "tuple(x.size())[1:]", "x.size(0)"])
def test_fires_on_sizes_in_the_place_of_axes(axes):
    found = run(rule, HEAD + f"y = x.sum(dim={axes})\nz = torch.mean(x, {axes})\n")
    assert [f.site.row for f in found] == [5, 6]
    assert "holds sizes" in found[0].message
    assert rows(rule, HEAD + f"y = torch.sum(x, axis=tuple({axes}))\n") == [5]


def test_fires_on_an_axis_beyond_the_last():
    found = run(rule, HEAD + "y = x.flatten(1).sum(dim=2)\n")
    assert [f.site.row for f in found] == [5]
    assert "has 2 axes" in found[0].message


def test_fires_on_an_axis_that_is_named_twice():
    assert rows(rule, HEAD + "y = x.sum(dim=(1, -3))\n") == [5]


def test_elements_of_numbers_are_one_finding_for_a_file():
    found = run(rule, HEAD + "loss = x.mean()\nfor i in range(9):\n    print(loss.data[0])\nprint(x.sum()[0])\n")
    assert [f.site.row for f in found] == [7]
    assert [note.site.row for note in found[0].notes] == [8]
    assert [text for _, text in found[0].rewrite.replacements] == ["loss.item()", "x.sum().item()"]


def test_silent_on_a_product_of_sizes_by_a_name_that_is_not_in_sight():
    source = HEAD + "net = nn.Linear(3, 3)\nprint(sum(np.prod(p.size()) for p in net.parameters()))\n"
    assert rows(rule, source) == []


def test_silent_on_a_loss_that_is_a_pair_in_one_setting():
    source = """
import torch
import torch.nn as nn


class Trainer:
    def __init__(self, smoothing, smoothed):
        self.smoothing = smoothing
        self.loss_fn = nn.CrossEntropyLoss() if smoothing == 0 else smoothed

    def loss(self, logits, labels):
        if self.smoothing == 0:
            return self.loss_fn(logits, labels)
        loss, _ = self.loss_fn(logits, labels)
        return loss
"""
    assert rows(rule, source) == []


WRAPPED = """
import functools
import torch
import torch.nn as nn

def expand(f):
    @functools.wraps(f)
    def run(*args, **kwargs):
        {before}
        return f(*args, **kwargs)
    return run

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 4)

    @expand
    def forward(self, x):
        return self.fc(x)[:, :, :2]

Net()(torch.rand(3, 8))
"""


def test_silent_behind_a_decorator_that_hands_on_other_arguments():
    changed = "args = [a.expand(5, *a.size()) if hasattr(a, 'size') else a for a in args]"
    assert rows(rule, WRAPPED.replace("{before}", changed)) == []
    other = WRAPPED.replace("{before}", "pass").replace("f(*args, **kwargs)", "f(args[0], args[1][None], **kwargs)")
    assert rows(rule, other) == []


def test_fires_behind_a_decorator_that_hands_on_what_it_was_given():
    assert rows(rule, WRAPPED.replace("{before}", "print(args)")) == [20]


LATE = (
    HEAD
    + "criterion = nn.L1Loss()\n{setting}\nerror = criterion(x, torch.rand_like(x))\ny = error.mean(dim=(-1, -2))\n"
)


@pytest.mark.parametrize(
    "setting",
    [
        "criterion.reduction = 'none'",
        "import os\ncriterion.reduction = 'none' if os.environ.get('EACH') else 'mean'",
        "import os\nif os.environ.get('EACH'):\n    criterion.reduction = 'none'",
        "import os\nif os.environ.get('EACH'):\n    criterion.reduction = 'none'\nelse:\n    criterion.reduction = 'mean'",
    ],
)
def test_silent_on_a_loss_whose_reduction_is_set_after_it_is_built(setting):
    assert rows(rule, LATE.format(setting=setting)) == []


@pytest.mark.parametrize("setting", ["pass", "criterion.reduction = 'sum'"])
def test_fires_on_an_axis_of_a_loss_that_is_a_number(setting):
    assert rows(rule, LATE.format(setting=setting)) == [8]


PAIR = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self, classifies=False):
        super().__init__()
        self.classifies, self.layer, self.head = classifies, nn.Conv2d(3, 8, 3), nn.Linear(8, 2)

    def forward(self, x):
        x = self.layer(x)
        if self.classifies:
            return x, self.head(x.mean((2, 3)))
        return x

    def training_step(self, x):
        mask, label = self(x)
        return mask.flatten(0, 1).sum(dim=(1, 2)).mean()
"""


def test_silent_on_samples_that_stand_where_another_setting_gives_a_tuple():
    assert rows(rule, PAIR) == []


def test_fires_on_the_unpacked_rows_of_a_known_number():
    assert rows(rule, HEAD + "a, b = x\ny = a.sum(dim=3)\n") == [6]


def test_silent_where_a_decoder_gives_a_pair_in_one_setting_and_one_tensor_in_another():
    source = """
import torch
import torch.nn as nn


class Decoder(nn.Module):
    def __init__(self, extras):
        super().__init__()
        self.extras, self.surface = extras, nn.Linear(8, 75)

    def forward(self, x):
        steps = x.shape[1]
        surface = self.surface(x.reshape(-1, 8)).reshape(x.shape[0], steps, 3, 5, 5)
        return (surface, x.mean(2)) if self.extras > 0 else surface


class Model(nn.Module):
    def __init__(self, extras=0):
        super().__init__()
        self.memory = nn.LSTM(8, 8, batch_first=True)
        self.decoder = Decoder(extras)

    def forward(self, batch):
        seen = batch["x"].float()
        if len(seen.shape) == 2:
            seen = seen.unsqueeze(0)
        x, _ = self.memory(torch.zeros((seen.shape[0], seen.shape[1], 8)))
        if "extras" in batch:
            surface, extra = self.decoder(x)
            return surface[:, 1:, :, :, :], extra
        return self.decoder(x)[:, 1:, :, :, :]


"""
    assert rows(rule, source) == []
