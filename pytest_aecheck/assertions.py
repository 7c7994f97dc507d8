"""What the `aecheck` fixture gives: all checks at once, or single questions with the same messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pytest_aecheck.plugin import PROPERTY, listed, setting
from pytest_aecheck.runner import run_checks
from pytest_aecheck.spec import AESpec
from pytest_aecheck.verdicts import Report, Verdict

__all__ = ["Assertions", "as_record", "note"]


def as_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain values, for JSON and for travelling between processes."""
    return {
        "code": verdict.code,
        "name": verdict.name,
        "status": verdict.status.value,
        "message": verdict.message,
        "numbers": dict(verdict.numbers),
        "where": verdict.where,
        "url": verdict.url,
    }


def note(node: pytest.Item, report: Iterable[Verdict]) -> None:
    """Attach verdicts to a test, so that reports, JUnit files and the JSON file hold them."""
    for verdict in report:
        node.user_properties.append((f"{PROPERTY}.{verdict.code}", json.dumps(as_record(verdict))))


class Assertions:
    """Callable: check a model completely. Its methods ask one question each."""

    def __init__(self, config: pytest.Config, node: pytest.Item) -> None:
        self._config = config
        self._node = node

    def __call__(
        self, model: Any, batch: Any = None, *, only: Iterable[str] = (), without: Iterable[str] = (), **declared: Any
    ) -> Report:
        """Run all checks on a model (or on an `AESpec`) and raise `CheckFailure` if one fails.

        Args:
            model: an `AESpec`, a module, or a callable that builds one.
            batch: `batch(n, seed)`, or a tensor of samples.
            only: codes, beginnings of codes, or names of checks to run.
            without: the same, for checks to leave out.
            **declared: what `AESpec` takes.

        Returns:
            The report, with every verdict and its numbers.
        """
        __tracebackhide__ = True
        spec = model if isinstance(model, AESpec) else AESpec(model, batch, **declared)
        config = self._config
        report = run_checks(
            spec,
            only=tuple(only) or listed(config, "only"),
            without=(*without, *listed(config, "without")),
            shrink=True,
            profile=str(setting(config, "profile")),
        )
        if setting(config, "strict"):
            report = report.strict()
        note(self._node, report)
        return report.raise_for_failures()

    def _ask(self, *codes: str, spec: AESpec, demand: Callable[[Verdict], str] | None = None) -> Report:
        __tracebackhide__ = True
        report = run_checks(spec, only=codes)
        note(self._node, report)
        report.raise_for_failures()
        for verdict in report:
            complaint = demand(verdict) if demand else ""
            if complaint:
                raise AssertionError(f"{verdict.code} {verdict.name}: {complaint}")
        return report

    def outputs_vary(self, model: Any, batch: Any, *, relative_spread: float = 0.0, **declared: Any) -> Report:
        """The reconstruction depends on the input, and rows differ by more than `relative_spread` of the largest value."""

        def demand(verdict: Verdict) -> str:
            spread = verdict.numbers.get("relative_spread")
            if isinstance(spread, float) and spread <= relative_spread:
                return f"reconstructions differ by {spread:.3g} of the largest value; more than {relative_spread:.3g} was asked for"
            return ""

        return self._ask("AEC200", "AEC222", spec=AESpec(model, batch, **declared), demand=demand)

    def samples_independent(self, model: Any, batch: Any, **declared: Any) -> Report:
        """No sample's output depends on another sample."""
        return self._ask("AEC107", spec=AESpec(model, batch, **declared))

    def gradients_reach(self, model: Any, batch: Any, *, loss: Callable[..., Any], **declared: Any) -> Report:
        """The loss reaches every parameter that the forward pass uses."""
        return self._ask("AEC406", spec=AESpec(model, batch, loss=loss, **declared))

    def reparameterized(
        self, model: Any, batch: Any, *, loss: Callable[..., Any] | None = None, **declared: Any
    ) -> Report:
        """Every latent is drawn as mean + scale × standard normal noise, with the scale that the KL means."""
        return self._ask("AEC2", spec=AESpec(model, batch, loss=loss, **declared))

    def batches_distinct(self, loader: Any, **declared: Any) -> Report:
        """No two batches of an epoch are equal. `loader` is a loader or a callable that builds one."""
        return self.loader(loader, only=("AEC501",), **declared)

    def loader(self, loader: Any, *, only: Iterable[str] = ("AEC5",), **declared: Any) -> Report:
        """All checks of a training loader, without a model."""
        build = loader if callable(loader) and not hasattr(loader, "__iter__") else lambda: loader
        return self._ask(*only, spec=AESpec(_NoModel, 0, loader=build, **declared))


class _NoModel:
    """Stands in where only a loader is looked at."""
