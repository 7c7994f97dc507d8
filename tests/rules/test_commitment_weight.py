import pytest

from aelint.rules.variants import commitment_weight as rule
from tests.rules.harness import rows

PROGRAM = """
import torch
from torch import nn
import torch.nn.functional as F
encoder, decoder, codebook = nn.Linear(784, 16), nn.Linear(16, 784), nn.Embedding(32, 16)
x = torch.rand(64, 784)
z = encoder(x)
q = codebook(torch.cdist(z, codebook.weight).argmin(-1))
commitment = {commitment}
vq = {vq}
recon = decoder(z + (q - z).detach())
recon_loss = {recon}
loss = {loss}
loss.backward()
"""
MEAN = {
    "commitment": "F.mse_loss(z, q.detach())",
    "vq": "F.mse_loss(q, z.detach())",
    "recon": "F.mse_loss(recon, x)",
    "loss": "recon_loss + vq + 0.25 * commitment",
}
SUM = {
    "commitment": "((z - q.detach()) ** 2).sum(-1).mean()",
    "vq": "((q - z.detach()) ** 2).sum(-1).mean()",
    "recon": "F.mse_loss(recon, x, reduction='none').sum(1).mean()",
}

SILENT = {
    "all averaged": {},
    "all summed": SUM,
    "a weight that makes up for it": {"recon": SUM["recon"], "loss": "recon_loss + 784 * vq + 196 * commitment"},
    "a small weight on sums": {
        "commitment": SUM["commitment"],
        "vq": SUM["vq"],
        "loss": "recon_loss + 0.01 * vq + 0.002 * commitment",
    },
    "a strong commitment": {"loss": "recon_loss + vq + 2 * commitment"},
    "equal weights": {"loss": "recon_loss + vq + commitment"},
}


@pytest.mark.parametrize("changes", SILENT.values(), ids=SILENT)
def test_silent(changes):
    assert rows(rule, PROGRAM.format(**{**MEAN, **changes})) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"recon": SUM["recon"]}, [9, 10]),
        ({"recon": "F.binary_cross_entropy_with_logits(recon, x, reduction='sum')"}, [9, 10]),
        ({"commitment": SUM["commitment"], "vq": SUM["vq"]}, [12]),
        ({"loss": "recon_loss + 0.25 * vq + commitment"}, [10]),
    ],
    ids=[
        "reconstruction summed",
        "reconstruction summed over the batch too",
        "quantiser summed",
        "weight on the codebook term",
    ],
)
def test_out_of_balance(changes, expected):
    assert rows(rule, PROGRAM.format(**{**MEAN, **changes})) == expected


QUANTIZER = """
import torch
from torch import nn
class Quantizer(nn.Module):
    def __init__(self, {name}):
        super().__init__()
        self.embed, self.{name} = nn.Embedding(32, 16), {name}
    def forward(self, z):
        near = (-torch.cdist(z.reshape(-1, 16), self.embed.weight)).max(1)[1]
        q = self.embed(near).view(z.shape)
        diff = {diff}
        return z + (q - z).detach(), diff * 10.0
"""


@pytest.mark.parametrize(
    ("name", "diff", "found"),
    [
        ("beta", "(q - z.detach()).pow(2).mean() + self.beta * (q.detach() - z).pow(2).mean()", []),
        ("beta", "self.beta * ((q - z.detach()).pow(2).mean() + (q.detach() - z).pow(2).mean())", []),
        ("codes", "self.codes * (q - z.detach()).pow(2).mean() + (q.detach() - z).pow(2).mean()", []),
        ("beta=2.0", "self.beta * (q - z.detach()).pow(2).mean() + (q.detach() - z).pow(2).mean()", []),
        ("beta", "self.beta * (q - z.detach()).pow(2).mean() + (q.detach() - z).pow(2).mean()", [11]),
        ("commitment", "(q.detach() - z).pow(2).mean() + (q - z.detach()).pow(2).mean() * self.commitment", [11]),
        ("beta=0.25", "self.beta * (q - z.detach()).pow(2).mean() + (q.detach() - z).pow(2).mean()", [11]),
    ],
)
def test_a_weight_below_one_that_scales_both_terms(name, diff, found):
    text = QUANTIZER.replace("{name}):", name + "):").replace("{name}", name.partition("=")[0])
    assert rows(rule, text.replace("{diff}", diff)) == found


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"vq": SUM["vq"], "loss": "recon_loss + 0.05 * vq + commitment"}, id="terms that are reduced differently"
        ),
        pytest.param({"loss": "recon_loss + 0.25 * commitment"}, id="a codebook that follows averages"),
        pytest.param({"loss": "recon_loss + 0.25 * vq"}, id="no commitment"),
        pytest.param(
            {"recon": SUM["recon"], "loss": "recon_loss + F.l1_loss(recon, x, reduction='sum') + vq + commitment"},
            id="two reconstructions",
        ),
        pytest.param(
            {"vq": "F.mse_loss(q, z.detach()) if legacy else F.mse_loss(q.detach(), z)"},
            id="a switch between the terms",
        ),
    ],
)
def test_nothing_to_compare(changes):
    assert rows(rule, PROGRAM.format(**{**MEAN, **changes})) == []


def test_vectors_of_few_numbers():
    few = PROGRAM.replace("784, 16", "784, {size}").replace("16, 784", "{size}, 784").replace("32, 16", "32, {size}")
    changes = {**MEAN, "recon": SUM["recon"]}
    assert rows(rule, few.format(**changes, size=4)) == []
    assert rows(rule, few.format(**changes, size=9)) == [9, 10]


def test_the_old_order_is_kept_beside_the_right_one():
    legacy = "loss = {loss}"
    branch = "if LEGACY:\n    loss = recon_loss + 0.25 * F.mse_loss(q, z.detach()) + F.mse_loss(q.detach(), z)\nelse:\n    loss = {loss}"
    assert rows(rule, PROGRAM.replace(legacy, "LEGACY = True\n" + branch).format(**MEAN)) == []
    script = 'if __name__ == "__main__":\n    loss = {loss}'
    wrong = "recon_loss + 0.25 * F.mse_loss(q, z.detach()) + commitment"
    assert rows(rule, PROGRAM.replace(legacy, script).format(**{**MEAN, "loss": wrong})) == [14]


SOFT = """
import torch
from torch import nn
codebook, encoder, decoder, beta = nn.Embedding(32, 16), nn.Linear(784, 16), nn.Linear(16, 784), 0.25
z = encoder(torch.rand(64, 784))
scores = torch.einsum("bd,nd->bn", z, codebook.weight)
index = {index}
hard = torch.zeros_like(scores).scatter_(1, index, 1.0)
q = {q}
loss = {loss}
loss.backward()
"""
_WRONG = "(q.detach() - z).pow(2).mean() + beta * (q - z.detach()).pow(2).mean()"


@pytest.mark.parametrize(
    ("index", "q", "loss", "found"),
    [
        (
            "scores.softmax(1).max(1, keepdim=True)[1]",
            "torch.einsum('bn,nd->bd', hard, codebook.weight)",
            "beta * (q.detach() - z).pow(2).mean() + (q - z.detach()).pow(2).mean()",
            [],
        ),
        ("torch.randint(32, (64, 1))", "torch.einsum('bn,nd->bd', hard, codebook.weight)", _WRONG, []),
        (
            "scores.softmax(1).max(1, keepdim=True)[1]",
            "torch.einsum('bn,nd->bd', hard, codebook.weight)",
            _WRONG,
            [10],
        ),
        ("scores.argmax(1, keepdim=True)", "torch.einsum('nd,bn->bd', codebook.weight, hard)", _WRONG, [10]),
        ("scores.log_softmax(-1).argmax(-1, keepdim=True)", "hard @ codebook.weight", _WRONG, [10]),
    ],
    ids=["on the commitment", "no look-up", "most likely code", "table first", "product"],
)
def test_vectors_that_an_einsum_takes_from_the_codebook(index, q, loss, found):
    program = SOFT.replace("{index}", index).replace("{q}", q).replace("{loss}", loss)
    assert rows(rule, program) == found
