import pytest

from aelint.rules.latent import unused_condition as rule
from tests.rules.harness import rows


def test_silent_on_a_name_that_another_branch_assigns_and_a_later_one_reads():
    source = """
    import torch
    from torch import nn
    class Net(nn.Module):
        def __init__(self, prior=None):
            super().__init__()
            self.prior = prior
            self.fc = nn.Linear(4, 4)
        def forward(self, x, c, flag):
            if flag:
                mean = torch.cat([x, c], dim=1)
            else:
                mean = c
            if self.prior is None:
                return self.fc(x)
            return self.fc(x) - mean
    """
    assert rows(rule, source) == []


def test_silent_where_no_layer_follows_that_would_need_what_was_joined():
    source = """
    import torch
    from torch import nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
        def forward(self, values, keys, pad):
            keys = torch.cat([keys, pad], dim=1)
            return self.fc({given})
    """
    assert rows(rule, source.format(given="values")) == []
    assert rows(rule, source.replace("keys = torch", "both = torch").format(given="keys")) == [9]


def test_silent_on_batches_that_are_lined_up_for_a_sheet_of_pictures():
    source = """
    import torch
    from torch import nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(8, 2), nn.Linear(2, 8)
        def show(self, x):
            code = self.encoder(x)
            sheet = torch.cat((x, code), {dim})
            return self.decoder(code)
    """
    assert rows(rule, source.format(dim=0)) == []
    assert rows(rule, source.format(dim=1)) == [10]


TAKEN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 8)

    def forward(self, x{also}):
        return self.layer(x)

class Conditional(Encoder):
    def __init__(self):
        super().__init__()
        self.embed, self.decoder = nn.Embedding(10, 8), nn.Linear(8, 64)

    {decorator}def forward(self, x, {parameter}):
        z = self.layer(x)
        {body}

model = Conditional()
for x, label in DataLoader(TensorDataset(torch.rand(64, 64), torch.randint(10, (64,))), 16):
    y = model(x, {given})
{rest}
"""
PARTS = {
    "decorator": "",
    "also": "",
    "parameter": "label",
    "body": "return self.decoder(z)",
    "given": "label",
    "rest": "",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"body": "return self.decoder(z + self.embed(label))"}, id="read"),
        pytest.param({"body": "del label\n        return self.decoder(z)"}, id="deleted on purpose"),
        pytest.param({"parameter": "label=None"}, id="it may be left out"),
        pytest.param({"parameter": "_label"}, id="named as unread"),
        pytest.param({"parameter": "step"}, id="no condition by its name"),
        pytest.param({"also": ", label"}, id="an interface of several networks"),
        pytest.param({"rest": "class Later(Conditional):\n    pass"}, id="a base of another network"),
        pytest.param({"given": "None"}, id="nothing is given"),
        pytest.param({"decorator": "@watched\n    "}, id="a decorator may read it"),
        pytest.param({"body": "return self.decoder(z + use(**locals()))"}, id="read by locals"),
    ],
)
def test_silent_on_conditions_that_are_read_or_need_not_be(parts):
    assert rows(rule, TAKEN.format(**{**PARTS, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="given"),
        pytest.param({"given": "label=label"}, id="by name"),
        pytest.param({"parameter": "cond", "given": "torch.nn.functional.one_hot(label, 10)"}, id="encoded"),
    ],
)
def test_a_condition_that_forward_never_reads_is_told_once(parts):
    again = f"model(x, {parts.get('given', 'label')})"
    assert rows(rule, TAKEN.format(**{**PARTS, "rest": again, **parts})) == [19]


def test_silent_on_a_forward_that_is_yet_to_be_written():
    source = """
    import torch
    from torch import nn

    class Base(nn.Module):
        def forward(self, x, label):
            raise NotImplementedError("derive from it")

    Base()(torch.rand(4, 8), torch.ones(4))
    """
    assert rows(rule, source) == []
    assert rows(rule, source.replace('raise NotImplementedError("derive from it")', "return 2 * x")) == [6]
