"""AEL401: constants in weights, and the constants that are sound."""

import pytest

from aelint.diagnostics import Severity
from aelint.rules.optimization import constant_weight_fill as rule
from tests.rules.harness import rows, run

TWO_LAYERS = """
import torch
import torch.nn as nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 32)
        self.decoder = nn.Linear(32, 784)
        {fill}

    def forward(self, x):
        return self.decoder(self.encoder(x))
"""

HEALTHY = {
    "zero starts a residual branch as the identity": "nn.init.zeros_(self.decoder.weight)",
    "zero by constant_": "nn.init.constant_(self.decoder.weight, 0)",
    "a constant bias is the usual start": "nn.init.constant_(self.encoder.bias, 0.1)",
    "a random draw": "nn.init.normal_(self.encoder.weight, 0.0, 0.02)",
    "overwritten by a random draw": "self.encoder.weight.data.fill_(1.0); nn.init.xavier_normal_(self.encoder.weight)",
    "a norm's scale starts at one": "self.norm = nn.BatchNorm1d(32); self.norm.weight.data.fill_(1.0)",
    "an embedding row is looked up, not summed": "self.table = nn.Embedding(10, 4); self.table.weight.data.fill_(0.5)",
    "one output has no other unit to equal": "self.gate = nn.Linear(32, 1); nn.init.constant_(self.gate.weight, 0.5)",
    "depthwise filters are fixed means": "self.blur = nn.Conv2d(3, 3, 3, groups=3); self.blur.weight.data.fill_(1 / 9)",
    "one input channel is scaled, not summed": "self.box = nn.Conv2d(1, 4, 3); self.box.weight.data.fill_(1 / 9)",
    "a frozen filter is a constant on purpose": "nn.init.ones_(self.encoder.weight); self.encoder.weight.requires_grad = False",
    "gradients are cleared": "self.encoder.weight.grad = torch.ones(32, 784)",
    "a buffer is a mask": "self.register_buffer('mask', torch.ones(32, 784)); self.mask.fill_(1)",
    "a mask of the weight's size": "self.mask = torch.ones_like(self.encoder.weight.data); self.mask[:] = 1",
    "loaded weights vary": "self.encoder.weight.data.copy_(torch.load('w.pt'))",
    "a choice of the user": "nn.init.ones_(self.encoder.weight) if flag else None",
    "states that start at zero are tensors of their own": "next(self.parameters()).data.new(2, 3, 8).zero_()",
    "a slice of a weight": "self.encoder.weight.data[0] = 1.0",
}


@pytest.mark.parametrize("fill", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(fill):
    assert rows(rule, TWO_LAYERS.format(fill=fill)) == []


FAULTS = {
    "data": "self.encoder.weight.data.fill_(0.001)",
    "no grad": "self.encoder.weight.detach().fill_(0.001)",
    "init": "nn.init.constant_(self.encoder.weight, 0.01)",
    "keyword": "nn.init.constant_(self.encoder.weight, val=0.01)",
    "ones": "torch.nn.init.ones_(self.decoder.weight)",
    "parameter": "self.encoder.weight = nn.Parameter(torch.full((32, 784), 0.1))",
    "data is assigned": "self.encoder.weight.data = 0.01 * torch.ones(32, 784)",
    "copied": "self.encoder.weight.data.copy_(torch.ones(32, 784))",
    "all items": "self.encoder.weight.data[:] = 0.3",
    "no spread": "nn.init.normal_(self.encoder.weight, 0.1, 0.0)",
    "uniform without width": "nn.init.uniform_(self.encoder.weight, 0.2, 0.2)",
}


@pytest.mark.parametrize("fill", FAULTS.values(), ids=FAULTS.keys())
def test_fires_on_every_spelling(fill):
    found = run(rule, TWO_LAYERS.format(fill=fill))
    assert [f.site.row for f in found] == [11]
    assert found[0].severity is Severity.WARNING


def test_loop_over_all_parameters_is_an_error():
    fill = "for p in self.parameters():\n            p.data.fill_(0.05)"
    found = run(rule, TWO_LAYERS.format(fill=fill))
    assert [(f.site.row, f.severity) for f in found] == [(12, Severity.ERROR)]
    assert "2 layers" in found[0].message


def test_initialiser_given_to_apply_in_another_file():
    files = {
        "train.py": """
            from model import Autoencoder
            from weights import start

            model = Autoencoder()
            model.apply(start)
            """,
        "model.py": """
            import torch.nn as nn


            class Autoencoder(nn.Module):
                def __init__(self, width=64):
                    super().__init__()
                    self.net = nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.ConvTranspose2d(width, 3, 3))

                def forward(self, x):
                    return self.net(x)
            """,
        "weights.py": """
            from torch import nn

            START = 0.02


            def start(m):
                if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
                    nn.init.constant_(m.weight, START)
                    m.bias.data.zero_()
            """,
    }
    found = run(rule, files)
    assert [(f.site.unit.path, f.site.row) for f in found] == [("weights.py", 9)]
    assert "0.02" in found[0].message


def test_union_of_types_is_no_constant_for_other_layers():
    source = """
        import torch.nn as nn

        net = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(4, 8))
        for m in net.modules():
            if isinstance(m, nn.BatchNorm1d | nn.GroupNorm):
                nn.init.constant_(m.weight, 1)
        """
    assert rows(rule, source) == []


def test_a_network_of_zeros():
    source = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(9, 3), nn.Linear(3, 9)
            self.apply(start)

    def start(m):
        if isinstance(m, nn.Linear){}:
            nn.init.zeros_(m.weight)

    net = Net()
    """
    assert rows(rule, source.format("")) == [13]
    # One layer of zeros is a branch that starts at nothing.
    assert not rows(rule, source.format(" and m.in_features == 3"))


def test_silent_on_branches_that_a_function_starts_at_zero():
    source = """
import torch.nn as nn


def zero_module(module):
    for p in module.parameters():
        nn.init.zeros_(p)
    return module


class Adapter(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = zero_module(nn.Conv2d(8, 8, 1)), zero_module(nn.Conv2d(8, 8, 1))

    def forward(self, x, h):
        return h + self.a(x) + self.b(x)
"""
    assert rows(rule, source) == []


def test_silent_on_a_lesson_that_compares_constants():
    source = """
        import torch.nn as nn

        class Net(nn.Module):
            def __init__(self, constant):
                super().__init__()
                self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)
                for layer in (self.one, self.two):
                    nn.init.constant_(layer.weight, constant)

            def forward(self, x):
                return self.two(self.one(x).relu())

        zeros, ones = Net(0), Net(1)
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("Net(1)", "Net(0)")) == [9]


def test_silent_on_a_last_block_of_zeros_in_a_network_of_others():
    source = """
        import torch.nn as nn

        class FinalLayer(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear, self.modulation = nn.Linear(8, 8), nn.Linear(8, 16)

            def forward(self, x, c):
                shift, scale = self.modulation(c).chunk(2, dim=1)
                return self.linear(x * (1 + scale) + shift)

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.final = nn.Linear(8, 8), FinalLayer()
                nn.init.constant_(self.final.linear.weight, 0)
                nn.init.constant_(self.final.modulation.weight, 0)

            def forward(self, x, c):
                return self.final(self.first(x), c)

        net = Net()
        """
    assert rows(rule, source) == []
    assert rows(
        rule,
        source.replace(
            "nn.init.constant_(self.final.lin", "nn.init.zeros_(self.first.weight); nn.init.constant_(self.final.lin"
        ),
    )


def test_silent_on_zeros_beside_weights_of_the_network_itself():
    source = """
        import torch
        import torch.nn as nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.pos, self.neg = nn.Linear(8, 8), nn.Linear(8, 8)
                self.local = nn.Parameter(torch.randn(8, 8))
                nn.init.zeros_(self.pos.weight)
                nn.init.zeros_(self.neg.weight)

            def forward(self, x):
                return self.neg(self.pos(x)) @ self.local
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("nn.Parameter(torch.randn(8, 8))", "torch.eye(8)")) == [10, 11]


def test_silent_on_zeros_in_layers_that_stand_side_by_side():
    source = """
        import torch.nn as nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.pos, self.neg = nn.Linear(8, 8), nn.Linear(8, 8)
                nn.init.zeros_(self.pos.weight)
                nn.init.zeros_(self.neg.weight)

            def forward(self, x):
                return {result}
        """
    assert rows(rule, source.format(result="self.pos(x) - self.neg(x)")) == []
    assert rows(rule, source.format(result="self.pos(self.neg(x))")) == [8, 9]


def test_silent_on_zeros_that_stand_side_by_side_in_each_of_several_networks():
    source = """
        import torch
        import torch.nn as nn

        class Affine(nn.Module):
            def __init__(self):
                super().__init__()
                self.scale, self.shift = nn.Linear(8, 8), nn.Linear(8, 8)
                nn.init.zeros_(self.scale.weight)
                nn.init.zeros_(self.shift.weight)

            def forward(self, x, c):
                return self.scale(c) * x + self.shift(c)

        first, second = Affine(), Affine()
        x = torch.rand(2, 8)
        y = second(first(x, x), first(x, x))
        """
    assert rows(rule, source) == []


LOCAL = """
import torch
import torch.nn as nn


def test_what_a_logger_writes(logger):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
            self.first.weight.data.fill_(1.0)

        def forward(self, x):
            return self.second(self.first(x))

    net = Net()
    {rest}
"""


def test_silent_on_a_network_of_one_function_that_does_not_train_it():
    assert rows(rule, LOCAL.format(rest="logger(net)")) == []
    assert rows(rule, LOCAL.format(rest="logger(net(torch.rand(2, 4)).sum().backward())")) != []


PROBE = """
import torch
import torch.nn as nn

first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
for layer in (first, second):
    layer.weight.data[:] = 1
seen = second(first(torch.eye(9).expand(1, 3, 9, 9)))
{then}
"""


def test_silent_on_a_script_that_looks_where_known_weights_reach_and_trains_nothing():
    assert rows(rule, PROBE.replace("{then}", "print(seen > 0)")) == []


def test_a_script_that_trains_from_known_weights_is_no_probe():
    assert rows(rule, PROBE.replace("{then}", "seen.sum().backward()")) == [7]
