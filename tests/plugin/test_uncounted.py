"""Elements of the reconstruction that nothing trains."""

import pytest

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, MLP, mse, vectors


def verdict(loss, batch=vectors):
    return run_checks(AESpec(MLP, batch, loss=loss), only=["AEC332"])["AEC332"]


@pytest.mark.parametrize("healthy", HEALTHY, ids=[healthy.name for healthy in HEALTHY])
def test_healthy_losses_look_at_everything_or_are_not_asked(healthy):
    found = run_checks(healthy.spec(), only=["AEC332"])["AEC332"]
    assert found.status in {"passed", "skipped"}, str(found)


def padded(n, seed):
    """Some samples end early, none of the columns always."""
    x = vectors(n, seed)
    for row in range(0, n, 2):
        x[row, 10:] = 0
    return x


def where_not_zero(model, x):
    return ((model(x) - x).pow(2) * (x != 0)).mean()


def without_the_edge(model, x):
    return (model(x)[:, 1:-1] - x[:, 1:-1]).pow(2).mean()


def hinge(model, x):
    return ((model(x) - x).abs() - 0.5).clamp_min(0).mean()


@pytest.mark.parametrize(
    ("loss", "batch"), [(where_not_zero, padded), (without_the_edge, vectors), (hinge, vectors), (mse, vectors)]
)
def test_losses_that_leave_a_little_out_pass(loss, batch):
    assert verdict(loss, batch).status == "passed"


def first_half(model, x):
    return (model(x)[:, :10] - x[:, :10]).pow(2).mean()


def one_column_of_each_group(model, x):
    y = model(x)
    return sum((y[:, end - 1] - x[:, end - 1]).pow(2).mean() for end in (5, 10, 15, 20))


def a_half_at_a_time(model, x):
    return first_half(model, x) + (model(x)[:, 10:] - x[:, 10:]).pow(2).mean()


def test_a_loss_that_calls_the_model_for_each_part_is_not_judged():
    assert verdict(a_half_at_a_time).status == "skipped"


@pytest.mark.parametrize(("loss", "uncounted"), [(first_half, 10), (one_column_of_each_group, 16)])
def test_columns_that_never_count_warn(loss, uncounted):
    found = verdict(loss)
    assert found.status == "warned"
    assert found.numbers["uncounted"] == uncounted
