"""Weights of loss terms that nothing reads."""

from __future__ import annotations

import pytest

from aelint.rules.objective import unread_weight as rule
from tests.rules.harness import rows

MODEL = """from torch import nn

class VAE(nn.Module):
    def __init__(self, beta=4.0, rec_weight=1.0, lr=1e-3):
        super().__init__()
        self.{name} = {name}

    def loss(self, recon_loss, kl_loss, x):
        {body}
"""


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("beta", "return recon_loss + self.beta * kl_loss", id="read"),
        pytest.param("beta", "return recon_loss + getattr(self, 'beta') * kl_loss", id="read-by-name"),
        pytest.param("beta", "return recon_loss", id="no-sum"),
        pytest.param("beta", "return recon_loss + 0.1 * kl_loss", id="weighted-by-a-number"),
        pytest.param("beta", "return recon_loss + x", id="another-term"),
        pytest.param("lr", "return recon_loss + kl_loss", id="no-weight"),
        pytest.param("rec_weight", "return x + kl_loss", id="weight-of-another"),
        pytest.param("beta", "return x + kl_loss", id="beside-no-loss"),
        pytest.param("beta", "return recon_loss * kl_loss", id="a-product"),
        pytest.param("beta", "return recon_loss + kl_loss + kl_latent", id="two-divergences"),
        pytest.param("beta", "print(vars(self))\n        return recon_loss + kl_loss", id="read-all-at-once"),
        pytest.param(
            "beta", "recon_loss += attrgetter('beta')(self)\n        return recon_loss + kl_loss", id="by-a-string"
        ),
    ],
)
def test_silent(name: str, body: str) -> None:
    assert rows(rule, MODEL.format(name=name, body=body)) == []


def test_silent_where_another_class_reads_it() -> None:
    source = MODEL.format(name="beta", body="return recon_loss + kl_loss")
    assert rows(rule, source) == [9]
    assert rows(rule, source + "\ndef train(model):\n    return model.beta\n") == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("beta", "loss = recon_loss + kl_loss\n        return loss", id="beta"),
        pytest.param("beta", "return {'loss': x + recon_loss.mean() + kl_loss.mean()}", id="averaged"),
        pytest.param("rec_weight", "return rec + kl_loss", id="of-the-reconstruction"),
        pytest.param("beta", "return bce + kld", id="short-names"),
    ],
)
def test_fires(name: str, body: str) -> None:
    assert rows(rule, MODEL.format(name=name, body=body)) == [9]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("self.beta = beta", "self.beta = BETA", id="no-parameter"),
        pytest.param("def __init__", "def set", id="set-later"),
    ],
)
def test_silent_where_the_weight_is_none_of_the_constructor(old: str, new: str) -> None:
    source = MODEL.format(name="beta", body="return recon_loss + kl_loss")
    assert rows(rule, source.replace(old, new)) == []


def test_weights_of_samples_are_none_of_terms() -> None:
    source = MODEL.replace("beta=4.0", "class_weight=1.0, kl_weight=1.0")
    assert rows(rule, source.format(name="class_weight", body="return recon_loss + class_loss")) == []
    assert rows(rule, source.format(name="kl_weight", body="return recon_loss + kl_loss")) == [9]


def test_the_only_weight_that_is_not_read() -> None:
    source = """
    class Loss:
        def __init__(self, alpha, beta, gamma, lam):
            self.alpha = alpha
            self.beta = beta
            self.gamma = gamma
            self.lam = lam

        def __call__(self, a, b, c):
            return self.alpha * a + self.beta * b + self.gamma * c
    """
    assert rows(rule, source) == [7]
    assert rows(rule, source.replace("self.gamma * c", "self.lam * c").replace("self.gamma = gamma", "pass")) == []
    assert rows(rule, source.replace("lam", "style_weight")) == []
    assert rows(rule, source.replace("self.alpha * a + self.beta * b", "a + b")) == []


@pytest.mark.parametrize(
    ("main", "found"),
    [
        pytest.param("print(VAE().beta)", [], id="of-a-model"),
        pytest.param("schedule(beta=VAE().beta)", [], id="handed-to-another"),
        pytest.param("def run(args):\n    print(args.beta)", [], id="of-anything"),
        pytest.param("def run(args):\n    return VAE(beta=args.beta)", [9], id="what-it-is-built-with"),
        pytest.param("def run(args):\n    return nets.VAE(args.beta, 1.0)", [9], id="by-position"),
        pytest.param("args = parser.parse_args()\nprint(args.beta, VAE(args.beta))", [9], id="the-option"),
        pytest.param("args, _ = parser.parse_known_args()\nif args.beta > 1:\n    pass", [9], id="the-known-option"),
    ],
)
def test_what_is_given_to_the_class_is_not_read_of_it(main: str, found: list[int]) -> None:
    source = MODEL.format(name="beta", body="return recon_loss + kl_loss")
    assert rows(rule, f"{source}\n{main}\n") == found


FAMILY = """from torch import nn

class Base(nn.Module):
    def __init__(self, encoder, beta=1.0):
        super().__init__()
        self.encoder, self.beta = encoder, beta
        self.beta = beta

class Plain(Base):
    def losses(self, recon_loss, kl_loss):
        return {{"loss": recon_loss + {plain}kl_loss}}

class Total(Base):
    def losses(self, recon_loss, kl_loss, tc_loss):
        return {{"loss": recon_loss + {total}kl_loss + tc_loss}}

model = Plain({built})
"""


@pytest.mark.parametrize(
    ("plain", "total", "built"),
    [
        pytest.param("self.beta * ", "self.beta * ", "encoder, beta=4.0", id="both-read-it"),
        pytest.param("", "self.beta * ", "encoder", id="nobody-gives-it-to-the-class-that-does-not"),
        pytest.param("0.5 * ", "self.beta * ", "encoder, beta=4.0", id="another-weight"),
    ],
)
def test_silent_on_a_weight_that_is_inherited(plain: str, total: str, built: str) -> None:
    assert rows(rule, FAMILY.format(plain=plain, total=total, built=built)) == []


def test_a_class_that_inherits_the_weight_and_alone_does_not_read_it() -> None:
    assert rows(rule, FAMILY.format(plain="", total="self.beta * ", built="encoder, beta=4.0")) == [11]


def test_a_weight_that_no_class_of_the_family_reads() -> None:
    assert rows(rule, FAMILY.format(plain="", total="2 * ", built="encoder")) == [11]
