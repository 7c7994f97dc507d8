"""Walks over trees that are listed once."""

import ast

import pytest

from aelint.syntax.walk import every, holds, own_nodes, walk

SOURCE = '''
import os as o

@decorated(1)
def f(a: int, *rest, b=2, **more) -> str:
    """Docstring."""
    with g() as h, open(a) as k:
        x = [i for i in rest if i > 1 and not i == 3]
    try:
        y = {**more, "a": lambda: b}
    except (KeyError, ValueError) as error:
        raise error
    match x:
        case [1, *tail] | {"k": tail, **more}:
            global z
            z += f"{x!r:>{b}}"
        case C(p=None):
            pass

class D(Base, metaclass=M):
    x: int = 1
    async def m(self):
        async for i in self.n[1:2, ...]:
            yield await i
'''
SHARED = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


@pytest.fixture
def tree():
    return ast.parse(SOURCE)


def test_a_walk_meets_what_the_standard_library_meets_but_the_marks(tree):
    met = [node for node in ast.walk(tree) if not isinstance(node, SHARED)]
    assert {id(n) for n in walk(tree)} == {id(n) for n in met}
    assert len(walk(tree)) == len(met)


def test_a_walk_is_in_the_order_of_the_source_and_ends_with_its_node(tree):
    function = tree.body[1]
    assert [n.id for n in walk(function) if isinstance(n, ast.Name)][:3] == ["int", "g", "h"]
    assert walk(function)[0] is function
    assert all(n is not tree.body[2] for n in walk(function))


@pytest.mark.parametrize("kind", [ast.Name, ast.Call, ast.Constant, ast.AsyncFor, ast.While, ast.stmt])
@pytest.mark.parametrize("whole_first", [True, False], ids=["the tree was listed before", "the part is listed first"])
def test_every_node_of_a_kind(tree, kind, whole_first):
    if whole_first:
        walk(tree)
    for part in (tree, *tree.body, tree.body[1].body[1]):
        assert every(kind, part) == [n for n in walk(part) if isinstance(n, kind)]


def test_holds_what_stands_below_and_the_node_itself(tree):
    function, cls = tree.body[1:]
    loop = cls.body[1].body[0]
    assert holds(tree, loop)
    assert holds(cls, loop)
    assert holds(loop, loop)
    assert not holds(loop, cls)
    assert not holds(function, loop)


def test_holds_a_node_that_was_listed_on_its_own_before(tree):
    cls = tree.body[2]
    method = cls.body[1]
    walk(method)
    assert holds(cls, method.body[0])
    assert not holds(tree.body[1], method.body[0])
    assert not holds(cls, ast.parse("1").body[0])


def test_own_nodes_leave_out_what_stands_in_inner_functions(tree):
    own = own_nodes(tree)
    assert tree.body[1] in own
    assert not any(isinstance(n, (ast.With, ast.AsyncFor)) for n in own)
