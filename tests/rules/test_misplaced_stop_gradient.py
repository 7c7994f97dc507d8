import pytest

from aelint.rules.variants import misplaced_stop_gradient as rule
from tests.rules.harness import rows

QUANTIZER = """
import torch
from torch import nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Embedding(32, 8)

    def forward(self, z):
        flat = z.reshape(-1, 8)
        q = self.codebook(torch.cdist(flat, self.codebook.weight).argmin(1)).view_as(z)
        {terms}
        return z + (q - z).detach(), loss
"""

SILENT = {
    "both terms": "loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(q.detach(), z)",
    "operands the other way round": "loss = F.mse_loss(z.detach(), q) + 0.25 * F.mse_loss(z, q.detach())",
    "one term for both": "loss = F.mse_loss(q, z)",
    "squares": "loss = ((q.detach() - z) ** 2).mean() + 0.25 * ((q - z.detach()) ** 2).mean()",
    "moving averages": "loss = F.mse_loss(q.detach(), z)\n        with torch.no_grad():\n"
    "            self.codebook.weight.copy_(averages(flat))",
    "moving averages by assignment": "loss = F.mse_loss(q.detach(), z)\n        self.codebook.weight.data = averages(flat)",
    "another loss moves the codebook": "loss = F.mse_loss(q.detach(), z) + diversity(q)",
    "an error without detach that is only shown": "print(F.mse_loss(q, z).item())\n        loss = F.mse_loss(q.detach(), z) + F.mse_loss(q, z.detach())",
    "a term of its own on other entries": "loss = F.mse_loss(q, z.detach()) + F.mse_loss(q[1:], z[:-1])",
    "an absolute error beside a term": "loss = F.mse_loss(q, z.detach()) + F.mse_loss(q.detach(), z) + F.l1_loss(q, z)",
    "sides that are both detached": "loss = F.mse_loss(q, z) + 0 * F.mse_loss(q.detach(), z.detach())",
    "a term on the output beside": "out = z + (q - z).detach()\n        loss = F.mse_loss(q, z.detach()) + F.mse_loss(q.detach(), z) + F.mse_loss(out, target(z))",
    "only the codebook term, on purpose": "loss = F.mse_loss(q, z.detach())",
}
LOUD = {
    "latent detached in the one term, nothing in the other": (
        "loss = 0.25 * F.mse_loss(q, z)\n        loss = loss + F.mse_loss(q, z.detach())",
        14,
    ),
    "vectors detached in the one term, nothing in the other": (
        "commitment = (q.detach() - z).pow(2).mean()\n        codebook = torch.mean((q - z) ** 2)\n        loss = codebook + 0.25 * commitment",
        15,
    ),
    "operands the other way round": (
        "commitment = F.mse_loss(z, q)\n        codebook = F.mse_loss(q, z.detach())\n        loss = codebook + 0.25 * commitment",
        14,
    ),
    "two losses side by side": (
        "commit_loss = F.mse_loss(q, z)\n        vq_loss = F.mse_loss(z.detach(), q)\n        loss = commit_loss, vq_loss",
        14,
    ),
    "computed on the straight-through output": (
        "q = z + (q - z).detach()\n        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(q.detach(), z)",
        15,
    ),
    "vectors detached in both": (
        "loss = F.mse_loss(q.detach(), z)\n        loss = loss + F.mse_loss(z, q.detach())",
        15,
    ),
    "latent detached in both": (
        "loss = F.mse_loss(q, z.detach())\n        loss = loss + ((q - z.detach()) ** 2).mean()",
        15,
    ),
    "codebook term left out": ("loss = 0.25 * F.mse_loss(q.detach(), z)", 14),
}


@pytest.mark.parametrize("terms", SILENT.values(), ids=SILENT)
def test_silent(terms):
    assert rows(rule, QUANTIZER.replace("{terms}", terms)) == []


@pytest.mark.parametrize(("terms", "row"), LOUD.values(), ids=LOUD)
def test_wrong_side(terms, row):
    assert rows(rule, QUANTIZER.replace("{terms}", terms)) == [row]


def test_buffer_codebook_has_no_gradient_to_miss():
    source = QUANTIZER.replace("{terms}", LOUD["codebook term left out"][0])
    source = source.replace(
        "self.codebook = nn.Embedding(32, 8)", "self.register_buffer('codebook', torch.randn(32, 8))"
    )
    source = source.replace(
        "self.codebook(torch.cdist(flat, self.codebook.weight).argmin(1))",
        "self.codebook[torch.cdist(flat, self.codebook).argmin(1)]",
    )
    assert rows(rule, source) == []


def test_residual_quantiser():
    source = """
    import torch
    from torch import nn
    import torch.nn.functional as F
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.books = nn.ModuleList([nn.Embedding(32, 8) for _ in range(2)])
        def forward(self, z):
            rest, loss = z, 0.0
            for book in self.books:
                q = book(torch.cdist(rest.detach(), book.weight).argmin(-1))
                loss = loss + F.mse_loss(q, rest.detach()) + 0.25 * F.mse_loss(q.detach(), rest)
                rest = rest - q.detach()
            return loss
    """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("F.mse_loss(q, rest.detach())", "F.mse_loss(q.detach(), rest)")) == [13]


APART = """
import torch
from torch import nn

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Embedding(32, 8)

    def forward(self, z):
        distance = ((z.unsqueeze(1) - self.codebook.weight) ** 2).sum(-1)
        q = self.codebook(distance.detach().argmin(1))
        out = z + (q - z).detach()
        return {result}

def quantisation(query, value):
    codebook = ((query.detach() - value) ** 2).sum(-1)
    return codebook + 0.25 * ((query - value.detach()) ** 2).sum(-1)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.levels = nn.ModuleList([Quantizer() for _ in range(3)])
        self.encoder = nn.Linear(20, 8)

    def forward(self, x):
        rest = self.encoder(x)
        taken, rests = [], []
        for level in self.levels:
            rests.append(rest)
            one = level(rest)
            taken.append(one)
            rest = rest - one.detach()
        return {loss}

model = Model()
loss = model(torch.rand(64, 20)).mean()
"""
STACKED = "quantisation(torch.stack(rests, -1).transpose(1, 2), torch.stack(taken, -1).transpose(1, 2))"


def test_silent_on_stacked_vectors_as_they_were_taken():
    assert rows(rule, APART.format(result="q", loss=STACKED)) == []


@pytest.mark.parametrize(
    "loss", [STACKED, "sum(quantisation(r, t) for r, t in zip(rests, taken))", "quantisation(rests[0], taken[0])"]
)
def test_term_of_another_function_on_straight_through_vectors(loss):
    assert rows(rule, APART.format(result="out", loss=loss)) == [13]


def test_term_of_another_function_that_could_have_the_vectors():
    source = APART.replace("one = level(rest)", "one, plain = level(rest)")
    assert rows(rule, source.format(result="out, q", loss=STACKED)) == [17]


def test_silent_on_the_distances_that_the_choice_is_made_of():
    # Nothing is said of terms: there may be one where the vectors are returned to.
    source = APART[: APART.index("def quantisation")].format(result="q.detach()")
    assert rows(rule, source) == []


@pytest.mark.parametrize("freeze", ["codebook.weight.requires_grad = False", "codebook.requires_grad_(False)"])
def test_silent_on_a_codebook_that_is_taken_out_of_training(freeze):
    frozen = QUANTIZER.replace("nn.Embedding(32, 8)", f"nn.Embedding(32, 8)\n        self.{freeze}")
    assert rows(rule, frozen.replace("{terms}", "loss = 0.25 * F.mse_loss(q.detach(), z)")) == []


RESIDUAL = """
import torch
from torch import nn
import torch.nn.functional as F

class Stage(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(32, 8))

    def forward(self, x):
        q = F.embedding(torch.cdist(x, self.codebook).argmin(-1), self.codebook)
        loss = {loss}
        {straight}
        return q, loss

class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(16, 8)
        self.stages = nn.ModuleList([Stage() for _ in range(3)])

    def forward(self, x):
        residual, out, losses = self.encoder(x), 0, []
        for stage in self.stages:
            q, loss = stage(residual)
            {step}
            out = out + q
            losses.append(loss)
        return out, sum(losses)

Residual()(torch.randn(4, 16))
"""
BOTH = "F.mse_loss(q.detach(), x) + F.mse_loss(q, x.detach())"
STRAIGHT = "q = x + (q - x).detach()"


@pytest.mark.parametrize(
    ("loss", "straight", "step"),
    [
        pytest.param(BOTH, STRAIGHT, "residual = residual - q.detach()", id="detached"),
        pytest.param(BOTH, "pass", "residual = residual - q", id="not-straight-through"),
        pytest.param("F.mse_loss(q, x.detach())", STRAIGHT, "residual = residual - q", id="nothing-commits"),
        pytest.param(BOTH, STRAIGHT, "last = residual - q", id="not-taken-further"),
    ],
)
def test_silent_on_residuals_with_a_gradient_or_without_a_use_for_it(loss, straight, step):
    assert rows(rule, RESIDUAL.format(loss=loss, straight=straight, step=step)) == []


@pytest.mark.parametrize(
    ("loss", "straight", "step"),
    [
        (BOTH, STRAIGHT, "residual = residual - q"),
        (BOTH, "if self.training:\n            q = x + (q - x).detach()", "residual = residual - q"),
        (
            "((q.detach() - x) ** 2).mean() + ((q - x.detach()) ** 2).mean()",
            "q = x - (x - q).detach()",
            "residual -= q",
        ),
    ],
)
def test_residuals_that_lose_the_gradient_of_their_latent(loss, straight, step):
    source = RESIDUAL.format(loss=loss, straight=straight, step=step)
    assert rows(rule, source) == [source.split("\n").index(f"            {step}") + 1]


RECORD = """
from {module} import {maker}
import torch
from torch import nn
import torch.nn.functional as F

{decorated}
class Output{base}:
    quantized: torch.Tensor
    codes: torch.Tensor

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Embedding(32, 8)

    def forward(self, x):
        codes = self.codebook(torch.cdist(x, self.codebook.weight).argmin(1))
        return Output(x + (codes - x).detach(), codes)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.vq = nn.Linear(12, 8), Quantizer()

    def loss(self, frames):
        z = self.encoder(frames)
        found = self.vq(z)
        return F.mse_loss(found.{taken}, z.detach()) + 0.25 * F.mse_loss(z, found.codes.detach())
"""
RECORDS = [
    pytest.param("typing", "NamedTuple", "", "(NamedTuple)", id="named tuple"),
    pytest.param("dataclasses", "dataclass", "@dataclass", "", id="dataclass"),
]


@pytest.mark.parametrize(("module", "maker", "decorated", "base"), RECORDS)
def test_a_term_that_takes_the_wrong_field_of_a_record_is_told_where_it_is_taken(module, maker, decorated, base):
    source = RECORD.format(module=module, maker=maker, decorated=decorated, base=base, taken="{taken}")
    assert rows(rule, source.format(taken="codes")) == []
    assert rows(rule, source.format(taken="quantized")) == [29]


IN_A_STEP = """
import torch
import torch.nn.functional as F

def step(model, averaged, x):
    out = model(x)
    commitment = F.mse_loss(out["z"], out["{vectors}"]{detached})
    if averaged:
        codebook = torch.zeros(())
    else:
        codebook = F.mse_loss(out["z"].detach(), out["{vectors}"])
    loss = F.mse_loss(out["x"], x) + codebook + 0.25 * commitment
    loss.backward()
"""


def test_terms_in_a_training_step_that_detach_one_side_or_are_of_no_codebook():
    assert rows(rule, IN_A_STEP.format(vectors="quantized", detached=".detach()")) == []
    assert rows(rule, IN_A_STEP.format(vectors="teacher", detached="")) == []
    assert rows(rule, IN_A_STEP.format(vectors="quantized", detached="").replace("+ 0.25 * commitment", "")) == []


def test_a_term_in_a_training_step_that_forgets_to_detach():
    assert rows(rule, IN_A_STEP.format(vectors="quantized", detached="")) == [7]
