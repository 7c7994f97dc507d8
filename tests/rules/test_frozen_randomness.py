import pytest

from aelint.rules.data import frozen_randomness as rule
from tests.rules.harness import rows, run

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


OWN = """
import random
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

class Masks:
    def __init__(self):
        self.rng = {made}

    def __call__(self):
        return {draw}

class Masked(Dataset):
    def __init__(self):
        self.images, self.masks = torch.rand(64, 784), Masks()

    def __len__(self):
        return 64

    def __getitem__(self, i):
        {before}
        return self.images[i], self.masks()

def seed_worker(worker_id):
    torch.utils.data.get_worker_info().dataset.masks.rng = np.random.RandomState(torch.initial_seed() % 2**32)

loader = DataLoader(Masked(), batch_size=8, {options})
"""
SHUFFLED = "shuffle=True, num_workers=4"
NUMPY = {"made": "np.random.RandomState(0)", "draw": "self.rng.rand(784) < 0.75", "before": "pass", "options": SHUFFLED}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"options": "shuffle=True"}, id="no workers"),
        pytest.param({"options": "shuffle=True, num_workers=1"}, id="one worker"),
        pytest.param({"options": "num_workers=4"}, id="a validation loader repeats its noise on purpose"),
        pytest.param({"options": SHUFFLED + ", worker_init_fn=seed_worker"}, id="seeded in each worker"),
        pytest.param({"draw": "torch.rand(784) < 0.75"}, id="torch seeds its own generator"),
        pytest.param({"draw": "np.random.rand(784) < 0.75"}, id="and that of numpy"),
        pytest.param(
            {"made": "torch.full((784,), 0.75)", "draw": "self.rng.bernoulli()"}, id="so does a tensor of rates"
        ),
        pytest.param({"before": "self.masks.rng = np.random.RandomState(i)"}, id="built for each sample"),
        pytest.param(
            {"before": "self.masks.rng.set_state(states[torch.utils.data.get_worker_info().id])"},
            id="each worker's own state",
        ),
        pytest.param({"before": "self.masks.rng.seed(i)"}, id="seeded for each sample"),
        pytest.param(
            {"before": "self.masks.rng.bit_generator.advance(1000 * torch.utils.data.get_worker_info().id)"},
            id="moved on by the number of the worker",
        ),
        pytest.param(
            {"before": "image = self.images[i].clone()", "draw": "torch.rand(784) < 0.75"},
            id="a tensor that it keeps is no generator",
        ),
    ],
)
def test_silent_on_generators_that_differ_or_need_not(changes):
    assert rows(rule, OWN.format(**{**NUMPY, **changes})) == []


def test_silent_where_the_shuffled_data_set_is_not_the_one_with_the_generator():
    plain = """
class Plain(Masked):
    def __getitem__(self, i):
        return self.images[i]

training = DataLoader(Plain(), batch_size=8, shuffle=True, num_workers=4)
"""
    masked = OWN.format(**{**NUMPY, "options": "num_workers=4"})
    assert rows(rule, masked + plain) == []
    assert rows(rule, masked + plain.replace("self.images[i]", "self.images[i] * self.masks()")) == [9]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="numpy"),
        pytest.param({"made": "random.Random(0)", "draw": "self.rng.random() < 0.5"}, id="random"),
        pytest.param(
            {"made": "torch.Generator().manual_seed(0)", "draw": "torch.rand(784, generator=self.rng)"}, id="torch"
        ),
    ],
)
def test_a_generator_that_every_worker_copies(changes):
    again = "\nother = DataLoader(Masked(), batch_size=8, shuffle=True, num_workers=2)"
    (finding,) = run(rule, OWN.format(**{**NUMPY, **changes}) + again)
    assert finding.site.row == 9
    assert [note.site.row for note in finding.notes][1] == 28
