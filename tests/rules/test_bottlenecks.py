import pytest

from aelint.rules.architecture import bottleneck_too_narrow, bottleneck_too_wide, starved_encoder
from tests.rules.harness import rows, run

TEXT = """
import torch
import torch.nn as nn

encoder = nn.Sequential(nn.Linear({data}, {hidden}), nn.ReLU(), nn.Linear({hidden}, {code}))
decoder = nn.Sequential(nn.Linear({code}, 64), nn.ReLU(), nn.Linear(64, {data}))
x = torch.rand(8, {data})
{line}
loss = nn.functional.mse_loss(decoder(encoder(x)), x)
"""


def ae(data: int = 50, hidden: int = 64, code: int = 8, line: str = "") -> str:
    return TEXT.format(data=data, hidden=hidden, code=code, line=line)


RULES = (bottleneck_too_wide, bottleneck_too_narrow, starved_encoder)


@pytest.mark.parametrize("code", [2, 3, 8, 49])
@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.RULE.name)
def test_silent_on_usual_codes(rule, code):
    assert rows(rule, ae(code=code)) == []


def test_wide_is_silent_on_sparse_and_regularised_codes():
    assert rows(bottleneck_too_wide, ae(code=80, line="penalty = encoder(x).abs().mean()")) == []
    assert (
        rows(bottleneck_too_wide, ae(code=80, line="o = torch.optim.Adam(encoder.parameters(), weight_decay=1e-4)"))
        == []
    )


def test_wide_fires_on_a_code_that_can_hold_the_data():
    found = run(bottleneck_too_wide, ae(code=64))
    assert [f.site.row for f in found] == [5]
    assert "64 numbers for samples of 50" in found[0].message


def test_narrow_fires_on_one_number():
    assert rows(bottleneck_too_narrow, ae(code=1)) == [5]


def test_narrow_takes_its_limit_from_the_settings():
    assert rows(bottleneck_too_narrow, ae(code=2), {"smallest-share": 0.1}) == [5]


def test_starved_fires_on_a_hidden_layer_below_the_code():
    found = run(starved_encoder, ae(hidden=4, code=8))
    assert [f.site.row for f in found] == [5]
    assert "gives 4 numbers" in found[0].message
