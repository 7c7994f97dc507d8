"""Ways to write the same program differently: what a rule says must not depend on any of them.

Each rewriting takes a syntax tree and returns one that computes the same. They are the habits in which real code
differs: a method or a function, `x ** 2` or `x * x`, a bare loop or one over `enumerate`, layers one by one.
"""

from __future__ import annotations

import ast
import copy

_ON_TENSORS = frozenset({"exp", "log", "sqrt", "sigmoid", "tanh", "mean", "sum", "abs", "softmax", "clamp", "pow"})
_MODULES = frozenset({"torch", "np", "F", "math", "nn", "self"})
_SIZES = {
    "Linear": ("in_features", "out_features"),
    "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    "ConvTranspose2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    "Embedding": ("num_embeddings", "embedding_dim"),
}
_CRITERIA = {
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "cross_entropy": "CrossEntropyLoss",
}


def _named(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _assigned(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(name, ast.Store())], value)


class Methods(ast.NodeTransformer):
    """`torch.exp(x)` becomes `x.exp()`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr=name), args=[first, *rest]) if (
                name in _ON_TENSORS and not isinstance(first, ast.Constant)
            ):
                return ast.Call(ast.Attribute(first, name, ast.Load()), rest, node.keywords)
        return node


class Functions(ast.NodeTransformer):
    """`x.exp()` becomes `torch.exp(x)`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner))) if owner in _MODULES:
                return node
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=args) if name in _ON_TENSORS:
                return ast.Call(_named(f"torch.{name}"), [value, *args], node.keywords)
        return node


class Products(ast.NodeTransformer):
    """`d ** 2` becomes `d * d`, where nothing is called twice by that."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=2)) if not any(
                isinstance(n, ast.Call) for n in ast.walk(base)
            ):
                return ast.BinOp(base, ast.Mult(), copy.deepcopy(base))
        return node


class Exchanged(ast.NodeTransformer):
    """`a * b` becomes `b * a`; a list that is repeated stays."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        plain = (ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.UnaryOp, ast.Constant)
        if isinstance(node.op, ast.Mult) and isinstance(node.left, plain) and isinstance(node.right, plain):
            return ast.BinOp(node.right, node.op, node.left)
        return node


class Halves(ast.NodeTransformer):
    """`0.5 * x` becomes `x / 2`."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.BinOp(left=ast.Constant(value=0.5), op=ast.Mult(), right=value):
                return ast.BinOp(value, ast.Div(), ast.Constant(2))
        return node


class Progress(ast.NodeTransformer):
    """`for x in loader` becomes `for x in tqdm(loader)`."""

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.iter, ast.Name):
            node.iter = ast.Call(_named("tqdm.tqdm"), [node.iter], [])
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Import([ast.alias("tqdm")]))
        return node


class Numbered(ast.NodeTransformer):
    """`for x in loader` becomes `for step_, x in enumerate(loader)`."""

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.iter, ast.Name):
            node.iter = ast.Call(_named("enumerate"), [node.iter], [])
            node.target = ast.Tuple([ast.Name("step_", ast.Store()), node.target], ast.Store())
        return node


class NamedResults(ast.NodeTransformer):
    """`return f(x)` becomes `result_ = f(x)` and `return result_`."""

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        if node.value is None or isinstance(node.value, (ast.Name, ast.Constant, ast.Tuple)):
            return node
        return [_assigned("result_", node.value), ast.Return(ast.Name("result_", ast.Load()))]


class ListedLayers(ast.NodeTransformer):
    """`nn.Sequential(a, b)` becomes a list that is filled and unpacked."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        match node.value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="nn"), attr="Sequential"), args=[_, _, *_] as layers):
                filled = [ast.Expr(ast.Call(_named("layers_.append"), [layer], [])) for layer in layers]
                unpacked = ast.Call(node.value.func, [ast.Starred(_named("layers_"), ast.Load())], [])
                return [_assigned("layers_", _named("[]")), *filled, ast.Assign(node.targets, unpacked)]
        return node


class Keywords(ast.NodeTransformer):
    """`nn.Linear(8, 2)` becomes `nn.Linear(in_features=8, out_features=2)`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="nn"), attr=name), args=args) if name in _SIZES:
                if len(args) > len(_SIZES[name]) or any(isinstance(a, ast.Starred) for a in args):
                    return node
                named = [ast.keyword(k, a) for k, a in zip(_SIZES[name], args, strict=False)]
                return ast.Call(node.func, [], named + node.keywords)
        return node


class Criteria(ast.NodeTransformer):
    """`F.mse_loss(a, b)` becomes `torch.nn.MSELoss()(a, b)`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="F"), attr=name), args=[_, _]) if name in _CRITERIA:
                return ast.Call(ast.Call(_named(f"torch.nn.{_CRITERIA[name]}"), [], node.keywords), node.args, [])
        return node


class Shapes(ast.NodeTransformer):
    """`x.size(0)` becomes `x.shape[0]`, and `x.view` becomes `x.reshape`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="size"), args=[axis]):
                return ast.Subscript(ast.Attribute(value, "shape", ast.Load()), axis, ast.Load())
            case ast.Call(func=ast.Attribute(attr="view") as function):
                function.attr = "reshape"
        return node


class OldSuper(ast.NodeTransformer):
    """`super().__init__()` becomes `super(Model, self).__init__()`."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "super":
                inner.args = [ast.Name(node.name, ast.Load()), ast.Name("self", ast.Load())]
        return node


REWRITINGS: dict[str, type[ast.NodeTransformer]] = {
    one.__name__: one
    for one in (
        Methods, Functions, Products, Exchanged, Halves, Progress, Numbered, NamedResults, ListedLayers, Keywords,
        Criteria, Shapes, OldSuper,
    )
}  # fmt: skip


def rewritten(source: str, name: str) -> str | None:
    """The program in another spelling; None where it has nothing that the rewriting changes."""
    plain = ast.parse(source)
    before = ast.unparse(plain)
    changed = REWRITINGS[name]().visit(plain)
    after = ast.unparse(ast.fix_missing_locations(changed))
    body = after.removeprefix("import tqdm\n")
    return None if body == before else after
