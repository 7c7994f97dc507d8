"""Which probe makes which observation. Each is made once per model, on first use."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.spec import AESpec

__all__ = ["observe"]

_PROBES = {
    "attempts": "attempts:observe_attempts",
    "output": "forward:observe_output",
    "hygiene": "forward:observe_hygiene",
    "dependence": "dependence:observe_dependence",
    "mixing": "mixing:observe_mixing",
    "reach": "reach:observe_reach",
    "objective": "objective:observe_objective",
    "program": "program:observe_program",
    "forecast": "forecast:observe_forecast",
    "fitted": "fitted:observe_fitted",
    "baselines": "fitted:observe_baselines",
    "prior_samples": "decoding:observe_prior_samples",
    "codebooks": "usage:observe_codebooks",
    "teacher": "teacher:observe_teacher",
    "players": "players:observe_players",
    "masking": "masking:observe_masking",
    "categoricals": "categorical:observe_categoricals",
    "routes": "routes:observe_routes",
    "generation": "routes:observe_generation",
    "posteriors": "posterior:observe_posteriors",
    "round_trip": "roundtrip:observe_round_trip",
    "saved": "files:observe_saved",
    "inverses": "roundtrip:observe_inverses",
    "weights": "weights:observe_weights",
    "loader": "loaders:observe_loader",
    "coverage": "coverage:observe_coverage",
    "processes": "processes:observe_processes",
    "padding": "padding:observe_padding",
    "more_padding": "padding:observe_more_padding",
    "judged": "judged:observe_judged",
    "stream": "coverage:observe_stream",
    "step": "steps:observe_step",
    "progress": "progress:observe_progress",
    "schedule": "progress:observe_schedule",
    "quantizer_balance": "commitment:observe_quantizer_balance",
    "modes": "modes:observe_modes",
    "penalty": "penalty:observe_penalty",
    "overfit": "overfit:observe_overfit",
    "quantizers": "quantizers:observe_quantizers",
    "ranks": "ranks:observe_ranks",
    "worker_noise": "workers:observe_worker_noise",
    "latent_use": "decoding:observe_latent_use",
    "unit_use": "units:observe_unit_use",
    "code_use": "decoding:observe_code_use",
    "scaling": "scaling:observe_scaling",
    "bypass": "bypass:observe_bypass",
}


def observe(spec: AESpec) -> Observations:
    """Observations of one model, made when a check asks."""
    bench = Bench(spec)

    def make(name: str) -> Any:
        if name == "spec":
            return bench.spec
        module, function = _PROBES[name].split(":")
        probe: Callable[[Bench], Any] = getattr(import_module(f"pytest_aecheck.probes.{module}"), function)
        return probe(bench)

    return Observations(make)
