"""Faults injected into healthy models, each with the check that must find it."""

from tests.plugin.mutants import architecture, data, fitted, inference, latent, objective, optimisation, variants
from tests.plugin.mutants.catalogue import MUTANTS, Mutant

__all__ = [
    "MUTANTS",
    "Mutant",
    "architecture",
    "data",
    "fitted",
    "inference",
    "latent",
    "objective",
    "optimisation",
    "variants",
]
