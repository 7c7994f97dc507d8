"""AEL426: loops that end in their first round."""

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
