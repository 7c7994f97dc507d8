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
    "only the codebook term, on purpose": "loss = F.mse_loss(q, z.detach())",
}
LOUD = {
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
