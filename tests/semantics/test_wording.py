"""How messages name places: by the row, and by what else the reader needs to find it."""

import ast

from aelint.rule import Site
from aelint.rules.inference import misreported_metric
from aelint.rules.optimization import gradients_accumulate
from aelint.semantics import understand
from aelint.semantics.domain.dims import add, atom, mul
from aelint.semantics.domain.values import Object
from aelint.semantics.explanation.wording import layers_place, place, shape_text
from aelint.sources.load import load
from aelint.sources.unit import SourceUnit
from tests.linter.test_notebook import notebook


def named(unit, name):
    node = next(n for n in ast.walk(unit.tree) if isinstance(n, ast.Name) and n.id == name)
    return Site(unit, node)


def cells(*sources):
    (unit,) = load("n.ipynb", notebook(*sources)).units
    return unit


def test_a_row_of_the_same_file_is_a_row():
    unit = SourceUnit("models/vae.py", "first\nsecond\n")
    assert place(named(unit, "second"), named(unit, "first")) == "line 2"


def test_another_file_is_named():
    here, there = SourceUnit("train.py", "first\n"), SourceUnit("models/vae.py", "\nsecond\n")
    assert place(named(there, "second"), named(here, "first")) == "line 2 of vae.py"


def test_another_cell_is_named():
    unit = cells("first\nthird", "\nsecond")
    assert place(named(unit, "second"), named(unit, "first")) == "line 2 of cell 2"
    assert place(named(unit, "third"), named(unit, "first")) == "line 2"


def test_the_cell_is_named_where_the_reader_may_be_anywhere():
    assert place(named(cells("first", "second"), "second")) == "line 1 of cell 2"


def test_what_has_no_place_is_elsewhere():
    assert place(None) == "elsewhere"


def test_one_layer_is_named_and_several_are_counted():
    unit = cells("first", "\nlayer")
    here = named(unit, "first")
    layer = Object("torch.nn.Linear", site=named(unit, "layer"))
    assert layers_place([layer], here) == "the Linear of line 2 of cell 2"
    assert layers_place([layer, layer], here) == "2 layers (the first: Linear, line 2 of cell 2)"


SETUP = """import torch
from torch import nn
model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())
"""


def test_a_rule_names_the_cell_of_what_it_speaks_of():
    step = "def step():\n    optimizer.step()\n"
    loop = "for _ in range(3):\n    model(torch.randn(4, 8)).pow(2).mean().backward()\n    step()\n"
    (found,) = gradients_accumulate.check(understand(cells(SETUP, step, loop)))
    assert "(line 2 of cell 2)" in found.message


def test_the_row_of_a_loop_is_the_row_in_its_cell():
    body = """def train(batches):
    loss = None
    for x in batches:
        loss = nn.functional.mse_loss(model(x), x)
    epoch_loss = loss.item()
    return epoch_loss

train(torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(64, 8))))
"""
    (found,) = misreported_metric.check(understand(cells(SETUP, body)))
    assert "(line 3)" in found.message


def test_what_lies_in_a_function_lies_in_its_rows_of_the_whole_notebook():
    unit = cells("first\n\n\n\n", "def f():\n    second\n", "third\n")
    function = Site(unit, next(n for n in ast.walk(unit.tree) if isinstance(n, ast.FunctionDef)))
    assert named(unit, "second").lies_in(function)
    assert not named(unit, "first").lies_in(function)
    assert not named(unit, "third").lies_in(function)
    assert not named(cells("def f():\n    second\n"), "second").lies_in(function)


def test_cells_follow_each_other():
    unit = cells("first\n\n\n", "second")
    assert named(unit, "first").unit_row < named(unit, "second").unit_row


def test_a_size_without_a_name_reads_the_same_in_every_run():
    rows, columns = atom(4711, "?4711"), atom(4712, "?4712")
    assert shape_text((rows, add(mul(2, columns), 1), 16)) == "(?, 1 + 2*?, 16)"


def test_a_named_size_keeps_its_name():
    assert shape_text((atom("batch", "B", batch=True), atom("k", "k"))) == "(N, k)"
