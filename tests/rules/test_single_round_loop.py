"""AEL426: loops that end in their first round, and loops that count each round twice."""

import pytest

from aelint.rules.optimization import single_round_loop as rule
from tests.rules.harness import rows

SILENT = {
    "the first batch is taken": """
        def first(loader):
            for x in loader:
                x = x.float()
                return x
    """,
    "the first batch is shown": """
        def show(model, loader, plot):
            for x in loader:
                plot(model(x))
                break
            plot(len(loader))
    """,
    "a search goes on": """
        def place(model, found):
            for name, p in model.named_parameters():
                if not p.requires_grad:
                    continue
                found.append(name)
                return found
    """,
    "the device of the first parameter": """
        def device(model, log):
            for p in model.parameters():
                log(p.shape)
                return p.device
    """,
    "something else is returned behind the loop": """
        def fit(model, step):
            for epoch in range(3):
                step(model)
                return model
            return None
    """,
    "the loop after it is the one that is averaged": """
        def evaluate(model, loader, plot):
            total = 0
            for x in loader:
                plot(x, total)
                break
            for x in loader:
                total += model(x)
            return total / len(loader)
    """,
    "a part is averaged by what was seen": """
        def evaluate(model, loader):
            total = seen = 0
            for x in loader:
                total += model(x)
                seen += 1
                break
            return total / seen
    """,
    "a mean in place of what was seen": """
        def evaluate(model, loader, seen):
            total = 0
            for x in loader:
                total += model(x)
                break
            total /= seen
            return total
    """,
    "another number is divided in place": """
        def evaluate(model, loader, rate):
            total = 0
            for x in loader:
                total += model(x)
                break
            rate /= len(loader)
            return total, rate
    """,
    "the length of data that another loader has": """
        def evaluate(model, data, other):
            total, loader = 0, DataLoader(data)
            for x in loader:
                total += model(x)
                break
            total /= len(other)
            return total
    """,
    "one round is written": """
        def fit(model, step):
            for epoch in range(1):
                step(model)
                return model
    """,
    "what comes of the first candidate": """
        def load(candidates, build, read):
            for name in candidates:
                model, words = build(name), read(name)
                return model, words
    """,
    "the loop behind a branch that returns": """
        def fit(model, step):
            for epoch in range(3):
                if step(model) < 0.1:
                    return model
            return model
    """,
    "a generator": """
        def batches(loader, seen):
            for x in loader:
                seen += 1
                yield x
                return seen
    """,
    "progress is shown before the first batch is left": """
        def look(model, loader, log, seen):
            for i, x in enumerate(loader):
                log(seen, i / len(loader))
                return model(x)
    """,
}


@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT.keys())
def test_silent_on(source):
    assert rows(rule, source) == []


FAULTY = {
    "layers are initialised": """
        def build(model, init):
            for m in model.modules():
                if hasattr(m, "bias"):
                    init(m.bias)
                return model
    """,
    "parameters are frozen": """
        class Net:
            def freeze(self):
                for name, p in self.encoder.named_parameters():
                    print(name)
                    p.requires_grad = False
                    return self
    """,
    "epochs are run": """
        def fit(model, loader, step):
            for epoch in range(50):
                for x in loader:
                    step(model, x)
                print(epoch)
                return model
    """,
    "layers are collected": """
        def build(sizes, make):
            layers = []
            for a, b in zip(sizes, sizes[1:]):
                layers.append(make(a, b))
                print(a)
                return tuple(layers)
    """,
    "layers are applied": """
        class Net:
            def forward(self, x):
                for layer in self.layers:
                    x = layer(x)
                    self.last = x
                    return x
    """,
    "losses are added up": """
        def evaluate(model, loader):
            total = 0
            for x in loader:
                with model:
                    total += model(x)
                    return total
    """,
    "losses are added up and divided": """
        def evaluate(model, loader, score):
            losses = {}
            for x in loader:
                score(x, model(x), losses)
                mean = {k: sum(v) / len(loader) for k, v in losses.items()}
                return mean
    """,
    "a break before the division": """
        def evaluate(model, loader):
            total = 0
            for i, x in enumerate(loader):
                total += model(x)
                print(i)
                break
            return total / len(loader)
    """,
    "a break before a division in place": """
        def evaluate(model, loader):
            total = 0
            for x in loader:
                total += model(x)
                break
            total /= len(loader)
            print(total)
    """,
    "a break before a division by the data of the loader": """
        def evaluate(model, data):
            total, loader = 0, DataLoader(data, batch_size=8)
            with no_grad():
                for x in loader:
                    total += model(x).sum()
                    break
            total /= len(data)
            print(total)
    """,
    "a break before a quotient of the data of the loader": """
        def evaluate(model, data):
            total, loader = 0, DataLoader(data, batch_size=8)
            for x in loader:
                total += model(x).sum()
                break
            print(total / len(data))
    """,
    "a break before the division by the samples": """
        def evaluate(model, loader):
            total = 0
            for x in loader:
                total += model(x).sum()
                print(total)
                break
            print(total / len(loader.dataset))
    """,
}


@pytest.mark.parametrize("source", FAULTY.values(), ids=FAULTY.keys())
def test_ends_too_soon(source):
    ends = [i for i, line in enumerate(source.splitlines(), 1) if line.strip().startswith(("break", "return"))]
    assert rows(rule, source) == ends[:1]


TRAINED = """
def fit(model, loader, optimizer, epochs, stats, history):
    epoch = 0
    while {test}:
        {before}
        {first}
        for x in loader:
            {inner}
            model(x).backward()
            optimizer.step()
        {between}
        if {condition}:
            {branch}
        {after}
    return history
"""
ROUND = {
    "test": "epoch < epochs",
    "before": "pass",
    "first": "epoch += 1",
    "inner": "pass",
    "between": "pass",
    "condition": "stats.count > 0",
    "branch": "history.append(stats.mean())",
    "after": "pass",
}
AGAIN = {"branch": "history.append(stats.mean()); epoch += 1"}

ONCE = {
    "one count": {},
    "one count at the end": {"first": "pass", "after": "epoch += 1"},
    "a round that is skipped": {"branch": "epoch += 1"},
    "a branch that goes on to the next round": {"branch": "stats.reset(); epoch += 1; continue"},
    "a branch that ends the loop": {"branch": "stats.reset(); epoch += 1; break"},
    "either of two counts": {
        "first": "pass",
        "branch": "stats.reset(); epoch += 1\n        else:\n            epoch += 1",
    },
    "two counts under conditions": {"first": "if history: stats.reset(); epoch += 1", **AGAIN},
    "another counter": {"branch": "stats.reset(); step += 1"},
    "two works, two counts": {"before": "model.generator.train_step(x)", **AGAIN},
    "no work at all": {"inner": "pass", **AGAIN, "before": "for y in loader: print(y)"},
    "a number that is used in between": {"between": "model.anneal(epoch)", **AGAIN},
    "a number that is used in the loop": {"inner": "x = x[epoch]", **AGAIN},
    "a number that decides": {"condition": "epoch % 2", **AGAIN},
    "a count of batches as well": {"inner": "epoch += 1", "after": "epoch += 1"},
    "a counter that is set back": {"between": "epoch = epoch - 1", **AGAIN},
    "a counter that is set anew": {"after": "epoch = len(history)", **AGAIN},
    "larger steps": {"branch": "stats.reset(); epoch += 2"},
    "rounds that are left early": {"between": "if not history: continue", **AGAIN},
    "a position": {"test": "place < epochs", "first": "place += 1", "branch": "stats.reset(); place += 1"},
    "a least number of rounds": {"test": "epoch < epochs or stats.count > 0", **AGAIN},
    "a bound for something else": {"test": "stats.count < epochs", **AGAIN},
}


@pytest.mark.parametrize("change", ONCE.values(), ids=ONCE.keys())
def test_silent_on_rounds_that_are_counted_once(change):
    assert rows(rule, TRAINED.format(**{**ROUND, **change})) == []


TWICE = {
    "at the end of a branch": (AGAIN, 13),
    "at the end": ({"after": "epoch += 1"}, 14),
    "in a branch and at the end": ({"first": "pass", **AGAIN, "after": "epoch += 1"}, 14),
    "with a second condition": ({"test": "epoch < epochs and not stats.done", **AGAIN}, 13),
    "shown in between": ({"between": "print(f'epoch {epoch}')", **AGAIN}, 13),
    "batches that are passed over": ({"inner": "if x is None: continue", **AGAIN}, 13),
    "before the work": ({"before": "epoch += 1"}, 6),
}


@pytest.mark.parametrize(("change", "row"), TWICE.values(), ids=TWICE.keys())
def test_counted_twice(change, row):
    assert rows(rule, TRAINED.format(**{**ROUND, **change})) == [row]


def test_a_loop_of_single_steps_that_are_counted_twice():
    source = """
    def fit(model, batches, optimizer, steps):
        step = 0
        while step < steps:
            step += 1
            loss = model(next(batches)).mean()
            loss.backward()
            optimizer.step()
            {last}
    """
    assert rows(rule, source.format(last="print(step)")) == []
    assert rows(rule, source.format(last="step += 1")) == [9]
