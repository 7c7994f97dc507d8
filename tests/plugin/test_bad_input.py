"""Wrong declarations and broken models: one clear line each, never a traceback through the plugin."""

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, Check, CheckFailure, Report, run_checks
from pytest_aecheck.observations import Hygiene, Observations, Output, Unavailable
from pytest_aecheck.spec import SpecError
from tests.plugin.zoo import MLP, VAE, elbo, mse, vectors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": 3}, "model must be a module or a callable"),
        ({"batch": None}, "batch is missing"),
        ({"loss": 0.1}, "loss must be a callable"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
    ],
)
def test_contradicting_declaration(changes, message):
    with pytest.raises(SpecError, match=message):
        AESpec(**{"model": MLP, "batch": vectors, **changes})


def only_failure(spec):
    (failure,) = run_checks(spec, only=["AEC1", "AEC2", "AEC3"]).failed
    return failure


def test_model_that_cannot_be_built():
    def build():
        raise ValueError("no such width")

    assert "building the model raised ValueError: no such width" in only_failure(AESpec(build, vectors)).message


def test_factory_of_something_else():
    assert only_failure_or_skips(AESpec(lambda: "model", vectors)) == []


def only_failure_or_skips(spec):
    return [str(verdict) for verdict in run_checks(spec).failed]


def test_batch_of_the_wrong_shape():
    assert "mat1 and mat2" in only_failure(AESpec(MLP, lambda n, seed: torch.randn(n, 7))).message


def test_batch_callable_that_raises():
    def batch(n, seed):
        raise OSError("no data here")

    assert "OSError: no data here" in only_failure(AESpec(MLP, batch)).message


def test_loss_that_raises():
    assert "the loss raised" in only_failure(AESpec(MLP, vectors, loss=lambda m, x: m(x).nothing)).message


def test_empty_loader():
    report = run_checks(AESpec(MLP, vectors, loader=list), only=["AEC500"])
    assert "no batch at all" in report.failed[0].message


def test_output_without_reconstruction_is_a_skip_that_lists_what_was_found():
    class Scores(nn.Linear):
        def __init__(self):
            super().__init__(20, 3)

    verdict = run_checks(AESpec(Scores, vectors))["AEC222"]
    assert verdict.status == "skipped"
    assert "found output (8, 3)" in verdict.message


def test_fixed_tensors_and_built_modules_are_accepted():
    report = run_checks(AESpec(VAE(), vectors(5, 0), loss=elbo))
    assert [str(verdict) for verdict in report.failed] == []


def test_lazy_and_wrapped_modules_are_accepted():
    lazy = lambda: nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.LazyLinear(20))  # noqa: E731
    wrapped = lambda: nn.DataParallel(MLP())  # noqa: E731
    for model in (lazy, wrapped):
        assert [str(verdict) for verdict in run_checks(AESpec(model, vectors, loss=mse)).failed] == []


def test_a_check_that_breaks_is_an_error_and_not_a_pass():
    from pytest_aecheck.catalogue import Entry
    from pytest_aecheck.runner import judge_one

    def judge(observations):
        raise KeyError("typo")

    verdict = judge_one(Entry(Check("X1", "x", "x"), judge), Observations.of(), AESpec(MLP, vectors))
    assert verdict.status == "errored"
    with pytest.raises(CheckFailure, match="typo"):
        Report("m", (verdict,)).raise_for_failures()


def test_missing_observation_names_itself_once_made():
    with pytest.raises(Unavailable, match="output was not observed"):
        _ = Observations.of().output


def test_judging_needs_no_model():
    from pytest_aecheck.checks.inference.input_modified import judge

    clean = Hygiene((), False, False, (), True, 0.0, ())
    assert judge(Observations.of(hygiene=clean)).status == "passed"
    written = Hygiene((), False, True, (), True, 0.0, ())
    assert judge(Observations.of(hygiene=written)).status == "failed"
    assert Output.__dataclass_params__.frozen


def test_exempt_checks_are_counted_skips():
    report = run_checks(AESpec(MLP, vectors, exempt={"samples-mix"}))
    assert report["AEC107"].message == "declared not to apply"


def test_strict_turns_skips_into_failures():
    report = run_checks(AESpec(MLP, vectors), only=["AEC501"])
    assert not report.failed
    assert report.strict().failed
