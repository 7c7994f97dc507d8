"""Settings that are named after the noise of a posterior, `epsilon_std`, and where their numbers were written."""

from __future__ import annotations

import ast
import re

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import Written, written
from aelint.semantics.domain.trace import Store
from aelint.semantics.latent.posteriors import Posterior
from aelint.syntax.walk import every

__all__ = ["noise_setting"]

_OF_NOISE = re.compile(r"^(eps|epsilon|noise)_(std|stddev|sigma|scale)$")
"""A temperature says that samples are meant to lie closer to the mean; these say how wide the noise itself is."""


def noise_setting(program: Program, posterior: Posterior) -> Site | None:
    """The number that became the factor in `self.epsilon_std * noise`, up the calls that only hand it on."""
    factor = posterior.law.factor if posterior.law is not None else 1.0
    for product in ancestors(posterior.sample):
        if product.op != "mul" or product.site is None or not any(i == factor for i in product.inputs):
            continue
        names = {n.attr for n in every(ast.Attribute, product.site.node) if _OF_NOISE.match(n.attr)}
        store = next((s for s in program.stores if s.name in names and s.value == factor), None)
        if store is not None:
            return _written(store)
    return None


def _written(store: Store) -> Site | None:
    set_by = (n for n in every(ast.Assign, store.site.unit.tree) if any(t is store.site.node for t in n.targets))
    statement = next(set_by, None)
    if statement is None:
        return None
    match written(statement.value, store.name, store.site, store.context.stack):
        case Written(site=place, expression=ast.Constant()):
            return place
        case _:
            return None
