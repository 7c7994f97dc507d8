"""Faults injected into healthy models, each with the check that must find it."""

from tests.plugin.mutants import architecture, data, inference, latent, objective, optimisation
from tests.plugin.mutants.catalogue import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "architecture", "data", "inference", "latent", "objective", "optimisation"]
