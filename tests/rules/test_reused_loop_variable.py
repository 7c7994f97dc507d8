"""AEL419: loops over the name of another value."""

import pytest

from aelint.rules.optimization import reused_loop_variable as rule
from tests.rules.harness import rows

LOOP = """
import torch
from torch import nn

model = nn.Linear(4, 4)
loader = torch.utils.data.DataLoader(torch.randn(90, 4), batch_size=5)
for i, x in enumerate(loader):
    loss = nn.functional.mse_loss(model(x), x)
    {inner}
    {after}
"""


@pytest.mark.parametrize(
    ("inner", "after"),
    [
        pytest.param("for j in range(5): loss.backward()", "print(i)", id="another name"),
        pytest.param("for i in range(5): loss.backward()", "print(loss)", id="not read"),
        pytest.param("for i in range(5): loss.backward()", "i = 3; print(i)", id="set anew"),
        pytest.param("for i in range(5): loss.backward()", "print([i for i in range(3)])", id="another scope"),
        pytest.param("for i in range(5): loss.backward()", "for i in range(3): print(i)", id="another loop"),
        pytest.param("print([i for i in range(5)])", "print(i)", id="a comprehension"),
        pytest.param(
            "for i in range(5):\n        if loss > i:\n            break", "print(i)", id="found by the inner loop"
        ),
        pytest.param(
            "if loss > 5:\n        for i in range(5): loss.backward()\n        continue",
            "print(i)",
            id="the round ends",
        ),
        pytest.param(
            "if loss > 5:\n        for i in range(5): loss.backward()\n    else:\n        print(i)",
            "loss.backward()",
            id="the other branch",
        ),
        pytest.param(
            "total = 0\n    for i, y in enumerate(x):\n        total += y.sum()",
            "print(total / (i + 1))",
            id="the inner rounds are counted",
        ),
        pytest.param("for _ in range(5): loss.backward()", "print(_)", id="a name for nothing"),
    ],
)
def test_silent_on(inner, after):
    assert rows(rule, LOOP.format(inner=inner, after=after)) == []


@pytest.mark.parametrize(
    ("inner", "after", "row"),
    [
        ("for i in range(5): loss.backward()", "print(i)", 9),
        ("for i, y in enumerate(x): loss.backward()", "if i % 10 == 0: print(loss)", 9),
        ("if loss > 5:\n        for i in range(5): loss.backward()", "print(f'{i}: {loss}')", 10),
        ("for n in range(5):\n        for x in range(n): loss.backward()", "model(x)", 10),
    ],
)
def test_names_of_the_loop_around(inner, after, row):
    assert rows(rule, LOOP.format(inner=inner, after=after)) == [row]


CROPS = """
import torch
from torchvision import transforms
import torchvision.transforms.functional as TF

def crop(images):
    i, j, h, w = transforms.RandomCrop.get_params(images[0], (8, 8))
    {before}
    for {name} in range(len(images)):
        images[{name}] = TF.crop(images[{name}], i, j, h, w)
    return images
"""


@pytest.mark.parametrize(
    ("before", "name", "found"),
    [("pass", "n", []), ("print(i)", "i", []), ("top = i", "i", []), ("pass", "i", [9]), ("pass", "j", [9])],
)
def test_names_of_a_value_beside_others(before, name, found):
    assert rows(rule, CROPS.format(before=before, name=name)) == found


def test_silent_on_attributes_as_loop_variables():
    inner = "for model.step in range(5): loss.backward()"
    text = LOOP.format(inner=inner, after="print(model.epoch)").replace(
        "for i, x in enumerate(loader)", "for model.epoch, x in enumerate(loader)"
    )
    assert rows(rule, text) == []
