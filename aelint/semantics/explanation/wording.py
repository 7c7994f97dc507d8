"""How messages name layers, sizes, shapes and places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Atom, Dim, Poly
from aelint.semantics.domain.values import Instance, Object, Value
from aelint.semantics.interpreter.modules import children_of

__all__ = ["layer_text", "layer_title", "layers_place", "place", "shape_text", "size_text"]

LONGEST = 70
_NAMELESS = re.compile(r"\?\d*")
"""Sizes without a name are told apart by a number that is another one in each run."""


def size_text(size: object) -> str:
    """One size: a number, `N` for the number of samples, or the expression over the unknowns."""
    match size:
        case Poly(terms=((((Atom(batch=True)),), 1),)):
            return "N"
        case Poly(terms=terms):
            return " + ".join(_term(m, c) for m, c in terms).replace("+ -", "- ")
        case _ if size is ...:
            return "..."
        case _:
            return str(size)


def _term(monomial: tuple[Atom, ...], factor: int) -> str:
    names = [size_text(Poly((((atom,), 1),))) if atom.batch else _NAMELESS.sub("?", atom.name) for atom in monomial]
    if not names:
        return str(factor)
    return "*".join(names if factor == 1 else [str(factor), *names])


def shape_text(shape: Iterable[Dim | object]) -> str:
    """A shape as Python would print it, unknown sizes by name."""
    sizes = [size_text(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


@per_program
def _attribute_names(program: Program) -> dict[int, str]:
    names: dict[int, str] = {}
    for network in program.networks:
        for name, child in children_of(network).items():
            names.setdefault(id(child), name)
    return names


def layer_text(layer: Object | Instance) -> str:
    """The layer as it is written, shortened to its class where that is long."""
    short = layer.class_name if isinstance(layer, Object) else layer.cls.name
    text = layer.site.text if layer.site is not None else ""
    fits = text and "\n" not in text and len(text) <= LONGEST
    return text if fits and short in text else short


def layer_title(program: Program, layer: Value) -> str:
    """The layer's attribute name and how it is written: "`fc_mu` (`nn.Linear(16, 8)`)"."""
    if not isinstance(layer, (Object, Instance)):
        return "the operation"
    name = _attribute_names(program).get(id(layer), "")
    return f"`{name}` (`{layer_text(layer)}`)" if name else f"`{layer_text(layer)}`"


def place(site: Site | None, seen_from: Site | None = None) -> str:
    """The row, with the file or the cell where it is another one: "line 14", "line 14 of model.py", "line 2 of cell 3"."""
    if site is None:
        return "elsewhere"
    if seen_from is not None and seen_from.unit is not site.unit:
        return f"line {site.row} of {site.unit.path.rsplit('/', 1)[-1]}"
    if site.cell is not None and (seen_from is None or seen_from.cell != site.cell):
        return f"line {site.row} of cell {site.cell}"
    return f"line {site.row}"


def layers_place(layers: Sequence[Object], seen_from: Site) -> str:
    """One layer by its kind and place, or the number of several: "the Linear of line 14", "3 layers (the first: Linear, line 14)"."""
    first = layers[0]
    kind, where = first.class_name, place(first.site, seen_from)
    return f"the {kind} of {where}" if len(layers) == 1 else f"{len(layers)} layers (the first: {kind}, {where})"
