import pytest

from aelint.rules.architecture import feature_mismatch
from aelint.rules.architecture import incompatible_shapes as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    "expression",
    [
        "torch.rand(16, 6) + torch.rand(6)",
        "torch.rand(16, 1, 6) * torch.rand(1, 4, 6)",
        "torch.rand(16, 6) @ torch.rand(50, 6).t()",
        "torch.cat([torch.rand(16, 6), torch.rand(16, 4)], dim=1)",
        "torch.rand(2, 16, 6) @ torch.rand(6, 3)",
    ],
)
def test_silent_on_sizes_that_go_together(expression):
    assert rows(rule, HEAD + f"y = {expression}\n") == []


def test_silent_on_sizes_out_of_sight():
    assert rows(rule, HEAD + "def mix(a, b):\n    return a @ b + torch.rand(7)\n") == []


def test_silent_on_a_reconstruction_of_another_size_which_has_its_own_rule():
    source = HEAD + "x = torch.rand(4, 20)\ny = nn.Linear(20, 18)(x)\nloss = ((y - x) ** 2).mean()\n"
    assert rows(rule, source) == []


def test_silent_on_what_follows_from_a_layer_that_does_not_fit():
    source = HEAD + "h = nn.Linear(8, 5)(torch.rand(4, 7))\ny = h + torch.rand(4, 6)\n"
    assert rows(feature_mismatch, source) == [4]
    assert rows(rule, source) == []


def test_silent_on_a_cache_of_which_an_unknown_item_changes():
    source = (
        HEAD
        + "cache = [torch.zeros(2, 3), torch.zeros(2, 3)]\ncache[position()] = torch.zeros(4, 5)\ny = cache[0] + torch.rand(7, 5)\n"
    )
    assert rows(rule, source) == []
    source = (
        HEAD
        + "cache = [None] * count()\ncache[0] = torch.zeros(2, 3)\ny = torch.cat([cache[1], torch.rand(2, 5)], 0)\n"
    )
    assert rows(rule, source) == []


def test_silent_on_a_shape_that_a_recursion_fills_deeper_than_it_is_followed():
    source = (
        HEAD
        + "def sizes(data, found, depth=0):\n    if isinstance(data, list):\n        if depth == len(found):\n"
        + "            found.append(len(data))\n        for one in data:\n            sizes(one, found, depth + 1)\n"
        + "found = []\nrow = [1, 2, 3]\nsizes([[row, row], [row, row]], found)\ny = torch.zeros(found) + torch.rand(2, 2, 3)\n"
    )
    assert rows(rule, source) == []


def test_silent_on_an_item_of_a_list_of_which_not_all_items_were_seen():
    source = (
        HEAD
        + "class Net(nn.Module):\n    def __init__(self, widths):\n        super().__init__()\n"
        + "        self.branches = nn.ModuleList([nn.Linear(8, 4), nn.Linear(8, 6)])\n"
        + "        for width in widths:\n            self.branches.append(nn.Linear(8, width))\n"
        + "    def forward(self, x):\n        kept = []\n        for branch in self.branches:\n"
        + "            kept.append(branch(torch.rand(2, 8)))\n        return kept[1] + torch.rand(2, 6)\n"
    )
    assert rows(rule, source) == []


def test_silent_behind_a_loop_over_blocks_that_are_not_all_known():
    source = (
        HEAD
        + "class Net(nn.Module):\n    def __init__(self, widths):\n        super().__init__()\n"
        + "        self.blocks = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)])\n"
        + "        for width in widths:\n            self.blocks.append(nn.Conv2d(8, width, 3, padding=1))\n"
        + "    def forward(self, x):\n        x = torch.rand(2, 8, 9, 9)\n        for block in self.blocks:\n"
        + "            x = block(x)\n        return x + torch.rand(2, 32, 9, 9)\n"
    )
    assert rows(rule, source) == []


def test_silent_in_a_part_that_settings_may_leave_out():
    source = (
        HEAD
        + "class Net(nn.Module):\n    def __init__(self, noise):\n        super().__init__()\n        self.scale = None\n"
        + "        if noise:\n            self.scale = nn.Parameter(torch.zeros(16, 1, 1))\n"
        + "    def forward(self, x):\n        h = torch.rand(2, 8, 9, 9)\n        if self.scale is not None:\n"
        + "            h = h + self.scale\n        return h\n"
    )
    assert rows(rule, source) == []


def test_silent_where_a_condition_asks_for_the_shape():
    source = HEAD + "def f(a, b):\n    if a.shape == b.shape:\n        return torch.rand(3, 4) + torch.rand(2, 4)\n"
    assert rows(rule, source) == []


def test_silent_where_a_condition_asks_for_the_type_of_the_elements():
    source = HEAD + (
        "def f(target):\n    if target.dtype.is_floating_point:\n"
        "        return torch.rand(3, 4, 8) - torch.rand(3, 4)\n"
        "    if torch.is_floating_point(target):\n        return torch.rand(3, 4, 8) - torch.rand(3, 4)\n"
    )
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "expression",
    [
        "torch.rand(16, 6) - torch.rand(6, 1).t().reshape(3, 2)",
        "torch.rand(16, 6) @ torch.rand(50, 6)",
        "torch.mm(torch.rand(16, 6), torch.rand(7, 6))",
        "torch.cat([torch.rand(16, 6), torch.rand(15, 6)], dim=1)",
        "F.binary_cross_entropy(torch.rand(16, 784), torch.rand(16, 1, 28, 28))",
    ],
)
def test_fires_on_sizes_that_do_not(expression):
    assert rows(rule, HEAD + f"y = {expression}\n") == [4]


def test_names_both_shapes():
    message = run(rule, HEAD + "y = torch.rand(16, 6) @ torch.rand(50, 6)\n")[0].message
    assert "shapes (16, 6) and (50, 6)" in message


def test_blames_the_call_that_passes_the_wrong_tensor_to_a_layer_that_others_use_well():
    source = (
        HEAD
        + """
class Graph(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(i, o))

    def forward(self, x, a):
        return a @ (x @ self.weight)

first, mean, scale = Graph(8, 16), Graph(16, 4), Graph(16, 4)
x, a = torch.rand(30, 8), torch.rand(30, 30)
h = first(x, a)
mu = mean(h, a)
sigma = scale(x, a)
"""
    )
    found = run(rule, source)
    assert [f.site.row for f in found] == [17]
    assert found[0].notes[0].site.row == 11


def test_silent_on_counts_that_an_initialiser_takes_of_a_weight():
    source = HEAD + (
        "class Positive(nn.Module):\n"
        "    def __init__(self, n):\n"
        "        super().__init__()\n"
        "        self.weight = nn.Parameter(torch.empty((1, n)))\n"
        "        fan_in, _ = nn.init._calculate_fan_in_and_fan_out(self.weight)\n"
        "        self.bound = fan_in ** -0.5\n"
        "    def forward(self, x):\n"
        "        return x * self.weight\n"
    )
    assert rows(rule, source) == []


def test_silent_where_the_second_parent_replaces_what_the_first_inherits():
    # Python asks Mean before Base, although Gain comes first and inherits from Base alone.
    source = HEAD + (
        "class Base(nn.Module):\n"
        "    def __init__(self, n):\n"
        "        super().__init__()\n"
        "        self.head = nn.Linear(n, n)\n"
        "class Gain(Base):\n"
        "    def __init__(self, n):\n"
        "        super().__init__(n)\n"
        "        self.gain = nn.Linear(n, n)\n"
        "class Mean(Base):\n"
        "    def __init__(self, n):\n"
        "        super().__init__(n)\n"
        "        self.head = nn.Linear(n, 2 * n)\n"
        "class Both(Gain, {second}):\n"
        "    def forward(self, x):\n"
        "        scale, mean = self.head(x).chunk(2, dim=1)\n"
        "        return self.gain(x) * scale + mean\n"
        "Both(8)(torch.rand(2, 8))\n"
    )
    assert rows(rule, source.format(second="Mean")) == []
    assert rows(rule, source.format(second="nn.Module")) == [19]


def test_silent_on_an_addmm_whose_weights_stand_in_front():
    source = "import torch\nx, y = torch.rand(5, 3), torch.rand(7, 3)\ndist = torch.zeros(5, 7)\n"
    assert rows(rule, source + "dist.addmm_(1, -2, x, y.t())\n") == []
    assert rows(rule, source + "dist.addmm_(x, y)\n") != []


def test_silent_on_sizes_that_are_no_shape_by_default():
    source = """
import torch
from torch import nn

class Noise(torch.distributions.Distribution):
    def __init__(self, loc):
        self.loc = loc
        super().__init__(loc.size())

    def rsample(self, shape=torch.Size()):
        shape = shape if isinstance(shape, torch.Size) else torch.Size([shape])
        return self.loc + torch.randn(shape + torch.Size(self.loc.shape))

enc, dec, x = nn.Linear(784, 8), nn.Linear(8, 784), torch.rand(4, 784)
loss = nn.functional.binary_cross_entropy_with_logits(dec(Noise(enc(x)).rsample()), {target})
"""
    assert rows(rule, source.format(target="x")) == []


def test_sizes_are_tuples():
    source = "import torch\nx = torch.zeros(torch.Size({sizes})) + torch.zeros(3, 4)"
    assert rows(rule, source.format(sizes="[3, 4]")) == []
    assert rows(rule, source.format(sizes="[3, 5]")) == [2]


def test_silent_on_an_array_whose_axes_are_all_named():
    source = (
        "import numpy as np\nimport torch\na = np.zeros((1, 3, 30, 20))\nx = torch.tensor(a.transpose(0, 1, 3, 2))\n"
    )
    assert rows(rule, source + "torch.cat([x, torch.zeros(1, 3, 20, 30)])\n") == []


FIXED_ROWS = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

batch_size = 32

class Net(nn.Module):
    def __init__(self, rows=32):
        super().__init__()
        self.rows, self.body, self.head = rows, nn.Linear(16, 4), nn.Linear(4, 16)

    def forward(self, x):
        mean = self.body(x)
        noise = {noise}
        return self.head(mean + 0.1 * noise)

net = Net()
data = torch.rand({count}, 16)
{loop}
    {guard}
    loss = F.mse_loss(net(x), x)
    loss.backward()
"""
LOADER = "for (x,) in DataLoader(TensorDataset(data), batch_size=batch_size):"
SLICES = "for i in range(0, len(data), batch_size):\n    x = data[i : i + batch_size]"


def fixed_rows(noise, loop=LOADER, count=100, guard="pass"):
    return rows(rule, FIXED_ROWS.format(noise=noise, loop=loop, count=count, guard=guard))


@pytest.mark.parametrize("loop", [LOADER, SLICES], ids=["loader", "slices"])
@pytest.mark.parametrize(
    "noise", ["torch.randn(batch_size, 4)", "torch.randn(size=(32, 4))", "torch.rand(self.rows, 4) - 0.5"]
)
def test_rows_of_a_setting_meet_a_smaller_last_batch(loop, noise):
    assert fixed_rows(noise, loop) == [16]


@pytest.mark.parametrize("loop", [LOADER, SLICES], ids=["loader", "slices"])
@pytest.mark.parametrize(
    "noise",
    [
        "torch.randn(x.shape[0], 4)",
        "torch.randn(len(mean), 4)",
        "torch.randn_like(mean)",
        "torch.randn(1, 4)",
        "torch.ones(32) @ torch.ones(32, 4)",
        "torch.randn(batch_size, 4)[: len(x)]",
    ],
)
def test_silent_where_the_rows_follow_the_batch(loop, noise):
    assert fixed_rows(noise, loop) == []


def test_silent_where_no_smaller_batch_arrives():
    noise = "torch.randn(batch_size, 4)"
    assert fixed_rows(noise, count=128) == []
    assert fixed_rows(noise, LOADER.replace("):", ", drop_last=True):")) == []
    assert fixed_rows(noise, guard="if len(x) < batch_size: continue") == []
    assert (
        fixed_rows(
            noise, "for i in range(0, len(data) - batch_size + 1, batch_size):\n    x = data[i : i + batch_size]"
        )
        == []
    )


def test_silent_where_a_method_sets_the_rows_to_those_of_the_batch():
    source = FIXED_ROWS.format(noise="torch.randn(self.rows, 4)", loop=SLICES, count=100, guard="pass")
    assert rows(rule, source) == [16]
    assert rows(rule, source.replace("mean = self.body(x)", "self.rows = x.shape[0]; mean = self.body(x)")) == []


def test_labels_of_a_critic_for_the_pictures_of_a_known_set():
    source = """
    import torch
    from torch import nn
    from torchvision import datasets, transforms

    critic, bce = nn.Sequential(nn.Flatten(), nn.Linear(784, 1), nn.Sigmoid()), nn.BCELoss()
    digits = datasets.MNIST("data", train=True, transform=transforms.ToTensor())
    for pictures, _ in torch.utils.data.DataLoader(digits, {size}):
        real = torch.ones({size}, 1)
        loss = bce(critic(pictures), real)
        loss.backward()
    """
    assert rows(rule, source.format(size=64)) == [9]
    assert rows(rule, source.format(size=100)) == []


HEADS = """
import torch
from torch import nn
from torch.distributions import Normal

class Encoder(nn.Module):
    def __init__(self, width, code, groups=1):
        super().__init__()
        self.mu, self.logvar = nn.Linear(width, {mean}), nn.Linear(width, {scale})

    def forward(self, h):
        mu, logvar = self.mu(h), self.logvar(h)
        return {sample}
"""
SAMPLE = "mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)"
NORMAL = "Normal(mu, torch.exp(0.5 * logvar)).rsample()"


@pytest.mark.parametrize("sample", [SAMPLE, NORMAL])
@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        ("code", "code"),
        ("code", "1"),
        ("code", "groups * code"),
        ("width", "code"),
        ("2 * code", "code * 2"),
        ("code + 1", "code"),
    ],
    ids=["equal", "one for all", "as often as an option says", "two options", "in another order", "not a multiple"],
)
def test_silent_on_heads_of_sizes_that_may_go_together(mean, scale, sample):
    assert rows(rule, HEADS.format(mean=mean, scale=scale, sample=sample)) == []


@pytest.mark.parametrize("sample", [SAMPLE, NORMAL])
@pytest.mark.parametrize(("mean", "scale"), [("2 * code", "code"), ("code", "3 * code"), ("16", "8")])
def test_fires_on_heads_of_which_one_is_a_multiple_of_the_other(mean, scale, sample):
    assert rows(rule, HEADS.format(mean=mean, scale=scale, sample=sample)) == [13]


def test_silent_on_a_distribution_of_vectors_whose_scale_is_a_matrix():
    source = "import torch\nfrom torch.distributions import MultivariateNormal\np = MultivariateNormal(torch.zeros(3), torch.eye(3))\n"
    assert rows(rule, source) == []
