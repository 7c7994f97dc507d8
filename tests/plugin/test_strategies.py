"""Batches are drawn by seed and pattern, stay inside the data's range, and shrink to something to paste."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.strategies import DrawnBatch, batches, drawn
from tests.plugin.zoo import MLP, images, mse, tokens, vectors


@given(batches())
@settings(max_examples=25, deadline=None)
def test_drawn_batches_have_the_size_asked_for_and_stay_in_range(how):
    x = Bench(drawn(AESpec(MLP, images), how)).batch(how.samples, 0)
    assert x.shape == (how.samples, 1, 16, 16)
    assert float(x.min()) >= 0
    assert float(x.max()) <= 1


def test_tokens_are_never_blended():
    x = Bench(drawn(AESpec(MLP, tokens), DrawnBatch(4, 0, "blended"))).batch(4, 0)
    assert not x.is_floating_point()


def test_the_code_to_paste_makes_the_batch():
    for pattern in ("as given", "reversed", "blended"):
        how = DrawnBatch(3, 5, pattern)
        scope = {"batch": vectors}
        exec(how.code(), scope)
        assert torch.allclose(scope["x"], Bench(drawn(AESpec(MLP, vectors), how)).batch(3, 0))


def test_a_failure_names_the_smallest_batch_on_which_it_is_seen():
    (failure,) = run_checks(AESpec(Deaf, vectors, loss=mse), only=["AEC200"], shrink=True).failed
    assert failure.reproduce == "x = batch(2, 0)"


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_a_search_that_runs_out_of_time_keeps_what_it_found(monkeypatch, looks):
    ticks = iter([0.0, *[1.0] * looks])
    monkeypatch.setattr("pytest_aecheck.strategies.time.monotonic", lambda: next(ticks, 100.0))
    (failure,) = run_checks(AESpec(Deaf, vectors, loss=mse), only=["AEC200"], shrink=True).failed
    assert failure.reproduce == ("x = batch(2, 0)" if looks else "x = batch(8, 0)")


class Deaf(MLP):
    def forward(self, x):
        return super().forward(x) * 0


class DeafToSeed(MLP):
    """Ignores its input where the first value is positive: one declared batch does not show it."""

    def forward(self, x):
        return super().forward(x) * float(x[0, 0] < 0)


def test_drawn_batches_find_what_the_declared_one_hides():
    seed = next(s for s in range(20) if vectors(8, s)[0, 0] < 0 and vectors(8, s + 1)[0, 0] < 0)

    def batch(n, s):
        return vectors(n, seed + s)

    spec = AESpec(DeafToSeed, batch)
    assert run_checks(spec, only=["AEC200"])["AEC200"].status == "passed"
    found = run_checks(spec, only=["AEC200"], profile="gate")["AEC200"]
    assert found.status == "failed"
    assert found.reproduce.startswith("x = batch(")


def test_all_checks_of_a_run_look_at_the_same_drawn_batches():
    seen = set()

    def batch(n, seed):
        seen.add(seed)
        return vectors(n, seed)

    spec = AESpec(MLP, batch, loss=mse)
    run_checks(spec, only=["AEC200"], profile="gate")
    alone = set(seen)
    run_checks(spec, only=["AEC200", "AEC116", "AEC406"], profile="gate")
    assert seen == alone


def test_unknown_profile_is_named():
    with pytest.raises(ValueError, match="'thorough'"):
        run_checks(AESpec(MLP, vectors), only=["AEC200"], profile="thorough")


def test_everything_that_is_drawn_can_be_pasted():
    how = DrawnBatch(3, 5, "blended", noise_seed=4, layout="channels_last", dtype="float64")
    scope = {"batch": images, "torch": torch, "model": torch.nn.Linear(2, 2)}
    exec(how.code(), scope)
    spec = drawn(AESpec(MLP, images), how)
    x = Bench(spec).batch(3, 0)
    assert torch.allclose(scope["x"], x)
    assert x.stride() == scope["x"].stride()
    assert x.dtype == scope["model"].weight.dtype == torch.float64
    assert spec.seed == 4


def test_a_strided_batch_is_not_contiguous():
    x = Bench(drawn(AESpec(MLP, vectors), DrawnBatch(3, 0, layout="strided"))).batch(3, 0)
    assert not x.is_contiguous()


class SinglePrecisionOnly(MLP):
    """Deaf where it is run in double precision."""

    def forward(self, x):
        return super().forward(x) * float(x.dtype == torch.float32)


def test_precisions_are_drawn_on_request_alone():
    spec = AESpec(SinglePrecisionOnly, vectors, loss=mse)
    assert run_checks(spec, only=["AEC200"], profile="gate")["AEC200"].status == "passed"
    asked = spec.but(draws=batches(dtypes=("", "float64")))
    found = run_checks(asked, only=["AEC200"], profile="gate")["AEC200"]
    assert found.status == "failed"
    assert "x, model = x.to(torch.float64), model.to(torch.float64)" in found.reproduce


def small_vectors():
    return st.builds(vectors, st.integers(2, 6), st.integers(0, 50)).map(lambda x: x[:, :20])


def test_the_batch_may_be_a_strategy():
    spec = AESpec(MLP, small_vectors(), loss=mse)
    report = run_checks(spec, profile="gate")
    assert [str(verdict) for verdict in report.failed] == []
    assert report["AEC107"].status == "passed"


def test_a_failure_on_a_drawn_tensor_is_printed():
    found = run_checks(AESpec(Deaf, small_vectors(), loss=mse), only=["AEC200"], shrink=True)["AEC200"]
    assert found.status == "failed"
    assert found.reproduce.startswith("x = torch.tensor([[")
    scope = {"torch": torch}
    exec(found.reproduce, scope)
    assert scope["x"].shape == (2, 20)


def test_the_users_hypothesis_profile_says_how_many_batches_are_drawn():
    from pytest_aecheck.strategies import DrawnObservations

    assert DrawnObservations(AESpec(MLP, vectors), "gate").examples == 5
    before = settings.default
    settings.register_profile("many", max_examples=12, derandomize=True)
    settings.load_profile("many")
    try:
        made = DrawnObservations(AESpec(MLP, vectors), "full")
        assert (made.examples, made.seed) == (12, 0)
    finally:
        settings.register_profile("before", before)
        settings.load_profile("before")


def test_what_is_no_strategy_is_refused():
    with pytest.raises(TypeError, match="draws must be a hypothesis strategy"):
        AESpec(MLP, vectors, draws=[1, 2])
    with pytest.raises(ValueError, match="not diagonal"):
        batches(layouts=("diagonal",))
