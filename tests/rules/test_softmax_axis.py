import pytest

from aelint.rules.objective import softmax_axis as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nhead = nn.Linear(16, 20)\n"
LOOP = HEAD + "for x in torch.utils.data.DataLoader(torch.rand(64, 16), batch_size=8):\n    "

HEALTHY = {
    "over classes": "F.softmax(head(x), dim=1)",
    "over classes from the end": "head(x).softmax(-1)",
    "similarities between samples": "F.softmax(head(x) @ head(x).t(), dim=0)",
    "one softmax per variable": "F.softmax(head(x).view(-1, 5, 4), dim=-1)",
    "attention over positions": "F.softmax(head(x).view(-1, 5, 4), dim=1)",
    "a vector": "F.softmax(torch.rand(5), dim=0)",
    "one class": "F.softmax(nn.Linear(16, 1)(x), dim=1)",
    "an axis of one that nobody wrote": "F.softmax(stored(x).view(8, 20, width), dim=2)",
    "an axis of two": "F.softmax(head(x).view(-1, 10, 2), dim=2)",
    "attention over pixels": "F.softmax(nn.Conv2d(3, 8, 1)(torch.rand(2, 3, 4, 4)), dim=-1)",
    "a choice among channels": "F.gumbel_softmax(nn.Conv2d(3, 8, 1)(torch.rand(2, 3, 4, 4)), dim=1)",
    "several variables of another layer": "F.softmax(head(x), dim=-1), F.softmax(nn.Linear(16, 20)(x).view(-1, 5, 4) + 1, -1)",
    "a mixture beside a class head": "F.softmax(head(x), dim=1), F.softmax(nn.Linear(16, 20)(x).view(-1, 5, 4), dim=-1)",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy(body):
    assert not rows(rule, LOOP + body + "\n")


def test_recurrent_layer_with_samples_first():
    source = "rnn = nn.LSTM(4, 8, batch_first=True)\nout, _ = rnn(torch.rand(16, 10, 4))\nF.softmax(out, dim=1)\nF.softmax(out, dim=-1)\n"
    assert not rows(rule, HEAD + source)


def test_over_samples_of_a_linear_layer():
    assert rows(rule, LOOP + "F.softmax(head(x), dim=0)\n") == [6]
    assert rows(rule, LOOP + "nn.LogSoftmax(dim=-2)(head(x))\n") == [6]


@pytest.mark.parametrize("dim", ["-2", "1"])
def test_over_samples_behind_a_recurrent_layer_with_time_first(dim):
    source = f"rnn = nn.GRU(4, 8)\nout, _ = rnn(torch.rand(10, 16, 4))\nmix = nn.Linear(8, 6)(out)[:, :, 3:].view(10, 16, 3)\nlogpi = F.log_softmax(mix, dim={dim})\n"
    assert rows(rule, HEAD + source) == [8]


def test_no_axis_given_for_three_axes():
    source = "rnn = nn.GRU(4, 8, batch_first=True)\nout, _ = rnn(torch.rand(16, 10, 4))\nF.softmax(out)\n"
    assert rows(rule, HEAD + source) == [7]


SCORES = """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 8, bidirectional=True)
        self.attn = nn.Linear(16, 8)

    def forward(self, x):
        out, h = self.rnn(x)
        out = out[:, :, :8] + out[:, :, 8:]
        h = h[-1].repeat(10, 1, 1).{move}
        return F.softmax({what}{dim})

Attention()(torch.rand(10, 16, 4))
"""


@pytest.mark.parametrize(
    ("move", "what", "dim", "found"),
    [
        pytest.param("transpose(0, 1)", "self.attn(torch.cat([h, out.transpose(0, 1)], 2))", "", [16], id="joined"),
        pytest.param(
            "permute(1, 0, 2)", "self.attn(torch.cat((out.permute(1, 0, 2), h), -1))", ", dim=0", [16], id="permuted"
        ),
        pytest.param(
            "transpose(0, 1)", "self.attn(torch.cat([h, out.transpose(0, 1)], 2))", ", dim=1", [], id="over the steps"
        ),
        pytest.param("contiguous()", "self.attn(torch.cat([h, out], 2))", "", [], id="time stands in front"),
        pytest.param("contiguous()", "self.attn(torch.cat([h, out], 2))", ", 1", [16], id="samples stand behind"),
    ],
)
def test_samples_that_were_moved_behind_a_recurrent_layer(move, what, dim, found):
    assert rows(rule, HEAD + SCORES.format(move=move, what=what, dim=dim)) == found


def test_no_axis_given_for_samples_of_a_loader():
    assert rows(rule, LOOP + "F.softmax(head(x).view(-1, 5, 4))\n") == [6]
    assert not rows(rule, LOOP + "F.softmax(head(x).view(-1, 5, 4), dim=0)\n")
    assert not rows(rule, LOOP + "F.softmax(head(x))\n")


def test_all_variables_at_once():
    source = (
        LOOP
        + "logits = head(x)\n    z = F.softmax((logits.view(-1, 5, 4) + torch.rand(8, 5, 4)) / 0.5, dim=-1)\n    q = F.softmax(logits, dim=-1)\n"
    )
    assert rows(rule, source) == [8]


RECURRENT = (
    "out, h = nn.GRU(4, 8, num_layers=2, batch_first={first})(torch.rand(16, 16, 4))\nF.softmax({what}, dim={dim})\n"
)


@pytest.mark.parametrize(
    ("first", "what", "dim"),
    [
        pytest.param(True, "h", 0, id="the layers of a recurrent network share the weight"),
        pytest.param(False, "out.reshape(-1, 4, 2)", 1, id="categories of the steps in one row"),
        pytest.param(False, "out.transpose(0, 1)", 1, id="attention over the steps, moved behind the samples"),
        pytest.param(True, "out.transpose(0, 1)", 0, id="attention over the steps, moved in front"),
        pytest.param("order", "out", 1, id="nobody knows which axis is which"),
    ],
)
def test_other_axes_behind_a_recurrent_layer(first, what, dim):
    head = HEAD + ("order = bool(input())\n" if first == "order" else "")
    assert not rows(rule, head + RECURRENT.format(first=first, what=what, dim=dim))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "F.softmax(-torch.cdist(head(x), torch.rand(7, 20)), dim=0)", id="samples compete for a prototype"
        ),
        pytest.param("F.softmax(head(torch.rand(8, 16)), dim=1)", id="sizes that are numbers"),
        pytest.param("F.softmax(head(x.view(-1, 4, 16)), dim=0)", id="three axes, of which the first may be anything"),
        pytest.param("F.softmax(head(x)[:, 0], dim=0)", id="one score per sample"),
        pytest.param("F.softmax(head(x), axis)", id="an axis that nobody knows"),
    ],
)
def test_weights_between_samples_that_are_meant(body):
    assert not rows(rule, LOOP + body + "\n")


def test_attention_over_the_variables_beside_a_class_head():
    body = "logits = head(x)\n    F.softmax(logits.view(-1, 5, 4), dim={})\n    F.softmax(logits, dim=1)\n"
    assert not rows(rule, LOOP + body.format(1))
    assert rows(rule, LOOP + body.format(2)) == [8]


ONE = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\nmaps = torch.rand(4, 6, 3, 3)\nsteps = torch.rand(4, 9, 16)\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.softmax(maps.view(4, 6, 1, -1), dim=3)", id="over the pixels"),
        pytest.param("F.softmax(nn.Linear(16, 1)(steps), dim=1)", id="over the steps"),
        pytest.param("F.softmax(nn.Linear(16, k)(steps), dim=-1)", id="number of outputs unknown"),
        pytest.param("k = 1\nF.softmax(nn.Linear(16, k)(steps), dim=-1)", id="a setting that is one"),
        pytest.param("F.softmax(maps[:, :, :1, :1], dim=2)", id="one pixel is left"),
        pytest.param("F.softmax(nn.Linear(16, 1)(torch.rand(4, 16)), dim=-1)", id="nothing else to share"),
        pytest.param("F.softmax(steps.view(4, 9, 4, 4)[:, :, 3:], dim=3)", id="a slice, and another axis"),
        pytest.param("F.softmax(steps.view(4, 9, 4, 4)[:, :, 2:], dim=2)", id="a slice of two"),
        pytest.param("k = 1\nF.softmax(steps[:, :k], dim=1)", id="a slice as long as a setting"),
        pytest.param("k = 1\nF.softmax(steps.view(4, 9, 15 + k, 1)[:, :, 15:], dim=2)", id="as many as are left over"),
    ],
)
def test_silent_over_more_than_one(body):
    assert not rows(rule, ONE + body + "\n")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.softmax(maps.view(4, 6, 1, -1), dim=2)", id="view"),
        pytest.param("torch.softmax(nn.Linear(16, 1)(steps), -1)", id="one output"),
        pytest.param("nn.Softmax(dim=2)(torch.tanh(nn.Linear(16, 1)(steps)))", id="behind an activation"),
        pytest.param("n = 15; torch.softmax(steps.view(4, 9, n + 1)[:, :, n:], dim=2)", id="what is left of one more"),
        pytest.param("steps.view(4, 9, 16)[..., 15:].softmax(-1)", id="what is left of a known number"),
        pytest.param("F.softmax(steps[..., -1:], dim=-1)", id="the last"),
        pytest.param("F.softmax(maps[:, :1], dim=1)", id="the first"),
        pytest.param("F.softmax(maps[:, 2:3], dim=1)", id="one in the middle"),
        pytest.param("i = 3; F.softmax(maps[:, i:i + 1], dim=1)", id="one at an index"),
    ],
)
def test_over_one_number(body):
    assert rows(rule, ONE + body + "\n") == [6]


CODE = """
import torch
from torch import nn
import torch.nn.functional as F

conv, x = nn.Conv2d(3, 32, 4, stride=2), torch.rand(4, 3, 16, 16)
logits = conv(x)
{body}
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.gumbel_softmax(logits, tau=0.9, dim=1)", id="over the channels"),
        pytest.param("F.gumbel_softmax(logits.permute(0, 2, 3, 1))", id="channels last"),
        pytest.param("F.gumbel_softmax(logits.flatten(2), dim=-1)", id="a place is chosen"),
        pytest.param("F.gumbel_softmax(nn.Linear(8, 5)(torch.rand(4, 8)))", id="flat"),
        pytest.param("F.softmax(logits, dim=-1)", id="attention along a row"),
    ],
)
def test_silent_on_choices_among_categories(body):
    assert not rows(rule, CODE.format(body=body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.gumbel_softmax(logits)", id="default"),
        pytest.param("nn.functional.gumbel_softmax(logits, 0.5, hard=True, dim=-1)", id="last"),
        pytest.param("F.gumbel_softmax(nn.Sequential(nn.ReLU(), nn.Conv2d(32, 8, 1))(logits), 1.0, dim=-2)", id="rows"),
    ],
)
def test_a_choice_among_pixels(body):
    assert rows(rule, CODE.format(body=body)) == [8]


def test_a_choice_among_pixels_of_an_unknown_size():
    source = """
        import torch.nn as nn
        import torch.nn.functional as F

        class Encoder(nn.Module):
            def __init__(self, tokens):
                super().__init__()
                self.conv = nn.Conv2d(3, tokens, 4, 2, 1)

            def forward(self, images):
                return F.gumbel_softmax(self.conv(images), tau=1.0, hard=True)
        """
    assert rows(rule, source) == [11]


ATTENTION = """import torch
from torch import einsum, nn
import torch.nn.functional as F

q, k, v = nn.Linear(8, 16)(torch.rand(4, 9, 8)), nn.Linear(8, 16)(torch.rand(4, 10, 8)), nn.Linear(8, 16)(torch.rand(4, 10, 8))
scores = q @ k.transpose(1, 2) / 4
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.softmax(scores, dim=-1) @ v", id="over-the-keys"),
        pytest.param("F.softmax(scores, dim=2) @ v", id="counted-from-the-front"),
        pytest.param("w = F.softmax(scores, dim=1); w = w / w.sum(-1, keepdim=True); w @ v", id="divided-by-their-sum"),
        pytest.param("w = F.softmax(scores, dim=1) + 1e-8; w @ v", id="slots-that-compete"),
        pytest.param("v.transpose(1, 2) @ F.softmax(scores, dim=-1).transpose(1, 2)", id="transposed"),
        pytest.param("einsum('bqk,bkd->bqd', F.dropout(F.softmax(scores, dim=2), 0.1), v)", id="einsum"),
        pytest.param("F.softmax(scores, dim=1)", id="looked-at"),
        pytest.param("F.softmax(nn.Linear(8, 9)(torch.rand(9, 8)), dim=1).t() @ torch.rand(9, 3)", id="no-scores"),
    ],
)
def test_silent_on_attention(body: str) -> None:
    assert rows(rule, ATTENTION + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("out = F.softmax(scores, dim=1) @ v", id="operator"),
        pytest.param("torch.bmm(nn.Softmax(dim=0)(scores), v)", id="layer"),
        pytest.param("torch.bmm(v.transpose(1, 2), scores.softmax(-2).permute(0, 2, 1))", id="transposed"),
        pytest.param("einsum('b q k, b k d -> b q d', F.dropout(scores.softmax(dim=1), 0.1), v)", id="einsum"),
    ],
)
def test_fires_on_attention_over_another_axis(body: str) -> None:
    assert rows(rule, ATTENTION + body + "\n") == [7]


def test_silent_on_a_layer_that_is_applied_to_weights():
    source = """
import torch
from torch import nn
from torch.nn import functional as F

def topics(words, theta):
    rho, alpha = nn.Linear(300, words.size(0)), nn.Linear(300, 20)
    return theta @ F.softmax(alpha({given}), dim=0).T
"""
    assert rows(rule, source.format(given="rho.weight")) == []
    assert rows(rule, source.format(given="torch.rand(words.size(0), 300)")) == [8]


PROTOTYPES = """
import torch
from torch import nn
from torch.nn import functional as F

class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.slots = nn.Parameter(torch.randn(10, 16))
        self.between = nn.Parameter(torch.randn(10, 10))
        self.score = nn.Linear(16, 10)

    def forward(self, x):
        {weights}
        return {out}, weights.mean(0), weights.unsqueeze(-1) * x.unsqueeze(1)

Memory()(torch.randn(32, 16))
"""
MIXED = "weights @ self.slots"


@pytest.mark.parametrize(
    ("weights", "out"),
    [
        pytest.param("weights = F.softmax(x @ self.slots.t(), dim=1)", MIXED, id="over-the-prototypes"),
        pytest.param("weights = torch.softmax(self.score(x), -1)", "F.linear(weights, self.slots.t())", id="a-layer"),
        pytest.param("weights = torch.softmax(self.between, 0)", MIXED, id="learned-weights-have-no-samples"),
        pytest.param("weights = F.softmax(x @ self.slots.t(), dim=0)", "weights.t() @ x", id="samples-are-averaged"),
        pytest.param("weights = F.softmax(x @ self.slots.t(), dim=0)", f"weights.t() @ x, {MIXED}", id="both"),
        pytest.param("weights = F.softmax(x @ self.slots.t(), dim=0)", "weights @ given", id="values-that-are-given"),
        pytest.param(
            "weights = F.softmax(x @ self.slots.t(), dim=0)",
            "F.normalize(weights, p=1, dim=1) @ self.slots",
            id="shared-out-again",
        ),
    ],
)
def test_silent_on_weights_of_what_is_learned(weights: str, out: str) -> None:
    assert rows(rule, PROTOTYPES.format(weights=weights, out=out)) == []


@pytest.mark.parametrize(
    ("weights", "out"),
    [
        ("weights = F.softmax(F.normalize(x, dim=1) @ F.normalize(self.slots, dim=1).t() / 0.5, dim=0)", MIXED),
        ("weights = nn.Softmax(dim=0)(F.linear(x, self.slots))", "F.linear(weights, self.slots.t())"),
        ("weights = (-torch.cdist(x, self.slots)).softmax(0)", "torch.einsum('nk,kd->nd', weights, self.slots)"),
        ("weights = torch.softmax(self.score(x), 0)", MIXED),
    ],
)
def test_fires_on_weights_of_what_is_learned_that_sum_to_one_over_the_samples(weights: str, out: str) -> None:
    assert rows(rule, PROTOTYPES.format(weights=weights, out=out)) == [14]


POOLING = """import torch
from torch import nn
import torch.nn.functional as F

steps = nn.Linear(8, 16)(torch.rand(4, 9, 8))
scores = nn.Linear(16, 1)(torch.tanh(steps))
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(F.softmax(scores, dim=1) * steps).sum(1)", id="over-the-steps"),
        pytest.param("(F.softmax(scores, dim=0) * steps).sum(1)", id="somebody-chose-the-samples"),
        pytest.param("(F.softmax(scores) * steps).sum(0)", id="torch-chose-the-same"),
        pytest.param("w = F.softmax(scores); (w * steps).sum(1), w.mean()", id="used-in-another-way-too"),
        pytest.param("w = F.softmax(scores) * steps; w.sum(1), w.sum(2)", id="added-up-in-two-ways"),
        pytest.param("(F.softmax(scores.squeeze(2)).unsqueeze(2) * steps).sum(1)", id="two-axes"),
    ],
)
def test_silent_on_pooling(body: str) -> None:
    assert rows(rule, POOLING + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(F.softmax(scores) * steps).sum(1)", id="function"),
        pytest.param("torch.sum(steps * nn.Softmax()(scores), dim=-2)", id="layer"),
        pytest.param("w = F.softmax(scores)\nout = (w * steps).sum(dim=1, keepdim=True)", id="named"),
    ],
)
def test_fires_on_pooling_over_an_axis_that_nobody_named(body: str) -> None:
    assert rows(rule, POOLING + body + "\n") == [7]


def test_the_axis_of_a_layer_is_named_where_the_layer_is_made():
    source = """
        import torch
        from torch import nn

        class Pool(nn.Module):
            def __init__(self):
                super().__init__()
                self.score = nn.Sequential(
                    nn.Linear(16, 1),
                    nn.Softmax({dim}),
                )

            def forward(self, steps):
                return (self.score(steps) * steps).sum(1)

        Pool()(torch.rand(4, 9, 16))
        """
    assert rows(rule, source.format(dim="")) == [10]
    assert not rows(rule, source.format(dim="dim=1"))


ROUTING = """import torch
from torch import nn
import torch.nn.functional as F

def route(votes, rounds=3):
    b = torch.zeros(4, 36, 5, 1)
    for _ in range(rounds):
        c = {softmax}
        v = torch.tanh((c * votes).sum(dim={summed}))
        {update}
    return v

route(torch.rand(4, 36, 5, 8))
"""
AGREED = "b = b + (votes * v.unsqueeze(1)).sum(-1, keepdim=True)"


@pytest.mark.parametrize(
    ("softmax", "summed", "update"),
    [
        pytest.param("F.softmax(b, dim=2)", 1, AGREED, id="over-the-outputs"),
        pytest.param("F.softmax(b, dim=1)", 1, AGREED, id="somebody-chose-the-inputs"),
        pytest.param("F.softmax(b)", 2, "b = b + (votes * v.unsqueeze(2)).sum(-1, keepdim=True)", id="inputs-last"),
        pytest.param("F.softmax(b)", 1, "b = votes.mean(-1, keepdim=True)", id="no-agreement"),
        pytest.param("F.softmax(b)", 1, "b = b + votes.mean(-1, keepdim=True)", id="nothing-of-the-round-is-added"),
    ],
)
def test_silent_on_routing(softmax: str, summed: int, update: str) -> None:
    assert rows(rule, ROUTING.format(softmax=softmax, summed=summed, update=update)) == []


@pytest.mark.parametrize(
    ("softmax", "update"),
    [
        ("F.softmax(b)", AGREED),
        ("nn.Softmax()(b)", "b += (votes * v.unsqueeze(1)).sum(-1, keepdim=True)"),
        ("torch.nn.functional.softmax(b)", "b = (votes.detach() * v[:, None]).sum(dim=3, keepdim=True) + b"),
    ],
)
def test_fires_on_routing_over_the_inputs_by_an_axis_that_nobody_named(softmax: str, update: str) -> None:
    assert rows(rule, ROUTING.format(softmax=softmax, summed=1, update=update)) == [8]


READ = """
import torch
import torch.nn.functional as F
from torch.distributions import Categorical

def step(net, x, q, k, v, n):
    logits = {logits}
    p = {softmax}
    {use}
    return p, {result}
"""
FIRST, LAST = "torch.softmax(logits, dim=0)", "F.softmax(logits, dim=-1)"


def read(result, logits="net(x)[:, -1, :] / n", softmax=FIRST, use="pass"):
    return READ.format(result=result, logits=logits, softmax=softmax, use=use)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(read("torch.multinomial(p, 1)", softmax=LAST), id="drawn along the last axis"),
        pytest.param(read("torch.multinomial(p, 1)", logits="net(x)[0, -1, :]"), id="drawn from one vector"),
        pytest.param(read("torch.multinomial(p, 1)", logits="net(x)"), id="drawn from what may be one vector"),
        pytest.param(read("torch.multinomial(p.t(), 1)"), id="transposed before it is drawn"),
        pytest.param(read("p[0]"), id="the share of the first"),
        pytest.param(read("torch.multinomial(p[:, 0], 1)"), id="a column is drawn from"),
        pytest.param(read("torch.distributions.Normal(p, 1.0).sample()"), id="a law of each number"),
        pytest.param(read("Categorical(logits=p * 0 + q).sample()"), id="a law of something else"),
        pytest.param(read("p @ v, p.t() @ v", logits="q @ k.transpose(2, 1)"), id="an attention both ways"),
        pytest.param(read("Categorical(p[:, 0]).sample()"), id="drawn from a column"),
        pytest.param(read("p.multinomial(1)", logits="net(x)[:, -1].mean(0)"), id="drawn from a mean"),
        pytest.param(read("-(p * torch.log(p + 1e-9)).sum(0)"), id="an entropy along the same axis"),
        pytest.param(read("-(p * torch.log(p + 1e-9)).sum()"), id="an entropy along all axes"),
        pytest.param(read("-(p * torch.log(p + 1e-9)).sum(-2)"), id="an entropy along the first of two"),
        pytest.param(read("-(p * torch.log(p)).sum(-1)", logits="net(x)"), id="an entropy of what may be one vector"),
        pytest.param(read("-(p * torch.log(p)).sum((0, 1))"), id="an entropy along both axes"),
        pytest.param(read("(p * v).sum(1)"), id="weights of other values"),
        pytest.param(read("p @ v"), id="a product that is no attention"),
        pytest.param(read("p @ v", logits="q @ k"), id="an attention that may be one vector"),
        pytest.param(read("v @ p", logits="q @ k.transpose(2, 1)"), id="values on the left"),
        pytest.param(
            read("p @ v", logits="q @ k.transpose(2, 1)", softmax=LAST), id="an attention along the last axis"
        ),
    ],
)
def test_silent_where_probabilities_are_read_along_their_axis(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(read("torch.multinomial(p, 1)"), id="drawn from rows"),
        pytest.param(read("p.multinomial(num_samples=1)", softmax="logits.softmax(0)"), id="drawn by a method"),
        pytest.param(read("Categorical(p).sample()"), id="a law of rows"),
        pytest.param(read("Categorical(probs=p).log_prob(x)"), id="a law by name"),
        pytest.param(read("torch.multinomial(p[0], 1)", logits="net(x)"), id="one row is drawn from"),
        pytest.param(read("torch.multinomial(p, 1)", use="x = 1", logits="net(x)[:, :, 3, 5] / n"), id="of a picture"),
        pytest.param(read("-(p * torch.log(p + 1e-9)).sum(1).mean()", logits="net(x)"), id="an entropy"),
        pytest.param(read("(p * F.log_softmax(logits, dim=-1)).sum(-1)"), id="an entropy with a logarithm of its own"),
        pytest.param(read("(p * torch.log(p) - p * torch.log(p / p + 1 / n)).sum(dim=(1, 2))"), id="a divergence"),
        pytest.param(
            read("(p * logits).sum(dim=-1)", logits="((x - q) ** 2).flatten(2).mean(-1) + n"), id="importance weights"
        ),
        pytest.param(read("p @ v", logits="q @ k.transpose(2, 1) / 8"), id="attention"),
    ],
)
def test_probabilities_over_the_first_axis_that_are_read_along_another(source):
    assert rows(rule, source) == [8]
