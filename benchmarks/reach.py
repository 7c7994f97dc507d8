"""How far the interpreter reaches into real code, and what it costs next to parsing.

    python benchmarks/reach.py FOLDER [FOLDER ...]

Prints for each folder: the share of layer construction sites whose sizes are concrete, symbolic or unknown;
the share of networks whose `forward` is followed to its end, with a known output rank and a known batch
axis; the share of losses that are decomposed into terms; and the CPU time of understanding as a ratio to `libcst.parse_module` of the same files.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from dataclasses import dataclass, field

import libcst

from aelint.engine.collector import Collector
from aelint.engine.project import Project
from aelint.semantics import Program, understand
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import DictValue, Instance, ListValue, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.operators import REGISTRY
from aelint.semantics.operators.api import to_dim
from aelint.sources.unit import SourceUnit

SIZES = (
    "in_features",
    "out_features",
    "in_channels",
    "out_channels",
    "num_features",
    "input_size",
    "hidden_size",
    "num_embeddings",
    "embedding_dim",
)


@dataclass
class Reach:
    """Counts over one folder."""

    files: int = 0
    lines: int = 0
    sites: dict[str, set[tuple[str, int, int]]] = field(
        default_factory=lambda: {"concrete": set(), "symbolic": set(), "unknown": set()}
    )
    forwards: dict[str, int] = field(default_factory=lambda: {"all": 0, "end": 0, "rank": 0, "batch": 0})
    losses: dict[str, int] = field(default_factory=lambda: {"all": 0, "terms": 0})
    seconds: float = 0.0
    parse_seconds: float = 0.0
    slowest: tuple[float, str] = (0.0, "")


def grade(value: Value) -> str:
    """Whether a size argument is a number, an expression of named unknowns, or lost."""
    if isinstance(value, int):
        return "concrete"
    dim = to_dim(value)
    if isinstance(dim, Poly):
        named = all(not atom.name.startswith("?") for atom in dim.atoms)
        return "symbolic" if named else "unknown"
    return "concrete" if isinstance(dim, int) else "unknown"


def tensors(value: Value) -> list[Sym]:
    """The tensors in a returned value."""
    match value:
        case Sym():
            return [value]
        case tuple():
            return [t for v in value for t in tensors(v)]
        case ListValue():
            return [t for v in value.items for t in tensors(v)]
        case DictValue():
            return [t for v in value.items.values() for t in tensors(v)]
        case Instance():
            return [t for v in value.attrs.values() for t in tensors(v)]
        case _:
            return []


def count(program: Program, reach: Reach) -> None:
    """Add one program's figures."""
    for layer in program.layers:
        spec = REGISTRY.layers.get(layer.name)
        if spec is None or layer.site is None or layer.site.unit is not program.unit:
            continue
        grades = [grade(layer.bound[s]) for s in SIZES if s in layer.bound and s in dict(spec.init)]
        if grades:
            worst = "unknown" if "unknown" in grades else "symbolic" if "symbolic" in grades else "concrete"
            place = (program.unit.path, layer.site.node.lineno, layer.site.node.col_offset)
            reach.sites[worst].add(place)
    seen: set[int] = set()
    for event in program.returns:
        owner = event.function.owner
        node = event.function.node
        if event.function.name != "forward" or owner is None or id(node) in seen or not is_network(owner):
            continue
        if event.site.unit is not program.unit:
            continue
        seen.add(id(node))
        found = tensors(event.value)
        reach.forwards["all"] += 1
        reach.forwards["end"] += bool(found) and any(t.op not in {"call", "name"} for t in found)
        reach.forwards["rank"] += any(t.shape is not None for t in found)
        reach.forwards["batch"] += any(t.shape and isinstance(t.shape[0], Poly) and t.shape[0].has_batch for t in found)


def count_losses(program: Program, reach: Reach) -> None:
    """Add the losses of one program: one is decomposed if it is a sum of terms, or a term and how it is reduced."""
    for objective in objectives(program):
        if objective.value.site is None or objective.value.site.unit is not program.unit:
            continue
        reach.losses["all"] += 1
        reach.losses["terms"] += len(objective.summands) > 1 or objective.value.op in LOSSES or is_term(objective)


def is_term(objective: Objective) -> bool:
    """Whether a loss of one term is followed to what is reduced in it."""
    path = objective.summands[0].path if objective.summands else ()
    return len(path) > 1 and path[-1].op not in {"phi", "call", "param", "attr", "item", "name"}


def measure(folder: pathlib.Path, limit: int) -> Reach:
    """Read every torch file below a folder."""
    reach = Reach()
    project, collector = Project(str), Collector()
    for path in sorted(folder.rglob("*.py"))[:limit]:
        text = path.read_text(encoding="utf-8", errors="replace")
        if "torch" not in text:
            continue
        with collector.resting():
            start = time.process_time()
            try:
                libcst.parse_module(text)
            except libcst.ParserSyntaxError:
                continue
            parsed = time.process_time()
            program = understand(SourceUnit(str(path), text), project)
            done = time.process_time()
        collector.one_more()
        reach.files += 1
        reach.lines += text.count("\n")
        reach.parse_seconds += parsed - start
        reach.seconds += done - parsed
        reach.slowest = max(reach.slowest, (done - parsed, str(path)))
        count(program, reach)
        count_losses(program, reach)
    return reach


def share(part: int, whole: int) -> str:
    """A percentage."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def main() -> None:
    """Print one block per folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--limit", type=int, default=100_000, help="files per folder")
    options = parser.parse_args()
    for folder in options.folders:
        reach = measure(folder, options.limit)
        total = sum(len(s) for s in reach.sites.values())
        print(f"{folder}: {reach.files} files, {reach.lines} lines")
        print(
            "  layer sizes   "
            + ", ".join(f"{k} {share(len(v), total)}" for k, v in reach.sites.items())
            + f"  of {total} sites"
        )
        forwards = reach.forwards
        print(
            "  forwards      "
            + ", ".join(f"{k} {share(forwards[k], forwards['all'])}" for k in ("end", "rank", "batch"))
            + f"  of {forwards['all']}"
        )
        print(f"  losses        in terms {share(reach.losses['terms'], reach.losses['all'])}  of {reach.losses['all']}")
        ratio = reach.seconds / reach.parse_seconds if reach.parse_seconds else 0.0
        print(f"  cost          {ratio:.2f} x libcst parse; slowest file {reach.slowest[0]:.1f} s ({reach.slowest[1]})")


if __name__ == "__main__":
    main()
