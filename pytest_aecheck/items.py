"""One pytest item per check."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from pytest_aecheck.catalogue import Entry, all_checks, select
from pytest_aecheck.plugin import listed, setting
from pytest_aecheck.spec import AESpec, SpecError
from pytest_aecheck.verdicts import CheckFailure, Status, Verdict, strictly

if TYPE_CHECKING:
    from pytest_aecheck.observations import Observations
    from pytest_aecheck.strategies import DrawnObservations

__all__ = ["BoundCheck", "model_items", "parametrize_with_checks"]


class _Shared:
    """The observations of one spec, made once for all of its items."""

    def __init__(self, spec: AESpec, profile: str | None = None) -> None:
        self.spec = spec
        self.profile = profile
        """None until a test session says which one it wants."""
        self.made: Observations | None = None

    def observations(self) -> Observations:
        if self.made is None:
            from pytest_aecheck.probes.observatory import observe

            self.made = observe(self.spec)
        return self.made

    @cached_property
    def others(self) -> DrawnObservations | None:
        from pytest_aecheck.runner import other_batches

        return other_batches(self.spec, self.profile or "fast")


class BoundCheck:
    """A check of one model, as a test's argument: call it."""

    def __init__(self, entry: Entry, shared: _Shared) -> None:
        self.entry = entry
        self._shared = shared
        self._item: pytest.Item | None = None

    def __repr__(self) -> str:
        return f"{self.entry.id}({self._shared.spec.title})"

    def attach(self, item: pytest.Item) -> None:
        """Know the test that is about to run: its session's options hold, and its report takes the verdict."""
        self._item = item
        self._shared.profile = self._shared.profile or str(setting(item.config, "profile"))

    def verdict(self) -> Verdict:
        """Judge, without raising."""
        from pytest_aecheck.plugin import require_torch

        require_torch()
        from pytest_aecheck.runner import judge_one
        from pytest_aecheck.strategies import smallest_failing

        spec = self._shared.spec
        verdict = judge_one(self.entry, self._shared.observations(), spec)
        others = self._shared.others
        if verdict.status is Status.PASSED and others is not None:
            return others.look(self.entry, verdict)
        return smallest_failing(self.entry, spec, verdict) if verdict.status is Status.FAILED else verdict

    def __call__(self, *, strict: bool | None = None) -> Verdict:
        """Raise on failure, skip with the reason where the check lacks something."""
        __tracebackhide__ = True
        verdict = self.verdict()
        if self._item is not None:
            from pytest_aecheck.assertions import note

            strict = bool(setting(self._item.config, "strict")) if strict is None else strict
            verdict = strictly(verdict) if strict else verdict
            note(self._item, [verdict])
        elif strict:
            verdict = strictly(verdict)
        match verdict.status:
            case Status.FAILED | Status.ERRORED:
                raise CheckFailure(f"{self._shared.spec.title}\n{verdict}")
            case Status.SKIPPED:
                pytest.skip(verdict.message)
            case _:
                return verdict


def parametrize_with_checks(
    specs: AESpec | Sequence[AESpec],
    *,
    only: Iterable[str] = (),
    without: Iterable[str] = (),
    profile: str | None = None,
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Parametrise a test function over checks; the function takes `check` and calls it.

    Every check is a test item of its own (`-k samples-mix`, `-k AEC4`); the model runs once for all of them. The profile
    is that of `run_checks`; by default, that of `--aecheck-profile`.

    Example:
        @parametrize_with_checks(AESpec(VAE, make_batch, loss=loss))
        def test_vae(check):
            check()
    """
    specs = [specs] if isinstance(specs, AESpec) else list(specs)
    entries = select(all_checks(), only, without)
    bound, ids = [], []
    for spec in specs:
        shared = _Shared(spec, profile)
        for entry in entries:
            bound.append(BoundCheck(entry, shared))
            ids.append(f"{spec.title}-{entry.id}" if len(specs) > 1 else entry.id)
    parametrize = pytest.mark.parametrize("check", bound, ids=ids)
    return lambda function: pytest.mark.aecheck(parametrize(function))


class CheckItem(pytest.Item):
    """A check of the model that was named on the command line."""

    def __init__(self, *, bound: BoundCheck, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.bound = bound
        self.add_marker("aecheck")

    def runtest(self) -> None:
        """Judge; raise or skip."""
        from pytest_aecheck.assertions import note

        verdict = self.bound.verdict()
        verdict = strictly(verdict) if setting(self.config, "strict") else verdict
        note(self, [verdict])
        if verdict.status in (Status.FAILED, Status.ERRORED):
            raise CheckFailure(str(verdict))
        if verdict.status is Status.SKIPPED:
            pytest.skip(verdict.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict alone: a traceback through the plugin tells nothing."""
        if isinstance(excinfo.value, CheckFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Where the item comes from, for headings."""
        return "aecheck", None, self.name


def model_items(session: pytest.Session, config: pytest.Config) -> list[pytest.Item]:
    """Items for `--aecheck-model`, with batches of uniform random numbers of the given shape."""
    spec = spec_from_options(config)
    shared = _Shared(spec, str(setting(config, "profile")))
    entries = select(all_checks(), listed(config, "only"), listed(config, "without"))
    return [
        CheckItem.from_parent(session, name=f"aecheck[{entry.id}]", bound=BoundCheck(entry, shared))
        for entry in entries
    ]


def spec_from_options(config: pytest.Config) -> AESpec:
    """The declaration that the command line makes."""
    shape = config.getoption("aecheck_input")
    if not shape:
        raise pytest.UsageError("--aecheck-model needs --aecheck-input, the shape of one sample, such as 1,28,28")
    try:
        sizes = tuple(int(part) for part in shape.split(","))
    except ValueError:
        raise pytest.UsageError(f"--aecheck-input must be integers separated by commas, not {shape!r}") from None

    def batch(n: int, seed: int) -> Any:
        import torch

        return torch.rand(n, *sizes, generator=torch.Generator().manual_seed(seed))

    name = config.getoption("aecheck_model")
    loss = config.getoption("aecheck_loss")
    try:
        return AESpec(_imported(name), batch, loss=_imported(loss) if loss else None, name=name)
    except SpecError as error:
        raise pytest.UsageError(str(error)) from None


def _imported(reference: str) -> Any:
    module, colon, name = reference.partition(":")
    if not colon:
        raise pytest.UsageError(f"{reference!r} must be written module:name")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"cannot import {reference!r}: {error}") from None
