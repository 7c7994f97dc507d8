"""Masks of attention that hide nothing."""

from __future__ import annotations

import pytest

from aelint.rules.variants import ineffective_attention_mask as rule
from tests.rules.harness import rows

HEAD = """import math
import torch
from torch import nn
import torch.nn.functional as F

tokens = torch.randint(0, 50, (4, 10))
q, k, v = (nn.Linear(64, 16)(torch.rand(4, 10, 64)) for _ in range(3))
scores = torch.matmul(nn.Linear(8, 16)(torch.rand(4, 10, 8)), nn.Linear(8, 16)(torch.rand(4, 10, 8)).transpose(1, 2)) / 4
pad = tokens == 0
future = torch.ones(10, 10, dtype=torch.bool).triu(1)
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.softmax(scores.masked_fill(pad[:, None], float('-inf')), dim=-1)", id="minus-infinity"),
        pytest.param("F.softmax(scores.masked_fill(pad[:, None], -1e4), dim=-1)", id="large-negative"),
        pytest.param(
            "F.softmax(scores.masked_fill(future, -1e9), dim=-1).masked_fill(future, 0.0)", id="weights-zeroed"
        ),
        pytest.param(
            "w = F.softmax(scores * ~pad[:, None], dim=-1) * ~pad[:, None]; w / w.sum(-1, keepdim=True)",
            id="masked-again",
        ),
        pytest.param(
            "F.softmax(scores.masked_fill(pad[:, None], -1e9).masked_fill(pad[:, :, None], -1e9), -1)",
            id="rows-as-well",
        ),
        pytest.param("F.softmax(scores.masked_fill(pad[:, :, None], -1e9), dim=1)", id="over-the-queries"),
        pytest.param(
            "F.softmax(scores.masked_fill(future, -1e9), -1).masked_fill(future, -1e9).topk(3)", id="chosen-from"
        ),
        pytest.param("F.softmax(scores + -1e9 * pad.float()[:, None], dim=-1)", id="added"),
        pytest.param("F.softmax(scores + -0.5 * pad.float()[:, :, None], dim=-1)", id="a-bias"),
        pytest.param("torch.where(future, float('-inf'), scores).softmax(-1)", id="where"),
        pytest.param("scores[:, 0] = 0.0; w = scores.softmax(-1)", id="a-column-set"),
        pytest.param("F.softmax(scores * 0.5, dim=-1)", id="a-temperature"),
        pytest.param("F.softmax(nn.Linear(16, 3)(v) * (tokens != 0).float()[:, :, None], dim=-1)", id="classes"),
        pytest.param("F.softmax(torch.rand(4, 10).masked_fill(pad, 0.0), dim=-1)", id="no-scores"),
        pytest.param("(scores * ~pad[:, None]) @ v.transpose(1, 2)", id="no-softmax"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.softmax(scores.masked_fill(pad[:, None], 1e-9), dim=-1)", id="reciprocal"),
        pytest.param("torch.softmax(scores.masked_fill(future, 0), -1)", id="zero"),
        pytest.param("torch.where(future, 0.0, scores).softmax(-1)", id="where"),
        pytest.param("scores[future.expand(4, 10, 10)] = 1e-9; w = scores.softmax(-1)", id="items-set"),
        pytest.param("scores.masked_fill_(future, 1e-9); w = F.softmax(scores, -1)", id="in-place"),
        pytest.param("scores.masked_fill(future, -1e-12).softmax(dim=-1)", id="tiny-negative"),
        pytest.param("nn.Softmax(dim=-1)(scores * (tokens != 0).unsqueeze(1))", id="multiplied"),
        pytest.param("F.softmax(scores * (tokens != 0).float()[:, None], dim=-1)", id="multiplied-by-numbers"),
        pytest.param(
            "F.softmax(nn.Linear(16, 1)(v).squeeze(-1) * (tokens != 0), dim=-1)", id="one-score-for-each-place"
        ),
        pytest.param("F.softmax(scores, dim=-1).masked_fill(future, float('-inf'))", id="after-the-softmax"),
        pytest.param("F.dropout(F.softmax(scores, dim=-1), 0.1).masked_fill(pad[:, None], -1e9)", id="after-dropout"),
        pytest.param("F.softmax(scores.masked_fill(pad.unsqueeze(2), -1e9), dim=-1)", id="rows-hidden"),
        pytest.param("F.softmax(scores + -1e10 * (1 - (tokens != 0).float()[:, :, None]), dim=-1)", id="rows-added"),
        pytest.param("F.softmax(scores - pad.float().unsqueeze(-1) * 1e4, dim=-1)", id="rows-subtracted"),
        pytest.param(
            "F.softmax(scores.masked_fill((tokens != 0)[:, :, None] == 0, -10000), dim=-1)", id="rows-compared"
        ),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [11]


def test_points_to_where_the_mask_gets_its_axes() -> None:
    source = HEAD + "mask = pad.unsqueeze(2)\nF.softmax(scores.masked_fill(mask, -1e9), dim=-1)\n"
    assert rows(rule, source) == [11]
