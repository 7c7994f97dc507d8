"""AEL706: moving averages of buffers."""

import pytest

from aelint.rules.optimization import misspelled_attribute
from aelint.rules.variants import ineffective_average as rule
from tests.rules.harness import rows, run

QUANTIZER = """
import torch
from torch import nn
import torch.nn.functional as F


class Quantizer(nn.Module):
    def __init__(self, decay=0.99, speed=0.01):
        super().__init__()
        self.decay, self.speed = decay, speed
        self.register_buffer("book", torch.randn(64, 8))
        self.register_buffer("size", torch.ones(64))
        self.register_buffer("sums", self.book.clone())

    def forward(self, z):
        index = torch.cdist(z, self.book).argmin(1)
        hot = F.one_hot(index, 64).float()
        q = F.embedding(index, self.book)
        {update}
        {result}
        return z + (q - z).detach(), F.mse_loss(z, q.detach())


Quantizer()(torch.randn(32, 8))
"""

KEPT = "self.size = self.decay * self.size + (1 - self.decay) * hot.sum(0)"
SUMS = "self.sums = self.decay * self.sums + (1 - self.decay) * hot.t() @ z"
BOOK = f"{SUMS}; self.book = self.sums / self.size.unsqueeze(1)"

HEALTHY = {
    "most is kept": (KEPT, BOOK),
    "a share of the new": ("self.size = (1 - self.speed) * self.size + self.speed * hot.sum(0)", BOOK),
    "in place": ("self.size.mul_(self.decay).add_(hot.sum(0), alpha=1 - self.decay)", BOOK),
    "in place, the older way": ("self.size.data.mul_(self.decay).add_((1 - self.decay) * hot.sum(0))", BOOK),
    "interpolated": ("self.size.lerp_(hot.sum(0), 1 - self.decay)", BOOK),
    "no average": ("self.size = 0.1 * self.size + 2 * hot.sum(0)", BOOK),
    "half": ("self.size = 0.5 * self.size + 0.5 * hot.sum(0)", BOOK),
    "something to look at": (KEPT, f"{BOOK}; self.usage = (hot.sum(0) > 0).float().mean()"),
}


@pytest.mark.parametrize(("update", "result"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(update, result):
    assert rows(rule, QUANTIZER.format(update=update, result=result)) == []


@pytest.mark.parametrize(
    "update",
    [
        "self.size = (1 - self.decay) * self.size + self.decay * hot.sum(0)",
        "self.size.mul_(1 - self.decay).add_(hot.sum(0), alpha=self.decay)",
        "self.size.data.mul_(self.speed).add_((1 - self.speed) * hot.sum(0))",
        "self.size.lerp_(hot.sum(0), self.decay)",
    ],
)
def test_weights_that_are_exchanged(update):
    assert rows(rule, QUANTIZER.format(update=update, result=BOOK)) == [19]


def test_a_result_that_nothing_reads():
    source = QUANTIZER.format(update=KEPT, result=f"{SUMS}; self.moved = self.sums / self.size.unsqueeze(1)")
    assert rows(rule, source) == [20]
    assert not rows(rule, source + "\nprint(Quantizer().moved)\n")
    assert not rows(rule, source + "\nprint(getattr(Quantizer(), 'moved'))\n")


def test_a_result_under_a_name_like_the_buffer_s_is_told_once():
    source = QUANTIZER.format(update=KEPT, result=f"{SUMS}; self._book = self.sums / self.size.unsqueeze(1)")
    assert rows(rule, source) == []
    assert rows(misspelled_attribute, source) == [20]


def test_silent_where_the_other_branch_sets_the_first_value():
    source = """
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self, keep=0.999):
                super().__init__()
                self.keep = keep
                self.register_buffer("level", torch.tensor(-1.0))

            def forward(self, x):
                least = x.min(dim=1).values.mean()
                if self.level < 0:
                    self.level = least
                else:
                    self.level = self.keep * self.level + (1 - self.keep) * least
                return x - self.level
        """
    assert rows(rule, source) == []


SWAPPED = """
import torch
from torch import nn

class Average:
    def __init__(self, params):
        self.shadow = [p.clone().detach() for p in params]

    def store(self, params):
        self.kept = [p.clone() for p in params]

    def copy_to(self, params):
        for s, p in zip(self.shadow, params):
            p.data.copy_(s)

    def restore(self, params):
        for k, p in zip(self.kept, params):
            p.data.copy_(k)

model = nn.Linear(8, 8)
average = Average(model.parameters())
optimizer = torch.optim.Adam(model.parameters())
for x in torch.randn(100, 16, 8):
    (model(x) - x).pow(2).mean().backward()
    optimizer.step()
    {inside}
{after}
"""

IN = "average.store(model.parameters()); average.copy_to(model.parameters())"


@pytest.mark.parametrize(
    ("inside", "after"),
    [
        pytest.param(IN + "; average.restore(model.parameters())", "pass", id="put back"),
        pytest.param("pass", IN, id="at the end"),
        pytest.param("average.store(model.parameters())", "pass", id="only stored"),
    ],
)
def test_silent_on_averages_that_are_taken_out(inside, after):
    assert rows(rule, SWAPPED.format(inside=inside, after=after)) == []


@pytest.mark.parametrize(
    "inside", [IN, "average.store(model.parameters())\n    average.copy_to(model.parameters()); print(model(x))"]
)
def test_averages_that_stay_in_the_network(inside):
    assert rows(rule, SWAPPED.format(inside=inside, after="pass")) == [26 + ("\n" in inside)]


MOVED = """
import torch
from torch import nn

class Codes(nn.Module):
    def __init__(self, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, z):
        {update}
        return z - self.mean

model = Codes()
model(torch.randn(4, 8))
{end}
print(model(torch.randn(4, 8)))
"""


@pytest.mark.parametrize(
    ("update", "end"),
    [
        ("if self.training: self.mean.mul_(self.decay).add_(z.detach().mean(0), alpha=1 - self.decay)", "model.eval()"),
        ("self.mean.mul_(self.decay).add_(z.detach().mean(0), alpha=1 - self.decay)", "pass"),
        ("self.mean.copy_(z.mean(0))", "model.eval()"),
        ("mean = self.decay * self.mean + (1 - self.decay) * z.mean(0)", "model.eval()"),
    ],
    ids=["in training only", "never evaluated", "no average", "kept nowhere"],
)
def test_silent_on_averages_that_training_moves(update, end):
    assert rows(rule, MOVED.format(update=update, end=end)) == []


@pytest.mark.parametrize(
    "update",
    [
        "self.mean.mul_(self.decay).add_(z.detach().mean(0), alpha=1 - self.decay)",
        "self.mean.data.mul_(self.decay).add_(z.detach().mean(0) * (1 - self.decay))",
        "self.mean = self.decay * self.mean + (1 - self.decay) * z.detach().mean(0)",
        "self.mean.lerp_(z.detach().mean(0), 1 - self.decay)",
    ],
)
def test_averages_that_evaluation_moves(update):
    assert rows(rule, MOVED.format(update=update, end="model.eval()")) == [12]


PLAIN = """
import copy
import torch
from torch import nn

class Average:
    def __init__(self, params):
        self.shadow = [p.clone() for p in params]

    def copy_to(self, params):
        for s, p in zip(self.shadow, params):
            p.data.copy_(s)

def {name}(model, average, x):
    {body}
    return (model(x) - x).pow(2).mean()

model = nn.Linear(8, 8)
average = Average(model.parameters())
optimizer = torch.optim.Adam(model.parameters())
for x in torch.randn(100, 16, 8):
    (model(x) - x).pow(2).mean().backward()
    optimizer.step()
    {name}(model, average, x)
"""


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("evaluate", "model = copy.deepcopy(model); average.copy_to(model.parameters())", id="into a copy"),
        pytest.param(
            "evaluate", "model = nn.Linear(8, 8); average.copy_to(model.parameters())", id="into another network"
        ),
        pytest.param(
            "evaluate",
            "old = copy.deepcopy(model.state_dict()); average.copy_to(model.parameters()); model.load_state_dict(old)",
            id="put back",
        ),
        pytest.param("synchronize", "average.copy_to(model.parameters())", id="no evaluation"),
    ],
)
def test_silent_on_averages_for_an_evaluation(name, body):
    assert rows(rule, PLAIN.format(name=name, body=body)) == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("evaluate", "average.copy_to(model.parameters())", id="named"),
        pytest.param("score", "with torch.no_grad(): average.copy_to(model.parameters())", id="without gradients"),
        pytest.param("sample", "net = model; average.copy_to(net.parameters())", id="under another name"),
    ],
)
def test_averages_that_an_evaluation_leaves_in_the_network(name, body):
    assert rows(rule, PLAIN.format(name=name, body=body)) == [15]


SHADOWED = """
import copy
import torch
from torch import nn

class WeightAverage:
    def __init__(self, model, decay=0.99):
        self.model, self.decay, self.own = model, decay, {{}}
        self.shadow = {{n: p.data.clone() for n, p in model.named_parameters()}}

    def update(self):
        for n, p in self.model.named_parameters():
            self.shadow[n] = self.decay * self.shadow[n] + (1 - self.decay) * p.data

    def {put_in}(self):
        for n, p in self.model.named_parameters():
            {keeps}
            p.data = self.shadow[n]

    def {take_out}(self):
        for n, p in self.model.named_parameters():
            p.data = self.own[n]

class Board:
    def restore(self):
        return 1

def evaluate(model, average, x, averaged=True):
    {evaluation}

model = nn.Linear(8, 8)
average = WeightAverage(model)
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(10):
    for x in torch.randn(100, 16, 8):
        optimizer.zero_grad()
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
        average.update()
    {each}
{after}
"""
SHADOW = {
    "put_in": "apply_shadow",
    "take_out": "restore",
    "keeps": "self.own[n] = p.data",
    "evaluation": "average.apply_shadow(); return (model(x) - x).pow(2).mean()",
    "each": "print(evaluate(model, average, x))",
    "after": "",
}
SCORE = "score = (model(x) - x).pow(2).mean()"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"evaluation": f"average.apply_shadow(); {SCORE}; average.restore(); return score"}, id="put-back"
        ),
        pytest.param(
            {
                "evaluation": f"average.apply_shadow()\n    try:\n        {SCORE}\n    finally:\n        average.restore()"
            },
            id="put-back-in-any-case",
        ),
        pytest.param({"each": "evaluate(model, average, x); average.restore()"}, id="put-back-by-the-caller"),
        pytest.param(
            {"each": "evaluate(model, average, x); undo = average.restore; undo()"}, id="put-back-by-another-name"
        ),
        pytest.param({"each": "pass", "after": "evaluate(model, average, x)"}, id="after-the-training"),
        pytest.param(
            {"each": "if epoch == 9:\n        evaluate(model, average, x)\n        break"}, id="then-the-loop-ends"
        ),
        pytest.param({"each": "if epoch == 9: evaluate(model, average, x)"}, id="in-the-last-round"),
        pytest.param({"each": "if epoch % 10 == 9: evaluate(model, average, x)"}, id="in-the-last-round-of-ten"),
        pytest.param(
            {"each": "if epoch % 4 == 3:\n        evaluate(model, average, x)\n        break"},
            id="in-a-round-that-is-the-last",
        ),
        pytest.param(
            {"after": "def later(trainer):\n    trainer.average.restore()"}, id="put-back-by-what-nobody-calls-here"
        ),
        pytest.param({"take_out": "reset"}, id="a-class-that-puts-nothing-back"),
        pytest.param({"keeps": "pass"}, id="moved-to-the-average-on-purpose"),
        pytest.param(
            {"put_in": "apply_decay", "evaluation": "average.apply_decay()", "keeps": "continue"},
            id="nothing-kept-aside",
        ),
    ],
)
def test_silent_on_shadows_that_do_not_stay(changes: dict[str, str]) -> None:
    assert rows(rule, SHADOWED.format(**{**SHADOW, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="applied"),
        pytest.param({"put_in": "apply", "evaluation": "average.apply(); return model(x)"}, id="another-name"),
        pytest.param({"put_in": "swap_in", "take_out": "swap_out", "evaluation": "average.swap_in()"}, id="swapped"),
        pytest.param({"take_out": "put_back"}, id="another-name-to-put-back"),
        pytest.param(
            {"evaluation": "average.apply_shadow(); torch.save(model.state_dict(), 'best.pt')"}, id="to-be-saved"
        ),
        pytest.param({"after": "Board().restore()"}, id="something-else-is-restored"),
    ],
)
def test_shadows_that_stay(changes: dict[str, str]) -> None:
    assert rows(rule, SHADOWED.format(**{**SHADOW, **changes})) == [29]


def test_a_shadow_that_stays_in_a_run_of_unknown_length() -> None:
    source = SHADOWED.format(**{**SHADOW, "each": "if epoch % 10 == 9: evaluate(model, average, x)"})
    assert rows(rule, source.replace("range(10)", "iter(int, 1)")) == [29]


def test_a_shadow_that_stays_although_another_branch_ends_the_loop() -> None:
    each = "if epoch % 4 == 3:\n        evaluate(model, average, x)\n    if x.sum() > 99:\n        break"
    assert rows(rule, SHADOWED.format(**{**SHADOW, "each": each})) == [29]


@pytest.mark.parametrize("test", ["epoch % 2", "(epoch + 1) % 5 == 0", "not epoch % 3", "epoch > 2 and epoch % 4 == 3"])
def test_a_shadow_that_stays_every_so_many_rounds(test: str) -> None:
    assert rows(rule, SHADOWED.format(**{**SHADOW, "each": f"if {test}: evaluate(model, average, x)"})) == [29]


def test_a_shadow_that_stays_in_the_loop_itself() -> None:
    assert rows(rule, SHADOWED.format(**{**SHADOW, "each": "if epoch % 2: average.apply_shadow()\n    print(x)"})) == [
        40
    ]


def test_what_is_applied_under_a_condition_is_missed_at_the_end() -> None:
    source = SHADOWED.format(
        **{**SHADOW, "evaluation": f"if averaged:\n        average.apply_shadow()\n    {SCORE}\n    return score"}
    )
    (found,) = run(rule, source)
    assert found.site.row == 32
    assert "(line 30)" in found.message
    assert [note.site.row for note in found.notes] == [30, 40]


def test_what_is_evaluated_under_a_condition_is_told_where_it_is_applied() -> None:
    evaluation = f"if averaged:\n        average.apply_shadow()\n        {SCORE}\n        return score"
    assert rows(rule, SHADOWED.format(**{**SHADOW, "evaluation": evaluation})) == [30]


LIBRARY = """
import copy
import torch
from torch import nn
from torch_ema import ExponentialMovingAverage

def evaluate(model, ema, x):
    {evaluation}
    return (model(x) - x).pow(2).mean()

model = nn.Linear(8, 8)
ema = ExponentialMovingAverage(model.parameters(), decay=0.99)
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(10):
    for x in torch.randn(100, 16, 8):
        optimizer.zero_grad()
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
        ema.update()
    {each}
"""
EACH = "print(evaluate(model, ema, x))"


@pytest.mark.parametrize(
    ("evaluation", "each"),
    [
        pytest.param("ema.store(); ema.copy_to()", EACH + "; ema.restore()", id="put-back"),
        pytest.param("pass", "with ema.average_parameters(): " + EACH, id="for-the-length-of-a-block"),
        pytest.param(
            "model = copy.deepcopy(model); ema.store(); ema.copy_to(model.parameters())", EACH, id="into-a-copy"
        ),
        pytest.param("ema.copy_to()", EACH, id="nothing-is-known-to-be-overwritten"),
        pytest.param("pass", "ema.copy_to(model.parameters())", id="training-goes-on-from-the-average"),
        pytest.param(
            "kept = copy.deepcopy(model.state_dict()); ema.copy_to(model.parameters())",
            EACH + "; model.load_state_dict(kept)",
            id="put-back-as-a-state",
        ),
    ],
)
def test_silent_on_averages_of_a_library(evaluation: str, each: str) -> None:
    assert rows(rule, LIBRARY.format(evaluation=evaluation, each=each)) == []


@pytest.mark.parametrize(
    "evaluation",
    [
        pytest.param("ema.store(); ema.copy_to()", id="stored"),
        pytest.param("ema.store(model.parameters()); ema.copy_to(model.parameters())", id="with-the-parameters"),
        pytest.param("ema.copy_to(model.parameters())", id="not-even-stored"),
        pytest.param("weights = list(model.parameters()); ema.store(weights); ema.copy_to(weights)", id="listed"),
    ],
)
def test_averages_of_a_library_that_stay(evaluation: str) -> None:
    assert rows(rule, LIBRARY.format(evaluation=evaluation, each=EACH)) == [8]


def test_averages_that_a_function_is_given() -> None:
    source = """
        def fit(model, ema, optimizer, loader, loss_of):
            for epoch in range(10):
                for x in loader:
                    optimizer.zero_grad()
                    loss_of(model(x), x).backward()
                    optimizer.step()
                ema.store(model.parameters())
                ema.copy_to(model.parameters())
                print(loss_of(model(x), x))
        """
    assert rows(rule, source) == [9]
    assert rows(rule, source.replace("ema", "bank")) == []


PHASED = """
import torch
from torch import nn

class Codes(nn.Module):
    def __init__(self):
        super().__init__()
        self.decay = 0.99
        self.register_buffer("size", torch.ones(64))

    def forward(self, counts):
        {update}
        return self.size

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.codes = Codes()

    def forward(self, counts, epoch):
        if epoch < 5:
            self.codes.decay = {early}
            return self.codes(counts)
        self.codes.decay = 0.2
        return self.codes(counts)

model = Model()
for epoch in range(90):
    for counts in torch.rand(10, 64):
        model(counts, epoch)
"""


@pytest.mark.parametrize(
    ("update", "row"),
    [
        ("self.size.mul_(self.decay).add_(counts, alpha=1 - self.decay)", 12),
        ("self.size = self.decay * self.size + (1 - self.decay) * counts", 12),
    ],
)
def test_silent_on_a_decay_that_training_lowers(update, row):
    assert rows(rule, PHASED.format(update=update, early=0.99)) == []
    assert rows(rule, PHASED.format(update=update, early=0.2)) == [row]


AVERAGED = """
import torch
from torch import nn

class Average:
    def __init__(self, model, decay=0.99):
        self.decay, self.model = decay, model
        self.shadow = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def update(self, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        for s, p in zip(self.shadow, self.model.parameters()):
            {step}

average = Average(nn.Linear(4, 4))
for step in range(100):
    average.update(step)
"""


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("s.sub_((1 - decay) * (s - p))", id="the gap is subtracted"),
        pytest.param("s.add_((1 - decay) * (p - s))", id="the gap the other way round is added"),
        pytest.param("s -= (1.0 - decay) * (s - p)", id="by an operator"),
        pytest.param("s.add_(p - s, alpha=1 - decay)", id="with alpha"),
        pytest.param("s.copy_(p + 0.9 * (p - s))", id="an extrapolation from the newest"),
        pytest.param("s.add_(0.9 * (s - p))", id="a step ahead, by a factor of its own"),
        pytest.param("s.mul_(decay).add_((1 - decay) * p)", id="two weights"),
        pytest.param("s.add_((1 - decay) * (p - 0.1 * p.grad))", id="the weights a step ahead"),
    ],
)
def test_silent_on_averages_that_follow(step):
    assert rows(rule, AVERAGED.format(step=step)) == []


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("s.add_((1 - decay) * (s - p))", id="the gap is added"),
        pytest.param("s.add_(s - p, alpha=1 - decay)", id="with alpha"),
        pytest.param("s += (s - p.float()) * (1.0 - decay)", id="by an operator"),
        pytest.param("s.sub_((1 - decay) * (p - s))", id="the other gap is subtracted"),
        pytest.param("gap = s - p; s.add_(gap * (1 - self.decay))", id="under a name"),
        pytest.param("step = (1 - decay) * (s - p); s.add_(step)", id="the step under a name"),
    ],
)
def test_an_average_that_moves_away(step):
    assert rows(rule, AVERAGED.format(step=step)) == [14]
