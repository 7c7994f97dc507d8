"""Where two tensors are compared with each other: losses of torch, squared and absolute differences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from aelint.rule import Site
from aelint.semantics.data.scaling import is_prepared
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, origins, through_reshapes
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Instance, Object, Sym
from aelint.semantics.objective.losses import LOSSES, reduction_word

__all__ = ["LEARNED", "Comparison", "comparisons", "data_source", "is_data", "is_output"]

LEARNED = frozenset(
    {
        "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
        "conv_transpose3d", "embedding", "lstm", "gru", "rnn", "lstm_cell", "gru_cell", "rnn_cell", "parameter",
        "multi_head_attention", "multihead_attention", "transformer", "transformer_encoder", "transformer_decoder",
        "transformer_encoder_layer", "transformer_decoder_layer", "prelu",
    }
)  # fmt: skip
"""Operations with weights: what comes out of them is an output, what never passed one is data."""
_DIFFERENCES = frozenset({"pow", "square", "abs", "mul"})


@dataclass(frozen=True, eq=False)
class Comparison:
    """`kind` is the loss, or "squared"/"absolute" difference. The operands of a difference have no order."""

    kind: str
    node: Sym
    site: Site
    first: Sym
    second: Sym
    reduction: str | None

    @property
    def ordered(self) -> bool:
        """Whether the first operand is the prediction by the loss's own definition."""
        return self.kind not in {"squared", "absolute"}

    @cached_property
    def prediction(self) -> Sym | None:
        """The operand that a network computed from data, where the other one is data."""
        sides = [(self.first, self.second), (self.second, self.first)]
        found = [a for a, b in sides if is_output(a) and is_data(b)]
        return found[0] if len(found) == 1 else None

    @property
    def target(self) -> Sym | None:
        """The operand that is data, where the other one is an output."""
        if self.prediction is None:
            return None
        return self.second if self.prediction is self.first else self.first


@per_program
def comparisons(program: Program) -> list[Comparison]:
    """Every comparison, each place and pair of operands once."""
    return list(_find(program))


def _find(program: Program) -> Iterator[Comparison]:
    for node in nodes_of(program, *LOSSES, *_DIFFERENCES):
        if node.site is None:
            continue
        if node.op in LOSSES:
            first, second = node.attrs.get("input"), node.attrs.get("target")
            if isinstance(first, Sym) and isinstance(second, Sym):
                yield Comparison(node.op, node, node.site, first, second, reduction_word(node))
        else:
            yield from _difference(node, node.site)


def _difference(node: Sym, site: Site) -> Iterator[Comparison]:
    argument = through_reshapes(node.inputs[0]) if node.inputs else None
    if not isinstance(argument, Sym) or argument.op != "sub" or len(argument.inputs) != 2:
        return
    if node.op == "pow" and node.attrs.get("exponent", node.inputs[-1]) != 2:
        return
    if node.op == "mul" and not (len(node.inputs) == 2 and node.inputs[0] is node.inputs[1]):
        return
    first, second = argument.inputs
    if isinstance(first, Sym) and isinstance(second, Sym):
        yield Comparison("absolute" if node.op == "abs" else "squared", node, site, first, second, "none")


def is_output(value: Sym) -> bool:
    """Whether weights took part in the value; rows that were picked by their numbers are what they were."""
    pending, seen = [value], set[int]()
    while pending:
        one = pending.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        if _is_known_data(one):
            continue
        if _is_learned(one):
            return True
        inputs = one.inputs[:1] if one.op in _PICKING else one.inputs
        pending.extend(i for i in inputs if isinstance(i, Sym))
    return False


_PICKING = frozenset({"getitem", "index_select", "gather", "take_along_dim"})


def is_data(value: Sym) -> bool:
    """Whether everything that the value was computed from is in sight, and no weights are among it."""
    pending, seen = [value], set[int]()
    while pending:
        one = pending.pop()
        if one.id in seen or _is_known_data(one):
            continue
        seen.add(one.id)
        if _is_learned(one) or _is_opaque(one) or _is_of_unknown(one):
            return False
        pending.extend(i for i in one.inputs if isinstance(i, Sym))
    return True


def _is_known_data(one: Sym) -> bool:
    """Whether the value is data whatever it was computed from: prepared as such, or what a file holds."""
    if is_prepared(one):
        return True
    match one:
        case Sym(op="picture"):
            return True
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name in _READERS
        case _:
            return False


_READERS = frozenset(
    "PIL.Image.open cv2.imread imageio.imread imageio.v2.imread skimage.io.imread matplotlib.pyplot.imread "
    "torchvision.io.read_image torchaudio.load librosa.load soundfile.read pandas.read_csv".split()
)


def _is_of_unknown(one: Sym) -> bool:
    """Whether the value was taken out of a list of which nothing is in sight."""
    return one.op in {"item", "element"} and bool(one.inputs) and not any(isinstance(i, (Sym, str)) for i in one.inputs)


def _is_opaque(one: Sym) -> bool:
    """Whether nothing in sight says where it came from; `.values` of what a function gave says as much as the function."""
    made = one.op == "attr" and bool(one.inputs) and isinstance(one.inputs[0], Sym) and one.inputs[0].op == "call"
    return one.op in _OPAQUE and not made


_OPAQUE = frozenset({"attr", "name", "hook"})


def _is_learned(one: Sym) -> bool:
    if one.op in LEARNED:
        return True
    # A call of something unknown may hold weights, a call of an external function does not.
    callee = one.attrs.get("callee")
    if isinstance(callee, Object) and callee.name.startswith("torchvision.transforms."):
        return False
    return one.op == "call" and isinstance(callee, (Object, Instance, Sym))


def data_source(value: Sym) -> list[Sym]:
    """The tensors whose values the operand holds, reshapes and branches undone."""
    return [o for o in origins(value) if isinstance(o, Sym) and o.op not in RESHAPES]
