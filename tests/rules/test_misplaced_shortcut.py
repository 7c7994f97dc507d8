"""Residual blocks whose shortcut is not their input."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import misplaced_shortcut as rule
from tests.rules.harness import rows

BLOCK = """import torch
from torch import nn
import torch.nn.functional as F

class Block(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.a, self.b = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.attn = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x, memory):
{body}

Block()(torch.rand(2, 9, 16), torch.rand(2, 9, 16))
"""


def block(*lines: str) -> str:
    return BLOCK.format(body="\n".join("        " + line for line in lines))


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        ("the input has a name of its own", ["out = self.b(self.a(x))", "out += x", "return out"]),
        ("a doubling of the input", ["x = x + x", "return self.a(x)"]),
        ("a doubling of something else", ["h = self.a(x)", "h = h + h", "return h"]),
        ("no layer in between", ["x = torch.relu(x)", "x += x", "return x"]),
        ("the queries are added", ["return self.norm(x + self.attn(x, memory, memory)[0])"]),
        ("attention to itself", ["return x + self.attn(x, x, x)[0]"]),
        ("both are added", ["return x + memory + self.attn(x, memory, memory)[0]"]),
        ("nothing is added", ["return self.attn(x, memory, memory)[0]"]),
        ("the keys carry positions", ["return x + self.attn(x, x + memory, x)[0]"]),
    ],
)
def test_silent_when(reason: str, lines: list[str]) -> None:
    assert rows(rule, block(*lines)) == [], reason


@pytest.mark.parametrize(
    ("row", "lines"),
    [
        (15, ["x = self.a(x).relu()", "x = self.b(x)", "x += x", "return x"]),
        (14, ["x = self.b(F.relu(self.a(x)))", "x = x + x", "return x"]),
        (13, ["return memory + self.attn(x, memory, memory)[0]"]),
        (13, ["out, _ = self.attn(memory, x, x)", "return self.norm(F.dropout(out, 0.1) + x)"]),
    ],
)
def test_fires(row: int, lines: list[str]) -> None:
    assert rows(rule, block(*lines)) == [row]


def test_points_to_the_call_that_hands_the_keys_for_the_shortcut() -> None:
    source = """
        import torch
        from torch import nn

        class Sublayer(nn.Module):
            def __init__(self):
                super().__init__()
                self.attn = nn.MultiheadAttention(16, 4, batch_first=True)

            def forward(self, q, kv, residual):
                return self.attn(q, kv, kv)[0] + residual

        class Decoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.own, self.cross = Sublayer(), Sublayer()

            def forward(self, y, memory):
                y = self.own(y, y, y)
                return self.cross(y, memory, memory)

        Decoder()(torch.rand(2, 5, 16), torch.rand(2, 5, 16))
    """
    assert rows(rule, source) == [20]


PROJECTED = """
from torch import nn

class Block(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.norm, self.conv1, self.conv2 = nn.BatchNorm2d(width), nn.Conv2d(width, out, 3), nn.Conv2d(out, out, 3)
        self.skip = nn.Conv2d(width, out, 1) if width != out else None

    def forward(self, x):
        {}
"""


def projected(*lines: str) -> str:
    return PROJECTED.format("\n        ".join(lines))


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        (
            "the input is projected",
            [
                "short = x",
                "x = self.conv2(self.conv1(x))",
                "if self.skip:",
                "    short = self.skip(short)",
                "return x + short",
            ],
        ),
        (
            "the input under another name is projected",
            [
                "short = x",
                "out = self.conv1(x)",
                "out = self.conv2(out)",
                "if self.skip:",
                "    short = self.skip(x)",
                "return out + short",
            ],
        ),
        (
            "the normed input is projected, and layers follow",
            [
                "short = x",
                "out = self.norm(x)",
                "out = out.relu()",
                "if self.skip:",
                "    short = self.skip(out)",
                "out = self.conv2(self.conv1(out))",
                "return out + short",
            ],
        ),
        (
            "the input was added before",
            ["short = x", "x = self.conv1(x)", "x = self.conv2(x) + short", "short = self.skip(x)", "return x + short"],
        ),
        (
            "a layer adds to its own input",
            ["x = self.conv1(x)", "x = self.norm(x)", "more = self.conv2(x)", "return x + more"],
        ),
    ],
)
def test_silent_on_a_projection_when(reason: str, lines: list[str]) -> None:
    assert rows(rule, projected(*lines)) == [], reason


@pytest.mark.parametrize(
    ("row", "lines"),
    [
        (
            15,
            [
                "short = x",
                "x = self.conv1(x)",
                "x = self.conv2(x)",
                "if self.skip:",
                "    short = self.skip(x)",
                "return x + short",
            ],
        ),
        (
            14,
            [
                "out = self.conv1(x).relu()",
                "out = self.conv2(out)",
                "if self.skip:",
                "    short = self.skip(out)",
                "else:",
                "    short = x",
                "out += short",
                "return out.relu()",
            ],
        ),
        (
            14,
            [
                "keep = x",
                "x = self.norm(x)",
                "x = self.conv2(self.conv1(x))",
                "keep = self.skip(x)",
                "return (keep + x).relu()",
            ],
        ),
    ],
)
def test_a_shortcut_projected_from_the_branch(row: int, lines: list[str]) -> None:
    assert rows(rule, projected(*lines)) == [row]


KEPT = """
import torch.nn as nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x, condition):
        {keep}
        x = self.one(x).relu()
        x = self.norm({second})
        return {end}
"""


@pytest.mark.parametrize(
    ("keep", "second", "end"),
    [
        pytest.param("skip = x", "self.two(x)", "x + skip", id="added"),
        pytest.param("skip = x", "self.two(x)", "[x, locals(), skip]", id="read otherwise"),
        pytest.param("skip = condition", "self.two(x)", "x", id="another argument, which the layers leave alone"),
        pytest.param("skip = x.shape", "self.two(x)", "x", id="not the input itself"),
        pytest.param("skip = x", "self.one.weight", "x", id="one layer"),
        pytest.param("pass", "self.two(x)", "x", id="no shortcut"),
    ],
)
def test_silent_on_an_input_that_is_kept_and_read(keep, second, end):
    assert rows(rule, KEPT.format(keep=keep, second=second, end=end)) == []


def test_silent_on_the_code_that_is_kept_on_the_way():
    source = KEPT.format(keep="x = self.one(x); code = x", second="self.two(x)", end="x")
    assert rows(rule, source) == []
    looped = source.replace(
        "x = self.one(x); code = x", "for layer in self.layers:\n            code = x\n            x = layer(x)"
    )
    assert rows(rule, looped) == []


@pytest.mark.parametrize(
    ("second", "end"), [("self.two(x)", "x"), ("self.two(x)", "x.relu()"), ("self.two(x) * condition", "x")]
)
def test_fires_where_the_kept_input_is_never_added(second, end):
    assert rows(rule, KEPT.format(keep="skip = x", second=second, end=end)) == [12]
