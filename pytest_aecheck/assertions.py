"""What the `aecheck` fixture gives: all checks at once, or single questions with the same messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

import pytest

from pytest_aecheck.plugin import PROPERTY, listed, setting
from pytest_aecheck.runner import run_checks
from pytest_aecheck.spec import AESpec
from pytest_aecheck.verdicts import Report, Stage, Status, Verdict

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
        "reproduce": verdict.reproduce,
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

    # --- one answer, one record -----------------------------------------------------------------------

    def _answer(self, code: str, spec: AESpec, demand: Callable[[Verdict], str] | None = None) -> Verdict:
        """The verdict of one check. Where it cannot tell, the test is skipped with the reason: silence is no answer."""
        __tracebackhide__ = True
        verdict = self._ask(code, spec=spec, demand=demand).verdicts[0]
        if verdict.status is Status.SKIPPED:
            pytest.skip(verdict.message)
        return verdict

    def latent_active(self, model: Any, batch: Any, *, least: int = 1, **declared: Any) -> Verdict:
        """At least `least` units of the trained model's latent are active (variance of the mean above 0.01).

        Returns:
            The verdict; `numbers` holds active, units, collapsed, kl, information and its ceiling (in nats).
        """
        __tracebackhide__ = True
        spec = AESpec(model, batch, stage=Stage.FITTED, **declared)
        return self._answer("AEC233", spec, lambda found: _at_least(found, "active", least))

    def decoder_uses_code(self, model: Any, batch: Any, *, least: float = 0.25, **declared: Any) -> Verdict:
        """Exchanging codes changes what the trained model decodes by at least `least` of the data's standard deviation."""
        __tracebackhide__ = True
        spec = AESpec(model, batch, stage=Stage.FITTED, **declared)
        return self._answer("AEC232", spec, lambda found: _at_least(found, "use", least))

    def better_than_mean(self, model: Any, batch: Any, *, most: float = 0.98, **declared: Any) -> Verdict:
        """The trained model leaves at most `most` of the data's variance unexplained; the mean of the data leaves 1."""
        __tracebackhide__ = True
        spec = AESpec(model, batch, stage=Stage.FITTED, **declared)
        return self._answer("AEC231", spec, lambda found: _at_most(found, "fvu", most))

    def better_than_linear(self, model: Any, batch: Any, **declared: Any) -> Verdict:
        """The trained model is not worse than principal components, as many as its code has units."""
        __tracebackhide__ = True
        return self._answer("AEC235", AESpec(model, batch, stage=Stage.FITTED, **declared), _unless_warned)

    def tells_data_from_noise(self, model: Any, batch: Any, **declared: Any) -> Verdict:
        """The trained model reconstructs data better than samples whose features were exchanged: its error can score anomalies."""
        __tracebackhide__ = True
        return self._answer("AEC236", AESpec(model, batch, stage=Stage.FITTED, **declared), _unless_warned)

    def prior_decodes_to_data(self, model: Any, batch: Any, **declared: Any) -> Verdict:
        """Draws from N(0, I) decode to the data's range, and the codes of the data are where the prior is."""
        __tracebackhide__ = True
        return self._answer("AEC627", AESpec(model, batch, stage=Stage.FITTED, **declared), _unless_warned)

    def codebook_used(self, model: Any, batch: Any, *, least: float = 0.1, **declared: Any) -> Verdict:
        """The perplexity of the trained codebook is at least the share `least` of its entries."""
        __tracebackhide__ = True

        def demand(found: Verdict) -> str:
            perplexity, entries = found.numbers.get("perplexity"), found.numbers.get("entries")
            enough = not (_number(perplexity) and _number(entries)) or perplexity >= least * entries
            return (
                ""
                if enough
                else f"the perplexity is {perplexity:.4g} of {entries} entries; a share of {least:g} was asked for"
            )

        return self._answer("AEC707", AESpec(model, batch, stage=Stage.FITTED, **declared), demand)

    def input_passes_code(self, model: Any, batch: Any, **declared: Any) -> Verdict:
        """With the code held constant, nothing of the input reaches the reconstruction."""
        __tracebackhide__ = True
        return self._answer("AEC109", AESpec(model, batch, **declared), _unless_warned)

    def terms_reduced_alike(self, model: Any, batch: Any, *, loss: Callable[..., Any], **declared: Any) -> Verdict:
        """All terms of the loss are averaged over the batch, or all are summed."""
        __tracebackhide__ = True
        return self._answer("AEC305", AESpec(model, batch, loss=loss, **declared), _unless_warned)

    def decoder_uses_units(self, model: Any, batch: Any, **declared: Any) -> Verdict:
        """Every unit of the trained code that varies over the data moves the reconstruction, too."""
        __tracebackhide__ = True
        return self._answer("AEC237", AESpec(model, batch, stage=Stage.FITTED, **declared), _unless_warned)

    def padding_without_effect(self, model: Any, batch: Any, **declared: Any) -> Verdict:
        """More padding at the end of token sequences changes nothing of what the others are decoded to."""
        __tracebackhide__ = True
        return self._answer("AEC717", AESpec(model, batch, **declared), _unless_warned)

    def restored_from_state(self, model: Any, batch: Any, **declared: Any) -> Report:
        """The state comes back into a second instance, in memory and from a file, and training goes on from it."""
        __tracebackhide__ = True
        return self._ask("AEC623", "AEC628", spec=AESpec(model, batch, **declared), demand=_unless_warned)

    def steps_repeatable(self, model: Any, batch: Any, *, train_step: Callable[..., Any], **declared: Any) -> Report:
        """Training steps go on, keep no graphs and no live states, clear gradients in time, and do not use up the learning rate."""
        __tracebackhide__ = True
        codes = ("AEC403", "AEC404", "AEC405", "AEC412", "AEC423", "AEC424", "AEC425", "AEC602")
        return self._ask(*codes, spec=AESpec(model, batch, train_step=train_step, **declared), demand=_unless_warned)

    def learning_rate_lasts(
        self, model: Any, *, optimizer: Callable[..., Any], scheduler: Callable[..., Any], steps: int
    ) -> Verdict:
        """The schedule changes the learning rate within `steps` of its steps, and does not bring it to nothing halfway."""
        __tracebackhide__ = True
        spec = AESpec(model, 0, optimizer=optimizer, scheduler=scheduler, steps=steps)
        return self._answer("AEC424", spec, _unless_warned)

    def samples_distinct(self, loader: Any, *, most: float = 0.9) -> Verdict:
        """At most a share `most` of the samples of any batch are repetitions."""
        __tracebackhide__ = True
        return self._answer("AEC521", _loading(loader), lambda found: _at_most(found, "share", most))

    def loaders_disjoint(self, loader: Any, eval_loader: Any) -> Verdict:
        """No sample of the validation loader is in the training loader as well."""
        __tracebackhide__ = True
        return self._answer("AEC506", _loading(loader, eval_loader=_building(eval_loader)))

    def covers_data(self, loader: Any) -> Verdict:
        """An epoch of the loader leaves no sample out."""
        __tracebackhide__ = True
        return self._answer("AEC522", _loading(loader), _unless_warned)

    def stream_shared_out(self, loader: Any) -> Verdict:
        """Workers of the loader read different parts of a stream. None is started."""
        __tracebackhide__ = True
        return self._answer("AEC523", _loading(loader))

    def processes_disjoint(self, loader: Any) -> Verdict:
        """Two real processes, connected by gloo, read different samples; each calls `loader`, which has to build one."""
        __tracebackhide__ = True
        return self._answer("AEC524", _loading(loader, slow=True))

    def reshuffled(self, loader: Any) -> Verdict:
        """Two epochs of the loader have another order."""
        __tracebackhide__ = True
        return self._answer("AEC505", _loading(loader, shuffled=True))

    def workers_differ(self, loader: Any) -> Verdict:
        """Workers of the loader draw different augmentations. None is started."""
        __tracebackhide__ = True
        return self._answer("AEC504", _loading(loader))

    def ranks_disjoint(self, loader: Any) -> Verdict:
        """Processes of a distributed run share out the samples. `loader` may be a function of rank and world_size."""
        __tracebackhide__ = True
        return self._answer("AEC510", _loading(loader))

    def batches_distinct(self, loader: Any, **declared: Any) -> Report:
        """No two batches of an epoch are equal. `loader` is a loader or a callable that builds one."""
        __tracebackhide__ = True
        return self.loader(loader, only=("AEC501",), **declared)

    def loader(self, loader: Any, *, only: Iterable[str] = ("AEC5",), **declared: Any) -> Report:
        """All checks of a training loader, without a model."""
        __tracebackhide__ = True
        return self._ask(*only, spec=_loading(loader, **declared))


def _at_least(verdict: Verdict, name: str, least: float) -> str:
    value = verdict.numbers.get(name)
    return f"{name} is {value:.4g}; at least {least:.4g} was asked for" if _number(value) and value < least else ""


def _at_most(verdict: Verdict, name: str, most: float) -> str:
    value = verdict.numbers.get(name)
    return f"{name} is {value:.4g}; at most {most:.4g} was asked for" if _number(value) and value > most else ""


def _number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float)


def _unless_warned(verdict: Verdict) -> str:
    """Who asks one question wants an answer, so that what only warns elsewhere fails here."""
    return verdict.message if verdict.status is Status.WARNED else ""


def _building(loader: Any) -> Callable[..., Any]:
    return loader if callable(loader) and not hasattr(loader, "__iter__") else lambda: loader


def _loading(loader: Any, **declared: Any) -> AESpec:
    return AESpec(_NoModel, 0, loader=_building(loader), **declared)


class _NoModel:
    """Stands in where only a loader is looked at."""
