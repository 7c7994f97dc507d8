"""Which rounds of a loop are certain to run as they are followed, and which are a guess."""

import pytest

from tests.semantics.reading import understood

LOOP = """
blocks = nn.ModuleList([nn.Linear(8, 8) for _ in range(count)])
widths = [8, 8]


def run(loader, x):
    for {target} in {iterable}:
        torch.exp(x)
"""


def first_round(target, iterable):
    """Whether the first round of the loop is a guess."""
    call = next(iter(understood(LOOP.format(target=target, iterable=iterable)).calls_to("exp")))
    return call.context.speculative


@pytest.mark.parametrize(
    ("target", "iterable"),
    [
        pytest.param("block", "blocks", id="modules"),
        pytest.param("i, block", "enumerate(blocks)", id="enumerated"),
        pytest.param("block, width", "zip(blocks, widths)", id="zipped"),
        pytest.param("i, (block, width)", "enumerate(zip(blocks, widths))", id="both"),
    ],
)
def test_which_block_of_an_open_list_comes_in_which_round_is_a_guess(target, iterable):
    assert first_round(target, iterable)


@pytest.mark.parametrize(
    ("target", "iterable"),
    [
        pytest.param("batch", "loader", id="data"),
        pytest.param("i, batch", "enumerate(loader)", id="enumerated"),
        pytest.param("i, (batch, label)", "enumerate(zip(loader, loader))", id="both"),
    ],
)
def test_the_first_batch_is_as_good_as_any(target, iterable):
    assert not first_round(target, iterable)
