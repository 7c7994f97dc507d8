"""Whole programs: what torch computes lies inside what the interpreter says.

Random source text is executed by Python with torch, and understood by the interpreter. Every tensor's
shape must be an instance of the predicted one, its values must lie in the predicted range, and no
contradiction may be reported for a program that runs. `AELINT_PROGRAMS=5000` runs more of them.
"""

import os
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aelint.semantics.domain.values import Sym
from tests.rules.harness import program

torch = pytest.importorskip("torch")

EXAMPLES = int(os.environ.get("AELINT_PROGRAMS", "60"))
RAISING = {"features", "channels", "rank", "elements", "broadcast", "concat", "matmul", "axis", "size"}
PRELUDE = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"

sizes = st.sampled_from([1, 2, 3, 4, 6, 8])
activations = st.sampled_from(
    [
        "nn.ReLU()",
        "nn.Sigmoid()",
        "nn.Tanh()",
        "nn.Softplus()",
        "nn.LeakyReLU(0.2)",
        "nn.Identity()",
        "nn.Softmax(dim=-1)",
    ]
)


@st.composite
def dense(draw):
    """A stack of linear layers built in one of several ways, on a batch of vectors."""
    widths = draw(st.lists(sizes, min_size=2, max_size=5))
    batch = draw(sizes)
    acts = [draw(activations) for _ in widths[1:]]
    way = draw(st.sampled_from(["literal", "loop", "list", "names", "functional"]))
    layers = [f"nn.Linear({a}, {b}), {act}" for a, b, act in zip(widths, widths[1:], acts, strict=False)]
    match way:
        case "literal":
            init, forward = f"self.net = nn.Sequential({', '.join(layers)})", "self.net(x)"
        case "loop":
            init = (
                f"sizes = {widths}\n        blocks = []\n"
                "        for i in range(len(sizes) - 1):\n"
                f"            blocks.append(nn.Linear(sizes[i], sizes[i + 1]))\n            blocks.append({acts[0]})\n"
                "        self.net = nn.Sequential(*blocks)"
            )
            forward = "self.net(x)"
        case "list":
            init = f"self.net = nn.ModuleList([nn.Linear(a, b) for a, b in zip({widths}, {widths[1:]})])"
            forward = None
        case "names":
            init = "\n        ".join(f"self.fc{i} = nn.Linear({a}, {b})" for i, (a, b) in enumerate(pairwise(widths)))
            forward = "x"
            for i in range(len(widths) - 1):
                forward = f"torch.relu(self.fc{i}({forward}))"
        case _:
            init = "\n        ".join(
                f"self.w{i} = nn.Parameter(torch.randn({b}, {a}))" for i, (a, b) in enumerate(pairwise(widths))
            )
            forward = "x"
            for i in range(len(widths) - 1):
                forward = f"F.linear({forward}, self.w{i}).tanh()"
    body = (
        f"return {forward}"
        if forward
        else "for layer in self.net:\n            x = torch.sigmoid(layer(x))\n        return x"
    )
    return _network(init, body, f"torch.rand({batch}, {widths[0]})")


@st.composite
def convolutional(draw):
    """A convolutional encoder and a decoder back, with reshapes in between."""
    channels, side, batch = draw(sizes), draw(st.sampled_from([8, 12, 16, 28])), draw(sizes)
    hidden, kernel, stride, padding = (
        draw(sizes),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 3)),
        draw(st.integers(0, 2)),
    )
    down = (side + 2 * padding - kernel) // stride + 1
    if down < 1:
        kernel, stride, padding, down = 3, 2, 1, (side - 1) // 2 + 1
    act, last = draw(activations), draw(activations)
    latent = draw(sizes)
    init = (
        f"self.conv = nn.Conv2d({channels}, {hidden}, {kernel}, {stride}, {padding})\n        self.act = {act}\n"
        f"        self.fc = nn.Linear({hidden * down * down}, {latent})\n"
        f"        self.back = nn.Linear({latent}, {hidden * down * down})\n"
        f"        self.up = nn.ConvTranspose2d({hidden}, {channels}, 4, stride=2, padding=1)"
    )
    flatten = draw(
        st.sampled_from(["h.flatten(1)", "h.view(h.size(0), -1)", "h.reshape(len(x), -1)", "torch.flatten(h, 1)"])
    )
    unflatten = draw(
        st.sampled_from(
            [
                f"d.view(-1, {hidden}, {down}, {down})",
                f"d.unflatten(1, ({hidden}, {down}, {down}))",
                f"d.reshape(x.shape[0], {hidden}, *h.shape[2:])",
            ]
        )
    )
    body = f"h = self.act(self.conv(x))\n        z = self.fc({flatten})\n        d = self.back(z)\n        return {last}(self.up({unflatten}))"
    return _network(init, body, f"torch.rand({batch}, {channels}, {side}, {side})")


STEPS = [
    "y = y.permute(0, 2, 1)", "y = y.transpose(1, 2)", "y = y.unsqueeze(1).squeeze(1)", "y = y.flatten(1).view(y.shape)",
    "y = torch.cat([y, y], dim=1)", "y = torch.stack([y, y], 1).mean(1)", "y = y.chunk(2, dim=0)[0]", "y = y[:, 1:]",
    "y = y[..., :1].expand_as(y)", "y = y * 2 - 1", "y = y.clamp(0, 1)", "y = torch.exp(-y.abs())", "y = y / 255.0",
    "y = (y - y.mean()) / 3.0", "y = y.softmax(-1)", "y = y.cumsum(1)", "y = y.repeat(1, 2, 1)", "y = torch.where(y > 0, y, -y)",
    "y = y.sum(1, keepdim=True) + y", "y = 1 - torch.sigmoid(y)", "y = y ** 2", "y = torch.einsum('bij->bji', y)",
    "y = F.pad(y, (1, 1))", "y = y.max(dim=1, keepdim=True).values + 0 * y", "y = torch.bmm(y, y.transpose(1, 2))",
    "y = y.float().detach().clone()", "if y.shape[1] > 2:\n    y = y[:, :2]", "for _ in range(2):\n    y = torch.tanh(y)",
]  # fmt: skip


@st.composite
def tensor_program(draw):
    """Straight-line code on one tensor of rank 3."""
    shape = tuple(draw(st.lists(st.sampled_from([2, 3, 4, 6]), min_size=3, max_size=3)))
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=7))
    return PRELUDE + f"y = torch.rand{shape}\n" + "\n".join(steps) + "\n"


def _network(init, body, data):
    return (
        f"{PRELUDE}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {init}\n"
        f"    def forward(self, x):\n        {body}\ny = Net()({data})\n"
    )


def check(source):
    namespace = {"__name__": "__main__"}
    torch.manual_seed(0)
    try:
        exec(compile(source, "<program>", "exec"), namespace)
        raised = None
    except (RuntimeError, IndexError, ValueError) as error:
        raised = error
    understood = program(source)
    assert not understood.notes, understood.notes
    conflicts = [c for c, _ in understood.machine.trace.conflicts if c.kind in RAISING]
    if raised is not None:
        return
    assert not conflicts, (source, conflicts[0].kind, conflicts[0].facts)
    predicted, actual = understood.entry.scope.names["y"], namespace["y"]
    assert isinstance(predicted, Sym), source
    if predicted.shape is not None:
        assert len(predicted.shape) == actual.dim(), (source, predicted.shape, actual.shape)
        for expected, size in zip(predicted.shape, actual.shape, strict=True):
            assert not isinstance(expected, int) or expected == size, (source, predicted.shape, actual.shape)
    if actual.numel() == 0:
        return
    low, high = actual.min().item(), actual.max().item()
    assert predicted.range.low - 1e-5 <= low <= high <= predicted.range.high + 1e-5, (
        source,
        predicted.range,
        low,
        high,
    )


relaxed = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@relaxed
@given(dense())
def test_dense_networks(source):
    check(source)


@relaxed
@given(convolutional())
def test_convolutional_networks(source):
    check(source)


@relaxed
@given(tensor_program())
def test_tensor_programs(source):
    check(source)
