"""Constants, containers and sizes: what Python computes, the interpreter folds."""

import pytest

from aelint.semantics.domain.dims import Poly, atom, contradict, floor_divide
from aelint.semantics.domain.values import MISSING, ListValue, Sym
from tests.semantics.reading import names, read, shape, understood


def plain(value):
    """Values of the domain as Python's own."""
    if isinstance(value, ListValue):
        assert value.complete
        return [plain(v) for v in value.items]
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    return value


def test_an_option_picks_one_of_the_classes_of_a_dictionary():
    source = """
    from settings import args
    class A: pass
    class B: pass
    picked = {'a': A, 'b': B}[args.name]
    number = {'a': 1, 'b': 2}[args.name]
    """
    found = names(source)
    assert [one.name for one in found["picked"].inputs] == ["A", "B"]
    assert found["number"].op == "item"


FOLDED = {
    "8 * 16 * 16": 2048,
    "(7 // 2, 7 % 2, 2 ** 5, -3)": (3, 1, 32, -3),
    "math.prod([2, 3, 4])": 24,
    "np.prod((2, 3, 4))": 24,
    "int(np.prod((2, 3)))": 6,
    "len([1, 2, 3])": 3,
    "sorted(set('hello'))": ["e", "h", "l", "o"],
    "(len({c for c in 'hello'}), len({1, 2, 1}), len({1} | {2}) if False else 2)": (4, 2, 2),
    "list(range(3))": [0, 1, 2],
    "[a * b for a, b in zip([1, 2, 3], [4, 5, 6])]": [4, 10, 18],
    "[i for i, c in enumerate('abc') if i != 1]": [0, 2],
    "list(reversed([1, 2]))": [2, 1],
    "sorted({'mu': 1, 'bias': 2}.keys())": ["bias", "mu"],
    "sorted([3, 1, 2], reverse=True)": [3, 2, 1],
    "[1, 2, 3, 4][1:-1]": [2, 3],
    "[*[1, 2], 3]": [1, 2, 3],
    "[1] + [2] * 2": [1, 2, 2],
    "f'layer{1 + 1}'": "layer2",
    "'a' if 3 > 2 else 'b'": "a",
    "{'hidden': 3}['hidden']": 3,
    "{**{'a': 1}, 'b': 2}['b']": 2,
    "dict(a=4).get('b', 5)": 5,
    "max(3, 4) + min([1, 2]) + sum([1, 2])": 8,
    "(lambda a, b=2: a * b)(3)": 6,
    "math.ceil(math.log2(28))": 5,
    "isinstance([1], list) and not isinstance(3, (tuple, list))": True,
    "isinstance((1, 2), Iterable) and isinstance([1], Sequence) and not isinstance(3, Sequence)": True,
    "None or 5": 5,
    "0 if None is None else 1": 0,
}


@pytest.mark.parametrize(("expression", "expected"), FOLDED.items(), ids=list(FOLDED))
def test_folds(expression, expected):
    assert (
        plain(
            read(f"import math\nimport numpy as np\nfrom collections.abc import Iterable, Sequence\ny = {expression}")
        )
        == expected
    )


def test_list_methods_change_the_list_in_place():
    source = """
    y = [1, 2, 3]
    z = y
    z.append(4); z.extend([5, 6]); z.insert(0, 0); z.pop(); z.reverse()
    """
    assert plain(read(source)) == [5, 4, 3, 2, 1, 0]


def test_a_list_that_grows_in_a_loop_of_unknown_length_is_open():
    value = read(
        """
        y = []
        for item in unknown():
            y.append(item)
        """
    )
    assert isinstance(value, ListValue)
    assert not value.complete


def test_mutable_default_that_is_none_is_replaced():
    assert plain(read("def f(dims=None):\n    if dims is None:\n        dims = [1, 2]\n    return dims\ny = f()")) == [
        1,
        2,
    ]


def test_branches_on_the_unknown_are_joined():
    value = read("if unknown():\n    y = 3\nelse:\n    y = 4\n")
    assert isinstance(value, Sym)
    assert set(value.inputs) == {3, 4}


def test_branches_that_agree_stay_known():
    assert read("if unknown():\n    y = 3\nelse:\n    y = 3\n") == 3


def test_a_branch_that_raises_does_not_count():
    assert read("y = 3\nif unknown():\n    y = 4\n    raise ValueError\n") == 3


def test_early_return_is_one_of_the_results():
    value = read("def f(a):\n    if a:\n        return 1\n    return 2\ny = f(unknown())")
    assert set(value.inputs) == {1, 2}


def test_global_and_nonlocal_names_are_written_where_they_live():
    source = """
    count = 0
    def outer():
        inner_count = 0
        def inner():
            global count
            nonlocal inner_count
            count = 5
            inner_count = 7
        inner()
        return inner_count
    z = outer()
    y = (count, z)
    """
    assert read(source) == (5, 7)


def test_every_part_of_a_text_is_computed():
    assert read('a, b = 2, "x"\ny = f"{a} of {b}"') == "2 of x"
    for text in ('f"{unknown()} {f(7)}"', 'f"{y:03d} {f(7):.4f}"', 'f"{y!r}" f"{f(7)}"'):
        assert read(f"y = 1\ndef f(n):\n    global y\n    y = n\n{text}") == 7


def test_generators_are_iterated():
    assert plain(read("def g():\n    yield 1\n    yield 2\ny = [v for v in g()]")) == [1, 2]


def test_configurations_of_every_kind():
    source = """
    import types, argparse
    from dataclasses import dataclass, field
    from typing import NamedTuple
    @dataclass
    class A:
        width: int = 7
        sizes: list = field(default_factory=lambda: [3, 4])
    class B(NamedTuple):
        depth: int
        width: int = 2
    class C:
        size = 9
    parser = argparse.ArgumentParser()
    parser.add_argument("--latent-dim", type=int, default=20)
    parser.add_argument("--vae", action="store_true")
    args = parser.parse_args()
    ns = types.SimpleNamespace(k=6)
    y = (A().width, A(width=8).width, A().sizes[1], B(5).depth, B(5).width, C.size, args.latent_dim, args.vae, ns.k)
    """
    assert read(source) == (7, 8, 4, 5, 2, 9, 20, False, 6)


def test_recursion_and_endless_loops_end():
    assert isinstance(read("def f(n):\n    return f(n + 1)\ny = f(0)"), Sym)
    assert read("y = 1\nwhile True:\n    y = y + 1\n    if y > 3: break\n") is not None


def test_sizes_are_compared_by_normal_form():
    h = atom("h", "h")
    assert floor_divide(2 * 3, 4) == 1
    assert isinstance(h, Poly)
    from aelint.semantics.domain.dims import add, mul, sub

    assert mul(add(h, 1), sub(h, 1)) == sub(mul(h, h), 1)
    assert floor_divide(add(mul(h, 2), 1), 2) == h
    assert contradict(add(h, 1), h)
    assert not contradict(mul(h, 2), h)


def test_and_with_one_false_operand_is_false_whatever_the_others_are():
    assert read("from settings import flag\ny = 1 if flag and 3 > 4 else 2") == 2


def test_a_query_for_a_known_name_runs_nothing():
    entry = understood("import settings\n").entry
    entry.scope.resolver = lambda name: (_ for _ in ()).throw(AssertionError(name))
    assert entry.scope.known("absent") is MISSING


@pytest.mark.parametrize("call", ["x.topk(3, dim=-1)", "torch.sort(x, dim=-1)", "x.max(dim=1)"])
def test_parts_of_a_named_tuple_are_found_by_name(call):
    source = f"x = torch.rand(4, 8)\nfound = {call}\na, b = found\ny = (found.values, found.indices, a, b)\n"
    values, indices, first, second = read(source)
    assert values is first
    assert indices is second


IDENTITIES = {
    "A is A": True,
    "A is B": False,
    "A is not B": True,
    "A == B": False,
    "[kind is A for kind in (A, B)]": [True, False],
    "f is g": False,
}


@pytest.mark.parametrize(("expression", "expected"), IDENTITIES.items(), ids=list(IDENTITIES))
def test_classes_and_functions_are_told_apart(expression, expected):
    source = "class A: pass\nclass B(A): pass\ndef f(): pass\ndef g(): pass\ny = "
    assert plain(read(source + expression)) == expected


def test_a_definition_that_runs_twice_may_give_either_class():
    assert isinstance(read("def make():\n    class A: pass\n    return A\ny = make() is make()"), Sym)


def test_the_larger_of_two_numbers_is_no_tensor():
    source = """
    import math
    x = torch.zeros(4, 3)
    for step in range(300):
        y = x / max(math.exp(-0.1 * step), 0.5)
    """
    assert shape(source) == (4, 3)


def test_the_larger_of_a_number_and_something_unknown_may_be_a_tensor():
    assert shape("def f(t):\n    global y\n    y = torch.zeros(3) / max(t, 0.5)\n") != (3,)


@pytest.mark.parametrize(
    ("turned", "expected"),
    [
        ("torch.rand(3, 5).T", (5, 3)),
        ("nn.Parameter(torch.rand(3, 5)).T", (5, 3)),
        ("torch.rand(2, 3, 5).mT", (2, 5, 3)),
        ("torch.rand(4, 5) @ torch.rand(3, 5).T", (4, 3)),
    ],
)
def test_a_transposed_tensor_has_its_sizes_exchanged(turned, expected):
    assert shape(f"y = {turned}") == expected


def test_a_transposed_table_need_not_be_a_tensor():
    assert read("import pandas as pd\ny = pd.read_csv('rows.csv').T").tensor is not True


@pytest.mark.parametrize("product", ["x * x", "(x - z) * (x - z)", "(x.detach() - z / 2) * (x.detach() - z / 2)"])
def test_a_tensor_times_itself_is_a_square(product):
    assert read(f"x, z = torch.rand(4), torch.rand(4)\ny = {product}").op == "pow"


@pytest.mark.parametrize(
    "product", ["x * z", "(x - z) * (z - x)", "torch.randn(4) * torch.randn(4)", "(x - 1) * (x - 2)"]
)
def test_a_product_of_different_tensors_is_no_square(product):
    assert read(f"x, z = torch.rand(4), torch.rand(4)\ny = {product}").op == "mul"


@pytest.mark.parametrize(
    ("cast", "low", "high"),
    [
        pytest.param("(torch.rand(4) * 255).to(torch.uint8)", 0, 255, id="fits"),
        pytest.param("(torch.rand(4) * 2.5 - 1.5).int()", -1, 1, id="cut-off"),
        pytest.param("(torch.rand(4) * 300).byte()", 0, 255, id="wraps-around"),
        pytest.param("torch.randn(4).to(torch.int8)", -128, 127, id="any-number"),
        pytest.param("torch.randn(4).long()", float("-inf"), float("inf"), id="no-telling"),
    ],
)
def test_numbers_that_become_integers(cast, low, high):
    assert (read(f"y = {cast}").range.low, read(f"y = {cast}").range.high) == (low, high)


@pytest.mark.parametrize(
    "guard",
    [
        "assert not [n for n in rows if n in others]",
        "if [n for n in rows if n in others]: raise ValueError",
        "assert not {n for n in (1, 2, 3) if n in others}",
    ],
)
def test_a_list_of_what_passes_an_unknown_test_may_be_empty(guard):
    source = f"""
    from data import rows, others
    {guard}
    y = torch.zeros(3)
    """
    assert shape(source) == (3,)


def test_a_list_without_a_test_holds_something():
    source = """
    from data import rows
    y = torch.zeros(3) if [n for n in rows] else torch.zeros(4)
    """
    assert shape(source) == (3,)


@pytest.mark.parametrize(
    "filled", ["self.__dict__.update({**self.DEFAULTS, **options})", "vars(self).update(self.DEFAULTS, width=3)"]
)
def test_attributes_that_are_set_from_a_dictionary(filled):
    source = f"""
    class Solver:
        DEFAULTS = {{"width": 5, "depth": 2}}
        def __init__(self, **options):
            {filled}
            self.made = torch.zeros(self.width, self.depth)
    y = Solver(width=3).made
    """
    assert shape(source) == (3, 2)


def window(index):
    """The shape of what a data set cuts out at unknown places."""
    source = f"""
    class Windows:
        def cut(self, i, j):
            return torch.zeros(720, 5)[{index}]
    """
    return next(r.value.shape for r in understood(source).returns)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("i:i + 24", (24, 5)),
        ("2 * i:2 * i + 7", (7, 5)),
        ("i - 3:i + 3", (6, 5)),
    ],
)
def test_a_window_is_whole_wherever_it_begins(index, expected):
    assert window(index) == expected


@pytest.mark.parametrize("index", ["i:j", "i:i + 1000", "i:i - 3", "i:", ":i"])
def test_the_length_of_other_slices_is_unknown(index):
    first, last = window(index)
    assert not isinstance(first, int)
    assert last == 5


def test_a_window_of_rows_whose_number_is_unknown():
    source = """
    class Windows:
        def cut(self, rows, i):
            return rows.view(-1, 5)[i : i + 24]
    """
    assert next(r.value.shape for r in understood(source).returns) == (24, 5)


@pytest.mark.parametrize("index", ["i:i + 24:2", "2:24", ":2 * k:2"])
def test_the_length_of_a_part_of_unknown_rows_is_unknown(index):
    source = f"""
    class Windows:
        def cut(self, rows, i, k):
            return rows.view(-1, 5)[{index}]
    """
    first, last = next(r.value.shape for r in understood(source).returns)
    assert not isinstance(first, int)
    assert last == 5


def test_only_names_become_attributes():
    source = """
    class Solver:
        def __init__(self):
            self.__dict__.update({1: 2, "no-name": 3, "me": self, "width": 4})
    solver = Solver()
    """
    assert names(source)["solver"].attrs == {"width": 4}


def test_a_list_of_what_passes_a_known_test():
    assert shape("y = torch.zeros(3) if [n for n in (1, 2) if n > 1] else torch.zeros(4)") == (3,)
    assert shape("y = torch.zeros(3) if [n for n in (1, 2) if n > 2] else torch.zeros(4)") == (4,)


BOXES = """
    from settings import deep
    class Box:
        def __init__(self):
            self.table = torch.rand(3)
    a, b = Box(), Box()
    box = a if deep else b
    first = box.table
    {between}
    again = box.table
"""


def test_two_reads_from_one_of_several_objects_are_the_same():
    found = names(BOXES.format(between="other = box.__class__"))
    assert found["first"] is found["again"]


@pytest.mark.parametrize("between", ["a.table = torch.rand(3)", "b.table = torch.rand(3)"])
def test_a_read_after_one_of_them_was_set_is_another(between):
    found = names(BOXES.format(between=between))
    assert found["first"] is not found["again"]


def test_an_option_that_picks_one_of_many_or_of_none_is_not_followed():
    functions = "\n    ".join(f"def f{n}(): pass" for n in range(60))
    source = f"""
    from settings import args
    {functions}
    many = {{{", ".join(f"'{n}': f{n}" for n in range(60))}}}[args.name]
    none = {{}}[args.name]
    """
    assert [names(source)[name].op for name in ("many", "none")] == ["item", "item"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        pytest.param("[0.5 * k for k in range(9)]", (9,), id="known"),
        pytest.param("[random.uniform(-1, 1) * k for k in range(9)]", (9,), id="drawn"),
        pytest.param("[[own.gauss(0, 1)] for k in range(9)]", (9, 1), id="drawn-by-an-own-generator"),
        pytest.param("[own.choice([-1, 1]) for k in range(9)]", (9,), id="one-of-some-numbers"),
        pytest.param("[math.sin(own.random()) for k in range(9)]", (9,), id="computed"),
        pytest.param("[[len(w), 0.5] for w in words]", ("length", 2), id="of-unknown-length"),
        pytest.param("[own.choice(words) for k in range(9)]", None, id="something-unknown"),
        pytest.param("[words[k] for k in range(9)]", None, id="items-that-may-be-lists"),
    ],
)
def test_a_list_of_numbers_becomes_a_tensor_of_its_nesting(numbers, expected):
    found = names(f"import math, random\nimport torch\nown = random.Random(3)\nx = torch.tensor({numbers})\n")["x"]
    told = found.shape and tuple(size if isinstance(size, int) else "length" for size in found.shape)
    assert told == expected


def test_what_is_known_of_the_numbers_in_a_list_of_unknown_length_says_nothing_of_the_others():
    found = names("import torch\nlengths = [0.5]\nlengths.extend(more)\nx = torch.tensor(lengths)\n")["x"]
    assert not found.range.bounded


def test_numbers_and_letters_are_unpacked():
    found = names("pad, start, end = range(3)\nfirst, second = 'ab'\nleft, right = range(3)\n")
    assert (found["pad"], found["start"], found["end"]) == (0, 1, 2)
    assert (found["first"], found["second"]) == ("a", "b")
    assert isinstance(found["left"], Sym)
