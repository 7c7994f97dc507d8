import pytest

from aelint.rules.data import frozen_randomness as rule
from tests.rules.harness import rows

DATA = """
import random
import numpy as np
import torch
from torch.utils.data import Dataset, DataLoader

class Data(Dataset):
    def __init__(self, x, train=True):
        self.x, self.train, self.seed = x, train, 7
    def __len__(self):
        return len(self.x)
    def __getitem__(self, index):
        {seed}
        x = self.x[index]
        return x + torch.randn_like(x)
"""

SILENT = {
    "no seed": "pass",
    "a seed for each index": "torch.manual_seed(index)",
    "a seed for each index and run": "torch.manual_seed(self.seed + index)",
    "the validation set is frozen on purpose": "if not self.train:\n            torch.manual_seed(0)",
    "an unknown seed": "torch.manual_seed(fresh())",
}


@pytest.mark.parametrize("seed", SILENT.values(), ids=SILENT)
def test_silent(seed):
    assert rows(rule, DATA.replace("{seed}", seed)) == []


def test_seed_without_draws():
    assert rows(rule, DATA.replace("{seed}", "torch.manual_seed(0)").replace(" + torch.randn_like(x)", "")) == []


@pytest.mark.parametrize(
    "seed", ["torch.manual_seed(0)", "np.random.seed(42)", "random.seed(self.seed)", "rng = np.random.default_rng(0)"]
)
def test_seed_for_every_sample(seed):
    assert rows(rule, DATA.replace("{seed}", seed)) == [13]


WORKERS = """
import numpy as np
import torch
from torch.utils.data import DataLoader
def init(worker_id):
    {body}
loader = DataLoader(data, num_workers={workers}, worker_init_fn=init)
"""


@pytest.mark.parametrize(
    ("body", "workers", "expected"),
    [
        ("np.random.seed(torch.initial_seed() % 2**32)", 4, []),
        ("np.random.seed(42 + worker_id)", 4, []),
        ("np.random.seed(42)", 0, []),
        ("np.random.seed(42)", 4, [6]),
        ("np.random.seed(np.random.get_state()[1][0] + worker_id)", 4, [6]),
    ],
)
def test_workers(body, workers, expected):
    assert rows(rule, WORKERS.format(body=body, workers=workers)) == expected
