"""AEL340: distances between sets that arrive on their side."""

import pytest

from aelint.rules.objective import set_distance_layout as rule
from tests.rules.harness import rows, run

PROGRAM = """
import torch
from torch import nn

def chamfer(a, b):
    d = {distances}
    return {nearest}

encoder, decoder = nn.Linear(192, 16), nn.Linear(16, 192)
for points in loader:
    output = decoder(encoder(points.flatten(1))).view(-1, {sizes})
    loss = chamfer({given})
    loss.backward()
"""
WRITTEN_OUT = "(a.unsqueeze(2) - b.unsqueeze(1)).pow(2).sum(-1)"
GOOD = {
    "distances": "torch.cdist(a, b)",
    "nearest": "d.min(2).values.mean() + d.min(1).values.mean()",
    "sizes": "64, 3",
    "given": "output, points",
}
WRONG = {"sizes": "3, 64"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="points-are-rows"),
        pytest.param({"sizes": "3, 64", "given": "output.transpose(1, 2), points.transpose(1, 2)"}, id="transposed"),
        pytest.param({"distances": WRITTEN_OUT}, id="points-are-rows-and-the-distance-is-written-out"),
        pytest.param({**WRONG, "nearest": "d.min(2).values.mean()"}, id="prototypes-each-row-to-its-nearest"),
        pytest.param({**WRONG, "nearest": "d.mean()"}, id="an-average-distance"),
        pytest.param({"sizes": "32, 6"}, id="sets-of-six-numbers"),
        pytest.param({"sizes": "3, 4, 16"}, id="no-set"),
        pytest.param({**WRONG, "distances": "(a - b).pow(2)"}, id="compared-place-by-place"),
        pytest.param({"sizes": "3, 5"}, id="three-points-of-five-numbers"),
        pytest.param({**WRONG, "given": "points, points.flip(0).view(-1, 3, 64)"}, id="data-beside-data"),
        pytest.param({"sizes": "count, 3"}, id="of-unknown-size"),
    ],
)
def test_silent(changes: dict[str, str]) -> None:
    assert rows(rule, PROGRAM.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="cdist"),
        pytest.param({"distances": "torch.cdist(a, b) ** 2"}, id="squared"),
        pytest.param({"distances": WRITTEN_OUT}, id="written-out"),
        pytest.param({"distances": "(a[:, :, None] - b[:, None]).abs().sum(-1)"}, id="indexed"),
        pytest.param({"distances": "(a[:, :, None] - b[:, None]).norm(dim=-1)"}, id="norm"),
        pytest.param({"nearest": "torch.min(d, dim=1)[0].sum() + torch.min(d, dim=-1)[0].sum()"}, id="summed"),
        pytest.param({"nearest": "d.amin(1).mean() + d.amin(2).mean()"}, id="amin"),
        pytest.param({"sizes": "2, 96"}, id="points-of-a-plane"),
        pytest.param({"given": "points, output"}, id="the-other-way-round"),
    ],
)
def test_fires_where_the_sets_are_handed_over(changes: dict[str, str]) -> None:
    assert rows(rule, PROGRAM.format(**{**GOOD, **WRONG, **changes})) == [12]


def test_fires_at_the_distances_where_nothing_is_handed_over() -> None:
    source = PROGRAM.format(**{**GOOD, **WRONG}).replace(
        "    loss = chamfer(output, points)",
        "    d = torch.cdist(output, points)\n    loss = d.min(1)[0].mean() + d.min(2)[0].mean()",
    )
    assert rows(rule, source) == [12]


def test_the_shape_is_told() -> None:
    (found,) = run(rule, PROGRAM.format(**{**GOOD, **WRONG}))
    assert "its 3 rows of 64 coordinates each" in found.message
    assert [note.site.row for note in found.notes] == [6]
