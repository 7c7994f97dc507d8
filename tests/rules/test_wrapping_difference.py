import pytest

from aelint.rules.inference import wrapping_difference as rule
from tests.rules.harness import rows

HEAD = """import cv2
import numpy as np
import torch
from PIL import Image


def read(path):
    return cv2.imread(path)


a, b = read("a.png"), read("b.png")
"""

SILENT = {
    "cast before": "np.mean((a.astype(float) - b.astype(float)) ** 2)",
    "one side cast": "np.mean((a.astype(np.int16) - b) ** 2)",
    "divided before": "np.mean((a / 255.0 - b / 255.0) ** 2)",
    "made a tensor of floats": "(torch.from_numpy(a).float() - torch.from_numpy(b).float()).abs().mean()",
    "a difference of OpenCV": "np.mean(cv2.absdiff(a, b))",
    "no distance": "edges = a - b",
    "masks of zero and one": "x, y = (a > 9).astype(np.uint8), (b > 9).astype(np.uint8)\nnp.mean((x - y) ** 2)",
    "of unknown kind": "def f(x, y):\n    return np.mean((x - y) ** 2)",
    "an array of floats": "x, y = np.array(Image.open('a'), dtype=np.float32), np.array(Image.open('b'), dtype=np.float32)\n"
    "np.mean((x - y) ** 2)",
    "Pillow's floats": "x, y = np.array(Image.open('a').convert('F')), np.array(Image.open('b').convert('F'))\nnp.mean((x - y) ** 2)",
    "one side of floats": "np.mean((a - np.zeros((3, 3))) ** 2)",
}
LOUD = {
    "squared": "np.mean((a - b) ** 2)",
    "absolute": "np.abs(a[..., 0] - b[..., 0]).mean()",
    "in a function": "def mse(x, y):\n    return np.mean(np.square(x - y))\nmse(a, cv2.resize(b, (9, 9)))",
    "a norm": "np.linalg.norm(a - b)",
    "Pillow": "x, y = np.array(Image.open('a').convert('RGB')), np.asarray(Image.open('b'))\nnp.mean((x - y) ** 2)",
    "scaled and cast": "x, y = ((np.random.rand(2, 9, 9) * 255).astype(np.uint8) for _ in range(2))\nnp.mean((x - y) ** 2)",
    "tensors of bytes": "x, y = [(torch.rand(9) * 255).to(torch.uint8) for _ in range(2)]\n(x - y).abs().float().mean()",
    "a word for the type": "x = (np.random.rand(9, 9) * 255).astype('uint8')\nnp.mean((x - x.T.copy()) ** 2)",
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize("body", LOUD.values(), ids=LOUD)
def test_differences_of_bytes(body):
    assert len(rows(rule, HEAD + body + "\n")) == 1


def test_of_reconstructions_in_a_loop():
    source = """
    import numpy as np
    import torch

    def to_image(x):
        return (x.clamp(0, 1) * 255).permute(1, 2, 0).cpu().numpy().astype(np.uint8)

    def score(model, batch):
        errors = []
        for x, y in zip(batch, model(batch)):
            difference = to_image(x) - to_image(y)
            errors.append((difference ** 2).mean())
        return errors
    """
    assert rows(rule, source) == [11]


def test_across_two_files():
    files = {
        "main.py": "import cv2\nfrom metrics import psnr\n\nprint(psnr(cv2.imread('a.png'), cv2.imread('b.png')))\n",
        "metrics.py": "import numpy as np\n\n\ndef psnr(x, y):\n    return -10 * np.log10(np.mean((x - y) ** 2) / 255**2)\n",
    }
    assert rows(rule, files) == [5]
