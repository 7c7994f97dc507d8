import pytest

from aelint.rules.inference import percentile_as_fraction as rule
from tests.rules.harness import rows, run

HEAD = "import numpy as np\nimport torch\nerrors = np.random.rand(100)\nscores = torch.rand(100)\n"


@pytest.mark.parametrize(
    "call",
    [
        "np.percentile(errors, 99)",
        "np.percentile(errors, 99.5)",
        "np.percentile(errors, 0.1)",
        "np.percentile(errors, 1)",
        "np.percentile(errors, 100 * 0.95)",
        "np.percentile(errors, [0.5, 99.5])",
        "np.percentile(errors, rank)",
        "np.quantile(errors, 0.99)",
        "torch.quantile(scores, 0.99)",
        "scores.quantile(1)",
    ],
)
def test_silent_on_ranks_of_the_right_scale(call):
    assert rows(rule, HEAD + f"t = {call}\n") == []


@pytest.mark.parametrize(
    "call",
    [
        "np.percentile(errors, 0.99)",
        "np.percentile(errors, q=0.95)",
        "np.nanpercentile(errors, 0.5, axis=0)",
        "np.quantile(errors, 95)",
        "torch.quantile(scores, 95.0)",
        "scores.quantile(99)",
    ],
)
def test_fires_on_the_scale_of_the_other_function(call):
    assert rows(rule, HEAD + f"t = {call}\n") == [5]


def test_says_what_to_write():
    assert run(rule, HEAD + "t = np.percentile(errors, 0.99)\n")[0].message.endswith("Write 99")
