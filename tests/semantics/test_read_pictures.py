"""What is read from a file is data, wherever its name came from."""

from textwrap import dedent

import pytest

from aelint.semantics import understand
from aelint.semantics.objective.comparisons import comparisons
from aelint.sources.unit import SourceUnit

PROGRAM = """
import os
import cv2
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Images(Dataset):
    def __init__(self, root, network):
        self.root, self.network, self.made = root, network, []
        self.files = sorted(os.listdir(root))
        self.transform = transforms.ToTensor()

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return {item}


network = nn.Conv2d(3, 3, 1)
for x in DataLoader(Images("faces", network), batch_size=8):
    loss = nn.functional.mse_loss(network(x), x)
"""


@pytest.mark.parametrize(
    "item",
    [
        "self.transform(Image.open(os.path.join(self.root, self.files[index])).convert('RGB'))",
        "torch.from_numpy(cv2.imread(os.path.join(self.root, self.files[index]))).permute(2, 0, 1) / 255",
    ],
    ids=["PIL", "OpenCV"],
)
def test_a_picture_is_data(item):
    program = understand(SourceUnit("main.py", dedent(PROGRAM.format(item=item))))
    (comparison, *_) = comparisons(program)
    assert comparison.prediction is comparison.first
    assert comparison.target is comparison.second


@pytest.mark.parametrize(
    "item",
    ["self.made[index]", "self.network(self.transform(Image.open(self.files[index])))", "load(self.files[index])"],
    ids=["a list that something else fills", "what a network makes of a picture", "a function out of sight"],
)
def test_nothing_is_known_of(item):
    program = understand(SourceUnit("main.py", dedent(PROGRAM.format(item=item))))
    assert all(one.prediction is None for one in comparisons(program))
