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
