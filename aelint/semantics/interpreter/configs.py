"""Command-line parsers as configurations: the defaults are what a run without arguments sees."""

from __future__ import annotations

import ast

from aelint.semantics.domain.values import External, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.machine import Frame

__all__ = ["add_argument", "new_parser", "parse"]

_DEFAULTS = "#defaults"
_SITES = "#sites"


def new_parser(frame: Frame, node: ast.AST) -> Object:
    """`argparse.ArgumentParser(...)`."""
    return Object("argparse.ArgumentParser", site=frame.site(node))


def add_argument(
    frame: Frame, parser: Object, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> None:
    """Remember the default of one argument under its destination."""
    flags = [a for a in args if isinstance(a, str)]
    if not flags:
        return
    long = next((f for f in flags if f.startswith("--")), flags[0])
    given = kwargs.get("dest")
    name: str = given if isinstance(given, str) else long.lstrip("-").replace("-", "_")
    defaults = parser.attrs.setdefault(_DEFAULTS, {})
    parser.attrs.setdefault(_SITES, {})[name] = frame.site(node)
    match kwargs:
        case {"default": default}:
            defaults[name] = _typed(default, kwargs.get("type"))
        case {"action": "store_true"}:
            defaults[name] = False
        case {"action": "store_false"}:
            defaults[name] = True
        case _ if flags[0].startswith("-"):
            defaults[name] = None
        case _:
            defaults[name] = Sym("param", (), {"name": name}, name=name)


def _typed(default: Value, kind: Value) -> Value:
    # `type` is applied to defaults that are strings.
    match default, kind:
        case str(), External(name="builtins.int" | "builtins.float" as name):
            try:
                return int(default) if name.endswith("int") else float(default)
            except ValueError:
                return default
        case _:
            return default


def parse(frame: Frame, parser: Object, node: ast.AST) -> Sym:
    """`parser.parse_args()`: a namespace of the defaults, marked as assumed."""
    found = Sym("namespace", (), {"assumed": True}, frame.site(node), kind="object", tensor=False, name="args")
    for name, value in parser.attrs.get(_DEFAULTS, {}).items():
        found.attrs[f".{name}"] = ListValue(list(value.items)) if isinstance(value, ListValue) else value
        frame.machine.assumptions[name] = (value, parser.attrs[_SITES][name])
    return found
