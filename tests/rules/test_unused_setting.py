"""AEL415: weights, rates and intervals that nothing reads."""

import pytest

from aelint.rules.optimization import unused_setting as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self, beta=0.1, width=8):
        super().__init__()
        {keep}
        self.width = width
        self.heads, self.decoder = nn.Linear(64, 8), nn.Linear(4, 64)

    def loss(self, x):
        mu, logvar = self.heads(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(1).mean()
        rec = (self.decoder(z) - x).pow(2).sum(1).mean()
        return {loss}


{build}
"""

BUILD = "VAE(beta=4.0).loss(torch.rand(32, 64)).backward()"
KEEP = "self.beta = beta"

HEALTHY = {
    "used": (KEEP, "rec + self.beta * kl", BUILD),
    "used under another name": ("self.weight_of_kl = 2 * beta", "rec + self.weight_of_kl * kl", BUILD),
    "read from outside": (KEEP, "rec + kl", BUILD + "\nprint(VAE().beta)"),
    "read by its name": (KEEP, "rec + kl", BUILD + "\nprint(getattr(VAE(), 'be' + 'ta'))"),
    "written into a table": (KEEP, "rec + kl", BUILD + "\nfor name in ['beta']: print(name)"),
    "a library, whose users are not in sight": (KEEP, "rec + kl", ""),
    "no weight but a description": ("self.beta = self.title = beta", "rec + self.beta * kl", BUILD),
}


@pytest.mark.parametrize(("keep", "loss", "build"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(keep, loss, build):
    assert rows(rule, MODEL.format(keep=keep, loss=loss, build=build)) == []


def test_a_weight_that_is_stored_in_vain_is_reported_where_the_divergence_is_added():
    assert rows(rule, MODEL.format(keep=KEEP, loss="rec + kl", build=BUILD)) == [18]
    assert rows(rule, MODEL.format(keep=KEEP, loss="rec", build=BUILD)) == [9]


def test_an_argument_that_is_not_even_stored():
    assert rows(rule, MODEL.format(keep="pass", loss="rec", build=BUILD)) == [7]


ACTIVATED = """
import torch
from torch import nn
import torch.nn.functional as F

class Encoder(nn.Module):
    def __init__(self, width, {given}):
        super().__init__()
        self.act = act
        self.fc = nn.Linear(width, 4)

    def forward(self, x):
        return {out}

Encoder({built})
"""


@pytest.mark.parametrize(
    ("given", "out", "built", "found"),
    [
        pytest.param("act=F.relu", "self.act(self.fc(x))", "8", [], id="applied"),
        pytest.param("act=None", "self.fc(x)", "8", [], id="none unless told"),
        pytest.param("act=True", "self.fc(x)", "8", [], id="a switch"),
        pytest.param("act=F.relu", "self.fc(x)", "8", [13], id="a function"),
        pytest.param("act=nn.LeakyReLU(0.2)", "self.fc(x)", "8", [13], id="a layer"),
        pytest.param("act=torch.tanh", "self.fc(x)", "8, torch.sigmoid", [13], id="another function"),
        pytest.param("act='relu'", "F.relu(self.fc(x))", "8", [9], id="another one is applied"),
        pytest.param("act", "self.fc(x)", "8, F.relu", [13], id="without default"),
    ],
)
def test_an_activation_that_is_kept_and_never_applied(given, out, built, found):
    assert rows(rule, ACTIVATED.format(given=given, out=out, built=built)) == found


TWO = """
class A(torch.nn.Module):
    def loss(self, x, beta=1.0):
        return x * beta

class B(torch.nn.Module):
    def loss(self, x, beta=1.0):
        return x.sum()
"""

FUNCTIONS = {
    "a switch": ("def loss(x, use_beta=True):\n    return x.sum()\n", []),
    "an exercise": ("def loss(x, beta=1.0):\n    print('to be written')\n", []),
    "a common signature": (
        TWO,
        [],
    ),
    "an interface that others fulfil": (
        "class A(Base):\n    def loss(self, x, beta=1.0):\n        return x.sum()\n",
        [],
    ),
    "not written yet": ("def loss(x, beta=1.0):\n    raise NotImplementedError\n", []),
    "meant": ("def loss(x, _beta=1.0):\n    return x.sum()\n", []),
    "ignored": ("def loss(x, kl_weight=1.0):\n    return x.sum()\n", [3]),
    "ignored by a method": (
        "class A(torch.nn.Module):\n    def penalty(self, x, sparsity_weight):\n        return x.abs().sum()\n",
        [4],
    ),
    "an interval": (
        "class Trainer:\n    def __init__(self, update_every=10):\n        self.update_every = update_every\n\nTrainer(5)\n",
        [5],
    ),
}


@pytest.mark.parametrize(("source", "expected"), FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_parameters(source, expected):
    assert rows(rule, "import torch\n\n" + source) == expected


TRAIN = """
import torch

model = torch.nn.Linear(4, 4)

def train(x, steps):
    for step in range(steps):
        kl_weight = min(1.0, step / 100)
        loss = (model(x) - x).pow(2).mean(){}
        loss.backward()
"""


def test_a_schedule_that_weighs_nothing():
    assert rows(rule, TRAIN.format("")) == [8]
    assert rows(rule, TRAIN.format(" + kl_weight * model.weight.abs().sum()")) == []


def test_silent_on_functions_of_a_table_that_take_the_same_arguments():
    source = """
        import torch

        def mine_all(near, far, margin):
            return torch.arange(len(near)) + 0 * len(far)

        def mine_hard(near, far, margin):
            return (near + margin > far).nonzero()

        MODES = {"all": mine_all, "hard": mine_hard}
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace('"all": mine_all, ', "")) == [4]


def test_silent_where_another_class_is_built_with_the_same_arguments():
    source = """
        import torch
        from torch import nn

        class Full(nn.Module):
            def __init__(self, shape, causal, attn_dropout):
                super().__init__()
                self.shape, self.causal, self.drop = shape, causal, nn.Dropout(attn_dropout)

        class Sparse(nn.Module):
            def __init__(self, shape, causal, block=32, attn_dropout=0.0):
                super().__init__()
                self.shape, self.causal, self.block = shape, causal, block
        """
    assert rows(rule, source) == []
    apart = source.replace("causal, attn_dropout):", "causal, p):").replace("Dropout(attn_dropout)", "Dropout(p)")
    assert rows(rule, apart) == [11]


def test_silent_on_a_function_that_leaves_several_arguments_alone():
    source = """
        import torch

        def static_loss(x, y, beta_dyn=1.0, discount=None):
            return (x - y).pow(2).mean()
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace(", discount=None", "")) == [4]


MASKED = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, ratio=0.75):
        super().__init__()
        self.ratio = ratio
        self.fc = nn.Linear(8, 8)

    def mask(self, x, ratio=0.1):
        return x * (torch.rand_like(x) > ratio)

    def forward(self, x, strength=1.0):
        return self.fc({call})

def train(model, x):
    model(x).mean().backward()

train(Net(0.5), torch.randn(4, 8))
"""


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("self.mask(x, self.ratio) * strength", id="handed on"),
        pytest.param("self.mask(x, ratio=self.ratio) * strength", id="by name"),
        pytest.param("self.mask(x) * strength + self.ratio", id="read elsewhere"),
        pytest.param("self.mask(*[x, self.ratio]) * strength", id="spread out"),
    ],
)
def test_silent_on_settings_that_are_handed_on(call):
    assert rows(rule, MASKED.format(call=call)) == []


def test_a_setting_that_the_call_leaves_out():
    assert rows(rule, MASKED.format(call="self.mask(x) * strength")) == [15]


def test_an_argument_that_is_not_handed_on():
    text = """
        from torch import nn
        class Head(nn.Module):
            def forward(self, x, power=1.0):
                return x ** power
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.head = Head()
            def forward(self, x, power=1.0):
                return self.head({given})
        """
    assert rows(rule, text.format(given="x, power")) == []
    assert rows(rule, text.format(given="x")) == [11]


OPTIONS = """
import argparse
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--weight-decay", type=float, default=1e-2)
args = parser.parse_args()
model = nn.Linear(4, 4)
optimizer = torch.optim.{made}
model(torch.randn(2, 4)).mean().backward()
"""


@pytest.mark.parametrize(
    "made",
    [
        "Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)",
        "Adam(model.parameters(), lr=args.lr, **vars(args))",
        "Adam(model.parameters(), lr=args.lr); print(args.weight_decay)",
        "Adam(model.parameters(), args.lr, (0.9, 0.99), 1e-8)",
    ],
)
def test_silent_on_options_that_are_read(made):
    assert rows(rule, OPTIONS.format(made=made)) == []


@pytest.mark.parametrize(
    "made", ["Adam(model.parameters(), lr=args.lr)", "SGD(model.parameters(), args.lr, momentum=0.9)"]
)
def test_an_option_of_the_optimizer_that_nothing_reads(made):
    assert rows(rule, OPTIONS.format(made=made)) == [11]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("w = torch.rand(len(x)); return w * x + alpha", []),
        ("y = x * alpha; alpha = torch.rand(len(x)); return alpha * y", []),
        ("alpha = alpha * torch.rand(len(x)); return alpha * x", []),
        ("alpha = torch.rand(len(x)); return alpha * x", [4]),
        ("beta = 2.0; alpha = torch.randn_like(x); return alpha * x * beta", []),
        ("n = len(x); alpha = torch.empty(n).uniform(0, 1); return alpha * x", [4]),
    ],
)
def test_an_argument_that_is_replaced_by_random_numbers(body, expected):
    assert rows(rule, f"import torch\n\ndef blend(x, alpha):\n    {body}\n") == expected


def test_silent_where_all_arguments_are_saved_at_once():
    text = """
        from torch import nn
        class Head(nn.Module):
            def __init__(self, width=8):
                super().__init__()
                self.fc = nn.Linear(width, 1)
        class Net(nn.Module):
            def __init__(self, width=16):
                super().__init__()
                {line}
                self.head = Head()
        """
    assert rows(rule, text.format(line="self.save_hyperparameters()")) == []


def test_silent_on_a_score_that_is_kept_beside_the_best_loss():
    source = """
def train(net, opt, loader):
    best, best_kl = 1e9, 0
    for x in loader:
        loss, kl = net(x)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if loss < best:
            best = loss.item()
            best_kl = kl
"""
    assert rows(rule, source) == []


def test_silent_on_tolerances_and_on_the_constructor_of_a_stranger():
    source = """
import torch
from torch import nn

def log(p, {name}=1e-6):
    return torch.log(p + {name})

def entropy(p, {name}=1e-6):
    return -(p * log(p)).sum()

entropy(torch.rand(3))
"""
    assert rows(rule, source.format(name="eps")) == []
    assert rows(rule, source.format(name="shift")) == [9]
    strange = """
from torch import nn

class First(nn.Module):
    def __init__(self, width, constant=0):
        super().__init__()
        self.fc, self.constant = nn.Linear(width, width), constant
    def forward(self, x):
        return self.fc(x) + self.constant

class Second(nn.Module):
    def __init__(self, width, constant=0):
        super(First, self).__init__(width)
        self.fc = nn.Linear(width, width)

First(4)
Second(4)
"""
    assert rows(rule, strange) == []


PARTIES = """
import argparse
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr_g", type=float, default=1e-3)
parser.add_argument("--lr_d", type=float, default=1e-3)
parser.add_argument("--train-batch", type=int, default=8)
parser.add_argument("--val-batch", type=int, default=8)
args = parser.parse_args()
G, D = nn.Linear(8, 8), nn.Linear(8, 1)
train_set, val_set = torch.randn(90, 8), torch.randn(90, 8)
opt_g = torch.optim.Adam(G.parameters(), lr=args.lr_g)
opt_d = torch.optim.Adam(D.parameters(), lr={rate})
train_loader = torch.utils.data.DataLoader(train_set, batch_size=args.train_batch)
val_loader = torch.utils.data.DataLoader(val_set, batch_size={batch})
"""


@pytest.mark.parametrize(
    ("rate", "batch", "found"),
    [
        ("args.lr_d", "args.val_batch", []),
        ("vars(args)['lr_d']", "args.val_batch", []),
        ("args.lr_g; print(args.lr_d)", "args.val_batch", []),
        ("args.lr_g", "args.val_batch", [15]),
        ("args.lr_d", "args.train_batch", [17]),
        ("args.lr_g / 2", "args.train_batch", [15, 17]),
    ],
)
def test_fires_on_an_option_of_the_other_party(rate, batch, found):
    text = PARTIES.format(rate=rate, batch=batch).replace("; print(args.lr_d))", ")\nprint(args.lr_d)")
    assert rows(rule, text) == found


def test_silent_on_one_optimizer_for_both():
    text = PARTIES.format(rate="args.lr_g", batch="args.val_batch").replace("opt_d =", "opt =")
    assert rows(rule, text.replace("D.parameters()", "[*G.parameters(), *D.parameters()]")) == []


def test_silent_on_the_value_of_a_schedule_at_a_step():
    source = """
class Diffusion:
    def error(self, out, {name}, noise):
        return (noise - out) ** 2
"""
    assert rows(rule, source.format(name="gamma_t")) == []
    assert rows(rule, source.format(name="gamma")) == [3]


OBJECTIVES = """
import torch
from torch import nn

def divergence(p, q, {number}=100):
    return torch.distributions.kl_divergence(p, q).sum() * {number}

def {name}(model, x, {number}=1):
    p = model(x)
    return divergence(p, torch.distributions.Normal(torch.zeros(3), 1.0))

def {other}(model, x, {more}=1):
    return divergence(model(x), model(x), {more})

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(9, 3)

    def forward(self, x):
        return torch.distributions.Normal(self.mean(x), 1.0)

loss = {name}(Encoder(), torch.randn(5, 9), 3)
loss.backward()
"""


@pytest.mark.parametrize(
    ("number", "more", "found"),
    [
        pytest.param("samples", "samples", [], id="functions to choose from"),
        pytest.param("K", "n", [], id="a letter"),
        pytest.param("samples", "n", [10], id="a function of its own"),
    ],
)
def test_arguments_that_several_functions_take(number, more, found):
    text = OBJECTIVES.format(name="elbo", other="symmetric", number=number, more=more)
    assert rows(rule, text) == found


def test_silent_on_methods_that_one_method_chooses_from():
    source = """
import torch
class Penalty:
    def __init__(self, kind):
        self.kind = kind
    def choose(self):
        return {one}
    def by_length(self, scores, weight=0.5):
        return scores * len(scores) ** weight
    def by_mean(self, scores, weight=0.5):
        return scores / len(scores)
"""
    assert rows(rule, source.format(one="self.by_length if self.kind else self.by_mean")) == []
    assert rows(rule, source.format(one="self.by_mean(self.kind)")) != []


TABLE = """
from torch import nn

class Encoder(nn.Module):
    def __init__(self, data, widths):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(data, widths[0]), nn.ReLU())

class Decoder(nn.Module):
    def __init__(self, code, out_widths):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(code, out_widths[0]), nn.ReLU())

class Synthesiser:
    def __init__(self, widths=(64, 64), out_widths=(64, 64), seed=0):
        self.widths = widths
        self.out_widths = out_widths

    def build(self):
        self.encoder = Encoder({first})
        self.decoder = Decoder({second})

def build(data, widths, out_widths):
    return Encoder({first_given}), Decoder({second_given})

Synthesiser().build()
"""
RIGHT = {
    "first": "8, self.widths",
    "second": "4, self.out_widths",
    "first_given": "data, widths",
    "second_given": "4, out_widths",
}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        pytest.param({}, [], id="each under its own name"),
        pytest.param({"second": "4, self.widths[::-1]"}, [], id="computed from the other on purpose"),
        pytest.param({"second": "4, self.widths); print(self.out_widths"}, [], id="read elsewhere"),
        pytest.param({"first": "8, (64, 64)", "second": "4, self.widths"}, [], id="handed on once"),
        pytest.param({"second_given": "4, *widths"}, [], id="spread"),
        pytest.param({"second": "4, self.widths"}, [21], id="an attribute by place"),
        pytest.param(
            {"first": "8, widths=self.widths", "second": "code=4, out_widths=self.widths"}, [21], id="by name"
        ),
        pytest.param({"second_given": "4, widths"}, [24], id="an argument of a function"),
    ],
)
def test_an_argument_that_is_handed_on_in_the_place_of_an_unread_one(changes, found):
    assert rows(rule, TABLE.format(**{**RIGHT, **changes})) == found


FAMILY = """
import torch

def elbo(model, x, K, beta):
    return model(x).sum() * K * beta

def bound(model, x, K, beta):
    return torch.logsumexp(model(x), 0).sum() / K

def looser(model, x, K, {third}):
    return model(x).mean() * K * {third}
"""


@pytest.mark.parametrize(("third", "found"), [("beta", []), ("gamma", [7])])
def test_silent_on_one_of_several_objectives_of_the_same_arguments(third, found):
    assert rows(rule, FAMILY.format(third=third)) == found


IGNORED_BELOW = """
import torch

def estimate(model, x, beta=0.5):
    return model(x).sum(){weighed}

def objective(model, x, warmup, beta=0.5):
    return estimate(model, x) * warmup

objective(torch.nn.Linear(4, 4), torch.rand(2, 4), 1, 2.0).backward()
"""


def test_silent_where_the_function_that_is_called_does_not_use_it_either():
    assert 8 not in rows(rule, IGNORED_BELOW.format(weighed=""))
    assert rows(rule, IGNORED_BELOW.format(weighed=" * beta")) == [8]


DOCUMENTED = """
import torch

def vae_loss(recon, x, mu, logvar, beta=1.0):
    \"\"\"The objective.

    Parameters
    ----------
    beta : float
        {said}
    \"\"\"
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return (recon - x).pow(2).sum(1).mean() + kl
"""


@pytest.mark.parametrize("said", ["Legacy weight (ignored)", "Unused.", "Has no effect", "Kept for compatibility"])
def test_silent_on_a_parameter_that_is_said_to_be_idle(said):
    assert rows(rule, DOCUMENTED.format(said=said)) == []
    assert rows(rule, DOCUMENTED.format(said="Weight of the divergence")) == [13]


LABELS = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Tagger(nn.Module):
    def __init__(self, width, {given}):
        super().__init__()
        {kept}
        self.head = nn.Linear(width, 9)

    def forward(self, x, labels):
        logits = self.head(x)
        return {loss}

def masked(logits, labels, ignore_index={default}):
    return {function}

print(Tagger(4, 0)(torch.rand(5, 4), torch.zeros(5, dtype=torch.long)))
"""
HANDED_ON = {
    "given": "ignore_index",
    "kept": "self.ignore_index = ignore_index",
    "loss": "F.cross_entropy(logits, labels, ignore_index=self.ignore_index)",
    "default": "0",
    "function": "F.nll_loss(logits, labels, ignore_index=ignore_index)",
}
LEFT_OUT = "F.cross_entropy(logits, labels)"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        pytest.param({}, [], id="handed on"),
        pytest.param({"loss": "F.cross_entropy(logits, labels, None, None, self.ignore_index)"}, [], id="by place"),
        pytest.param({"loss": f"{LEFT_OUT} if (labels != self.ignore_index).all() else 0"}, [], id="read elsewhere"),
        pytest.param(
            {
                "kept": "self.ignore_index = ignore_index; self.loss = nn.CrossEntropyLoss(ignore_index=ignore_index)",
                "loss": f"self.loss(logits, labels) + {LEFT_OUT}",
            },
            [],
            id="for another loss",
        ),
        pytest.param(
            {"given": "momentum", "kept": "self.momentum = momentum; self.norm = nn.BatchNorm1d(4)", "loss": LEFT_OUT},
            [9],
            id="one word, which the layer need not be meant by",
        ),
        pytest.param(
            {
                "given": "size_average",
                "kept": "self.size_average = size_average",
                "loss": LEFT_OUT,
            },
            [],
            id="nothing but None is the default of torch",
        ),
        pytest.param({"loss": LEFT_OUT}, [14], id="kept"),
        pytest.param(
            {
                "kept": "self.ignore_index = ignore_index\n        self.loss = nn.CrossEntropyLoss(reduction='sum')",
                "loss": "self.loss(logits, labels)",
            },
            [10],
            id="a layer",
        ),
        pytest.param(
            {
                "given": "label_smoothing=0.1",
                "kept": "self.label_smoothing = label_smoothing",
                "loss": "F.cross_entropy(input=logits, target=labels)",
            },
            [14],
            id="another setting",
        ),
        pytest.param({"function": "F.nll_loss(logits, labels)"}, [17], id="a function"),
    ],
)
def test_a_setting_of_torch_that_is_kept_and_not_handed_on(changes, found):
    assert rows(rule, LABELS.format(**{**HANDED_ON, **changes})) == found


SHARES = """
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--{meant}", type=float, default=10.0)
parser.add_argument("--{read}", type=float, default=0.1)
args = parser.parse_args()

def objective(recon_loss, rec_loss, kl, errG_D, errG_l2, ssim, l1_loss):
    return {loss}

{more}
"""


@pytest.mark.parametrize(
    ("meant", "read", "loss", "more"),
    [
        ("lambda_rec", "lambda_kl", "args.lambda_rec * rec_loss + args.lambda_kl * kl", ""),
        ("lambda_rec", "lambda_kl", "rec_loss + args.lambda_kl * kl", "print(args.lambda_rec)"),
        ("lambda_rec", "lambda_kl", "rec_loss + args.lambda_kl * kl", "print(vars(args))"),
        ("lambda_gp", "lambda_kl", "rec_loss + args.lambda_kl * kl", ""),
        ("warmup_rec", "lambda_kl", "rec_loss + args.lambda_kl * kl", ""),
        ("alpha", "lambda_kl", "rec_loss + args.lambda_kl * kl", ""),
        ("lambda_rec", "lambda_kl", "rec_loss + kl", "print(args.lambda_kl)"),
    ],
)
def test_silent_on_weights_that_are_read_or_meant_for_no_term_of_the_sum(meant, read, loss, more):
    assert rows(rule, SHARES.format(meant=meant, read=read, loss=loss, more=more)) == []


@pytest.mark.parametrize(
    ("meant", "read", "loss"),
    [
        ("lambda_rec", "lambda_kl", "rec_loss + args.lambda_kl * kl"),
        ("rec-weight", "kl-weight", "kl * args.kl_weight + rec_loss"),
        ("wtlD", "wtl2", "(1 - args.wtl2) * errG_D + args.wtl2 * errG_l2"),
        ("w_ssim", "w_l1", "(1 - args.w_l1) * ssim + args.w_l1 * l1_loss"),
        ("lambda_rec", "lambda_kl", "recon_loss + rec_loss(1) + args.lambda_kl * kl(2)"),
    ],
)
def test_fires_where_a_term_is_added_without_the_weight_that_stands_unread(meant, read, loss):
    assert rows(rule, SHARES.format(meant=meant, read=read, loss=loss, more="")) == [11]


SCHEDULED = """
import torch
from torch import nn

class Objective(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.sparsity_weight = weight
        {more}

    def forward(self, x, code):
        return x.pow(2).mean() + self.sparsity_weight * code.abs().mean()

objective = Objective(0.1)
for step in range(100):
    {written}
    objective(torch.rand(4, 8), torch.rand(4, 2)).backward()
{behind}
"""


def scheduled(written, more="pass", behind=""):
    return SCHEDULED.format(written=written, more=more, behind=behind)


@pytest.mark.parametrize(
    "source",
    [
        scheduled("objective.sparsity_weight = step / 100"),
        scheduled("objective.beta = step / 100", behind="print(objective.beta)"),
        scheduled("objective.beta = step / 100", behind="print(getattr(objective, 'beta'))"),
        scheduled("objective.beta = step / 100", more="self.beta = 1.0"),
        scheduled("objective.epoch = step"),  # no weight
        scheduled("pass", behind="objective.beta = 1.0"),  # once, for whoever reads it later
        scheduled("objective.beta = step", more="setattr(self, unknown(), 1.0)"),
        scheduled("other.beta = step"),
        scheduled("objective.beta = step").replace("(nn.Module)", "(unknown.Loss)"),
        scheduled("objective.beta = step").replace(
            "def forward", "def warm(self):\n        for i in range(9): self.beta = i\n\n    def forward"
        ),
    ],
)
def test_silent_on_weights_that_are_read_or_that_no_schedule_writes(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize("name", ["sparsity_coeff", "beta", "kl_weight", "temperature"])
def test_a_weight_that_a_schedule_writes_where_nothing_reads_it(name):
    (finding,) = run(rule, scheduled(f"objective.{name} = step / 100"))
    assert finding.site.row == 16
    assert f"`{name}` is a new attribute" in finding.message
