"""All checks together cost about as much as a few training steps."""

import pytest
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pytest_aecheck import run_checks
from tests.plugin.zoo import HEALTHY

MOST = 8
"""Forward-and-backward passes of the declared batch."""


class Work(TorchDispatchMode):
    """Counts the arithmetic of matrix products and convolutions, forward and backward."""

    def __init__(self):
        super().__init__()
        self.done = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        self.done += count(*args, **(kwargs or {}), out_val=result) if count else 0
        return result


def work(run):
    with Work() as counter:
        run()
    return counter.done


@pytest.mark.parametrize("name", ["residual-dict", "gru", "transformer", "masked", "vq", "hierarchical"])
def test_all_checks_cost_at_most_eight_passes(name):
    healthy = next(one for one in HEALTHY if one.name == name)
    spec = healthy.spec()
    model, x = healthy.model(), healthy.batch(spec.batch_size, 0)
    one = work(lambda: healthy.loss(model, x).backward())
    assert one > 0
    assert work(lambda: run_checks(spec)) <= MOST * one
