"""Imports: files of the project are run once, everything else is a qualified name."""

from __future__ import annotations

import ast

from aelint.semantics.domain.values import MISSING, Sym, Value
from aelint.semantics.interpreter import statements
from aelint.semantics.interpreter.machine import Frame, Machine
from aelint.semantics.interpreter.scopes import Module, Scope
from aelint.sources.unit import SourceUnit
from aelint.syntax.walk import every, once_per_node

__all__ = ["load", "member", "run_import"]


def run_import(frame: Frame, node: ast.Import | ast.ImportFrom) -> None:
    """Bind what an import statement binds."""
    match node:
        case ast.Import():
            for alias in node.names:
                _bind_module(frame, alias)
        case ast.ImportFrom():
            source = _module(frame, node.module or "", node.level)
            for alias in node.names:
                if alias.name == "*":
                    _star(frame, node, source)
                    continue
                frame.bind(alias.asname or alias.name, _from(frame, node, source, alias.name))


def _bind_module(frame: Frame, alias: ast.alias) -> None:
    found = _module(frame, alias.name, 0)
    if alias.asname is not None:
        frame.bind(alias.asname, found if found is not None else frame.machine.external(alias.name))
        return
    first, _, rest = alias.name.partition(".")
    if found is not None and not rest:
        frame.bind(first, found)
        return
    top = _module(frame, first, 0)
    frame.bind(first, top if top is not None else frame.machine.external(first))


def _from(frame: Frame, node: ast.ImportFrom, source: Module | None, name: str) -> Value:
    if source is not None:
        value = source.scope.lookup(name)
        if value is not MISSING:
            return value
    submodule = _module(frame, f"{node.module}.{name}" if node.module else name, node.level)
    if submodule is not None:
        return submodule
    if source is not None or node.level:
        return Sym("name", (), {"id": name, "module": node.module or "."}, frame.site(node), name=name)
    return frame.machine.external(f"{node.module}.{name}")


def _star(frame: Frame, node: ast.ImportFrom, source: Module | None) -> None:
    if source is not None:
        for name in list(source.pending):
            source.scope.lookup(name)
        exported = {k: v for k, v in source.scope.names.items() if not k.startswith("_")}
        frame.machine.heap.touch(frame.scope)
        frame.scope.names.update(exported)
        return
    if node.module in _STARS:
        for name in _STARS[node.module]:
            frame.scope.names[name] = frame.machine.external(f"{node.module}.{name}")


def _module(frame: Frame, name: str, level: int) -> Module | None:
    # The well-known libraries are never part of a project, and asking the disk for them is slow.
    if level == 0 and name.partition(".")[0] in _LIBRARIES:
        return None
    unit = frame.machine.project.find(name, frame.unit, level)
    return load(frame.machine, unit) if unit is not None else None


def load(machine: Machine, unit: SourceUnit) -> Module | None:
    """The module of a unit, run if it was not yet; None if it cannot be parsed or too many are open."""
    known = machine.modules.get(unit.path)
    if known is not None:
        return known
    if len(machine.modules) >= machine.limits.modules:
        return None
    try:
        tree = unit.tree
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    module = Module(unit, tree, Scope())
    machine.modules[unit.path] = module
    machine.allow(len(unit.lines))
    module.scope.names.update({"__name__": "imported", "__file__": unit.path})
    module.pending.update(_bindings(tree))
    module.scope.resolver = lambda name: _resolve(machine, module, name)
    return module


def _resolve(machine: Machine, module: Module, name: str) -> Value:
    """Run the statements of an imported file that bind `name`, now that somebody wants it."""
    if machine.finished:
        return MISSING
    for wanted in (name, STAR):
        statements_of = module.pending.pop(wanted, [])
        if not statements_of:
            continue
        with machine.heap.apart(module.scope), machine.apart():
            statements.execute(Frame(machine, module, module.scope), statements_of)
        if name in module.scope.names:
            return module.scope.names[name]
    return MISSING


STAR = "*"
_FILLING = frozenset({"add_argument", "set_defaults", "append", "extend", "insert", "update", "setdefault"})
"""Methods that put something into a parser, a list or a dictionary."""


@once_per_node
def _bindings(tree: ast.AST) -> dict[str, list[ast.stmt]]:
    """The statements at module level of a file, by the names that they bind."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in getattr(tree, "body", ()):
        for name, part in _bound_by(statement):
            found.setdefault(name, []).append(part)
    return found


def _bound_by(statement: ast.stmt) -> list[tuple[str, ast.stmt]]:
    """The names that a statement at module level binds, with the part that binds each.

    An imported file gives names, filled as it fills them (`parser.add_argument(...)`, `config["width"] = 8`); its loops and
    other calls at module level are looked at when it is the entry.
    """
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method))) if method in _FILLING:
            return [(name, statement)]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [(name, statement)]
        case ast.Import(names=aliases):
            parts: list[ast.stmt] = [ast.copy_location(ast.Import([a]), statement) for a in aliases]
            return [((a.asname or a.name.partition(".")[0]), p) for a, p in zip(aliases, parts, strict=True)]
        case ast.ImportFrom(module=source, names=aliases, level=level):
            parts = [ast.copy_location(ast.ImportFrom(source, [a], level), statement) for a in aliases]
            return [(a.asname or a.name, p) for a, p in zip(aliases, parts, strict=True)]
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            return [(name, statement) for name in _assigned(statement)]
        case ast.If() | ast.Try() | ast.With():
            inner = [s for s in every(ast.stmt, statement) if s is not statement]
            names = dict.fromkeys(
                n for s in inner if not isinstance(s, (ast.If, ast.Try, ast.With)) for n, _ in _bound_by(s)
            )
            return [(name, statement) for name in names]
        case _:
            return []


def _assigned(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[str]:
    """The names that an assignment binds, and those into whose attributes and items it writes."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    bound = [n.id for t in targets for n in every(ast.Name, t) if isinstance(n.ctx, ast.Store)]
    return bound + [
        t.value.id for t in targets if isinstance(t, (ast.Attribute, ast.Subscript)) and isinstance(t.value, ast.Name)
    ]


def member(frame: Frame, module: Module, name: str, node: ast.AST) -> Value:
    """`module.name` for a file of the project."""
    value = module.scope.lookup(name)
    if value is not MISSING:
        return value
    unit = frame.machine.project.find(name, module.unit, 1)
    loaded = load(frame.machine, unit) if unit is not None else None
    return loaded if loaded is not None else Sym("attr", (), {"name": name}, frame.site(node), name=name)


_LIBRARIES = frozenset(
    "torch torchvision torchaudio numpy np scipy sklearn pandas matplotlib tqdm os sys math random time typing "
    "collections functools itertools pathlib json logging argparse dataclasses enum abc copy re warnings PIL cv2 "
    "lightning pytorch_lightning einops transformers diffusers tensorboard wandb yaml omegaconf hydra".split()
)

_NN = (
    "Module Sequential ModuleList ModuleDict Parameter Linear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d "
    "ConvTranspose3d BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm LayerNorm InstanceNorm2d ReLU LeakyReLU ELU GELU "
    "SELU SiLU PReLU Sigmoid Tanh Softplus Softmax LogSoftmax Dropout Dropout2d Flatten Unflatten Identity Embedding "
    "RNN LSTM GRU LSTMCell GRUCell MaxPool1d MaxPool2d AvgPool2d AdaptiveAvgPool2d Upsample MSELoss L1Loss BCELoss "
    "BCEWithLogitsLoss CrossEntropyLoss NLLLoss KLDivLoss SmoothL1Loss HuberLoss MultiheadAttention "
    "TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer functional init utils"
).split()
_STARS: dict[str | None, list[str]] = {
    "torch.nn": _NN,
    "torch": "nn optim Tensor tensor zeros ones randn rand exp log sigmoid tanh relu cat stack no_grad mean sum".split(),
    "torch.nn.functional": "relu leaky_relu elu gelu sigmoid tanh softplus softmax log_softmax mse_loss l1_loss "
    "binary_cross_entropy binary_cross_entropy_with_logits cross_entropy nll_loss kl_div dropout linear".split(),
    "torch.optim": "Adam AdamW SGD RMSprop Adagrad Adadelta lr_scheduler".split(),
    "torch.utils.data": "Dataset DataLoader TensorDataset Subset random_split IterableDataset".split(),
    "math": "exp log sqrt prod ceil floor pi".split(),
}
