import textwrap

import pytest

from aelint.rules.data import repeated_batch as rule
from tests.rules.harness import rows, run

ITERATOR = """
class Batches:
    def __init__(self, data, size):
        self.data, self.size, self.at = data, size, 0
    def __iter__(self):
        self.at = 0
        return self
    def __next__(self):
        if self.at >= len(self.data) // self.size:
            raise StopIteration
        {body}
        return batch
"""

SILENT = {
    "the counter is used": "batch = self.data[self.at * self.size:(self.at + 1) * self.size]\n        self.at += 1",
    "the data is shuffled in between": "batch = self.data[:self.size]\n        random.shuffle(self.data)",
    "what was given is cut off": "batch = self.data[:self.size]\n        self.data = self.data[self.size:]",
    "what was given is deleted": "batch = self.data[:self.size]\n        del self.data[:self.size]",
    "indices are drawn": "batch = self.data[torch.randint(0, 9, (self.size,))]\n        self.at += 1",
    "an unknown call makes the batch": "batch = self.make(self.data[:self.size])\n        self.at += 1",
    "a queue gives up its first item": "batch = self.data[0]\n        self.data.pop(0)",
    "another method moves on": "batch = self.data[:self.size]\n        self.advance()\n"
    "    def advance(self):\n        self.data = load()\n    def last(self):\n        batch = None",
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent_iterator(body):
    assert rows(rule, ITERATOR.format(body=body)) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(x, n):\n    for i in range(0, len(x), n):\n        yield x[i:i + n]",
        "def f(x, n):\n    while True:\n        yield x[:n]",
        "def f(x, n):\n    for i in range(9):\n        x = torch.roll(x, 1)\n        yield x[:n]",
        "def f(x, n):\n    for part in x:\n        yield part[:n]",
        "def f(x, n):\n    yield x[:n]\n    yield x[n:]",
        "def f(path, n):\n    buffer = []\n    for i in range(99):\n        buffer.append(read(path))\n        yield buffer[:n]",
    ],
    ids=["start used", "endless without a counter", "rolled", "over items", "no loop", "filled buffer"],
)
def test_silent_generator(source):
    assert rows(rule, source) == []


def test_silent_on_a_full_batch_per_epoch():
    source = """
    for epoch in range(100):
        batch = data[:64]
        loss = model(batch).mean()
        loss.backward()
    """
    assert rows(rule, source) == []


def test_slice_ignores_the_counter():
    found = run(rule, ITERATOR.format(body="batch = self.data[:self.size]\n        self.at += 1"))
    assert [f.site.row for f in found] == [11]
    assert "self.at" in found[0].message
    assert found[0].rewrite.replacements[0][1] == "self.data[self.at * self.size:(self.at + 1) * self.size]"


def test_counter_never_moves():
    assert rows(rule, ITERATOR.format(body="batch = self.data[self.at:self.at + self.size]")) == [11]


def test_slice_is_wrapped_in_pure_calls():
    assert rows(
        rule, ITERATOR.format(body="batch = torch.stack(self.data[0:self.size]).float()\n        self.at += 1")
    ) == [11]


@pytest.mark.parametrize(
    "source",
    [
        "def f(x, n):\n    for i in range(len(x) // n):\n        yield x[:n]",
        "def f(x, y, n):\n    i = 0\n    while i < len(x):\n        yield x[0:n], y[0:n]\n        i += n",
        "class L:\n    def __iter__(self):\n        for b in range(self.count):\n            batch = self.x[:self.n]\n            yield batch",
    ],
    ids=["for", "while", "iter method"],
)
def test_generator_ignores_its_counter(source):
    assert len(rows(rule, source)) == 1


def test_training_loop_takes_the_first_rows_in_every_round():
    source = textwrap.dedent("""
    def train(model, x, batch_size, opt):
        for start in range(0, len(x), batch_size):
            batch = x[:batch_size]
            loss = ((model(batch) - batch) ** 2).mean()
            loss.backward()
            opt.step()
    """)
    assert rows(rule, source) == [4]
    assert rows(rule, source.replace("x[:batch_size]", "x[start:start + batch_size]")) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(x, n):\n    for i in ticks():\n        yield x[:n]",
        "class L(Feeder):\n    def __next__(self):\n        return self.x[:self.n]",
        "class L:\n    @property\n    def x(self):\n        return load()\n    def __next__(self):\n        return self.x[:9]",
        "class L:\n    @property\n    def x(self):\n        return load()\n    def __iter__(self):\n        for i in range(9):\n            yield self.x[:9]",
        "class L:\n    def __next__(self):\n        if self.first:\n            return self.x[:9]\n        return draw()",
    ],
    ids=[
        "rounds without a counter",
        "a base that may move on",
        "a property",
        "a property in a generator",
        "warm start",
    ],
)
def test_silent_where_something_may_move(source):
    assert rows(rule, source) == []


TRAINED = """
size = 16
for start in range(0, 64, size):
    {body}
    loss.backward()
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("loss = model(data[start:start + size])", id="the start is used"),
        pytest.param("loss = model(data[:size])\n    data = data[size:]", id="what was used is cut off"),
        pytest.param("loss = model(data[:9])", id="another part is looked at"),
        pytest.param("loss = model(next(stream)[:size])", id="a stream"),
        pytest.param("size = draw()\n    loss = model(data[:size])", id="another size each time"),
    ],
)
def test_silent_loop_over_starts(body):
    assert rows(rule, TRAINED.format(body=body)) == []


def test_loop_that_only_prints_its_start():
    assert rows(rule, TRAINED.format(body="print(start)\n    loss = model(data[:size])")) == [5]
    assert rows(rule, TRAINED.format(body="loss = model(data[:size])").replace("loss.backward()", "show(loss)")) == []
    assert rows(rule, TRAINED.format(body="report(start)\n    loss = model(data[:size])")) == []


def test_silent_on_a_loader_of_one_batch_that_a_flag_ends():
    source = """
        import torch

        class OneBatch:
            def __init__(self, dataset):
                self.dataset, self.done = dataset, False

            def __iter__(self):
                self.done = False
                return self

            def __next__(self):
                if not self.done:
                    self.done = True
                    return self.dataset[:]
                raise StopIteration()
        """
    assert rows(rule, source) == []
