"""Roles come from the dataflow, never from a name alone."""

from textwrap import dedent

from aelint.semantics import understand
from aelint.semantics.explanation.roles import role_of
from aelint.sources.unit import SourceUnit


def roles(text):
    """The role of everything that is bound to a name, by the name."""
    program = understand(SourceUnit("main.py", dedent(text)))
    found = {}
    for binding in program.bindings:
        part = role_of(program, binding.value)
        if part is not None:
            found.setdefault(binding.name, str(part.role))
    return found


CONDITIONAL = """
    import torch, torch.nn as nn, torch.nn.functional as F
    from torchvision.datasets import MNIST
    from torchvision import transforms

    class CVAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(794, 100), nn.Linear(30, 784)
            self.c, self.d = nn.Linear(100, 20), nn.Linear(100, 20)

        def forward(self, u, v):
            w = F.one_hot(v, 10).float()
            h = F.relu(self.a(torch.cat([u, w], 1)))
            p, q = self.c(h), self.d(h)
            s = p + torch.randn_like(p) * torch.exp(0.5 * q)
            return self.b(torch.cat([s, w], 1)), p, q

    net = CVAE()
    for u, v in torch.utils.data.DataLoader(MNIST(".", transform=transforms.ToTensor()), 128, shuffle=True):
        u = u.view(-1, 784)
        o, p, q = net(u, v)
        first = F.binary_cross_entropy_with_logits(o, u, reduction="sum") / u.size(0)
        second = -0.5 * torch.sum(1 + q - p.pow(2) - q.exp(), dim=1).mean()
        both = first + 2 * second
        both.backward()
"""


def test_names_alone_give_no_role():
    found = roles(
        """
        import torch
        mu, logvar, z, recon, kl_loss, target = (torch.rand(4, 3) for _ in range(6))
        z = mu * logvar
        """
    )
    assert found == {}


def test_every_part_of_a_conditional_vae_is_known_under_any_name():
    assert roles(CONDITIONAL) == {
        "v": "condition",
        "u": "target",
        "h": "features",
        "p": "mean",
        "q": "log-variance",
        "s": "latent",
        "o": "logits",
        "first": "reconstruction term",
        "second": "KL term",
        "both": "loss",
    }


def test_what_is_passed_and_not_joined_is_no_condition():
    assert "v" not in roles(CONDITIONAL.replace("[u, w]", "[u, u[:, :10]]").replace("[s, w]", "[s, s[:, :10]]"))


def test_the_nearest_vectors_of_a_codebook_are_a_code():
    found = roles(
        """
        import torch, torch.nn as nn
        book = nn.Embedding(512, 64)
        def forward(x):
            d = (x ** 2).sum(1, keepdim=True) + (book.weight ** 2).sum(1) - 2 * x @ book.weight.t()
            i = d.argmin(1)
            c = book(i)
            return x + (c - x).detach()
        """
    )
    assert found["c"] == "code"
